"""Units that wait are tied to dated supply: the earliest day with room under its cap.

Whatever changes what waits, or what comes, starts a timer of kind "supply" for the orders it
touches. `settle_due` then brings their promises in line: too many are given back, units without one
are tied to a supply. What no dated supply has room for is a plain backorder, without a date.

Locks: orders, then supply lines. The timers are read without a lock and taken away last, so that
nobody who wants one of them waits for a job that waits for him.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from django.db import transaction

from inventory import presell
from oms.core import timers
from oms.core.actor import SWITCHYARD, Actor
from oms.core.sql import execute, fetch, ints
from oms.orders import timeline
from oms.orders.locks import lock_free_orders

TIMER = "supply"


@dataclass(slots=True)
class Waiting:
    """A line with units that wait or are promised; `promises` are [id, supply line, units]."""

    line_id: int
    order_id: int
    store_id: int
    item_id: int
    sku: str
    country: str
    units: int
    promises: list[tuple[int, int, int]]

    @property
    def promised(self) -> int:
        return sum(units for _, _, units in self.promises)


@dataclass(slots=True)
class Room:
    """Units of a dated supply line that may still be promised, and where they can be sent."""

    supply_line_id: int
    item_id: int
    number: str
    day: date
    ships_to: frozenset[str]
    units: int


@dataclass(slots=True, frozen=True)
class Tie:
    """Units of a line tied to a supply line."""

    waiting: Waiting
    room: Room
    units: int


def settle_due(limit: int, *, actor: Actor = SWITCHYARD) -> int:
    """Bring the promises of up to `limit` due orders in line; return how many were looked at."""
    due = fetch(
        "SELECT subject_id, xmin::text FROM core_timer"
        " WHERE kind = %s AND due_at <= statement_timestamp()"
        " ORDER BY due_at, subject_id LIMIT %s",
        [TIMER, limit],
    )
    return _settle(dict(due), actor) if due else 0


@transaction.atomic
def _settle(due: dict[int, str], actor: Actor) -> int:
    order_ids = lock_free_orders(due)
    waiting = _waiting(order_ids)
    wanting = [w for w in waiting if w.promised < w.units]
    excess = [back for w in waiting for back in _excess(w)]
    _lock_lines([line_id for _, line_id, _ in excess] + _candidates(wanting))
    end([(promise_id, units) for promise_id, _, units in excess], "released")
    ties = tie(wanting, _rooms(w.item_id for w in wanting))
    _write(ties, actor)
    presell.review((w.item_id for w in waiting if w.promised != w.units), actor=actor)
    # Whoever touched one of these timers meanwhile wants another look: that row stays.
    execute(_SETTLED, [ints(order_ids), [due[order_id] for order_id in order_ids], TIMER])
    return len(order_ids)


def tie(wanting: Iterable[Waiting], rooms: Iterable[Room]) -> list[Tie]:
    """Which units are promised from which supply: earliest day first, within the caps. Pure."""
    by_item: dict[int, list[Room]] = {}
    for room in sorted(rooms, key=lambda r: (r.day, r.supply_line_id)):
        by_item.setdefault(room.item_id, []).append(room)
    ties = []
    for w in wanting:
        left = w.units - w.promised
        for room in by_item.get(w.item_id, []):
            units = min(left, room.units) if w.country in room.ships_to else 0
            if units > 0:
                ties.append(Tie(w, room, units))
                room.units -= units
                left -= units
    return ties


def look_again(item_ids: Iterable[int]) -> None:
    """Supply of these items changed: every order that waits for one has its promises settled."""
    execute(
        """
        INSERT INTO core_timer (store_id, kind, subject_id, due_at)
        SELECT DISTINCT l.store_id, %s, l.order_id, now() FROM orders_orderline l
        WHERE l.item_id = ANY(%s::bigint[]) AND l.backordered > 0 ORDER BY l.order_id
        ON CONFLICT (kind, subject_id) DO UPDATE SET due_at = least(core_timer.due_at, now())
        """,
        [TIMER, ints(sorted(set(item_ids)))],
    )


def look_around() -> int:
    """Start the timer of every order with units that wait, although a dated supply has room.

    Nothing but a lost promise or a released hold should leave one: this is the net beneath.
    """
    return execute(_UNDATED, [TIMER])


def trim(supply_line_ids: Iterable[int], *, reason: str, actor: Actor) -> None:
    """Give back what these lines can no longer keep; who was to get it last loses first.

    The caller holds the lock on the lines. The orders are tied to another supply, if one has room.
    """
    rows = fetch(_BEYOND, [ints(sorted(set(supply_line_ids)))])
    end([(promise_id, units) for promise_id, *_, units in rows], "released")
    lost: dict[tuple[int, int], int] = {}
    for _, store_id, order_id, units in rows:
        lost[store_id, order_id] = lost.get((store_id, order_id), 0) + units
    timeline.record_many(
        [
            timeline.EventRow(
                store_id,
                order_id,
                "stock.promise_released",
                actor,
                {"units": units, "reason": reason},
            )
            for (store_id, order_id), units in sorted(lost.items())
        ]
    )
    start({order_id: store_id for store_id, order_id in lost})


def start(store_of: dict[int, int]) -> None:
    """Have the promises of these orders settled soon: order id -> store id."""
    for store_id in sorted(set(store_of.values())):
        mine = sorted(order_id for order_id, store in store_of.items() if store == store_id)
        timers.start(store_id=store_id, kind=TIMER, subject_ids=mine)


def end(units: Sequence[tuple[int, int]], state: str) -> None:
    """End promises, whole or in part: (promise id, units). A part becomes a row of its own.

    The caller holds the lock on the supply lines.
    """
    if not units:
        return
    columns = [ints(id_ for id_, _ in units), ints(count for _, count in units)]
    execute(_END, [*columns, state, state])
    execute(_COUNT_DOWN, columns)


def _waiting(order_ids: Sequence[int]) -> list[Waiting]:
    """The lines in their turn. Units that have arrived and are kept for the order do not wait."""
    rows = fetch(_LINES, [ints(order_ids)])
    held: dict[tuple[int, int], int] = {}
    waiting = []
    for line_id, order_id, store_id, item_id, sku, country, units, kept, promises in rows:
        left = held.setdefault((order_id, item_id), kept)
        held[order_id, item_id] = max(left - units, 0)
        waiting.append(
            Waiting(
                line_id,
                order_id,
                store_id,
                item_id,
                sku,
                country,
                max(units - left, 0),
                [tuple(p) for p in promises],
            )
        )
    return waiting


def _excess(waiting: Waiting) -> list[tuple[int, int, int]]:
    """Promises to give back: those for the latest day first."""
    over = max(waiting.promised - waiting.units, 0)
    back = []
    for promise_id, supply_line_id, units in reversed(waiting.promises):
        if taken := min(over, units):
            back.append((promise_id, supply_line_id, taken))
            over -= taken
    return back


def _candidates(wanting: Iterable[Waiting]) -> list[int]:
    items = ints(sorted({w.item_id for w in wanting}))
    return [line_id for (line_id,) in fetch(_OPEN_LINES, [items])]


def _lock_lines(supply_line_ids: Iterable[int]) -> None:
    fetch(
        "SELECT id FROM inventory_supplyline WHERE id = ANY(%s::bigint[]) ORDER BY id FOR UPDATE",
        [ints(sorted(supply_line_ids))],
    )


def _rooms(item_ids: Iterable[int]) -> list[Room]:
    rows = fetch(_ROOMS, [ints(sorted(set(item_ids)))])
    return [
        Room(id_, item_id, number, day, frozenset(ships_to), units)
        for id_, item_id, number, day, ships_to, units in rows
    ]


def _write(ties: Sequence[Tie], actor: Actor) -> None:
    if not ties:
        return
    columns = [
        ints(t.room.supply_line_id for t in ties),
        ints(t.waiting.line_id for t in ties),
        ints(t.units for t in ties),
    ]
    execute(_PROMISE, [*columns, [t.room.day for t in ties], [t.room.day for t in ties]])
    execute(_COUNT_UP, [columns[0], columns[2]])
    timeline.record_many(
        [
            timeline.EventRow(
                t.waiting.store_id,
                t.waiting.order_id,
                "stock.promised",
                actor,
                {
                    "units": t.units,
                    "sku": t.waiting.sku,
                    "number": t.room.number,
                    "day": day_words(t.room.day),
                },
            )
            for t in ties
        ]
    )


def day_words(day: date) -> str:
    """Fri 27 Nov 2026"""
    return f"{day:%a} {day.day} {day:%b %Y}"


_UNDATED = f"""
INSERT INTO core_timer (store_id, kind, subject_id, due_at)
SELECT DISTINCT l.store_id, %s, l.order_id, now()
FROM ({presell.ROOM}) AS room
JOIN orders_orderline l ON l.item_id = room.item_id AND l.backordered > 0
JOIN orders_order o ON o.id = l.order_id AND o.ship_country = ANY(room.ships_to)
WHERE room.units > 0 AND l.backordered > coalesce((
    SELECT sum(p.quantity) FROM inventory_supplypromise p
    WHERE p.line_id = l.id AND p.state = 'pending'), 0)
  AND NOT EXISTS (SELECT 1 FROM inventory_reservation r
                  WHERE r.store_id = l.store_id AND r.holder = 'order:' || l.order_id
                    AND r.state = 'pending' AND r.line_id IS NULL)
