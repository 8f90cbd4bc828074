"""What routing could not do: units that no location can ship.

Each query returns (store_id, subject, order_id, facts, at_stake); %(now)s is the time of the check.
"""

# Driven by line_waiting_for_item (backordered units) and timer_postponed (units that stay open
# although routing has tried, since no location serves them). An order on hold is shown by its hold,
# one without a country by its address; units promised from a dated supply need nobody until that
# supply is late. Stock is read now, not as it was when the order was routed, so that the sentence
# names what a person would find.
UNROUTABLE = """
WITH waiting AS (
    SELECT * FROM (
        SELECT l.store_id, l.order_id, l.position, l.item_id, l.backordered - coalesce((
                   SELECT sum(p.quantity) FROM inventory_supplypromise p
                   WHERE p.line_id = l.id AND p.state = 'pending'), 0) AS units, l.unit_price
        FROM orders_orderline l WHERE l.backordered > 0
    ) undated WHERE units > 0
    UNION ALL
    SELECT l.*
    FROM core_timer t
    CROSS JOIN LATERAL (
        SELECT store_id, order_id, position, item_id, open, unit_price FROM orders_orderline
        WHERE order_id = t.subject_id AND open > 0 AND backordered = 0
          AND ships AND item_id IS NOT NULL
        OFFSET 0  -- looked up per timer: a merge would walk through every line there is
    ) l
    WHERE t.kind = 'route' AND t.attempts > 0
), orders AS MATERIALIZED (
    SELECT n.*, o.ship_country AS country
    FROM (
        SELECT w.store_id, w.order_id, count(*) AS lines, sum(w.units) AS units,
               sum(w.units * w.unit_price) AS at_stake,
               (array_agg(w.item_id ORDER BY w.position))[1] AS item_id,
               (array_agg(w.units ORDER BY w.position))[1] AS line_units
        FROM waiting w
        WHERE NOT EXISTS (SELECT 1 FROM orders_hold h
                          WHERE h.order_id = w.order_id AND h.released_at IS NULL)
        GROUP BY w.store_id, w.order_id
    ) n
    JOIN orders_order o ON o.id = n.order_id
    WHERE o.ship_country <> ''
), places AS MATERIALIZED (
    SELECT a.store_id, a.item_id, a.country, p.*
    FROM (SELECT DISTINCT store_id, item_id, country FROM orders) a
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE serves) AS serving,
               jsonb_agg(jsonb_build_array(name, free) ORDER BY free DESC, name)
                   FILTER (WHERE serves AND free > 0) AS have,
               jsonb_agg(jsonb_build_array(name, free) ORDER BY free DESC, name)
                   FILTER (WHERE NOT serves AND free > 0) AS elsewhere
        FROM (
            SELECT l.name, a.country = ANY(l.ships_to) AS serves,
                   coalesce(v.on_hand - v.reserved - v.safety, 0) AS free
            FROM inventory_location l
            LEFT JOIN inventory_stocklevel v ON v.location_id = l.id AND v.item_id = a.item_id
            WHERE l.store_id = a.store_id AND l.active
        ) place
    ) p
)
SELECT n.store_id, 'order:' || n.order_id AS subject, n.order_id,
       jsonb_build_object(
           'units', n.units, 'lines', n.lines, 'line_units', n.line_units,
           'sku', i.sku, 'title', left(i.title, 80), 'country', n.country,
           'serving', p.serving, 'have', coalesce(p.have, '[]'::jsonb),
           'elsewhere', coalesce(p.elsewhere, '[]'::jsonb)) AS facts,
       n.at_stake
FROM orders n
JOIN places p ON p.store_id = n.store_id AND p.item_id = n.item_id AND p.country = n.country
JOIN catalog_item i ON i.id = n.item_id
"""

DETECTORS = {"unroutable": UNROUTABLE}
