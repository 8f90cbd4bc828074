"""Reads of the fulfillment room: work of an order, floor of a location, parcel by number."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, Prefetch, Q, QuerySet, Sum

from inventory.losses import Progress
from oms.core.sql import fetch, ints
from oms.fulfillment.models import (
    FulfillmentOrder,
    FulfillmentOrderLine,
    Parcel,
    ParcelEvent,
    ParcelLine,
    Shipment,
)
from oms.fulfillment.states import Work as State

ON_THE_FLOOR = (State.RELEASED, State.PICKING, State.PACKED)


@dataclass(slots=True, frozen=True)
class Pick:
    """Units of one item to take for a line of work; `bundle` is the SKU they are sold under."""

    work_line_id: int
    item_id: int
    sku: str
    title: str
    barcode: str
    units: int
    left: int
    bundle: str


def work_of_order(order_id: int) -> QuerySet[FulfillmentOrder]:
    """All work of an order, oldest first, with lines, shipments, parcels and scans: six queries."""
    lines = FulfillmentOrderLine.objects.select_related("line").order_by("id")
    contents = ParcelLine.objects.select_related("work_line__line").order_by("id")
    scans = ParcelEvent.objects.order_by("at", "id")
    return (
        FulfillmentOrder.objects.filter(order_id=order_id)
        .select_related("location")
        .prefetch_related(
            Prefetch("lines", lines),
            Prefetch("shipments", Shipment.objects.order_by("id")),
            Prefetch("shipments__parcels", Parcel.objects.order_by("id")),
            Prefetch("shipments__parcels__lines", contents),
            Prefetch("shipments__parcels__events", scans),
        )
        .order_by("id")
    )


def floor_list(
    location_id: int,
    *,
    states: Sequence[str] = ON_THE_FLOOR,
    after_id: int = 0,
    limit: int = 50,
) -> QuerySet[FulfillmentOrder]:
    """What a location has to do now, oldest first, with `asked` and `picked` units.

    The next page starts after the last id of this one.
    """
    return (
        FulfillmentOrder.objects.filter(location_id=location_id, state__in=states, id__gt=after_id)
        .select_related("order")
        .annotate(asked=Sum("lines__quantity"), picked=Sum("lines__picked"))
        .order_by("id")[:limit]
    )


def floor_counts(store_id: int) -> list[tuple[int, str, int]]:
    """How much work stands in each state: (location id, state, pieces of work)."""
    return fetch(
        """
        SELECT w.location_id, w.state, count(*) FROM fulfillment_fulfillmentorder w
        JOIN inventory_location l ON l.id = w.location_id
        WHERE l.store_id = %s AND w.state IN ('planned', 'released', 'picking', 'packed')
        GROUP BY 1, 2 ORDER BY 1, 2
        """,
        [store_id],
    )


def pick_list(work_id: int) -> list[Pick]:
    """What a picker takes from which shelf, done or not: of a bundle its parts, one by one."""
    return [Pick(*row) for row in fetch(_PICKS, [work_id])]


def parcels_by_tracking(store_id: int, number: str) -> QuerySet[Parcel]:
    """Parcels with this tracking number, whatever the carrier: exact, since people paste it."""
    return (
        Parcel.objects.filter(store_id=store_id, tracking_number=number.strip())
        .select_related("shipment__fulfillment_order__order")
        .order_by("id")
    )


def parcels_of_orders(order_ids: Sequence[int]) -> list[tuple[int, int, int]]:
    """For lists: (order id, parcels, delivered parcels)."""
    rows = (
        Parcel.objects.filter(shipment__fulfillment_order__order_id__in=order_ids)
        .values_list("shipment__fulfillment_order__order_id")
        .annotate(parcels=Count("id"), delivered=Count("id", filter=Q(delivered_at__isnull=False)))
    )
    return [(row[0], row[1], row[2]) for row in rows]


def progress(reservation_ids: Sequence[int]) -> dict[int, Progress]:
    """How far the live work on these promises is; all units of packed work are in hands."""
    rows = fetch(
        """
        SELECT f.reservation_id, w.state,
               CASE w.state WHEN 'picking' THEN f.picked WHEN 'packed' THEN f.quantity ELSE 0 END
        FROM fulfillment_fulfillmentorderline f
        JOIN fulfillment_fulfillmentorder w ON w.id = f.fulfillment_order_id
        WHERE f.reservation_id = ANY(%s::bigint[])
          AND w.state IN ('planned', 'released', 'picking', 'packed')
        """,
        [ints(reservation_ids)],
    )
    return {reservation_id: Progress(state, in_hand) for reservation_id, state, in_hand in rows}


# The parts are those that were promised, whatever the recipe says today.
_PICKS = """
SELECT w.id, i.id, i.sku, i.title, i.barcode, w.quantity * source.each,
       (w.quantity - w.picked) * source.each, CASE WHEN r.parts IS NULL THEN '' ELSE sold.sku END
FROM fulfillment_fulfillmentorderline w
JOIN inventory_reservation r ON r.id = w.reservation_id
JOIN inventory_stocklevel own ON own.id = r.level_id
JOIN catalog_item sold ON sold.id = own.item_id
CROSS JOIN LATERAL (
    SELECT r.level_id, 1 AS each, 0 AS place WHERE r.parts IS NULL
    UNION ALL
    SELECT (part->>0)::bigint, (part->>1)::int, place::int
    FROM jsonb_array_elements(r.parts) WITH ORDINALITY AS p(part, place)
) source
JOIN inventory_stocklevel v ON v.id = source.level_id
JOIN catalog_item i ON i.id = v.item_id
WHERE w.fulfillment_order_id = %s AND w.quantity > 0
ORDER BY w.id, source.place
"""
