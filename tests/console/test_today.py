"""Today: the sentence, the picture and the tables say the same real numbers, at any size."""

from datetime import UTC, datetime, timedelta

import pytest

from oms.console.orders_in_flow import (
    BAND_HEIGHT,
    DELIVERED,
    HELD,
    PICKING,
    ROAD,
    ROUTED,
    InFlow,
    Stage,
    draw,
    orders_in_flow,
)
from oms.console.today import Tally, lead
from oms.core import clock, streams
from oms.exceptions.models import ExceptionCase
from oms.exceptions.sweep import sweep
from oms.fulfillment.models import Parcel
from oms.orders import holds
from oms.orders.models import Order
from tests.cast import OLGA, line, make_order, make_store, make_user
from tests.console.people import signed_in, words_of
from tests.fulfillment.floor import picking, released, routed_order, shipped

NOW = datetime(2026, 11, 20, 14, 32, tzinfo=UTC)
# Session, person, two for permissions; store, counts of the menu, role; then the page itself:
# midnight of the store, flow, kinds and owners with their midnights, waiting longest, streams (2).
QUERIES = 16


def in_flow() -> InFlow:
    Order.objects.update(placed_at=clock.now())
    return orders_in_flow(make_store().pk, clock.now() - timedelta(hours=20))


def counts(flow: InFlow) -> dict[int, int]:
    return {number: stage.total for number, stage in flow.stages.items()}


@pytest.mark.django_db
def test_an_order_stands_where_its_slowest_unit_stands():
    make_order(line("UNKNOWN"))
    routed_order()
    released(routed_order())
    picking(routed_order())
    shipped(routed_order())
    done = shipped(routed_order())
    Parcel.objects.filter(shipment=done).update(state="delivered", delivered_at=clock.now())

    flow = in_flow()

    assert counts(flow) == {HELD: 2, ROUTED: 1, PICKING: 1, ROAD: 1, DELIVERED: 1}
    assert (flow.total, flow.placed_since, flow.stuck) == (6, 6, 0)
    assert dict(flow.stages[HELD].moving) == {"routing": 1, "grace": 1}


@pytest.mark.django_db
def test_an_order_delivered_before_the_day_began_is_not_in_the_flow():
    done = shipped(routed_order())
    Parcel.objects.filter(shipment=done).update(
        state="delivered", delivered_at=clock.now() - timedelta(hours=21)
    )
    assert in_flow().total == 0


@pytest.mark.django_db
def test_a_held_order_says_what_it_waits_for():
    order = make_order()
    holds.place(order_id=order.pk, kind="address", reason="no street", actor=OLGA)
    assert dict(in_flow().stages[HELD].moving) == {"address": 1}


@pytest.mark.django_db
def test_an_order_with_an_open_exception_is_stuck_by_its_kind():
    make_order(line("UNKNOWN"))
    sweep(kinds=["unknown_item"])
    flow = in_flow()
    assert dict(flow.stages[HELD].stuck) == {"unknown_item": 1}
    assert not flow.stages[HELD].moving
    assert flow.stuck == 1


def flow_of(**totals: int) -> InFlow:
    stages = {
        number: Stage()
        for number in (HELD, ROUTED, PICKING, ROAD, DELIVERED)
    }  # fmt: skip
    for name, number in (("held", HELD), ("routed", ROUTED), ("delivered", DELIVERED)):
        if totals.get(name):
            stages[number].moving["routing"] = totals[name]
    return InFlow(stages, totals.get("placed", 0))


def test_a_band_is_as_high_as_the_orders_that_got_this_far():
    posts = draw(flow_of(held=100, delivered=300), {}, 1)
    assert [post.title for post in posts][::5] == ["In the flow today", "Delivered today"]
    assert [post.height for post in posts] == [BAND_HEIGHT, BAND_HEIGHT, 108, 108, 108, 108]
    assert [post.band for post in posts] == [BAND_HEIGHT, 108, 108, 108, 108, 0]
    assert [post.here for post in posts] == [0, 36, 0, 0, 0, 0]


