"""Every kind's query in one table, and the queries that belong to no room below.

Each returns (store_id, subject, order_id, facts, at_stake); %(now)s is the time of the check. A
query stands in the `detectors.py` of the room whose data it reads; here stand those about messages
in and out, which core keeps without knowing any domain, and the last net.
"""

import inventory.count_detectors
import inventory.detectors
import inventory.supply_detectors
import oms.fulfillment.detectors
import oms.orders.detectors
import returns.detectors
import routing.detectors

# Driven by outbox_rejected. A refusal is history once a later write of the same thing was accepted.
# A refund that was refused is shown with its money: returns.detectors.REFUND_DIFFERS.
WRITE_BACK_FAILED = """
SELECT x.store_id, 'intent:' || x.id AS subject, x.order_id,
       jsonb_build_object('topic', x.topic, 'key', x.key, 'reason', left(x.reason, 300),
                          'attempts', x.attempts) AS facts,
       o.total AS at_stake
FROM core_outboxintent x
LEFT JOIN orders_order o ON o.id = x.order_id
WHERE x.state = 'rejected' AND x.topic <> 'refund.create'
  AND NOT EXISTS (SELECT 1 FROM core_outboxintent later
                  WHERE later.order_id = x.order_id AND later.topic = x.topic
                    AND later.key = x.key AND later.id > x.id AND later.state = 'applied')
"""

# Driven by outbox_open. When Shopify is away for hours every write waits: one row per topic says
# so, not one per order.
WRITE_BACK_LATE = """
SELECT x.store_id, 'topic:' || x.topic AS subject, NULL::bigint AS order_id,
       jsonb_build_object(
           'topic', x.topic, 'writes', count(*),
           'reason', left((array_agg(x.reason ORDER BY x.id))[1], 300),
           'since', to_char(min(x.created_at) AT TIME ZONE s.timezone, 'Dy FMDD Mon HH24:MI'))
           AS facts,
       NULL::numeric AS at_stake
FROM core_outboxintent x JOIN core_store s ON s.id = x.store_id
WHERE x.state IN ('waiting', 'sending', 'unknown')
  AND x.created_at <= %(now)s::timestamptz - interval '30 minutes'
  AND (x.attempts > 0 OR x.due_at <= %(now)s::timestamptz - interval '30 minutes')
GROUP BY x.store_id, x.topic, s.timezone
"""

# Driven by inbox_quarantine.
QUARANTINED_MESSAGE = """
SELECT m.store_id, 'message:' || m.id AS subject, NULL::bigint AS order_id,
       jsonb_build_object(
           'topic', m.topic, 'reason', left(m.reason, 300), 'delivery', m.delivery_id,
           'received', to_char(m.received_at AT TIME ZONE s.timezone, 'Dy FMDD Mon HH24:MI'))
           AS facts,
       NULL::numeric AS at_stake
FROM core_inboxmessage m JOIN core_store s ON s.id = m.store_id
WHERE m.state = 'quarantined'
"""

# The last net, checked after all other kinds: nothing will move these units on and nothing shows
# it. A row here means that a promise of ours was broken somewhere; invariant I12 counts the same
# rows. It reads all lines, since no index may hold the units that are open: it runs once a minute.
STUCK_ORDER = """
SELECT o.store_id, 'order:' || o.id AS subject, o.id AS order_id,
       jsonb_build_object('units', waiting.units) AS facts, waiting.at_stake
FROM (
    SELECT order_id, sum(units) AS units, sum(units * unit_price) AS at_stake
    FROM (
        SELECT l.order_id, l.open + l.backordered AS units, l.unit_price
        FROM orders_orderline l
        WHERE (l.backordered > 0 OR l.open > 0) AND l.ships
          AND NOT EXISTS (SELECT 1 FROM core_timer t
                          WHERE t.kind = 'route' AND t.subject_id = l.order_id)
        UNION ALL
        SELECT w.order_id, f.quantity - f.shipped, l.unit_price
        FROM fulfillment_fulfillmentorder w
        JOIN fulfillment_fulfillmentorderline f ON f.fulfillment_order_id = w.id
        JOIN orders_orderline l ON l.id = f.line_id
        WHERE w.state = 'planned'
          AND NOT EXISTS (SELECT 1 FROM core_timer t
                          WHERE t.kind = 'release' AND t.subject_id = w.order_id)
    ) still
    GROUP BY order_id
) waiting
JOIN orders_order o ON o.id = waiting.order_id
WHERE NOT EXISTS (SELECT 1 FROM orders_hold h WHERE h.order_id = o.id AND h.released_at IS NULL)
  AND NOT EXISTS (SELECT 1 FROM exceptions_exceptioncase c
                  WHERE c.order_id = o.id AND c.closed_at IS NULL AND c.kind <> 'stuck_order')
"""

DETECTORS: dict[str, str] = {
    **oms.orders.detectors.DETECTORS,
    **inventory.detectors.DETECTORS,
    **inventory.supply_detectors.DETECTORS,
    **inventory.count_detectors.DETECTORS,
    **oms.fulfillment.detectors.DETECTORS,
    **routing.detectors.DETECTORS,
    **returns.detectors.DETECTORS,
    "write_back_failed": WRITE_BACK_FAILED,
    "write_back_late": WRITE_BACK_LATE,
    "quarantined_message": QUARANTINED_MESSAGE,
    "stuck_order": STUCK_ORDER,
}
