"""Deliveries: signed over the raw bytes, retried under one id, given up after eight retries."""

import base64
import hashlib
import hmac
import json
import time

from tests.shopify.samples import sample


def topics(received):
    return sorted(headers["X-Shopify-Topic"] for headers, _ in received)


def signed_by(secret, headers, body):
    digest = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    return headers["X-Shopify-Hmac-Sha256"] == base64.b64encode(digest).decode()


def wait_until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_an_order_is_told_with_all_headers_and_a_right_signature(store, ask, receiver):
    ask.subscribe("ORDERS_CREATE", receiver.url)
    gid = ask.place_order(mug=2)
    ((headers, body),) = receiver.wait_for(1)
    assert signed_by(store.secret, headers, body)
    assert headers["X-Shopify-Topic"] == "orders/create"
    assert headers["X-Shopify-Shop-Domain"] == "acme.myshopify.com"
    assert headers["X-Shopify-API-Version"] == "2026-10"
    assert {"X-Shopify-Webhook-Id", "X-Shopify-Event-Id", "X-Shopify-Triggered-At"} <= set(headers)
    order = json.loads(body)
    assert order["admin_graphql_api_id"] == gid
    assert order["total_price"] == "25.00"
    assert order["financial_status"] == "paid"
    assert order["shipping_address"]["latitude"] == 42.3642
    assert "transactions" not in order
    (line,) = order["line_items"]
    assert (line["sku"], line["quantity"], line["fulfillable_quantity"]) == ("mug", 2, 2)


def test_the_body_has_every_key_of_the_documented_sample(store, ask, receiver):
    ask.subscribe("ORDERS_CREATE", receiver.url)
    ask.place_order(mug=2)
    ((_, body),) = receiver.wait_for(1)
    order, documented = json.loads(body), sample("orders/create")
    assert set(documented) - set(order) == set()
    assert set(documented["line_items"][0]) - set(order["line_items"][0]) == set()
    assert set(documented["shipping_address"]) == set(order["shipping_address"])


def test_one_action_has_one_event_id_over_its_topics_and_a_webhook_id_each(ask, receiver):
    for topic in ("ORDERS_CREATE", "ORDERS_PAID", "ORDER_TRANSACTIONS_CREATE"):
        ask.subscribe(topic, receiver.url)
    ask.place_order(mug=1)
    received = receiver.wait_for(3)
    assert topics(received) == ["order_transactions/create", "orders/create", "orders/paid"]
    assert len({headers["X-Shopify-Event-Id"] for headers, _ in received}) == 1
    assert len({headers["X-Shopify-Webhook-Id"] for headers, _ in received}) == 3


def test_shipping_is_told_by_fulfillment_order_and_level(ask, receiver):
    gid = ask.place_order(mug=1)
    for topic in ("FULFILLMENTS_CREATE", "ORDERS_FULFILLED", "ORDERS_UPDATED"):
        ask.subscribe(topic, receiver.url)
    ask.fulfill(ask.works(gid)[0]["id"])
    received = receiver.wait_for(3)
    assert topics(received) == ["fulfillments/create", "orders/fulfilled", "orders/updated"]
    bodies = {headers["X-Shopify-Topic"]: json.loads(body) for headers, body in received}
    assert bodies["fulfillments/create"]["name"] == "#1001.1"
    assert bodies["orders/fulfilled"]["fulfillment_status"] == "fulfilled"


def test_a_retry_has_the_same_id_and_the_same_body(ask, receiver):
    ask.subscribe("ORDERS_CREATE", receiver.url)
    receiver.status = 500
    ask.place_order(mug=1)
    receiver.wait_for(2)
    receiver.status = 200
    received = receiver.wait_for(3)
    assert len({headers["X-Shopify-Webhook-Id"] for headers, _ in received}) == 1
    assert len({body for _, body in received}) == 1


def test_after_eight_failed_retries_the_subscription_is_gone(ask, receiver):
    subscription = ask.subscribe("ORDERS_CREATE", receiver.url)
    receiver.status = 500
    ask.place_order(mug=1)
    assert len(receiver.wait_for(9, seconds=30)) == 9
    document = "query($id: ID!) { webhookSubscription(id: $id) { id } }"
    wait_until(lambda: ask.data(document, {"id": subscription}) == {"webhookSubscription": None})
    assert ask.control("GET", "/sandbox/status")["webhooks_pending"] == 0


def test_faults_duplicate_drop_and_forge(store, ask, receiver):
    ask.subscribe("ORDERS_CREATE", receiver.url)
    ask.control("POST", "/sandbox/faults", name="drop_webhooks", count=1)
    ask.place_order(mug=1)
    wait_until(lambda: ask.control("GET", "/sandbox/status")["webhooks_dropped"] == 1)
    ask.control("POST", "/sandbox/faults", name="duplicate_webhooks", count=1)
    ask.place_order(mug=1)
    first, second = receiver.wait_for(2)
    assert first[0]["X-Shopify-Webhook-Id"] == second[0]["X-Shopify-Webhook-Id"]
    ask.control("POST", "/sandbox/faults", name="bad_signature", count=1)
    ask.place_order(mug=1)
    headers, body = receiver.wait_for(3)[2]
    assert not signed_by(store.secret, headers, body)


def test_a_rotated_secret_signs_from_then_on(store, ask, receiver):
    ask.subscribe("ORDERS_CREATE", receiver.url)
    ask.control("POST", "/sandbox/secret", secret="new-secret")
    ask.place_order(mug=1)
    ((headers, body),) = receiver.wait_for(1)
    assert signed_by("new-secret", headers, body)


def test_the_same_address_for_a_topic_is_taken_and_a_plain_http_one_refused(ask, receiver):
    document = """mutation($uri: String!) { webhookSubscriptionCreate(topic: ORDERS_CREATE,
      webhookSubscription: {uri: $uri}) { webhookSubscription { id }
      userErrors { field message } } }"""
    field = ["webhookSubscription", "callbackUrl"]
    ask.subscribe("ORDERS_CREATE", receiver.url)
    taken = ask.data(document, {"uri": receiver.url})["webhookSubscriptionCreate"]
    assert taken["userErrors"] == [
        {"field": field, "message": "Address for this topic has already been taken"}
    ]
    plain = ask.data(document, {"uri": "http://example.com/x"})["webhookSubscriptionCreate"]
    assert plain["userErrors"] == [
        {"field": field, "message": "Address protocol http:// is not supported"}
    ]
