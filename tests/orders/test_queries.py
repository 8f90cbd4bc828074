"""What a list says about an order, read off its buckets."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from oms.core import timers
from oms.orders import holds
from oms.orders.queries import standing, standings
from tests.cast import OLGA, line, make_item, make_order
from tests.fulfillment.floor import picking, routed_order, shipped


@pytest.mark.parametrize(
    ("units", "words"),
    [
        ({}, "Nothing to send"),
        ({"open": 3}, "To be routed"),
        ({"reserved": 3}, "Reserved"),
        ({"reserved": 1, "backordered": 2}, "2 of 3 waiting"),
        ({"released": 3}, "On the floor"),
        ({"released": 1, "shipped": 2}, "2 of 3 shipped"),
        ({"shipped": 2, "backordered": 1}, "1 of 3 waiting"),
        ({"shipped": 3}, "Shipped"),
        ({"shipped": 2, "cancelled": 1}, "Shipped"),
        ({"shipped": 2, "returned": 1}, "Shipped, 1 came back"),
        ({"returned": 3}, "Returned"),
        ({"cancelled": 3}, "Cancelled"),
        ({"open": 1200, "shipped": 34}, "34 of 1,234 shipped"),
    ],
)
def test_the_buckets_say_where_an_order_stands(units, words):
    assert standing(units) == words


def test_a_hold_is_said_before_everything_that_may_still_move():
    assert standing({"open": 1, "backordered": 1}, held=True) == "Held"
    assert standing({"shipped": 1}, held=True) == "Shipped"


def test_units_that_routing_found_no_place_for_are_waiting():
    assert standing({"open": 2}, in_vain=True) == "2 of 2 waiting"


def test_an_unknown_item_is_said_unless_units_wait_already():
    assert standing({"open": 2}, unknown=True) == "Unknown item"
    assert standing({"open": 1, "backordered": 1}, unknown=True) == "1 of 2 waiting"


@pytest.mark.django_db
def test_many_orders_are_read_in_three_queries():
    make_item("shirt")
    held = make_order()
    holds.place(order_id=held.pk, kind="manual", reason="call back", actor=OLGA)
    unknown = make_order(line("no-such-sku", 2))
    gone = routed_order("shirt", 2)
    shipped(gone)
    on_floor = routed_order("shirt")
    picking(on_floor)
    in_vain = make_order()
    timers.start(
        store_id=in_vain.store_id,
        kind="route",
        subject_ids=[in_vain.pk],
        waits_for="no open location ships to JP",
    )

    with CaptureQueriesContext(connection) as queries:
        found = standings([held.pk, unknown.pk, gone.pk, on_floor.pk, in_vain.pk])

    assert len(queries) == 3
    assert found == {
        held.pk: ("Held", 1),
        unknown.pk: ("Unknown item", 2),
        gone.pk: ("Shipped", 2),
        on_floor.pk: ("On the floor", 1),
        in_vain.pk: ("1 of 1 waiting", 1),
    }
