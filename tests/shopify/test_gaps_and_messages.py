"""What never arrived is found; what arrives does what it says, in any order."""

import json
from datetime import timedelta
from decimal import Decimal

from oms import flow, wiring
from oms.catalog.models import Item
from oms.core.models import InboxMessage, OutboxIntent, StreamMark
from oms.orders.models import Order
from oms.shopify import parse, pull, reconcile, subscriptions, topics
from oms.shopify.remote_orders import read_order
from oms.shopify.sandbox.payloads import order_body
from oms.shopify.seed import connect_local_store
from tests.shopify.live import Live
from tests.shopify.samples import sample


def poll(live: Live, monkeypatch) -> int:
    """A poll that also looks at what changed within the last minute."""
    monkeypatch.setattr(reconcile, "GRACE", timedelta(seconds=-60))
    return reconcile.reconcile_orders(live.store.pk, live.client)


def facts() -> dict:
    return StreamMark.objects.get(stream="orders").facts


def test_an_order_that_no_message_told_of_is_found_and_healed(live: Live, monkeypatch):
    remote_id = live.place(mug=1)

    assert poll(live, monkeypatch) == 1
    assert facts() == {"looked_at": 1, "missing": 1, "old": 0, "healed": 0, "open": [remote_id]}
    live.push_all()
    live.read_inbox()
    order = Order.objects.get(remote_id=remote_id)
    assert order.events.filter(kind="order.imported").exists()
    assert order.transactions.get().amount == Decimal("12.50")

    assert poll(live, monkeypatch) == 0
    assert facts()["healed"] == 1
    assert facts()["open"] == []


def test_a_change_that_no_message_told_of_is_found(live: Live, monkeypatch):
    order = live.bring_in(live.place(mug=1))
    OutboxIntent.objects.all().delete()
    Order.objects.filter(pk=order.pk).update(
        remote_updated_at=order.remote_updated_at - timedelta(hours=1), note="old"
    )

    assert poll(live, monkeypatch) == 1
    assert facts()["old"] == 1
    assert OutboxIntent.objects.get().params == {"remote_id": order.remote_id}


def test_what_is_young_may_still_be_on_its_way(live: Live):
    live.place(mug=1)

    assert reconcile.reconcile_orders(live.store.pk, live.client) == 0
    assert not OutboxIntent.objects.exists()


def test_a_poll_that_fails_keeps_its_place(live: Live, monkeypatch):
    poll(live, monkeypatch)
    mark = StreamMark.objects.get(stream="orders")
    live.shop.faults.switch_on("unauthorized")

    assert reconcile.reconcile_all() == 0
    after = StreamMark.objects.get(stream="orders")
    assert (after.cursor, after.last_success_at) == (mark.cursor, mark.last_success_at)
    assert "401" in after.last_error


def test_reading_an_order_twice_makes_one_message_a_version(live: Live):
    remote_id = live.place(mug=1)
    live.bring_in(remote_id)
    live.bring_in(remote_id)

    assert InboxMessage.objects.filter(topic=pull.ORDER_FOUND).count() == 1


def test_a_fetched_order_equals_the_one_that_is_sent(live: Live):
    remote_id = live.place(mug=2, shirt=1)
    sent = order_body(live.shop.store, live.shop.store.get("Order", remote_id))
    fetched = read_order(live.client, remote_id)

    assert parse.parse_order(json.dumps(fetched).encode()) == parse.parse_order(
        json.dumps(sent).encode()
    )


def test_missing_subscriptions_are_made_again_and_others_left(live: Live):
    wanted = set(topics.subscribed())
    assert set(live.connected.subscriptions) == wanted
    assert subscriptions.mend() == 0
    with live.shop.store.transaction():
        gone = live.shop.store.all("WebhookSubscription")[:3]
        for row in gone:
            live.shop.store.remove(row)

    assert subscriptions.mend() == 3
    uri = "http://127.0.0.1:9/webhooks/shopify/acme/"
    assert subscriptions.existing(live.client, uri) == wanted


def test_connecting_again_changes_nothing(live: Live):
    again = connect_local_store(
        url=live.shop.url, webhook_address="http://127.0.0.1:9", handle="acme"
    )

    assert again.subscriptions == []
    assert again.counts == {}, "a store with goods is not read a second time"
    assert live.connected.counts["locations"] == 3
    assert again.store == live.store


def deliver(live: Live, topic: str, body: dict) -> InboxMessage:
    """As if it had come through the door."""
    return InboxMessage.objects.create(
        store=live.store,
        delivery_id=f"test-{InboxMessage.objects.count()}",
        topic=topic,
        body=json.dumps(body).encode(),
    )


def drain(live: Live) -> None:
    flow.drain_inbox(wiring.HANDLERS, limit=100)


