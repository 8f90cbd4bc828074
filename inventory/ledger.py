"""The single door to stock: every counter changes here, together with its append-only entry."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from oms.core import timers
from oms.core.actor import Actor
from oms.core.sql import execute, fetch, ints

BUCKETS = (
    "on_hand", "reserved", "soft", "fenced", "safety", "buffer", "damaged", "quality", "incoming",
    "in_transit",
)  # fmt: skip
# What says that a counter was wrong: the trust in such a level is worked out again.
DOUBTS = ("short",)


@dataclass(slots=True, frozen=True)
class Change:
    """`delta` units in one bucket of one level, caused by `document`, e.g. order:17."""

    level_id: int
    bucket: str
    delta: int
    cause: str
    document: str


@dataclass(slots=True)
class Level:
    """The counters of one stock level, as locked or as they stand after a change."""

    id: int
    store_id: int
    item_id: int
    location_id: int
    on_hand: int
    reserved: int
    soft: int
    fenced: int
    safety: int
    buffer: int
    damaged: int
    quality: int
    incoming: int
    in_transit: int
    frozen: bool
    available: int

    @property
    def kept(self) -> int:
        """Units on the shelf that are not free, whether or not they stand there."""
        return self.reserved + self.soft + self.fenced + self.safety + self.buffer

    @property
    def missing(self) -> int:
        """Units promised that are not there."""
        return max(self.reserved + self.soft - max(self.on_hand, 0), 0)


def lock(level_ids: Iterable[int]) -> dict[int, Level]:
    """Lock levels, sorted by key, until the transaction ends, and read their counters."""
    rows = fetch(_LOCK, [ints(sorted(set(level_ids)))])
    return {row[0]: Level(*row) for row in rows}


def free_units(item_ids: Iterable[int]) -> list[tuple[int, int, int, int]]:
    """(level id, item id, location id, units free) wherever some are: a look without locks.

    Who promises any of it locks the level and checks again, as `inventory.reservations` does.
    """
    return fetch(_FREE, [ints(sorted(set(item_ids)))])


def post(changes: Iterable[Change], *, actor: Actor) -> dict[int, Level]:
    """Change counters and append one entry a change; return the levels as they stand then.

    Where more is promised afterwards than stands on the shelf, a timer sees to who loses; where
    a counter turned out wrong, another to how far it is trusted.
    """
    changes = [c for c in changes if c.delta]
    if not changes:
        return {}
    rows = fetch(
        _POST,
        [
            ints(c.level_id for c in changes),
            [c.bucket for c in changes],
            ints(c.delta for c in changes),
            [c.cause for c in changes],
            [c.document for c in changes],
            str(actor),
        ],
    )
    levels = {row[0]: Level(*row) for row in rows}
    fell = {c.level_id for c in changes if c.bucket == "on_hand" and c.delta < 0}
    _start_timers("shortage", [levels[id_] for id_ in fell if levels[id_].missing])
    _start_timers(
        "trust", [levels[id_] for id_ in {c.level_id for c in changes if c.cause in DOUBTS}]
    )
    return levels


def _start_timers(kind: str, levels: Iterable[Level]) -> None:
    stores: dict[int, list[int]] = {}
    for level in levels:
        stores.setdefault(level.store_id, []).append(level.id)
    for store_id, level_ids in stores.items():
        timers.start(store_id=store_id, kind=kind, subject_ids=sorted(level_ids))


def freeze(level_ids: Iterable[int], *, frozen: bool) -> None:
    """Stop or allow new promises from levels, e.g. while they are counted."""
    ids = sorted(lock(level_ids))
    execute(
        "UPDATE inventory_stocklevel SET frozen = %s WHERE id = ANY(%s::bigint[])",
        [frozen, ints(ids)],
    )


def on_hand_at(level_ids: Iterable[int], moment: datetime) -> dict[int, int]:
    """Units on hand at an earlier moment, as the entries tell."""
    return dict(fetch(_ON_HAND_AT, [moment, ints(level_ids)]))


def on_hand_when(moments: Mapping[int, datetime]) -> dict[int, int]:
    """Units on hand of each level at a moment of its own, as the entries tell."""
    return dict(fetch(_ON_HAND_WHEN, [ints(moments), list(moments.values())]))


def open_levels(pairs: Iterable[tuple[int, int, int]]) -> dict[tuple[int, int], int]:
    """Make sure a level exists for each (store, item, location); return (item, location) -> id."""
    pairs = sorted(set(pairs))
    columns = [[p[0] for p in pairs], [p[1] for p in pairs], [p[2] for p in pairs]]
    execute(
        """
        INSERT INTO inventory_stocklevel (store_id, item_id, location_id)
        SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) ON CONFLICT DO NOTHING
        """,
        columns,
    )
    rows = fetch(
        """
        SELECT l.item_id, l.location_id, l.id FROM inventory_stocklevel l
        JOIN unnest(%s::bigint[], %s::bigint[]) AS t(item_id, location_id)
          USING (item_id, location_id)
        """,
        columns[1:],
    )
    return {(item, location): level for item, location, level in rows}


_COUNTERS = f"id, store_id, item_id, location_id, {', '.join(BUCKETS)}, frozen, available"
_LOCK = f"""
SELECT {_COUNTERS} FROM inventory_stocklevel WHERE id = ANY(%s::bigint[]) ORDER BY id FOR UPDATE
"""  # noqa: S608  (names of our own columns)
_POST = f"""
SELECT {_COUNTERS} FROM inventory_post(
    %s::bigint[], %s::text[], %s::int[], %s::text[], %s::text[], %s)
"""  # noqa: S608  (names of our own columns)
_FREE = """
SELECT id, item_id, location_id, available FROM inventory_stocklevel
WHERE item_id = ANY(%s::bigint[]) AND available > 0
"""
# From now backwards: a moment of late has few entries after it.
_ON_HAND_WHEN = """
SELECT v.id, v.on_hand - coalesce((
    SELECT sum(e.delta) FROM inventory_stockentry e
    WHERE e.level_id = v.id AND e.bucket = 'on_hand' AND e.at > t.moment), 0)::int
FROM inventory_stocklevel v
JOIN unnest(%s::bigint[], %s::timestamptz[]) AS t(id, moment) ON t.id = v.id
"""
_ON_HAND_AT = """
SELECT v.id, v.on_hand - coalesce((
    SELECT sum(e.delta) FROM inventory_stockentry e
    WHERE e.level_id = v.id AND e.bucket = 'on_hand' AND e.at > %s), 0)::int
FROM inventory_stocklevel v WHERE v.id = ANY(%s::bigint[])
"""
