"""Sold units leave the shelf whatever was promised, and never twice."""

from datetime import timedelta

import pytest

from inventory.commands.sales import Sale, sell
from inventory.models import CountLine, CountSession, StockEntry, StockLevel
from oms.catalog.models import BundlePart, Item
from oms.core import clock
from oms.core.actor import SHOPIFY
from oms.core.models import OutboxIntent, Timer
from tests.cast import make_item, make_location, make_store, stock

pytestmark = pytest.mark.django_db
SOON = timedelta(seconds=1)


def sale(item: Item, units: int = 1, *, ago: timedelta = -SOON) -> int:
    """Sold at East a moment from now, or `ago`."""
    return sell(
        store_id=make_store().pk,
        sales=[Sale(item.pk, make_location("east").pk, units, clock.now() - ago, "order:1")],
        actor=SHOPIFY,
    )


def on_hand(item: Item) -> int:
    return StockLevel.objects.get(item=item, location=make_location("east")).on_hand


def test_a_sale_goes_below_zero_and_shopify_is_not_told_what_it_did_itself() -> None:
    mug = make_item("mug")
    stock(mug, make_location("east"), 1)
    told = OutboxIntent.objects.count()

    assert sale(mug, 3) == 3

    assert on_hand(mug) == -2
    entry = StockEntry.objects.latest("pk")
    assert (entry.delta, entry.cause, entry.document) == (-3, "sale", "order:1")
    assert OutboxIntent.objects.count() == told


def test_a_sale_where_nothing_ever_stood_opens_a_level_below_zero() -> None:
    mug = make_item("mug")

    assert sale(mug) == 1

    assert on_hand(mug) == -1


def test_a_bundle_leaves_as_its_parts_each_short_level_once() -> None:
    mug, shirt, gift = make_item("mug"), make_item("shirt"), make_item("gift")
    BundlePart.objects.create(bundle=gift, part=mug, quantity=2)
    BundlePart.objects.create(bundle=gift, part=shirt, quantity=1)
    stock(mug, make_location("east"), 10)
    stock(shirt, make_location("east"), 10)

    assert sale(gift, 2) == 6

    assert (on_hand(mug), on_hand(shirt)) == (6, 8)
    # The shop counts the bundle: its parts are told.
    (cause, actor), *_ = StockEntry.objects.order_by("-pk").values_list("cause", "actor")
    assert (cause, actor.split(":")[0]) == ("kit", "job")
    told = OutboxIntent.objects.filter(topic="inventory.publish").values_list("key", flat=True)
    assert len(told) == 2
    assert not StockLevel.objects.filter(item=gift).exists()
    assert not Timer.objects.filter(kind="shortage").exists()


def test_goods_that_nobody_counts_leave_no_entry() -> None:
    assert sale(make_item("service", tracked=False)) == 0
    assert StockEntry.objects.count() == 0


def test_a_number_told_after_the_sale_has_it_in_it_already() -> None:
    mug = make_item("mug")
    stock(mug, make_location("east"), 5)

    assert sale(mug, ago=timedelta(minutes=5)) == 0

    assert on_hand(mug) == 5


def test_a_count_made_after_the_sale_has_it_in_it_already() -> None:
    mug, east = make_item("mug"), make_location("east")
    level = stock(mug, east, 5)
    session = CountSession.objects.create(store=make_store(), location=east, created_by="olga")
    CountLine.objects.create(
        session=session,
        level=level,
        state="posted",
        counted=5,
        counted_at=clock.now() + timedelta(minutes=1),
    )

    assert sale(mug) == 0
    assert sale(mug, ago=-timedelta(minutes=2)) == 1
