"""A bundle on the floor: its parts are picked, reported missing, shipped and taken back."""

import pytest

from inventory.commands import take_back
from inventory.models import StockLevel
from inventory.waiting import wake_arrived, wake_soon
from oms.catalog.models import BundlePart
from oms.core import timers
from oms.core.errors import Refused
from oms.core.models import Timer
from oms.fulfillment import commands
from oms.fulfillment.queries import pick_list
from oms.orders.models import Order
from routing.commands import route_due
from tests.cast import OLGA, line, make_item, make_location, make_order, make_store, stock
from tests.fulfillment.floor import assert_sound, buckets, picking, routed, shipped

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def gift():
    """A gift is two mugs and a shirt; ten mugs and five shirts stand in the east."""
    gift = make_item("gift")
    mug, shirt = make_item("mug", barcode="111"), make_item("shirt", barcode="222")
    BundlePart.objects.create(bundle=gift, part=mug, quantity=2)
    BundlePart.objects.create(bundle=gift, part=shirt, quantity=1)
    stock(mug, make_location("east"), 10)
    stock(shirt, make_location("east"), 5)
    return gift


def gifts(quantity: int) -> Order:
    return routed(make_order(line("gift", quantity)))


def shelf(sku: str) -> tuple[int, int]:
    level = StockLevel.objects.get(item__sku=sku, location__code="EST")
    return level.on_hand, level.reserved


def test_the_picker_sees_the_parts_and_what_they_are_for():
    order = routed(make_order(line("gift", 2), line("mug", 1)))
    work = picking(order)
    gift_line, mug_line = work.lines.order_by("pk")
    commands.pick(work_line_id=gift_line.pk, quantity=1, actor=OLGA)

    picks = pick_list(work.pk)
    assert [(p.work_line_id, p.sku, p.barcode, p.units, p.left, p.bundle) for p in picks] == [
        (gift_line.pk, "mug", "111", 4, 2, "gift"),
        (gift_line.pk, "shirt", "222", 2, 1, "gift"),
        (mug_line.pk, "mug", "111", 1, 1, ""),
    ]  # fmt: skip


def test_the_picker_takes_what_was_promised_though_the_recipe_changed_since():
    work = picking(gifts(1))
    BundlePart.objects.filter(part__sku="shirt").delete()

    assert [(p.sku, p.units) for p in pick_list(work.pk)] == [("mug", 2), ("shirt", 1)]


def test_a_shipped_bundle_takes_its_parts_from_the_shelf():
    order = gifts(2)

    shipped(order)

    assert (shelf("mug"), shelf("shirt"), shelf("gift")) == ((6, 0), (3, 0), (0, 0))
    assert buckets(order) == {"shipped": 2}
    assert_sound()


def test_of_a_bundle_that_was_not_found_the_shelf_of_the_missing_part_is_doubted():
    order = gifts(3)
    work = picking(order)
    mug = make_item("mug")

    commands.short_pick(
        work_line_id=work.lines.get().pk, found=1, part_id=mug.pk, actor=OLGA, request_key="a"
    )

    # Two mugs of the gift that was found stay promised; nothing new comes from that shelf.
    assert (shelf("mug"), shelf("shirt")) == ((2, 2), (5, 1))
    assert buckets(order) == {"open": 2, "released": 1}
    assert_sound()


def test_unless_it_is_said_which_part_was_missing_all_their_shelves_are_doubted():
    order = gifts(3)
    work = picking(order)

    commands.short_pick(work_line_id=work.lines.get().pk, found=1, actor=OLGA)

    assert (shelf("mug"), shelf("shirt")) == ((2, 2), (1, 1))
    assert_sound()


def test_a_part_of_something_else_is_refused():
    order = gifts(2)
    work = picking(order)
    before = shelf("mug"), shelf("shirt")

    with pytest.raises(Refused, match="no part of gift"):
        commands.short_pick(
            work_line_id=work.lines.get().pk, found=1, part_id=make_item("hat").pk, actor=OLGA
        )

    assert (shelf("mug"), shelf("shirt")) == before
    assert buckets(order) == {"released": 2}


@pytest.mark.parametrize("bucket", ["on_hand", "damaged"])
def test_a_bundle_that_comes_back_is_its_parts_again(gift, bucket):
    take_back(
        store_id=make_store().pk,
        item_id=gift.pk,
        location_id=make_location("east").pk,
        quantity=2,
        bucket=bucket,
        document="inspection:1",
        actor=OLGA,
    )

    found = StockLevel.objects.filter(location__code="EST").values_list("item__sku", bucket)
    before = {"mug": 10, "shirt": 5} if bucket == "on_hand" else {"mug": 0, "shirt": 0}
    assert dict(found) == {"mug": before["mug"] + 4, "shirt": before["shirt"] + 2}
    assert_sound()


def test_an_order_that_waits_for_a_bundle_has_its_turn_when_a_part_arrives():
    order = gifts(9)
    assert buckets(order) == {"reserved": 5, "backordered": 4}
    timers.stop("route", [order.pk])

    wake_soon(make_store().pk, [make_item("mug").pk])
    wake_arrived()

    assert Timer.objects.get(kind="route").subject_id == order.pk
    stock(make_item("shirt"), make_location("east"), 9)
    stock(make_item("mug"), make_location("east"), 18)
    wake_arrived()
    route_due(limit=10)
    assert buckets(order) == {"reserved": 9}
    assert_sound()
