"""Proof that stock adds up: counters, entries, promises, fences, supplies; what differs, and why.

Every difference is a sentence that names the entry or the promise behind it where the records tell.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from inventory import ledger
from inventory.ledger import Unlike
from inventory.models import StockEntry
from oms.core.sql import fetch, ints
from oms.orders.words import count_of, listed, units

# What a counter is the sum of, besides its entries.
STANDS_FOR = {
    "reserved": "pending promises",
    "soft": "pending promises",
    "fenced": "open fences",
    "incoming": "open purchase orders",
    "in_transit": "transfers under way",
}
SHOWN = 3
Key = tuple[int, str]


@dataclass(slots=True, frozen=True)
class Difference:
    """One counter of one level that does not add up.

    `kind`: counter (not the sum of its entries), chain (an entry does not start where the one
    before ended), rows (not the sum of the promises, fences or supplies it stands for) or line (an
    order line counts on other units than it is promised; then the level is where it was promised
    some, or 0).
    """

    level_id: int
    sku: str
    location: str
    bucket: str
    kind: str
    counter: int
    expected: int
    sentence: str
    evidence: list[str] = field(default_factory=list)
    last_entries: list[str] = field(default_factory=list)


def differences(
    *, store_id: int | None = None, level_ids: Iterable[int] | None = None
) -> list[Difference]:
    """Everything that does not add up, of these levels, of a store or of all, by level."""
    ids = None if level_ids is None else sorted(set(level_ids))
    unlike = ledger.unlike_entries(ids, store_id=store_id)
    rows = unlike_rows(ids, store_id=store_id)
    keys = sorted({(u.level_id, u.bucket) for u in unlike} | {(r[0], r[1]) for r in rows})
    lines = _lines(ids, store_id)
    if not keys:
        return lines
    names = level_names(level_id for level_id, _ in keys)
    last = _last_entries(keys)
    evidence = _evidence([(level_id, bucket) for level_id, bucket, *_ in rows])

    found: list[tuple[int, str, str, int, int, str, list[str]]] = []
    for u in unlike:
        kind, expected, sentence = _unlike_words(u)
        found.append((u.level_id, u.bucket, kind, u.counter, expected, sentence, []))
    for level_id, bucket, counter, stands in rows:
        sentence = (
            f"{_word(bucket)} is {counter:,}, but the {STANDS_FOR[bucket]} add up to {stands:,}"
            f" ({_by(counter - stands)})"
        )
        why = evidence.get((level_id, bucket), [])
        found.append((level_id, bucket, "rows", counter, stands, sentence, why))
    return lines + [
        Difference(
            level_id, *names[level_id], bucket, kind, counter, expected,
            f"{names[level_id][0]} at {names[level_id][1]}: {sentence}.",
            why, last.get((level_id, bucket), []),
        )
        for level_id, bucket, kind, counter, expected, sentence, why in sorted(
            found, key=lambda row: row[:3]
        )
    ]  # fmt: skip


def _lines(level_ids: list[int] | None, store_id: int | None) -> list[Difference]:
    """Order lines that count on more units, or fewer, than are promised to them."""
    ids = None if level_ids is None else ints(level_ids)
    return [
        Difference(
            level_id, sku, place, "reserved", "line", counted, promised,
            f"{order}, line {position} ({sku}): {units(counted)} count as promised, its pending"
            f" promises add up to {promised:,} ({_by(counted - promised)}).",
        )
        for order, position, sku, counted, promised, level_id, place in fetch(
            _LINES, [store_id, store_id, ids, ids]
        )
    ]  # fmt: skip


def unlike_rows(
    level_ids: Iterable[int] | None = None, *, store_id: int | None = None
) -> list[tuple[int, str, int, int]]:
    """(level, bucket, counter, sum) where a counter is not the sum of the rows it stands for."""
    ids = None if level_ids is None else ints(sorted(set(level_ids)))
    return fetch(_UNLIKE_ROWS, [ids, ids, store_id, store_id])


def level_names(level_ids: Iterable[int]) -> dict[int, tuple[str, str]]:
    """SKU and name of the location of each level."""
    rows = fetch(
        """
        SELECT v.id, i.sku, p.name FROM inventory_stocklevel v
        JOIN catalog_item i ON i.id = v.item_id JOIN inventory_location p ON p.id = v.location_id
        WHERE v.id = ANY(%s::bigint[])
        """,
        [ints(sorted(set(level_ids)))],
    )
    return {level_id: (sku, place) for level_id, sku, place in rows}


def _unlike_words(u: Unlike) -> tuple[str, int, str]:
    if not u.breaks:
        words = f"{_word(u.bucket)} is {u.counter:,}, but its entries add up to {u.entries:,}"
        return "counter", u.entries, f"{words} ({_by(u.counter - u.entries)})"
    holes = [
        f"entry {entry} starts at {starts:,}, but "
        + (f"entry {before} before it ended at {ended:,}" if before else "it is the first one")
        for entry, starts, before, ended in u.breaks[:SHOWN]
    ]
    more = f" and {len(u.breaks) - SHOWN:,} more" if len(u.breaks) > SHOWN else ""
    words = f"the chain of {_word(u.bucket).lower()} is broken: {listed(holes)}{more}"
    if u.counter != u.entries:
        words += f"; all entries add up to {u.entries:,}, the counter is {u.counter:,}"
    return "chain", u.entries, words


def _by(much: int) -> str:
    return f"{units(abs(much))} too {'many' if much > 0 else 'few'}"


def _word(bucket: str) -> str:
    return str(StockEntry.Bucket(bucket).label)


def _last_entries(keys: Sequence[Key]) -> dict[Key, list[str]]:
    """The newest entries of each counter, newest first."""
    rows = fetch(_LAST, [ints(k[0] for k in keys), [k[1] for k in keys], SHOWN])
    found: dict[Key, list[str]] = {}
    for level_id, bucket, entry, delta, document, actor in rows:
        found.setdefault((level_id, bucket), []).append(
            f"entry {entry}: {delta:+,} for {document} by {actor}"
        )
    return found


def _evidence(keys: Sequence[Key]) -> dict[Key, list[str]]:
    """What the records say about counters that their rows do not explain."""
    found: dict[Key, list[str]] = {}
    promised = [key for key in keys if key[1] in ("reserved", "soft")]
    columns = [ints(k[0] for k in promised), [k[1] for k in promised]]
    if promised:
        for level_id, bucket, sign, entered, rows, documents, promises in fetch(_PROMISED, columns):
            words = (_begun if sign > 0 else _ended)(entered, rows, documents, promises)
            found.setdefault((level_id, bucket), []).append(words)
    fenced = [level_id for level_id, bucket in keys if bucket == "fenced"]
    if fenced:
        for level_id, *fence in fetch(_FENCED, [ints(fenced)]):
            found.setdefault((level_id, "fenced"), []).append(_fence(*fence))
    supplied = [key for key in keys if key[1] in ("incoming", "in_transit")]
    if supplied:
        ids = ints(sorted({level_id for level_id, _ in supplied}))
        for level_id, bucket, number, due in fetch(_SUPPLIED, [ids]):
            if (level_id, bucket) in supplied:
                words = f"{number} still brings {units(due)}."
                found.setdefault((level_id, bucket), []).append(words)
    return found


def _begun(entered: int, rows: int, documents: str, promises: str) -> str:
    if not rows:
        return f"{units(entered)} were promised for {documents}, and no promise is left of them."
    if not entered:
        return f"{promises} of {units(rows)} has no entry that made it."
    return f"{promises} is of {units(rows)}, but {units(entered)} were promised for {documents}."


def _ended(entered: int, rows: int, documents: str, promises: str) -> str:
    if not rows:
        return f"{units(entered)} were given back for {documents}, but no promise of them ended."
    if not entered:
        return f"{promises} of {units(rows)} ended, and no entry gave the units back."
    return f"{promises} ended with {units(rows)}, but {count_of(entered, 'unit')} were given back."


def _fence(fence_id: int, channel: str, state: str, stands: int, entered: int) -> str:
    if state == "gone":
        return f"Fence {fence_id} is gone; its entries still keep {units(entered)}."
    if state == "ended":
        return f"Fence {fence_id} for {channel} ended, and no entry gave its {units(stands)} back."
    words = f"Fence {fence_id} for {channel} keeps {units(stands)}"
    return f"{words}; its entries and promises leave {entered:,}."


_UNLIKE_ROWS = """
WITH stands AS (
    SELECT level_id, CASE kind WHEN 'firm' THEN 'reserved' ELSE 'soft' END AS bucket,
           sum(quantity) AS units
    FROM inventory_reservation WHERE state = 'pending' AND parts IS NULL GROUP BY 1, 2
    UNION ALL
    SELECT (part->>0)::bigint, CASE kind WHEN 'firm' THEN 'reserved' ELSE 'soft' END,
           sum(quantity * (part->>1)::int)
    FROM inventory_reservation, jsonb_array_elements(parts) AS part
    WHERE state = 'pending' AND parts IS NOT NULL GROUP BY 1, 2
    UNION ALL
    SELECT level_id, 'fenced', sum(units) FROM inventory_ringfence WHERE ended_at IS NULL GROUP BY 1
    UNION ALL
    SELECT v.id, CASE s.kind WHEN 'purchase' THEN 'incoming' ELSE 'in_transit' END,
           sum(greatest(CASE s.kind WHEN 'purchase' THEN l.ordered ELSE l.shipped END
                        - l.received - l.short, 0))
    FROM inventory_supplyline l
    JOIN inventory_supply s ON s.id = l.supply_id AND s.state IN ('open', 'shipped')
    JOIN inventory_stocklevel v ON v.item_id = l.item_id AND v.location_id = s.destination_id
    GROUP BY 1, 2
), total AS (
    SELECT level_id, bucket, sum(units)::bigint AS units FROM stands GROUP BY 1, 2
)
SELECT v.id, b.bucket, b.units, coalesce(t.units, 0)
FROM inventory_stocklevel v
CROSS JOIN LATERAL (VALUES ('reserved', v.reserved), ('soft', v.soft), ('fenced', v.fenced),
    ('incoming', v.incoming), ('in_transit', v.in_transit)) AS b(bucket, units)
