"""What the refund page shows: the equation, what explains it, and the rows to resolve."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from oms.core.models import Store
from oms.exceptions.models import ExceptionCase
from oms.orders import words
from returns import reconciliation
from returns.models import Refund
from returns.reconciliation import STATES, TO_RESOLVE, Month, Period, Refunded, Sums

PAGE = 50
LONG_ON_ITS_WAY = 5

TABS: dict[str, tuple[str, tuple[str, ...]]] = {
    "resolve": ("To resolve", TO_RESOLVE),
    "on_its_way": ("On its way", (reconciliation.ON_ITS_WAY,)),
    "matched": ("Matched", (reconciliation.MATCHED,)),
    "all": ("All", tuple(STATES)),
}


@dataclass(slots=True, frozen=True)
class StateRow:
    """One line of the table: a state, refunds by age, and the money."""

    code: str
    words: str
    resolve: bool
    ages: list[int]
    sums: Sums


@dataclass(slots=True, frozen=True)
class Check:
    """One thing that must hold before a month agrees."""

    holds: bool
    words: str
    link_words: str = ""
    tab: str = ""


@dataclass(slots=True, frozen=True)
class ListRow:
    """A refund in one line."""

    row: Refunded
    key: str
    state: str
    differs: str
    age_days: int
    owner: str


def month_named(text: str, today: date) -> date:
    """The first day of the month that the address names, 2026-11; else of this month."""
    this = today.replace(day=1)
    named = re.fullmatch(r"(20[0-9]{2})-(0[1-9]|1[0-2])", text)
    return min(date(int(named[1]), int(named[2]), 1), this) if named else this


def neighbours(month: date, today: date) -> list[date]:
    """The month before, the month itself, the one after unless it has not begun."""
    before = (month - timedelta(days=1)).replace(day=1)
    after = (month + timedelta(days=32)).replace(day=1)
    return [before, month, *([after] if after <= today else [])]


def state_rows(report: Month) -> tuple[list[StateRow], list[StateRow]]:
    """The rows where nothing is to do, and those to resolve; always all of them, zeros too."""
    rows = [
        StateRow(code, name, code in TO_RESOLVE, report.ages[code], report.by_state[code])
        for code, name in STATES.items()
    ]
    return [row for row in rows if not row.resolve], [row for row in rows if row.resolve]


def explained(report: Month) -> list[str]:
    """What the difference is made of, in one or two sentences."""
    unsure = report.by_state["no_decision"].refunds
    wrong = report.to_resolve - unsure
    if not report.total.refunds:
        return ["No refund was made in this month."]
    said = []
    if wrong:
        verb = "explains" if wrong == 1 else "explain"
        said.append(f"{words.count_of(wrong, 'refund')} {verb} all of it.")
    else:
        said.append("Every refund agrees with its money.")
    if unsure:
        verb = "agrees in money but has" if unsure == 1 else "agree in money but have"
        more = " more" if wrong else ""
        said.append(f"{unsure:,}{more} {verb} no decision on the goods.")
    return said


def checks(report: Month, currency: str) -> list[Check]:
    """What must hold for a month to agree."""
    late = sum(report.ages[reconciliation.ON_ITS_WAY][2:])
    unsure = report.by_state["no_decision"].refunds
    wrong = report.to_resolve - unsure
    # Too much here and too little there may add up to nothing: each refund has to agree.
    return [
        Check(
            not late,
            f"No refund on its way over {LONG_ON_ITS_WAY} days",
            words.count_of(late, "refund") if late else "",
            "on_its_way",
        ),
        Check(
            not wrong,
            "Difference is 0.00, refund by refund",
            f"{words.count_of(wrong, 'refund')}, {words.money(report.total.difference, currency)}"
            if wrong
            else "",
            "resolve",
        ),
        Check(
            not unsure,
            "All goods decided",
            words.count_of(unsure, "return") if unsure else "",
            "no_decision",
        ),
    ]


def rows_of(period: Period, states: Sequence[str], page: int) -> tuple[list[ListRow], bool]:
    """One page of the list, largest difference first, and whether more follow."""
    found = reconciliation.refunds(period, states=states, limit=PAGE + 1, offset=page * PAGE)
    owners = _owners({row.order_id for row in found})
    rows = [
        ListRow(
            row=row,
            key=f"r{row.refund_id}" if row.refund_id else f"t{row.transaction_id}",
            state=STATES.get(row.state, row.state),
            differs=differs(row, period.currency),
            age_days=max((period.now - row.created_at).days, 0),
            owner=owners.get(row.order_id, ""),
        )
        for row in found[:PAGE]
    ]
    return rows, len(found) > PAGE


def differs(row: Refunded, currency: str) -> str:
    """What is wrong with a refund, in a few words. Pure."""
    if row.error:
        return f"Refused: {words.short(row.error, 60)}"
    gap = words.money(abs(row.difference), currency)
    match row.state:
        case "nothing":
            return "Accepted by Shopify; no transaction moved it"
        case "too_little":
            return f"{gap} of it has not moved"
        case "too_much":
            return f"{gap} more moved than is owed"
        case "twice":
            return f"The same amount moved twice, {gap} too much"
        case "outside" if row.refund_id is None:
            return "Refunded at the gateway; no refund in Shopify"
        case "outside":
            return "Refunded outside Switchyard; nobody has said what for"
        case "no_decision":
            return "Money agrees; the goods are not all inspected"
        case "on_its_way":
            return "Sent; the gateway has not settled it"
    return "Agrees"


def _owners(order_ids: set[int]) -> dict[int, str]:
    cases = ExceptionCase.objects.filter(
        order_id__in=order_ids, kind__in=("refund_differs", "refund_waiting"), closed_at=None
    ).select_related("owner", "team")
    return {
        case.order_id: (case.owner.get_full_name() or case.owner.get_username())
        if case.owner
        else case.team.name.capitalize()
        for case in cases
        if case.order_id
    }


def waiting_for_approval(store: Store) -> list[Refund]:
    """Refunds that somebody proposed and nobody has decided, the oldest first."""
    rows = Refund.objects.filter(store=store, state=Refund.State.PROPOSED)
    return list(rows.select_related("order", "rma").order_by("created_at", "pk")[:200])
