"""The list of the queue page: what the address asks for, tabs, groups, and when it has changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from django.db import connection

from oms.console.shell import counted
from oms.exceptions import queries
from oms.exceptions.kinds import FINANCE
from oms.exceptions.queries import LATER, OVERDUE, TODAY, Filters, Row

PAGE_ROWS = 100

TABS = {
    "all": "All open",
    "mine": "Mine",
    "unclaimed": "Unclaimed",
    "overdue": "Overdue",
    "today": "Due today",
    "money": "Money",
    "snoozed": "Snoozed",
}
GROUPS = {OVERDUE: "Overdue", TODAY: "Due today", LATER: "Later"}


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
            kind=query.get("kind", "")[:32].replace("\0", ""),
            location=_id(query.get("location", "")),
            owner=query.get("owner", "")
            if query.get("owner") in ("mine", "none")
            else _id(query.get("owner", "")),
            words=query.get("q", "").replace("\0", "").strip()[:80],
            after=query.get("after", ""),
        )

    @property
    def is_filtered(self) -> bool:
        return bool(self.kind or self.location or self.owner or self.words)

    def narrowing(self, store_id: int, user_id: int) -> Filters:
        """The filters without the tab: what the numbers on the tabs count."""
        owner_id = user_id if self.owner == "mine" else int(_id(self.owner) or 0) or None
        return Filters(
            store_id=store_id,
            kind=self.kind,
            owner_id=owner_id,
            unclaimed=self.owner == "none",
            location_id=int(self.location) if self.location else None,
            text=self.words,
        )

    def filters(self, store_id: int, user_id: int) -> Filters:
        """The filters with the tab."""
        base = self.narrowing(store_id, user_id)
        match self.tab:
            case "mine":
                return replace(base, owner_id=user_id)
            case "unclaimed":
                return replace(base, unclaimed=True)
            case "overdue" | "today":
                return replace(base, due=self.tab)
            case "money":
                return replace(base, team=FINANCE)
            case "snoozed":
                return replace(base, snoozed=True)
        return base


@dataclass(slots=True)
class Group:
    """Rows of one due band, with how many there are in all and the money at stake."""

    code: str
    title: str
    count: str
    at_stake: Decimal
    rows: list[Row] = field(default_factory=list)


@dataclass(slots=True)
class Tab:
    code: str
    word: str
    count: str
    red: bool = False


@dataclass(slots=True)
class Listing:
    """One page of the queue."""

    tabs: list[Tab]
    groups: list[Group]
    shown: int
    next_key: str


def listing(store_id: int, asked: Asked, *, user_id: int, now: datetime) -> Listing:
    """Tabs, groups and rows; the number of queries does not depend on the size of the queue."""
    base = asked.narrowing(store_id, user_id)
    chosen = asked.filters(store_id, user_id)
    numbers = queries.tabs(base, user_id=user_id, now=now)
    money = queries.tabs(replace(base, team=FINANCE), user_id=user_id, now=now)
    heads = queries.tabs(chosen, user_id=user_id, now=now).groups
    page = queries.page(chosen, now=now, after=_key(asked.after), limit=PAGE_ROWS)
    counts = {
        "all": numbers.open,
        "mine": numbers.mine,
        "unclaimed": numbers.unclaimed,
        "overdue": numbers.groups[OVERDUE].rows,
        "today": numbers.groups[TODAY].rows,
        "money": money.open,
        "snoozed": numbers.snoozed,
    }
    groups = []
    for code, title in GROUPS.items():
        if rows := [row for row in page.rows if row.group == code]:
            # Heads count what is awake; snoozed rows count themselves.
            total = len(rows) if asked.tab == "snoozed" else heads[code].rows
            groups.append(Group(code, title, counted(total), heads[code].at_stake, rows))
    return Listing(
        tabs=[
            Tab(code, word, counted(counts[code]), red=code == OVERDUE and counts[code] > 0)
            for code, word in TABS.items()
            if counts[code] or code not in ("money", "snoozed") or code == asked.tab
        ],
        groups=groups,
        shown=len(page.rows),
        next_key=f"{page.after[0].isoformat()}_{page.after[1]}_{page.after[2]}"
        if page.after
        else "",
    )


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


def _id(text: str) -> str:
    """The text when it can be a row number, else nothing."""
    return text if text.isascii() and text.isdecimal() and len(text) <= 18 else ""


def _key(after: str) -> tuple[datetime, int, int] | None:
    at, _, rest = after.partition("_")
    severity, _, number = rest.partition("_")
    if not _id(severity) or not _id(number):
        return None
    try:
        return datetime.fromisoformat(at), int(severity), int(number)
    except ValueError:
        return None