LEFT JOIN total t ON t.level_id = v.id AND t.bucket = b.bucket
WHERE (%s::bigint[] IS NULL OR v.id = ANY(%s::bigint[])) AND (%s::bigint IS NULL OR v.store_id = %s)
      AND b.units <> coalesce(t.units, 0)
ORDER BY v.id, b.bucket
"""
_LINES = """
SELECT o.name, l.position, coalesce(i.sku, l.sku), l.reserved + l.released,
       coalesce(p.units, 0)::int, coalesce(was.level_id, 0), coalesce(was.name, '')
FROM orders_orderline l
JOIN orders_order o ON o.id = l.order_id
LEFT JOIN catalog_item i ON i.id = l.item_id
LEFT JOIN (SELECT line_id, sum(quantity) AS units FROM inventory_reservation
           WHERE state = 'pending' AND kind = 'firm' GROUP BY line_id) p ON p.line_id = l.id
LEFT JOIN LATERAL (
    SELECT r.level_id, place.name FROM inventory_reservation r
    JOIN inventory_stocklevel v ON v.id = r.level_id
    JOIN inventory_location place ON place.id = v.location_id
    WHERE r.line_id = l.id ORDER BY r.id DESC LIMIT 1) was ON true
WHERE l.reserved + l.released <> coalesce(p.units, 0)
      AND (%s::bigint IS NULL OR l.store_id = %s)
      AND (%s::bigint[] IS NULL OR was.level_id = ANY(%s::bigint[]))
