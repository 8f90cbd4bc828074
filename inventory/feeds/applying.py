"""A checked feed is applied chunk by chunk, through the ledger; each chunk counts once.

A chunk is weighed again under lock, posted, and taken away in one transaction: a worker that dies
leaves what is to be done, and nothing half done. The chunks of a shop are applied one at a time,
the oldest numbers first, whoever asks.
"""

import time
from collections import Counter
from collections.abc import Sequence

from django.db import transaction

from inventory import ledger
from inventory.feeds import staging, weighing
from inventory.feeds.weighing import Weighed
from inventory.ledger import Change
from inventory.models import FeedChunk, FeedRow, StockFeed
from inventory.publishing import tell_shop
from inventory.waiting import wake_soon
from oms.core.actor import Actor
from oms.core.clock import now
from oms.core.failpoints import failpoint
from oms.core.sql import execute, fetch, ints

State, Outcome = StockFeed.State, FeedRow.Outcome


def any_due() -> bool:
    """Whether a feed is being applied, for the scheduler that rings the bell."""
    return StockFeed.objects.filter(state=State.APPLYING).exists()


def drain(seconds: float, *, store_id: int | None = None) -> int:
    """Apply chunks until nothing is left, time is up, or another worker is at it; how many rows."""
    began, count = time.monotonic(), 0
    feeds = StockFeed.objects.filter(state=State.APPLYING)
    if store_id:
        feeds = feeds.filter(store_id=store_id)
    for shop in sorted(set(feeds.values_list("store_id", flat=True))):
        floors: dict[int, int] = {}
        while time.monotonic() - began < seconds and (rows := apply_chunk(shop, floors)):
            count += rows
    return count


@transaction.atomic
def apply_chunk(store_id: int, floors: dict[int, int]) -> int:
    """Apply the next chunk of a shop; 0 when there is none or another worker is at it.

    `floors` remembers between chunks from which entry on the past of a feed has to be read.
    """
    execute("SELECT set_config('jit', 'off', true)")
    ((mine,),) = fetch(
        "SELECT pg_try_advisory_xact_lock(hashtext('switchyard.feeds'), %s::int)", [store_id]
    )
    if not mine:
        return 0
    found = fetch(_NEXT, [store_id])
    if not found:
        return 0
    feed_id, chunk_id, approved, zone = found[0]
    feed = StockFeed.objects.select_for_update().get(pk=feed_id)
    if chunk_id is None:
        _finish(feed)
        return 1
    if feed_id not in floors:
        floors[feed_id] = weighing.floor_of(feed.source_time)
    asked = weighing.params(
        feed, chunk_id, floor=floors[feed_id], zone=zone, approved=bool(approved)
    )
    chunk = FeedChunk.objects.select_for_update().get(pk=chunk_id)

    rows = [Weighed(*row) for row in fetch(_WEIGH_AND_MARK, asked)]
    rows = _post(feed, asked, rows)
    _note(feed, chunk, rows)

    held = [row.number for row in rows if row.outcome == Outcome.HELD]
    if held:
        execute(_KEEP_HELD, {"chunk": chunk_id, "numbers": ints(held)})
    else:
        chunk.delete()
    _count(feed, chunk, rows)
    failpoint("feeds.apply.before_commit")
    return len(chunk.numbers)


