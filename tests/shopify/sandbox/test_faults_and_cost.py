"""Faults by name, and a bucket that runs dry."""

import pytest
import requests

from oms.shopify.sandbox.cost import Bucket, page_factor
from oms.shopify.sandbox.faults import FAULTS
from oms.shopify.sandbox.server import SandboxServer
from tests.shopify.sandbox.asking import Asking

CLOSE = """mutation($id: ID!) { orderClose(input: {id: $id}) { order { closed }
userErrors { message } } }"""


def is_closed(ask, gid):
    return ask.data("query($id: ID!) { order(id: $id) { closed } }", {"id": gid})["order"]["closed"]


def test_a_500_before_applies_nothing_and_a_500_after_applies_all(store, ask):
    gid = ask.place_order(mug=1)
    store.faults.switch_on("status_500_before", count=1)
    assert ask.post(CLOSE, {"id": gid}).status_code == 500
    assert is_closed(ask, gid) is False
    store.faults.switch_on("status_500_after", count=1)
    assert ask.post(CLOSE, {"id": gid}).status_code == 500
    assert is_closed(ask, gid) is True


def test_a_timeout_after_applies_and_says_nothing(store, ask):
    gid = ask.place_order(mug=1)
    store.faults.switch_on("timeout_after", count=1)
    with pytest.raises(requests.Timeout):
        ask.post(CLOSE, {"id": gid}, timeout=0.5)
    assert is_closed(ask, gid) is True


def test_an_html_answer_is_html_with_status_200(store, ask):
    store.faults.switch_on("html_answer", count=1)
    response = ask.post("{ shop { name } }")
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/html")
    assert ask.data("{ shop { name } }") == {"shop": {"name": "Acme"}}


def test_throttled_is_http_200_without_data(store, ask):
    store.faults.switch_on("throttle", count=1)
    answer = ask.answer("{ shop { name } }")
    assert "data" not in answer
    assert answer["errors"][0]["extensions"]["code"] == "THROTTLED"
    assert "throttleStatus" in answer["extensions"]["cost"]


def test_a_fault_can_be_bound_to_documents_that_contain_a_text(store, ask):
    store.faults.switch_on("status_500_before", only="orderClose")
    assert ask.data("{ shop { name } }") == {"shop": {"name": "Acme"}}
    assert ask.post(CLOSE, {"id": "gid://shopify/Order/1"}).status_code == 500
    ask.control("DELETE", "/sandbox/faults?name=status_500_before")
    assert ask.post(CLOSE, {"id": "gid://shopify/Order/1"}).status_code == 200


def test_an_unknown_fault_is_refused_with_the_known_names(store, ask):
    response = ask.session.post(f"{store.url}/sandbox/faults", json={"name": "earthquake"})
    assert response.status_code == 400
    assert all(name in response.json()["error"] for name in FAULTS)


def test_the_bucket_runs_dry_and_fills_again():
    now = [0.0]
    bucket = Bucket("standard", clock=lambda: now[0])
    assert bucket.take(2000)
    assert not bucket.take(1)
    now[0] = 0.5
    assert bucket.status() == {
        "maximumAvailable": 2000.0,
        "currentlyAvailable": 50,
        "restoreRate": 100.0,
    }
    assert bucket.take(50)


def test_every_answer_tells_what_it_cost_and_the_difference_is_given_back(tmp_path):
    with SandboxServer(tmp_path, plan="standard") as store:
        ask = Asking(store)
        before = store.engine.bucket.status()["currentlyAvailable"]
        answer = ask.answer("{ orders(first: 250) { nodes { id name } } }")
        cost = answer["extensions"]["cost"]
        assert cost["requestedQueryCost"] == 2 + page_factor(250)
        assert cost["actualQueryCost"] == 3
        assert cost["throttleStatus"]["currentlyAvailable"] >= before - 3
        store.engine.bucket.drain()
        dry = ask.answer("{ orders(first: 250) { nodes { id name } } }")
        assert dry["errors"][0]["extensions"]["code"] == "THROTTLED"
        assert ask.control("GET", "/sandbox/status")["throttled"] == 1


def test_a_query_above_1000_points_is_refused_before_it_runs(ask):
    inner = "{ nodes { id fulfillmentOrders(first: 250) { nodes { id order { id } lineItems"
    document = f"{{ orders(first: 250) {inner}(first: 250) {{ nodes {{ id }} }} }} }} }} }} }}"
    answer = ask.answer(document)
    assert "data" not in answer
    assert answer["errors"][0]["extensions"]["code"] == "MAX_COST_EXCEEDED"


@pytest.mark.parametrize(
    ("count", "factor"),
    [(0, 0), (1, 1), (2, 1), (3, 2), (5, 3), (10, 4), (20, 5), (50, 7), (100, 9), (250, 11)],
)
def test_a_page_costs_what_the_recordings_say(count, factor):
    assert page_factor(count) == factor


def test_a_till_that_sells_meanwhile_makes_the_write_stale(store, ask):
    store.faults.switch_on("pos_race", count=1)
    stale = ask.set_available("mug", "east", 20, "a", changeFromQuantity=10)
    (error,) = stale["data"]["inventorySetQuantities"]["userErrors"]
    assert error["code"] == "CHANGE_FROM_QUANTITY_STALE"
    good = ask.set_available("mug", "east", 20, "b", changeFromQuantity=9)
    assert good["data"]["inventorySetQuantities"]["userErrors"] == []
    assert ask.level("mug", "east")["available"] == 20


def test_a_lagging_index_misses_what_was_just_written_but_a_read_by_id_does_not(store, ask):
    gid = ask.place_order(mug=1)
    document = '{ orders(first: 5, query: "name:#1001") { nodes { id } } }'
    store.faults.switch_on("search_lag", seconds=60)
    assert ask.data(document) == {"orders": {"nodes": []}}
    assert ask.order(gid)["name"] == "#1001"
    store.faults.switch_off("search_lag")
    assert ask.data(document) == {"orders": {"nodes": [{"id": gid}]}}


@pytest.mark.parametrize(
    ("name", "status"),
    [("unauthorized", 401), ("frozen", 402), ("forbidden", 403), ("locked", 423)],
)
def test_a_shop_can_turn_the_app_away(store, ask, name, status):
    store.faults.switch_on(name, count=1)
    assert ask.post("{ shop { name } }").status_code == status
    assert ask.post("{ shop { name } }").status_code == 200


def test_a_smaller_plan_has_a_smaller_bucket(store, ask):
    shown = ask.control("POST", "/sandbox/plan", plan="standard", drained=True)
    assert shown["maximumAvailable"] == 2000.0
    assert ask.answer("{ orders(first: 250) { nodes { id } } }")["errors"][0]["extensions"][
        "code"
    ] == ("THROTTLED")
