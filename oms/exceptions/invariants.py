"""What must always be true of the queue: nothing that needs a person is missing from it."""

from oms.core.invariants import Invariant
from oms.exceptions.detectors import STUCK_ORDER

INVARIANTS = [
    Invariant(
        "I2",
        "where more is promised than there is, the rule is about to take the missing units,"
        " or an exception covers exactly them",
        """
        SELECT v.id FROM inventory_stocklevel v
        LEFT JOIN exceptions_exceptioncase c
               ON c.kind = 'stock_short' AND c.store_id = v.store_id
              AND c.subject = 'level:' || v.id AND c.closed_at IS NULL
        WHERE v.reserved > v.on_hand
          AND NOT EXISTS (SELECT 1 FROM core_timer t
                          WHERE t.kind = 'shortage' AND t.subject_id = v.id)
          AND (c.facts ->> 'missing')::int IS DISTINCT FROM v.reserved - v.on_hand
        """,
    ),
    Invariant(
        "I12",
        "every order moves on by itself, is finished, or has an open exception with a due time",
        f"""
        SELECT stuck.order_id FROM ({STUCK_ORDER}) AS stuck
        WHERE NOT EXISTS (SELECT 1 FROM exceptions_exceptioncase c
                          WHERE c.order_id = stuck.order_id AND c.closed_at IS NULL)
        """,  # noqa: S608  (our own SQL)
    ),
]
