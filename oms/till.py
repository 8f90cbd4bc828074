"""Orders that were sold over the counter: their units have left, and that shop has fewer."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from inventory.commands.sales import Sale, sell
from inventory.models import Location
from oms.core.actor import Actor
from oms.core.sql import fetch, ints
from oms.orders import timeline, units
from oms.orders.snapshots import OrderSnapshot


def hand_over(
    *,
    store_id: int,
    snapshots: Sequence[OrderSnapshot],
    new: Sequence[int],
    changed: Sequence[int],
    actor: Actor,
) -> int:
    """Ship the units that left at the till with orders just taken in; return how many.

    The till hands over what the shop no longer has to send: units that wait for a place here and
    are not to be shipped there. So a repeat finds nothing to do. In a basket that is partly sent
    home, only lines of which nothing has moved yet can have left at the till: what ceases to be
    outstanding later was sent. The caller has the orders locked, or has just made them.
    """
    sold = {s.remote_id: s for s in snapshots if s.sold_at_remote_id}
    if not sold:
        return 0
    places = {
        place.remote_id: place
        for place in Location.objects.filter(
            store_id=store_id, remote_id__in={s.sold_at_remote_id for s in sold.values()}
        )
    }
    moves: list[units.Move] = []
    sales: list[Sale] = []
    left: dict[int, int] = {}
    remote_ids: dict[int, int] = {}
    rows = fetch(_LINES, [ints([*new, *changed]), ints(sold)])
    for order_id, remote_id, line_id, line_remote_id, item_id, open_, backordered, *more in rows:
        outstanding, has_moved = more
        snapshot = sold[remote_id]
        fulfillable = _fulfillable(snapshot).get(line_remote_id)
        if fulfillable is None or (has_moved and order_id not in new and _is_sent(snapshot)):
            continue
        gone = min(open_ + backordered, outstanding - fulfillable)
        if gone <= 0:
            continue
        moves.append(units.Move(line_id, "open", "shipped", min(open_, gone)))
        moves.append(units.Move(line_id, "backordered", "shipped", max(gone - open_, 0)))
        left[order_id] = left.get(order_id, 0) + gone
        remote_ids[order_id] = remote_id
        place = places.get(snapshot.sold_at_remote_id)
        if item_id and place:
            at = _moment(snapshot, is_new=order_id in new)
            sales.append(Sale(item_id, place.pk, gone, at, f"order:{order_id}"))
    if not left:
        return 0
    units.move(move for move in moves if move.quantity)
    sell(store_id=store_id, sales=sales, actor=actor)
    timeline.record_many(
        [
            timeline.EventRow(
                store_id,
                order_id,
                "order.sold",
                actor,
                {"units": count, "place": _name(places, sold[remote_ids[order_id]])},
            )
            for order_id, count in sorted(left.items())
        ]
    )
    return sum(left.values())


def _fulfillable(snapshot: OrderSnapshot) -> dict[int, int]:
    return {line.remote_id: line.fulfillable for line in snapshot.lines}


def _is_sent(snapshot: OrderSnapshot) -> bool:
    """Whether a part of the order goes to an address."""
    return bool(snapshot.address.country or snapshot.shipping_method)


def _moment(snapshot: OrderSnapshot, *, is_new: bool) -> datetime:
    """Since when the shop's own numbers count the sale."""
    if is_new:
        return snapshot.recorded_at or snapshot.placed_at
    return snapshot.updated_at


def _name(places: Mapping[int | None, Location], snapshot: OrderSnapshot) -> str:
    place = places.get(snapshot.sold_at_remote_id)
    return place.name if place else "a location we do not know"


# Gift cards and services need no shelf and are no stock: they stay as they are.
_LINES = """
SELECT o.id, o.remote_id, l.id, l.remote_id, l.item_id, l.open, l.backordered,
       l.open + l.backordered + l.reserved + l.released,
       l.reserved + l.released + l.shipped + l.returned + l.backordered > 0
FROM orders_order o JOIN orders_orderline l ON l.order_id = o.id
WHERE o.id = ANY(%s::bigint[]) AND o.remote_id = ANY(%s::bigint[]) AND l.ships
  AND l.open + l.backordered > 0
ORDER BY l.id
"""