def _post(feed: StockFeed, asked: dict[str, object], rows: list[Weighed]) -> list[Weighed]:
    """Lock the levels that change, weigh them once more, and post; return the rows as they went."""
    good = [row for row in rows if row.outcome == Outcome.GOOD]
    if not good:
        return rows
    missing = [(row.item_id, row.location_id) for row in good if row.level_id is None]
    levels = [row.level_id for row in good if row.level_id is not None]
    if missing:
        pairs = [(feed.store_id, item, location) for item, location in missing]
        levels += ledger.open_levels(pairs).values()
    ledger.lock(levels)
    # A count may have been posted between the look and the lock.
    again = weighing.weigh(asked, only=[row.number for row in good])
    document, changes = f"feed:{feed.pk}", []
    for row in again:
        if row.outcome == Outcome.GOOD and row.level_id is not None:
            changes.append(Change(row.level_id, "on_hand", row.delta, "feed", document))
            if row.safety_delta:
                changes.append(Change(row.level_id, "safety", row.safety_delta, "feed", document))
    actor = Actor("partner", feed.source)
    after = ledger.post(changes, actor=actor)
    tell_shop(after.values(), actor=actor)
    wake_soon(
        feed.store_id,
        [
            row.item_id
            for row in again
            if row.outcome == Outcome.GOOD and (row.delta > 0 or row.safety_delta < 0)
        ],
    )
    if feed.kind != StockFeed.Kind.DELTA:
        told = [row.level_id for row in again if row.tells and row.outcome == Outcome.GOOD]
        execute(_MARK, [feed.source, feed.source_time, feed.pk, ints(i for i in told if i)])
    return [row for row in rows if row.outcome != Outcome.GOOD] + again


def _note(feed: StockFeed, chunk: FeedChunk, rows: Sequence[Weighed]) -> None:
    """Write down what came of the rows that the report keeps, and of those that came out new."""
    told = {row.number for row in rows}
    numbers = [number for number in chunk.numbers if number not in told]
    # What is not named any more came out unchanged meanwhile.
    execute(_UNCHANGED, [feed.pk, min(chunk.numbers), max(chunk.numbers), ints(numbers)])
    if not rows:
        return
    columns = {
        "feed": feed.pk,
        "numbers": ints(row.number for row in rows),
        "outcomes": [
            Outcome.APPLIED if row.outcome == Outcome.GOOD else row.outcome for row in rows
        ],
        "deltas": [row.delta if abs(row.delta) < weighing.MOST_ON_HAND else None for row in rows],
        "reasons": [row.reason for row in rows],
    }
    known = {row[0] for row in fetch(_KNOWN, columns)}
    # Past the bound the report has no more rows, and what it does not know is not new.
    full = any(count >= staging.MOST_KEPT for count in feed.facts["counts"].values())
    if (new := told - known) and not full:
        execute(_NEW, columns | {"chunk": chunk.pk, "new": ints(new)})


def _count(feed: StockFeed, chunk: FeedChunk, rows: Sequence[Weighed]) -> None:
    done: Counter[str] = Counter(feed.facts.get("done", {}))
    came = Counter(Outcome.APPLIED if r.outcome == Outcome.GOOD else r.outcome for r in rows)
    done.update(came)
    done[Outcome.UNCHANGED] += len(chunk.numbers) - len(rows)
    if chunk.approved:
        done[Outcome.HELD] -= len(chunk.numbers)
    for row in rows:
        if row.outcome == Outcome.GOOD:
            done["up" if row.delta > 0 else "down"] += abs(row.delta)
    feed.facts["done"] = {name: count for name, count in done.items() if count > 0}
    feed.save(update_fields=["facts"])


def _finish(feed: StockFeed) -> None:
    """Nothing is left to apply: what is held waits, or the feed is done."""
    waits = sum(map(len, feed.chunks.values_list("numbers", flat=True)))
    if waits:
        feed.state = State.HELD
        feed.reason = f"{waits:,} {'row waits' if waits == 1 else 'rows wait'} for approval."
    else:
        feed.state, feed.applied_at = State.APPLIED, now()
    feed.save(update_fields=["state", "reason", "applied_at"])


