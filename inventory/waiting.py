"""Orders that wait for stock, and whose turn it is when some arrives."""

from collections.abc import Iterable

from oms.core.sql import execute


def wake_waiting(item_ids: Iterable[int]) -> None:
    """Stock arrived: orders that wait for these items have their turn, by priority, then by age.

    Timers are taken in the order in which they are due, so the turns are a millisecond apart.
    """
    if items := sorted(set(item_ids)):
        execute(_WAKE, [items])


_WAKE = """
WITH waiting AS (
    SELECT DISTINCT o.store_id, o.id, o.priority, o.placed_at
    FROM orders_orderline l JOIN orders_order o ON o.id = l.order_id
    WHERE l.item_id = ANY(%s::bigint[]) AND l.backordered > 0
), turn AS (
    SELECT store_id, id, row_number() OVER (ORDER BY priority, placed_at, id) AS place,
           count(*) OVER () AS of
    FROM waiting
)
INSERT INTO core_timer (store_id, kind, subject_id, due_at)
SELECT store_id, 'route', id, now() - (of - place) * interval '1 millisecond'
FROM turn ORDER BY id
ON CONFLICT (kind, subject_id) DO UPDATE
SET due_at = least(core_timer.due_at, excluded.due_at), waits_for = ''
"""