ORDER BY l.order_id ON CONFLICT (kind, subject_id) DO NOTHING
"""  # noqa: S608  (our own SQL)
_SETTLED = """
DELETE FROM core_timer WHERE id IN (
    SELECT t.id FROM core_timer t JOIN unnest(%s::bigint[], %s::text[]) AS seen(subject, version)
           ON seen.subject = t.subject_id AND seen.version = t.xmin::text
    WHERE t.kind = %s ORDER BY t.id FOR UPDATE OF t SKIP LOCKED)
"""
_ROOMS = f"""
SELECT id, item_id, number, day, ships_to, units FROM ({presell.ROOM}) AS room
WHERE item_id = ANY(%s::bigint[]) AND units > 0
"""  # noqa: S608  (our own SQL)
_OPEN_LINES = """
SELECT l.id FROM inventory_supplyline l JOIN inventory_supply s ON s.id = l.supply_id
WHERE l.item_id = ANY(%s::bigint[]) AND l.presell_cap > 0 AND s.state IN ('open', 'shipped')
"""
_LINES = """
SELECT l.id, l.order_id, l.store_id, l.item_id, l.sku, o.ship_country, l.backordered,
       coalesce((SELECT sum(r.quantity) FROM inventory_reservation r
                 JOIN inventory_stocklevel v ON v.id = r.level_id
                 WHERE r.store_id = l.store_id AND r.holder = 'order:' || l.order_id
                   AND r.state = 'pending' AND r.line_id IS NULL
                   AND v.item_id = l.item_id), 0)::int,
       coalesce(pending.rows, '{}')
