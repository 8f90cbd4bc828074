"""Where each unit of an order is: seven buckets, and a row per line, bucket and place. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from inventory.models import SupplyPromise
from oms.core.models import Timer
from oms.fulfillment.models import (
    FulfillmentOrder,
    FulfillmentOrderLine,
    Parcel,
    ParcelEvent,
    ParcelLine,
)
from oms.orders import words
from oms.orders.models import Order, OrderLine
from oms.orders.models.order import BUCKETS
from returns.models import RMA

# An order with more rows than this is shown by place, folded.
MOST_ROWS = 40

ON_THE_FLOOR = {"released": "waits to be picked", "picking": "being picked", "packed": "packed"}


@dataclass(slots=True, frozen=True)
class Bucket:
    """One of the seven, with the units of all lines that ship."""

    words: str
    units: int


@dataclass(slots=True, frozen=True)
class UnitRow:
    """Units of one line that are in one bucket at one place."""

    title: str
    sku: str
    units: int
    bucket: str
    where: str
    price: Decimal
    strong: bool = False


@dataclass(slots=True)
class Group:
    """Rows that are at one place; one group without a heading when there are few."""

    heading: str
    rows: list[UnitRow] = field(default_factory=list)

    @property
    def units(self) -> int:
        return sum(row.units for row in self.rows)

    @property
    def price(self) -> Decimal:
        return sum((row.price for row in self.rows), Decimal(0))


@dataclass(slots=True)
class Stock:
    """The work and the parcels of an order, as read."""

    works: list[FulfillmentOrder]
    work_lines: list[FulfillmentOrderLine]
    parcels: list[Parcel]
    parcel_lines: list[ParcelLine]
    scans: dict[int, ParcelEvent]
    release_at: datetime | None
    waits: Timer | None
    promises: list[SupplyPromise] = field(default_factory=list)


def bucket_totals(lines: Iterable[OrderLine]) -> list[Bucket]:
    """The seven buckets in their fixed places, zeros too; together they are all units ordered."""
    shipping = [line for line in lines if line.ships]
    return [
        Bucket(name.capitalize(), sum(getattr(line, name) for line in shipping)) for name in BUCKETS
    ]


def unit_groups(
    order: Order,
    lines: Sequence[OrderLine],
    stock: Stock,
    rmas: Sequence[RMA],
    now: datetime,
    zone: ZoneInfo,
) -> tuple[list[Group], bool]:
    """Every unit with its bucket and where it is now; folded by place when there are many."""
    rows = _rows(order, lines, stock, rmas, now, zone)
    if len(rows) <= MOST_ROWS:
        return [Group("", rows)] if rows else [], False
    groups: dict[str, Group] = {}
    for row in rows:
        heading = f"{row.bucket}: {row.where}"
        groups.setdefault(heading, Group(heading)).rows.append(row)
    return list(groups.values()), True


def _rows(
    order: Order,
    lines: Sequence[OrderLine],
    stock: Stock,
    rmas: Sequence[RMA],
    now: datetime,
    zone: ZoneInfo,
) -> list[UnitRow]:
    in_parcels = _in_parcels(stock, now, zone)
    at_work = _at_work(stock, now, zone)
    promised = _promised(stock, now, zone)
    came_back: dict[int, list[tuple[str, int]]] = {}
    for rma in rmas:
        for back in rma.lines.all():
            came_back.setdefault(back.line_id, []).append((rma.number, back.received))
    rows = []
    for line in lines:
        if not line.ships:
            rows.append(_row(line, line.ordered, "Nothing to send", "gift card or service"))
            continue
        loose = [("no item carries this SKU", line.open)] if line.item_id is None else []
        known = {
            "open": loose,
            "reserved": at_work.get((line.pk, "reserved"), []),
            "backordered": promised.get(line.pk, []),
            "released": at_work.get((line.pk, "released"), []),
            "shipped": in_parcels.get(line.pk, []),
            "cancelled": [],
            "returned": came_back.get(line.pk, []),
        }
        rest = {
            "open": _waits(stock, now, zone)
            if stock.waits and stock.waits.waits_for
            else "to be routed",
            "reserved": "no work made",
            "backordered": _waits(stock, now, zone),
            "released": "no work made",
            "shipped": "sent without a tracking number",
            "cancelled": _cancelled(order, now, zone),
            "returned": "recorded in Shopify",
        }
        for name in BUCKETS:
            for where, units in _spread(getattr(line, name), known[name], rest[name]):
                rows.append(_row(line, units, name.capitalize(), where, name == "backordered"))
    return rows


def _row(line: OrderLine, units: int, bucket: str, where: str, strong: bool = False) -> UnitRow:
    share = line.discount * units / line.ordered if line.ordered else Decimal(0)
    price = line.unit_price * units - share
    return UnitRow(line.title or "no title", line.sku, units, bucket, where, price, strong)


def _spread(total: int, known: list[tuple[str, int]], rest: str) -> list[tuple[str, int]]:
    """Share out `total` units over the known places; what nobody explains goes to `rest`."""
    shares = []
    for where, units in known:
        taken = min(units, total)
        if taken:
            shares.append((where, taken))
            total -= taken
    return [*shares, (rest, total)] if total else shares


def _in_parcels(stock: Stock, now: datetime, zone: ZoneInfo) -> dict[int, list[tuple[str, int]]]:
    names = {}
    for number, parcel in enumerate(stock.parcels, start=1):
        left = words.date(parcel.shipment.shipped_at, now, zone)
        names[parcel.pk] = (
            f"Parcel {number}, {parcel.shipment.fulfillment_order.location.name}, {left}"
        )
    inside: dict[int, list[tuple[str, int]]] = {}
    for row in stock.parcel_lines:
        inside.setdefault(row.work_line.line_id, []).append((names[row.parcel_id], row.quantity))
    return inside


def _at_work(
    stock: Stock, now: datetime, zone: ZoneInfo
) -> dict[tuple[int, str], list[tuple[str, int]]]:
    works = {work.pk: work for work in stock.works}
    found: dict[tuple[int, str], list[tuple[str, int]]] = {}
    for line in stock.work_lines:
        work = works[line.fulfillment_order_id]
        units = line.quantity - line.shipped
        if not units:
            continue
        if work.state == "planned":
            start = stock.release_at
            later = f", picking starts {words.clock(start, zone)}" if start and start > now else ""
            where = f"{work.location.name}, {work.code}{later}"
            found.setdefault((line.line_id, "reserved"), []).append((where, units))
        elif work.state in ON_THE_FLOOR:
            where = f"{work.location.name}, {work.code}, {ON_THE_FLOOR[work.state]}"
            found.setdefault((line.line_id, "released"), []).append((where, units))
    return found


def _promised(stock: Stock, now: datetime, zone: ZoneInfo) -> dict[int, list[tuple[str, int]]]:
    found: dict[int, list[tuple[str, int]]] = {}
    for promise in stock.promises:
        number = words.short(promise.supply_line.supply.number, 32)
        day = promise.promised_for
        on = f"promised for {words.calendar_day(day, now, zone)}" if day else "promised"
        found.setdefault(promise.line_id, []).append((f"{on}, {number}", promise.quantity))
    return found


def _waits(stock: Stock, now: datetime, zone: ZoneInfo) -> str:
    if stock.waits is None:
        return "waits for stock"
    since = words.date(stock.waits.created_at, now, zone)
    return f"{stock.waits.waits_for or 'waits for stock'}, since {since}"


def _cancelled(order: Order, now: datetime, zone: ZoneInfo) -> str:
    if order.cancelled_at is None:
        return "taken off the order"
    return f"cancelled {words.date(order.cancelled_at, now, zone)}"
