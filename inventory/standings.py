"""Class, trust and next count of every level, worked out for many at once and kept.

All levels of a shop each night in its own time, single ones as soon as a pick finds nothing there
or a count is posted. Levels are locked before their standings, here and everywhere.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction

from inventory import count_plan, ledger
from inventory.count_plan import Due
from inventory.ledger import Change
from inventory.models import Standing
from inventory.publishing import tell_shop
from inventory.trust import WINDOW_DAYS, Counted, Facts, Part, Short, buffer_units, score
from inventory.waiting import wake_soon
from oms.core import clock, streams, timers
from oms.core.actor import SWITCHYARD, Actor
from oms.core.models import Store, StreamMark
from oms.core.sql import execute, fetch, ints

NIGHT_HOUR = 3
STREAM = "counts"
TRUST = "trust"
CHUNK = 2000
MOST_AT_ONCE = 200
# A shop of which nothing had left yet has no classes: it is looked at again before the night.
NOTHING_LEFT = timedelta(minutes=2)


@dataclass(slots=True)
class Refreshed:
    """What a round found: levels looked at, those to be counted early, buffers that changed."""

    levels: int = 0
    pulled: int = 0
    buffers: int = 0


@dataclass(slots=True, frozen=True)
class Level:
    """A level as read: its counters, what was known of it, and the facts for its score."""

    id: int
    buffer: int
    holds: bool
    countable: bool
    abc: str
    known: Due
    counted_at: datetime | None
    facts: Facts


@dataclass(slots=True, frozen=True)
class Judged:
    """What the facts say of a level."""

    level: Level
    trust: int
    parts: list[Part]
    due: Due


def refresh_due(limit: int) -> int:
    """Work out again the levels in which something was not found; return how many were due.

    Whoever posts to a level holds it and then wants its timer, so the levels are locked first.
    """
    level_ids = timers.due(TRUST, limit)
    if not level_ids:
        return 0
    with transaction.atomic():
        locked = ledger.lock(level_ids)
        stores: dict[int, list[int]] = {}
        for level in locked.values():
            stores.setdefault(level.store_id, []).append(level.id)
        for store_id, ids in stores.items():
            refresh(store_id=store_id, level_ids=ids)
        timers.stop(TRUST, level_ids)
    return len(level_ids)


def refresh_store(*, store_id: int, now: datetime | None = None) -> Refreshed:
    """Work out all levels of a shop, in pieces, so that none is held for long."""
    now = now or clock.now()
    abc, left = count_plan.classes(store_id=store_id, now=now)
    rows = fetch("SELECT id FROM inventory_stocklevel WHERE store_id = %s ORDER BY id", [store_id])
    level_ids = [row[0] for row in rows]
    total = Refreshed()
    for start in range(0, len(level_ids), CHUNK):
        piece = level_ids[start : start + CHUNK]
        done = refresh(store_id=store_id, level_ids=piece, abc=abc, now=now)
        total.levels += done.levels
        total.pulled += done.pulled
        total.buffers += done.buffers
    streams.succeeded(
        store_id,
        STREAM,
        facts={"levels": total.levels, "pulled": total.pulled, "left": left},
    )
    return total


def stores_due(now: datetime | None = None) -> list[int]:
    """The shops whose night has begun since they were last worked out."""
    now = now or clock.now()
    marks = {mark.store_id: mark for mark in StreamMark.objects.filter(stream=STREAM)}
    stores = Store.objects.only("pk", "timezone").order_by("pk")
    return [store.pk for store in stores if _is_due(store, marks.get(store.pk), now)]


@transaction.atomic
def refresh(
    *,
    store_id: int,
    level_ids: Sequence[int],
    abc: Mapping[int, str] | None = None,
    now: datetime | None = None,
    actor: Actor = SWITCHYARD,
) -> Refreshed:
    """Work out these levels: score, buffer, next count. Without `abc` the classes stay."""
    if not level_ids:
        return Refreshed()
    now = now or clock.now()
    judged = [_judge(level) for level in _read(store_id, level_ids, abc, now)]
    buffers = _set_buffers(store_id, [j for j in judged if j.level.countable], actor)
    _keep(store_id, judged, now)
    return Refreshed(len(judged), sum(j.due.pulled for j in judged), buffers)


def _judge(level: Level) -> Judged:
    trust, parts = score(level.facts)
    next_count = Due()
    if level.countable:
        next_count = count_plan.due(
            level.facts,
            level_id=level.id,
            abc=level.abc,
            trust=trust,
            parts=parts,
            known=level.known,
            holds=level.holds,
        )
    return Judged(level, trust, parts, next_count)


def _set_buffers(store_id: int, judged: Sequence[Judged], actor: Actor) -> int:
    """Bring buffers to what the scores ask for, by the number that is there under the lock."""
    off = {
        j.level.id: j.trust
        for j in judged
        if buffer_units(j.trust, j.level.facts.on_hand) != j.level.buffer
    }
    if not off:
        return 0
    changes = [
        Change(id_, "buffer", buffer_units(off[id_], level.on_hand) - level.buffer, "trust",
               f"trust:{off[id_]}")
        for id_, level in ledger.lock(off).items()
    ]  # fmt: skip
    changes = [change for change in changes if change.delta]
    after = ledger.post(changes, actor=actor)
    tell_shop(after.values(), actor=actor)
    wake_soon(store_id, [after[c.level_id].item_id for c in changes if c.delta < 0])
    return len(changes)


def _keep(store_id: int, judged: Iterable[Judged], now: datetime) -> None:
    rows = list(judged)
    execute(
        _KEEP,
        [
            store_id,
            now,
            ints(j.level.id for j in rows),
            [j.level.abc for j in rows],
            [j.level.counted_at for j in rows],
            [j.due.on for j in rows],
            [j.due.reason for j in rows],
            [j.due.pulled for j in rows],
            ints(j.trust for j in rows),
            [json.dumps(j.parts) for j in rows],
        ],
    )


def _read(
    store_id: int, level_ids: Sequence[int], abc: Mapping[int, str] | None, now: datetime
) -> list[Level]:
    zone = ZoneInfo(Store.objects.only("timezone").get(pk=store_id).timezone)
    days = count_plan.days_of(store_id)
    since = now - timedelta(days=WINDOW_DAYS)
    shorts: dict[int, list[datetime]] = {}
    for level_id, at in fetch(_SHORTS, [ints(level_ids), since]):
        shorts.setdefault(level_id, []).append(at)
    return [
        _level(row, shorts.get(row[0], []), abc, days, zone, now)
        for row in fetch(_FACTS, [ints(level_ids)])
    ]


def _level(
    row: tuple[Any, ...],
    shorts: Sequence[datetime],
    abc: Mapping[int, str] | None,
    days: Mapping[str, int],
    zone: ZoneInfo,
    now: datetime,
) -> Level:
    (id_, on_hand, buffer, holds, countable, known_abc, known_on, known_reason, pulled, counts,
     drift, drift_at) = row  # fmt: skip
    class_ = known_abc if abc is None else abc.get(id_, "C")
    counted = [(datetime.fromisoformat(at), *numbers) for at, *numbers in json.loads(counts)]
    counted_at = counted[0][0] if counted else None
    facts = Facts(
        today=now.astimezone(zone).date(),
        on_hand=on_hand,
        days=max(days[class_], 1),
        shorts=[
            Short(at.astimezone(zone).date(), bool(counted_at and counted_at >= at))
            for at in shorts
        ],
        counts=[Counted(at.astimezone(zone).date(), *numbers) for at, *numbers in counted],
        drift=drift or 0,
        drift_since=drift_at.astimezone(zone).date() if drift_at else None,
    )
    known = Due(known_on, known_reason, pulled)
    return Level(id_, buffer, holds, countable, class_, known, counted_at, facts)


def overdue_levels(*, location_id: int) -> list[int]:
    """The levels of class A whose count is due, the oldest first."""
    today = clock.now().date()
    rows = Standing.objects.filter(
        level__location_id=location_id, abc="A", count_due_on__lte=today
    ).order_by("count_due_on", "level_id")
    return list(rows.values_list("level_id", flat=True)[:MOST_AT_ONCE])


def _is_due(store: Store, mark: StreamMark | None, now: datetime) -> bool:
    last = mark.last_success_at if mark else None
    if mark is None or last is None or last < _night_before(now, ZoneInfo(store.timezone)):
        return True
    return not mark.facts.get("left") and now - last > NOTHING_LEFT


def _night_before(now: datetime, zone: ZoneInfo) -> datetime:
    """The moment when the last night's work of a shop was due."""
    local = now.astimezone(zone)
    night = local.replace(hour=NIGHT_HOUR, minute=0, second=0, microsecond=0)
    return night if night <= local else night - timedelta(days=1)


