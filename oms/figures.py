"""How far the work has come: what is still moving, and the figures of a run."""

from typing import Any

from oms.core import invariants
from oms.core.sql import fetch
from oms.wiring import INVARIANTS

_MOVING = """
SELECT
  (SELECT count(*) FROM core_inboxmessage WHERE state = 'new'),
  (SELECT count(*) FROM core_outboxintent WHERE state IN ('waiting', 'sending', 'unknown')),
  (SELECT count(*) FROM core_timer WHERE due_at <= now()),
  (SELECT count(DISTINCT l.order_id) FROM orders_orderline l
   WHERE l.ships AND l.item_id IS NOT NULL AND l.reserved + l.released > 0
     AND NOT EXISTS (SELECT 1 FROM exceptions_exceptioncase e
                     WHERE e.order_id = l.order_id AND e.closed_at IS NULL)
     AND NOT EXISTS (SELECT 1 FROM orders_hold h
                     WHERE h.order_id = l.order_id AND h.released_at IS NULL)),
  (SELECT count(DISTINCT l.order_id) FROM orders_orderline l
   WHERE l.ships AND l.open + l.backordered > 0
     AND NOT EXISTS (SELECT 1 FROM exceptions_exceptioncase e
                     WHERE e.order_id = l.order_id AND e.closed_at IS NULL)
     AND NOT EXISTS (SELECT 1 FROM core_timer t
                     WHERE t.kind = 'route' AND t.subject_id = l.order_id
                       AND t.waits_for <> ''))
"""

_FIGURES = """
SELECT count(*),
       count(*) FILTER (WHERE routed_at IS NOT NULL),
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM o.routed_at - since.at)),
       percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM o.routed_at - since.at)),
       count(*) / nullif(extract(epoch FROM max(o.routed_at) - min(since.at)), 0)
FROM orders_order o
LEFT JOIN core_inboxmessage m ON m.id = o.inbox_id
CROSS JOIN LATERAL (SELECT coalesce(m.triggered_at, m.received_at, o.created_at) AS at) since
"""

_UNITS = """
SELECT count(DISTINCT order_id) FILTER (WHERE backordered > 0),
       count(DISTINCT order_id) FILTER (WHERE shipped + returned > 0),
       coalesce(sum(shipped + returned), 0)
FROM orders_orderline
"""

_SPLIT = """
SELECT count(*) FROM (
    SELECT order_id FROM fulfillment_fulfillmentorder WHERE state <> 'cancelled'
    GROUP BY order_id HAVING count(*) > 1) AS split
"""


def settled() -> dict[str, Any]:
    """Whether every order is finished, waits in a named place, or is in the queue.

    `working` counts orders whose units are on their way through a floor; `unplaced` those with
    units that have neither a place, a named wait nor an exception.
    """
    (inbox, outbox, timers, working, unplaced) = fetch(_MOVING)[0]
    return {
        "settled": not (inbox or outbox or timers or working or unplaced),
        "inbox": inbox,
        "outbox": outbox,
        "timers": timers,
        "working": working,
        "unplaced": unplaced,
    }


def summary() -> dict[str, Any]:
    """The figures of everything in the database, with the invariants checked."""
    orders, routed, median, p95, rate = fetch(_FIGURES)[0]
    backordered, shipped, units_shipped = fetch(_UNITS)[0]
    findings = invariants.check(INVARIANTS)
    return {
        "orders_in": orders,
        "routed": routed,
        "split": fetch(_SPLIT)[0][0],
        "backordered": backordered,
        "shipped": shipped,
        "units_shipped": int(units_shipped),
        "exceptions": dict(
            fetch(
                "SELECT kind, count(*) FROM exceptions_exceptioncase WHERE closed_at IS NULL"
                " GROUP BY kind ORDER BY kind"
            )
        ),
        "orders_per_second": round(float(rate or 0), 1),
        "placed_to_routed_p50_ms": round(1000 * float(median or 0)),
        "placed_to_routed_p95_ms": round(1000 * float(p95 or 0)),
        "invariants_checked": len(findings),
        "invariant_violations": [
            {"code": f.code, "name": f.name, "count": f.count, "first": f.first}
            for f in findings
            if f.count
        ],
    }
