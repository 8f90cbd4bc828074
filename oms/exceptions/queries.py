"""The queue as people read it: rows by due time, counts for the tabs, one case with everything.

Each function makes a fixed number of queries, whatever the size of the queue.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from oms.core.models import Store
from oms.exceptions import kinds
from oms.exceptions.models import Check, ExceptionCase, Note
from oms.exceptions.ways import Effect, Way
from oms.fulfillment.models import Parcel
from oms.orders.models import OrderLine

OVERDUE, TODAY, LATER = "overdue", "today", "later"
PAGE = 50


@dataclass(slots=True, frozen=True)
class Filters:
    """What the queue is narrowed to. Empty means: do not narrow."""

    store_id: int
    kind: str = ""
    team: str = ""
    owner_id: int | None = None
    unclaimed: bool = False
    due: str = ""
    location_id: int | None = None
    text: str = ""
    snoozed: bool = False


@dataclass(slots=True, frozen=True)
class Row:
    """One line of the queue. `orders` is how many orders it is about when it is not one."""

    id: int
    kind: str
    label: str
    sentence: str
    group: str
    order_id: int | None
    order_name: str
    orders: int
    at_stake: Decimal | None
    currency: str
    owner_id: int | None
    owner_name: str
    team: str
    severity: int
    due_at: datetime
    opened_at: datetime
    snoozed_until: datetime | None
    reopened: int
    version: int


@dataclass(slots=True, frozen=True)
class Page:
    """Rows in order of their due time; `after` is the key of the next page, None on the last."""

    rows: list[Row]
    after: tuple[datetime, int, int] | None


@dataclass(slots=True, frozen=True)
class Head:
    """A group of the queue: how many rows, and what is at stake in the currency of the store."""

    rows: int = 0
    at_stake: Decimal = Decimal(0)


@dataclass(slots=True)
class Tabs:
    """The numbers above the queue, all from one query."""

    open: int = 0
    mine: int = 0
    unclaimed: int = 0
    snoozed: int = 0
    groups: dict[str, Head] = field(default_factory=dict)


@dataclass(slots=True, frozen=True)
class Offer:
    """A way out as shown: what it does, or why it is not possible here."""

    way: Way
    effect: Effect | None
    hindrance: str


@dataclass(slots=True)
class Panel:
    """One case with everything a person needs to decide."""

    case: ExceptionCase
    label: str
    sentence: str
    check: str
    checked_at: datetime | None
    ways: list[Offer]
    notes: list[Note]
    closed_before: list[datetime | None]


def page(
    filters: Filters,
    *,
    now: datetime,
    after: tuple[datetime, int, int] | None = None,
    limit: int = PAGE,
) -> Page:
    """A page of the queue, sorted by due time, then severity. Two queries."""
    ends = today_ends(filters.store_id, now)
    cases = narrowed(filters, now=now, today_ends_at=ends)
    if after is not None:
        due_at, severity, id_ = after
        cases = cases.filter(
            Q(due_at__gt=due_at)
            | Q(due_at=due_at, severity__gt=severity)
            | Q(due_at=due_at, severity=severity, id__gt=id_),
            due_at__gte=due_at,
        )
    found = list(cases.order_by("due_at", "severity", "id").values_list(*_COLUMNS)[: limit + 1])
    rows = [_row(values, now=now, today_ends_at=ends) for values in found[:limit]]
    last = rows[-1] if len(found) > limit else None
    return Page(rows, (last.due_at, last.severity, last.id) if last else None)


def tabs(filters: Filters, *, user_id: int, now: datetime) -> Tabs:
    """Counts of the tabs and heads of the groups under these filters. Two queries."""
    ends = today_ends(filters.store_id, now)
    shown = awake(now)
    due = {
        OVERDUE: shown & Q(due_at__lt=now),
        TODAY: shown & Q(due_at__gte=now, due_at__lt=ends),
        LATER: shown & Q(due_at__gte=max(now, ends)),
    }
    counted = _searched(filters, _open(filters)).aggregate(
        open=Count("id", filter=shown),
        mine=Count("id", filter=shown & Q(owner_id=user_id)),
        unclaimed=Count("id", filter=shown & Q(owner_id=None)),
        snoozed=Count("id", filter=Q(closed_at=None) & ~shown),
        **{f"rows_{group}": Count("id", filter=which) for group, which in due.items()},
        **{f"stake_{group}": Sum("at_stake", filter=which) for group, which in due.items()},
    )
    return Tabs(
        open=counted["open"],
        mine=counted["mine"],
        unclaimed=counted["unclaimed"],
        snoozed=counted["snoozed"],
        groups={
            group: Head(counted[f"rows_{group}"], counted[f"stake_{group}"] or Decimal(0))
            for group in due
        },
    )


def counts_by_kind(store_id: int, *, now: datetime) -> list[dict[str, Any]]:
    """Open cases per kind: kind, label, rows, overdue, today, at_stake; most rows first."""
    ends = today_ends(store_id, now)
    rows = _counted(store_id, "kind", now=now, today_ends_at=ends)
    return [{**row, "label": kinds.label(row["kind"])} for row in rows]


def counts_by_owner(store_id: int, *, now: datetime) -> list[dict[str, Any]]:
    """Open cases per owner: owner_id (None: unclaimed), name, rows, overdue, today, at_stake."""
    ends = today_ends(store_id, now)
    rows = _counted(
        store_id,
        "owner_id",
        "owner__first_name",
        "owner__last_name",
        "owner__username",
        now=now,
        today_ends_at=ends,
    )
    return [
        {
            "owner_id": row["owner_id"],
            "name": _name(
                row["owner__first_name"], row["owner__last_name"], row["owner__username"]
            ),
            **{key: row[key] for key in ("rows", "overdue", "today", "at_stake")},
        }
        for row in rows
    ]


def panel(case_id: int) -> Panel | None:
    """One case: facts, order, ways out with their effect, notes. Four queries and the previews'."""
    case = (
        ExceptionCase.objects.select_related("store", "order", "owner", "team")
        .filter(pk=case_id)
        .first()
    )
    if case is None:
        return None
    kind = kinds.KINDS.get(case.kind)
    # What was noted when the same thing was wrong before still helps.
    same = ExceptionCase.objects.filter(
        store_id=case.store_id, kind=case.kind, subject=case.subject
    )
    return Panel(
        case=case,
        label=kinds.label(case.kind),
        sentence=kinds.sentence(case.kind, case.facts),
        check=kind.check if kind else "",
        checked_at=Check.objects.filter(kind=case.kind)
        .values_list("checked_at", flat=True)
        .first(),
        ways=[_offer(way, case) for way in kind.ways] if kind and not case.closed_at else [],
        notes=list(Note.objects.filter(case__in=same).order_by("id")),
        closed_before=list(
            same.exclude(pk=case.pk).order_by("id").values_list("closed_at", flat=True)
        ),
    )


