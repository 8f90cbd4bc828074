"""Arriving units go to those promised from that supply first, then by priority, then by age."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from django.db import connection

from inventory import allocation, backorders, waiting
from inventory.allocation import Wait, allocate
from inventory.backorders import Room, Waiting, tie
from inventory.commands import receiving
from inventory.commands.receiving import Arrived
from inventory.models import Supply
from oms.core import clock
from oms.core.models import Timer
from oms.orders import holds
from oms.orders.models import Order
from routing import commands as routing
from tests.cast import OLGA, line, make_item, make_location, make_order
from tests.inventory.goods import (
    LATER,
    SOON,
    broken,
    house,
    level,
    promised,
    purchase,
    route,
    waiting_order,
)

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def wait(
    number: int, units: int, *, promised: int = 0, priority: int = 50, minutes: int = 0
) -> Wait:
    return Wait(number, number, 1, units, promised, priority, NOON + timedelta(minutes=minutes))


def shared(units: int, *waits: Wait) -> list[tuple[int, int, int]]:
    return [(grant.wait.line_id, grant.units, grant.kept) for grant in allocate(units, waits)]


def test_by_priority_then_by_age() -> None:
    old, new, vip = wait(1, 2), wait(2, 2, minutes=5), wait(3, 2, priority=10, minutes=9)

    assert shared(5, old, new, vip) == [(3, 2, 0), (1, 2, 0), (2, 1, 0)]


def test_those_promised_from_this_supply_come_first() -> None:
    vip, tied = wait(1, 2, priority=10), wait(2, 3, promised=2, minutes=5)

    assert shared(3, vip, tied) == [(2, 2, 2), (1, 1, 0)]
    assert shared(5, vip, tied) == [(2, 3, 2), (1, 2, 0)]


def test_the_order_in_which_they_are_read_changes_nothing() -> None:
    waits = [wait(1, 2, promised=1), wait(2, 1, priority=20), wait(3, 4, promised=4, minutes=3)]

    assert {tuple(shared(4, *order)) for order in permutations(waits)} == {((1, 1, 1), (3, 3, 3))}


def test_nothing_arrives_and_nobody_gets_anything() -> None:
    assert shared(0, wait(1, 2, promised=2)) == []
    assert shared(5) == []


def test_two_receipts_and_three_orders_always_end_the_same() -> None:
    waits = {1: wait(1, 3), 2: wait(2, 2, promised=2, minutes=1), 3: wait(3, 2, priority=20)}
    first = allocate(4, waits.values())
    assert [(g.wait.line_id, g.units) for g in first] == [(2, 2), (3, 2)]

    left = [w for w in waits.values() if w.line_id not in {g.wait.line_id for g in first}]
    assert [(g.wait.line_id, g.units) for g in allocate(2, left)] == [(1, 2)]


def test_units_are_tied_to_the_earliest_day_within_the_caps_and_where_it_ships_to() -> None:
    def line_(number: int, units: int, country: str = "US") -> Waiting:
        return Waiting(number, number, 1, 7, "mug", country, units, [])

    us = frozenset({"US"})
    rooms = [
        Room(2, 7, "B", LATER, us | {"GB"}, 9),
        Room(1, 7, "A", SOON, us, 3),
        Room(3, 8, "C", SOON, us, 9),
    ]
    ties = tie([line_(1, 2), line_(2, 2), line_(3, 1, "GB"), line_(4, 1, "FR")], rooms)

    assert [(t.waiting.line_id, t.room.number, t.units) for t in ties] == [
        (1, "A", 2),
        (2, "A", 1),
        (2, "B", 1),
        (3, "B", 1),
    ]


def receive(one: Supply, units: int, key: str = "r1") -> None:
    receiving.receive(
        supply_id=one.pk,
        arrived=[Arrived(make_item("mug").pk, units)],
        request_key=key,
        actor=OLGA,
    )


def got(*orders: Order) -> list[int]:
    return [order.lines.get().reserved for order in orders]


@pytest.fixture
def _house(db: None) -> None:
    house()


@pytest.mark.usefixtures("_house")
def test_the_preview_says_what_the_receipt_does() -> None:
    one = purchase(10, cap=3)
    orders = [
        waiting_order(2),
        waiting_order(2, minutes=1),
        waiting_order(2, minutes=2, tags=["vip"]),
    ]
    waits = allocation.waiting(one.pk, [make_item("mug").pk])[make_item("mug").pk]
    preview = {g.wait.order_id: g.units for g in allocate(5, waits)}

    receive(one, 5)
    route()

    # What a customer was told is kept first, then the VIP has her turn before older orders.
    assert got(*orders) == [2, 1, 2]
    assert preview == {order.pk: units for order, units in zip(orders, got(*orders), strict=True)}
    assert broken() == []


@pytest.mark.usefixtures("_house")
def test_two_receipts_give_three_orders_their_units_in_their_turn() -> None:
    one = purchase(10, cap=2)
    tied = waiting_order(2)
    old, vip = waiting_order(3, minutes=1), waiting_order(2, minutes=2, tags=["vip"])
    assert promised(tied) == [(one.number, 2, SOON)]

    receive(one, 4)
    route()
    assert got(tied, old, vip) == [2, 0, 2]

    receive(one, 2, "r2")
    route()
    assert got(tied, old, vip) == [2, 2, 2]
    assert broken() == []


@pytest.mark.usefixtures("_house")
def test_many_small_batches_and_new_orders_in_the_same_moment_change_nothing() -> None:
    one = purchase(6)
    waits = [waiting_order(1, minutes=n) for n in range(4)]
    vip = waiting_order(2, minutes=9, tags=["vip"])
    # These came in before the goods did, and have not been routed when they arrive.
    rivals = [make_order(line("mug", 2), tags=["vip"]) for _ in range(3)]

    receive(one, 6)
    while routing.route_due(limit=1).orders or waiting.wake_arrived():
        rivals.append(make_order(line("mug", 1))) if len(rivals) < 8 else None

    assert got(*waits, vip) == [1, 1, 1, 1, 2]
    assert set(got(*rivals)) == {0}
    assert level().available == 0
    while backorders.settle_due(100):
        pass
    assert broken() == []


@pytest.mark.usefixtures("_house")
def test_the_timers_are_due_in_the_order_of_the_turns() -> None:
    one = purchase(3)
    late, early = waiting_order(1, minutes=8), waiting_order(1)
    vip = waiting_order(1, minutes=9, tags=["vip"])
    receive(one, 3)

    waiting.wake_arrived()
    turns = []
    for _ in range(3):
        routing.route_due(limit=1)
        turns += [o for o in (late, early, vip) if got(o) == [1] and o not in turns]

    assert turns == [vip, early, late]


@pytest.mark.usefixtures("_house")
def test_an_order_on_hold_keeps_what_it_was_promised_and_gets_nothing_else() -> None:
    one = purchase(10, cap=2)
    held, plain = waiting_order(2), waiting_order(2, minutes=1)
    other = waiting_order(1, minutes=2)
    for order in (held, plain):
        holds.place(order_id=order.pk, kind="manual", reason="Called us", actor=OLGA)

    receive(one, 5)
    route()

    assert got(held, plain, other) == [0, 0, 1]
    assert (level().soft, level().available) == (2, 2)
    held_hold = held.holds.get()
    holds.release(hold_id=held_hold.pk, actor=OLGA)
    route()
    assert got(held, plain, other) == [2, 0, 1]
    assert broken() == []


@pytest.mark.usefixtures("_house")
def test_a_place_that_does_not_ship_to_the_customer_gives_nothing() -> None:
    one = purchase(5)
    order = waiting_order(1)
    make_location("west")
    make_location("east").__class__.objects.filter(code="EST").update(ships_to=["GB"])

    receive(one, 5)

    assert level().soft == 0
    assert order.lines.get().backordered == 1


@pytest.mark.django_db(transaction=True)
def test_routers_at_work_while_goods_arrive_change_nothing() -> None:
    house()
    one = purchase(8, cap=2)
    waits = [waiting_order(2, minutes=n) for n in range(4)]
    # Whether they are routed before the goods come or after: their turn is later.
    rivals = [make_order(line("mug", 1), placed_at=clock.now()) for _ in range(6)]

    def at_work(number: int) -> None:
        try:
            if number == 1:
                receive(one, 8)
            for _ in range(6):
                waiting.wake_arrived()
                routing.route_due(limit=2)
                backorders.settle_due(3)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(at_work, range(4)))
    # Orders that were being routed when the goods came are woken half a second later.
    Timer.objects.filter(kind=waiting.ARRIVED).update(due_at=clock.now())
    route()

    assert got(*waits) == [2, 2, 2, 2]
    assert set(got(*rivals)) == {0}
    assert broken() == []
