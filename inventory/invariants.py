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
    # What the world takes may leave less than nothing. What we promise may not: not below zero,
    # and where it was below already, not lower. A fence gives its units first. A history with a
    # hole in it proves nothing about what came before the hole was named.
    Invariant(
        "I2b",
        "no promise was ever made of units that were not free at that moment",
        """
        SELECT e.id FROM (
            SELECT id, promise, sum(change) OVER (PARTITION BY level_id ORDER BY id) AS free
            FROM (
                SELECT id, level_id,
                       cause = 'reserve' AND bucket IN ('reserved', 'soft') AS promise,
                       CASE bucket WHEN 'on_hand' THEN delta ELSE -delta END AS change
                FROM inventory_stockentry
                WHERE bucket IN ('on_hand', 'reserved', 'soft', 'fenced', 'safety', 'buffer')
            ) entry
        ) running JOIN inventory_stockentry e ON e.id = running.id
        WHERE promise AND free < 0
          AND (SELECT sum(m.delta) FROM inventory_stockentry m
               WHERE m.level_id = e.level_id AND m.id <= e.id AND m.cause = 'reserve'
                 AND m.document = e.document AND m.at = e.at) > 0
          AND NOT EXISTS (SELECT 1 FROM inventory_stockentry m
                          WHERE m.level_id = e.level_id AND m.id > e.id AND m.cause = 'repair'
                            AND starts_with(m.document, 'mended:'))
        """,
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
        "each entry starts where the one before ended, but for breaks that a repair has named",
        """
        SELECT id FROM (
            SELECT *, coalesce(lag(after) OVER one, 0) AS was
            FROM inventory_stockentry WINDOW one AS (PARTITION BY level_id, bucket ORDER BY id)
        ) chain
        WHERE was <> before AND NOT (cause = 'repair' AND starts_with(document, 'mended:'))
          AND NOT EXISTS (SELECT 1 FROM inventory_stockentry m
                          WHERE m.level_id = chain.level_id AND m.bucket = chain.bucket
                            AND m.cause = 'repair' AND m.document = 'mended:' || chain.id)
        """,
    ),
    Invariant(
        "I1s",
        "incoming is what is still to come of open purchases, in transit what left and is not here",
        """
        SELECT v.id FROM inventory_stocklevel v
        FULL JOIN (
            SELECT l.item_id, s.destination_id AS location_id,
                   sum(greatest(l.ordered - l.received - l.short, 0))
                       FILTER (WHERE s.kind = 'purchase') AS incoming,
                   sum(greatest(l.shipped - l.received - l.short, 0))
                       FILTER (WHERE s.kind = 'transfer') AS in_transit
            FROM inventory_supplyline l JOIN inventory_supply s ON s.id = l.supply_id
            WHERE s.state IN ('open', 'shipped') GROUP BY l.item_id, s.destination_id
        ) due ON due.item_id = v.item_id AND due.location_id = v.location_id
        WHERE coalesce(v.incoming, 0) <> coalesce(due.incoming, 0)
           OR coalesce(v.in_transit, 0) <> coalesce(due.in_transit, 0)
        """,
    ),
    Invariant(
        "I3s",
        "units promised from a supply line equal its pending promises, and it can still bring them",
        """
        SELECT l.id FROM inventory_supplyline l JOIN inventory_supply s ON s.id = l.supply_id
        LEFT JOIN (SELECT supply_line_id, sum(quantity) AS total FROM inventory_supplypromise
                   WHERE state = 'pending' GROUP BY supply_line_id) p ON p.supply_line_id = l.id
        WHERE l.promised <> coalesce(p.total, 0)
           OR l.promised > CASE WHEN s.state IN ('open', 'shipped')
                                THEN greatest(l.ordered - l.received - l.short, 0) ELSE 0 END
        """,
    ),
    Invariant(
        "I3t",
        "no line is promised more units than wait, unless its promises are about to be settled",
        """
        SELECT l.id FROM orders_orderline l
        JOIN (SELECT line_id, sum(quantity) AS total FROM inventory_supplypromise
              WHERE state = 'pending' GROUP BY line_id) p ON p.line_id = l.id
        WHERE p.total > l.backordered
          AND NOT EXISTS (SELECT 1 FROM core_timer t
                          WHERE t.kind = 'supply' AND t.subject_id = l.order_id)
        """,
    ),
    Invariant(
        "I1t",
        "a transfer that is under way keeps at its origin no more than has still to leave",
        """
        SELECT s.id FROM inventory_supply s
        JOIN (SELECT r.store_id, r.holder, v.item_id, sum(r.quantity) AS kept
              FROM inventory_reservation r JOIN inventory_stocklevel v ON v.id = r.level_id
              WHERE r.state = 'pending' AND r.line_id IS NULL AND starts_with(r.holder, 'transfer:')
              GROUP BY r.store_id, r.holder, v.item_id) h
          ON h.store_id = s.store_id AND h.holder = 'transfer:' || s.id
        LEFT JOIN inventory_supplyline l ON l.supply_id = s.id AND l.item_id = h.item_id
        WHERE h.kept > CASE WHEN s.state IN ('open', 'shipped')
                            THEN coalesce(l.ordered - l.shipped, 0) ELSE 0 END
        """,
    ),
]