_SHORTS = """
SELECT level_id, at FROM inventory_stockentry
WHERE level_id = ANY(%s::bigint[]) AND cause = 'short' AND bucket = 'on_hand' AND at > %s
ORDER BY level_id, id DESC
"""
_FACTS = """
SELECT v.id, v.on_hand, v.buffer, v.on_hand <> 0 OR v.reserved > 0,
       i.tracked AND NOT EXISTS (SELECT 1 FROM catalog_bundlepart b WHERE b.bundle_id = i.id),
       coalesce(s.abc, 'C'), s.count_due_on, coalesce(s.due_reason, ''),
       coalesce(s.pulled, false), coalesce(counts.newest, '[]')::text, d.units, d.found_at
FROM inventory_stocklevel v
JOIN catalog_item i ON i.id = v.item_id
LEFT JOIN inventory_standing s ON s.level_id = v.id
LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_array(c.counted_at, c.expected, c.counted)
                     ORDER BY c.counted_at DESC) AS newest
    FROM (SELECT counted_at, expected, counted FROM inventory_countline
          WHERE level_id = v.id AND state = 'posted' ORDER BY counted_at DESC LIMIT 3) c
) counts ON true
LEFT JOIN LATERAL (
    SELECT theirs - ours AS units, found_at FROM inventory_drift
    WHERE level_id = v.id AND state = 'open' LIMIT 1
) d ON true
WHERE v.id = ANY(%s::bigint[]) ORDER BY v.id
"""
_KEEP = """
INSERT INTO inventory_standing AS s
       (store_id, computed_at, level_id, abc, counted_at, count_due_on, due_reason, pulled, trust,
        parts)
SELECT %s, %s::timestamptz, t.* FROM unnest(
    %s::bigint[], %s::text[], %s::timestamptz[], %s::date[], %s::text[], %s::bool[], %s::int[],
    %s::jsonb[]) AS t(level_id, abc, counted_at, due_on, reason, pulled, trust, parts)
ORDER BY t.level_id
ON CONFLICT (level_id) DO UPDATE
SET computed_at = excluded.computed_at, abc = excluded.abc, counted_at = excluded.counted_at,
    count_due_on = excluded.count_due_on, due_reason = excluded.due_reason,
    pulled = excluded.pulled, trust = excluded.trust, parts = excluded.parts
"""