FROM orders_orderline l
JOIN orders_order o ON o.id = l.order_id
LEFT JOIN LATERAL (
    SELECT array_agg(ARRAY[p.id, p.supply_line_id, p.quantity]
                     ORDER BY p.promised_for NULLS LAST, p.id) AS rows
    FROM inventory_supplypromise p WHERE p.line_id = l.id AND p.state = 'pending'
) pending ON true
WHERE l.order_id = ANY(%s::bigint[]) AND l.item_id IS NOT NULL
  AND (l.backordered > 0 OR pending.rows IS NOT NULL)
ORDER BY o.priority, o.placed_at, o.id, l.position, l.id
"""
_PROMISE = """
INSERT INTO inventory_supplypromise AS p
       (store_id, supply_line_id, line_id, quantity, promised_for, told_for)
SELECT l.store_id, t.supply_line_id, t.line_id, t.units, t.day, t.told
FROM unnest(%s::bigint[], %s::bigint[], %s::int[], %s::date[], %s::date[])
     AS t(supply_line_id, line_id, units, day, told)
JOIN orders_orderline l ON l.id = t.line_id
ON CONFLICT (supply_line_id, line_id) WHERE state = 'pending'
DO UPDATE SET quantity = p.quantity + excluded.quantity
"""
_COUNT_UP = """
UPDATE inventory_supplyline l SET promised = l.promised + t.units
FROM (SELECT id, sum(units) AS units FROM unnest(%s::bigint[], %s::int[]) AS u(id, units)
      GROUP BY id) t
WHERE l.id = t.id
"""
_COUNT_DOWN = """
UPDATE inventory_supplyline l SET promised = l.promised - t.units
FROM (SELECT p.supply_line_id AS id, sum(u.units) AS units
      FROM unnest(%s::bigint[], %s::int[]) AS u(id, units)
      JOIN inventory_supplypromise p ON p.id = u.id GROUP BY p.supply_line_id) t
WHERE l.id = t.id
"""
_END = """
WITH ended AS (SELECT * FROM unnest(%s::bigint[], %s::int[]) AS t(id, quantity)),
part AS (
    INSERT INTO inventory_supplypromise
           (store_id, supply_line_id, line_id, quantity, promised_for, told_for, state,
            created_at, ended_at)
    SELECT p.store_id, p.supply_line_id, p.line_id, e.quantity, p.promised_for, p.told_for, %s,
           p.created_at, now()
    FROM inventory_supplypromise p JOIN ended e USING (id) WHERE p.quantity > e.quantity
)
UPDATE inventory_supplypromise p
SET quantity = CASE WHEN p.quantity > e.quantity THEN p.quantity - e.quantity ELSE p.quantity END,
    state = CASE WHEN p.quantity > e.quantity THEN p.state ELSE %s END,
    ended_at = CASE WHEN p.quantity > e.quantity THEN NULL ELSE now() END
FROM ended e WHERE p.id = e.id AND p.state = 'pending'
"""
# Promises beyond what a line can still bring, in the order in which they would be kept.
_BEYOND = """
SELECT id, store_id, order_id, least(quantity, running - room) FROM (
    SELECT p.id, p.store_id, ol.order_id, p.quantity,
           CASE WHEN s.state IN ('open', 'shipped')
                THEN greatest(l.ordered - l.received - l.short, 0) ELSE 0 END AS room,
           sum(p.quantity) OVER (PARTITION BY l.id
                                 ORDER BY o.priority, o.placed_at, o.id, p.line_id) AS running
    FROM inventory_supplyline l
    JOIN inventory_supply s ON s.id = l.supply_id
    JOIN inventory_supplypromise p ON p.supply_line_id = l.id AND p.state = 'pending'
    JOIN orders_orderline ol ON ol.id = p.line_id
    JOIN orders_order o ON o.id = ol.order_id
    WHERE l.id = ANY(%s::bigint[])
) turn WHERE running > room ORDER BY id
"""