def test_a_message_about_an_unknown_order_has_it_fetched_and_waits(live: Live):
    remote_id = live.place(mug=1)
    payment = {
        **sample("order_transactions/create"),
        "id": 99,
        "order_id": remote_id,
        "kind": "sale",
        "amount": "1.00",
    }
    message = deliver(live, "order_transactions/create", payment)
    drain(live)
    message.refresh_from_db()
    assert (message.state, message.attempts) == ("new", 1)

    live.push_all()
    InboxMessage.objects.filter(state="new").update(due_at="2020-01-01T00:00Z")
    live.read_inbox()
    message.refresh_from_db()
    assert message.state == "done"
    assert Order.objects.get(remote_id=remote_id).transactions.filter(remote_id=99).exists()


def test_a_high_risk_holds_the_order_once(live: Live):
    order = live.bring_in(live.place(mug=1))
    for _ in range(2):
        deliver(
            live,
            "orders/risk_assessment_changed",
            {"order_id": order.remote_id, "risk_level": "high"},
        )
    drain(live)

    assert order.holds.get().kind == "risk"


def test_a_deleted_order_is_held_for_a_person(live: Live):
    order = live.bring_in(live.place(mug=1))
    deliver(live, "orders/delete", {"id": order.remote_id})
    drain(live)

    assert order.holds.get().reason == "The order was deleted in Shopify."


def test_what_a_carrier_told_shopify_moves_our_parcel(live: Live):
    order = live.bring_in(live.place(mug=1))
    (work,) = live.route(order)
    parcel = live.ship(work).parcels.get()
    live.push_all()
    event = {
        **sample("fulfillment_events/create"),
        "fulfillment_id": parcel.shipment.__class__.objects.get(pk=parcel.shipment_id).remote_id,
        "order_id": order.remote_id,
        "status": "delivered",
        "happened_at": "2026-11-21T10:00:00Z",
    }
    deliver(live, "fulfillment_events/create", event)
    drain(live)

    parcel.refresh_from_db()
    assert parcel.state == "delivered"
    # It was Shopify that told us: it is not told back.
    assert not OutboxIntent.objects.filter(topic="fulfillment_event.create").exists()


def test_the_echo_of_our_fulfillment_gives_the_shipment_its_id(live: Live):
    order = live.bring_in(live.place(mug=1))
    (work,) = live.route(order)
    live.push_all()
    shipment = live.ship(work, tracking="1Z7")
    echo = {
        **sample("fulfillments/create"),
        "id": 555,
        "order_id": order.remote_id,
        "status": "success",
        "tracking_numbers": ["1Z7"],
    }
    deliver(live, "fulfillments/create", echo)
    drain(live)

    shipment.refresh_from_db()
    assert shipment.remote_id == 555


def test_an_uninstalled_app_sends_nothing_more(live: Live):
    deliver(live, "app/uninstalled", sample("app/uninstalled"))
    drain(live)

    live.connected.connection.refresh_from_db()
    assert live.connected.connection.active is False


def test_a_new_variant_becomes_an_item_and_a_taken_sku_is_left(live: Live):
    product = sample("products/create")
    for number, (variant, sku) in enumerate(
        zip(product["variants"], ["scarf", "mug"], strict=True)
    ):
        variant |= {"sku": sku, "inventory_item_id": 70 + number}
    message = deliver(live, "products/create", product)
    drain(live)

    message.refresh_from_db()
    assert message.state == "done"
    assert Item.objects.get(sku="scarf").shopify_inventory_item_id == 70
    assert Item.objects.filter(sku="mug").count() == 1


def test_bad_messages_are_set_apart_with_the_reason_and_the_others_go_on(live: Live):
    good = deliver(live, "locations/update", sample("locations/update"))
    bodies = {
        "broken JSON": b"{",
        "invalid UTF-8": b'{"id": "\xff"}',
        "NaN": b'{"id": NaN}',
        "deep": b'{"a":' * 100_000,
    }
    bad = [
        InboxMessage.objects.create(
            store=live.store, delivery_id=name, topic="orders/create", body=body
        )
        for name, body in bodies.items()
    ]
    unknown = deliver(live, "carts/exploded", {"id": 1})
    privacy = deliver(live, "customers/redact", {"shop_id": 1})
    ignored = deliver(live, "customers/create", {"id": 1})
    drain(live)

    for message in [*bad, unknown, privacy]:
        message.refresh_from_db()
        assert (message.state, bool(message.reason)) == ("quarantined", True), message.topic
    ignored.refresh_from_db()
    good.refresh_from_db()
    assert (ignored.state, good.state) == ("ignored", "done")
    assert bytes(bad[1].body) == b'{"id": "\xff"}'
