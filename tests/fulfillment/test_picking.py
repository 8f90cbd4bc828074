"""Picking and packing: exactly what is asked for, and an honest word when it is not there."""

import pytest

from oms.core.errors import Refused
from oms.core.models import Timer
from oms.fulfillment import commands
from routing.commands import route_due
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
    work_of,
)

pytestmark = pytest.mark.django_db


def test_start_picking_moves_released_work_and_is_quiet_again():
    order = routed_order(quantity=2)
    work = released(order)

    commands.start_picking(work_ids=[work.pk], actor=OLGA).or_refuse()
    before = footprint()
    commands.start_picking(work_ids=[work.pk], actor=OLGA).or_refuse()

    work.refresh_from_db()
    assert work.state == "picking" and work.picking_at
    assert footprint() == before
    assert sentences(order, "work.picking") == [f"East started to pick {work.code}"]


def test_planned_work_cannot_be_picked():
    order = routed_order()
    work = work_of(order)
    before = footprint()

    outcome = commands.start_picking(work_ids=[work.pk], actor=OLGA)

    assert outcome.refused == {
        work.pk: f"{work.code} is planned and cannot become picking;"
        " from here: cancelled, released."
    }
    assert footprint() == before


def test_each_scan_adds_one_and_a_repeated_scan_adds_nothing():
    order = routed_order(quantity=2)
    task = picking(order).lines.get()

    commands.pick(work_line_id=task.pk, quantity=1, actor=OLGA, request_key="scan-1")
    again = commands.pick(work_line_id=task.pk, quantity=1, actor=OLGA, request_key="scan-1")

    assert (again.picked, again.quantity) == (1, 2)
    assert sentences(order, "work.picked") == ["East picked 1 of 2 mug"]


def test_a_unit_too_many_is_refused():
    order = routed_order(quantity=2)
    work = picking(order)
    task = work.lines.get()
    commands.pick(work_line_id=task.pk, quantity=1, actor=OLGA)
    before = footprint()

    with pytest.raises(Refused) as refusal:
        commands.pick(work_line_id=task.pk, quantity=2, actor=OLGA)

    assert refusal.value.sentence == (
        f"{work.code} asks for 1 more of mug, not 2; put the rest back."
    )
    task.refresh_from_db()
    assert task.picked == 1
    assert footprint() == before


@pytest.mark.parametrize("quantity", [0, -1])
def test_a_pick_of_nothing_is_refused(quantity):
    task = picking(routed_order(quantity=2)).lines.get()

    with pytest.raises(Refused, match="at least one unit"):
        commands.pick(work_line_id=task.pk, quantity=quantity, actor=OLGA)


def test_pick_all_counts_only_what_was_missing_and_is_quiet_again():
    order = routed_order(quantity=3)
    work = picking(order)
    commands.pick(work_line_id=work.lines.get().pk, quantity=1, actor=OLGA)

    commands.pick_all(work_ids=[work.pk], actor=OLGA).or_refuse()
    before = footprint()
    commands.pick_all(work_ids=[work.pk], actor=OLGA).or_refuse()

    assert work.lines.get().picked == 3
    assert footprint() == before
    assert sentences(order, "work.all_picked") == [f"East picked all of {work.code}, 2 units"]


def test_pack_waits_for_every_unit():
    order = routed_order(quantity=2)
    work = picking(order)
    commands.pick(work_line_id=work.lines.get().pk, quantity=1, actor=OLGA)
    before = footprint()

    outcome = commands.pack(work_ids=[work.pk], actor=OLGA)

    assert outcome.refused == {
        work.pk: f"{work.code}: 1 of 2 mug are picked; pick the rest or report them as not found."
    }
    assert footprint() == before


def test_pack_closes_the_box_once():
    order = routed_order(quantity=2)
    work = packed(order)
    before = footprint()

    commands.pack(work_ids=[work.pk], actor=OLGA).or_refuse()

    assert work.state == "packed" and work.packed_at
    assert footprint() == before
    assert sentences(order, "work.packed") == [f"East packed {work.code}, 2 units"]
    assert_sound()


def test_a_short_pick_sends_the_missing_units_elsewhere():
    mug = make_item("mug")
    order = routed_order(quantity=3, on_hand=10)
    stock(mug, make_location("west"), 5)
    work = picking(order)
    task = work.lines.get()
    assert work.location.name == "East"

    commands.short_pick(work_line_id=task.pk, found=1, actor=OLGA, request_key="short-1")
    commands.short_pick(work_line_id=task.pk, found=1, actor=OLGA, request_key="short-1")

    assert buckets(order) == {"open": 2, "released": 1}
    assert shelf("mug", "east") == {"on_hand": 1, "reserved": 1}
    assert Timer.objects.filter(kind="route", subject_id=order.pk).exists()
    assert sentences(order, "work.short") == ["East found 1 of 3 mug; 2 will be routed again"]
    assert_sound()

    route_due(limit=10)
    assert buckets(order) == {"reserved": 2, "released": 1}
    assert shelf("mug", "west") == {"on_hand": 5, "reserved": 2}

    commands.pack(work_ids=[work.pk], actor=OLGA).or_refuse()
    assert_sound()


def test_a_short_pick_takes_nothing_from_other_orders():
    first, second = routed_order(quantity=2, on_hand=6), routed_order(quantity=3)
    task = picking(first).lines.get()

    commands.short_pick(work_line_id=task.pk, found=0, actor=OLGA)

    # Six stood there; two are gone, three are promised to the other order, nothing is free.
    assert shelf() == {"on_hand": 3, "reserved": 3}
    assert buckets(second) == {"reserved": 3}


def test_a_short_pick_of_everything_ends_the_work_and_the_order_waits():
    order = routed_order(quantity=2, on_hand=2)
    work = picking(order)

    commands.short_pick(work_line_id=work.lines.get().pk, found=0, actor=OLGA)

    work.refresh_from_db()
    assert work.state == "cancelled" and work.cancelled_at
    assert shelf() == {}
    assert sentences(order, "work.nothing_left") == [
        f"{work.code} ended: nothing of it was left to ship"
    ]
    route_due(limit=10)
    assert buckets(order) == {"backordered": 2}
    assert_sound()


def test_the_other_lines_of_a_short_work_go_on():
    make_item("mug"), make_item("shirt")
    east = make_location("east")
    stock(make_item("mug"), east, 5)
    stock(make_item("shirt"), east, 5)
    order = routed(make_order(line("mug", 1), line("shirt", 2)))
    work = picking(order)
    mug_task = work.lines.get(line__sku="mug")

    commands.short_pick(work_line_id=mug_task.pk, found=0, actor=OLGA)
    commands.pick_all(work_ids=[work.pk], actor=OLGA).or_refuse()
    commands.pack(work_ids=[work.pk], actor=OLGA).or_refuse()

    work.refresh_from_db()
    assert work.state == "packed"
    assert [t.quantity for t in work.lines.order_by("id")] == [0, 2]
    assert_sound()


@pytest.mark.parametrize("found", [-1, 3, 4])
def test_a_short_pick_finds_fewer_than_asked(found):
    order = routed_order(quantity=3)
    task = picking(order).lines.get()
    before = footprint()

    with pytest.raises(Refused, match="finds fewer than that"):
        commands.short_pick(work_line_id=task.pk, found=found, actor=OLGA)

    assert footprint() == before
    assert buckets(order) == {"released": 3}
