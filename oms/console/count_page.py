"""What the counting and the review page show: lines, what differs, and what moved since."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from inventory.commands.counting import CORRECTIONS
from inventory.models import CountLine, CountSession, StockEntry
from oms.catalog.models import Item
from oms.core.sql import fetch

PAGE = 100
_CAUSES = dict(StockEntry.Cause.choices)


@dataclass(slots=True, frozen=True)
class ToCount:
    """A line for the person who counts. In a blind count there is no number of ours in it."""

    id: int
    level_id: int
    sku: str
    title: str
    barcode: str
    attempt: int
    counted: int | None
    counted_at: datetime | None
    ours: int | None


@dataclass(slots=True, frozen=True)
class Progress:
    """How far an open count is: levels in all, counted, and to be counted again."""

    lines: int
    counted: int
    again: int

    @property
    def left(self) -> int:
        return self.lines - self.counted


@dataclass(slots=True, frozen=True)
class Differs:
    """A line as the second person sees it: expected then, counted, moved since, what it becomes."""

    id: int
    level_id: int
    item_id: int
    sku: str
    title: str
    attempt: int
    state: str
    expected: int
    counted: int
    counted_at: datetime
    counted_by: str
    reason: str
    approved_by: str
    value: Decimal | None
    on_hand: int
    promised: int
    moves: Sequence[tuple[str, int]]

    @property
    def variance(self) -> int:
        return self.counted - self.expected

    @property
    def differs(self) -> str:
        """+40 and −30."""
        return f"{self.variance:+,}".replace("-", "−")

    @property
    def after(self) -> int:
        """On hand once it is posted: now, and the difference of then."""
        return self.on_hand + self.variance

    @property
    def corrected(self) -> bool:
        """Whether somebody brought the level to a number since it was counted."""
        return any(cause in CORRECTIONS for cause, _ in self.moves)

    @property
    def moved(self) -> str:
        """−2 sold over the counter, −1 left with a parcel."""
        return ", ".join(
            f"{units:+,} {_CAUSES.get(cause, cause).lower()}".replace("-", "−")
            for cause, units in self.moves
        )

    @property
    def missing(self) -> int:
        """Promised units that will not be there: who loses is decided by rule."""
        return max(self.promised - max(self.after, 0), 0)


@dataclass(slots=True, frozen=True)
class Totals:
    """A submitted count in numbers."""

    counted: int
    differ: int
    waiting: int
    unexplained: int
    dropped: int
    units_more: int
    units_fewer: int
    value: Decimal
    posted: int
    to_post: int

    @property
    def agree(self) -> int:
        return self.counted - self.differ


def lines_to_count(
    session: CountSession, *, counted: bool, page: int = 0
) -> tuple[list[ToCount], bool]:
    """One page of an open count, by SKU or the latest first, and whether more follow."""
    order = "c.counted_at DESC, c.id" if counted else "i.sku, c.id"
    rows = fetch(
        _LINES + f"AND c.counted IS {'NOT' * counted} NULL ORDER BY {order} LIMIT %s OFFSET %s",
        [not session.blind, session.pk, PAGE + 1, page * PAGE],
    )
    return [ToCount(*row) for row in rows[:PAGE]], len(rows) > PAGE


def line_to_count(session: CountSession, line_id: int) -> ToCount | None:
    """The line that was scanned or chosen; none when it is not open to be counted."""
    rows = fetch(_LINES + "AND c.id = %s", [not session.blind, session.pk, line_id])
    return ToCount(*rows[0]) if rows else None


def line_of_code(session: CountSession, code: str) -> int | None:
    """The open line that a SKU or barcode means; a SKU goes before a barcode."""
    rows = fetch(_BY_CODE, [session.pk, code, code, code])
    return rows[0][0] if rows else None


def item_of_code(store_id: int, code: str) -> Item | None:
    """The item of the shop that carries this SKU, or else this barcode."""
    found = Item.objects.filter(store_id=store_id)
    return found.filter(sku=code).first() or (found.filter(barcode=code).first() if code else None)


def progress(session: CountSession) -> Progress:
    return Progress(*fetch(_PROGRESS, [session.pk])[0])


def totals(session: CountSession) -> Totals:
    return Totals(*fetch(_TOTALS, [session.pk])[0])


def differing(session: CountSession, *, page: int = 0) -> tuple[list[Differs], bool]:
    """The lines that differ, those to be approved first, then the dearest."""
    rows = fetch(_DIFFERS, [session.pk, PAGE + 1, page * PAGE])
    lines = [Differs(*(*row[:-1], json.loads(row[-1]))) for row in rows[:PAGE]]
    return lines, len(rows) > PAGE


def quiet_lines(session: CountSession) -> list[tuple[str, str, str, int | None, int | None]]:
    """What agrees, was refused, counted again or not: (SKU, title, state, expected, counted)."""
    rows = fetch(_QUIET, [session.pk, PAGE])
    words = dict(CountLine.State.choices)
    return [(sku, title, words.get(state, state), *numbers) for sku, title, state, *numbers in rows]


_LINES = """
SELECT c.id, c.level_id, i.sku, i.title, i.barcode, c.attempt, c.counted, c.counted_at,
       CASE WHEN %s THEN v.on_hand END
