"""What does not add up in goods and money that go back.

Each query returns (store_id, subject, order_id, facts, at_stake); %(now)s is the time of the check.
"""

# Units that left although Shopify had taken them off by then, by line. Driven by order_cancelled
# and by the few refund lines that cancel.
_LEFT_ANYWAY = """
    SELECT l.order_id, l.id, l.unit_price, l.shipped - l.wanted AS units
    FROM orders_order o JOIN orders_orderline l ON l.order_id = o.id
    WHERE o.cancelled_at IS NOT NULL AND l.shipped > l.wanted
    UNION ALL
    SELECT l.order_id, l.id, l.unit_price, least(l.shipped, sum(t.quantity) - l.cancelled)
    FROM returns_refundline t JOIN orders_orderline l ON l.id = t.line_id
    WHERE t.restock = 'cancel' AND l.shipped > 0
    GROUP BY l.id HAVING sum(t.quantity) > l.cancelled
"""

# Driven by money_taken_back: only orders of which something was taken back can owe a refund. Ten
# quiet minutes first, since a cancellation and its refund are told in two messages. On its way is
# an approved refund while its write-back is open, and an accepted one for three days, unless the
# payment provider has refused a part; less what its transactions already moved.
REFUND_DIFFERS = f"""
WITH gone AS ({_LEFT_ANYWAY}), taken_back AS (
    SELECT DISTINCT store_id, order_id FROM orders_moneyentry
    WHERE amount < 0 AND NOT (cause IN ('discount', 'other'))
), columns AS (
    SELECT t.store_id, t.order_id, m.currency, m.owed, m.moved, m.refunded
    FROM taken_back t
    CROSS JOIN LATERAL (
        SELECT min(e.currency) AS currency, max(e.at) AS newest,
               coalesce(sum(e.amount) FILTER (WHERE e."column" = 'owed'), 0) AS owed,
               coalesce(sum(e.amount) FILTER (WHERE e."column" = 'moved'), 0) AS moved,
               coalesce(-sum(e.amount) FILTER (WHERE e."column" = 'moved' AND e.amount < 0), 0)
                   AS refunded
        FROM orders_moneyentry e WHERE e.order_id = t.order_id
    ) m
    WHERE m.owed <> m.moved AND m.newest <= %(now)s::timestamptz - interval '10 minutes'
), differences AS (
    SELECT c.*, way.sent AS on_its_way, way.failed, way.failed_id, way.outside_id,
           CASE WHEN c.moved - c.owed - way.sent >= 0 THEN c.moved - c.owed - way.sent
                ELSE -least(c.refunded, c.owed + way.sent - c.moved) END AS difference
    FROM columns c
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(greatest(r.owed - done.moved, 0)) FILTER (
                   WHERE r.state = 'approved' AND EXISTS (
                             SELECT 1 FROM core_outboxintent x
                             WHERE x.order_id = r.order_id AND x.topic = 'refund.create'
                               AND x.key = 'refund:' || r.id
                               AND x.state IN ('waiting', 'sending', 'unknown', 'applied'))
                      OR r.state = 'submitted' AND done.failed = ''
                         AND r.submitted_at > %(now)s::timestamptz - interval '3 days'), 0) AS sent,
               coalesce(max(nullif(done.failed, '')),
                        max(r.error) FILTER (WHERE r.state = 'failed'), '') AS failed,
               max(r.id) FILTER (WHERE r.state = 'failed') AS failed_id,
               max(r.id) FILTER (WHERE r.origin IN ('outside', 'cancel')
                                   AND done.moved > r.owed) AS outside_id
        FROM returns_refund r
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(p.amount) FILTER (WHERE p.status = 'success'), 0) AS moved,
                   coalesce(max(coalesce(nullif(p.error, ''), 'the payment provider refused it'))
                       FILTER (WHERE p.status IN ('failure', 'error')), '') AS failed
            FROM orders_paymenttransaction p
            WHERE p.order_id = r.order_id AND p.refund_remote_id = r.remote_id
              AND p.kind = 'refund'
        ) done
        WHERE r.order_id = c.order_id
    ) way
)
SELECT d.store_id, 'order:' || d.order_id AS subject, d.order_id,
       jsonb_build_object(
           'difference', d.difference::text, 'owed', d.owed::text, 'moved', d.moved::text,
           'on_its_way', d.on_its_way::text, 'refunded', d.refunded::text,
           'currency', d.currency, 'failed', left(d.failed, 200),
           'failed_refund', d.failed_id, 'outside_refund', d.outside_id) AS facts,
       abs(d.difference) AS at_stake
FROM differences d
WHERE d.difference <> 0
  -- One trouble, one row: goods that left anyway explain their money and are in the queue.
  AND NOT EXISTS (SELECT 1 FROM gone WHERE gone.order_id = d.order_id)
"""  # noqa: S608  (our own text)

