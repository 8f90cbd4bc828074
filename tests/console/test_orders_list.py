"""The order list: one line an order, filters that fit, pages that miss and repeat nothing."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from oms.console import order_list
from oms.core import timers
from oms.orders import holds
from oms.orders.models import Order
from tests.cast import NOON, OLGA, line, make_item, make_order, make_store
from tests.console.people import signed_in, words_of
from tests.fulfillment.floor import picking, routed, routed_order, shipped

pytestmark = pytest.mark.django_db


def names(response) -> list[str]:
    return re.findall(r'<a href="/orders/\d+/"><bdi>(.*?)</bdi>', response.content.decode())


@pytest.fixture
def cast():
    """One order in each state, by what it is."""
    make_item("shirt")
    held = make_order(channel="pos")
    holds.place(order_id=held.pk, kind="manual", reason="call back", actor=OLGA)
    orders = {
        "held": held,
        "waiting": routed(make_order(line("shirt", 2))),
        "unknown": make_order(line("no-such-sku")),
        "floor": routed_order("mug"),
        "gone": routed_order("mug"),
    }
    picking(orders["floor"])
    shipped(orders["gone"])
    timers.stop("route", [orders["unknown"].pk])
    return orders


@pytest.mark.parametrize(
    ("state", "found"),
    [
        ("", ["held", "waiting", "unknown", "floor", "gone"]),
        ("open", ["held", "waiting", "unknown", "floor"]),
        ("waiting", ["waiting"]),
        ("held", ["held"]),
        ("shipped", ["gone"]),
        ("nonsense", ["held", "waiting", "unknown", "floor", "gone"]),
    ],
)
def test_each_state_shows_its_orders(cast, state, found):
    response = signed_in("support").get(f"/orders/?state={state}")
    assert sorted(names(response)) == sorted(cast[name].name for name in found)


def test_a_row_says_where_the_order_stands(cast):
    words = words_of(signed_in("support").get("/orders/"))
    assert "2 of 2 waiting" in words
    assert "Held" in words
    assert "Unknown item" in words
    assert "On the floor" in words


@pytest.mark.parametrize("text", ["#{number}", "{number}", "cora@example.com", "cora cust"])
def test_text_finds_by_number_name_and_email(text):
    order = make_order()
    asked = text.format(number=order.name.lstrip("#")).replace("#", "%23")
    assert names(signed_in("support").get(f"/orders/?text={asked}")) == [order.name]


def test_channel_day_and_sku_narrow_the_list(cast):
    client = signed_in("support")
    assert names(client.get("/orders/?channel=pos")) == [cast["held"].name]
    assert len(names(client.get("/orders/?since=2026-11-20&until=2026-11-20"))) == 5
    assert names(client.get("/orders/?since=2026-11-21")) == []
    assert names(client.get("/orders/?sku=shirt")) == [cast["waiting"].name]


@pytest.mark.parametrize(
    "query",
    [
        "before=x_y",
        "before=2026-11-20T12:00:00_1",
        "before=2026-13-40T12:00:00Z_1",
        "before=2026-11-20T12:00:00Z_99999999999999999999",
        "since=2026-99-99",
        "since=0001-01-01",
        "until=9999-12-31",
        "text=%00",
        "text=%25_",
        "channel=%00",
        "sku=" + "x" * 5000,
        "state=open&state=held",
    ],
)
def test_nonsense_in_the_address_still_opens_the_list(query):
    make_order()
    assert signed_in("support").get(f"/orders/?{query}").status_code == 200


def test_pages_follow_each_other_without_gap_or_repeat():
    store = make_store()
    make_item("mug")
    orders = [make_order() for _ in range(7)]
    # Some in the same moment: the key decides, and decides alike on every page.
    for number, order in enumerate(orders):
        placed_at = NOON + timedelta(minutes=number // 3)
        Order.objects.filter(pk=order.pk).update(placed_at=placed_at)
    seen, before = [], ""
    page = order_list.PAGE
    try:
        order_list.PAGE = 2
        while True:
            found = order_list.read(store, order_list.Filters(), before, NOON.tzinfo)
            seen += [row.order.pk for row in found.rows]
            if not (before := found.next):
                break
    finally:
        order_list.PAGE = page
    wanted = Order.objects.order_by("-placed_at", "-pk").values_list("pk", flat=True)
    assert seen == list(wanted)


def test_the_number_of_queries_does_not_grow_with_the_rows():
    make_item("mug")
    client = signed_in("support")
    counts = []
    for _ in range(2):
        for _ in range(5):
            make_order()
        with CaptureQueriesContext(connection) as queries:
            client.get("/orders/")
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert counts[0] <= 14


def test_an_empty_filter_offers_to_drop_it_and_an_empty_shop_says_what_comes():
    make_store()
    client = signed_in("support")
    assert "No order has come in yet" in words_of(client.get("/orders/"))
    words = words_of(client.get("/orders/?text=zzzz"))
    assert "No order fits" in words
    assert "Drop the filters" in words


def test_without_a_store_the_list_opens():
    assert "No store is connected yet" in words_of(signed_in("support").get("/orders/"))