FROM inventory_countline c
JOIN inventory_stocklevel v ON v.id = c.level_id JOIN catalog_item i ON i.id = v.item_id
WHERE c.session_id = %s AND c.state IN ('to_count', 'counted') AND c.expected IS NULL
"""
_BY_CODE = """
SELECT c.id FROM inventory_countline c
JOIN inventory_stocklevel v ON v.id = c.level_id JOIN catalog_item i ON i.id = v.item_id
WHERE c.session_id = %s AND c.state IN ('to_count', 'counted') AND c.expected IS NULL
  AND (i.sku = %s OR i.barcode <> '' AND i.barcode = %s)
ORDER BY i.sku <> %s, c.id LIMIT 1
"""
_PROGRESS = """
SELECT count(*), count(counted), count(*) FILTER (WHERE attempt > 1)
FROM inventory_countline
WHERE session_id = %s AND state IN ('to_count', 'counted') AND expected IS NULL
"""
_TOTALS = """
SELECT count(*) FILTER (WHERE open),
       count(*) FILTER (WHERE open AND counted <> expected),
       count(*) FILTER (WHERE c.state = 'review'),
       count(*) FILTER (WHERE c.state = 'counted' AND counted <> expected AND reason = ''),
       count(*) FILTER (WHERE c.state = 'dropped'),
       coalesce(sum(counted - expected) FILTER (WHERE open AND counted > expected), 0),
       coalesce(sum(expected - counted) FILTER (WHERE open AND counted < expected), 0),
       coalesce(sum((counted - expected) * i.price) FILTER (WHERE open), 0),
       count(*) FILTER (WHERE c.state = 'posted'),
       count(*) FILTER (WHERE c.state = 'counted' AND counted <> expected)
FROM (SELECT *, expected IS NOT NULL AND state IN ('counted', 'review', 'posted') AS open
      FROM inventory_countline WHERE session_id = %s) c
JOIN inventory_stocklevel v ON v.id = c.level_id JOIN catalog_item i ON i.id = v.item_id
"""
_DIFFERS = """
SELECT c.id, c.level_id, i.id, i.sku, i.title, c.attempt, c.state, c.expected, c.counted,
       c.counted_at, c.counted_by, c.reason, c.approved_by,
       (c.counted - c.expected) * i.price, v.on_hand, v.reserved + v.soft,
       coalesce(later.moves, '[]')::text
FROM inventory_countline c
JOIN inventory_stocklevel v ON v.id = c.level_id JOIN catalog_item i ON i.id = v.item_id
LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_array(e.cause, e.units) ORDER BY e.cause) AS moves
    FROM (SELECT cause, sum(delta) AS units FROM inventory_stockentry
          WHERE level_id = c.level_id AND bucket = 'on_hand' AND at > c.counted_at
            AND c.state <> 'posted'
          GROUP BY cause) e
) later ON true
WHERE c.session_id = %s AND c.counted <> c.expected AND c.state IN ('counted', 'review', 'posted')
ORDER BY c.state <> 'review', abs(c.counted - c.expected) * coalesce(i.price, 0) DESC, i.sku
LIMIT %s OFFSET %s
"""
_QUIET = """
SELECT i.sku, i.title, c.state, c.expected, c.counted
FROM inventory_countline c
JOIN inventory_stocklevel v ON v.id = c.level_id JOIN catalog_item i ON i.id = v.item_id
WHERE c.session_id = %s
  AND (c.state IN ('dropped', 'recount', 'to_count') OR c.counted = c.expected)
ORDER BY c.state, i.sku, c.attempt LIMIT %s
"""