def of_order(order_id: int) -> list[Row]:
    """The open cases of one order, snoozed ones too. One query."""
    cases = ExceptionCase.objects.filter(order_id=order_id, closed_at=None)
    return [
        _row(values, now=None, today_ends_at=None)
        for values in cases.order_by("due_at", "severity", "id").values_list(*_COLUMNS)
    ]


def awake(now: datetime) -> Q:
    """Open and not snoozed: what the queue shows."""
    return Q(closed_at=None) & (Q(snoozed_until=None) | Q(snoozed_until__lte=now))


def narrowed(
    filters: Filters, *, now: datetime, today_ends_at: datetime
) -> QuerySet[ExceptionCase]:
    """The open cases that these filters leave."""
    cases = _searched(filters, _open(filters))
    cases = cases.exclude(awake(now)) if filters.snoozed else cases.filter(awake(now))
    if filters.due == OVERDUE:
        return cases.filter(due_at__lt=now)
    if filters.due == TODAY:
        return cases.filter(due_at__gte=now, due_at__lt=today_ends_at)
    if filters.due == LATER:
        return cases.filter(due_at__gte=max(now, today_ends_at))
    return cases


def today_ends(store_id: int, now: datetime) -> datetime:
    """Midnight at the store."""
    zone = ZoneInfo(Store.objects.values_list("timezone", flat=True).get(pk=store_id))
    tomorrow = now.astimezone(zone).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), zone)


