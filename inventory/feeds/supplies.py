"""Purchase orders of another system: one row an item, many rows an order, each order once.

An order is taken whole or not at all: half an order would promise a day for goods that nobody
knows. The same file again changes nothing; another number, day or cap changes the order.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import BinaryIO

from inventory.authority import beliefs
from inventory.commands import slips, supply
from inventory.commands.rules import source_name
from inventory.commands.supply import Ordered
from inventory.feeds import columns as heading
from inventory.feeds import reading, texts
from inventory.feeds.columns import Columns
from inventory.feeds.staging import places_of
from inventory.feeds.values import Unusable, whole_number, word
from inventory.models import Supply, SupplyLine
from oms.catalog.models import Item
from oms.core.actor import Actor
from oms.core.errors import Refused

NAMES = {
    "number": ("ponumber", "po", "purchaseorder", "purchaseordernumber", "ordernumber", "orderno",
               "number", "documentno"),
    "expected_on": ("expectedon", "expected", "expecteddate", "eta", "duedate", "deliverydate",
                    "arrival"),
    "supplier": ("supplier", "vendor", "suppliername", "vendorname"),
    "presell_cap": ("presellcap", "presell", "cap", "maypresell"),
}  # fmt: skip
MOST_ORDERS, MOST_ROWS = 10_000, 200_000


@dataclass(slots=True)
class OrderTold:
    """A purchase order as the other system tells it; `rows` are its rows in the file."""

    number: str
    place: str
    expected_on: str = ""
    supplier: str = ""
    lines: dict[str, tuple[int, int]] = field(default_factory=dict)
    rows: list[int] = field(default_factory=list)
    flaw: str = ""


@dataclass(slots=True, frozen=True)
class Taken:
    """What came of one order: new, changed, same or refused, and why."""

    number: str
    outcome: str
    reason: str = ""
    rows: Sequence[int] = ()


def load_file(*, store_id: int, file: BinaryIO, source: str, actor: Actor) -> list[Taken]:
    """Read a CSV or XLSX file of purchase orders and take each of them in."""
    return take(store_id=store_id, orders=read(file), source=source, actor=actor)


def take(*, store_id: int, orders: Iterable[OrderTold], source: str, actor: Actor) -> list[Taken]:
    """Create, change or leave each order; one that cannot be used does not stop the others."""
    source, places = source_name(source), places_of(store_id)[0]
    taken = []
    for told in orders:
        try:
            outcome = _take_one(store_id, told, source, places.get(told.place.casefold()), actor)
            taken.append(Taken(told.number, outcome, "", told.rows))
        except (Refused, Unusable) as refusal:
            taken.append(Taken(told.number, "refused", str(refusal), told.rows))
    return taken


def read(file: BinaryIO) -> list[OrderTold]:
    """The orders of a file, in the order of their first rows."""
    table = reading.open_table(file, survey=texts.survey(file), changes=False)
    at = _positions(table.columns)
    if table.columns.units < 0:
        raise Refused(heading.missing(table.columns.headings, changes=False))
    if "number" not in at:
        raise Refused("The first row must name a column for the number of the purchase order.")
    orders: dict[str, OrderTold] = {}
    for count, (row, cells) in enumerate(table.cells):
        if count >= MOST_ROWS or len(orders) > MOST_ORDERS:
            raise Refused(f"Send up to {MOST_ORDERS:,} orders and {MOST_ROWS:,} rows in a file.")
        cells = [word(cell) for cell in cells] + [""] * (table.columns.width - len(cells))
        said = {name: cells[position] for name, position in at.items()}
        if not any(said.values()):
            continue
        place = cells[table.columns.place] if table.columns.place >= 0 else ""
        told = orders.setdefault(said["number"], OrderTold(said["number"], place))
        told.rows.append(row)
        told.expected_on = told.expected_on or said.get("expected_on", "")
        told.supplier = told.supplier or said.get("supplier", "")
        told.flaw = told.flaw or _add(
            told, place, cells[table.columns.sku], cells[table.columns.units],
            said.get("presell_cap", ""), row,
        )  # fmt: skip
    return list(orders.values())


def _add(told: OrderTold, place: str, sku: str, units: str, cap: str, row: int) -> str:
    if place != told.place:
        return f"Row {row}: an order arrives at one location, not at “{place[:40]}” too."
    if sku in told.lines:
        return f"Row {row}: “{sku[:60]}” is named twice."
    try:
        told.lines[sku] = (
            whole_number(units, changes=False),
            whole_number(cap, changes=False) if cap else 0,
        )
    except Unusable as unusable:
        return f"Row {row}: {unusable}"
    return ""


def _positions(found: Columns) -> dict[str, int]:
    plain = [heading.plain(text) for text in found.headings]
    at = {name: next((plain.index(w) for w in words if w in plain), -1)
          for name, words in NAMES.items()}  # fmt: skip
    return {name: position for name, position in at.items() if position >= 0}


def _take_one(store_id: int, told: OrderTold, source: str, place: int | None, actor: Actor) -> str:
    """One order through the commands of supply; says whether it was new, changed or the same."""
    if told.flaw:
        raise Refused(told.flaw)
    if not told.number:
        raise Refused("The purchase order has no number.")
    if place is None:
        raise Refused(f"Location “{told.place[:60]}” is not known.")
    items = dict(Item.objects.filter(store=store_id, sku__in=told.lines).values_list("sku", "pk"))
    if unknown := [sku for sku in told.lines if sku not in items]:
        raise Refused(f"SKU “{unknown[0][:60]}” is not known.")
    pairs = [(item, place) for item in items.values()]
    for belief in beliefs("incoming", store_id=store_id, pairs=pairs).values():
        if belief.source != source:
            raise Refused(f"{belief.source} is believed about incoming supply here, not {source}.")
    day = _day(told.expected_on)
    known = Supply.objects.filter(store=store_id, number=told.number).first()
    if known is None:
        supply.create(
            store_id=store_id, number=told.number, destination_id=place, supplier=told.supplier,
            expected_on=day, source=source, actor=actor,
            lines=[Ordered(items[sku], units, cap) for sku, (units, cap) in told.lines.items()],
        )  # fmt: skip
        return "new"
    return _change(known, told, items, place, day, actor)


def _change(
    known: Supply, told: OrderTold, items: dict[str, int], place: int, day: date | None,
    actor: Actor,
) -> str:  # fmt: skip
    if known.destination_id != place:
        raise Refused(f"{known.number} arrives elsewhere; cancel it and order anew.")
    lines = {line.item_id: line for line in known.lines.all()}
    wanted = {items[sku]: units for sku, (units, _) in told.lines.items()}
    # What the file does not name any more is not ordered any more.
    wanted |= {item: 0 for item, line in lines.items() if item not in wanted and line.to_come}
    units = {
        item: count
        for item, count in wanted.items()
        if item not in lines or (count != lines[item].ordered if count else lines[item].to_come)
    }
    same = not units
    if units:
        supply.change_units(supply_id=known.pk, units=units, actor=actor)
    for line in SupplyLine.objects.filter(supply=known).select_related("item"):
        _, cap = told.lines.get(line.item.sku, (0, line.presell_cap))
        if cap and cap != line.presell_cap:
            supply.set_cap(supply_line_id=line.pk, cap=cap, actor=actor)
            same = False
    if day and day != known.expected_on:
        slips.change_day(supply_id=known.pk, expected_on=day, actor=actor)
        same = False
    return "same" if same else "changed"


def _day(text: str) -> date | None:
    text = text.strip()
    if not text:
        return None
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise Refused(f"“{text[:30]}” is not a day; write 2026-11-20.") from None