# Driven by refund_proposed.
REFUND_WAITING = """
SELECT r.store_id, 'refund:' || r.id AS subject, r.order_id,
       jsonb_build_object('owed', r.owed::text, 'currency', r.currency, 'by', r.proposed_by,
                          'since', to_char(r.created_at AT TIME ZONE s.timezone, 'Dy FMDD Mon'))
           AS facts,
       r.owed AS at_stake
FROM returns_refund r JOIN core_store s ON s.id = r.store_id
WHERE r.state = 'proposed' AND r.created_at <= %(now)s::timestamptz - interval '24 hours'
"""

# Driven by rma_arrived. A return that comes in several parcels has two days to become whole.
RETURN_DIFFERS = """
SELECT m.store_id, 'rma:' || m.id AS subject, m.order_id,
       jsonb_build_object(
           'number', m.number, 'lines', goods.lines, 'title', left(goods.title, 80),
           'declared', goods.declared, 'received', goods.received, 'missing', goods.missing,
           'extra', goods.extra)
           AS facts,
       goods.at_stake
FROM returns_rma m
CROSS JOIN LATERAL (
    SELECT count(*) AS lines, min(coalesce(nullif(l.title, ''), l.sku)) AS title,
           sum(n.quantity) AS declared, sum(n.received) AS received,
           sum(n.missing) AS missing, sum(n.extra) AS extra,
           sum((n.quantity - n.received + n.extra) * l.unit_price) AS at_stake
    FROM returns_rmaline n JOIN orders_orderline l ON l.id = n.line_id
    WHERE n.rma_id = m.id
) goods
WHERE m.state IN ('received', 'inspected')
  AND (goods.missing > 0 OR goods.extra > 0
       OR goods.received < goods.declared
          AND m.received_at <= %(now)s::timestamptz - interval '48 hours')
"""

# Driven by order_cancelled. It stands here and not with the orders because a return under way is
# the way out of it.
CANCELLED_AFTER_SHIP = f"""
WITH gone AS ({_LEFT_ANYWAY}), line AS (
    SELECT order_id, id, unit_price, max(units) AS units FROM gone GROUP BY 1, 2, 3
)
SELECT o.store_id, 'order:' || o.id AS subject, o.id AS order_id,
       jsonb_build_object('units', sum(line.units)) AS facts,
       sum(line.units * line.unit_price) AS at_stake
FROM line JOIN orders_order o ON o.id = line.order_id
WHERE NOT EXISTS (SELECT 1 FROM returns_rma m WHERE m.order_id = o.id
                  AND m.state NOT IN ('declined', 'cancelled'))
GROUP BY o.id
"""  # noqa: S608  (our own text)

DETECTORS = {
    "refund_differs": REFUND_DIFFERS,
    "refund_waiting": REFUND_WAITING,
    "return_differs": RETURN_DIFFERS,
    "cancelled_after_ship": CANCELLED_AFTER_SHIP,
}
