"""Kinds about an order itself: unknown item, address, hold, nowhere to ship from, stuck."""

from datetime import timedelta

import pytest

from oms.core import invariants, timers
from oms.core.models import Timer
from oms.exceptions.invariants import INVARIANTS
from oms.exceptions.models import ExceptionCase
from oms.orders import holds
from oms.orders.models import OrderLine
from routing.commands import route_due
from tests.cast import OLGA, SAM, line, make_item, make_location, make_order, snapshot, stock
from tests.exceptions.queue import in_words, open_case, proves_itself, swept
from tests.fulfillment.floor import routed, routed_order

pytestmark = pytest.mark.django_db


def test_a_line_whose_sku_no_item_carries_is_shown_until_it_is_mapped():
    def cause():
        make_order(line("MUG-OLD-04", 2))

    def cure():
        OrderLine.objects.update(item=make_item("mug"))

    case = proves_itself(
        "unknown_item",
        cause=cause,
        cure=cure,
        again=lambda: OrderLine.objects.update(item=None),
    )

    assert in_words(case) == "Line 1 has SKU MUG-OLD-04, and no item carries it"
    assert (case.at_stake, case.order.name) == (20, OrderLine.objects.get().order.name)


def test_a_line_without_a_sku_is_named_by_its_title():
    make_order(line("", 1, title="Gift wrap (old)"))

    swept("unknown_item")

    assert (
        in_words(open_case("unknown_item")) == "Line 1 has no SKU; Shopify shows “Gift wrap (old)”"
    )


def test_a_line_that_does_not_ship_needs_no_item():
    make_order(line("GIFT-CARD", 1, ships=False))

    assert swept("unknown_item").found == 0


def test_an_order_that_no_location_can_ship_waits_in_the_queue_until_stock_comes():
    mug, east = make_item("mug"), make_location("east")
    make_location("west")
    stock(mug, east, 1)

    case = proves_itself(
        "unroutable",
        cause=lambda: routed(make_order(line("mug", 3))),
        cure=lambda: (stock(mug, east, 10), route_due(limit=10)),
        again=lambda: OrderLine.objects.update(reserved=0, backordered=3),
    )

    assert in_words(case) == "No location has 2 × Mug free"
    assert case.facts["units"] == 2


def test_it_says_who_has_some_and_who_may_not_ship_there():
    make_item("mug")
    stock(make_item("mug"), make_location("west", ships_to=["CA"]), 5)
    make_location("east")
    routed(make_order(line("mug", 3)))

    swept("unroutable")

    assert in_words(open_case("unroutable")) == "Only West has Mug; it does not ship to US"


def test_an_order_to_a_country_nobody_serves_is_unroutable_while_its_units_stay_open():
    stock(make_item("mug"), make_location("east", ships_to=["CA"]), 5)
    order = routed(make_order(line("mug", 2)))
    assert OrderLine.objects.get(order=order).open == 2

    swept("unroutable")

    assert in_words(open_case("unroutable")) == "No location ships to US; 2 units wait"
    # Stock that comes makes it due again, which alone proves nothing.
    timers.start(store_id=order.store_id, kind="route", subject_ids=[order.pk])
    assert swept("unroutable").closed == 0


def test_a_held_order_is_shown_by_its_hold_alone():
    order = routed(make_order(line("mug", 2)))
    holds.place(order_id=order.pk, kind="risk", reason="card used before", actor=SAM)

    assert (swept("unroutable").found, swept("hold_open").found) == (0, 1)


def test_a_risk_hold_is_shown_at_once():
    def cause():
        order = routed_order()
        holds.place(order_id=order.pk, kind="risk", reason="410 miles apart", actor=SAM)

    def cure():
        hold = open_case("hold_open").facts["hold"]
        holds.release(hold_id=hold, actor=OLGA)

    case = proves_itself(
        "hold_open",
        cause=cause,
        cure=cure,
        again=lambda: type(hold_of()).objects.update(released_at=None),
    )

    assert in_words(case).startswith("Risk hold since ")
    assert in_words(case).endswith(": 410 miles apart")


def hold_of():
    return OrderLine.objects.first().order.holds.get()


def test_a_hold_set_by_a_person_is_shown_after_a_day():
    order = routed_order()
    holds.place(order_id=order.pk, kind="manual", reason="customer calls back", actor=SAM)

    assert swept("hold_open").found == 0
    assert swept("hold_open", timedelta(hours=25)).found == 1


def test_an_address_on_hold_goes_to_support():
    order = routed_order()
    holds.place(order_id=order.pk, kind="address", reason="no such postcode", actor=SAM)

    assert (swept("hold_open", timedelta(days=9)).found, swept("address_missing").opened) == (0, 1)
    assert in_words(open_case("address_missing")) == "Address cannot be used: no such postcode"


def test_an_order_without_a_country_is_an_address_to_find_not_a_stock_problem():
    stock(make_item("mug"), make_location("east"), 5)
    address = snapshot(line("mug")).address
    address.country = ""
    order = make_order(line("mug"), address=address)

    def give_a_country():
        type(order).objects.update(ship_country="US")

    case = proves_itself(
        "address_missing",
        cause=lambda: routed(order),
        cure=give_a_country,
        again=lambda: type(order).objects.update(ship_country=""),
    )

    assert in_words(case) == "Address cannot be used: no country to ship to"
    assert swept("unroutable").found == 0


def test_an_order_that_nothing_moves_on_is_caught_by_the_last_net():
    order = make_order(line("mug", 2))

    case = proves_itself(
        "stuck_order",
        cause=lambda: Timer.objects.all().delete(),
        cure=lambda: timers.start(store_id=order.store_id, kind="route", subject_ids=[order.pk]),
    )

    assert in_words(case) == "2 units wait, and nothing is set to move them on"
    assert invariants.check(INVARIANTS)[1].count == 0


def test_planned_work_that_is_never_released_is_caught_too():
    routed_order()
    assert swept("stuck_order").found == 0

    Timer.objects.filter(kind="release").delete()

    assert invariants.check(INVARIANTS)[1].count == 1
    assert swept("stuck_order").opened == 1
    assert invariants.check(INVARIANTS)[1].count == 0


def test_the_last_net_leaves_alone_what_another_kind_shows():
    make_order(line("NOBODY-KNOWS"))
    Timer.objects.all().delete()
    swept("unknown_item")

    assert swept("stuck_order").found == 0
    assert ExceptionCase.objects.count() == 1
