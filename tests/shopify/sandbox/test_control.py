"""What the person at this machine can ask of the store."""

import threading

from tests.shopify.sandbox.asking import Asking


def test_seed_tells_credentials_and_what_each_location_serves(store, ask):
    seed = ask.control("GET", "/sandbox/seed")
    assert seed["access_token"] == store.token
    assert seed["client_secret"] == store.secret
    assert seed["graphql_url"] == store.graphql_url
    assert [(row["name"], row["countries"]) for row in seed["locations"]] == [
        ("east", ["US"]),
        ("west", ["US"]),
        ("soho_store", ["US"]),
    ]


def test_export_adds_up_for_each_order(ask):
    gid = ask.place_order(mug=3)
    ask.fulfill(ask.works(gid)[0]["id"])
    (row,) = ask.control("GET", "/sandbox/export?type=orders")["orders"]
    assert (row["id"], row["ordered"], row["fulfilled"], row["refunded"]) == (gid, 3, 3, 0)
    assert (row["total"], row["received"], row["outstanding"]) == ("37.5", "37.5", "0.0")
    assert row["fulfillments"][0]["tracking"] == ["1Z999"]


def test_the_log_shows_the_last_requests_with_their_answers(ask):
    ask.data("{ shop { name } }")
    (row,) = ask.control("GET", "/sandbox/log?last=1")["requests"]
    assert "shop { name }" in row["request"]
    assert row["answer"]["data"] == {"shop": {"name": "Acme"}}


def test_a_reset_keeps_the_subscriptions_and_nothing_else(store, ask, receiver):
    ask.subscribe("ORDERS_CREATE", receiver.url)
    ask.place_order(mug=3)
    receiver.wait_for(1)
    ask.control("POST", "/sandbox/reset")
    fresh = Asking(store)
    assert fresh.data("{ ordersCount { count } }") == {"ordersCount": {"count": 0}}
    assert fresh.level("mug", "east") == {"available": 10, "committed": 0, "on_hand": 10}
    fresh.place_order(mug=1)
    assert len(receiver.wait_for(2)) == 2


def test_an_unknown_control_and_a_wrong_body_are_refused_in_words(store, ask):
    unknown = ask.session.get(f"{store.url}/sandbox/weather")
    assert unknown.status_code == 404
    assert "GET /sandbox/status" in unknown.json()["known"]
    wrong = ask.session.post(f"{store.url}/sandbox/orders", json={"count": 5})
    assert wrong.status_code == 400
    assert "no documents" in wrong.json()["error"]
    empty = ask.session.post(f"{store.url}/sandbox/orders/raw", json={"lineItems": []})
    assert empty.status_code == 422
    assert ask.control("GET", "/sandbox/status")["placed"] == 0


def test_two_requests_with_one_key_at_once_have_one_effect(store, ask):
    keys = store.engine.keys
    assert keys.begin("inventorySetQuantities", "busy")
    answer = ask.set_available("mug", "east", 50, "busy", changeFromQuantity=10)
    (error,) = answer["data"]["inventorySetQuantities"]["userErrors"]
    assert error["code"] == "IDEMPOTENCY_CONCURRENT_REQUEST"
    keys.end("inventorySetQuantities", "busy")
    threads = [
        threading.Thread(
            target=Asking(store).set_available,
            args=("mug", "east", 50, "busy"),
            kwargs={"changeFromQuantity": 10},
        )
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ask.level("mug", "east")["available"] == 50
    assert len(store.store.all("InventoryAdjustmentGroup")) == 1
