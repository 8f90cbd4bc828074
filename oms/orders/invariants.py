"""What must always be true of orders and their money."""

from oms.core.invariants import Invariant

INVARIANTS = [
    Invariant(
        "I4",
        "every unit of a line is in exactly one bucket",
        """
        SELECT id FROM orders_orderline
        WHERE ordered <> open + reserved + backordered + released + shipped + cancelled + returned
        """,
    ),
    Invariant(
        "I10",
        "nobody got back more than was paid",
        """
        SELECT order_id FROM orders_paymenttransaction WHERE status = 'success'
        GROUP BY order_id
        HAVING coalesce(sum(amount) FILTER (WHERE kind = 'refund'), 0)
             > coalesce(sum(amount) FILTER (WHERE kind IN ('sale', 'capture')), 0)
        """,
    ),
    Invariant(
        "I10b",
        "money moved in the ledger equals the successful transactions",
        """
        SELECT o.id FROM orders_order o
        LEFT JOIN (SELECT order_id, sum(amount) AS total FROM orders_moneyentry
                   WHERE "column" = 'moved' GROUP BY order_id) m ON m.order_id = o.id
        LEFT JOIN (SELECT order_id, sum(CASE WHEN kind IN ('sale', 'capture') THEN amount
                                             WHEN kind IN ('refund', 'change') THEN -amount
                                             ELSE 0 END) AS total
                   FROM orders_paymenttransaction WHERE status = 'success'
                   GROUP BY order_id) t ON t.order_id = o.id
        WHERE coalesce(m.total, 0) <> coalesce(t.total, 0)
        """,
    ),
]
