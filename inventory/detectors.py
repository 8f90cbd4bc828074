"""What is wrong with stock: fewer units on hand than were promised, and no rule can settle it.

Each query returns (store_id, subject, order_id, facts, at_stake); %(now)s is the time of the check.
"""

from inventory.losses import CROSSED

# Driven by level_short. The rule of losses.py has the first word: a level whose timer has just been
# started is not shown. What is short after that is picked or packed, or was sold below zero with
# nothing promised; a level that still waits for the rule after a minute is shown as it is.
STOCK_SHORT = f"""
SELECT v.store_id, 'level:' || v.id AS subject,
       CASE WHEN risk.orders = 1 THEN risk.first_order END AS order_id,
       jsonb_build_object(
           'sku', i.sku, 'title', left(i.title, 80), 'location', p.name, 'location_id', p.id,
           'on_hand', v.on_hand, 'reserved', v.reserved, 'missing', v.reserved - v.on_hand,
           'orders', risk.orders, 'holding', coalesce(risk.holding, '[]'::jsonb),
           'settled', t.id IS NULL, 'cause', coalesce(crossed.cause, ''),
           'document', coalesce(crossed.document, ''), 'by', coalesce(crossed.actor, ''),
           'crossed_by', coalesce(crossed.order_name, ''),
           'since', coalesce(to_char(crossed.at AT TIME ZONE s.timezone, 'Dy FMDD Mon HH24:MI'),
                             '')) AS facts,
       risk.at_stake
FROM inventory_stocklevel v
JOIN core_store s ON s.id = v.store_id
JOIN catalog_item i ON i.id = v.item_id
JOIN inventory_location p ON p.id = v.location_id
LEFT JOIN core_timer t ON t.kind = 'shortage' AND t.subject_id = v.id
LEFT JOIN {CROSSED} crossed ON true
CROSS JOIN LATERAL (
    SELECT count(DISTINCT promise.order_id) AS orders, min(promise.order_id) AS first_order,
           jsonb_agg(jsonb_build_array(coalesce(o.name, promise.holder), promise.units, promise.id)
                     ORDER BY promise.id DESC) FILTER (WHERE promise.place <= 20) AS holding,
           sum(greatest(promise.short, 0) * promise.unit_price) AS at_stake
    FROM (
        SELECT r.id, r.holder, l.order_id, l.unit_price, c.units,
               row_number() OVER newest AS place,
               least(c.units, v.reserved - greatest(v.on_hand, 0)
                     - coalesce(sum(c.units) OVER (newest
                           ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)) AS short
        FROM (
            SELECT id, quantity AS units FROM inventory_reservation
            WHERE level_id = v.id AND state = 'pending' AND kind = 'firm' AND parts IS NULL
            UNION ALL
            SELECT b.id, b.quantity * (part ->> 1)::int
            FROM inventory_reservation b CROSS JOIN LATERAL jsonb_array_elements(b.parts) AS part
            WHERE b.store_id = v.store_id AND b.state = 'pending' AND b.kind = 'firm'
              AND b.parts IS NOT NULL AND (part ->> 0)::bigint = v.id
        ) c
        JOIN inventory_reservation r USING (id)
        LEFT JOIN orders_orderline l ON l.id = r.line_id
        WINDOW newest AS (ORDER BY r.id DESC)
    ) promise
    LEFT JOIN orders_order o ON o.id = promise.order_id
) risk
WHERE v.reserved > v.on_hand
  AND (t.id IS NULL OR t.attempts > 0
       OR t.due_at <= %(now)s::timestamptz - interval '1 minute')
"""  # noqa: S608  (our own SQL)

# Driven by drift_one_open. What waits for something of ours is no case: it ends by itself.
STOCK_DRIFT = """
SELECT d.store_id, 'level:' || d.level_id AS subject, NULL::bigint AS order_id,
       jsonb_build_object(
           'drift', d.id, 'sku', i.sku, 'title', left(i.title, 80), 'location', p.name,
           'ours', d.ours, 'theirs', d.theirs, 'cause', d.cause,
           'bundle', coalesce((d.evidence->>'bundle')::bool, false)) AS facts,
       abs(d.theirs - d.ours) * i.price AS at_stake
FROM inventory_drift d
JOIN inventory_stocklevel v ON v.id = d.level_id
JOIN catalog_item i ON i.id = v.item_id
JOIN inventory_location p ON p.id = v.location_id
WHERE d.state = 'open' AND d.repair = 'ask'
"""

DETECTORS = {"stock_short": STOCK_SHORT, "stock_drift": STOCK_DRIFT}
