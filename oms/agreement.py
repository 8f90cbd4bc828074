"""Whether our tables and the shop tell the same story: units, money, stock, nothing twice."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from inventory import shop_numbers
from oms.core.sql import fetch

Row = dict[str, Any]
Parcels = tuple[str, ...]

_ORDERS = """
SELECT o.remote_id, o.name, sum(l.ordered), sum(l.shipped + l.returned),
       coalesce((SELECT sum(m.amount) FROM orders_moneyentry m
                 WHERE m.order_id = o.id AND m."column" = 'moved'), 0)
FROM orders_order o JOIN orders_orderline l ON l.order_id = o.id GROUP BY o.id
"""

# Units that left although the shop had taken them off by then. It hears nothing of them, and the
# queue has each of them.
_LEFT_ANYWAY = """
SELECT o.remote_id, sum((c.facts ->> 'units')::int)
FROM exceptions_exceptioncase c JOIN orders_order o ON o.id = c.order_id
WHERE c.kind = 'cancelled_after_ship' AND c.closed_at IS NULL GROUP BY o.remote_id
"""

_SHIPMENTS = """
SELECT o.remote_id, s.remote_id IS NOT NULL, array_agg(DISTINCT p.tracking_number),
       sum(pl.quantity)
FROM fulfillment_shipment s
JOIN fulfillment_fulfillmentorder w ON w.id = s.fulfillment_order_id
JOIN orders_order o ON o.id = w.order_id
JOIN fulfillment_parcel p ON p.shipment_id = s.id
JOIN fulfillment_parcelline pl ON pl.parcel_id = p.id
GROUP BY o.remote_id, s.id
"""

_WORK_LEFT = """
SELECT count(*) FROM fulfillment_fulfillmentorder
WHERE state IN ('planned', 'released', 'picking', 'packed')
"""

_LEVELS = """
SELECT v.id, i.sku, p.name FROM inventory_stocklevel v
JOIN catalog_item i ON i.id = v.item_id AND i.tracked AND i.shopify_inventory_item_id IS NOT NULL
JOIN inventory_location p ON p.id = v.location_id AND p.remote_id IS NOT NULL
WHERE v.store_id = %s ORDER BY v.id
"""
_ASKED = """
SELECT i.sku, sum(l.open + l.backordered + l.reserved + l.released)::int
FROM orders_orderline l JOIN catalog_item i ON i.id = l.item_id
WHERE l.store_id = %s AND l.ships GROUP BY i.sku
"""

_REFUNDS = """
SELECT o.remote_id, r.remote_id, coalesce(sum(l.quantity), 0)
FROM returns_refund r JOIN orders_order o ON o.id = r.order_id
LEFT JOIN returns_refundline l ON l.refund_id = r.id
WHERE r.remote_id IS NOT NULL GROUP BY o.remote_id, r.id
"""


def differences(export: Sequence[Row]) -> list[str]:
    """One sentence for every figure in which the shop's own account of an order is not ours.

    `export` is what the local store answers to /sandbox/export.
    """
    theirs = {_number(row["id"]): row for row in export}
    ours = {row[0]: row[1:] for row in fetch(_ORDERS)}
    shipments = _by_order(fetch(_SHIPMENTS))
    refunds = _by_order(fetch(_REFUNDS))
    left_anyway: dict[int, int] = dict(fetch(_LEFT_ANYWAY))
    found = [f"{theirs[id_]['name']} never arrived" for id_ in sorted(theirs.keys() - ours)]
    found += [f"{ours[id_][0]} is not in the shop" for id_ in sorted(ours.keys() - theirs)]
    for id_ in sorted(theirs.keys() & ours):
        name, ordered, left, moved = ours[id_]
        row, unheard = theirs[id_], left_anyway.get(id_, 0)
        told, fulfilled = _told(shipments[id_]), _fulfilled(row)
        if unheard and told.keys() == fulfilled.keys():
            # Some parcel of these holds fewer units there; none may hold more.
            told = {numbers: min(units, fulfilled[numbers]) for numbers, units in told.items()}
        pairs = [
            ("units ordered", ordered, row["ordered"]),
            ("units that left", left - unheard, row["fulfilled"]),
            ("money", moved, Decimal(row["received"]) - Decimal(row["refunded_money"])),
            ("parcels told", told, fulfilled),
            ("refunds", dict(refunds[id_]), _refunded(row)),
            ("units refunded", sum(units for _, units in refunds[id_]), row["refunded"]),
        ]
        found += [
            f"{name}: {what} {here} here, {there} in the shop"
            for what, here, there in pairs
            if here != there
        ]
        found += [f"{name}: the shop heard {event} twice" for event in _heard_twice(row)]
    return found


def stock_differences(store_id: int, export: Iterable[Row]) -> list[str]:
    """One sentence for every number of a level in which the shop is not what it is to be.

    `export` is what the local store answers to /sandbox/export?type=stock. For the time when all
    is told: nothing waits in either direction.
    """
    theirs = {(row["item_id"], row["location_id"]): row for row in export}
    levels = fetch(_LEVELS, [store_id])
    ours = shop_numbers.of_levels(store_id=store_id, level_ids=[row[0] for row in levels])
    found, committed = [], Counter[str]()
    for level_id, sku, place in levels:
        numbers = ours[level_id]
        row = theirs[numbers.item or 0, numbers.location or 0]
        committed[sku] += row["committed"]
        shelf = row["on_hand"] - row["damaged"] - row["quality_control"]
        free = row["available"] + row["safety_stock"]
        pairs = [
            ("on hand", numbers.known + numbers.own, shelf),
            ("kept back", numbers.keeps(free=free), row["safety_stock"]),
        ]
        found += [
            f"{sku} at {place}: {what} {here} here, {there} in the shop"
            for what, here, there in pairs
            if here != there
        ]
    asked: dict[str, int] = dict(fetch(_ASKED, [store_id]))
    found += [
        f"{sku}: {asked.get(sku, 0)} units in orders here, {units} in the shop"
        for sku, units in committed.items()
        if units != asked.get(sku, 0)
    ]
    return found


def totals(export: Iterable[Row]) -> dict[str, tuple[int, str, str]]:
    """What the shop was asked for, by order: units, price, money received."""
    return {row["name"]: (row["ordered"], row["total"], row["received"]) for row in export}


def work_left() -> int:
    """Pieces of work that neither left nor were given up. An exception excuses none of them."""
    return int(fetch(_WORK_LEFT)[0][0])


def _by_order(rows: Iterable[tuple[Any, ...]]) -> defaultdict[int, list[tuple[Any, ...]]]:
    found = defaultdict[int, list[tuple[Any, ...]]](list)
    for order, *rest in rows:
        found[order].append(tuple(rest))
    return found


def _told(shipments: Iterable[tuple[Any, ...]]) -> dict[Parcels, int]:
    """Units by the tracking numbers they left under, as far as the shop was to be told."""
    units = Counter[Parcels]()
    for is_told, numbers, quantity in shipments:
        if is_told:
            units[tuple(sorted(numbers))] += quantity
    return dict(units)


def _fulfilled(row: Row) -> dict[Parcels, int]:
    """As the shop has it. A shipment of very many lines is several fulfillments there."""
    units = Counter[Parcels]()
    for fulfillment in row["fulfillments"]:
        if fulfillment["status"] != "CANCELLED":
            units[tuple(sorted(fulfillment["tracking"]))] += fulfillment["units"]
    return dict(units)


def _refunded(row: Row) -> dict[int, int]:
    return {_number(refund["id"]): refund["units"] for refund in row["refunds"]}


def _heard_twice(row: Row) -> list[str]:
    return [
        f"{event} of {', '.join(fulfillment['tracking'])}"
        for fulfillment in row["fulfillments"]
        for event, times in Counter(fulfillment["events"]).items()
        if times > 1
    ]


def _number(gid: str) -> int:
    return int(gid.rsplit("/", 1)[1])
