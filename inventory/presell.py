"""Whether an item may be sold before it arrives: nothing is free, and dated supply has room."""

from collections.abc import Iterable

from oms.core import outbox
from oms.core.actor import Actor
from oms.core.sql import fetch, ints


def review(item_ids: Iterable[int] | None = None, *, actor: Actor) -> int:
    """Turn preselling on or off where the facts say so; return how many items changed.

    Without `item_ids` every item is looked at that is presold, or that a dated supply has room for.
    """
    items = None if item_ids is None else sorted(set(item_ids))
    if items == []:
        return 0
    rows = fetch(_REVIEW, {"items": None if items is None else ints(items)})
    outbox.publish_many(
        [
            outbox.Publication(
                store_id, "presell.set", f"item:{item_id}", None, {"item_id": item_id}, priority=60
            )
            for store_id, item_id in rows
        ]
    )
    return len(rows)


# A day is the line's own, else the supply's; what should have come already promises nothing more.
# A cap counts the promises that were kept too: it is about the units of the line, not about today.
ROOM = """
SELECT l.id, l.item_id, s.number, coalesce(l.expected_on, s.expected_on) AS day, place.ships_to,
       least(l.presell_cap - coalesce(kept.units, 0), l.ordered - l.received - l.short)
           - l.promised AS units, s.store_id
FROM inventory_supplyline l
JOIN inventory_supply s ON s.id = l.supply_id
JOIN inventory_location place ON place.id = s.destination_id
JOIN core_store store ON store.id = s.store_id
LEFT JOIN LATERAL (
    SELECT sum(p.quantity)::int AS units FROM inventory_supplypromise p
    WHERE p.supply_line_id = l.id AND p.state = 'kept'
) kept ON true
WHERE s.state IN ('open', 'shipped') AND l.presell_cap > 0 AND place.active
  AND coalesce(l.expected_on, s.expected_on) >= (now() AT TIME ZONE store.timezone)::date
"""
_REVIEW = f"""
WITH room AS (
    SELECT item_id, sum(units) AS units, min(day) AS day,
           (array_agg(number ORDER BY day, id))[1] AS number
    FROM ({ROOM}) AS room WHERE units > 0
      AND (%(items)s::bigint[] IS NULL OR item_id = ANY(%(items)s::bigint[])) GROUP BY item_id
), stands AS (
    SELECT i.store_id, i.id AS item_id, p.id IS NOT NULL AS known, coalesce(p."on", false) AS was,
           room.units > 0 AND free.units = 0 AS now,
           CASE WHEN free.units > 0 THEN free.units || ' units are free'
                WHEN room.units > 0 THEN room.units || ' units of ' || room.number || ', '
                     || to_char(room.day, 'Dy FMDD Mon YYYY')
                ELSE 'no dated supply has room' END AS reason
    FROM (SELECT item_id FROM room
          UNION SELECT item_id FROM inventory_presell
          WHERE "on" AND (%(items)s::bigint[] IS NULL OR item_id = ANY(%(items)s::bigint[]))
         ) c
    JOIN catalog_item i ON i.id = c.item_id
    LEFT JOIN inventory_presell p ON p.item_id = i.id
    LEFT JOIN room ON room.item_id = i.id
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(greatest(v.available, 0)), 0) AS units
        FROM inventory_stocklevel v WHERE v.item_id = i.id
    ) free
), written AS (
    INSERT INTO inventory_presell AS p (store_id, item_id, "on", reason)
    SELECT store_id, item_id, coalesce(now, false), reason FROM stands
    WHERE now OR known ORDER BY item_id
    ON CONFLICT (item_id) DO UPDATE
    SET "on" = excluded."on", reason = excluded.reason,
        changed_at = CASE WHEN p."on" = excluded."on" THEN p.changed_at ELSE now() END
    WHERE (p."on", p.reason) IS DISTINCT FROM (excluded."on", excluded.reason)
    RETURNING p.item_id
)
SELECT store_id, item_id FROM stands JOIN written USING (item_id)
WHERE was IS DISTINCT FROM coalesce(now, false) ORDER BY item_id
"""  # noqa: S608  (our own SQL)
