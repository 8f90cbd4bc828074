"""What the order page shows, read in a fixed number of queries, however large the order is."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db.models import Sum

from inventory.models import Location
from oms.console import sketch
from oms.console.order_units import Bucket, Group, Stock, bucket_totals, unit_groups
from oms.console.shell import zone_of
from oms.core import clock
from oms.core.models import OutboxIntent, Store, Timer
from oms.exceptions.kinds import sentence as case_sentence
from oms.exceptions.models import ExceptionCase
from oms.exceptions.sentences import TOLD
from oms.fulfillment.models import (
    FulfillmentOrder,
    FulfillmentOrderLine,
    Parcel,
    ParcelEvent,
    ParcelLine,
)
from oms.orders import answer, postal, timeline
from oms.orders.models import Event, Hold, MoneyEntry, Order, OrderLine, PaymentTransaction
from returns.models import RMA, Refund
from routing.explain import Explanation, explain
from routing.models import Decision

MOST_EVENTS = 200
MOST_WRITES = 50


@dataclass(slots=True)
class ParcelCard:
    """A parcel as support tells it: what is in it, who carries it, where it was seen last."""

    number: int
    row: Parcel
    place: str
    goods: str
    units: int
    left_at: datetime
    scan: ParcelEvent | None

    @property
    def tracking_url(self) -> str:
        """The carrier's page; anything but https stays plain text, whoever wrote it."""
        url = self.row.tracking_url
        return url if url.startswith("https://") else ""


@dataclass(slots=True)
class MoneyRow:
    """One amount of a column. `note` says why it did not move; then the amount is not counted."""

    words: str
    amount: Decimal
    note: str = ""


@dataclass(slots=True)
class Money:
    """The two columns, their totals and what is between them."""

    owed: list[MoneyRow]
    moved: list[MoneyRow]
    owed_total: Decimal
    moved_total: Decimal

    @property
    def difference(self) -> Decimal:
        return self.owed_total - self.moved_total

    @property
    def verdict(self) -> str:
        if not self.difference:
            return "agrees"
        return "not paid yet" if self.difference > 0 else "still to be paid back"


@dataclass(slots=True)
class Why:
    """A decision in words, with the map that shows what the words say."""

    decision: Decision
    policy: str
    title: str
    words: Explanation
    changes: list[str]
    map: sketch.Sketch | None
    others: list[tuple[int, datetime]]


@dataclass(slots=True)
class Case:
    """An open exception of the order."""

    row: ExceptionCase
    sentence: str
    owner: str


@dataclass(slots=True)
class WriteBack:
    """Something told to Shopify about this order, or about to be."""

    row: OutboxIntent
    words: str


@dataclass(slots=True)
class Day:
    """The events of one day, the newest first."""

    at: datetime
    events: list["Moment"] = field(default_factory=list)


@dataclass(slots=True)
class Moment:
    """One line of the timeline."""

    at: datetime
    sentence: str
    actor: str


@dataclass(slots=True)
class OrderPage:
    """The whole page, ready for a template that decides nothing."""

    order: Order
    answer: str
    buckets: list[Bucket]
    groups: list[Group]
    folded: bool
    lines: list[OrderLine]
    holds: list[Hold]
    past_holds: list[Hold]
    parcels: list[ParcelCard]
    to_come: int
    money: Money
    why: Why | None
    rmas: list[RMA]
    refunds: list[Refund]
    cases: list[Case]
    writes: list[WriteBack]
    days: list[Day]
    events: int
    more_events: bool
    waits: Timer | None

    @property
    def waiting_units(self) -> int:
        return sum(line.open + line.backordered for line in self.lines if line.ships)

    @property
    def can_hold(self) -> bool:
        """Whether a hold would stop anything, and nobody has set one yet."""
        movable = any(line.open or line.reserved or line.backordered for line in self.lines)
        return movable and not any(hold.kind == Hold.Kind.MANUAL for hold in self.holds)

    @property
    def returnable(self) -> list[tuple[OrderLine, int]]:
        """Lines with units that left and are in no open return, and how many."""
        asked: dict[int, int] = {}
        for rma in self.rmas:
            if rma.state in (RMA.State.DECLINED, RMA.State.CANCELLED, RMA.State.CLOSED):
                continue
            for line in rma.lines.all():
                asked[line.line_id] = asked.get(line.line_id, 0) + line.quantity - line.inspected
        left = [(line, line.shipped - asked.get(line.pk, 0)) for line in self.lines]
        return [(line, units) for line, units in left if units > 0]


