"""A supply comes on another day: every promise that hangs on it moves, and is listed first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.db import transaction

from inventory import backorders, presell
from inventory.backorders import day_words
from inventory.commands.supply import lock, lock_lines, state_words
from inventory.models import Supply
from oms.core.actor import Actor
from oms.core.errors import Refused
from oms.core.sql import execute, fetch, ints
from oms.orders import timeline


@dataclass(slots=True, frozen=True)
class Affected:
    """An order line with units promised from a supply whose day changes."""

    promise_id: int
    supply_line_id: int
    order_id: int
    order: str
    customer: str
    email: str
    line_id: int
    sku: str
    title: str
    units: int
    promised_for: date | None
    told_for: date | None
    day: date | None

    @property
    def is_later(self) -> bool:
        """Whether the customer was told an earlier day than the new one."""
        return self.told_for is not None and (self.day is None or self.day > self.told_for)


def affected(
    *, supply_id: int, expected_on: date | None, supply_line_id: int | None = None
) -> list[Affected]:
    """Every line, order and customer whose day would change, in the order of their turn. A look."""
    rows = fetch(_AFFECTED, {"supply": supply_id, "day": expected_on, "line": supply_line_id})
    return [Affected(*row) for row in rows]


@transaction.atomic
def change_day(
    *,
    supply_id: int,
    expected_on: date | None,
    actor: Actor,
    supply_line_id: int | None = None,
) -> list[Affected]:
    """Expect the supply, or one line of it, on another day; return whose promise has moved.

    Each promise is dated anew and each order's timeline says so once. What the customers were told
    stays as it was, until somebody has told them (`note_told`).
    """
    supply = lock(supply_id)
    lines = {line.pk: line for line in lock_lines(supply)}
    if supply.state in (Supply.State.CLOSED, Supply.State.CANCELLED):
        raise Refused(f"{supply.number} is {state_words(supply)}.")
    if supply_line_id is not None and supply_line_id not in lines:
        raise Refused(f"This line is not of {supply.number}.")
    if expected_on is None and any(line.promised for line in lines.values()):
        raise Refused("Units are promised from it; they need a day.")

    moved = affected(supply_id=supply_id, expected_on=expected_on, supply_line_id=supply_line_id)
    if supply_line_id is None:
        supply.expected_on = expected_on
        supply.save(update_fields=["expected_on"])
    else:
        line = lines[supply_line_id]
        line.expected_on = expected_on
        line.save(update_fields=["expected_on"])
    execute(
        "UPDATE inventory_supplypromise SET promised_for = %s WHERE id = ANY(%s::bigint[])",
        [expected_on, ints(m.promise_id for m in moved)],
    )

    _record(supply, moved, "stock.promise_slipped", actor)

    items = [line.item_id for line in lines.values()]
    backorders.look_again(items)
    presell.review(items, actor=actor)
    return moved


@transaction.atomic
def note_told(*, supply_id: int, actor: Actor) -> int:
    """The customers were told the day that holds now; return how many orders that was."""
    supply = lock(supply_id)
    lock_lines(supply)
    rows = fetch(_TO_TELL, [supply_id])
    execute(
        "UPDATE inventory_supplypromise SET told_for = promised_for WHERE id = ANY(%s::bigint[])",
        [ints(promise_id for promise_id, *_ in rows)],
    )
    orders: dict[int, tuple[int, date]] = {}
    for _, order_id, units, day in rows:
        orders[order_id] = (orders.get(order_id, (0, day))[0] + units, day)
    timeline.record_many(
        [
            timeline.EventRow(
                supply.store_id,
                order_id,
                "stock.customer_told",
                actor,
                {"units": units, "day": day_words(day), "number": supply.number},
            )
            for order_id, (units, day) in sorted(orders.items())
        ]
    )
    return len(orders)


def _record(supply: Supply, moved: Sequence[Affected], kind: str, actor: Actor) -> None:
    """One event an order, whatever the number of its lines."""
    orders: dict[int, list[Affected]] = {}
    for m in moved:
        orders.setdefault(m.order_id, []).append(m)
    timeline.record_many(
        [
            timeline.EventRow(
                supply.store_id,
                order_id,
                kind,
                actor,
                {
                    "units": sum(m.units for m in mine),
                    "number": supply.number,
                    "was": day_words(mine[0].promised_for) if mine[0].promised_for else "no day",
                    "day": day_words(mine[0].day) if mine[0].day else "no day",
                    "lines": [m.line_id for m in mine],
                },
            )
            for order_id, mine in sorted(orders.items())
        ]
    )


# A line with a day of its own does not move with the supply.
_AFFECTED = """
SELECT p.id, l.id, o.id, o.name, o.ship_name, o.email, ol.id, i.sku, left(i.title, 120),
       p.quantity, p.promised_for, p.told_for, %(day)s::date
FROM inventory_supplyline l
JOIN inventory_supplypromise p ON p.supply_line_id = l.id AND p.state = 'pending'
JOIN orders_orderline ol ON ol.id = p.line_id
JOIN orders_order o ON o.id = ol.order_id
JOIN catalog_item i ON i.id = l.item_id
WHERE l.supply_id = %(supply)s
  AND CASE WHEN %(line)s::bigint IS NULL THEN l.expected_on IS NULL ELSE l.id = %(line)s::bigint END
  AND p.promised_for IS DISTINCT FROM %(day)s::date
ORDER BY o.priority, o.placed_at, o.id, ol.position, p.id
"""
_TO_TELL = """
SELECT p.id, ol.order_id, p.quantity, p.promised_for
FROM inventory_supplyline l
JOIN inventory_supplypromise p ON p.supply_line_id = l.id AND p.state = 'pending'
JOIN orders_orderline ol ON ol.id = p.line_id
WHERE l.supply_id = %s AND p.told_for IS DISTINCT FROM p.promised_for
ORDER BY ol.order_id, p.id
"""
