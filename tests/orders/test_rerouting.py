"""Asking routing to look again."""

import pytest

from oms.core import timers
from oms.core.errors import Refused
from oms.core.models import Timer
from oms.orders import holds
from oms.orders.rerouting import route_again
from tests.cast import OLGA, line, make_item, make_location, make_order, stock
from tests.fulfillment.floor import buckets, routed, routed_order, sentences

pytestmark = pytest.mark.django_db


def waiting_order():
    make_item("mug")
    return routed(make_order(line("mug", 2)))


def test_units_that_wait_are_routed_at_the_next_turn():
    order = waiting_order()
    timers.stop("route", [order.pk])

    route_again(order_id=order.pk, actor=OLGA)

    assert sentences(order, "routing.asked") == ["Routing was asked to look again"]
    assert Timer.objects.filter(kind="route", subject_id=order.pk).exists()


def test_the_same_key_asks_once():
    order = waiting_order()
    route_again(order_id=order.pk, actor=OLGA, request_key="form:1")
    route_again(order_id=order.pk, actor=OLGA, request_key="form:1")
    assert len(sentences(order, "routing.asked")) == 1


def test_a_held_order_is_not_routed_and_nothing_is_written():
    order = waiting_order()
    holds.place(order_id=order.pk, kind="manual", reason="call back", actor=OLGA)
    with pytest.raises(Refused, match="is held; release the hold"):
        route_again(order_id=order.pk, actor=OLGA)
    assert sentences(order, "routing.asked") == []


def test_an_order_whose_units_all_have_a_place_is_refused():
    order = routed_order()
    with pytest.raises(Refused, match=r"No unit of .* waits for a place"):
        route_again(order_id=order.pk, actor=OLGA)
    assert sentences(order, "routing.asked") == []


def test_an_unknown_item_is_named_as_the_reason():
    order = make_order(line("no-such-sku"))
    with pytest.raises(Refused, match="say first which item is meant"):
        route_again(order_id=order.pk, actor=OLGA)


def test_stock_that_came_is_taken_after_asking():
    order = waiting_order()
    item = order.lines.get().item
    stock(item, make_location("east"), 5)
    route_again(order_id=order.pk, actor=OLGA)
    routed(order)
    assert buckets(order) == {"reserved": 2}
