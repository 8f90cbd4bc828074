"""What a row of a feed would do to its level, and whether it may: one statement for a chunk.

The dry run and the applying ask the same statement, so that a report cannot promise what is done
otherwise. The numbers are those of the source's time, and what moved since is not undone: the
change is what was said less what stood there then. What stood there then is on hand now, less
every movement that belongs to a later time; corrections belong to the time they speak of, not to
the time they were posted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from inventory import authority
from inventory.models import StockFeed
from oms.core.sql import fetch, ints

# A change of more than this many units and this many times the level is shown to a person first.
ABSURD_UNITS, ABSURD_TIMES = 50, 5
MOST_ON_HAND = 2_000_000_000


@dataclass(slots=True, frozen=True)
class Weighed:
    """One row that is not simply unchanged: what would come of it."""

    number: int
    item_id: int
    location_id: int
    level_id: int | None
    delta: int
    safety_delta: int
    tells: bool
    outcome: str
    reason: str


def floor_of(moment: datetime) -> int:
    """An entry id below which nothing is later than `moment`; found once a run, it spares looking
    through the whole past of every level. No transaction is open for longer than the margin."""
    rows = fetch(
        "SELECT id FROM inventory_stockentry WHERE at < %s::timestamptz - interval '1 hour'"
        " ORDER BY id DESC LIMIT 1",
        [moment],
    )
    return rows[0][0] if rows else 0


def params(
    feed: StockFeed, chunk_id: int, *, floor: int, zone: str, approved: bool = False
) -> dict[str, Any]:
    """What the statement asks, for one chunk of a feed."""
    return {
        "store": feed.store_id,
        "source": feed.source,
        "kind": feed.kind,
        "at": feed.source_time,
        "feed": feed.pk,
        "floor": floor,
        "chunk": chunk_id,
        "approved": approved,
        "zone": zone,
        "only": None,
    }


def weigh(asked: dict[str, Any], *, only: Sequence[int]) -> list[Weighed]:
    """Of these rows of a chunk the ones that are not unchanged."""
    rows = fetch(_CHANGING, asked | {"only": ints(only)})
    return [Weighed(*row) for row in rows]


# A later number about the same level, told or counted, makes the row stale. A movement dated like a
# number is in that number already.
_WEIGHED = f"""
SELECT stood.*,
       CASE WHEN NOT tells THEN 0 WHEN %(kind)s::text = 'delta' THEN units
            ELSE units::bigint - basis END AS delta,
       CASE WHEN keeps THEN safety - kept ELSE 0 END AS safety_delta
