"""Hearth & Loom: made of real documents, the same every time."""

from collections import Counter

import pytest

from oms.shopify.sandbox.fulfillments import ship_whole_order
from oms.shopify.sandbox.seed.cancellations import take_backs
from oms.shopify.sandbox.seed.documents import documents
from oms.shopify.sandbox.server import SandboxServer


@pytest.fixture(scope="module")
def hearth(tmp_path_factory):
    server = SandboxServer(tmp_path_factory.mktemp("hearth"), seed="real")
    for _ in range(300):
        assert server.placer.place_next()
    yield server
    server.start().stop()


def test_the_documents_are_all_there(hearth):
    kinds = Counter(document.kind for document in documents())
    assert kinds == {"sale": 3990, "cancellation": 941, "correction": 1001}
    assert len(hearth.store.all("Product")) == 3759


def test_what_c_documents_take_back_is_matched_or_counted(hearth):
    plan = take_backs()
    assert len(plan.take_backs) == 622
    assert (plan.lines_matched, plan.lines_unmatched) == (1194, 902)
    assert (plan.units_matched, plan.units_unmatched) == (12237, 7154)


def test_stock_is_never_lost_between_available_committed_and_on_hand(hearth):
    committed = Counter()
    for order in hearth.store.all("Order"):
        for line in order["lines"]:
            if line["variant_id"]:
                committed[line["variant_id"]] += line["quantity"]
    for level in hearth.store.all("InventoryLevel"):
        item = hearth.store.get("InventoryItem", level["item_id"])
        committed[item["variant_id"]] -= level["quantities"]["committed"]
    assert set(committed.values()) == {0}


def test_most_orders_are_whole_some_split_few_are_short(hearth):
    store = hearth.store
    orders = store.all("Order")
    works = Counter(len(store.where("FulfillmentOrder", "order_id", o["id"])) for o in orders)
    assert works[1] > 200
    assert works.total() - works[1] > 20
    short = sum(level["quantities"]["available"] < 0 for level in store.all("InventoryLevel"))
    assert 0 < short < 60


def test_the_same_seed_gives_the_same_orders(hearth, tmp_path):
    other = SandboxServer(tmp_path, seed="real")
    for _ in range(20):
        other.placer.place_next()

    def told(server):
        return [
            (order["name"], order["source_identifier"], order["email"], order["lines"][0]["sku"])
            for order in server.store.all("Order")[:20]
        ]

    assert told(other) == told(hearth)
    other.start().stop()


def test_a_due_cancellation_becomes_a_return_or_a_refund(hearth):
    store, placer = hearth.store, hearth.placer
    context = hearth.engine.context()
    due = placer.due_take_backs()
    assert due
    shipped = store.where("Order", "source_identifier", due[0].sale)[0]
    with store.transaction():
        ship_whole_order(context, shipped, {})
    result = placer.make_returns()
    assert result["returns"] >= 1
    assert result["refunds"] >= 1
    assert result["impossible"] == 0
    assert placer.due_take_backs() == []
    assert store.where("Return", "order_id", shipped["id"])[0]["status"] == "REQUESTED"
    assert placer.make_returns() == {"returns": 0, "refunds": 0, "impossible": 0, "waiting": 0}


def test_guests_and_customers_live_at_example_com_only(hearth):
    addresses = {order["email"].rsplit("@", 1)[1] for order in hearth.store.all("Order")}
    assert addresses == {"example.com"}
