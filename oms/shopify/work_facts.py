"""What our side has to tell about work and shipments, read in one statement each."""

from collections.abc import Sequence
from typing import Any

from oms.core.sql import fetch


def wanted_by_order(work_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """For each work that still has something to ship: its order, and what all of it wants."""
    rows = fetch(
        """
        SELECT asked.id, asked_l.remote_id, o.remote_id, l.remote_id, line.remote_id,
               wl.quantity - wl.shipped
        FROM fulfillment_fulfillmentorder asked
        JOIN inventory_location asked_l ON asked_l.id = asked.location_id
        JOIN orders_order o ON o.id = asked.order_id
        JOIN fulfillment_fulfillmentorder w ON w.order_id = o.id
             AND w.state IN ('planned', 'released', 'picking', 'packed')
        JOIN inventory_location l ON l.id = w.location_id
        JOIN fulfillment_fulfillmentorderline wl ON wl.fulfillment_order_id = w.id
        JOIN orders_orderline line ON line.id = wl.line_id
        WHERE asked.id = ANY(%s::bigint[]) AND wl.quantity > wl.shipped
          AND asked.state IN ('planned', 'released', 'picking', 'packed')
          AND l.remote_id IS NOT NULL AND asked_l.remote_id IS NOT NULL
        """,
        [list(work_ids)],
    )
    found: dict[int, dict[str, Any]] = {}
    for work_id, location, order, place, line, units in rows:
        fact = found.setdefault(work_id, {"order": order, "location": location, "wanted": {}})
        lines = fact["wanted"].setdefault(place, {})
        lines[line] = lines.get(line, 0) + units
    return {work_id: fact for work_id, fact in found.items() if fact["location"] in fact["wanted"]}


def shipments(shipment_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Of each shipment: its order and location, units by order line, tracking."""
    rows = fetch(
        """
        SELECT s.id, s.remote_id, o.remote_id, l.remote_id, line.remote_id, pl.quantity,
               p.tracking_number, p.carrier, p.tracking_url
        FROM fulfillment_shipment s
        JOIN fulfillment_fulfillmentorder w ON w.id = s.fulfillment_order_id
        JOIN orders_order o ON o.id = w.order_id
        JOIN inventory_location l ON l.id = w.location_id
        JOIN fulfillment_parcel p ON p.shipment_id = s.id
        JOIN fulfillment_parcelline pl ON pl.parcel_id = p.id
        JOIN fulfillment_fulfillmentorderline wl ON wl.id = pl.work_line_id
        JOIN orders_orderline line ON line.id = wl.line_id
        WHERE s.id = ANY(%s::bigint[]) ORDER BY s.id, p.id
        """,
        [list(shipment_ids)],
    )
    found: dict[int, dict[str, Any]] = {}
    for id_, remote_id, order, location, line, quantity, number, carrier, url in rows:
        fact = found.setdefault(
            id_,
            {
                "remote_id": remote_id,
                "order": order,
                "location": location,
                "units": {},
                "tracking": [],
            },
        )
        fact["units"][line] = fact["units"].get(line, 0) + quantity
        if (number, carrier, url) not in fact["tracking"]:
            fact["tracking"].append((number, carrier, url))
    return found
