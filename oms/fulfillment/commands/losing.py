"""Units that were promised and are not there: who loses them, and the work that is cut for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.db import transaction

from inventory import backorders, ledger, losses, reservations
from inventory.losses import Loss
from inventory.publishing import tell_shop
from oms.core import timers
from oms.core.actor import Actor
from oms.core.clock import now
from oms.core.sql import execute, fetch, ints
from oms.fulfillment import queries
from oms.fulfillment.commands.handling import lines_of, set_state
from oms.fulfillment.states import Work as State
from oms.orders import timeline, units
from oms.orders.locks import lock_orders


@dataclass(slots=True)
class Settled:
    """Levels whose missing units have lost their promises, and what each promise lost.

    The other levels changed while the orders were being locked: they have another turn.
    """

    levels: list[int] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)


@dataclass(slots=True, frozen=True)
class _Held:
    """A promise that loses, with the work line it backs, if there is one."""

    reservation_id: int
    store_id: int
    line_id: int | None
    order_id: int | None
    sku: str
    work_line_id: int | None
    work_id: int | None
    code: str
    state: str
    place: str


def would_lose(level_ids: Sequence[int], *, on_hand: Mapping[int, int] | None = None) -> list[Loss]:
    """Who loses what on these levels now; with `on_hand` as if so many stood there. Writes nothing.

    A count or a rejected pick shows this before it is posted.
    """
    return losses.choose(losses.read(level_ids, progress=queries.progress, on_hand=on_hand))


@transaction.atomic
def lose_missing(*, level_ids: Sequence[int], actor: Actor) -> Settled:
    """Take the missing units of these levels from whoever loses by rule; route their orders anew.

    What is picked or packed stays promised and is left to a person. Where nothing is missing,
    nothing is done.
    """
    expected = would_lose(level_ids)
    locked_orders = {loss.order_id for loss in expected if loss.order_id}
    locked = {loss.reservation_id for loss in expected}
    lock_orders(locked_orders)
    _route_again(locked_orders)
    _lock_promises(locked, level_ids)

    result = Settled(levels=sorted(set(level_ids)))
    while True:
        # Only now is it certain who loses; whom we have not locked must not lose here.
        result.losses = would_lose(result.levels)
        moved_on = {
            loss.level_id
            for loss in result.losses
            if loss.reservation_id not in locked
            or (loss.order_id is not None and loss.order_id not in locked_orders)
        }
        if not moved_on:
            break
        result.levels = [id_ for id_ in result.levels if id_ not in moved_on]
    if result.losses:
        _lose(result.losses, actor)
    return result


def _lock_promises(reservation_ids: set[int], level_ids: Sequence[int]) -> None:
    """Promises, fences, levels: each by key. A bundle gives back on the levels of its parts."""
    rows = fetch(
        "SELECT fence_id, level_id, ARRAY(SELECT (part ->> 0)::bigint"
        "                                 FROM jsonb_array_elements(parts) AS part)"
        " FROM inventory_reservation WHERE id = ANY(%s::bigint[]) ORDER BY id FOR UPDATE",
        [ints(reservation_ids)],
    )
    fetch(
        "SELECT id FROM inventory_ringfence WHERE id = ANY(%s::bigint[]) ORDER BY id FOR UPDATE",
        [ints(fence_id for fence_id, _, _ in rows if fence_id)],
    )
    of_promises = {level_id for _, own, parts in rows for level_id in (own, *parts)}
    ledger.lock({*level_ids, *of_promises})


def _lose(found: Sequence[Loss], actor: Actor) -> None:
    by_promise: dict[int, list[Loss]] = {}
    for loss in found:
        by_promise.setdefault(loss.reservation_id, []).append(loss)
    lost = {id_: sum(loss.units for loss in group) for id_, group in by_promise.items()}
    held = _held(by_promise)

    by_document: dict[str, list[tuple[int, int, str]]] = {}
    for id_, group in by_promise.items():
        document = group[0].document or f"level:{group[0].level_id}"
        by_document.setdefault(document, []).append((id_, lost[id_], group[0].reason))
    for document, rows in sorted(by_document.items()):
        after = reservations.lose(rows, actor=actor, document=document)
        # Carts and transfers keep units back that the shop does not know of; its orders it knows.
        tell_shop(
            [after[loss.level_id] for loss in found if loss.order_id is None
             and loss.level_id in after],
            actor=actor,
        )  # fmt: skip

    with_line = [h for h in held if h.line_id is not None]
    units.move(
        units.Move(
            h.line_id or 0,
            "reserved" if h.state in ("", State.PLANNED) else "released",
            "open",
            lost[h.reservation_id],
        )
        for h in with_line
    )
    with_work = [h for h in held if h.work_line_id is not None]
    execute(
        "UPDATE fulfillment_fulfillmentorderline w SET quantity = w.quantity - t.quantity"
        " FROM unnest(%s::bigint[], %s::int[]) AS t(id, quantity) WHERE w.id = t.id",
        [
            ints(h.work_line_id or 0 for h in with_work),
            ints(lost[h.reservation_id] for h in with_work),
        ],
    )
    touched = sorted({h.work_id for h in with_work if h.work_id is not None})
    still_asked = lines_of(touched)
    set_state([id_ for id_ in touched if id_ not in still_asked], State.CANCELLED, now())

    timeline.record_many(
        [
            timeline.EventRow(
                h.store_id,
                h.order_id,
                "work.lost_units",
                actor,
                {
                    "work_id": h.work_id,
                    "code": h.code,
                    "place": h.place,
                    "sku": h.sku,
                    "units": lost[h.reservation_id],
                    "reason": by_promise[h.reservation_id][0].reason,
                },
            )
            for h in held
            if h.order_id is not None
        ]
    )
    _stop_release_unless_planned({h.order_id for h in with_line if h.order_id})


def _route_again(order_ids: set[int]) -> None:
    """Before any level is locked: a router holds these timers while it waits for levels.

    What came in for an order and is lost again needs a new promise from a dated supply.
    """
    rows: list[tuple[int, list[int]]] = fetch(
        "SELECT store_id, array_agg(id ORDER BY id) FROM orders_order"
        " WHERE id = ANY(%s::bigint[]) GROUP BY store_id ORDER BY store_id",
        [ints(order_ids)],
    )
    for store_id, ids in rows:
        timers.start(store_id=store_id, kind="route", subject_ids=ids)
        backorders.start(dict.fromkeys(ids, store_id))


def _stop_release_unless_planned(order_ids: set[int]) -> None:
    planned = {
        row[0]
        for row in fetch(
            "SELECT order_id FROM fulfillment_fulfillmentorder"
            " WHERE order_id = ANY(%s::bigint[]) AND state = 'planned'",
            [ints(order_ids)],
        )
    }
    timers.stop("release", sorted(order_ids - planned))


def _held(reservation_ids: Mapping[int, object]) -> list[_Held]:
    rows = fetch(
        f"""
        SELECT r.id, r.store_id, r.line_id, {losses.ORDER_OF},
               coalesce(nullif(l.sku, ''), l.title, nullif(i.sku, ''), i.title),
               f.id, w.id, coalesce(w.code, ''), coalesce(w.state, ''), p.name
        FROM inventory_reservation r
        JOIN inventory_stocklevel v ON v.id = r.level_id
        JOIN catalog_item i ON i.id = v.item_id
        JOIN inventory_location p ON p.id = v.location_id
        LEFT JOIN orders_orderline l ON l.id = r.line_id
        LEFT JOIN fulfillment_fulfillmentorderline f ON f.reservation_id = r.id
        LEFT JOIN fulfillment_fulfillmentorder w ON w.id = f.fulfillment_order_id
        WHERE r.id = ANY(%s::bigint[]) ORDER BY r.id
        """,  # noqa: S608  (our own SQL)
        [ints(reservation_ids)],
    )
    return [_Held(*row) for row in rows]
