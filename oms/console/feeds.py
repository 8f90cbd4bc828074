"""Stock files: loaded as a dry run, read row by row, then applied, approved or refused."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_POST, require_safe

from inventory.feeds import applying, checking, deciding, report
from inventory.models import FeedRow, Location, StockFeed
from oms.console.access import may, needs
from oms.console.acting import act, text_of
from oms.console.exports import export
from oms.console.orders import whom_to_ask
from oms.console.shell import current_store, page, zone_of
from oms.console.uploads import MOST_BYTES, MOST_WORDS
from oms.core.actor import of_user
from oms.core.errors import Refused
from oms.core.models import Store

LOAD, APPROVE = "console.load_feeds", "console.approve_feeds"
PAGE, ROWS = 50, 100
# A small file is applied while the person waits, a big one by the job.
SECONDS = 1.5
BARS = {
    "applied": "done", "good": "done", "unchanged": "rest", "merged": "rest", "held": "hold",
    "stale": "late", "not_ours": "late", "bad": "off", "refused": "off",
}  # fmt: skip


@dataclass(slots=True, frozen=True)
class Slice:
    """One outcome in the bar: where it begins and how wide it is, in thousandths."""

    outcome: str
    words: str
    count: int
    kind: str
    begins: int
    width: int


@require_safe
@needs(LOAD)
def feeds(request: HttpRequest) -> HttpResponse:
    """The feeds of the store, newest first, and the form for a new one."""
    return _list(request)


@require_POST
@needs(LOAD)
def upload(request: HttpRequest) -> HttpResponse:
    """Check a file; nothing changes until somebody applies it."""
    store = _store(request)
    try:
        feed = checking.check_file(
            store_id=store.pk,
            file=_file(request).file,
            name=_file(request).name,
            source=text_of(request, "source", 40),
            kind=text_of(request, "kind", 20),
            source_time=_moment(request, store),
            place=text_of(request, "place", 120),
            actor=of_user(request.user),
        )
    except Refused as refusal:
        return _list(request, {"name": "upload", "why": refusal.sentence}, status=409)
    return redirect("admin:feed", feed.pk)


@require_safe
@needs(LOAD)
def feed(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The report of one feed, whole or by outcome, also as a file."""
    found = _feed(request, pk)
    if "format" in request.GET:
        heading, *rows = report.lines(found, _outcome(request))
        return export(request, f"feed-{found.pk}", [str(word) for word in heading], rows)
    return _show(request, found)


@require_POST
@needs(LOAD)
def apply(request: HttpRequest, pk: int) -> HttpResponse:
    """Let the good rows through."""
    found, actor = _feed(request, pk), of_user(request.user)

    def run() -> None:
        deciding.apply(feed_id=found.pk, actor=actor)
        applying.drain(SECONDS, store_id=found.store_id)

    return _act(request, found, "apply", run, "The file is being applied.")


@require_POST
@needs(APPROVE)
def approve(request: HttpRequest, pk: int) -> HttpResponse:
    """Let the held rows through; never by who loaded them."""
    found, actor = _feed(request, pk), of_user(request.user)

    def run() -> None:
        deciding.approve(feed_id=found.pk, actor=actor)
        applying.drain(SECONDS, store_id=found.store_id)

    return _act(request, found, "approve", run, "Approved; what was held is being applied.")


@require_POST
@needs(LOAD)
def refuse(request: HttpRequest, pk: int) -> HttpResponse:
    """Drop what is not applied yet."""
    found, actor = _feed(request, pk), of_user(request.user)
    reason = text_of(request, "reason")
    return _act(
        request,
        found,
        "refuse",
        lambda: deciding.refuse(feed_id=found.pk, reason=reason, actor=actor),
        "Refused; nothing more of it will be applied.",
    )


def _list(
    request: HttpRequest, refused: dict[str, str] | None = None, *, status: int = 200
) -> HttpResponse:
    store = current_store(request)
    before = request.GET.get("before", "")
    rows: list[StockFeed] = []
    if store:
        found = StockFeed.objects.filter(store=store).order_by("-pk")
        if before.isdecimal() and len(before) < 19:
            found = found.filter(pk__lt=int(before))
        rows = list(found[: PAGE + 1])
    context = {
        "rows": [(row, report.counts(row)) for row in rows[:PAGE]],
        "next": rows[PAGE - 1].pk if len(rows) > PAGE else None,
        "before": before,
        "kinds": StockFeed.Kind.choices,
        "places": list(Location.objects.filter(store=store).order_by("name", "pk")),
        "filled": request.POST,
        "refused": refused,
        "limit": MOST_WORDS,
    }
    return page(request, "console/feeds.html", context, status=status)


