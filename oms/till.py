"""Orders that were sold over the counter: their units have left, and that shop has fewer."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from inventory import backorders
from inventory.commands.sales import Sale, sell
from inventory.models import Location
from oms.core.actor import Actor
from oms.core.sql import fetch, ints
from oms.orders import timeline, units
from oms.orders.snapshots import OrderSnapshot


@dataclass(slots=True, frozen=True)
class _Gone:
    """Units of a line that left at the till, by where they waited for a place until then."""

    order_id: int
    line_id: int
    item_id: int | None
    snapshot: OrderSnapshot
    is_new: bool
    from_open: int
    from_backorder: int

    @property
    def units(self) -> int:
        return self.from_open + self.from_backorder

    @property
    def at(self) -> datetime:
        """Since when the shop's own numbers count the sale."""
        if self.is_new:
            return self.snapshot.recorded_at or self.snapshot.placed_at
        return self.snapshot.updated_at


def hand_over(
    *,
    store_id: int,
    snapshots: Sequence[OrderSnapshot],
    new: Collection[int],
    changed: Collection[int],
    actor: Actor,
) -> int:
    """Ship the units that left at the till with orders just taken in; return how many.

    The caller has the orders locked, or has just made them.
    """
    # Of several versions of an order the newest was taken in.
    in_turn = sorted(snapshots, key=lambda s: s.updated_at)
    sold = {s.remote_id: s for s in in_turn}
    sold = {remote_id: s for remote_id, s in sold.items() if s.sold_at_remote_id}
    if not sold:
        return 0
    gone = _gone(sold, set(new), changed)
    if not gone:
        return 0

    units.move(
        units.Move(g.line_id, source, "shipped", quantity)
        for g in gone
        for source, quantity in (("open", g.from_open), ("backordered", g.from_backorder))
        if quantity
    )
    # Units that waited for a supply wait no more.
    backorders.start({g.order_id: store_id for g in gone if g.from_backorder})
    _take_off(store_id, gone, actor)
    return sum(g.units for g in gone)


def _gone(sold: dict[int, OrderSnapshot], new: set[int], changed: Collection[int]) -> list[_Gone]:
    """What the shop no longer has to send and still waits for a place here, so a repeat finds none.

    In a basket that is partly sent home, only lines of which nothing has moved yet can have left at
    the till: what ceases to be outstanding later was sent.
    """
    fulfillable = {
        (remote_id, line.remote_id): line.fulfillable
        for remote_id, snapshot in sold.items()
        for line in snapshot.lines
    }
    gone = []
    rows = fetch(_LINES, [ints([*new, *changed]), ints(sold)])
    for order_id, remote_id, line_id, line_remote_id, item_id, open_, backordered, *more in rows:
        outstanding, has_moved = more
        snapshot, is_new = sold[remote_id], order_id in new
        if has_moved and not is_new and _is_sent(snapshot):
            continue
        left = outstanding - fulfillable.get((remote_id, line_remote_id), outstanding)
        quantity = min(open_ + backordered, left)
        if quantity > 0:
            from_open = min(open_, quantity)
            gone.append(
                _Gone(order_id, line_id, item_id, snapshot, is_new, from_open, quantity - from_open)
            )
    return gone


def _is_sent(snapshot: OrderSnapshot) -> bool:
    """Whether a part of the order goes to an address."""
    return bool(snapshot.address.country or snapshot.shipping_method)


def _take_off(store_id: int, gone: Sequence[_Gone], actor: Actor) -> None:
    """That shop's shelf has fewer; each order says what left where."""
    places = {
        remote_id: (id_, name)
        for remote_id, id_, name in Location.objects.filter(
            store_id=store_id, remote_id__in={g.snapshot.sold_at_remote_id for g in gone}
        ).values_list("remote_id", "pk", "name")
    }
    sales: list[Sale] = []
    events: dict[int, timeline.EventRow] = {}
    for g in gone:
        id_, name = places.get(g.snapshot.sold_at_remote_id, (None, "a location we do not know"))
        if id_ and g.item_id:
            sales.append(Sale(g.item_id, id_, g.units, g.at, f"order:{g.order_id}"))
        event = events.setdefault(
            g.order_id,
            timeline.EventRow(
                store_id, g.order_id, "order.sold", actor, {"units": 0, "place": name}
            ),
        )
        event.data["units"] += g.units
    sell(store_id=store_id, sales=sales, actor=actor)
    timeline.record_many(list(events.values()))


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
