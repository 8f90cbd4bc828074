"""What inbound messages do, except orders/*: each handler takes messages of one store and topic.

They run inside the drain's transaction: no network. What has to be read from Shopify first is
asked for by an intent to the push worker. BadPayload, NotYet and Refused go up; the drain pins
them to their message. Named as in oms/shopify/topics.py.
"""

from collections.abc import Sequence
from datetime import timedelta

from django.db import IntegrityError, transaction

from inventory import drifts
from inventory.models import Location
from oms.catalog.models import Item
from oms.core import outbox
from oms.core.actor import SHOPIFY
from oms.core.clock import now
from oms.core.errors import NotYet
from oms.core.inbox import Message
from oms.core.sql import execute, fetch
from oms.fulfillment.commands import Scan, record_scans
from oms.orders import holds, payments
from oms.orders.models import Order
from oms.shopify import parse, parse_goods
from oms.shopify.models import Connection
from oms.shopify.pull import ask_for_orders
from returns.settlement import record_remote_refund

LOOK_AFTER = timedelta(minutes=1)
# What Shopify calls a parcel's state, in our words; the other words change nothing.
PARCEL_STATE = {
    "in_transit": "in_transit",
    "carrier_picked_up": "in_transit",
    "out_for_delivery": "out_for_delivery",
    "attempted_delivery": "failed",
    "failure": "failed",
    "delivered": "delivered",
}


def transactions(store_id: int, messages: Sequence[Message]) -> None:
    """order_transactions/create."""
    found = [parse.parse_transaction(message.body) for message in messages]
    unknown = payments.record(store_id=store_id, transactions=found, actor=SHOPIFY)
    if unknown:
        raise NotYet("This payment is for an order we do not know yet.", min(unknown))


def refunds(store_id: int, messages: Sequence[Message]) -> None:
    """refunds/create: ours come back as an echo, the others are taken in as made outside."""
    for message in messages:
        snapshot = parse.parse_refund(message.body)
        record_remote_refund(store_id=store_id, snapshot=snapshot, actor=SHOPIFY)


def order_changed(store_id: int, messages: Sequence[Message]) -> None:
    """orders/edited says only that something changed: read the order."""
    ask_for_orders(store_id, [parse.order_id_of(message.body) for message in messages])


def order_deleted(store_id: int, messages: Sequence[Message]) -> None:
    """orders/delete: nothing is deleted here; an order with work left is held for a person."""
    remote_ids = [parse_goods.parse_id(message.body) for message in messages]
    for order in Order.objects.filter(store_id=store_id, remote_id__in=remote_ids):
        _hold(order, "manual", "The order was deleted in Shopify.")


def risk_changed(store_id: int, messages: Sequence[Message]) -> None:
    """orders/risk_assessment_changed: a high risk holds the order until a person looks at it."""
    for message in messages:
        risk = parse_goods.parse_risk(message.body)
        order = _order(store_id, risk.order_remote_id)
        if risk.level == "high":
            _hold(order, "risk", "Shopify reports a high risk of fraud.")


def fulfillments(store_id: int, messages: Sequence[Message]) -> None:
    """fulfillments/create and update: the echo of ours gets its id; others are read with the order.

    Units that somebody else shipped are no longer fulfillable, which the order itself says.
    """
    foreign = []
    for message in messages:
        snapshot = parse_goods.parse_fulfillment(message.body)
        order = _order(store_id, snapshot.order_remote_id)
        numbers = [tracking.number for tracking in snapshot.tracking]
        ours = fetch(
            """
            SELECT s.id, s.remote_id FROM fulfillment_shipment s
            JOIN fulfillment_fulfillmentorder w ON w.id = s.fulfillment_order_id
            WHERE w.order_id = %s AND (s.remote_id = %s OR EXISTS (
                SELECT 1 FROM fulfillment_parcel p
                WHERE p.shipment_id = s.id AND p.tracking_number = ANY(%s::text[])))
            """,
            [order.pk, snapshot.remote_id, numbers],
        )
        if not ours:
            foreign.append(snapshot.order_remote_id)
        for shipment_id, remote_id in ours:
            if remote_id is None and snapshot.status != "cancelled":
                execute(
                    "UPDATE fulfillment_shipment SET remote_id = %s"
                    " WHERE id = %s AND remote_id IS NULL",
                    [snapshot.remote_id, shipment_id],
                )
    ask_for_orders(store_id, foreign)


def fulfillment_events(store_id: int, messages: Sequence[Message]) -> None:
    """fulfillment_events/create: what a carrier told Shopify about a parcel of ours."""
    snapshots = [parse_goods.parse_fulfillment_event(message.body) for message in messages]
    parcels: dict[int, list[int]] = {}
    for fulfillment_id, parcel_id in fetch(
        """
        SELECT s.remote_id, p.id FROM fulfillment_shipment s
        JOIN fulfillment_parcel p ON p.shipment_id = s.id
        WHERE s.store_id = %s AND s.remote_id = ANY(%s::bigint[])
        """,
        [store_id, [s.fulfillment_remote_id for s in snapshots]],
    ):
        parcels.setdefault(fulfillment_id, []).append(parcel_id)
    record_scans(
        scans=[
            Scan(
                parcel_id,
                PARCEL_STATE[snapshot.status],
                snapshot.happened_at,
                f"shopify:{snapshot.remote_id}",
                snapshot.place,
                snapshot.message,
            )
            for snapshot in snapshots
            if snapshot.status in PARCEL_STATE
            for parcel_id in parcels.get(snapshot.fulfillment_remote_id, [])
        ],
        actor=SHOPIFY,
    )


