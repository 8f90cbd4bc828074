"""What must always be true of goods and money that go back."""

from oms.core.invariants import Invariant

INVARIANTS = [
    Invariant(
        "I10c",
        "an approved refund is in the owed column with its amount, a given up one with nothing;"
        " cancelled units left that column when they were cancelled",
        """
        SELECT r.id FROM returns_refund r
        LEFT JOIN (SELECT order_id, split_part(source, ':', 2) AS refund, sum(amount) AS total
                   FROM orders_moneyentry WHERE "column" = 'owed' AND cause = 'refund'
                   GROUP BY 1, 2) e ON e.order_id = r.order_id AND e.refund = r.id::text
        WHERE coalesce(e.total, 0)
           <> CASE WHEN r.state IN ('approved', 'submitted', 'failed') THEN -r.owed ELSE 0 END
          AND NOT EXISTS (SELECT 1 FROM returns_refundline n
                          WHERE n.refund_id = r.id AND n.restock = 'cancel')
        """,
    ),
    Invariant(
        "I10d",
        "what a refund of ours owes is the sum of its lines and delivery",
        """
        SELECT r.id FROM returns_refund r
        JOIN returns_refundline n ON n.refund_id = r.id
        WHERE r.origin = 'return' AND r.approved_at IS NOT NULL
        GROUP BY r.id HAVING sum(n.amount) + r.shipping <> r.owed
        """,
    ),
    Invariant(
        "I17",
        "an approved refund of ours says who approved it",
        """
        SELECT id FROM returns_refund
        WHERE origin IN ('return', 'goodwill') AND approved_at IS NOT NULL AND approved_by = ''
        """,
    ),
    Invariant(
        "I22",
        "no more units came back, or are expected back, than had left",
        """
        SELECT n.line_id FROM returns_rmaline n
        JOIN returns_rma m ON m.id = n.rma_id
        JOIN orders_orderline l ON l.id = n.line_id
        GROUP BY n.line_id, l.shipped, l.returned
        HAVING sum(n.received) > l.returned
            OR coalesce(sum(n.quantity - n.received - n.missing) FILTER (
                   WHERE m.state IN ('requested', 'approved', 'received')), 0) > l.shipped
        """,
    ),
    Invariant(
        "I22b",
        "no more units are decided than arrived, and each decision is written down",
        """
        SELECT n.id FROM returns_rmaline n
        LEFT JOIN returns_inspection i ON i.rma_line_id = n.id
        GROUP BY n.id
        HAVING n.inspected <> coalesce(sum(i.quantity) FILTER (
                   WHERE i.disposition <> 'missing'), 0)
            OR n.missing <> coalesce(sum(i.quantity) FILTER (
                   WHERE i.disposition = 'missing'), 0)
        """,
    ),
    Invariant(
        "I22c",
        "every unit put back on a shelf was decided by an inspection, or by Shopify in a refund",
        """
        SELECT i.id FROM returns_inspection i
        LEFT JOIN inventory_stockentry e
             ON e.document = 'inspection:' || i.id AND e.cause = 'return'
        GROUP BY i.id
        HAVING coalesce(sum(e.delta), 0)
            <> CASE WHEN i.disposition IN ('restock', 'damaged') THEN i.quantity ELSE 0 END
        """,
    ),
    Invariant(
        "I22d",
        "refunds pay for no more units of a line than were ordered",
        """
        SELECT n.line_id FROM returns_refundline n
        JOIN returns_refund r ON r.id = n.refund_id AND r.state <> 'cancelled'
        JOIN orders_orderline l ON l.id = n.line_id
        GROUP BY n.line_id, l.ordered HAVING sum(n.quantity) > l.ordered
        """,
    ),
]
