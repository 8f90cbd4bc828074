"""The dry run: a file is read whole, each row gets its outcome and reason, and no stock changes."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, BinaryIO

from django.db import IntegrityError, transaction

from inventory.authority import OWN_NAMES
from inventory.commands.rules import source_name
from inventory.feeds import reading, staging, texts, weighing
from inventory.feeds.reading import Table
from inventory.models import StockFeed
from oms.core.actor import Actor
from oms.core.clock import now
from oms.core.errors import Refused
from oms.core.failpoints import failpoint
from oms.core.models import Store
from oms.core.sql import execute, fetch

# A file that names at least so many filled levels is held whole when it empties more than this
# part of them, or moves more than this part of their units.
FILE_LEVELS, FILE_ZEROED, FILE_MOVED = 20, 0.30, 0.50


def check_file(
    *,
    store_id: int,
    file: BinaryIO,
    name: str,
    source: str,
    kind: str,
    source_time: datetime,
    actor: Actor,
    place: str = "",
    request_key: str = "",
) -> StockFeed:
    """Check a CSV or XLSX file; the same file again gives the feed that is there already.

    `place` is meant for every row of a file that has no column for it.
    """
    survey = texts.survey(file)

    def table() -> Table:
        changes = kind == StockFeed.Kind.DELTA
        return reading.open_table(file, survey=survey, changes=changes)

    return _check(
        StockFeed(
            store_id=store_id, name=name[:200], source=source, kind=kind, digest=survey.digest,
            source_time=source_time, request_key=request_key,
        ),
        table, place=place, actor=actor,
    )  # fmt: skip


def check_rows(
    *,
    store_id: int,
    rows: Sequence[Mapping[str, Any]],
    source: str,
    kind: str,
    source_time: datetime,
    actor: Actor,
    place: str = "",
    request_key: str = "",
) -> StockFeed:
    """Check rows that came through the API. The same key with other rows is refused."""
    content = json.dumps(rows, sort_keys=True, default=str).encode()

    def table() -> Table:
        return reading.open_records(rows, changes=kind == StockFeed.Kind.DELTA)

    return _check(
        StockFeed(
            store_id=store_id, name=request_key or "API", source=source, kind=kind,
            digest=hashlib.sha256(content).hexdigest(), source_time=source_time,
            request_key=request_key,
        ),
        table, place=place, actor=actor,
    )  # fmt: skip


def _check(feed: StockFeed, table: Callable[[], Table], *, place: str, actor: Actor) -> StockFeed:
    feed.source = source_name(feed.source)
    if feed.source in OWN_NAMES:
        raise Refused(f"{feed.source} does not send files; name the system that made this one.")
    if feed.kind not in StockFeed.Kind.values:
        raise Refused("Say whether the file is full, absolute or has changes (delta).")
    if feed.source_time > now():
        raise Refused("The time the numbers speak of is in the future.")
    if known := _known(feed):
        return known
    feed.received_by, feed.received_by_user_id = str(actor), actor.user_id
    try:
        with transaction.atomic():
            execute("SELECT set_config('jit', 'off', true), set_config('work_mem', '64MB', true)")
            feed.save()
            _read(feed, table(), place)
            failpoint("feeds.check.before_commit")
    except IntegrityError:
        # The same file at the same moment through another door.
        if known := _known(feed):
            return known
        raise
    return feed


def _known(feed: StockFeed) -> StockFeed | None:
    """The feed with this key or this content; refused when it would be something else."""
    feeds = StockFeed.objects.filter(store_id=feed.store_id, source=feed.source)
    if feed.request_key and (known := feeds.filter(request_key=feed.request_key).first()):
        if known.digest != feed.digest:
            raise Refused("This request key was used before, for other rows.")
        return known
    alike = feeds.filter(digest=feed.digest).exclude(state=StockFeed.State.REFUSED).order_by("-pk")
    known = alike.filter(source_time=feed.source_time).first()
    if known and known.kind == feed.kind:
        return known
    if known:
        raise Refused(
            f"This file was loaded before as “{known.get_kind_display()}” (feed {known.pk});"
            " refuse that one first."
        )
    if feed.kind == StockFeed.Kind.DELTA and (known := alike.filter(kind=feed.kind).first()):
        raise Refused(
            f"The same changes were loaded before as feed {known.pk}; they are not made twice."
        )
    return None


def _read(feed: StockFeed, table: Table, place: str) -> None:
    """Stage the rows, weigh them chunk by chunk, and write down what came of it."""
    changes = feed.kind == StockFeed.Kind.DELTA
    rows = reading.rows_of(table, changes=changes, place=place)
    feed.rows, last = staging.stage(feed.store_id, rows, adds_up=changes)
    if not feed.rows:
        raise Refused("The file has a heading and no rows.")
    counts: dict[str, int] = {"bad": staging.note_bad(feed.pk)}
    if merged := staging.merged():
        counts["merged"] = merged
    sums = _weigh(feed, staging.chunk(feed.pk), counts)
    if feed.kind == StockFeed.Kind.FULL:
        absent = staging.chunk_absent(feed.pk, feed.store_id, feed.source, last)
        counts["held"] = counts.get("held", 0) + absent
        sums["absent"] = absent
    feed.facts = table.facts | {
        "counts": {outcome: count for outcome, count in counts.items() if count},
        "sums": sums,
        "last": last,
        "place": place,
    }
    if why := _absurd(sums):
        feed.state, feed.reason = StockFeed.State.HELD, why
    feed.save(update_fields=["rows", "facts", "state", "reason"])


def _weigh(feed: StockFeed, chunk_ids: list[int], counts: dict[str, int]) -> dict[str, int]:
    """The outcome of every row; the sums are over those that go through without a question."""
    zone = Store.objects.values_list("timezone", flat=True).get(pk=feed.store_id)
    floor = weighing.floor_of(feed.source_time)
    sums = dict.fromkeys(("up", "down", "filled", "zeroed", "units"), 0)
    for chunk_id in chunk_ids:
        asked = weighing.params(feed, chunk_id, floor=floor, zone=zone)
        full = [name for name, count in counts.items() if count >= staging.MOST_KEPT]
        for outcome, count, *more in fetch(_NOTE, asked | {"full": full}):
            counts[outcome] = counts.get(outcome, 0) + count
            if outcome in ("good", "unchanged"):
                for name, value in zip(sums, more, strict=True):
                    sums[name] += int(value)
    return sums


def _absurd(sums: dict[str, int]) -> str:
    """Why the whole file must be looked at before any of it is used; empty when it need not."""
    if sums["filled"] < FILE_LEVELS:
        return ""
    if sums["zeroed"] > FILE_ZEROED * sums["filled"]:
        return (
            f"{sums['zeroed']:,} of {sums['filled']:,} filled levels would be empty:"
            " is this the whole file?"
        )
    moved = sums["up"] + sums["down"]
    if sums["units"] and moved > FILE_MOVED * sums["units"]:
        return (
            f"{moved:,} units would change where {sums['units']:,} stand: is this the right file?"
        )
    return ""


# Rows that change nothing are only counted, and so are those past the first so many of an outcome.
_NOTE = f"""
WITH weighed AS MATERIALIZED ({weighing.JUDGED}), noted AS (
    INSERT INTO inventory_feedrow
           (feed_id, number, sku, place, said, level_id, units, delta, outcome, reason)
    SELECT %(feed)s, w.number, s.sku, s.place, s.said, w.level_id, w.units,
           CASE WHEN w.outcome IN ('good', 'held') THEN w.delta END, w.outcome, w.reason
    FROM weighed w JOIN feed_said s ON s.number = w.number
    WHERE w.outcome <> 'unchanged' AND w.outcome <> ALL(%(full)s::text[])
    ORDER BY w.number
)
SELECT outcome, count(*), coalesce(sum(greatest(delta, 0)), 0), coalesce(-sum(least(delta, 0)), 0),
       count(*) FILTER (WHERE tells AND basis > 0),
       count(*) FILTER (WHERE tells AND basis > 0 AND basis + delta <= 0),
       coalesce(sum(greatest(basis, 0)) FILTER (WHERE tells), 0)
FROM weighed GROUP BY outcome
"""  # noqa: S608  (names of our own columns)
