"""Work that is not to be done after all: unwanted units, or a place that cannot ship them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db import transaction

from inventory import reservations
from oms.core import timers
from oms.core.actor import Actor
from oms.core.clock import now
from oms.core.errors import Refused
from oms.core.sql import execute, fetch
from oms.core.states import check_move
from oms.fulfillment.commands.handling import events, lines_of, lock_work, read_work, set_state
from oms.fulfillment.models import FulfillmentOrder
from oms.fulfillment.states import WORK
from oms.fulfillment.states import Work as State
from oms.orders import timeline, units
from oms.orders.locks import lock_orders


@dataclass(slots=True)
class Withdrawn:
    """Units by line: what was taken back, and what could not be because it is packed or gone."""

    taken: dict[int, int] = field(default_factory=dict)
    left: dict[int, int] = field(default_factory=dict)


@transaction.atomic
def withdraw(
    *,
    order_id: int,
    quantities: Mapping[int, int],
    reason: str,
    actor: Actor,
    request_key: str | None = None,
) -> Withdrawn:
    """Take back up to so many units a line from the work of an order, and cancel them.

    Planned units go first, then released, then those of a running pick that nobody has picked yet.
    Picked and packed units stay and are reported as left. A repeat with the same key takes nothing.
    """
    lock_orders([order_id])

    result = Withdrawn()
    if timeline.was_recorded(order_id, request_key):
        return result
    wanted = {line_id: quantity for line_id, quantity in quantities.items() if quantity > 0}
    rows = fetch(_WITHIN_REACH, [order_id, list(wanted)])
    cuts: list[tuple[int, int, int, int]] = []
    moves = []
    for work_line_id, work_id, line_id, reservation_id, state, within_reach in rows:
        quantity = min(within_reach, wanted[line_id] - result.taken.get(line_id, 0))
        if quantity > 0:
            cuts.append((work_line_id, work_id, reservation_id, quantity))
            bucket = "reserved" if state == State.PLANNED else "released"
            moves.append(units.Move(line_id, bucket, "cancelled", quantity))
            result.taken[line_id] = result.taken.get(line_id, 0) + quantity
    result.left = {
        line_id: quantity - result.taken.get(line_id, 0)
        for line_id, quantity in wanted.items()
        if quantity > result.taken.get(line_id, 0)
    }
    if not cuts:
        return result

    reservations.release(
        [(reservation_id, quantity) for _, _, reservation_id, quantity in cuts],
        actor=actor,
        document=f"order:{order_id}",
    )
    units.move(moves)
    execute(
        "UPDATE fulfillment_fulfillmentorderline w SET quantity = w.quantity - t.quantity"
        " FROM unnest(%s::bigint[], %s::int[]) AS t(id, quantity) WHERE w.id = t.id",
        [[cut[0] for cut in cuts], [cut[3] for cut in cuts]],
    )
    touched = sorted({cut[1] for cut in cuts})
    still_asked = lines_of(touched)
    ended = [work_id for work_id in touched if work_id not in still_asked]
    set_state(ended, State.CANCELLED, now())

    work = read_work(touched)
    for position, w in enumerate(work.values()):
        timeline.record(
            store_id=w.store_id,
            order_id=order_id,
            kind="work.withdrawn",
            actor=actor,
            data={
                "work_id": w.id,
                "code": w.code,
                "place": w.place,
                "units": sum(cut[3] for cut in cuts if cut[1] == w.id),
                "reason": reason,
            },
            # One event of the command carries its key; the key is unique for an order.
            request_key=None if position else request_key,
        )
    _stop_release_unless_planned(order_id)
    return result


@transaction.atomic
def cancel(*, work_id: int, reason: str, actor: Actor) -> FulfillmentOrder:
    """The place does not ship this work: its units are free again and the order is routed anew.

    Work that was cancelled before is left as it is; packed work has to leave or stay packed.
    """
    work = lock_work([work_id])

    if work_id not in work:
        raise Refused("This work does not exist.")
    w = work[work_id]
    if w.state == State.CANCELLED:
        return FulfillmentOrder.objects.get(pk=work_id)
    check_move(WORK, current=w.state, to=State.CANCELLED, what=w.code)
    if not reason.strip():
        raise Refused("Say why the work is given back, so that the next person knows.")

    lines = lines_of([work_id]).get(work_id, [])
    reservations.release(
        [(line.reservation_id, line.quantity) for line in lines],
        actor=actor,
        document=f"work:{work_id}:cancelled",
    )
    bucket = "reserved" if w.state == State.PLANNED else "released"
    units.move(units.Move(line.line_id, bucket, "open", line.quantity) for line in lines)
    execute(
        "UPDATE fulfillment_fulfillmentorderline SET quantity = 0, picked = 0"
        " WHERE fulfillment_order_id = %s",
        [work_id],
    )
    set_state([work_id], State.CANCELLED, now())

    (event,) = events([w], "work.cancelled", actor, {work_id: sum(line.quantity for line in lines)})
    event.data["reason"] = reason
    timeline.record_many([event])
    _stop_release_unless_planned(w.order_id)
    timers.start(store_id=w.store_id, kind="route", subject_ids=[w.order_id])
    return FulfillmentOrder.objects.get(pk=work_id)


def _stop_release_unless_planned(order_id: int) -> None:
    if not FulfillmentOrder.objects.filter(order_id=order_id, state=State.PLANNED).exists():
        timers.stop("release", [order_id])


# Newest work first within a state: what was routed last is furthest from the door.
_WITHIN_REACH = """
SELECT wl.id, w.id, wl.line_id, wl.reservation_id, w.state, wl.quantity - wl.picked
FROM fulfillment_fulfillmentorderline wl
JOIN fulfillment_fulfillmentorder w ON w.id = wl.fulfillment_order_id
WHERE w.order_id = %s AND wl.line_id = ANY(%s::bigint[])
  AND w.state IN ('planned', 'released', 'picking') AND wl.quantity > wl.picked
ORDER BY array_position(ARRAY['planned', 'released', 'picking'], w.state::text), wl.id DESC
"""