def read(order: Order, store: Store, decision_id: int | None = None) -> OrderPage:
    """Read the page of one order. `decision_id` shows an older routing decision than the newest."""
    zone, now = zone_of(store), clock.now()
    lines = list(order.lines.select_related("item").order_by("position", "pk"))
    holds = list(order.holds.order_by("-placed_at"))
    timers = {
        timer.kind: timer
        for timer in Timer.objects.filter(kind__in=("route", "release"), subject_id=order.pk)
    }
    cases = _cases(order)
    stock = _stock(order, timers)
    money = _money(order)
    rmas = list(order.rmas.prefetch_related("lines").order_by("-pk"))
    waits = timers.get("route")
    parcels = _parcels(stock, lines)
    groups, folded = unit_groups(order, lines, stock, rmas, now, zone)
    held = [hold for hold in holds if hold.released_at is None]
    days, more_events = _timeline(order, zone)
    return OrderPage(
        order=order,
        answer=answer.answer(
            _facts(order, lines, held, stock, waits, cases, money, now, zone),
        ),
        buckets=bucket_totals(lines),
        groups=groups,
        folded=folded,
        lines=lines,
        holds=held,
        past_holds=[hold for hold in holds if hold.released_at is not None],
        parcels=parcels,
        to_come=sum(1 for work in stock.works if work.state not in ("shipped", "cancelled")),
        money=money,
        why=_why(order, stock, decision_id),
        rmas=rmas,
        refunds=list(order.refunds.select_related("rma").order_by("-pk")),
        cases=cases,
        writes=_writes(order),
        days=days,
        events=sum(len(day.events) for day in days),
        more_events=more_events,
        waits=waits if waits and any(line.open or line.backordered for line in lines) else None,
    )


def _stock(order: Order, timers: dict[str, Timer]) -> Stock:
    works = list(
        FulfillmentOrder.objects.filter(order=order).select_related("location").order_by("pk")
    )
    parcels = list(
        Parcel.objects.filter(shipment__fulfillment_order__order=order)
        .select_related("shipment__fulfillment_order__location")
        .order_by("shipment__shipped_at", "pk")
    )
    scans = ParcelEvent.objects.filter(parcel__shipment__fulfillment_order__order=order)
    return Stock(
        works=works,
        work_lines=list(FulfillmentOrderLine.objects.filter(fulfillment_order__order=order)),
        parcels=parcels,
        parcel_lines=list(
            ParcelLine.objects.filter(
                parcel__shipment__fulfillment_order__order=order
            ).select_related("work_line")
        ),
        scans={
            scan.parcel_id: scan
            for scan in scans.order_by("parcel_id", "-at", "-pk").distinct("parcel_id")
        },
        release_at=timers["release"].due_at if "release" in timers else None,
        waits=timers.get("route"),
    )


def _parcels(stock: Stock, lines: list[OrderLine]) -> list[ParcelCard]:
    titles = {line.pk: line.title or line.sku for line in lines}
    inside: dict[int, dict[str, int]] = {}
    for row in stock.parcel_lines:
        goods = inside.setdefault(row.parcel_id, {})
        title = titles.get(row.work_line.line_id, "a line that was removed")
        goods[title] = goods.get(title, 0) + row.quantity
    cards = []
    for number, parcel in enumerate(stock.parcels, start=1):
        goods = inside.get(parcel.pk, {})
        named = [f"{count} × {title}" for title, count in list(goods.items())[:3]]
        if len(goods) > 3:
            named.append(f"{len(goods) - 3:,} more")
        shipment = parcel.shipment
        cards.append(
            ParcelCard(
                number=number,
                row=parcel,
                place=shipment.fulfillment_order.location.name,
                goods=", ".join(named),
                units=sum(goods.values()),
                left_at=shipment.shipped_at,
                scan=stock.scans.get(parcel.pk),
            )
        )
    return cards