def _open(filters: Filters) -> QuerySet[ExceptionCase]:
    cases = ExceptionCase.objects.filter(store_id=filters.store_id, closed_at=None)
    if filters.kind:
        cases = cases.filter(kind=filters.kind)
    if filters.team:
        cases = cases.filter(team__name=filters.team)
    if filters.owner_id is not None:
        cases = cases.filter(owner_id=filters.owner_id)
    if filters.unclaimed:
        cases = cases.filter(owner=None)
    if filters.location_id is not None:
        cases = cases.filter(facts__location_id=filters.location_id)
    return cases


def _searched(filters: Filters, cases: QuerySet[ExceptionCase]) -> QuerySet[ExceptionCase]:
    text = filters.text.strip()
    if not text:
        return cases
    lines = OrderLine.objects.filter(order_id=OuterRef("order_id"), sku__istartswith=text)
    parcels = Parcel.objects.filter(
        shipment__fulfillment_order__order_id=OuterRef("order_id"),
        tracking_number__istartswith=text,
    )
    return cases.filter(
        Q(order__name__istartswith=text)
        | Q(order__name__istartswith=f"#{text}")
        | Q(order__ship_name__icontains=text)
        | Q(order__email__iexact=text)
        | Q(facts__sku__istartswith=text)
        | Q(facts__tracking__istartswith=text)
        | Exists(lines)
        | Exists(parcels)
    )


def _counted(
    store_id: int, *by: str, now: datetime, today_ends_at: datetime
) -> list[dict[str, Any]]:
    return list(
        ExceptionCase.objects.filter(awake(now), store_id=store_id)
        .values(*by)
        .annotate(
            rows=Count("id"),
            overdue=Count("id", filter=Q(due_at__lt=now)),
            today=Count("id", filter=Q(due_at__gte=now, due_at__lt=today_ends_at)),
            at_stake=Coalesce(Sum("at_stake"), Decimal(0)),
        )
        .order_by("-rows", *by)
    )


_COLUMNS = (
    "id",
    "kind",
    "facts",
    "order_id",
    "order__name",
    "at_stake",
    "order__currency",
    "store__currency",
    "owner_id",
    "owner__first_name",
    "owner__last_name",
    "owner__username",
    "team__name",
    "severity",
    "due_at",
    "opened_at",
    "snoozed_until",
    "reopened",
    "version",
)


def _row(values: Sequence[Any], *, now: datetime | None, today_ends_at: datetime | None) -> Row:
    (
        id_,
        kind,
        facts,
        order_id,
        order_name,
        at_stake,
        order_currency,
        store_currency,
        owner_id,
        first_name,
        last_name,
        username,
        team,
        severity,
        due_at,
        opened_at,
        snoozed_until,
        reopened,
        version,
    ) = values
    group = ""
    if now is not None and today_ends_at is not None:
        group = OVERDUE if due_at < now else TODAY if due_at < today_ends_at else LATER
    return Row(
        id=id_,
        kind=kind,
        label=kinds.label(kind),
        sentence=kinds.sentence(kind, facts),
        group=group,
        order_id=order_id,
        order_name=order_name or "",
        orders=1 if order_id else int(facts.get("orders") or 0),
        at_stake=at_stake,
        currency=order_currency or store_currency,
        owner_id=owner_id,
        owner_name=_name(first_name, last_name, username),
        team=team,
        severity=severity,
        due_at=due_at,
        opened_at=opened_at,
        snoozed_until=snoozed_until,
        reopened=reopened,
        version=version,
    )


def _name(first_name: str | None, last_name: str | None, username: str | None) -> str:
    return f"{first_name or ''} {last_name or ''}".strip() or username or ""


def _offer(way: Way, case: ExceptionCase) -> Offer:
    hindrance = way.hindrance(case)
    return Offer(way, None if hindrance else way.preview(case), hindrance)
