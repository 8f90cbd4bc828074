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
        "reserved equals the sum of pending reservations",
        """
        SELECT l.id FROM inventory_stocklevel l
        LEFT JOIN (SELECT level_id, sum(quantity) AS total FROM inventory_reservation
                   WHERE state = 'pending' GROUP BY level_id) r ON r.level_id = l.id
        WHERE l.reserved <> coalesce(r.total, 0)
        """,
    ),
    Invariant(
        "I3b",
        "units reserved or released on a line are backed by pending reservations",
        """
        SELECT l.id FROM orders_orderline l
        LEFT JOIN (SELECT line_id, sum(quantity) AS total FROM inventory_reservation
                   WHERE state = 'pending' GROUP BY line_id) r ON r.line_id = l.id
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