ORDER BY o.id, l.position
"""
_LAST = """
SELECT k.level_id, k.bucket, e.id, e.delta, e.document, e.actor
FROM unnest(%s::bigint[], %s::text[]) AS k(level_id, bucket)
CROSS JOIN LATERAL (
    SELECT * FROM inventory_stockentry e WHERE e.level_id = k.level_id AND e.bucket = k.bucket
    ORDER BY e.id DESC LIMIT %s) e
ORDER BY e.id DESC
"""
# A promise and the entry that made or ended it carry the same moment: that of their transaction.
# Whatever a repair has settled is not told again.
_PROMISED = """
WITH wanted AS (
    SELECT k.level_id, k.bucket,
           coalesce((SELECT max(at) FROM inventory_stockentry e
                     WHERE e.level_id = k.level_id AND e.bucket = k.bucket AND e.cause = 'repair'),
                    '-infinity') AS since
    FROM unnest(%s::bigint[], %s::text[]) AS k(level_id, bucket)
), kept AS (
    SELECT level_id, kind, id, line_id, holder, quantity AS units, state, created_at, ended_at
    FROM inventory_reservation
    WHERE parts IS NULL AND level_id IN (SELECT level_id FROM wanted)
    UNION ALL
    SELECT (part->>0)::bigint, kind, id, line_id, holder, quantity * (part->>1)::int, state,
           created_at, ended_at
    FROM inventory_reservation, jsonb_array_elements(parts) AS part
    WHERE parts IS NOT NULL AND (part->>0)::bigint IN (SELECT level_id FROM wanted)
), promise AS (
    SELECT w.level_id, w.bucket, k.id, k.units, k.state, k.created_at, k.ended_at,
           coalesce(o.name, k.holder) AS whose
    FROM wanted w
    JOIN kept k ON k.level_id = w.level_id
               AND k.kind = CASE w.bucket WHEN 'soft' THEN 'soft' ELSE 'firm' END
    LEFT JOIN orders_orderline l ON l.id = k.line_id
    LEFT JOIN orders_order o ON o.id = l.order_id
), stands AS (
    SELECT level_id, bucket, 1 AS sign, created_at AS at, sum(units) AS units,
           'Promise ' || min(id) || ' (' || min(whose) || ')' AS words
    FROM promise GROUP BY level_id, bucket, created_at
    UNION ALL
    SELECT level_id, bucket, -1, ended_at, sum(units),
           'Promise ' || min(id) || ' (' || min(whose) || ', ' || min(state) || ')'
    FROM promise WHERE state <> 'pending' GROUP BY level_id, bucket, ended_at
), entered AS (
    SELECT e.level_id, e.bucket, sign(e.delta)::int AS sign, e.at, sum(abs(e.delta)) AS units,
           string_agg(DISTINCT e.document, ', ') AS words
    FROM wanted w JOIN inventory_stockentry e ON e.level_id = w.level_id AND e.bucket = w.bucket
    WHERE e.cause <> 'repair' AND e.delta <> 0 GROUP BY 1, 2, 3, 4
)
SELECT level_id, bucket, sign, coalesce(e.units, 0)::int, coalesce(s.units, 0)::int,
       coalesce(e.words, ''), coalesce(s.words, '')
