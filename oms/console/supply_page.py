"""What the pages of supply read: the list by expected day, and one supply with who waits for it.

Each page is a fixed number of queries, whatever the number of lines.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from inventory import allocation
from inventory.allocation import Grant
from inventory.backorders import day_words
from inventory.models import Receipt, ReceiptLine, Supply, SupplyLine
from oms.console.shell import zone_of
from oms.core import clock
from oms.core.models import Store
from oms.core.sql import fetch
from oms.orders import words

PAGE = 50
TABS: dict[str, tuple[str, str]] = {
    "open": ("Expected", "s.state IN ('open', 'shipped')"),
    "late": ("Late", "s.state IN ('open', 'shipped') AND l.late > 0"),
    "draft": ("Drafts", "s.state = 'draft'"),
    "ended": ("Ended", "s.state IN ('closed', 'cancelled')"),
}
MOST_WAITING = 200
# A page of more lines is no page any more; the export has them all.
MOST_LINES = 250


@dataclass(slots=True, frozen=True)
class Row:
    """A supply in one line."""

    id: int
    number: str
    kind: str
    state: str
    supplier: str
    origin: str
    destination: str
    day: date | None
    lines: int
    ordered: int
    to_come: int
    promised: int
    cap_left: int
    orders: int
    days_late: int

    @property
    def source(self) -> str:
        return self.origin or self.supplier or "no supplier"


@dataclass(slots=True, frozen=True)
class Listing:
    """One page of the list, and what is late or due soon over all of it."""

    rows: list[Row]
    more: bool
    open: int
    late: int
    soon: int
    soon_units: int
    late_orders: int
    drafts: int

    @property
    def answer(self) -> str:
        """The list in a sentence."""
        if not self.open:
            return "Nothing is on its way."
        late, more = "Nothing is late.", ""
        if self.late:
            late = "1 supply is late" if self.late == 1 else f"{self.late:,} supplies are late"
            who = {0: "no order waits", 1: "1 order waits"}.get(
                self.late_orders, f"{self.late_orders:,} orders wait"
            )
            late, more = f"{late}; {who} for what was promised.", " more"
        if not self.soon:
            return late
        verb = "is" if self.soon == 1 else "are"
        bring = words.units(self.soon_units)
        return f"{late} {self.soon:,}{more} {verb} due within 7 days with {bring}."


def listing(store: Store, tab: str, kind: str, number: int) -> Listing:
    """The supplies of a tab by expected day; the ended ones newest first. Two queries."""
    where = TABS[tab][1]
    order = "s.id DESC" if tab in ("ended", "draft") else "l.day NULLS LAST, s.id"
    values = {
        "store": store.pk,
        "kind": kind,
        "today": today(store),
        "limit": PAGE + 1,
        "offset": (number - 1) * PAGE,
    }
    rows = fetch(
        f"{_ROWS} WHERE s.store_id = %(store)s AND (%(kind)s = '' OR s.kind = %(kind)s)"
        f" AND {where} ORDER BY {order} LIMIT %(limit)s OFFSET %(offset)s",
        values,
    )
    (sums,) = fetch(_SUMS, values)
    return Listing([Row(*row) for row in rows[:PAGE]], len(rows) > PAGE, *sums)


def today(store: Store | None) -> date:
    """Today where the store is."""
    return clock.now().astimezone(zone_of(store)).date()


@dataclass(slots=True)
class LineView:
    """A line of a supply with what is left to come and to promise."""

    row: SupplyLine
    kept: int
    day: date | None

    @property
    def state(self) -> str:
        """open, done, or over when more came than was ordered."""
        if self.row.received > self.row.ordered:
            return "over"
        return "open" if self.row.to_come else "done"

    @property
    def over(self) -> int:
        return max(self.row.received - self.row.ordered, 0)

    @property
    def to_ship(self) -> int:
        return max(self.row.ordered - self.row.shipped - self.row.short, 0)

    @property
    def cap_used(self) -> int:
        return self.row.promised + self.kept


@dataclass(slots=True)
class Waits:
    """Units of an order that wait for an item of the supply."""

    order_id: int
    order: str
    customer: str
    priority: int
    sku: str
    units: int
    promised: int
    told_for: date | None
    promised_for: date | None
    gets: int

    @property
    def is_later(self) -> bool:
        return bool(self.told_for and self.promised_for and self.promised_for > self.told_for)


@dataclass(slots=True)
class SupplyView:
    """The whole page of one supply."""

    supply: Supply
    lines: list[LineView]
    receipts: list[tuple[Receipt, list[ReceiptLine]]]
    waits: list[Waits]
    waiting_more: int
    arriving: dict[int, int]
    today: date

    @property
    def shown(self) -> list[LineView]:
        return self.lines[:MOST_LINES]

    @property
    def lines_more(self) -> int:
        return max(len(self.lines) - MOST_LINES, 0)

    @property
    def waited_for(self) -> list[LineView]:
        """The lines that somebody waits for: those the preview asks about."""
        skus = {waits.sku for waits in self.waits}
        return [line for line in self.lines if line.row.item.sku in skus][:MOST_LINES]

    @property
    def ordered(self) -> int:
        return sum(line.row.ordered for line in self.lines)

    @property
    def received(self) -> int:
        return sum(line.row.received for line in self.lines)

    @property
    def damaged(self) -> int:
        return sum(line.row.damaged for line in self.lines)

    @property
    def short(self) -> int:
        return sum(line.row.short for line in self.lines)

    @property
    def over(self) -> int:
        return sum(line.over for line in self.lines)

    @property
    def to_come(self) -> int:
        return sum(line.row.to_come for line in self.lines)

    @property
    def shipped(self) -> int:
        return sum(line.row.shipped for line in self.lines)

    @property
    def to_ship(self) -> int:
        return sum(line.to_ship for line in self.lines)

    @property
    def is_live(self) -> bool:
        return self.supply.state in (Supply.State.OPEN, Supply.State.SHIPPED)

    @property
    def can_receive(self) -> bool:
        state = Supply.State.OPEN if self.is_purchase else Supply.State.SHIPPED
        return self.supply.state == state

    @property
    def is_purchase(self) -> bool:
        return self.supply.kind == Supply.Kind.PURCHASE

    @property
    def days_late(self) -> int:
        days = [line.day for line in self.lines if line.row.to_come and line.day]
        return max((self.today - min(days)).days, 0) if days and self.is_live else 0

    @property
    def answer(self) -> str:
        """Where the goods are and who waits for them, in a sentence or two."""
        return answer(self)


def read(
    supply: Supply, store: Store | None, arriving: Mapping[int, int] | None = None
) -> SupplyView:
    """Read one supply; `arriving` is the {item: units} of the preview, by default all to come."""
    rows = list(supply.lines.select_related("item").order_by("item__sku", "pk"))
    kept: dict[int, int] = dict(fetch(_KEPT, [supply.pk]))
    lines = [
        LineView(row, kept.get(row.pk, 0), row.expected_on or supply.expected_on) for row in rows
    ]
    if arriving is None:
        arriving = {row.item_id: row.to_come for row in rows}
    receipts = list(supply.receipts.order_by("-pk")[:20])
    parts: dict[int, list[ReceiptLine]] = {}
    for part in ReceiptLine.objects.filter(receipt__in=receipts).select_related(
        "supply_line__item"
    ):
        parts.setdefault(part.receipt_id, []).append(part)
    waits = _waits(supply, rows, arriving)
    return SupplyView(
        supply=supply,
        lines=lines,
        receipts=[(receipt, parts.get(receipt.pk, [])) for receipt in receipts],
        waits=waits[:MOST_WAITING],
        waiting_more=max(len(waits) - MOST_WAITING, 0),
        arriving=dict(arriving),
        today=today(store),
    )


def _waits(supply: Supply, rows: Iterable[SupplyLine], arriving: Mapping[int, int]) -> list[Waits]:
    """Who waits, in the order of their turn, and what each would get: the rule of the receipt."""
    if supply.state not in (Supply.State.OPEN, Supply.State.SHIPPED):
        return []
    skus = {row.item_id: row.item.sku for row in rows}
    waiting = allocation.waiting(supply.pk, sorted(skus))
    days = {line_id: (told, day) for line_id, told, day in fetch(_DAYS, [supply.pk])}
    shown = []
    for item_id, waits in waiting.items():
        grants: dict[int, Grant] = {
            grant.wait.line_id: grant
            for grant in allocation.allocate(arriving.get(item_id, 0), waits)
        }
        for wait in waits:
            told, day = days.get(wait.line_id, (None, None))
            grant = grants.get(wait.line_id)
            shown.append(
                (
                    (not wait.promised, wait.priority, wait.placed_at, wait.order_id, wait.line_id),
                    Waits(
                        wait.order_id,
                        wait.name,
                        wait.customer,
                        wait.priority,
                        skus[item_id],
                        wait.units,
                        wait.promised,
                        told,
                        day,
                        grant.units if grant else 0,
                    ),
                )
            )
    return [waits for _, waits in sorted(shown, key=lambda pair: pair[0])]


def answer(view: SupplyView) -> str:
    """What came, what is to come and when, who waits. Pure."""
    supply, state = view.supply, Supply.State
    total = words.units(view.ordered)
    match supply.state:
        case state.DRAFT:
            return f"A draft of {total}; nothing is ordered yet."
        case state.CANCELLED:
            return f"Cancelled; none of {total} will come."
        case state.CLOSED:
            missing = f"; {words.units(view.short)} never did" if view.short else ""
            over = f", {view.over:,} of them more than ordered" if view.over else ""
            return f"{view.received:,} of {total} came{over}{missing}."
    if not view.is_purchase and supply.state == state.OPEN:
        return f"{total} are kept at {supply.origin.name} and have not left."  # type: ignore[union-attr]
    day = f"expected on {day_words(supply.expected_on)}" if supply.expected_on else "without a day"
    if view.days_late:
        day = f"{words.count_of(view.days_late, 'day')} late"
    came = f"{view.received:,} of {total} came; " if view.received else ""
    verb = "is" if view.to_come == 1 else "are"
    promised = [w for w in view.waits if w.promised]
    orders = len({w.order_id for w in promised})
    wait = ""
    if orders:
        units = sum(w.promised for w in promised)
        who = "1 order was" if orders == 1 else f"{orders:,} orders were"
        wait = f" {who} promised {units:,} of them."
    return f"{came}{words.units(view.to_come)} {verb} {day}.{wait}"


_ROWS = """
SELECT s.id, s.number, s.kind, s.state, s.supplier, coalesce(origin.name, ''), place.name, l.day,
       l.lines, l.ordered, l.to_come, l.promised, l.cap_left, who.orders,
       CASE WHEN s.state IN ('open', 'shipped') THEN l.late ELSE 0 END
