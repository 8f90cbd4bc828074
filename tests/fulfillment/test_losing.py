"""Missing units lose their promise: the work is cut, the order routed again, what is held stays."""

from datetime import timedelta

import pytest

from inventory import reservations
from inventory.commands import Count, set_on_hand
from inventory.models import Reservation, StockLevel
from inventory.queries import lost_at
from inventory.reservations import Promise
from oms.core.clock import now
from oms.core.models import Timer
from oms.fulfillment import commands
from oms.fulfillment.commands import losing
from oms.orders.models import Order
from tests.cast import NOON, OLGA, line, make_item, make_location, make_order, stock
from tests.fulfillment.floor import (
    assert_sound,
    buckets,
    footprint,
    packed,
    picking,
    released,
    routed,
    sentences,
    shelf,
    work_of,
)

pytestmark = pytest.mark.django_db


def orders_at_east(*quantities: int) -> list[Order]:
    """Orders placed one after the other, planned at East, where no unit is left free."""
    stock(make_item("mug"), make_location("east"), sum(quantities))
    return [
        routed(make_order(line("mug", quantity), placed_at=NOON + timedelta(minutes=n)))
        for n, quantity in enumerate(quantities)
    ]


def counted(on_hand: int) -> StockLevel:
    mug, east = make_item("mug"), make_location("east")
    set_on_hand(
        store_id=mug.store_id,
        counts=[Count(mug.pk, east.pk, on_hand)],
        cause="count",
        document="count:7",
        actor=OLGA,
    )
    return StockLevel.objects.get(item=mug, location=east)


def lose(level: StockLevel) -> list[tuple[str, int]]:
    settled = commands.lose_missing(level_ids=[level.pk], actor=OLGA)
    assert settled.levels == [level.pk]
    return [(loss.name, loss.units) for loss in settled.losses]


def test_the_youngest_order_loses_its_unit_and_is_routed_again():
    first, second = orders_at_east(2, 2)
    level = counted(3)

    assert lose(level) == [(second.name, 1)]

    assert buckets(first) == {"reserved": 2}
    assert buckets(second) == {"open": 1, "reserved": 1}
    assert shelf() == {"on_hand": 3, "reserved": 3}
    why = "East has 3 of 4 promised mug after a count; older orders keep theirs."
    assert sentences(second, "work.lost") == [f"1 unit lost and to be routed again: {why}"]
    assert Timer.objects.filter(kind="route", subject_id=second.pk).exists()
    assert not Timer.objects.filter(kind="route", subject_id=first.pk).exists()
    (lost,) = Reservation.objects.filter(state="lost")
    assert (lost.quantity, lost.reason, lost.line_id) == (1, why, second.lines.get().pk)
    assert list(level.entries.values_list("document", flat=True))[-1] == "count:7"
    assert_sound()


def test_a_second_time_nothing_more_is_lost():
    orders_at_east(2, 2)
    level = counted(1)
    lose(level)
    before = footprint()

    assert lose(level) == []

    assert footprint() == before


@pytest.mark.parametrize("stage", [work_of, released, picking])
def test_work_left_empty_is_cancelled_and_not_released_later(stage):
    (order,) = orders_at_east(2)
    work = stage(order)
    level = counted(0)

    assert lose(level) == [(order.name, 2)]

    work.refresh_from_db()
    assert work.state == "cancelled" and work.cancelled_at
    assert buckets(order) == {"open": 2}
    assert shelf() == {}
    assert not Timer.objects.filter(kind="release").exists()
    assert_sound()
    routed(order)
    assert buckets(order) == {"backordered": 2}
    assert_sound()


def test_units_that_are_picked_or_packed_stay_with_whoever_holds_them():
    first, second, third = orders_at_east(2, 2, 2)
    packed(first)
    work = picking(second)
    commands.pick(work_line_id=work.lines.get().pk, quantity=1, actor=OLGA)
    level = counted(0)

    assert lose(level) == [(third.name, 2), (second.name, 1)]

    assert (buckets(first), buckets(second)) == ({"released": 2}, {"open": 1, "released": 1})
    assert shelf() == {"reserved": 3}
    work.refresh_from_db()
    assert (work.state, work.lines.get().quantity) == ("picking", 1)
    assert_sound()


def test_a_cart_loses_before_an_order_and_leaves_no_event():
    mug, east = make_item("mug"), make_location("east")
    level = stock(mug, east, 5)
    order = routed(make_order(line("mug", 3)))
    kept_for_a_cart = Promise(
        None, level.pk, 2, "cart:abc", "soft", "cart:abc", now() + timedelta(minutes=15)
    )
    (cart,) = reservations.reserve([kept_for_a_cart], actor=OLGA)
    level = counted(3)

    assert lose(level) == [("cart:abc", 2)]

    assert Reservation.objects.get(pk=cart).state == "lost"
    assert buckets(order) == {"reserved": 3}
    assert sentences(order, "work.lost") == []
    assert_sound()


def test_units_that_came_in_for_a_waiting_order_count_as_its_own():
    mug, east = make_item("mug"), make_location("east")
    level = stock(mug, east, 3)
    younger = routed(make_order(line("mug", 2), placed_at=NOON + timedelta(days=1)))
    waiting = make_order(line("mug", 1), placed_at=NOON)
    kept = Promise(
        None, level.pk, 1, "supply:1", "soft", f"order:{waiting.pk}", now() + timedelta(hours=1)
    )
    reservations.reserve([kept], actor=OLGA)
    level = counted(2)

    assert lose(level) == [(younger.name, 1)]
    level = counted(0)
    assert lose(level) == [(younger.name, 1), (waiting.name, 1)]

    assert len(sentences(waiting, "work.lost")) == 1
    assert {row.order_id for row in lost_at(level.pk)} == {waiting.pk, younger.pk}
    assert Timer.objects.filter(kind="supply", subject_id=waiting.pk).exists()
    assert_sound()


def test_who_would_lose_is_known_before_anything_is_posted():
    _, second, third = orders_at_east(1, 1, 1)
    level = StockLevel.objects.get()
    before = footprint()

    found = commands.would_lose([level.pk], on_hand={level.pk: 1})

    assert [(loss.name, loss.units) for loss in found] == [(third.name, 1), (second.name, 1)]
    assert commands.would_lose([level.pk]) == []
    assert footprint() == before
    assert lose(counted(1)) == [(loss.name, loss.units) for loss in found]


def test_an_order_that_nobody_locked_in_time_has_another_turn(monkeypatch):
    first, second = orders_at_east(1, 1)
    level = counted(1)
    read, answers = losing.would_lose, iter([True, False])
    # The first look names somebody else than the one under the lock does.
    monkeypatch.setattr(
        losing, "would_lose", lambda ids, **more: [] if next(answers, False) else read(ids)
    )
    before = footprint()

    settled = commands.lose_missing(level_ids=[level.pk], actor=OLGA)

    assert (settled.levels, settled.losses) == ([], [])
    assert footprint() == before
    assert (buckets(first), buckets(second)) == ({"reserved": 1}, {"reserved": 1})


def test_the_list_of_who_lost_can_be_read_later():
    _, second, third = orders_at_east(2, 1, 1)
    level = counted(2)
    lose(level)

    rows = lost_at(level.pk)

    assert {(row.name, row.units) for row in rows} == {(third.name, 1), (second.name, 1)}
    assert all("older orders keep theirs" in row.reason for row in rows)
    assert {row.order_id for row in rows} == {second.pk, third.pk}
    assert lost_at(stock(make_item("shirt"), make_location("west"), 1).pk) == []