def _money(order: Order) -> Money:
    sums = {
        (column, cause): amount
        for column, cause, amount in MoneyEntry.objects.filter(order=order)
        .values_list("column", "cause")
        .annotate(Sum("amount"))
        .order_by("column", "cause")
    }
    owed = {cause: amount for (column, cause), amount in sums.items() if column == "owed"}
    rows = [MoneyRow("Items", owed.pop("items", Decimal(0)))]
    rows += [MoneyRow(words, owed.pop(cause)) for cause, words in _OWED.items() if owed.get(cause)]
    rows += [MoneyRow(cause.capitalize(), amount) for cause, amount in owed.items() if amount]
    moved = [
        _moved(transaction) for transaction in order.transactions.order_by("processed_at", "pk")
    ]
    return Money(
        owed=rows,
        moved=moved,
        owed_total=sum((a for (column, _), a in sums.items() if column == "owed"), Decimal(0)),
        moved_total=sum((a for (column, _), a in sums.items() if column == "moved"), Decimal(0)),
    )


_OWED = {
    "delivery": "Delivery",
    "tax": "Tax",
    "discount": "Discount",
    "edit": "Order edits",
    "cancel": "Cancelled units",
    "return": "Returned units",
    "refund": "Refunds",
}
_MOVED = {"sale": "Paid", "capture": "Paid", "refund": "Refunded", "change": "Change given"}


def _moved(row: PaymentTransaction) -> MoneyRow:
    words = f"{_MOVED.get(row.kind, row.kind.capitalize())}, {row.gateway or 'unknown gateway'}"
    if row.status != "success":
        return MoneyRow(words, row.amount, row.error or row.status)
    if row.kind not in _MOVED:
        return MoneyRow(words, row.amount, "moves no money")
    return MoneyRow(words, -row.amount if row.kind in ("refund", "change") else row.amount)


def _why(order: Order, stock: Stock, decision_id: int | None) -> Why | None:
    others = list(
        Decision.objects.filter(order=order).order_by("-pk").values_list("pk", "decided_at")[:12]
    )
    if not others:
        return None
    wanted = decision_id if decision_id in {pk for pk, _ in others} else others[0][0]
    decision = Decision.objects.select_related("version__policy").get(pk=wanted)
    words = explain(decision)
    chosen = [row.name for row in words.rows if row.chosen]
    changes = list(dict.fromkeys(row.would_change for row in words.rows if row.would_change))
    return Why(
        decision=decision,
        policy=str(decision.version),
        title=f"Why {' and '.join(chosen)}" if chosen else "Why no place",
        words=words,
        changes=changes[:4],
        map=_map(order, decision, stock),
        others=others if len(others) > 1 else [],
    )


def _map(order: Order, decision: Decision, stock: Stock) -> sketch.Sketch | None:
    latitude, longitude = order.ship_latitude, order.ship_longitude
    if latitude is None or longitude is None:
        found = postal.lookup(order.ship_country, order.ship_postal_code)
        if found is None:
            return None
        latitude, longitude = found
    chosen = {location_id for location_id, step, _ in decision.trace if step == "chosen"}
    location_of = {work.pk: work.location_id for work in stock.works}
    sent: dict[int, int] = {}
    for line in stock.work_lines:
        location_id = location_of[line.fulfillment_order_id]
        sent[location_id] = sent.get(location_id, 0) + line.shipped
    places = []
    for row in Location.objects.filter(pk__in=[entry[0] for entry in decision.trace]):
        if row.latitude is None or row.longitude is None:
            continue
        role = "ships" if row.pk in chosen else "lost"
        note = f"{sent[row.pk]} sent" if role == "ships" and sent.get(row.pk) else ""
        places.append(sketch.Place(row.name, row.latitude, row.longitude, role, note))
    target = sketch.Place(order.ship_city or "Customer", latitude, longitude)
    return sketch.draw(places, target)