FROM inventory_supply s
JOIN inventory_location place ON place.id = s.destination_id
LEFT JOIN inventory_location origin ON origin.id = s.origin_id
CROSS JOIN LATERAL (
    SELECT count(*) AS lines, coalesce(sum(ordered), 0) AS ordered,
           coalesce(sum(greatest(ordered - received - short, 0)), 0) AS to_come,
           coalesce(sum(promised), 0) AS promised,
           coalesce(sum(greatest(presell_cap - promised, 0)), 0) AS cap_left,
           coalesce(min(coalesce(expected_on, s.expected_on))
                    FILTER (WHERE ordered > received + short), s.expected_on) AS day,
           coalesce(max(%(today)s::date - coalesce(expected_on, s.expected_on))
               FILTER (WHERE ordered > received + short
                       AND coalesce(expected_on, s.expected_on) < %(today)s::date), 0) AS late
    FROM inventory_supplyline WHERE supply_id = s.id
) l
CROSS JOIN LATERAL (
    SELECT count(DISTINCT ol.order_id) AS orders
    FROM inventory_supplyline sl
    JOIN inventory_supplypromise p ON p.supply_line_id = sl.id AND p.state = 'pending'
    JOIN orders_orderline ol ON ol.id = p.line_id WHERE sl.supply_id = s.id
) who
"""
_SUMS = f"""
SELECT count(*) FILTER (WHERE state IN ('open', 'shipped')),
       count(*) FILTER (WHERE late > 0),
       count(*) FILTER (WHERE soon AND late = 0),
       coalesce(sum(to_come) FILTER (WHERE soon AND late = 0), 0),
       coalesce(sum(orders) FILTER (WHERE late > 0), 0)::bigint,
       (SELECT count(*) FROM inventory_supply
        WHERE store_id = %(store)s AND state = 'draft' AND (%(kind)s = '' OR kind = %(kind)s))
FROM (
    SELECT state, late, to_come, orders, day <= %(today)s::date + 7 AS soon
    FROM ({_ROWS} WHERE s.store_id = %(store)s AND s.state IN ('open', 'shipped')
          AND (%(kind)s = '' OR s.kind = %(kind)s)) AS r(id, number, kind, state, supplier, origin,
          place, day, lines, ordered, to_come, promised, cap_left, orders, late)
) live
"""  # noqa: S608  (our own SQL)
_KEPT = """
SELECT p.supply_line_id, sum(p.quantity)::int FROM inventory_supplypromise p
JOIN inventory_supplyline l ON l.id = p.supply_line_id
WHERE l.supply_id = %s AND p.state = 'kept' GROUP BY p.supply_line_id
"""
_DAYS = """
SELECT p.line_id, p.told_for, p.promised_for FROM inventory_supplypromise p
JOIN inventory_supplyline l ON l.id = p.supply_line_id
WHERE l.supply_id = %s AND p.state = 'pending'
"""
