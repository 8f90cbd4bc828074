"""A till sells: that shop has fewer at once, whatever was promised there, and never twice."""

import json
from collections.abc import Iterator
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from inventory.models import StockEntry
from oms import flow, wiring
from oms.core import clock, invariants
from oms.core.actor import SHOPIFY
from oms.exceptions import sweep
from oms.orders.models import Order
from oms.shopify import webhooks
from oms.shopify.sandbox.server import SandboxServer
from oms.shortages import settle_shortages
from tests.cast import later, line, make_item, make_location, make_store, snapshot, stock
from tests.fulfillment.floor import buckets, routed, sentences, shelf
from tests.shopify.live import NEW_YORK, Live
from tests.stories.test_a_day import hear, settle
from tests.stories.till import at_the_till, sold, take_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def soho(db: None) -> Any:
    stock(make_item("mug"), make_location("soho_store"), 5)
    stock(make_item("shirt"), make_location("soho_store"), 5)
    return make_location("soho_store")


def assert_sound() -> None:
    assert [(f.code, f.name) for f in invariants.check(wiring.INVARIANTS) if f.count] == []


def test_the_same_sale_told_again_later_or_in_an_older_version_lowers_nothing_more(
    soho: Any,
) -> None:
    placed = sold(soho, mug=2)
    order = take_in(placed)
    take_in(placed)
    take_in(later(placed, minutes=3))
    older = later(placed, minutes=-2)
    take_in(older)

    assert shelf("mug", "soho_store") == {"on_hand": 3}
    assert buckets(order) == {"shipped": 2}
    assert sentences(order, "order.sold") == ["2 units sold over the counter at Soho store"]
    assert_sound()


def test_of_two_versions_in_one_batch_the_newer_decides_in_whatever_order_they_come(
    soho: Any,
) -> None:
    before, after = sold(soho, mug=2), later(sold(soho, mug=2))
    after.remote_id, after.lines = before.remote_id, deepcopy(before.lines)
    before.lines[0].fulfillable, before.sold_at_remote_id = 2, None

    flow.take_in_orders(store_id=make_store().pk, snapshots=[after, before], actor=SHOPIFY)

    assert shelf("mug", "soho_store") == {"on_hand": 3}


def test_a_sale_told_before_its_hand_over_is_taken_off_when_it_leaves(soho: Any) -> None:
    placed = sold(soho, mug=2)
    placed.sold_at_remote_id, placed.lines[0].fulfillable = None, 2
    order = routed(take_in(placed))
    assert shelf("mug", "soho_store") == {"on_hand": 5}

    placed.sold_at_remote_id, placed.lines[0].fulfillable = soho.remote_id, 0
    placed.updated_at = clock.now()
    take_in(placed)

    assert shelf("mug", "soho_store") == {"on_hand": 3}
    assert buckets(order) == {"shipped": 2}
    assert_sound()


def test_an_exchange_at_the_till_takes_the_new_item_only(soho: Any) -> None:
    placed = sold(soho, mug=1)
    order = take_in(placed)

    later(placed)
    placed.recorded_at = None
    placed.updated_at += timedelta(days=30)
    placed.lines.append(line("shirt", 1, fulfillable=0))
    placed.lines[0].current = 0
    take_in(placed)

    assert (shelf("mug", "soho_store"), shelf("shirt", "soho_store")) == (
        {"on_hand": 4},
        {"on_hand": 4},
    )
    assert order.lines.get(sku="shirt").shipped == 1
    assert order.lines.get(sku="mug").shipped == 1
    assert_sound()


def test_an_order_taken_at_the_till_and_sent_home_is_routed_as_any_other(soho: Any) -> None:
    home = snapshot(line("mug", 2), channel="pos")

    order = routed(take_in(home))

    assert buckets(order) == {"reserved": 2}
    assert shelf("mug", "soho_store") == {"on_hand": 5, "reserved": 2}
    # We ship one of them; the shop hears of it. It has not left at the till.
    till = at_the_till(soho)
    home.sold_at_remote_id = till["sold_at_remote_id"]
    home.lines[0].fulfillable = 1
    take_in(later(home))
    assert buckets(order) == {"reserved": 2}
    assert shelf("mug", "soho_store") == {"on_hand": 5, "reserved": 2}
    assert_sound()