def test_one_order_among_a_million_is_still_seen():
    posts = draw(flow_of(held=1, delivered=1_000_000), {}, 1)
    assert posts[1].here == 2


def test_an_empty_flow_draws_nothing_and_divides_by_nothing():
    assert {post.height for post in draw(flow_of(), {}, 1)} == {0}


def test_the_causes_of_a_stage_are_the_two_largest_and_the_rest_is_counted():
    flow = flow_of(held=1)
    flow.stages[HELD].stuck.update({"a": 7, "b": 11, "c": 2, "d": 1})
    post = draw(flow, {"b": "Beta"}, 1)[1]
    assert [(cause.label, cause.orders) for cause in post.causes] == [("Beta", 11), ("a", 7)]
    assert (post.stuck, post.more) == (21, 3)


@pytest.mark.parametrize(
    ("opened", "overdue", "today", "red", "rest"),
    [
        (128, 12, 23, "12 exceptions are overdue", " and 23 more fall due today."),
        (2, 1, 1, "1 exception is overdue", " and 1 more falls due today."),
        (1, 1, 0, "1 exception is overdue", "."),
        (5, 0, 1, "", "Nothing is overdue. 1 exception falls due today."),
        (5, 0, 0, "", "Nothing is overdue and nothing falls due today; 5 wait for later."),
        (0, 0, 0, "", "No order is in the flow, and nothing waits for a person."),
        (123456, 99999, 0, "99,999 exceptions are overdue", "."),
    ],
)
def test_the_first_line_is_the_answer(opened, overdue, today, red, rest):
    said = lead(Tally("", "", opened, overdue, today), flow_of(), NOW)
    assert (said["red"], said["rest"]) == (red, rest)


def test_the_second_line_accounts_for_every_order():
    flow = flow_of(held=2206)
    flow.stages[ROAD].stuck["parcel_silent"] = 104
    under = lead(Tally("", "", 104, 0, 0), flow, NOW)["under"]
    assert under == (
        "104 of the 2,310 orders in the flow are stuck and each has an open exception. "
        "The other 2,206 move by themselves or are delivered."
    )


@pytest.mark.django_db
def test_before_any_store_the_page_says_what_to_do():
    assert "No store is connected yet." in words_of(signed_in("ops").get("/"))


@pytest.mark.django_db
def test_a_store_without_orders_says_when_that_was_true():
    make_store()
    words = words_of(signed_in("ops").get("/"))
    assert "No order is in the flow, and nothing waits for a person." in words
    assert "An order shows here from the moment the shop sends it until it is delivered." in words
    assert "No exception is open. Checked" in words


@pytest.mark.django_db
def test_kinds_owners_and_the_longest_wait_are_counted():
    make_order(line("UNKNOWN-1"))
    make_order(line("UNKNOWN-2"))
    sweep(kinds=["unknown_item"])
    first = ExceptionCase.objects.order_by("id").first()
    first.owner = make_user("sam", "support")
    first.due_at = clock.now() - timedelta(hours=1)
    first.save()
    streams.failed(make_store().pk, "orders", "Shopify does not answer")

    words = words_of(signed_in("ops").get("/"))

    assert "1 exception is overdue" in words
    assert "Unknown item 2 1 " in words
    assert "Sam 1 1 ·" in words
    assert "1 of 1 is silent" in words
    assert "Gap check of orders Shopify does not answer" in words


@pytest.mark.django_db
def test_the_number_of_queries_does_not_grow(django_assert_num_queries):
    client = signed_in("ops")
    make_order(line("UNKNOWN-1"))
    sweep(kinds=["unknown_item"])
    with django_assert_num_queries(QUERIES):
        client.get("/")
    for number in range(12):
        make_order(line(f"MORE-{number}"))
        streams.succeeded(make_store().pk, f"carrier.{number}")
    routed_order()
    sweep(kinds=["unknown_item"])
    with django_assert_num_queries(QUERIES):
        client.get("/?days=7")