FROM entered e FULL JOIN stands s USING (level_id, bucket, sign, at)
JOIN wanted w USING (level_id, bucket)
WHERE coalesce(e.units, 0) <> coalesce(s.units, 0) AND at > w.since
ORDER BY level_id, bucket, at
"""
# Units of a fence by its own entries, less what promises took from it and did not give back.
_FENCED = """
WITH entered AS (
    SELECT level_id, substr(document, 7)::bigint AS fence_id, sum(delta) AS units, max(at) AS at
    FROM inventory_stockentry
    WHERE level_id = ANY(%s::bigint[]) AND bucket = 'fenced' AND document ~ '^fence:[0-9]+$'
    GROUP BY 1, 2
), taken AS (
    SELECT fence_id, sum(fenced) AS units FROM inventory_reservation
    WHERE state IN ('pending', 'consumed', 'lost')
          AND fence_id IN (SELECT fence_id FROM entered) GROUP BY fence_id
), fence AS (
    SELECT e.level_id, e.fence_id, f.channel, f.units,
           (e.units - coalesce(t.units, 0))::int AS kept,
           CASE WHEN f.id IS NULL THEN 'gone' WHEN f.ended_at IS NULL THEN 'open'
                WHEN f.units > 0 AND f.ended_at <> e.at THEN 'ended' END AS state
    FROM entered e
    LEFT JOIN inventory_ringfence f ON f.id = e.fence_id
    LEFT JOIN taken t ON t.fence_id = e.fence_id
)
SELECT level_id, fence_id, coalesce(channel, ''), state, coalesce(units, 0), kept FROM fence
WHERE state = 'ended' OR (state = 'open' AND units <> kept) OR (state = 'gone' AND kept <> 0)
ORDER BY level_id, fence_id
"""
_SUPPLIED = """
SELECT v.id, CASE s.kind WHEN 'purchase' THEN 'incoming' ELSE 'in_transit' END, s.number,
       greatest(CASE s.kind WHEN 'purchase' THEN l.ordered ELSE l.shipped END
                - l.received - l.short, 0)
FROM inventory_stocklevel v
JOIN inventory_supplyline l ON l.item_id = v.item_id
JOIN inventory_supply s ON s.id = l.supply_id AND s.destination_id = v.location_id
     AND s.state IN ('open', 'shipped')
WHERE v.id = ANY(%s::bigint[]) ORDER BY s.id
"""