def test_of_a_basket_partly_sent_home_only_the_rest_leaves_at_the_till(soho: Any) -> None:
    basket = snapshot(line("mug", 1, fulfillable=0), line("shirt", 2))
    basket.channel, basket.sold_at_remote_id = "pos", soho.remote_id
    basket.recorded_at = at_the_till(soho)["recorded_at"]

    order = routed(take_in(basket))

    assert order.lines.get(sku="mug").shipped == 1
    assert order.lines.get(sku="shirt").reserved == 2
    assert shelf("mug", "soho_store") == {"on_hand": 4}
    assert_sound()


def test_a_till_at_a_place_we_do_not_know_blocks_nothing(soho: Any) -> None:
    placed = sold(soho, mug=1)
    placed.sold_at_remote_id = 999

    order = take_in(placed)

    assert buckets(order) == {"shipped": 1}
    assert shelf("mug", "soho_store") == {"on_hand": 5}
    assert sentences(order, "order.sold") == [
        "1 unit sold over the counter at a location we do not know"
    ]


def test_old_sales_that_are_found_later_are_in_the_opening_stock_already(soho: Any) -> None:
    placed = sold(soho, mug=1)
    placed.recorded_at = placed.placed_at - timedelta(days=30)
    before = StockEntry.objects.count()

    order = take_in(placed)

    assert (buckets(order), StockEntry.objects.count()) == ({"shipped": 1}, before)


@pytest.fixture
def day(transactional_db: None, live_server: Any, tmp_path: Path) -> Iterator[Live]:
    webhooks.forget_doors()
    with SandboxServer(tmp_path / "store", seed="tiny") as shop:
        yield Live(shop, live_server.url)


def at_till(day: Live, **sale: Any) -> int:
    """A real sale at the till of the Soho store; the number of its order."""
    body = {"location": "soho_store", **sale}
    status, answer = day.shop.control.answer(
        "POST", "/sandbox/pos_orders", json.dumps(body).encode()
    )
    assert status == 200, answer
    return int(answer["id"].rpartition("/")[2])


def test_over_http_a_till_sells_gives_back_and_sends_home(day: Live) -> None:
    mugs = day.available("mug", "soho_store")["on_hand"]

    taken = at_till(day, lines={"mug": mugs + 1})
    mixed = at_till(day, lines={"mug": 1}, send={"shirt": 1}, address=NEW_YORK)
    hear(day)
    day.push_all()
    hear(day)

    sale = Order.objects.get(remote_id=taken)
    assert (sale.channel, buckets(sale)) == ("pos", {"shipped": mugs + 1})
    assert shelf("mug", "soho_store") == {"on_hand": -2}
    assert day.available("mug", "soho_store")["on_hand"] == -2
    basket = Order.objects.get(remote_id=mixed)
    assert sorted(basket.lines.values_list("sku", "open", "shipped")) == [
        ("mug", 0, 1),
        ("shirt", 1, 0),
    ]
    day.route(basket)
    assert basket.lines.get(sku="shirt").reserved == 1

    give_back(day, sale, units=1)
    hear(day)
    settle(day)
    sale.refresh_from_db()
    assert buckets(sale) == {"shipped": mugs, "returned": 1}
    assert shelf("mug", "soho_store") == {"on_hand": -1}
    assert day.available("mug", "soho_store")["on_hand"] == -1
    settle_shortages(100)
    sweep.sweep(kinds=["stock_short"])
    assert_sound()


def give_back(day: Live, order: Order, *, units: int) -> None:
    """The till takes units back, puts them on its shelf and pays cash."""
    line = order.lines.get()
    location = soho_gid(day)
    answer = day.run(
        """
        mutation Back($input: RefundInput!) {
          refundCreate(input: $input) @idempotent(key: "till-1") {
            refund { id } userErrors { message } }
        }
        """,
        input={
            "orderId": f"gid://shopify/Order/{order.remote_id}",
            "refundLineItems": [
                {
                    "lineItemId": f"gid://shopify/LineItem/{line.remote_id}",
                    "quantity": units,
                    "restockType": "RETURN",
                    "locationId": location,
                }
            ],
        },
    )
    assert not answer["refundCreate"]["userErrors"], answer


def soho_gid(day: Live) -> str:
    rows = day.run("{ locations(first: 10) { nodes { id name } } }")["locations"]["nodes"]
    return next(row["id"] for row in rows if row["name"] == "soho_store")
