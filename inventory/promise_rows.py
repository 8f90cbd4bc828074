"""Promises that every other record contradicts: entries, counter and order line agree, they do not.

Such a row was changed behind the door. The three records say what it was; it keeps its id.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from oms.core.sql import execute, fetch, ints
from oms.orders.words import units


@dataclass(slots=True, frozen=True)
class Fix:
    """A promise gets `quantity` units and is pending again; with none it ends."""

    reservation_id: int
    quantity: int
    sentence: str


@dataclass(slots=True, frozen=True)
class _Row:
    """A firm promise at a level to a line that counts on more units than it is promised, or on
    fewer. `unended`: it is over, and no entry gave its units back."""

    level_id: int
    id: int
    line_id: int
    order: str
    quantity: int
    pending: bool
    unended: bool
    # Units the line counts on, less those of its pending promises.
    lacks: int


def contradicted(gaps: Mapping[int, int]) -> dict[int, list[Fix]]:
    """Per level the fixes that close its gap: units entered as reserved less those promised.

    Only where they close it exactly; a gap that the lines do not explain is none of theirs.
    """
    by_level: dict[int, list[_Row]] = {}
    for row in fetch(_ROWS, [ints(gaps)]):
        by_level.setdefault(row[0], []).append(_Row(*row))
    found = {}
    for level_id, rows in by_level.items():
        lacks = {row.line_id: row.lacks for row in rows}
        fixes = [
            _fixes([row for row in rows if row.line_id == line_id], lack)
            for line_id, lack in lacks.items()
        ]
        if sum(lacks.values()) == gaps[level_id] and None not in fixes:
            found[level_id] = [fix for some in fixes for fix in some or ()]
    return found


def lock(reservation_ids: Iterable[int]) -> None:
    """Lock promises, sorted by key, before any level."""
    execute(
        "SELECT 1 FROM inventory_reservation WHERE id = ANY(%s::bigint[]) ORDER BY id FOR UPDATE",
        [ints(sorted(set(reservation_ids)))],
    )


def apply(fixes: Iterable[Fix]) -> None:
    """Write the fixes of promises that are locked."""
    fixes = list(fixes)
    if fixes:
        execute(_FIX, [ints(f.reservation_id for f in fixes), ints(f.quantity for f in fixes)])


def _fixes(rows: list[_Row], lack: int) -> list[Fix] | None:
    """What gives the line the units it counts on, or takes what it does not; None: nothing can."""
    fixes = []
    if lack < 0:
        for row in sorted((r for r in rows if r.pending), key=lambda r: -r.id):
            cut = min(row.quantity, -lack)
            if cut:
                lack += cut
                fixes.append(_fix(row, row.quantity - cut))
        return None if lack else fixes
    for row in sorted((r for r in rows if r.unended), key=lambda r: -r.id):
        if row.quantity <= lack:
            lack -= row.quantity
            fixes.append(_fix(row, row.quantity))
    grown = next((r for r in rows if r.pending), None)
    if lack and grown:
        fixes.append(_fix(grown, grown.quantity + lack))
        lack = 0
    return None if lack else fixes


def _fix(row: _Row, quantity: int) -> Fix:
    name = f"promise {row.id} ({row.order})"
    if not quantity:
        words = f"{name} ends: its line does not count on it"
    elif row.pending:
        words = f"{name} is of {units(quantity)} again, not {row.quantity:,}"
    else:
        words = f"{name} of {units(quantity)} stands again: nothing gave them back"
    return Fix(row.id, quantity, words)


_ROWS = """
SELECT * FROM (
    SELECT r.level_id, r.id, r.line_id, o.name, r.quantity, r.state = 'pending',
           r.state <> 'pending' AND NOT EXISTS (
               SELECT 1 FROM inventory_stockentry e
               WHERE e.level_id = r.level_id AND e.bucket = 'reserved' AND e.delta < 0
                 AND e.at = r.ended_at),
           (l.reserved + l.released - (
               SELECT coalesce(sum(p.quantity), 0) FROM inventory_reservation p
               WHERE p.line_id = l.id AND p.state = 'pending' AND p.kind = 'firm'))::int AS lacks
    FROM inventory_reservation r
    JOIN orders_orderline l ON l.id = r.line_id
    JOIN orders_order o ON o.id = l.order_id
    WHERE r.level_id = ANY(%s::bigint[]) AND r.kind = 'firm' AND r.parts IS NULL
) found WHERE lacks <> 0 ORDER BY id
"""
_FIX = """
UPDATE inventory_reservation r
SET quantity = CASE WHEN t.quantity > 0 THEN t.quantity ELSE r.quantity END,
    fenced = least(r.fenced, CASE WHEN t.quantity > 0 THEN t.quantity ELSE r.quantity END),
    state = CASE WHEN t.quantity > 0 THEN 'pending' ELSE 'released' END,
    ended_at = CASE WHEN t.quantity > 0 THEN NULL ELSE now() END,
    reason = 'repaired'
FROM unnest(%s::bigint[], %s::int[]) AS t(id, quantity) WHERE r.id = t.id
"""