FROM (
    SELECT s.number, s.item_id, s.location_id, s.units, s.safety, v.id AS level_id,
           coalesce(v.on_hand, 0) AS on_hand, coalesce(v.safety, 0) AS kept,
           {authority.believed("on_hand")} AS believed,
           s.units IS NOT NULL AND {authority.believed("on_hand")} = %(source)s::text AS tells,
           s.safety IS NOT NULL AND {authority.believed("safety")} = %(source)s::text AS keeps,
           coalesce(v.on_hand, 0) - coalesce(since.units, 0) AS basis,
           newer.source AS newer_source, newer.source_time AS newer_time,
           greatest(counted.at, since.opened) AS counted_at
    FROM (
        SELECT t.* FROM inventory_feedchunk c,
               unnest(c.numbers, c.items, c.locations, c.units, c.safety)
               AS t(number, item_id, location_id, units, safety)
        WHERE c.id = %(chunk)s AND (%(only)s::int[] IS NULL OR t.number = ANY(%(only)s::int[]))
    ) s
    LEFT JOIN inventory_stocklevel v ON v.item_id = s.item_id AND v.location_id = s.location_id
    {authority.joins("on_hand", row="s")}
    {authority.joins("safety", row="s")}
    LEFT JOIN LATERAL (
        SELECT m.source, m.source_time FROM inventory_feedmark m
        WHERE m.level_id = v.id AND (m.source_time > %(at)s::timestamptz
              OR m.source_time = %(at)s::timestamptz AND %(kind)s::text = 'delta')
        ORDER BY m.source_time DESC LIMIT 1
    ) newer ON true
    LEFT JOIN LATERAL (
        SELECT max(c.counted_at) AS at FROM inventory_countline c
        WHERE c.level_id = v.id AND c.counted_at > %(at)s::timestamptz AND c.state = 'posted'
    ) counted ON true
    LEFT JOIN LATERAL (
        SELECT sum(e.delta)::int AS units, max(e.at) FILTER (WHERE e.cause = 'opening') AS opened
        FROM inventory_stockentry e
        LEFT JOIN inventory_stockfeed f ON e.cause = 'feed'
             AND f.id = substring(e.document FROM '^feed:([0-9]+)$')::bigint
        WHERE e.level_id = v.id AND e.id > %(floor)s AND e.bucket = 'on_hand'
          AND e.at > %(at)s::timestamptz
          AND coalesce(
              f.source_time,
              CASE WHEN e.cause = 'count' THEN (
                  SELECT max(c.counted_at) FROM inventory_countline c
                  WHERE c.level_id = v.id AND c.counted_at <= e.at AND c.state = 'posted') END,
              e.at) > %(at)s::timestamptz
    ) since ON true
) stood
"""  # noqa: S608  (names of our own columns)

_OUTCOME = f"""
CASE WHEN NOT tells AND NOT keeps THEN 'not_ours'
     WHEN newer_time IS NOT NULL OR counted_at IS NOT NULL THEN 'stale'
     WHEN abs(on_hand + delta) > {MOST_ON_HAND} OR abs(delta) > {MOST_ON_HAND} THEN 'bad'
     WHEN delta = 0 AND safety_delta = 0 THEN 'unchanged'
     WHEN NOT %(approved)s::bool
          AND abs(delta) > greatest({ABSURD_UNITS}, {ABSURD_TIMES} * abs(basis::bigint))
          THEN 'held'
     ELSE 'good' END
"""
_REASON = f"""
CASE outcome
     WHEN 'not_ours' THEN CASE WHEN units IS NULL
         THEN format('%%s is not believed about safety stock here.', %(source)s::text)
         ELSE format('%%s is believed here, not %%s.', believed, %(source)s::text) END
     WHEN 'stale' THEN format('%%s, which is later than this.',
         CASE WHEN counted_at > coalesce(newer_time, '-infinity')
              THEN 'Counted or opened '
                   || to_char(counted_at AT TIME ZONE %(zone)s::text, 'FMDD Mon HH24:MI')
              ELSE format('%%s told of %%s', newer_source,
                          to_char(newer_time AT TIME ZONE %(zone)s::text, 'FMDD Mon HH24:MI')) END)
     WHEN 'bad' THEN 'This would be more units than can be counted.'
     WHEN 'held' THEN format('%%s → %%s is a change of more than {ABSURD_TIMES} times the level.',
                             basis, basis + delta)
     WHEN 'good' THEN concat_ws(' ',
         CASE WHEN units IS NOT NULL AND NOT tells
              THEN format('On hand is left: %%s is believed.', believed) END,
         CASE WHEN safety_delta <> 0
              THEN format('Safety stock %%s → %%s.', kept, kept + safety_delta) END)
     ELSE '' END
"""
JUDGED = f"""
SELECT judged.*, {_REASON} AS reason
FROM (SELECT *, {_OUTCOME} AS outcome FROM ({_WEIGHED}) weighed) judged
"""  # noqa: S608  (names of our own columns)
COLUMNS = "number, item_id, location_id, level_id, delta, safety_delta, tells, outcome, reason"
_CHANGING = f"""
SELECT {COLUMNS} FROM ({JUDGED}) judged WHERE outcome <> 'unchanged' ORDER BY number
"""  # noqa: S608  (names of our own columns)
