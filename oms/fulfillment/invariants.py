"""What must always be true of work, shipments and parcels."""

from oms.core.invariants import Invariant

INVARIANTS = [
    Invariant(
        "I5",
        "what a line asks of live work is exactly what is promised to it and not yet shipped",
        """
        SELECT w.id FROM fulfillment_fulfillmentorderline w
        JOIN fulfillment_fulfillmentorder f ON f.id = w.fulfillment_order_id
        JOIN inventory_reservation r ON r.id = w.reservation_id
        WHERE CASE
            WHEN w.quantity = 0 THEN r.state = 'pending'
            WHEN f.state = 'shipped' THEN r.state <> 'consumed' OR r.quantity <> w.quantity
            WHEN f.state = 'cancelled' THEN true
            ELSE r.state <> 'pending' OR r.quantity <> w.quantity END
           OR r.line_id <> w.line_id
        """,
    ),
    Invariant(
        "I5b",
        "no unit is in two live pieces of work, and none is shipped that no work shipped",
        """
        SELECT l.id FROM orders_orderline l
        JOIN (SELECT w.line_id,
                     coalesce(sum(w.quantity) FILTER (WHERE f.state = 'planned'), 0) AS planned,
                     coalesce(sum(w.quantity) FILTER (
                         WHERE f.state IN ('released', 'picking', 'packed')), 0) AS released,
                     coalesce(sum(w.shipped), 0) AS shipped
              FROM fulfillment_fulfillmentorderline w
              JOIN fulfillment_fulfillmentorder f ON f.id = w.fulfillment_order_id
              GROUP BY w.line_id) work ON work.line_id = l.id
        WHERE l.reserved <> work.planned OR l.released <> work.released
           OR l.shipped + l.returned < work.shipped
        """,
    ),
    Invariant(
        "I5c",
        "parcels hold exactly the units that their work shipped",
        """
        SELECT w.id FROM fulfillment_fulfillmentorderline w
        LEFT JOIN (SELECT work_line_id, sum(quantity) AS total FROM fulfillment_parcelline
                   GROUP BY work_line_id) p ON p.work_line_id = w.id
        WHERE w.shipped <> coalesce(p.total, 0)
        """,
    ),
    Invariant(
        "I5d",
        "shipped work has one shipment, and no other work has any",
        """
        SELECT f.id FROM fulfillment_fulfillmentorder f
        LEFT JOIN (SELECT fulfillment_order_id, count(*) AS total FROM fulfillment_shipment
                   GROUP BY fulfillment_order_id) s ON s.fulfillment_order_id = f.id
        WHERE coalesce(s.total, 0) <> (f.state = 'shipped')::int
        """,
    ),
    Invariant(
        "I14",
        "work that has come to a state says when",
        """
        SELECT id FROM fulfillment_fulfillmentorder
        WHERE (state IN ('released', 'picking', 'packed', 'shipped') AND released_at IS NULL)
           OR (state IN ('packed', 'shipped') AND packed_at IS NULL)
           OR (state = 'shipped' AND shipped_at IS NULL)
           OR (state = 'cancelled' AND cancelled_at IS NULL)
        """,
    ),
    Invariant(
        "I14b",
        "a parcel is delivered exactly when one of its scans says so",
        """
        SELECT p.id FROM fulfillment_parcel p
        LEFT JOIN (SELECT parcel_id, bool_or(state = 'delivered') AS delivered
                   FROM fulfillment_parcelevent GROUP BY parcel_id) e ON e.parcel_id = p.id
        WHERE (p.state = 'delivered') <> coalesce(e.delivered, false)
           OR (p.delivered_at IS NOT NULL) <> coalesce(e.delivered, false)
        """,
    ),
]
