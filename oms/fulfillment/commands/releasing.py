"""From plan to floor: work is released when its grace time is over and nothing holds the order."""

from collections.abc import Collection

from django.db import transaction

from oms.core import timers
from oms.core.actor import SWITCHYARD, Actor
from oms.core.clock import now
from oms.core.errors import Refused
from oms.core.sql import fetch
from oms.fulfillment.commands.handling import (
    Outcome,
    events,
    lines_of,
    lock_work,
    set_state,
    sort_out,
    units_in,
)
from oms.fulfillment.states import Work as State
from oms.orders import timeline, units

HELD_RETRY_SECONDS = 3600
BROKEN_RETRY_SECONDS = 900
PAST_PLANNING = (State.RELEASED, State.PICKING, State.PACKED, State.SHIPPED)


@transaction.atomic
def release(*, work_ids: Collection[int], actor: Actor) -> Outcome:
    """Give planned work to the floor. Work of an order that is held stays planned, with the reason.

    Work that was released before is left as it is.
    """
    work = lock_work(work_ids)

    movable, outcome = sort_out(work_ids, work, to=State.RELEASED, done_in=PAST_PLANNING)
    blocked = _blocked({w.order_id for w in movable})
    for w in movable:
        if w.order_id in blocked:
            outcome.refused[w.id] = blocked[w.order_id]
    movable = [w for w in movable if w.order_id not in blocked]
    if not movable:
        return outcome
    ids = [w.id for w in movable]
    lines = lines_of(ids)

    units.move(
        units.Move(line.line_id, "reserved", "released", line.quantity)
        for held in lines.values()
        for line in held
    )
    set_state(ids, State.RELEASED, now())

    timeline.record_many(events(movable, "work.released", actor, units_in(lines)))
    timers.stop("release", _without_plans({w.order_id for w in movable}))
    outcome.done += ids
    return outcome


@transaction.atomic
def release_due(limit: int, *, actor: Actor = SWITCHYARD) -> Outcome:
    """Release the planned work of orders whose release timer is due; held orders wait on.

    Orders that somebody has locked are left for the next round: whoever holds one may want its
    timer, which we hold, so waiting for it here could be waiting in a circle.
    """
    order_ids = [order_id for _, order_id in timers.claim("release", limit)]
    free = [
        row[0]
        for row in fetch(
            "SELECT id FROM orders_order WHERE id = ANY(%s::bigint[]) ORDER BY id"
            " FOR UPDATE SKIP LOCKED",
            [order_ids],
        )
    ]
    if not free:
        return Outcome()

    planned = fetch(
        "SELECT id, order_id FROM fulfillment_fulfillmentorder"
        " WHERE order_id = ANY(%s::bigint[]) AND state = 'planned' ORDER BY id",
        [free],
    )
    blocked = _blocked({order_id for _, order_id in planned})
    outcome = Outcome(refused={w: blocked[o] for w, o in planned if o in blocked})
    ready = [(w, o) for w, o in planned if o not in blocked]
    broken = _release_whole_or_each(ready, outcome, actor)

    timers.postpone(
        kind="release",
        waits=[(o, HELD_RETRY_SECONDS, words) for o, words in sorted(blocked.items())]
        + [(o, BROKEN_RETRY_SECONDS, words) for o, words in sorted(broken.items())],
    )
    timers.stop("release", [o for o in free if o not in blocked and o not in broken])
    return outcome


def _release_whole_or_each(
    ready: list[tuple[int, int]], outcome: Outcome, actor: Actor
) -> dict[int, str]:
    """Release all at once; when that is refused, piece by piece, so that one cannot hold the rest.

    Returns the orders that were refused, with the reason.
    """
    broken: dict[int, str] = {}
    batches = [[work_id for work_id, _ in ready]] if ready else []
    order_of = dict(ready)
    while batches:
        batch = batches.pop()
        try:
            with transaction.atomic():
                result = release(work_ids=batch, actor=actor)
        except Refused as refusal:
            if len(batch) == 1:
                outcome.refused[batch[0]] = refusal.sentence
                broken[order_of[batch[0]]] = refusal.sentence
            else:
                middle = len(batch) // 2
                batches += [batch[:middle], batch[middle:]]
        else:
            outcome.done += result.done
            outcome.refused |= result.refused
    return broken


def _blocked(order_ids: Collection[int]) -> dict[int, str]:
    """Orders whose work must not start, with the reason."""
    rows = fetch(
        """
        SELECT o.id, o.name, o.cancelled_at,
               (SELECT string_agg(h.reason, '; ' ORDER BY h.id) FROM orders_hold h
                WHERE h.order_id = o.id AND h.released_at IS NULL)
        FROM orders_order o WHERE o.id = ANY(%s::bigint[])
        """,
        [list(order_ids)],
    )
    blocked = {}
    for order_id, name, cancelled_at, held in rows:
        if cancelled_at:
            blocked[order_id] = f"{name} was cancelled; nothing of it may be released."
        elif held:
            blocked[order_id] = f"{name} is held: {held}. Release the hold first."
    return blocked


def _without_plans(order_ids: Collection[int]) -> list[int]:
    rows = fetch(
        "SELECT DISTINCT order_id FROM fulfillment_fulfillmentorder"
        " WHERE order_id = ANY(%s::bigint[]) AND state = 'planned'",
        [list(order_ids)],
    )
    return sorted(set(order_ids) - {row[0] for row in rows})