def return_changed(store_id: int, messages: Sequence[Message]) -> None:
    """returns/*: a hint; the return is read from Shopify, after what we have to say about it."""
    found = [parse_goods.parse_return(message.body) for message in messages]
    orders: dict[int, int] = dict(
        fetch(
            "SELECT remote_id, id FROM orders_order"
            " WHERE store_id = %s AND remote_id = ANY(%s::bigint[])",
            [store_id, [r.order_remote_id for r in found if r.order_remote_id]],
        )
    )
    outbox.publish_many(
        [
            outbox.Publication(
                store_id,
                "return.fetch",
                f"return:{each.remote_id}",
                # In line behind our own intents of this order, so that an echo finds its return.
                orders.get(each.order_remote_id or 0),
                {"remote_id": each.remote_id},
            )
            for each in found
        ]
    )


def inventory_levels(store_id: int, messages: Sequence[Message]) -> None:
    """inventory_levels/*: only a hint; the level is compared with Shopify's soon.

    The number is `available` with neither cause nor time: it holds orders we do not know yet,
    echoes of our own writes, and moves. Acting on it would take a unit off twice.
    """
    levels = [parse_goods.parse_inventory_level(message.body) for message in messages]
    rows = fetch(
        """
        SELECT v.id FROM unnest(%s::bigint[], %s::bigint[]) AS t(item, location)
        JOIN catalog_item i ON i.shopify_inventory_item_id = t.item AND i.store_id = %s
        JOIN inventory_location l ON l.remote_id = t.location AND l.store_id = %s
        JOIN inventory_stocklevel v ON v.item_id = i.id AND v.location_id = l.id
        """,
        [
            [level.inventory_item_id for level in levels],
            [level.location_remote_id for level in levels],
            store_id,
            store_id,
        ],
    )
    # Late enough for an order to be here and routed, soon enough to be of use.
    drifts.look_at(store_id, [row[0] for row in rows], due_at=now() + LOOK_AFTER)


def inventory_items(store_id: int, messages: Sequence[Message]) -> None:
    """inventory_items/create and update: the SKU or the tracking of an item changed."""
    for message in messages:
        snapshot = parse_goods.parse_inventory_item(message.body)
        item = Item.objects.filter(
            store_id=store_id, shopify_inventory_item_id=snapshot.remote_id
        ).first()
        if item is not None and item.tracked != snapshot.tracked:
            item.tracked = snapshot.tracked
            item.save(update_fields=["tracked"])


def products(store_id: int, messages: Sequence[Message]) -> None:
    """products/create and update: new variants become items; known ones follow their title."""
    for message in messages:
        for variant in parse_goods.parse_product(message.body).variants:
            if not variant.sku:
                continue
            item = Item.objects.filter(
                store_id=store_id, shopify_variant_id=variant.variant_id
            ).first()
            if item is None:
                _add_item(store_id, variant)
            else:
                item.title, item.barcode, item.price = variant.title, variant.barcode, variant.price
                item.save(update_fields=["title", "barcode", "price"])


def locations(store_id: int, messages: Sequence[Message]) -> None:
    """locations/*: a known place follows name and address; a new one waits for the import."""
    for message in messages:
        snapshot = parse_goods.parse_location(message.body)
        Location.objects.filter(store_id=store_id, remote_id=snapshot.remote_id).update(
            name=snapshot.name,
            address=snapshot.address,
            city=snapshot.city,
            province=snapshot.province,
            postal_code=snapshot.postal_code,
            country=snapshot.country,
            active=snapshot.active,
        )


def location_deleted(store_id: int, messages: Sequence[Message]) -> None:
    """locations/delete: nothing ships from there any more; its history stays."""
    remote_ids = [parse_goods.parse_id(message.body) for message in messages]
    Location.objects.filter(store_id=store_id, remote_id__in=remote_ids).update(active=False)


def uninstalled(store_id: int, messages: Sequence[Message]) -> None:
    """app/uninstalled: the token is void, so nothing more is sent until somebody connects again."""
    Connection.objects.filter(store_id=store_id).update(active=False)


def _order(store_id: int, remote_id: int) -> Order:
    order = Order.objects.filter(store_id=store_id, remote_id=remote_id).first()
    if order is None:
        raise NotYet("This is about an order we do not know yet.", remote_id)
    return order


def _hold(order: Order, kind: str, reason: str) -> None:
    if not order.holds.filter(kind=kind, reason=reason).exists():
        holds.place(order_id=order.pk, kind=kind, reason=reason, actor=SHOPIFY)


def _add_item(store_id: int, variant: parse_goods.VariantSnapshot) -> None:
    try:
        with transaction.atomic():
            Item.objects.create(
                store_id=store_id,
                sku=variant.sku,
                title=variant.title,
                barcode=variant.barcode,
                price=variant.price,
                weight_grams=variant.grams,
                shopify_variant_id=variant.variant_id,
                shopify_inventory_item_id=variant.inventory_item_id,
            )
    except IntegrityError:
        # The SKU is taken by another variant: the first keeps it, and lines of this one are
        # unmapped, which the queue shows.
        return
