"""Streams: everything that flows in or out, when it last worked, and what it said when not."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.http import HttpRequest, HttpResponse

from oms.console.access import needs
from oms.console.shell import current_store, page
from oms.core import clock
from oms.core.models import Store, StreamMark

# How long a stream may be quiet before somebody should look. A daily sweep may be quiet for a day.
SILENT_AFTER = {"sweep.daily": timedelta(hours=26), "payouts": timedelta(hours=26)}
SILENT_DEFAULT = timedelta(minutes=30)


@dataclass(slots=True)
class StreamRow:
    """One stream as a person reads it."""

    name: str
    says: str
    last_success_at: datetime | None
    silent: bool
    error: str


@needs("console.see_platform")
def streams(request: HttpRequest) -> HttpResponse:
    """The page of all streams."""
    rows = stream_rows(current_store(request))
    silent = sum(row.silent for row in rows)
    return page(request, "console/streams.html", {"rows": rows, "silent": silent})


def stream_rows(store: Store | None) -> list[StreamRow]:
    """Every stream of the store, the silent ones first; one query."""
    if store is None:
        return []
    now = clock.now()
    marks = StreamMark.objects.filter(store=store).order_by("stream")
    rows = [_row(mark, now) for mark in marks]
    return sorted(rows, key=lambda row: not row.silent)


def _row(mark: StreamMark, now: datetime) -> StreamRow:
    limit = SILENT_AFTER.get(mark.stream, SILENT_DEFAULT)
    quiet = mark.last_success_at is None or now - mark.last_success_at > limit
    failing = mark.last_error_at is not None and (
        mark.last_success_at is None or mark.last_error_at > mark.last_success_at
    )
    return StreamRow(
        name=mark.stream.replace(".", ", ").replace("_", " ").capitalize(),
        says=mark.last_error if failing else _facts(mark.facts),
        last_success_at=mark.last_success_at,
        silent=quiet or failing,
        error=mark.last_error if failing else "",
    )


def _facts(facts: dict[str, object]) -> str:
    return ", ".join(f"{value} {word.replace('_', ' ')}" for word, value in facts.items())


PAGES = [("streams/", streams, "streams")]
