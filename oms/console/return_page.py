"""What the list of returns and the page of one return show, read in a fixed number of queries."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db.models import Count, Q, Sum

from inventory.models import Location
from oms.console.order_page import Day, days_of
from oms.core import clock
from oms.core.models import Store
from oms.orders import words
from oms.orders.models import Event
from returns.models import RMA, Inspection, Refund, RMALine
from returns.refunds import Share, shares_of

PAGE = 50
TABS: dict[str, tuple[str, tuple[str, ...]]] = {
    "open": ("Open", ("requested", "approved", "received", "inspected")),
    "requested": ("Asked for", ("requested",)),
    "approved": ("On their way", ("approved",)),
    "received": ("To inspect", ("received",)),
    "inspected": ("To refund", ("inspected",)),
    "ended": ("Ended", ("closed", "declined", "cancelled")),
}


@dataclass(slots=True)
class Row:
    """A return in one line."""

    rma: RMA
    asked: int
    received: int
    decided: int
    since: datetime


@dataclass(slots=True)
class Listing:
    """One page of the list; `next` is the mark the following one begins after."""

    rows: list[Row]
    counts: dict[str, int]
    next: str = ""


def listing(store: Store, tab: str, before: str) -> Listing:
    """The returns of a tab, newest first, with the count of each tab. Two queries."""
    counts = dict(
        RMA.objects.filter(store=store, state__in=TABS["open"][1])
        .order_by()
        .values_list("state")
        .annotate(number=Count("pk"))
    )
    found = RMA.objects.filter(store=store, state__in=TABS[tab][1]).select_related("order")
    if before.isdecimal() and len(before) < 19:
        found = found.filter(pk__lt=int(before))
    found = found.annotate(
        asked=Sum("lines__quantity"),
        arrived=Sum("lines__received"),
        decided=Sum("lines__inspected") + Sum("lines__missing"),
    )
    rows = list(found.order_by("-pk")[: PAGE + 1])
    shown = rows[:PAGE]
    return Listing(
        rows=[
            Row(rma, rma.asked or 0, rma.arrived or 0, rma.decided or 0, _since(rma))
            for rma in shown
        ],
        counts={
            name: sum(counts.get(state, 0) for state in states)
            for name, (_, states) in TABS.items()
            if name != "ended"
        },
        next=str(shown[-1].pk) if len(rows) > PAGE else "",
    )


def _since(rma: RMA) -> datetime:
    """When the return entered the state it is in."""
    moments = {
        "approved": rma.approved_at,
        "received": rma.received_at,
        "inspected": rma.inspected_at,
        "closed": rma.closed_at,
        "declined": rma.closed_at,
        "cancelled": rma.closed_at,
    }
    return moments.get(rma.state) or rma.requested_at


@dataclass(slots=True)
class LineRow:
    """A line of a return: what was asked, what arrived, what was decided, what is left to do."""

    row: RMALine
    title: str
    sku: str
    inspections: list[Inspection]

    @property
    def to_come(self) -> int:
        return self.row.quantity - self.row.received - self.row.missing

    @property
    def to_inspect(self) -> int:
        return self.row.received - self.row.inspected


@dataclass(slots=True)
class ReturnPage:
    """The whole page of a return."""

    rma: RMA
    answer: str
    lines: list[LineRow]
    locations: list[Location]
    refunds: list[Refund]
    shares: list[Share]
    delivery_left: Decimal
    days: list[Day]

    @property
    def to_come(self) -> int:
        return sum(line.to_come for line in self.lines)

    @property
    def to_inspect(self) -> int:
        return sum(line.to_inspect for line in self.lines)

    @property
    def worth(self) -> Decimal:
        return sum((share.amount for share in self.shares), Decimal(0))

    @property
    def can_receive(self) -> bool:
        return self.rma.state in (RMA.State.APPROVED, RMA.State.RECEIVED)

    @property
    def can_inspect(self) -> bool:
        return self.rma.state in (RMA.State.RECEIVED, RMA.State.CLOSED) and self.to_inspect > 0

    @property
    def can_close(self) -> bool:
        """Whether ending it would leave nothing undecided behind."""
        return (
            self.rma.state in (RMA.State.RECEIVED, RMA.State.INSPECTED)
            and not self.to_inspect
            and not self.to_come
        )


def read(rma: RMA, store: Store, zone: ZoneInfo) -> ReturnPage:
    """Read the page of one return."""
    rows = list(rma.lines.select_related("line").order_by("line__position", "pk"))
    seen: dict[int, list[Inspection]] = {}
    for inspection in Inspection.objects.filter(rma_line__rma=rma).select_related("location"):
        seen.setdefault(inspection.rma_line_id, []).append(inspection)
    lines = [
        LineRow(row, row.line.title or row.line.sku, row.line.sku, seen.get(row.pk, []))
        for row in rows
    ]
    refunds = list(rma.refunds.order_by("-pk"))
    delivery = rma.order.money.filter(column="owed", cause="delivery").aggregate(s=Sum("amount"))
    given = rma.order.refunds.exclude(state=Refund.State.CANCELLED).aggregate(s=Sum("shipping"))
    events = Event.objects.filter(
        Q(data__rma_id=rma.pk) | Q(data__refund_id__in=[refund.pk for refund in refunds]),
        order_id=rma.order_id,
    )
    refundable = rma.state not in (RMA.State.REQUESTED, RMA.State.DECLINED, RMA.State.CANCELLED)
    return ReturnPage(
        rma=rma,
        answer=answer(rma, lines, refunds, clock.now(), zone),
        lines=lines,
        locations=list(Location.objects.filter(store=store, active=True).order_by("name")),
        refunds=refunds,
        shares=shares_of(rma, rma.order.currency) if refundable else [],
        delivery_left=(delivery["s"] or Decimal(0)) - (given["s"] or Decimal(0)),
        days=days_of(list(events.order_by("-at", "-pk")[:200]), zone),
    )


def answer(
    rma: RMA, lines: list[LineRow], refunds: list[Refund], now: datetime, zone: ZoneInfo
) -> str:
    """Where the goods and the money of a return are, in a sentence or two. Pure."""
    asked = sum(line.row.quantity for line in lines)
    state = RMA.State
    match rma.state:
        case state.REQUESTED:
            since = words.day(rma.requested_at, now, zone)
            return f"Asked for {since}: {words.units(asked)}. Approve or decline it."
        case state.DECLINED:
            return f"Declined; {words.units(asked)} stay with the customer."
        case state.CANCELLED:
            return f"Called off; {words.units(asked)} stay with the customer."
    return " ".join(
        part for part in (_goods(rma, lines, asked, now, zone), _money(refunds)) if part
    )


def _goods(rma: RMA, lines: list[LineRow], asked: int, now: datetime, zone: ZoneInfo) -> str:
    arrived = sum(line.row.received for line in lines)
    missing = sum(line.row.missing for line in lines)
    waiting = sum(line.to_inspect for line in lines)
    if not arrived and not missing:
        since = words.day(rma.approved_at, now, zone) if rma.approved_at else "before"
        return f"{words.units(asked).capitalize()} may come back since {since}; none has arrived."
    place = f" at {words.short(rma.location.name)}" if rma.location else ""
    when = f" {words.day(rma.received_at, now, zone)}" if rma.received_at else ""
    parts = [f"{arrived:,} of {words.units(asked)} arrived{place}{when}"]
    if missing:
        parts.append(f"{missing:,} never did")
    if waiting:
        parts.append(f"{waiting:,} must be inspected")
    elif arrived:
        parts.append("all inspected")
    return "; ".join(parts) + "."


def _money(refunds: list[Refund]) -> str:
    open_ = [refund for refund in refunds if refund.state != Refund.State.CANCELLED]
    if not open_:
        return "No refund has been proposed."
    told = {
        Refund.State.PROPOSED: "waits for approval",
        Refund.State.APPROVED: "is on its way to Shopify",
        Refund.State.SUBMITTED: "was accepted by Shopify",
        Refund.State.FAILED: "was refused by Shopify",
    }
    return " ".join(
        f"{words.money(refund.owed, refund.currency)} {told[Refund.State(refund.state)]}."
        for refund in open_[:3]
    )
