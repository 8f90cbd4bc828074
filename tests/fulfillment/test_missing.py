"""What a picker cannot take: set apart or gone, routed again, and others keep what stands there."""

import pytest

from oms.core.errors import Refused
from oms.core.models import Timer
from oms.fulfillment import commands
from oms.shortages import settle_shortages
from tests.cast import OLGA, line, make_item, make_location, make_order, stock
from tests.fulfillment.floor import (
    assert_sound,
    buckets,
    footprint,
    picking,
    routed,
    routed_order,
    sentences,
    shelf,
    told,
)
from tests.fulfillment.test_losing import counted

pytestmark = pytest.mark.django_db


def task_of(order):
    return picking(order).lines.get()


def test_damaged_units_are_set_apart_and_the_rest_of_the_shelf_stays_free():
    order = routed_order(quantity=3, on_hand=10)
    task = task_of(order)

    commands.short_pick(
        work_line_id=task.pk, found=1, reason="damaged", actor=OLGA, request_key="broken-1"
    )
    commands.short_pick(
        work_line_id=task.pk, found=1, reason="damaged", actor=OLGA, request_key="broken-1"
    )

    assert shelf() == {"on_hand": 8, "reserved": 1, "damaged": 2}
    assert buckets(order) == {"open": 2, "released": 1}
    assert sentences(order, "work.damaged") == [
        "East found 2 of 3 mug damaged; 2 will be routed again"
    ]
    assert len(told("inventory.publish")) == 1
    assert Timer.objects.filter(kind="route", subject_id=order.pk).exists()
    assert not Timer.objects.filter(kind="trust").exists()
    assert_sound()


def test_another_item_in_its_place_is_like_not_found_and_says_so():
    order = routed_order(quantity=2, on_hand=6)

    commands.short_pick(work_line_id=task_of(order).pk, found=0, reason="wrong_item", actor=OLGA)

    assert shelf() == {}
    assert sentences(order, "work.wrong_item") == [
        "East found another item in place of 2 of 2 mug; 2 will be routed again"
    ]
    assert_sound()


@pytest.mark.parametrize("reason", ["", "stolen", "Damaged"])
def test_a_reason_that_nobody_knows_is_refused(reason):
    order = routed_order(quantity=2)
    task = task_of(order)
    before = footprint()

    with pytest.raises(Refused, match="not_found, damaged, wrong_item"):
        commands.short_pick(work_line_id=task.pk, found=1, reason=reason, actor=OLGA)

    assert footprint() == before
    assert buckets(order) == {"released": 2}


@pytest.mark.parametrize("reason", ["not_found", "damaged"])
def test_others_keep_their_promise_as_long_as_it_stands_there(reason):
    first, second = routed_order(quantity=2, on_hand=5), routed_order(quantity=3)
    task = task_of(first)

    assert commands.would_lose_pick(work_line_id=task.pk, found=0, reason=reason) == []
    commands.short_pick(work_line_id=task.pk, found=0, reason=reason, actor=OLGA)

    assert settle_shortages(10) == 0
    assert buckets(second) == {"reserved": 3}
    assert_sound()


def test_who_loses_when_units_are_really_missing_is_known_before_it_is_reported():
    stock(make_item("mug"), make_location("east"), 5)
    first, second = (routed(make_order(line("mug", n))) for n in (2, 3))
    task = task_of(first)
    commands.pick(work_line_id=task.pk, quantity=1, actor=OLGA)
    # Only three stand there, and two orders were promised five: the rule has not had its turn.
    counted(3)
    before = footprint()

    found = commands.would_lose_pick(work_line_id=task.pk, found=1, reason="damaged")

    assert [(loss.name, loss.units) for loss in found] == [(second.name, 2)]
    assert footprint() == before
    commands.short_pick(work_line_id=task.pk, found=1, reason="damaged", actor=OLGA)
    settle_shortages(10)
    assert (buckets(first), buckets(second)) == (
        {"open": 1, "released": 1},
        {"open": 2, "reserved": 1},
    )
    assert shelf() == {"on_hand": 2, "reserved": 2, "damaged": 1}
    assert_sound()


def test_a_line_that_does_not_exist_loses_nothing():
    with pytest.raises(Refused, match="does not exist"):
        commands.would_lose_pick(work_line_id=1, found=0)
