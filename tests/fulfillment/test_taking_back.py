"""Withdraw and cancel: unwanted units are taken back as far as they can be reached."""

import pytest

from oms.core.errors import Refused
from oms.core.models import Timer
from oms.fulfillment import commands
from tests.cast import OLGA, line, make_item, make_location, make_order, stock
from tests.fulfillment.floor import (
    assert_sound,
    buckets,
    footprint,
    packed,
    picking,
    released,
    routed,
    routed_order,
    sentences,
    shelf,
    shipped,
    work_of,
)

pytestmark = pytest.mark.django_db


def withdraw(order, quantity, **fields):
    line_id = order.lines.get().pk
    result = commands.withdraw(
        order_id=order.pk,
        quantities={line_id: quantity},
        reason="customer changed their mind",
        actor=OLGA,
        **fields,
    )
    return result.taken.get(line_id, 0), result.left.get(line_id, 0)


@pytest.mark.parametrize("stage", [work_of, released, picking])
def test_units_on_the_way_to_the_box_are_taken_back(stage):
    order = routed_order(quantity=3)
    work = stage(order)

    assert withdraw(order, 2) == (2, 0)

    held = "reserved" if stage is work_of else "released"
    assert buckets(order) == {held: 1, "cancelled": 2}
    assert shelf() == {"on_hand": 100, "reserved": 1}
    assert work.lines.get().quantity == 1
    assert sentences(order, "work.withdrawn") == [
        "2 units taken back from East: customer changed their mind"
    ]
    assert_sound()


def test_work_with_nothing_left_is_cancelled():
    order = routed_order(quantity=2)
    work = work_of(order)

    assert withdraw(order, 2) == (2, 0)

    work.refresh_from_db()
    assert work.state == "cancelled" and work.cancelled_at
    assert shelf() == {"on_hand": 100}
    assert not Timer.objects.filter(kind="release").exists()
    assert_sound()


def test_picked_units_stay_and_are_reported():
    order = routed_order(quantity=3)
    work = picking(order)
    commands.pick(work_line_id=work.lines.get().pk, quantity=2, actor=OLGA)

    assert withdraw(order, 3) == (1, 2)

    assert buckets(order) == {"released": 2, "cancelled": 1}
    commands.pack(work_ids=[work.pk], actor=OLGA).or_refuse()
    assert_sound()


@pytest.mark.parametrize("stage", [packed, shipped])
def test_packed_and_shipped_units_cannot_be_taken_back(stage):
    order = routed_order(quantity=2)
    stage(order)
    before = footprint()

    assert withdraw(order, 2) == (0, 2)

    assert footprint() == before
    assert_sound()


def test_planned_units_go_before_those_on_the_floor():
    mug = make_item("mug")
    stock(mug, make_location("east"), 2)
    order = routed(make_order(line("mug", 3)))
    first = released(order)
    stock(mug, make_location("west"), 5)
    routed(order)
    assert buckets(order) == {"reserved": 1, "released": 2}

    assert withdraw(order, 2) == (2, 0)

    first.refresh_from_db()
    assert first.state == "released"
    assert buckets(order) == {"released": 1, "cancelled": 2}
    assert_sound()


def test_the_same_request_twice_takes_nothing_more():
    order = routed_order(quantity=3)
    withdraw(order, 1, request_key="edit-1")
    before = footprint()

    assert withdraw(order, 1, request_key="edit-1") == (0, 0)

    assert footprint() == before
    assert buckets(order) == {"reserved": 2, "cancelled": 1}


@pytest.mark.parametrize("quantity", [0, -3])
def test_nothing_asked_is_nothing_taken(quantity):
    order = routed_order()
    before = footprint()

    assert withdraw(order, quantity) == (0, 0)

    assert footprint() == before


@pytest.mark.parametrize("stage", [work_of, released, picking])
def test_cancelled_work_gives_its_units_back_to_be_routed(stage):
    order = routed_order(quantity=2)
    work = stage(order)

    commands.cancel(work_id=work.pk, reason="roof leaks", actor=OLGA)
    before = footprint()
    commands.cancel(work_id=work.pk, reason="roof leaks", actor=OLGA)

    assert footprint() == before
    work.refresh_from_db()
    assert work.state == "cancelled"
    assert buckets(order) == {"open": 2}
    assert shelf() == {"on_hand": 100}
    assert Timer.objects.filter(kind="route", subject_id=order.pk).exists()
    assert not Timer.objects.filter(kind="release").exists()
    assert sentences(order, "work.cancelled") == [
        f"{work.code} given back by East: roof leaks; 2 units will be routed again"
    ]
    assert_sound()
    routed(order)
    assert buckets(order) == {"reserved": 2}
    assert_sound()


def test_packed_work_cannot_be_given_back():
    order = routed_order()
    work = packed(order)
    before = footprint()

    with pytest.raises(Refused, match="is packed and cannot become cancelled"):
        commands.cancel(work_id=work.pk, reason="roof leaks", actor=OLGA)

    assert footprint() == before
    assert buckets(order) == {"released": 1}


def test_a_reason_is_needed():
    order = routed_order()

    with pytest.raises(Refused, match="Say why"):
        commands.cancel(work_id=work_of(order).pk, reason=" ", actor=OLGA)

    assert buckets(order) == {"reserved": 1}
