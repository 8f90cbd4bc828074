"""Who gets arriving units: those promised from that supply first, then by priority, then by age.

`allocate` is pure. Preview and receipt read the same facts and call it, so both say the same.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from oms.core.sql import fetch, ints


@dataclass(slots=True, frozen=True)
class Wait:
    """An order line that waits for units; `promised` of them from the supply that arrives."""

    line_id: int
    order_id: int
    item_id: int
    units: int
    promised: int
    priority: int
    placed_at: datetime
    name: str = ""
    customer: str = ""


@dataclass(slots=True, frozen=True)
class Grant:
    """Units that go to a waiting line; `kept` of them keep a promise from this supply."""

    wait: Wait
    units: int
    kept: int


def allocate(units: int, waits: Iterable[Wait]) -> list[Grant]:
    """Share out `units` of one item; return who gets how many, in the order of their turn."""
    in_turn = sorted(waits, key=lambda w: (w.priority, w.placed_at, w.order_id, w.line_id))
    kept: dict[int, int] = {}
    more: dict[int, int] = {}
    for wait in in_turn:
        kept[wait.line_id] = min(units, wait.promised, wait.units)
        units -= kept[wait.line_id]
    for wait in in_turn:
        more[wait.line_id] = min(units, wait.units - kept[wait.line_id])
        units -= more[wait.line_id]
    tied_first = sorted(in_turn, key=lambda w: not kept[w.line_id])
    return [
        Grant(wait, kept[wait.line_id] + more[wait.line_id], kept[wait.line_id])
        for wait in tied_first
        if kept[wait.line_id] or more[wait.line_id]
    ]


def waiting(supply_id: int, item_ids: Sequence[int]) -> dict[int, list[Wait]]:
    """Per item the lines that wait for it and that the supply's destination may ship to.

    Units already kept for an order count as no longer waiting. An order on hold is passed over
    unless some were promised to it.
    """
    rows = fetch(_WAITING, {"supply": supply_id, "items": ints(item_ids)})
    kept: dict[tuple[int, int], int] = {}
    waits: dict[int, list[Wait]] = {}
    for item_id, order_id, line_id, units, held, *rest in rows:
        left = kept.setdefault((order_id, item_id), held)
        kept[order_id, item_id] = max(left - units, 0)
        if units > left:
            promised, priority, placed_at, name, customer = rest
            waits.setdefault(item_id, []).append(
                Wait(
                    line_id,
                    order_id,
                    item_id,
                    units - left,
                    promised,
                    priority,
                    placed_at,
                    name,
                    customer,
                )
            )
    return waits


# Driven by line_waiting_for_item.
_WAITING = """
SELECT l.item_id, l.order_id, l.id, l.backordered,
       coalesce((SELECT sum(r.quantity) FROM inventory_reservation r
                 JOIN inventory_stocklevel v ON v.id = r.level_id
                 WHERE r.store_id = o.store_id AND r.holder = 'order:' || o.id
                   AND r.state = 'pending' AND r.line_id IS NULL
                   AND v.item_id = l.item_id), 0)::int,
       coalesce(here.quantity, 0), o.priority, o.placed_at, o.name, o.ship_name
FROM inventory_supply s
JOIN inventory_location place ON place.id = s.destination_id
JOIN orders_orderline l ON l.item_id = ANY(%(items)s::bigint[]) AND l.backordered > 0
JOIN orders_order o ON o.id = l.order_id
LEFT JOIN LATERAL (
    SELECT sum(p.quantity)::int AS quantity FROM inventory_supplypromise p
    JOIN inventory_supplyline sl ON sl.id = p.supply_line_id
    WHERE sl.supply_id = s.id AND p.line_id = l.id AND p.state = 'pending'
) here ON true
WHERE s.id = %(supply)s AND place.active AND o.ship_country = ANY(place.ships_to)
  AND (here.quantity > 0 OR NOT EXISTS (
       SELECT 1 FROM orders_hold h WHERE h.order_id = o.id AND h.released_at IS NULL))
ORDER BY l.item_id, l.order_id, l.position, l.id
"""
