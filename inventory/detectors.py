"""What is wrong with stock: fewer units on hand than were promised.

Each query returns (store_id, subject, order_id, facts, at_stake); %(now)s is the time of the check.
"""

# Driven by level_short. The missing units are exactly reserved less on hand. Who loses is decided
# here, once, for the sentence and for the way out: the promises made last.
STOCK_SHORT = """
SELECT v.store_id, 'level:' || v.id AS subject,
       CASE WHEN risk.orders = 1 THEN risk.first_order END AS order_id,
       jsonb_build_object(
           'sku', i.sku, 'title', left(i.title, 80), 'location', p.name, 'location_id', p.id,
           'on_hand', v.on_hand, 'reserved', v.reserved, 'missing', v.reserved - v.on_hand,
           'orders', risk.orders, 'losing', coalesce(risk.losing, '[]'::jsonb)) AS facts,
       risk.at_stake
FROM inventory_stocklevel v
JOIN catalog_item i ON i.id = v.item_id
JOIN inventory_location p ON p.id = v.location_id
CROSS JOIN LATERAL (
    SELECT count(DISTINCT promise.order_id) AS orders, min(promise.order_id) AS first_order,
           jsonb_agg(jsonb_build_array(o.name, promise.units, promise.id)
                     ORDER BY promise.id DESC) AS losing,
           sum(promise.units * promise.unit_price) AS at_stake
    FROM (
        SELECT r.id, l.order_id, l.unit_price,
               least(r.quantity, v.reserved - greatest(v.on_hand, 0)
                     - coalesce(sum(r.quantity) OVER (ORDER BY r.id DESC
                           ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)) AS units
        FROM inventory_reservation r
        JOIN orders_orderline l ON l.id = r.line_id
        WHERE r.level_id = v.id AND r.state = 'pending'
    ) promise
    JOIN orders_order o ON o.id = promise.order_id
    WHERE promise.units > 0
) risk
WHERE v.reserved > v.on_hand
"""

DETECTORS = {"stock_short": STOCK_SHORT}