def _show(
    request: HttpRequest,
    found: StockFeed,
    refused: dict[str, str] | None = None,
    *,
    status: int = 200,
) -> HttpResponse:
    if refused:
        found = _feed(request, found.pk)
    outcome, counts = _outcome(request), report.counts(found)
    after = request.GET.get("after", "")
    after_number = int(after) if after.isdecimal() and len(after) < 10 else 0
    rows = list(report.rows(found, outcome, after=after_number)[: ROWS + 1])
    actor = of_user(request.user)
    context = {
        "feed": found,
        "answer": answer(found, counts),
        "slices": slices(counts),
        "progress": report.progress(found),
        "rows": rows[:ROWS],
        "next": rows[ROWS - 1].number if len(rows) > ROWS else None,
        "after": after_number,
        "outcome": outcome,
        "outcome_words": report.WORDS.get(outcome, ""),
        "last": found.facts.get("last", 0),
        "own": deciding.is_own(found, actor),
        "can_approve": may(request.user, APPROVE),
        "ask": whom_to_ask([APPROVE]),
        "refused": refused,
    }
    return page(request, "console/feed.html", context, status=status)


def answer(found: StockFeed, counts: dict[str, int]) -> str:
    """The feed in one sentence."""
    source, rows = found.source.upper(), f"{found.rows:,} rows"
    match found.state:
        case StockFeed.State.CHECKED:
            return f"{counts.get('good', 0):,} of {rows} from {source} would change stock."
        case StockFeed.State.APPLYING:
            return f"{source}: {report.progress(found).percent}% of {rows} gone through."
        case StockFeed.State.HELD:
            return f"{counts.get('held', 0) or found.rows:,} rows from {source} wait for approval."
        case StockFeed.State.REFUSED:
            return f"This file from {source} was refused; it changed nothing."
    return f"{counts.get('applied', 0):,} of {rows} from {source} changed stock."


def slices(counts: dict[str, int]) -> list[Slice]:
    """The bar: every outcome that occurs is seen, however few its rows are."""
    total, begins, found = sum(counts.values()), 0, []
    for outcome, count in counts.items():
        width = max(round(1000 * count / total), 4)
        found.append(Slice(outcome, report.WORDS[outcome], count, BARS[outcome], begins, width))
        begins += width
    return found


def _act(
    request: HttpRequest, found: StockFeed, name: str, run: Callable[[], object], done: str
) -> HttpResponse:
    return act(
        request,
        name,
        run,
        done=done,
        back=reverse("admin:feed", args=[found.pk]),
        show=lambda refused: _show(request, found, refused, status=409),
    )


def _file(request: HttpRequest) -> Any:
    """The uploaded file: small ones are in memory, others on disk."""
    file = request.FILES.get("file")
    if not isinstance(file, UploadedFile) or not file.name:
        raise Refused("Choose a file.")
    if (file.size or 0) > MOST_BYTES:
        raise Refused(f"The file is larger than {MOST_WORDS}; load it with manage.py load_stock.")
    return file


def _moment(request: HttpRequest, store: Store) -> datetime:
    try:
        moment = parse_datetime(text_of(request, "at", 40))
    except ValueError:
        moment = None
    if moment is None:
        raise Refused("Say which moment the numbers speak of.")
    return moment if moment.tzinfo else moment.replace(tzinfo=zone_of(store))


def _outcome(request: HttpRequest) -> str:
    outcome = request.GET.get("outcome", "")
    return outcome if outcome in FeedRow.Outcome.values else ""


def _store(request: HttpRequest) -> Store:
    return get_object_or_404(Store, pk=getattr(current_store(request), "pk", None))


def _feed(request: HttpRequest, pk: int) -> StockFeed:
    return get_object_or_404(StockFeed, pk=pk, store=current_store(request))


PAGES = [
    ("feeds/", feeds, "feeds"),
    ("feeds/upload/", upload, "feed_upload"),
    ("feeds/<int:pk>/", feed, "feed"),
    ("feeds/<int:pk>/apply/", apply, "feed_apply"),
    ("feeds/<int:pk>/approve/", approve, "feed_approve"),
    ("feeds/<int:pk>/refuse/", refuse, "feed_refuse"),
]
