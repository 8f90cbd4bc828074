"""What is wrong with counts: differences nobody explained, shelves nobody counts, counts that wait.

Each query returns (store_id, subject, order_id, facts, at_stake); %(now)s is the time of the check.
"""

# Driven by count_line_differs. The newest posted count of a level speaks: a later one within the
# limit proves the level right, and a second person who knows the cause has settled it.
COUNT_VARIANCE = """
SELECT s.store_id, 'level:' || c.level_id AS subject, NULL::bigint AS order_id,
       jsonb_build_object(
           'sku', i.sku, 'title', left(i.title, 80), 'location', p.name, 'location_id', p.id,
           'count', s.id, 'expected', c.expected, 'counted', c.counted,
           'counted_by', regexp_replace(c.counted_by, '^[^:]*:', ''), 'reason', c.reason,
           'on', to_char(c.counted_at AT TIME ZONE o.timezone, 'Dy FMDD Mon')) AS facts,
       abs(c.counted - c.expected) * i.price AS at_stake
FROM inventory_countline c
JOIN inventory_countsession s ON s.id = c.session_id
JOIN core_store o ON o.id = s.store_id
JOIN inventory_stocklevel v ON v.id = c.level_id
JOIN catalog_item i ON i.id = v.item_id
JOIN inventory_location p ON p.id = v.location_id
LEFT JOIN inventory_countpolicy y ON y.store_id = s.store_id
WHERE c.state = 'posted' AND c.counted <> c.expected
  AND abs(c.counted - c.expected) * 100
      > coalesce(y.alert_percent, 10) * greatest(abs(c.expected), 1)
  AND NOT (c.approved_by <> '' AND c.reason <> 'unknown')
  AND NOT EXISTS (SELECT 1 FROM inventory_countline later
                  WHERE later.level_id = c.level_id AND later.state = 'posted'
                    AND (later.counted_at, later.id) > (c.counted_at, c.id))
"""

# One row a location, whose page lists them. An A level has half of its days more than it should.
COUNT_OVERDUE = """
SELECT store_id, 'location:' || location_id AS subject, NULL::bigint AS order_id,
       jsonb_build_object('location', place, 'location_id', location_id, 'levels', count(*),
                          'days', max(days), 'skus', (array_agg(sku ORDER BY due, sku))[1:5])
           AS facts,
       sum(value) AS at_stake
FROM (
    SELECT t.store_id, v.location_id, p.name AS place, i.sku, t.count_due_on AS due,
           greatest(v.on_hand, 0) * coalesce(i.price, 0) AS value,
           coalesce(y.a_days, 30) * 3 / 2 AS days
    FROM inventory_standing t
    JOIN core_store o ON o.id = t.store_id
    JOIN inventory_stocklevel v ON v.id = t.level_id
    JOIN catalog_item i ON i.id = v.item_id
    JOIN inventory_location p ON p.id = v.location_id AND p.active
    LEFT JOIN inventory_countpolicy y ON y.store_id = t.store_id
    WHERE t.abc = 'A' AND t.count_due_on IS NOT NULL
      AND CASE WHEN t.counted_at IS NULL
          THEN t.count_due_on + coalesce(y.a_days, 30) / 2
               < (%(now)s::timestamptz AT TIME ZONE o.timezone)::date
          ELSE t.counted_at < %(now)s::timestamptz
               - make_interval(days => coalesce(y.a_days, 30) * 3 / 2) END
) late
GROUP BY store_id, location_id, place
"""

# Driven by count_open: a count to be approved, or one that keeps its shelves from being sold.
COUNT_WAITING = """
SELECT s.store_id, 'count:' || s.id AS subject, NULL::bigint AS order_id,
       jsonb_build_object(
           'location', p.name, 'location_id', p.id, 'count', s.id, 'state', s.state,
           'levels', lines.open, 'frozen', s.freezes,
           'since', to_char(CASE s.state WHEN 'open' THEN s.created_at ELSE s.submitted_at END
                            AT TIME ZONE o.timezone, 'Dy FMDD Mon HH24:MI')) AS facts,
       lines.value AS at_stake
FROM inventory_countsession s
JOIN core_store o ON o.id = s.store_id
JOIN inventory_location p ON p.id = s.location_id
CROSS JOIN LATERAL (
    SELECT count(*) AS open, sum(abs(c.counted - c.expected) * i.price) AS value
    FROM inventory_countline c
    JOIN inventory_stocklevel v ON v.id = c.level_id JOIN catalog_item i ON i.id = v.item_id
    WHERE c.session_id = s.id AND c.state IN ('to_count', 'counted', 'review')
) lines
WHERE s.state = 'review' AND s.submitted_at <= %(now)s::timestamptz - interval '24 hours'
   OR s.state = 'open' AND s.freezes AND s.created_at <= %(now)s::timestamptz - interval '24 hours'
"""

DETECTORS = {
    "count_variance": COUNT_VARIANCE,
    "count_overdue": COUNT_OVERDUE,
    "count_waiting": COUNT_WAITING,
}
