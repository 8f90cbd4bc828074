"""What must always be true of decisions."""

from oms.core.invariants import Invariant

INVARIANTS = [
    Invariant(
        "I12r",
        "every order with units to place has a routing timer, an open hold or an unmapped line",
        """
        SELECT DISTINCT l.order_id FROM orders_orderline l
        WHERE l.ships AND l.item_id IS NOT NULL AND l.open + l.backordered > 0
          AND NOT EXISTS (SELECT 1 FROM core_timer t
                          WHERE t.kind = 'route' AND t.subject_id = l.order_id)
          AND NOT EXISTS (SELECT 1 FROM orders_hold h
                          WHERE h.order_id = l.order_id AND h.released_at IS NULL)
        """,
    ),
    Invariant(
        "I18",
        "work that a decision made is at a location that the decision chose",
        """
        SELECT f.id FROM fulfillment_fulfillmentorder f
        JOIN routing_decision d ON d.id = f.decision_id
        WHERE NOT EXISTS (
            SELECT 1 FROM jsonb_array_elements(d.trace) AS verdict
            WHERE (verdict ->> 0)::bigint = f.location_id AND verdict ->> 1 = 'chosen')
        """,
    ),
]
