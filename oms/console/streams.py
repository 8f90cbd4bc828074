"""Streams: everything that flows in or out, when it last worked, and what it said when not."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.http import HttpRequest, HttpResponse

from oms.console.access import needs
from oms.console.shell import MOST_COUNTED, counted, current_store, page
from oms.core import clock
from oms.core.models import Store, StreamMark

Facts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stream:
    """How a stream is called, how long it may be quiet (None: for ever), and what it found."""

    name: str
    quiet: timedelta | None
    says: Callable[[Facts], str]


def _orders(facts: Facts) -> str:
    gaps = len(facts.get("open", []))
    missing, healed = facts.get("missing", 0), facts.get("healed", 0)
    return f"{facts.get('looked_at', 0):,} compared, {missing:,} missing" + (
        (f", {healed:,} healed" if missing else "") + (f", {gaps:,} open" if gaps else "")
    )


# The marks that rooms leave in oms.core.streams; one that is not named here is shown as it is.
STREAMS = {
    "orders": Stream("Gap check of orders", timedelta(minutes=10), _orders),
    "stock": Stream(
        "Stock check", timedelta(hours=26), lambda facts: f"{facts.get('changed', 0):,} corrected"
    ),
    "counts": Stream(
        "Count plan",
        timedelta(hours=26),
        lambda facts: (
            f"{facts.get('levels', 0):,} levels, {facts.get('pulled', 0):,} to count early"
        ),
    ),
    "subscriptions": Stream(
        "Webhook subscriptions", None, lambda facts: f"{len(facts.get('made_last', []))} made again"
    ),
}
QUIET_DEFAULT = timedelta(minutes=30)
# What waits longer than this in front of a queue of ours is stuck.
WAITS_TOO_LONG = timedelta(minutes=5)


@dataclass(slots=True)
class StreamRow:
    """One stream as a person reads it."""

    name: str
    says: str
    last_success_at: datetime | None
    silent: bool
    error: str = ""


@needs("console.see_platform")
def streams(request: HttpRequest) -> HttpResponse:
    """The page of all streams."""
    rows = stream_rows(current_store(request))
    silent = sum(row.silent for row in rows)
    return page(request, "console/streams.html", {"rows": rows, "silent": silent})


def stream_rows(store: Store | None) -> list[StreamRow]:
    """Messages, write-backs and every mark of the store, the silent ones first; two queries."""
    if store is None:
        return []
    now = clock.now()
    marks = StreamMark.objects.filter(store=store).order_by("stream")
    rows = [*_both_ways(store.pk, now), *(_of_mark(mark, now) for mark in marks)]
    return sorted(rows, key=lambda row: not row.silent)


def _both_ways(store_id: int, now: datetime) -> list[StreamRow]:
    """What came in and what went out; a quiet shop is no fault, a queue that stands is."""
    with connection.cursor() as cursor:
        cursor.execute(_BOTH_WAYS, {"store": store_id, "most": MOST_COUNTED + 1})
        came_at, to_read, read_since, told_at, to_tell, tell_since = cursor.fetchone()
    rows = []
    for name, at, waiting, since in (
        ("Messages from Shopify", came_at, to_read, read_since),
        ("Write-backs to Shopify", told_at, to_tell, tell_since),
    ):
        if at is None and not waiting:
            continue
        stands = since is not None and now - since > WAITS_TOO_LONG
        rows.append(StreamRow(name, f"{counted(waiting)} waiting", at, silent=stands))
    return rows


_BOTH_WAYS = """
SELECT
  (SELECT received_at FROM core_inboxmessage WHERE store_id = %(store)s ORDER BY id DESC LIMIT 1),
  inbox.waiting, inbox.since,
  (SELECT finished_at FROM core_outboxintent
   WHERE store_id = %(store)s AND state = 'applied' ORDER BY id DESC LIMIT 1),
  outbox.waiting, outbox.since
FROM (
  SELECT count(*) AS waiting, min(received_at) AS since FROM (
    SELECT received_at FROM core_inboxmessage
    WHERE state = 'new' AND store_id = %(store)s ORDER BY due_at, id LIMIT %(most)s) AS i
) AS inbox, (
  SELECT count(*) AS waiting, min(created_at) AS since FROM (
    SELECT created_at FROM core_outboxintent
    WHERE state IN ('waiting', 'sending', 'unknown') AND store_id = %(store)s
    LIMIT %(most)s) AS o
) AS outbox
"""


def _of_mark(mark: StreamMark, now: datetime) -> StreamRow:
    stream = STREAMS.get(mark.stream) or Stream(
        mark.stream.replace("_", " ").capitalize(), QUIET_DEFAULT, lambda facts: ""
    )
    # A success empties it.
    failing = bool(mark.last_error)
    quiet = stream.quiet is not None and (
        mark.last_success_at is None or now - mark.last_success_at > stream.quiet
    )
    return StreamRow(
        name=stream.name,
        says=mark.last_error if failing else stream.says(mark.facts),
        last_success_at=mark.last_success_at,
        silent=quiet or failing,
        error=mark.last_error,
    )


PAGES = [("streams/", streams, "streams")]
