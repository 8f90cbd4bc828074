"""The single door to stock: every counter changes here, together with its append-only entry."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from json import loads

from oms.core import timers
from oms.core.actor import Actor
from oms.core.sql import execute, fetch, ints, together

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


@together()
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
    see_to_missing(levels[id_] for id_ in fell)
    _start_timers(
        "trust", [levels[id_] for id_ in {c.level_id for c in changes if c.cause in DOUBTS}]
    )
    return levels


def see_to_missing(levels: Iterable[Level]) -> None:
    """Where more is promised than stands on the shelf, a timer sees to who loses."""
    _start_timers("shortage", [level for level in levels if level.missing])


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


@dataclass(slots=True, frozen=True)
class Unlike:
    """A counter that its entries do not explain, by their sum or by their chain.

    `breaks` are entries that do not start where the one before ended: (entry, starts at, entry
    before, its end).
    """

    level_id: int
    bucket: str
    counter: int
    entries: int
    breaks: tuple[tuple[int, int, int | None, int], ...]

    @property
    def believes_entries(self) -> bool:
        """A whole chain is the truth. One with a hole is not, nor one that ends where no counter
        can be: then the counter stands, and an entry says by how much they differ."""
        return not self.breaks and (self.entries >= 0 or self.bucket == "on_hand")

    @property
    def mended(self) -> int:
        """What the counter is to be, and its entries are to add up to."""
        return self.entries if self.believes_entries else self.counter


def unlike_entries(
    level_ids: Iterable[int] | None = None, *, store_id: int | None = None
) -> list[Unlike]:
    """Every counter that its entries do not explain; of these levels, of a store, of all."""
    ids = None if level_ids is None else ints(sorted(set(level_ids)))
    return [
        Unlike(level_id, bucket, counter, entries, tuple(map(tuple, loads(breaks or "[]"))))
        for level_id, bucket, counter, entries, breaks in fetch(
            _UNLIKE, [ids, ids, ids, ids, store_id, store_id]
        )
    ]


def mend(level_ids: Iterable[int], *, actor: Actor) -> list[Unlike]:
    """Make counters and entries of these levels agree again; return what did not.

    Looks again under lock. Where the chain is whole the counter is set to it; where it is broken
    an entry `mended:<entry>` names the break and brings the sum to the counter.
    """
    ids = sorted(lock(level_ids))
    found = unlike_entries(ids)
    for bucket in sorted({u.bucket for u in found if u.believes_entries}):
        wrong = [u for u in found if u.bucket == bucket and u.believes_entries]
        execute(
            f"UPDATE inventory_stocklevel v SET {bucket} = t.units"  # noqa: S608  (our own column)
            " FROM unnest(%s::bigint[], %s::int[]) AS t(id, units) WHERE v.id = t.id",
            [ints(u.level_id for u in wrong), ints(u.entries for u in wrong)],
        )
    notes: list[tuple[int, str, int, int, int]] = []
    for u in found:
        if not u.believes_entries:
            start = u.entries
            for entry_id in [found[0] for found in u.breaks] or [0]:
                notes.append((u.level_id, u.bucket, start, u.counter, entry_id))
                start = u.counter
    if notes:
        execute(_NOTE, [str(actor), *map(list, zip(*notes, strict=True))])
    return found


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


_EACH_COUNTER = ", ".join(f"('{name}', v.{name})" for name in BUCKETS)
_COUNTERS = f"id, store_id, item_id, location_id, {', '.join(BUCKETS)}, frozen, available"
_LOCK = f"""
SELECT {_COUNTERS} FROM inventory_stocklevel WHERE id = ANY(%s::bigint[]) ORDER BY id FOR UPDATE
"""  # noqa: S608  (names of our own columns)
_POST = f"""
SELECT {_COUNTERS} FROM inventory_post(
    %s::bigint[], %s::text[], %s::int[], %s::text[], %s::text[], %s)
"""  # noqa: S608  (names of our own columns)
# An entry that names a break starts at the sum of the entries, not where the one before ended.
_UNLIKE = f"""
WITH entry AS (
    SELECT id, level_id, bucket, delta, before, after, cause, document
    FROM inventory_stockentry WHERE %s::bigint[] IS NULL OR level_id = ANY(%s::bigint[])
), total AS (
    SELECT level_id, bucket, sum(delta)::bigint AS units FROM entry GROUP BY level_id, bucket
), chain AS (
    SELECT *, lag(id) OVER w AS last_id, coalesce(lag(after) OVER w, 0) AS was
    FROM entry WINDOW w AS (PARTITION BY level_id, bucket ORDER BY id)
), broken AS (
    SELECT level_id, bucket,
           jsonb_agg(jsonb_build_array(id, before, last_id, was) ORDER BY id)::text AS at
    FROM chain c
    WHERE was <> before AND NOT (cause = 'repair' AND starts_with(document, 'mended:'))
          AND NOT EXISTS (SELECT 1 FROM entry m WHERE m.level_id = c.level_id
                          AND m.bucket = c.bucket AND m.cause = 'repair'
                          AND m.document = 'mended:' || c.id)
    GROUP BY level_id, bucket
)
SELECT v.id, b.bucket, b.units, coalesce(t.units, 0), k.at
FROM inventory_stocklevel v
CROSS JOIN LATERAL (VALUES {_EACH_COUNTER}) AS b(bucket, units)
LEFT JOIN total t ON t.level_id = v.id AND t.bucket = b.bucket
LEFT JOIN broken k ON k.level_id = v.id AND k.bucket = b.bucket
WHERE (%s::bigint[] IS NULL OR v.id = ANY(%s::bigint[])) AND (%s::bigint IS NULL OR v.store_id = %s)
      AND (b.units <> coalesce(t.units, 0) OR k.at IS NOT NULL)
ORDER BY v.id, b.bucket
"""  # noqa: S608  (names of our own columns)
_NOTE = """
INSERT INTO inventory_stockentry
       (store_id, level_id, bucket, delta, before, after, cause, actor, document)
SELECT v.store_id, v.id, t.bucket, t.after - t.before, t.before, t.after, 'repair', %s,
       'mended:' || t.entry_id
FROM unnest(%s::bigint[], %s::text[], %s::int[], %s::int[], %s::bigint[]) WITH ORDINALITY
     AS t(level_id, bucket, before, after, entry_id, n)
JOIN inventory_stocklevel v ON v.id = t.level_id ORDER BY t.n
"""
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
