"""Orders that wait for stock, and whose turn it is when some arrives."""

from collections.abc import Iterable

from django.db import transaction

from oms.core import timers
from oms.core.sql import execute, fetch, ints

ARRIVED = "arrived"
BUSY_SECONDS = 0.5


def wake_soon(store_id: int, item_ids: Iterable[int]) -> None:
    """Free stock grew: orders that wait for these items have their turn in a moment.

    A router holds the timers of its orders while it waits for a shelf, so whoever holds the shelf
    leaves the timers to `wake_arrived`.
    """
    timers.start(store_id=store_id, kind=ARRIVED, subject_ids=sorted(set(item_ids)))


@transaction.atomic
def wake_arrived(limit: int = 500) -> int:
    """Give orders that wait for items that arrived their turn; return for how many items.

    By priority, then by age, those included that wait for a bundle of which one is a part. Timers
    are taken in the order in which they are due, so the turns are a millisecond apart.

    Orders that are being routed at this moment are woken again when that is over.
    """
    due = fetch(
        "SELECT subject_id, xmin::text FROM core_timer"
        " WHERE kind = %s AND due_at <= statement_timestamp() ORDER BY subject_id LIMIT %s",
        [ARRIVED, limit],
    )
    if not due:
        return 0
    items = ints(item_id for item_id, _ in due)
    ((busy,),) = fetch(_WAKE_FREE, [items])
    if busy:
        execute(_LATER, [BUSY_SECONDS, ARRIVED, items])
        return 0
    execute(_WOKEN, [items, [version for _, version in due], ARRIVED])
    return len(due)


_WAITING = """
    SELECT DISTINCT o.store_id, o.id, o.priority, o.placed_at
    FROM unnest(%s::bigint[]) AS arrived(id)
    CROSS JOIN LATERAL (
        SELECT arrived.id UNION ALL
        SELECT p.bundle_id FROM catalog_bundlepart p WHERE p.part_id = arrived.id
    ) wanted(id)
    JOIN orders_orderline l ON l.item_id = wanted.id AND l.backordered > 0
    JOIN orders_order o ON o.id = l.order_id
), turn AS (
    SELECT store_id, id, row_number() OVER (ORDER BY priority, placed_at, id) AS place,
           count(*) OVER () AS of
    FROM waiting
"""
_WAKE_FREE = f"""
WITH waiting AS ({_WAITING}), free AS (
    SELECT t.id, now() - (turn.of - turn.place) * interval '1 millisecond' AS due_at
    FROM core_timer t JOIN turn ON t.kind = 'route' AND t.subject_id = turn.id
    ORDER BY t.id FOR UPDATE OF t SKIP LOCKED
), moved AS (
    UPDATE core_timer t SET due_at = least(t.due_at, free.due_at), waits_for = ''
    FROM free WHERE t.id = free.id RETURNING t.id
), made AS (
    INSERT INTO core_timer (store_id, kind, subject_id, due_at)
    SELECT store_id, 'route', id, now() - (of - place) * interval '1 millisecond' FROM turn
    WHERE NOT EXISTS (SELECT 1 FROM core_timer t WHERE t.kind = 'route' AND t.subject_id = turn.id)
    ORDER BY id ON CONFLICT (kind, subject_id) DO NOTHING RETURNING id
)
SELECT (SELECT count(*) FROM turn) - (SELECT count(*) FROM moved) - (SELECT count(*) FROM made)
"""  # noqa: S608  (our own SQL)
_LATER = """
UPDATE core_timer SET due_at = statement_timestamp() + make_interval(secs => %s)
WHERE id IN (SELECT id FROM core_timer WHERE kind = %s AND subject_id = ANY(%s::bigint[])
             ORDER BY id FOR UPDATE SKIP LOCKED)
"""
_WOKEN = """
DELETE FROM core_timer WHERE id IN (
    SELECT t.id FROM core_timer t JOIN unnest(%s::bigint[], %s::text[]) AS seen(subject, version)
           ON seen.subject = t.subject_id AND seen.version = t.xmin::text
    WHERE t.kind = %s ORDER BY t.id FOR UPDATE OF t SKIP LOCKED)
"""