def _cases(order: Order) -> list[Case]:
    rows = ExceptionCase.objects.filter(order=order, closed_at=None).select_related("owner", "team")
    return [
        Case(
            row=row,
            sentence=case_sentence(row.kind, row.facts),
            owner=(row.owner.get_full_name() or row.owner.get_username()) if row.owner else "",
        )
        for row in rows.order_by("due_at", "pk")
    ]


def _writes(order: Order) -> list[WriteBack]:
    rows = OutboxIntent.objects.filter(order_id=order.pk).order_by("-pk")[:MOST_WRITES]
    return [
        WriteBack(row, TOLD.get(row.topic, row.topic).removeprefix("the ").capitalize())
        for row in rows
    ]


def _timeline(order: Order, zone: ZoneInfo) -> tuple[list[Day], bool]:
    events = list(Event.objects.filter(order=order).order_by("-at", "-pk")[: MOST_EVENTS + 1])
    days: list[Day] = []
    for event in events[:MOST_EVENTS]:
        if not days or days[-1].at.astimezone(zone).date() != event.at.astimezone(zone).date():
            days.append(Day(event.at))
        actor = event.actor.partition(":")[2] or event.actor
        days[-1].events.append(Moment(event.at, timeline.sentence(event), actor))
    return days, len(events) > MOST_EVENTS


def _facts(
    order: Order,
    lines: list[OrderLine],
    held: list[Hold],
    stock: Stock,
    waits: Timer | None,
    cases: list[Case],
    money: Money,
    now: datetime,
    zone: ZoneInfo,
) -> answer.Facts:
    """The page's rows as the plain values that the sentence is made from."""
    units: dict[int, int] = {}
    for row in stock.parcel_lines:
        units[row.parcel_id] = units.get(row.parcel_id, 0) + row.quantity
    asked: dict[int, int] = {}
    for line in stock.work_lines:
        asked[line.fulfillment_order_id] = (
            asked.get(line.fulfillment_order_id, 0) + line.quantity - line.shipped
        )
    return answer.Facts(
        now=now,
        zone=zone,
        currency=order.currency,
        lines=[
            answer.Line(
                position=line.position,
                title=line.title,
                sku=line.sku,
                ships=line.ships,
                known=line.item_id is not None,
                open=line.open,
                reserved=line.reserved,
                backordered=line.backordered,
                released=line.released,
                shipped=line.shipped,
                cancelled=line.cancelled,
                returned=line.returned,
            )
            for line in lines
        ],
        holds=[answer.Held(hold.reason, hold.placed_at) for hold in held],
        works=[
            answer.Work(work.location.name, work.state, asked.get(work.pk, 0), stock.release_at)
            for work in stock.works
            if work.state in ("planned", "released", "picking", "packed") and asked.get(work.pk)
        ],
        sent=[
            answer.Sent(
                place=parcel.shipment.fulfillment_order.location.name,
                units=units.get(parcel.pk, 0),
                left_at=parcel.shipment.shipped_at,
                state=parcel.state,
                told_at=parcel.delivered_at or parcel.last_scan_at,
            )
            for parcel in stock.parcels
            if units.get(parcel.pk)
        ],
        waits=answer.Waits(waits.created_at, waits.waits_for) if waits else None,
        cancelled_at=order.cancelled_at,
        duties=[answer.Duty(case.row.due_at, case.owner, case.row.team.name) for case in cases],
        owed=money.owed_total,
        moved=money.moved_total,
    )
