"""One count: the page of the person who counts, and of the one who looks at what differs."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from inventory.commands import count_review as review
from inventory.commands import counting
from inventory.commands.counting import Entry, State
from inventory.models import CountLine, CountSession
from oms.console import count_page
from oms.console.access import may, needs
from oms.console.acting import act, row_id, text_of, whole_number
from oms.console.orders import whom_to_ask
from oms.console.shell import current_store, page
from oms.core.actor import Actor, of_user
from oms.core.errors import Refused
from oms.orders.words import count_of

COUNT, APPROVE = "console.count_stock", "console.approve_counts"


@require_safe
@needs(COUNT)
def count(request: HttpRequest, pk: int) -> HttpResponse:
    """An open count is counted here, a submitted one is looked at."""
    return _show(request, _session(request, pk))


@require_POST
@needs(COUNT)
def scan(request: HttpRequest, pk: int) -> HttpResponse:
    """A SKU or barcode came from the scanner: open its line, or say that it is not here."""
    session = _session(request, pk)
    code = text_of(request, "code", 120)
    line_id = count_page.line_of_code(session, code) if code else None
    if line_id:
        return redirect(f"{address(session)}?line={line_id}")
    item = count_page.item_of_code(session.store_id, code)
    return _show(request, session, stray=(code, item))


@require_POST
@needs(COUNT)
def add(request: HttpRequest, pk: int) -> HttpResponse:
    """What stands there and was not on the list is counted too."""
    session = _session(request, pk)
    sku = text_of(request, "sku", 120)

    def to_line() -> str:
        line_id = count_page.line_of_code(session, sku)
        return f"{address(session)}?line={line_id}" if line_id else address(session)

    return _act(
        request,
        session,
        "add",
        lambda: counting.add_to_count(
            session_id=session.pk, skus=[sku], actor=of_user(request.user)
        ),
        f"{sku} is in this count now.",
        back=to_line,
    )


@require_POST
@needs(COUNT)
def enter(request: HttpRequest, pk: int) -> HttpResponse:
    """So many stand there, now."""
    session = _session(request, pk)
    line = get_object_or_404(
        CountLine.objects.select_related("level__item"), pk=row_id(request, "line"), session=session
    )

    def run() -> None:
        entry = Entry(line.level_id, whole_number(text_of(request, "counted", 20)))
        counting.enter_count(session_id=session.pk, entries=[entry], actor=of_user(request.user))

    return _act(request, session, "enter", run, "", back=f"{address(session)}?done={line.pk}")


@require_POST
@needs(COUNT)
def submit(request: HttpRequest, pk: int) -> HttpResponse:
    """Everything that can be counted is counted: compare."""
    session, actor = _session(request, pk), of_user(request.user)
    try:
        done = counting.submit_count(session_id=session.pk, actor=actor)
        if not done.differ:
            review.post_count(session_id=session.pk, actor=actor)
    except Refused as refusal:
        refused = {"name": "submit", "why": refusal.sentence}
        return _show(request, session, refused=refused, status=409)
    said = [f"{count_of(done.counted, 'level')} counted, {done.differ:,} differ."]
    if not done.differ:
        said = [f"{count_of(done.counted, 'level')} counted, all as expected; the count is posted."]
    if done.dropped:
        said.append(f"{count_of(done.dropped, 'level')} not counted: left as it was.")
    messages.success(request, " ".join(said))
    return redirect(address(session))


@require_POST
@needs(COUNT)
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """End it without posting anything."""
    session = _session(request, pk)
    return _act(
        request,
        session,
        "cancel",
        lambda: counting.cancel_count(session_id=session.pk, actor=of_user(request.user)),
        f"Count {session.pk} is cancelled; nothing of it is posted.",
    )


@require_POST
@needs(COUNT)
def decide(request: HttpRequest, pk: int) -> HttpResponse:
    """What the review page asks for: reasons, approval, a recount, refusal, posting."""
    session, actor = _session(request, pk), of_user(request.user)
    does = request.POST.get("do", "")
    if does not in ACTS:
        return redirect(address(session))
    ability, command = ACTS[does]
    if not may(request.user, ability):
        who = whom_to_ask([ability])[ability.partition(".")[2]]
        refused = {"name": "review", "why": f"You may not do this; ask {who}."}
        return _show(request, session, refused=refused, status=403)
    said: list[str] = []

    def run() -> None:
        # What was chosen on the form counts, whichever button sent it.
        if session.state == State.REVIEW and (reasons := _reasons(request)):
            review.explain_lines(session_id=session.pk, reasons=reasons, actor=actor)
        said.append(command(session, _ticked(request, session), actor))

    try:
        run()
    except Refused as refusal:
        session.refresh_from_db()
        refused = {"name": "review", "why": refusal.sentence}
        return _show(request, session, refused=refused, status=409)
    messages.success(request, said[0])
    return redirect(address(session))


def _save(session: CountSession, line_ids: list[int], actor: Actor) -> str:
    return "The reasons are noted."


def _approve(session: CountSession, line_ids: list[int], actor: Actor) -> str:
    done = review.approve_lines(session_id=session.pk, line_ids=_some(line_ids), actor=actor)
    return f"{count_of(done, 'line')} approved."


def _recount(session: CountSession, line_ids: list[int], actor: Actor) -> str:
    done = review.recount_lines(session_id=session.pk, line_ids=_some(line_ids), actor=actor)
    return f"{count_of(done, 'line')} to be counted again; what was counted stays as it is."


def _drop(session: CountSession, line_ids: list[int], actor: Actor) -> str:
    done = review.drop_lines(session_id=session.pk, line_ids=_some(line_ids), actor=actor)
    return f"{count_of(done, 'line')} refused: our number stays."


def _post(session: CountSession, line_ids: list[int], actor: Actor) -> str:
    posted = review.post_count(session_id=session.pk, actor=actor)
    return (
        f"Count {session.pk} is posted."
        if posted.state == State.POSTED
        else f"Count {session.pk} is being posted; a long one takes a moment."
    )


ACTS: dict[str, tuple[str, Callable[[CountSession, list[int], Actor], str]]] = {
    "save": (COUNT, _save),
    "approve": (APPROVE, _approve),
    "recount": (COUNT, _recount),
    "drop": (APPROVE, _drop),
    "post": (COUNT, _post),
}


def _some(line_ids: list[int]) -> list[int]:
    if not line_ids:
        raise Refused("Tick the lines first.")
    return line_ids


def _ticked(request: HttpRequest, session: CountSession) -> list[int]:
    """The ticked lines; with “all” every line that differs and is still to be decided."""
    if "all" in request.POST:
        rows = CountLine.objects.filter(session=session, expected__isnull=False)
        open_rows = rows.filter(state__in=["review", "counted"]).order_by("pk")
        return [line.pk for line in open_rows if line.variance and not line.approved_by]
    return [int(text) for text in request.POST.getlist("line") if text.isdecimal()]


def _reasons(request: HttpRequest) -> dict[int, str]:
    found = {}
    for field, value in request.POST.items():
        name, _, id_ = field.rpartition("-")
        if name == "reason" and id_.isdecimal() and value:
            found[int(id_[:18])] = str(value)
    return found


def address(session: CountSession) -> str:
    return reverse("admin:count", args=[session.pk])


def _session(request: HttpRequest, pk: int) -> CountSession:
    return get_object_or_404(
        CountSession.objects.select_related("location", "store"),
        pk=pk,
        store=current_store(request),
    )


def _act(
    request: HttpRequest,
    session: CountSession,
    name: str,
    run: Callable[[], object],
    done: str,
    *,
    back: str | Callable[[], str] = "",
) -> HttpResponse:
    def show(refused: dict[str, str]) -> HttpResponse:
        session.refresh_from_db()
        return _show(request, session, refused=refused, status=409)

    if done:
        return act(request, name, run, done=done, back=back or address(session), show=show)
    try:
        run()
    except Refused as refusal:
        return show({"name": name, "why": refusal.sentence})
    return redirect(back if isinstance(back, str) else back())


def _show(
    request: HttpRequest,
    session: CountSession,
    *,
    refused: dict[str, str] | None = None,
    stray: tuple[str, object] | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {"session": session, "refused": refused or {}, "stray": stray}
    if session.state == State.OPEN:
        return _show_open(request, session, context, status)
    ended = session.state in (State.POSTED, State.CANCELLED)
    shows = not session.blind or ended or may(request.user, APPROVE)
    lines, more = count_page.differing(session, page=_page_of(request)) if shows else ([], False)
    context |= {
        "totals": count_page.totals(session),
        "shows": shows,
        "lines": lines,
        "quiet": count_page.quiet_lines(session) if shows else [],
        "more": more,
        "page_number": _page_of(request),
        "reasons": CountLine.Reason.choices,
        "own": _own(request, session, lines),
        "may_approve": may(request.user, APPROVE),
        "ask": whom_to_ask([APPROVE])["approve_counts"],
        "in_review": session.state == State.REVIEW,
        "posting": session.state == State.POSTING,
        "currency": session.store.currency,
    }
    return page(request, "console/count_review.html", context, status=status)


def _show_open(
    request: HttpRequest, session: CountSession, context: dict[str, object], status: int
) -> HttpResponse:
    tab = "counted" if request.GET.get("tab") == "counted" else "to_count"
    number = _page_of(request)
    lines, more = count_page.lines_to_count(session, counted=tab == "counted", page=number)
    wanted = request.POST.get("line") or request.GET.get("line", "")
    done = request.GET.get("done", "")
    context |= {
        "progress": count_page.progress(session),
        "line": count_page.line_to_count(session, _id(wanted)) if wanted else None,
        "done": count_page.line_to_count(session, _id(done)) if done else None,
        "lines": lines,
        "tab": tab,
        "more": more,
        "page_number": number,
        "typed": text_of(request, "counted", 20),
    }
    return page(request, "console/count.html", context, status=status)


def _own(request: HttpRequest, session: CountSession, lines: list[count_page.Differs]) -> str:
    """Why this person cannot approve, when it is so for every line."""
    me = of_user(request.user)
    if session.submitted_by == str(me):
        return "You submitted this count, so somebody else approves what differs."
    if lines and all(line.counted_by == str(me) for line in lines):
        return "You counted this, so somebody else approves what differs."
    return ""


def _page_of(request: HttpRequest) -> int:
    text = request.GET.get("page", "")
    return max(int(text), 1) - 1 if text.isascii() and text.isdecimal() and len(text) < 5 else 0


def _id(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0


PAGES = [
    ("counts/<int:pk>/", count, "count"),
    ("counts/<int:pk>/scan/", scan, "count_scan"),
    ("counts/<int:pk>/add/", add, "count_add"),
    ("counts/<int:pk>/enter/", enter, "count_enter"),
    ("counts/<int:pk>/submit/", submit, "count_submit"),
    ("counts/<int:pk>/cancel/", cancel, "count_cancel"),
    ("counts/<int:pk>/decide/", decide, "count_decide"),
]
