"""The single door to stock: every counter changes here, together with its append-only entry."""

from collections.abc import Iterable
from dataclasses import dataclass

from oms.core.actor import Actor
from oms.core.sql import Row, copy_in, execute, fetch, ints

BUCKETS = ("on_hand", "reserved", "safety", "damaged")


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
    """The counters of one stock level as locked."""

    id: int
    store_id: int
    item_id: int
    location_id: int
    on_hand: int
    reserved: int
    safety: int
    damaged: int

    @property
    def available(self) -> int:
        return self.on_hand - self.reserved - self.safety


def lock(level_ids: Iterable[int]) -> dict[int, Level]:
    """Lock levels, sorted by key, until the transaction ends, and read their counters."""
    rows = fetch(_LOCK, [ints(sorted(set(level_ids)))])
    return {row[0]: Level(*row) for row in rows}


def free_units(item_ids: Iterable[int]) -> list[tuple[int, int, int, int]]:
    """(level id, item id, location id, units free) wherever some are: a look without locks.

    Who promises any of it locks the level and checks again, as `inventory.reservations` does.
    """
    return fetch(_FREE, [ints(sorted(set(item_ids)))])


def post(
    changes: Iterable[Change], *, actor: Actor, locked: dict[int, Level] | None = None
) -> None:
    """Change counters and append one entry a change, with what stood before and after.

    `locked` saves the lock statement when the caller took it already with `lock`; its counters are
    kept up to date, so that it can be passed again.
    """
    changes = [c for c in changes if c.delta]
    if not changes:
        return
    if locked is None:
        locked = lock(c.level_id for c in changes)
    moved: dict[int, dict[str, int]] = {}
    entries: list[Row] = []
    for change in changes:
        level = locked[change.level_id]
        before: int = getattr(level, change.bucket)
        after = before + change.delta
        setattr(level, change.bucket, after)
        sums = moved.setdefault(level.id, {})
        sums[change.bucket] = sums.get(change.bucket, 0) + change.delta
        entries.append(
            (
                level.store_id,
                level.id,
                change.bucket,
                change.delta,
                before,
                after,
                change.cause,
                str(actor),
                change.document,
            )
        )
    ids = sorted(moved)
    execute(
        _UPDATE, [ints(ids), *(ints(moved[i].get(bucket, 0) for i in ids) for bucket in BUCKETS)]
    )
    copy_in("inventory_stockentry", _ENTRY, entries)


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


_LOCK = """
SELECT id, store_id, item_id, location_id, on_hand, reserved, safety, damaged
FROM inventory_stocklevel WHERE id = ANY(%s::bigint[]) ORDER BY id FOR UPDATE
"""
_FREE = """
SELECT id, item_id, location_id, on_hand - reserved - safety
FROM inventory_stocklevel
WHERE item_id = ANY(%s::bigint[]) AND on_hand - reserved - safety > 0
"""
_UPDATE = """
UPDATE inventory_stocklevel l SET on_hand = l.on_hand + t.on_hand,
    reserved = l.reserved + t.reserved, safety = l.safety + t.safety,
    damaged = l.damaged + t.damaged
FROM unnest(%s::bigint[], %s::int[], %s::int[], %s::int[], %s::int[])
     AS t(id, on_hand, reserved, safety, damaged)
WHERE l.id = t.id
"""
_ENTRY = (
    "store_id",
    "level_id",
    "bucket",
    "delta",
    "before",
    "after",
    "cause",
    "actor",
    "document",
)
