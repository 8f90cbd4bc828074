"""What must always be true of stock."""

from inventory.ledger import BUCKETS
from oms.core.invariants import Invariant

INVARIANTS = [
    Invariant(
        "I1",
        "every stock counter equals the sum of its entries",
        " UNION ALL ".join(
            f"""
            SELECT l.id || ' {bucket}' FROM inventory_stocklevel l
            LEFT JOIN (SELECT level_id, sum(delta) AS total FROM inventory_stockentry
                       WHERE bucket = '{bucket}' GROUP BY level_id) e ON e.level_id = l.id
            WHERE l.{bucket} <> coalesce(e.total, 0)
            """  # noqa: S608  (names of our own columns)
            for bucket in BUCKETS
        ),
    ),
    Invariant(
        "I3",
        "reserved and soft equal the sums of the pending promises, those of bundles by their parts",
        """
        SELECT l.id FROM inventory_stocklevel l
        LEFT JOIN (
            SELECT level_id, sum(units) FILTER (WHERE kind = 'firm') AS firm,
                   sum(units) FILTER (WHERE kind = 'soft') AS soft
            FROM (
                SELECT level_id, kind, quantity AS units FROM inventory_reservation
                WHERE state = 'pending' AND parts IS NULL
                UNION ALL
                SELECT (part->>0)::bigint, kind, quantity * (part->>1)::int
                FROM inventory_reservation, jsonb_array_elements(parts) AS part
                WHERE state = 'pending' AND parts IS NOT NULL
            ) promised GROUP BY level_id
        ) r ON r.level_id = l.id
        WHERE l.reserved <> coalesce(r.firm, 0) OR l.soft <> coalesce(r.soft, 0)
        """,
    ),
    Invariant(
        "I3c",
        "units kept apart for channels equal the sum of the open fences",
        """
        SELECT l.id FROM inventory_stocklevel l
        LEFT JOIN (SELECT level_id, sum(units) AS total FROM inventory_ringfence
                   WHERE ended_at IS NULL GROUP BY level_id) f ON f.level_id = l.id
        WHERE l.fenced <> coalesce(f.total, 0)
        """,
    ),
    Invariant(
        "I3b",
        "units reserved or released on a line are backed by pending reservations",
        """
        SELECT l.id FROM orders_orderline l
        LEFT JOIN (SELECT line_id, sum(quantity) AS total FROM inventory_reservation
                   WHERE state = 'pending' AND kind = 'firm' GROUP BY line_id) r ON r.line_id = l.id
        WHERE l.reserved + l.released <> coalesce(r.total, 0)
        """,
    ),
    Invariant(
        "I1b",
        "no entry chain is broken: each entry starts where the one before ended",
        """
        SELECT id FROM (
            SELECT id, before, lag(after) OVER (PARTITION BY level_id, bucket ORDER BY id) AS was
            FROM inventory_stockentry) chain
        WHERE was IS NOT NULL AND was <> before
        """,
    ),
]
