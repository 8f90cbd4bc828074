"""Due orders are routed in batches: reserved, planned, explained, told to Shopify."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from inventory.models import Reservation, StockLevel
from oms.core import invariants, timers
from oms.core.models import OutboxIntent, Timer
from oms.fulfillment.models import FulfillmentOrder
from oms.orders import holds
from oms.orders.models import Order, OrderLine
from oms.wiring import INVARIANTS
from routing import commands, facts, policies
from routing.explain import explain
from routing.models import Decision
from tests.cast import (
    OLGA,
    line,
    make_item,
    make_location,
    make_order,
    make_store,
    stock,
)


@pytest.fixture
def house(db: None) -> None:
    """Ten mugs in the east, two mugs and five shirts in the west."""
    policies.ensure_default(store_id=make_store().pk, actor=OLGA)
    mug, shirt = make_item("mug"), make_item("shirt")
    stock(mug, make_location("east"), 10)
    stock(mug, make_location("west"), 2)
    stock(shirt, make_location("west"), 5)


def route() -> commands.Routed:
    return commands.route_due(limit=100)


def buckets(order: Order) -> Counter[str]:
    total: Counter[str] = Counter()
    for entry in order.lines.all():
        total.update(open=entry.open, reserved=entry.reserved, backordered=entry.backordered)
    return +total


def broken() -> list[str]:
    return [f.name for f in invariants.check(INVARIANTS) if f.count]


@pytest.mark.usefixtures("house")
def test_an_order_is_reserved_planned_and_told_to_shopify() -> None:
    order = make_order(line("mug", 3))

    assert route().routed == 1

    work = FulfillmentOrder.objects.get()
    assert (work.location.name, work.state, work.code) == ("East", "planned", f"EST-{work.pk}")
    assert [(w.quantity, w.reservation.quantity) for w in work.lines.all()] == [(3, 3)]
    assert buckets(order) == {"reserved": 3}
    assert order.events.last().kind == "routing.routed"
    intent = OutboxIntent.objects.get()
    assert (intent.topic, intent.key) == ("fulfillment_order.assign", f"work:{work.pk}")
    assert [(t.kind, t.subject_id) for t in Timer.objects.all()] == [("release", order.pk)]
    order.refresh_from_db()
    assert order.routed_at is not None
    assert broken() == []


@pytest.mark.usefixtures("house")
def test_two_places_together_make_a_split_only_when_one_is_not_enough() -> None:
    order = make_order(line("mug", 3), line("shirt", 1))

    route()

    assert sorted(order.fulfillment_orders.values_list("location__name", flat=True)) == [
        "East",
        "West",
    ]
    assert broken() == []


@pytest.mark.usefixtures("house")
def test_what_nobody_has_is_backordered_and_waits_with_a_reason() -> None:
    order = make_order(line("mug", 15))

    route()

    assert buckets(order) == {"reserved": 12, "backordered": 3}
    assert order.events.last().kind == "routing.partly"
    timer = Timer.objects.get(kind="route")
    assert timer.waits_for == "no free stock"
    assert broken() == []


@pytest.mark.usefixtures("house")
def test_an_order_that_nobody_serves_waits_open_and_says_where_it_would_go() -> None:
    order = make_order(line("mug", 1))
    Order.objects.update(ship_country="NO")

    route()

    assert buckets(order) == {"open": 1}
    assert Timer.objects.get().waits_for == "no open location ships to NO"
    assert explain(Decision.objects.get()).sentence == "No open location ships to NO."


@pytest.mark.usefixtures("house")
def test_deciding_again_that_it_waits_writes_nothing_new() -> None:
    make_order(line("mug", 1))
    Order.objects.update(ship_country="NO")
    route()
    Timer.objects.update(due_at="2026-01-01T00:00:00Z")

    route()

    assert Decision.objects.count() == 1
    assert Timer.objects.get().attempts == 2


@pytest.mark.usefixtures("house")
def test_arriving_stock_fills_a_backorder() -> None:
    order = make_order(line("shirt", 6))
    route()
    assert buckets(order) == {"reserved": 5, "backordered": 1}

    stock(make_item("shirt"), make_location("west"), 6)
    route()

    assert buckets(order) == {"reserved": 6}
    assert not Timer.objects.filter(kind="route").exists()
    assert broken() == []


@pytest.mark.usefixtures("house")
def test_a_held_order_is_left_alone_until_its_last_hold_is_released() -> None:
    order = make_order(line("mug", 1))
    hold = holds.place(order_id=order.pk, kind="manual", reason="Call first", actor=OLGA)

    route()
    assert buckets(order) == {"open": 1}
    assert Decision.objects.count() == 0

    holds.release(hold_id=hold.pk, actor=OLGA)
    route()
    assert buckets(order) == {"reserved": 1}


@pytest.mark.usefixtures("house")
def test_an_unmapped_line_stays_and_the_others_go_on() -> None:
    order = make_order(line("mug", 1), line("no-such-sku", 1))

    route()

    assert sorted(order.lines.values_list("sku", "reserved", "open")) == [
        ("mug", 1, 0),
        ("no-such-sku", 0, 1),
    ]


@pytest.mark.usefixtures("house")
def test_gift_cards_and_services_are_not_routed() -> None:
    order = make_order(line("mug", 1), line("gift-card", 1, ships=False))

    route()

    assert order.lines.get(sku="gift-card").open == 1
    assert not Timer.objects.filter(kind="route").exists()
    assert broken() == []


@pytest.mark.usefixtures("house")
def test_a_decision_replayed_on_its_facts_gives_the_same_plan() -> None:
    for quantity in (1, 3, 11, 15):
        make_order(line("mug", quantity), line("shirt", 1))
    route()

    for decision in Decision.objects.all():
        again = facts.replay(decision)
        assert [[v.location_id, v.step, v.data] for v in again.verdicts] == decision.trace
        assert len(again.parcels) == decision.parcels


@pytest.mark.usefixtures("house")
def test_every_location_is_explained_and_the_loser_says_what_would_change_it() -> None:
    make_order(line("mug", 3))
    route()

    words = explain(Decision.objects.get())

    assert words.sentence == "East is the nearest place that covers the order in one parcel."
    west = next(row for row in words.rows if row.name == "West")
    assert (west.headline, west.would_change) == (
        "Short of mug",
        "1 more mug free at West would make it a choice.",
    )


@pytest.mark.usefixtures("house")
def test_a_batch_takes_a_fixed_number_of_queries(
    django_assert_max_num_queries: pytest.FixtureRequest,
) -> None:
    stock(make_item("mug"), make_location("east"), 500)
    for _ in range(30):
        make_order(line("mug", 1), line("shirt", 1))

    with django_assert_max_num_queries(30):  # type: ignore[operator]
        assert route().orders == 30

    assert broken() == []


@pytest.mark.django_db(transaction=True)
def test_of_many_orders_for_the_last_units_exactly_as_many_win() -> None:
    """Real threads, real transactions: 24 orders of one mug, 7 mugs, 6 routers at once."""
    policies.ensure_default(store_id=make_store().pk, actor=OLGA)
    mug = make_item("mug")
    stock(mug, make_location("east"), 4)
    stock(mug, make_location("west"), 3)
    for _ in range(24):
        make_order(line("mug", 1))
    start = threading.Barrier(6)

    def router(number: int) -> None:
        try:
            start.wait(timeout=10)
            while commands.route_due(limit=3).orders:
                pass
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(router, range(6)))

    assert sum(Reservation.objects.values_list("quantity", flat=True)) == 7
    assert sum(OrderLine.objects.values_list("backordered", flat=True)) == 17
    assert sorted(StockLevel.objects.values_list("on_hand", "reserved")) == [(3, 3), (4, 4)]
    assert broken() == []


@pytest.mark.usefixtures("house")
def test_an_order_that_somebody_else_holds_locked_is_left_for_the_next_round() -> None:
    make_order(line("mug", 1))
    timers.start(store_id=make_store().pk, kind="route", subject_ids=[999_999])

    result = route()

    assert result.orders == 2, "a timer without an order does not stop the others"
    assert FulfillmentOrder.objects.count() == 1


def test_without_an_active_policy_the_sentence_says_what_to_do(db: None) -> None:
    stock(make_item("mug"), make_location("east"), 1)
    make_order(line("mug", 1))

    with pytest.raises(LookupError, match="activate one under Routing"):
        route()

    assert Reservation.objects.count() == 0