# The oldest numbers first; a feed without a chunk to do is finished.
_NEXT = """
SELECT f.id, c.id, c.approved, s.timezone
FROM inventory_stockfeed f JOIN core_store s ON s.id = f.store_id
LEFT JOIN LATERAL (
    SELECT id, approved FROM inventory_feedchunk
    WHERE feed_id = f.id AND NOT held ORDER BY id LIMIT 1) c ON true
WHERE f.state = 'applying' AND f.store_id = %s
ORDER BY f.source_time, f.id LIMIT 1
"""
_MARKED = """
ON CONFLICT (level_id, source) DO UPDATE
SET source_time = excluded.source_time, feed_id = excluded.feed_id
WHERE inventory_feedmark.source_time <= excluded.source_time
"""
# Numbers that agree are remembered too: an older file must not land after them.
_WEIGH_AND_MARK = f"""
WITH judged AS MATERIALIZED ({weighing.JUDGED}), marked AS (
    INSERT INTO inventory_feedmark (level_id, source, source_time, feed_id)
    SELECT level_id, %(source)s::text, %(at)s::timestamptz, %(feed)s FROM judged
    WHERE outcome = 'unchanged' AND tells AND level_id IS NOT NULL AND %(kind)s::text <> 'delta'
    ORDER BY level_id
    {_MARKED}
)
SELECT {weighing.COLUMNS} FROM judged WHERE outcome <> 'unchanged' ORDER BY number
"""  # noqa: S608  (names of our own columns)
_MARK = f"""
INSERT INTO inventory_feedmark (level_id, source, source_time, feed_id)
SELECT level_id, %s, %s, %s FROM unnest(%s::bigint[]) AS level_id ORDER BY level_id
{_MARKED}
"""  # noqa: S608  (names of our own columns)
_KEEP_HELD = """
UPDATE inventory_feedchunk c
SET held = true, numbers = k.numbers, items = k.items, locations = k.locations, units = k.units,
    safety = k.safety
FROM (
    SELECT array_agg(t.number) AS numbers, array_agg(t.item) AS items,
           array_agg(t.location) AS locations, array_agg(t.units) AS units,
           array_agg(t.safety) AS safety
    FROM inventory_feedchunk o,
         unnest(o.numbers, o.items, o.locations, o.units, o.safety)
         AS t(number, item, location, units, safety)
    WHERE o.id = %(chunk)s AND t.number = ANY(%(numbers)s::int[])
) k
WHERE c.id = %(chunk)s
"""
_UNCHANGED = """
UPDATE inventory_feedrow SET outcome = 'unchanged', delta = 0, reason = ''
WHERE feed_id = %s AND outcome IN ('good', 'held', 'stale', 'not_ours')
  AND number BETWEEN %s AND %s AND number = ANY(%s::int[])
"""
_TOLD = """
unnest(%(numbers)s::int[], %(outcomes)s::text[], %(deltas)s::int[], %(reasons)s::text[])
AS t(number, outcome, delta, reason)
"""
_KNOWN = f"""
UPDATE inventory_feedrow r SET outcome = t.outcome, delta = t.delta, reason = t.reason
FROM {_TOLD}
WHERE r.feed_id = %(feed)s AND r.outcome IN ('good', 'held', 'stale', 'not_ours')
  AND r.number = t.number
RETURNING r.number
"""  # noqa: S608  (names of our own columns)
# A row that was unchanged in the dry run and is not now was not kept; it is added with its codes.
_NEW = f"""
INSERT INTO inventory_feedrow
       (feed_id, number, sku, place, said, level_id, units, delta, outcome, reason)
SELECT %(feed)s, t.number, i.sku, p.name, coalesce(c.units::text, ''), v.id, c.units,
       t.delta, t.outcome, t.reason
FROM {_TOLD}
JOIN (SELECT u.* FROM inventory_feedchunk k, unnest(k.numbers, k.items, k.locations, k.units)
             AS u(number, item_id, location_id, units) WHERE k.id = %(chunk)s) c
     ON c.number = t.number
JOIN catalog_item i ON i.id = c.item_id
JOIN inventory_location p ON p.id = c.location_id
LEFT JOIN inventory_stocklevel v ON v.item_id = c.item_id AND v.location_id = c.location_id
WHERE t.number = ANY(%(new)s::int[])
"""  # noqa: S608  (names of our own columns)
