"""The rows of the exception queue: tabs, filters, groups by due time, pages by key. Reads only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.db import connection
from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import Upper

from oms.console.shell import counted
from oms.console.words import moment
from oms.exceptions.kinds import KINDS
from oms.exceptions.models import ExceptionCase

PAGE_ROWS = 100
MONEY_KINDS = [code for code, kind in KINDS.items() if kind.team == "finance"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for; every part may be empty."""

    tab: str = "all"
    kind: str = ""
    location: str = ""
    owner: str = ""
    words: str = ""
    after: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Asked":
        tab = query.get("tab", "all")
        return cls(
            tab=tab if tab in TABS else "all",
            kind=query.get("kind", ""),
            location=query.get("location", "") if query.get("location", "").isdecimal() else "",
            owner=query.get("owner", ""),
            words=query.get("q", "").replace("\0", "").strip()[:80],
            after=query.get("after", ""),
        )

    @property
    def is_filtered(self) -> bool:
        return bool(self.kind or self.location or self.owner or self.words)


@dataclass(slots=True)
class Group:
    """Rows of one due band, with how many there are in all and the money at stake."""

    code: str
    title: str
    count: str
    at_stake: Decimal | None
    rows: list[ExceptionCase] = field(default_factory=list)


@dataclass(slots=True)
class Tab:
    code: str
    word: str
    count: str
    red: bool = False


# code -> word; the filter of each stands in _tab().
TABS = {
    "all": "All open",
    "mine": "Mine",
    "unclaimed": "Unclaimed",
    "overdue": "Overdue",
    "today": "Due today",
    "money": "Money",
    "snoozed": "Snoozed",
}


def rows_of(
    store_id: int, asked: Asked, *, user_id: int, now: datetime, ends: datetime
) -> tuple[list[Group], str]:
    """The groups with their rows, and the key of the next page (empty when this is the last).

    Three queries: the sums, the rows with order and owner.
    """
    cases = _filtered(store_id, asked, user_id, now, ends)
    sums = cases.aggregate(
        **{
            f"{what}_{code}": expression
            for code, band in _bands(now, ends).items()
            for what, expression in (
                ("n", Count("id", filter=band)),
                ("m", Sum("at_stake", filter=band)),
            )
        }
    )
    page = cases.select_related("order", "owner").order_by("due_at", "id")
    if after := _key(asked.after):
        page = page.filter(Q(due_at__gt=after[0]) | Q(due_at=after[0], id__gt=after[1]))
    found = list(page[: PAGE_ROWS + 1])
    next_key = ""
    if len(found) > PAGE_ROWS:
        found.pop()
        next_key = f"{found[-1].due_at.isoformat()}_{found[-1].pk}"
    titles = {
        "overdue": "Overdue",
        "today": "Due today" if ends > now else "Due",
        "later": "Later",
    }
    groups = [
        Group(code, title, counted(sums[f"n_{code}"]), sums[f"m_{code}"])
        for code, title in titles.items()
        if sums[f"n_{code}"]
    ]
    by_code = {group.code: group for group in groups}
    for case in found:
        code = "overdue" if case.due_at < now else "today" if case.due_at < ends else "later"
        if code in by_code:
            by_code[code].rows.append(case)
    return [group for group in groups if group.rows], next_key


def tabs_of(store_id: int, *, user_id: int, now: datetime, ends: datetime) -> list[Tab]:
    """Every tab with its count, in one query."""
    cases = ExceptionCase.objects.filter(store_id=store_id, closed_at=None)
    numbers = cases.aggregate(
        **{code: Count("id", filter=_tab(code, user_id, now, ends)) for code in TABS}
    )
    return [
        Tab(code, word, counted(numbers[code]), red=code == "overdue" and numbers[code] > 0)
        for code, word in TABS.items()
        if numbers[code] or code not in ("money", "snoozed")
    ]


def next_due(store_id: int, now: datetime) -> str:
    """When the next open case falls due, in words; empty when none is open."""
    first = (
        ExceptionCase.objects.filter(store_id=store_id, closed_at=None, due_at__gte=now)
        .order_by("due_at")
        .values_list("due_at", flat=True)
        .first()
    )
    return moment(first, now) if first else ""


def stamp(now: datetime) -> str:
    """Changes whenever a case or a note does, and each minute since "48 min late" does too.

    Two look-ups at the end of an index: the history of cases is written by the database itself.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce((SELECT max(pgh_id) FROM exceptions_exceptioncaseevent), 0),"
            " coalesce((SELECT max(id) FROM exceptions_note), 0)"
        )
        cases, notes = cursor.fetchone()
    return f"{cases}-{notes}-{int(now.timestamp()) // 60}"


def _filtered(
    store_id: int, asked: Asked, user_id: int, now: datetime, ends: datetime
) -> QuerySet[ExceptionCase]:
    cases = ExceptionCase.objects.filter(store_id=store_id, closed_at=None)
    cases = cases.filter(_tab(asked.tab, user_id, now, ends))
    if asked.kind:
        cases = cases.filter(kind=asked.kind)
    if asked.location:
        cases = cases.filter(facts__location_id=int(asked.location))
    if asked.owner == "none":
        cases = cases.filter(owner=None)
    elif asked.owner == "mine":
        cases = cases.filter(owner_id=user_id)
    elif asked.owner.isdecimal():
        cases = cases.filter(owner_id=int(asked.owner))
    if words := asked.words:
        cases = cases.alias(ship_name_upper=Upper(F("order__ship_name"))).filter(
            Q(order__name__in=[words, f"#{words.lstrip('#')}"])
            | Q(facts__sku__iexact=words)
            | Q(facts__tracking__iexact=words)
            | Q(facts__code__iexact=words)
            | Q(facts__number__iexact=words)
            | Q(ship_name_upper__contains=words.upper())
        )
    return cases


def _tab(code: str, user_id: int, now: datetime, ends: datetime) -> Q:
    asleep = Q(snoozed_until__gt=now)
    if code == "snoozed":
        return asleep
    return (
        ~asleep
        & {
            "all": Q(),
            "mine": Q(owner_id=user_id),
            "unclaimed": Q(owner=None),
            "overdue": Q(due_at__lt=now),
            "today": Q(due_at__gte=now, due_at__lt=ends),
            "money": Q(kind__in=MONEY_KINDS),
        }[code]
    )


def _bands(now: datetime, ends: datetime) -> dict[str, Q]:
    return {
        "overdue": Q(due_at__lt=now),
        "today": Q(due_at__gte=now, due_at__lt=ends),
        "later": Q(due_at__gte=ends),
    }


def _key(after: str) -> tuple[datetime, int] | None:
    at, _, number = after.rpartition("_")
    if not at or not number.isdecimal():
        return None
    try:
        return datetime.fromisoformat(at), int(number)
    except ValueError:
        return None
