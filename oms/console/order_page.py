"""What the order page shows, read in a fixed number of queries, however large the order is."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from inventory.models import SupplyPromise
from oms.console.order_money import Money, read_money
from oms.console.order_units import Bucket, Group, Stock, bucket_totals, unit_groups
from oms.console.order_why import Why, read_why
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
from oms.orders import answer, timeline
from oms.orders.models import Event, Hold, Order, OrderLine
from returns.commands import returnable
from returns.models import RMA, Refund
from returns.refunds import left_to_refund

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
    returnable: list[tuple[OrderLine, int]]
    left_to_refund: Decimal

    @property
    def waiting_units(self) -> int:
        return sum(line.open + line.backordered for line in self.lines if line.ships)

    @property
    def can_hold(self) -> bool:
        """Whether a hold would stop anything, and nobody has set one yet."""
        movable = any(
            line.ships and (line.open or line.reserved or line.backordered) for line in self.lines
        )
        return movable and not any(hold.kind == Hold.Kind.MANUAL for hold in self.holds)


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
    money = read_money(order)
    rmas = list(order.rmas.prefetch_related("lines").order_by("-pk"))
    waits = timers.get("route")
    parcels = _parcels(stock, lines)
    groups, folded = unit_groups(order, lines, stock, rmas, now, zone)
    held = [hold for hold in holds if hold.released_at is None]
    free = returnable(order.pk)
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
        why=read_why(order, stock, decision_id),
        rmas=rmas,
        refunds=list(order.refunds.select_related("rma").order_by("-pk")),
        cases=cases,
        writes=_writes(order),
        days=days,
        events=sum(len(day.events) for day in days),
        more_events=more_events,
        waits=waits if waits and any(line.open or line.backordered for line in lines) else None,
        returnable=[(line, free[line.pk]) for line in lines if free.get(line.pk, 0) > 0],
        left_to_refund=max(left_to_refund(order.pk), Decimal(0)),
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
        promises=list(
            SupplyPromise.objects.filter(line__order=order, state=SupplyPromise.State.PENDING)
            .select_related("supply_line__supply")
            .order_by("promised_for", "pk")
        ),
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
    return days_of(events[:MOST_EVENTS], zone), len(events) > MOST_EVENTS


def days_of(events: Sequence[Event], zone: ZoneInfo) -> list[Day]:
    """Events, newest first, under the days of the store's clock."""
    days: list[Day] = []
    for event in events:
        if not days or days[-1].at.astimezone(zone).date() != event.at.astimezone(zone).date():
            days.append(Day(event.at))
        actor = event.actor.partition(":")[2] or event.actor
        days[-1].events.append(Moment(event.at, timeline.sentence(event), actor))
    return days


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
        promised=[
            answer.Promised(promise.quantity, promise.promised_for)
            for promise in stock.promises
            if promise.promised_for
        ],
        cancelled_at=order.cancelled_at,
        at_till=order.channel == "pos",
        duties=[answer.Duty(case.row.due_at, case.owner, case.row.team.name) for case in cases],
        owed=money.owed_total,
        moved=money.moved_total,
    )
