"""What routing could not do: units that no location can ship.

Each query returns (store_id, subject, order_id, facts, at_stake); %(now)s is the time of the check.
"""

# Driven by line_waiting_for_item (backordered units) and timer_postponed (units that stay open
# since no location serves them). An order on hold is shown by its hold, one without a country by
# its address. Stock is read now, not as it was when the order was routed, so that the sentence
# names what a person would find.
UNROUTABLE = """
WITH waiting AS (
    SELECT store_id, order_id, id, position, item_id, backordered AS units, unit_price
    FROM orders_orderline WHERE backordered > 0
    UNION ALL
    SELECT l.store_id, l.order_id, l.id, l.position, l.item_id, l.open, l.unit_price
    FROM core_timer t JOIN orders_orderline l ON l.order_id = t.subject_id
    WHERE t.kind = 'route' AND t.attempts > 0
      AND l.open > 0 AND l.backordered = 0 AND l.ships AND l.item_id IS NOT NULL
), orders AS (
    SELECT w.store_id, w.order_id, count(*) AS lines, sum(w.units) AS units,
           sum(w.units * w.unit_price) AS at_stake,
           (array_agg(w.item_id ORDER BY w.position))[1] AS item_id,
           (array_agg(w.units ORDER BY w.position))[1] AS line_units
    FROM waiting w
    WHERE NOT EXISTS (SELECT 1 FROM orders_hold h
                      WHERE h.order_id = w.order_id AND h.released_at IS NULL)
    GROUP BY w.store_id, w.order_id
)
SELECT n.store_id, 'order:' || n.order_id AS subject, n.order_id,
       jsonb_build_object(
           'units', n.units, 'lines', n.lines, 'line_units', n.line_units,
           'sku', i.sku, 'title', left(i.title, 80), 'country', o.ship_country,
           'serving', places.serving,
           'have', coalesce(places.have, '[]'::jsonb),
           'elsewhere', coalesce(places.elsewhere, '[]'::jsonb)) AS facts,
       n.at_stake
FROM orders n
JOIN orders_order o ON o.id = n.order_id
JOIN catalog_item i ON i.id = n.item_id
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE serves) AS serving,
           jsonb_agg(jsonb_build_array(name, free) ORDER BY free DESC, name)
               FILTER (WHERE serves AND free > 0) AS have,
           jsonb_agg(jsonb_build_array(name, free) ORDER BY free DESC, name)
               FILTER (WHERE NOT serves AND free > 0) AS elsewhere
    FROM (
        SELECT p.name, o.ship_country = ANY(p.ships_to) AS serves,
               coalesce(v.on_hand - v.reserved - v.safety, 0) AS free
        FROM inventory_location p
        LEFT JOIN inventory_stocklevel v ON v.location_id = p.id AND v.item_id = n.item_id
        WHERE p.store_id = n.store_id AND p.active
    ) place
) places
WHERE o.ship_country <> ''
"""

DETECTORS = {"unroutable": UNROUTABLE}
