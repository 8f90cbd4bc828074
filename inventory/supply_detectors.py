"""What is wrong with supply: a day that has passed, and customers who were told another day.

Each query returns (store_id, subject, order_id, facts, at_stake); %(now)s is the time of the check.
"""

# Who waits for the lines of a supply, in the order of their turn; customers stand on its page.
_WHO = """
    SELECT count(DISTINCT w.order_id) AS orders, coalesce(sum(w.quantity), 0) AS promised,
           sum(w.quantity * w.unit_price) AS at_stake,
           coalesce(jsonb_agg(jsonb_build_array(
               w.name, w.quantity, to_char(w.told_for, 'Dy FMDD Mon'),
               to_char(w.promised_for, 'Dy FMDD Mon')) ORDER BY w.place)
               FILTER (WHERE w.place <= 20), '[]') AS list
    FROM (
        SELECT p.quantity, p.told_for, p.promised_for, ol.order_id, ol.unit_price, o.name,
               row_number() OVER (ORDER BY o.priority, o.placed_at, o.id, p.id) AS place
        FROM inventory_supplyline l
        JOIN inventory_supplypromise p ON p.supply_line_id = l.id AND p.state = 'pending'
        JOIN orders_orderline ol ON ol.id = p.line_id
        JOIN orders_order o ON o.id = ol.order_id
        WHERE l.supply_id = s.id AND {only}
    ) w
"""

_PASSED = "p.promised_for < (%(now)s::timestamptz AT TIME ZONE store.timezone)::date"

# Driven by supply_expected: supplies under way are few. One row a supply, however many wait for it.
SUPPLY_LATE = f"""
SELECT s.store_id, 'supply:' || s.id AS subject, NULL::bigint AS order_id,
       jsonb_build_object(
           'supply', s.id, 'number', s.number, 'kind', s.kind, 'supplier', left(s.supplier, 80),
           'place', place.name, 'expected', to_char(late.day, 'Dy FMDD Mon'),
           'days', (%(now)s::timestamptz AT TIME ZONE store.timezone)::date - late.day,
           'units', late.units, 'ordered', late.ordered,
           'orders', who.orders, 'promised', who.promised, 'list', who.list) AS facts,
       who.at_stake
FROM inventory_supply s
JOIN core_store store ON store.id = s.store_id
JOIN inventory_location place ON place.id = s.destination_id
CROSS JOIN LATERAL (
    SELECT min(coalesce(l.expected_on, s.expected_on)) AS day, sum(l.ordered) AS ordered,
           sum(greatest(l.ordered - l.received - l.short, 0)) AS units
    FROM inventory_supplyline l
    WHERE l.supply_id = s.id AND l.ordered > l.received + l.short
      AND coalesce(l.expected_on, s.expected_on)
          < (%(now)s::timestamptz AT TIME ZONE store.timezone)::date
) late
CROSS JOIN LATERAL ({_WHO.format(only=_PASSED)}) who
WHERE s.state IN ('open', 'shipped') AND late.units > 0
"""  # noqa: S608  (our own SQL)

# Driven by supply_expected. The promise has a later day than the one the customer knows.
PROMISE_SLIPPED = f"""
SELECT s.store_id, 'supply:' || s.id AS subject, NULL::bigint AS order_id,
       jsonb_build_object(
           'supply', s.id, 'number', s.number, 'orders', who.orders, 'promised', who.promised,
           'expected', to_char(who.day, 'Dy FMDD Mon'), 'list', who.list) AS facts,
       who.at_stake
FROM inventory_supply s
CROSS JOIN LATERAL (
    SELECT told.*, (SELECT max(p.promised_for) FROM inventory_supplyline l
                    JOIN inventory_supplypromise p ON p.supply_line_id = l.id
                    WHERE l.supply_id = s.id AND p.state = 'pending'
                      AND p.promised_for > p.told_for) AS day
    FROM ({_WHO.format(only="p.promised_for > p.told_for")}) told
) who
WHERE s.state IN ('open', 'shipped') AND who.orders > 0
"""  # noqa: S608  (our own SQL)

DETECTORS = {"supply_late": SUPPLY_LATE, "promise_slipped": PROMISE_SLIPPED}
