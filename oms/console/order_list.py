"""The list of orders: filters and keyset pages, newest first, fit for a million orders."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Lower
from django.db.models.lookups import Exact
from django.utils.dateparse import parse_date, parse_datetime

from oms.core.models import Store, Timer
from oms.fulfillment.models import FulfillmentOrder
from oms.orders.models import Hold, Order, OrderLine
from oms.orders.queries import standings

PAGE = 50
MOST_COUNTED = 1_000
STATES = {
    "open": "Open",
    "waiting": "Waiting",
    "held": "Held",
    "shipped": "Shipped",
}


@dataclass(slots=True, frozen=True)
class Filters:
    """What the address asks for. Nonsense in it is dropped, so that an old link still opens."""

    state: str = ""
    channel: str = ""
    text: str = ""
    sku: str = ""
    since: date | None = None
    until: date | None = None

    @classmethod
    def of(cls, query: dict[str, str]) -> "Filters":
        return cls(
            state=query.get("state", "") if query.get("state") in STATES else "",
            channel=query.get("channel", "").replace("\x00", "")[:64],
            text=query.get("text", "").replace("\x00", "").strip()[:120],
            sku=query.get("sku", "").replace("\x00", "").strip()[:120],
            since=_date(query.get("since", "")),
            until=_date(query.get("until", "")),
        )

    def __bool__(self) -> bool:
        return self != Filters()


@dataclass(slots=True)
class Row:
    """An order in one line."""

    order: Order
    standing: str
    units: int


@dataclass(slots=True)
class Page:
    """One page of rows; `next` is where the following one begins, empty on the last."""

    rows: list[Row]
    count: str
    next: str = ""


def read(store: Store, filters: Filters, before: str, zone: ZoneInfo) -> Page:
    """The page of orders placed before the mark `before`; four queries."""
    found = matching(store, filters, zone)
    counted = found.order_by()[: MOST_COUNTED + 1].count()
    if mark := _mark(before):
        found = found.filter(Q(placed_at__lt=mark[0]) | Q(placed_at=mark[0], pk__lt=mark[1]))
    orders = list(found.order_by("-placed_at", "-pk")[: PAGE + 1])
    more, orders = len(orders) > PAGE, orders[:PAGE]
    words = standings(order.pk for order in orders)
    last = orders[-1] if orders else None
    return Page(
        rows=[Row(order, *words[order.pk]) for order in orders],
        count=f"{MOST_COUNTED:,}+" if counted > MOST_COUNTED else f"{counted:,}",
        next=f"{last.placed_at.isoformat()}_{last.pk}" if more and last else "",
    )


def matching(store: Store, filters: Filters, zone: ZoneInfo) -> QuerySet[Order]:
    """The orders that fit. Few orders are unfinished: those states start from partial indexes."""
    found = Order.objects.filter(store=store)
    match filters.state:
        case "held":
            found = found.filter(pk__in=_held())
        case "waiting":
            in_vain = Timer.objects.filter(kind="route").exclude(waits_for="")
            found = found.filter(
                pk__in=_backordered().union(in_vain.values("subject_id"), all=True)
            )
        case "open":
            to_route = Timer.objects.filter(kind="route").values("subject_id")
            parts = (to_route, _at_work(), _unknown(), _held())
            found = found.filter(pk__in=_backordered().union(*parts, all=True))
        case "shipped":
            # Most orders: read newest first, each asked whether anything of it is unfinished.
            mine = OuterRef("pk")
            found = found.filter(
                Exists(OrderLine.objects.filter(order=mine).filter(_left())),
                ~Exists(OrderLine.objects.filter(order=mine, ships=True).filter(_unfinished())),
            )
    if filters.channel:
        found = found.filter(channel=filters.channel)
    if filters.since:
        found = found.filter(placed_at__gte=_midnight(filters.since, zone))
    if filters.until:
        found = found.filter(placed_at__lt=_midnight(filters.until + timedelta(days=1), zone))
    if filters.sku:
        lines = OrderLine.objects.filter(item__store=store, item__sku=filters.sku)
        found = found.filter(pk__in=lines.values("order_id"))
    if filters.text:
        found = found.filter(_named(filters.text))
    return found


def _held() -> QuerySet[Hold, Any]:
    return Hold.objects.filter(released_at=None).values("order_id")


def _backordered() -> QuerySet[OrderLine, Any]:
    return OrderLine.objects.filter(backordered__gt=0).values("order_id")


def _unknown() -> QuerySet[OrderLine, Any]:
    lines = OrderLine.objects.filter(item=None, ships=True, open__gt=0)
    return lines.values("order_id")


def _at_work() -> QuerySet[FulfillmentOrder, Any]:
    states = ("planned", "released", "picking", "packed")
    return FulfillmentOrder.objects.filter(state__in=states).values("order_id")


def _left() -> Q:
    return Q(shipped__gt=0) | Q(returned__gt=0)


def _unfinished() -> Q:
    return Q(open__gt=0) | Q(reserved__gt=0) | Q(backordered__gt=0) | Q(released__gt=0)


def _named(text: str) -> Q:
    number = text.lstrip("#")
    named = Q(name__startswith=f"#{number}") | Q(name__startswith=number)
    if "@" in text:
        return Q(Exact(Lower("email"), text.lower()))
    return named | Q(ship_name__icontains=text) if len(text) >= 3 else named


def channels(store: Store) -> list[str]:
    """The channels of the newest orders, for the filter."""
    newest = Order.objects.filter(store=store).order_by("-placed_at", "-pk").values("channel")
    rows = Order.objects.filter(pk__in=newest[:2000].values("pk")).exclude(channel="")
    return list(rows.order_by("channel").values_list("channel", flat=True).distinct())


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, tzinfo=zone)


def _date(text: str) -> date | None:
    try:
        found = parse_date(text)
    except ValueError:
        return None
    return found if found and 1970 <= found.year <= 9000 else None


def _mark(text: str) -> tuple[datetime, int] | None:
    moment, _, pk = text.rpartition("_")
    try:
        at = parse_datetime(moment)
    except ValueError:
        return None
    return (at, int(pk)) if at and at.tzinfo and pk.isdecimal() and len(pk) < 19 else None
