"""Promised units are gone: exactly the missing ones lose, by rule, and are planned anew."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection

from inventory import ledger
from inventory.commands import Count, set_on_hand
from inventory.models import Reservation, StockLevel
from inventory.queries import lost_at
from oms import shortages, wiring
from oms.core import clock, failpoints, invariants
from oms.core.models import Timer
from oms.exceptions import sweep
from oms.exceptions.kinds import sentence as case_sentence
from oms.exceptions.models import ExceptionCase
from oms.orders.models import Order
from oms.shortages import settle_shortages
from routing.commands import route_due
from tests.cast import NOON, OLGA, line, make_item, make_location, make_order, stock
from tests.fulfillment.floor import buckets, packed, routed, sentences, shelf
from tests.stories.till import sold, take_in

pytestmark = pytest.mark.django_db


def five_orders() -> list[Order]:
    """Five orders of one mug each, all planned at East, where nothing is left free."""
    stock(make_item("mug"), make_location("east"), 5)
    return [
        routed(make_order(line("mug"), placed_at=NOON + timedelta(minutes=n))) for n in range(5)
    ]


def counted(on_hand: int) -> None:
    mug, east = make_item("mug"), make_location("east")
    set_on_hand(
        store_id=mug.store_id,
        counts=[Count(mug.pk, east.pk, on_hand)],
        cause="count",
        document="count:1",
        actor=OLGA,
    )


def places(order: Order) -> list[str]:
    work = order.fulfillment_orders.exclude(state="cancelled")
    return list(work.values_list("location__name", flat=True))


def assert_sound() -> None:
    assert [(f.code, f.name) for f in invariants.check(wiring.INVARIANTS) if f.count] == []


def test_five_are_reserved_three_are_counted_and_exactly_two_named_orders_change() -> None:
    *kept, fourth, fifth = five_orders()
    stock(make_item("mug"), make_location("west"), 1)
    before = {order.pk: order.events.count() for order in kept}

    counted(3)
    assert settle_shortages(100) == 1
    route_due(limit=100)

    assert [places(order) for order in kept] == [["East"]] * 3
    assert {order.pk: order.events.count() for order in kept} == before
    # One of the two finds a place, by its turn; the other waits, and a person knows.
    assert (places(fourth), places(fifth)) == (["West"], [])
    assert buckets(fifth) == {"backordered": 1}
    sweep.sweep()
    (case,) = ExceptionCase.objects.filter(closed_at=None)
    assert (case.kind, case.order) == ("unroutable", fifth)
    why = "East has 3 of 5 promised mug after a count; older orders keep theirs."
    lost = Reservation.objects.filter(state="lost")
    assert {(r.line.order_id, r.quantity, r.reason) for r in lost if r.line} == {
        (fourth.pk, 1, why),
        (fifth.pk, 1, why),
    }
    for order in (fourth, fifth):
        assert sentences(order, "work.lost") == [f"1 unit lost and to be routed again: {why}"]
    level = StockLevel.objects.get(location__code="EST")
    assert {row.name for row in lost_at(level.pk)} == {fourth.name, fifth.name}
    assert not Timer.objects.filter(kind="shortage").exists()
    assert_sound()


def test_a_till_sells_the_reserved_unit_and_its_order_ships_from_elsewhere() -> None:
    mug, soho = make_item("mug"), make_location("soho_store")
    stock(mug, soho, 1)
    order = routed(make_order(line("mug")))
    stock(mug, make_location("west"), 1)

    sale = take_in(sold(soho, mug=1))

    assert shelf("mug", "soho_store") == {"reserved": 1}
    assert buckets(sale) == {"shipped": 1}
    settle_shortages(100)
    route_due(limit=100)
    assert places(order) == ["West"]
    assert sentences(order, "work.lost") == [
        "1 unit lost and to be routed again: Soho store has 0 of 1 promised mug after a sale at the"
        f" till ({sale.name}); nothing of it is left there."
    ]
    assert sentences(sale, "order.sold") == ["1 unit sold over the counter at Soho store"]
    assert_sound()


def test_below_zero_is_kept_and_queued_with_the_sale_that_crossed_it() -> None:
    mug, soho = make_item("mug"), make_location("soho_store")
    stock(mug, soho, 1)

    first, second = take_in(sold(soho, mug=1)), take_in(sold(soho, mug=1))
    settle_shortages(100)
    sweep.sweep(kinds=["stock_short"])

    assert shelf("mug", "soho_store") == {"on_hand": -1}
    (case,) = ExceptionCase.objects.filter(closed_at=None)
    assert case.facts["crossed_by"] == second.name != first.name
    assert case_sentence(case.kind, case.facts) == (
        f"Soho store is 1 short of Mug since {second.name} was sold"
    )
    assert_sound()

    stock(mug, soho, 3)
    assert sweep.sweep(kinds=["stock_short"])["stock_short"].closed == 1


def test_a_count_speaks_of_its_moment_and_keeps_the_two_sales_after_it() -> None:
    mug, soho = make_item("mug"), make_location("soho_store")
    level = stock(mug, soho, 10)
    counting = clock.now()
    take_in(sold(soho, mug=1)), take_in(sold(soho, mug=1))

    # Nine stood there when somebody counted: one of ten was missing, and two were sold since.
    missing = 9 - ledger.on_hand_at([level.pk], counting)[level.pk]
    ledger.post([ledger.Change(level.pk, "on_hand", missing, "count", "count:2")], actor=OLGA)

    assert shelf("mug", "soho_store") == {"on_hand": 7}
    assert_sound()


def test_what_is_packed_stays_and_a_person_is_asked() -> None:
    first, *_ = five_orders()
    packed(first)

    counted(0)
    settle_shortages(100)
    sweep.sweep(kinds=["stock_short"])

    assert shelf() == {"reserved": 1}
    (case,) = ExceptionCase.objects.filter(closed_at=None)
    assert (case.order, case.facts["missing"]) == (first, 1)
    assert [row[:2] for row in case.facts["holding"]] == [[first.name, 1]]
    assert Reservation.objects.filter(state="lost").count() == 4
    assert_sound()


def test_a_crash_before_the_end_changes_nothing_and_a_retry_does_it_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    orders = five_orders()
    counted(3)
    monkeypatch.setattr(failpoints, "_active", {"shortages.settle.before_commit": "raise"})

    with pytest.raises(failpoints.FailpointHit):
        settle_shortages(100)

    assert [buckets(order) for order in orders] == [{"reserved": 1}] * 5
    assert not Reservation.objects.filter(state="lost").exists()
    monkeypatch.undo()
    assert (settle_shortages(100), settle_shortages(100)) == (1, 0)
    assert Reservation.objects.filter(state="lost").count() == 2
    assert_sound()


def test_a_timer_that_rings_twice_takes_nothing_twice() -> None:
    five_orders()
    counted(3)
    settle_shortages(100)
    level = StockLevel.objects.get()

    shortages.timers.start(store_id=level.store_id, kind="shortage", subject_ids=[level.pk])

    assert settle_shortages(100) == 1
    assert Reservation.objects.filter(state="lost").count() == 2
    assert not Timer.objects.filter(kind="shortage").exists()


@pytest.mark.django_db(transaction=True)
def test_two_workers_while_a_till_sells_take_exactly_what_is_missing() -> None:
    five_orders()
    east = make_location("east")
    counted(4)
    start = Barrier(3)

    def run(work: Callable[[], object]) -> None:
        try:
            start.wait(10)
            for _ in range(6):
                work()
        finally:
            connection.close()

    def sell_one() -> None:
        if StockLevel.objects.get().on_hand > 1:
            take_in(sold(east, mug=1))

    def settle() -> None:
        settle_shortages(100)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(run, [settle, settle, sell_one]))
    settle_shortages(100)

    assert shelf() == {"on_hand": 1, "reserved": 1}
    assert Reservation.objects.filter(state="lost").count() == 4
    assert not Timer.objects.filter(kind="shortage").exists()
    assert_sound()
