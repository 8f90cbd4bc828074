"""The refund page: does it add up, and if not, which ones?"""

from collections.abc import Callable
from datetime import date
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from oms.console import refund_facts, refund_page
from oms.console.access import may, needs
from oms.console.acting import act, text_of
from oms.console.orders import whom_to_ask
from oms.console.shell import current_store, page, zone_of
from oms.core import clock
from oms.core.actor import of_user
from returns import reconciliation, settlement
from returns import refunds as money
from returns.models import Refund

APPROVE = "console.approve_refunds"


@require_safe
@needs("console.see_refunds")
def refunds(request: HttpRequest) -> HttpResponse:
    """The month as an equation, the states and ages that explain it, and the rows to resolve."""
    return _show(request)


@require_POST
@needs(APPROVE)
def approve(request: HttpRequest, pk: int) -> HttpResponse:
    """Approve a proposed refund."""
    refund, actor = _refund(request, pk), of_user(request.user)
    return _act(
        request,
        f"approve-{refund.pk}",
        lambda: money.approve(refund_id=refund.pk, actor=actor),
        "The refund is approved and goes to Shopify.",
    )


@require_POST
@needs(APPROVE)
def send_again(request: HttpRequest, pk: int) -> HttpResponse:
    """Send a refund once more that Shopify refused."""
    refund, actor = _refund(request, pk), of_user(request.user)
    return _act(
        request,
        "again",
        lambda: money.send_again(refund_id=refund.pk, actor=actor),
        "The refund is sent again.",
    )


@require_POST
@needs(APPROVE)
def give_up(request: HttpRequest, pk: int) -> HttpResponse:
    """Decide that a refund is not made; it is no longer owed."""
    refund, actor = _refund(request, pk), of_user(request.user)
    return _act(
        request,
        f"give_up-{refund.pk}",
        lambda: money.cancel(refund_id=refund.pk, reason=text_of(request, "reason"), actor=actor),
        "The refund is not made, and no longer owed.",
    )


@require_POST
@needs(APPROVE)
def accept(request: HttpRequest, pk: int) -> HttpResponse:
    """Agree with money that moved outside."""
    refund, actor = _refund(request, pk), of_user(request.user)
    return _act(
        request,
        "accept",
        lambda: settlement.accept_outside(
            refund_id=refund.pk, reason=text_of(request, "reason"), actor=actor
        ),
        "The money that moved outside is accepted.",
    )


def _act(request: HttpRequest, name: str, run: Callable[[], object], done: str) -> HttpResponse:
    kept = {word: request.GET[word] for word in ("month", "tab") if word in request.GET}
    return act(
        request,
        name,
        run,
        done=done,
        back=f"{reverse('admin:refunds')}?{urlencode(kept)}",
        show=lambda refused: _show(request, refused=refused, status=409),
    )


def _show(
    request: HttpRequest, *, refused: dict[str, str] | None = None, status: int = 200
) -> HttpResponse:
    store = current_store(request)
    if store is None:
        return page(request, "console/refunds.html", {"report": None}, status=status)
    now, zone = clock.now(), zone_of(store)
    today = now.astimezone(zone).date()
    month = refund_page.month_named(request.GET.get("month", ""), today)
    period = reconciliation.month_of(store, month, now)
    report = reconciliation.month(period)
    quiet, loud = refund_page.state_rows(report)
    tab, states = _tab(request)
    number = _page_number(request)
    waiting = refund_page.waiting_for_approval(store)
    rows, more = ([], False) if tab == "approve" else refund_page.rows_of(period, states, number)
    open_row = _open_row(request, rows)
    context = {
        "report": report,
        "currency": period.currency,
        "month": month,
        "months": _months(month, today),
        "explained": refund_page.explained(report),
        "quiet": quiet,
        "loud": loud,
        "ages": reconciliation.AGES,
        "ages_total": report.ages_total,
        "checks": refund_page.checks(report, period.currency),
        "tabs": _tabs(report, len(waiting)),
        "tab": tab,
        "state_words": reconciliation.STATES.get(tab, ""),
        "rows": rows,
        "waiting": waiting,
        "opened": refund_facts.opened(open_row, period, zone) if open_row else None,
        "page_number": number,
        "next_page": number + 2 if more else 0,
        "can_approve": may(request.user, APPROVE),
        "ask": whom_to_ask([APPROVE])["approve_refunds"],
        "refused": refused,
        "query": request.GET.urlencode(),
    }
    return page(request, "console/refunds.html", context, status=status)


def _tab(request: HttpRequest) -> tuple[str, tuple[str, ...]]:
    """Which list: a tab, one state of the table, or the refunds that wait for approval."""
    tab = request.GET.get("tab", "resolve")
    if tab == "approve":
        return tab, ()
    if tab in refund_page.TABS:
        return tab, refund_page.TABS[tab][1]
    if tab in reconciliation.STATES:
        return tab, (tab,)
    return "resolve", refund_page.TABS["resolve"][1]


def _tabs(report: reconciliation.Month, waiting: int) -> list[tuple[str, str, int]]:
    counted = [
        (name, words, sum(report.by_state[state].refunds for state in states))
        for name, (words, states) in refund_page.TABS.items()
    ]
    return [counted[0], ("approve", "To approve", waiting), *counted[1:]]


def _months(month: date, today: date) -> list[tuple[str, str, bool]]:
    return [
        (f"{day:%Y-%m}", f"{day:%b}" if day.year == today.year else f"{day:%b %Y}", day == month)
        for day in refund_page.neighbours(month, today)
    ]


def _page_number(request: HttpRequest) -> int:
    text = request.GET.get("page", "")
    return max(int(text), 1) - 1 if text.isascii() and text.isdecimal() and len(text) < 6 else 0


def _open_row(request: HttpRequest, rows: list[refund_page.ListRow]) -> refund_page.ListRow | None:
    wanted = request.GET.get("open", "")
    return next((row for row in rows if row.key == wanted), None)


def _refund(request: HttpRequest, pk: int) -> Refund:
    return get_object_or_404(Refund, pk=pk, store=current_store(request))


PAGES = [
    ("refunds/", refunds, "refunds"),
    ("refunds/<int:pk>/approve/", approve, "refund_approve"),
    ("refunds/<int:pk>/again/", send_again, "refund_again"),
    ("refunds/<int:pk>/give-up/", give_up, "refund_give_up"),
    ("refunds/<int:pk>/accept/", accept, "refund_accept"),
]
