"""What is wrong with an order itself: an unknown SKU, no usable address, a hold too old.

Each query returns (store_id, subject, order_id, facts, at_stake); %(now)s is the time of the check.
"""

# Driven by line_unknown_item.
UNKNOWN_ITEM = """
SELECT l.store_id, 'line:' || l.id AS subject, l.order_id,
       jsonb_build_object('position', l.position, 'sku', l.sku, 'title', left(l.title, 80),
                          'units', l.open) AS facts,
       l.open * l.unit_price AS at_stake
FROM orders_orderline l
WHERE l.item_id IS NULL AND l.open > 0 AND l.ships
"""

# Driven by hold_one_open_per_kind. A risk is looked at at once, other holds after a day.
HOLD_OPEN = """
SELECT h.store_id, 'hold:' || h.id AS subject, h.order_id,
       jsonb_build_object('hold', h.id, 'kind', h.kind, 'reason', left(h.reason, 200),
                          'since', to_char(h.placed_at AT TIME ZONE s.timezone, 'Dy FMDD Mon'))
           AS facts,
       o.total AS at_stake
FROM orders_hold h
JOIN orders_order o ON o.id = h.order_id
JOIN core_store s ON s.id = h.store_id
WHERE h.released_at IS NULL AND h.kind <> 'address'
  AND h.placed_at <= %(now)s::timestamptz
      - CASE h.kind WHEN 'risk' THEN interval '0' ELSE interval '24 hours' END
  AND EXISTS (SELECT 1 FROM orders_orderline l WHERE l.order_id = h.order_id
              AND l.open + l.backordered + l.reserved > 0)
"""

# Driven by hold_one_open_per_kind and by timer_postponed: an order that routing gave up on because
# it names no country.
ADDRESS_MISSING = """
SELECT h.store_id, 'hold:' || h.id AS subject, h.order_id,
       jsonb_build_object('hold', h.id, 'reason', left(h.reason, 200)) AS facts,
       o.total AS at_stake
FROM orders_hold h
JOIN orders_order o ON o.id = h.order_id
WHERE h.released_at IS NULL AND h.kind = 'address'
  AND EXISTS (SELECT 1 FROM orders_orderline l WHERE l.order_id = h.order_id
              AND l.open + l.backordered + l.reserved > 0)
UNION ALL
SELECT o.store_id, 'order:' || o.id, o.id,
       jsonb_build_object('hold', NULL, 'reason', 'no country to ship to'), o.total
FROM core_timer t
JOIN orders_order o ON o.id = t.subject_id
WHERE t.kind = 'route' AND t.attempts > 0 AND o.ship_country = ''
  AND NOT EXISTS (SELECT 1 FROM orders_hold h
                  WHERE h.order_id = o.id AND h.released_at IS NULL)
"""

DETECTORS = {
    "unknown_item": UNKNOWN_ITEM,
    "address_missing": ADDRESS_MISSING,
    "hold_open": HOLD_OPEN,
}
