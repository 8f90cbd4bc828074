"""Reads of stock that pages share."""

from dataclasses import dataclass
from datetime import datetime

from inventory.losses import ORDER_OF
from oms.core.sql import fetch


@dataclass(slots=True, frozen=True)
class LostPromise:
    """A promise that lost its units because they were not there, and why it was this one."""

    order_id: int | None
    name: str
    units: int
    reason: str
    at: datetime


def lost_at(level_id: int, *, limit: int = 50) -> list[LostPromise]:
    """Who lost units of this level, the newest first; a transfer or cart under its own name.

    A bundle is listed where its own level stands and where one of its parts does.
    """
    return [LostPromise(*row) for row in fetch(_LOST, [level_id, level_id, limit])]


_LOST = f"""
SELECT o.id, coalesce(o.name, r.holder), r.quantity, r.reason, r.ended_at
FROM (
    SELECT * FROM inventory_reservation WHERE level_id = %s AND state = 'lost'
    UNION
    SELECT b.* FROM inventory_stocklevel v
    JOIN catalog_bundlepart part ON part.part_id = v.item_id
    JOIN inventory_stocklevel whole ON whole.item_id = part.bundle_id
     AND whole.location_id = v.location_id
    JOIN inventory_reservation b ON b.level_id = whole.id AND b.state = 'lost'
    WHERE v.id = %s
) r
LEFT JOIN orders_orderline l ON l.id = r.line_id
LEFT JOIN orders_order o ON o.id = {ORDER_OF}
ORDER BY r.ended_at DESC, r.id DESC LIMIT %s
"""  # noqa: S608  (our own SQL)
