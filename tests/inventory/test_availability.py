"""How many may be sold: every term counts, per location and per channel, and the terms add up."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inventory import availability, ledger, reservations
from inventory.availability import ItemTerms, LevelTerms
from inventory.ledger import Change
from inventory.models import ChannelThreshold, RingFence, StockLevel
from inventory.reservations import Promise
from oms.catalog.models import BundlePart, Item
from oms.core import timers
from oms.orders import holds
from oms.orders.models import OrderLine
from tests.cast import OLGA, SHOPIFY, line, make_item, make_location, make_order, make_store, stock

pytestmark = pytest.mark.django_db


@pytest.fixture
def mug() -> Item:
    return make_item("mug")


def terms(item: Item, channel: str = "") -> ItemTerms:
    found = availability.of_items(store_id=item.store_id, item_ids=[item.pk], channel=channel)
    return found[item.pk]


def at(item: Item, place: str, channel: str = "") -> LevelTerms:
    location = make_location(place)
    (found,) = [t for t in terms(item, channel).levels if t.location_id == location.pk]
    return found


def change(level: StockLevel, **deltas: int) -> None:
    ledger.post([Change(level.pk, k, v, "adjust", "test") for k, v in deltas.items()], actor=OLGA)


def fence(level: StockLevel, channel: str, units: int, *, overflow: bool = True) -> None:
    RingFence.objects.create(
        store_id=level.store_id,
        level=level,
        channel=channel,
        units=units,
        overflow=overflow,
        created_by="test",
    )
    change(level, fenced=units)


def threshold(channel: str, units: int, **scope: Any) -> None:
    ChannelThreshold.objects.create(store=make_store(), channel=channel, units=units, **scope)


def test_every_term_is_taken_off_what_is_on_hand(mug: Item) -> None:
    level = stock(mug, make_location("east"), 30, safety=2)
    order_line = make_order(line("mug", 4)).lines.get()
    reservations.reserve([Promise(order_line.pk, level.pk, 4, "test")], actor=OLGA)
    change(level, soft=3, buffer=1, damaged=6)
    fence(level, "b2b", 5)
    threshold("web", 7)

    found = at(mug, "east", "web")

    assert found.terms == [
        ("on_hand", 30),
        ("firm", -4),
        ("soft", -3),
        ("safety", -2),
        ("buffer", -1),
        ("fenced_for_others", -5),
        ("beyond_fence", 0),
        ("threshold", -7),
        ("counting", 0),
    ]
    assert found.available == sum(units for _, units in found.terms) == 8


def test_without_a_channel_the_number_is_the_one_of_the_level(mug: Item) -> None:
    level = stock(mug, make_location("east"), 30, safety=2)
    change(level, soft=3, buffer=1)
    fence(level, "b2b", 5)
    threshold("web", 7)
    level.refresh_from_db()

    assert at(mug, "east").available == level.available == 19


@pytest.mark.parametrize("on_hand", [5, -1])
def test_a_level_under_count_offers_nothing_but_owes_what_it_owes(mug: Item, on_hand: int) -> None:
    level = stock(mug, make_location("east"), on_hand)
    ledger.freeze([level.pk], frozen=True)
    level.refresh_from_db()

    found = at(mug, "east")

    assert found.available == level.available == min(on_hand, 0)
    assert found.counting == max(on_hand, 0)
    assert sum(units for _, units in found.terms) == found.available


def test_a_fence_counts_for_its_own_channel_and_for_nobody_else(mug: Item) -> None:
    fence(stock(mug, make_location("east"), 10), "b2b", 4)

    assert at(mug, "east", "b2b").available == 10
    assert at(mug, "east", "web").available == 6


def test_a_fence_without_overflow_keeps_its_channel_inside(mug: Item) -> None:
    level = stock(mug, make_location("east"), 10)
    fence(level, "b2b", 4, overflow=False)

    found = at(mug, "east", "b2b")

    assert (found.available, found.beyond_fence) == (4, 6)
    change(level, on_hand=-7)
    assert at(mug, "east", "b2b").available == 3
    assert at(mug, "east", "web").available == -1


def test_the_most_exact_threshold_wins(mug: Item) -> None:
    east, west = make_location("east"), make_location("west")
    shirt = make_item("shirt")
    for item in (mug, shirt):
        for place in (east, west):
            stock(item, place, 20)
    threshold("web", 1)
    threshold("web", 2, location=west)
    threshold("web", 3, item=mug)
    threshold("web", 4, item=mug, location=west)
    threshold("amazon", 9, item=mug, location=west)

    assert at(shirt, "east", "web").threshold == 1
    assert at(shirt, "west", "web").threshold == 2
    assert at(mug, "east", "web").threshold == 3
    assert at(mug, "west", "web").threshold == 4
    assert at(mug, "west", "pos").threshold == 0


def test_an_item_is_the_sum_of_its_active_locations(mug: Item) -> None:
    stock(mug, make_location("east"), 6)
    stock(mug, make_location("west"), 3)
    stock(mug, make_location("soho_store", active=False), 50)

    found = terms(mug)

    assert found.available == 9
    assert len(found.levels) == 3


def test_what_is_kept_back_beyond_the_shelf_takes_nothing_from_other_places(mug: Item) -> None:
    stock(mug, make_location("east"), 6)
    stock(mug, make_location("west"), 1, safety=5)

    found = terms(mug)

    assert at(mug, "west").available == -4
    assert (found.available, found.uncovered) == (6, 4)
    assert sum(units for _, units in found.terms) == 6


def test_units_promised_that_are_not_there_are_taken_off_elsewhere(mug: Item) -> None:
    stock(mug, make_location("east"), 6)
    west = stock(mug, make_location("west"), 5, safety=1)
    order_line = make_order(line("mug", 4)).lines.get()
    reservations.reserve([Promise(order_line.pk, west.pk, 4, "test")], actor=OLGA)
    timers.stop("route", [order_line.order_id])
    change(west, on_hand=-3)

    found = terms(mug)

    assert (found.missing, found.uncovered, found.available) == (2, 1, 4)
    assert sum(units for _, units in found.terms) == 4


def test_orders_that_wait_to_be_routed_are_taken_off(mug: Item) -> None:
    stock(mug, make_location("east"), 10)
    make_order(line("mug", 2))
    held = make_order(line("mug", 3))
    holds.place(order_id=held.pk, kind="manual", reason="look", actor=OLGA)
    backordered = make_order(line("mug", 1))
    OrderLine.objects.filter(order=backordered).update(open=0, backordered=1)
    done = make_order(line("mug", 4))
    timers.stop("route", [done.pk, held.pk])
    make_order(line("mug", 4, ships=False))

    found = terms(mug)

    assert (found.waiting, found.available) == (6, 4)


def test_more_waited_for_than_there_is_below_zero(mug: Item) -> None:
    stock(mug, make_location("east"), 1)
    make_order(line("mug", 5))

    assert terms(mug).available == -4


def test_who_waits_in_a_fenced_channel_first_uses_what_is_kept_for_it(mug: Item) -> None:
    fence(stock(mug, make_location("east"), 10), "b2b", 4)
    make_order(line("mug", 6), channel="b2b")
    make_order(line("mug", 1), channel="web")

    assert (terms(mug, "web").waiting, terms(mug, "web").available) == (3, 3)
    assert (terms(mug, "b2b").waiting, terms(mug, "b2b").available) == (7, 3)


def test_a_bundle_is_as_many_as_its_scarcest_part_at_each_location(mug: Item) -> None:
    shirt, kit = make_item("shirt"), make_item("kit")
    BundlePart.objects.create(bundle=kit, part=mug, quantity=2)
    BundlePart.objects.create(bundle=kit, part=shirt, quantity=1)
    east, west, soho = (make_location(p) for p in ("east", "west", "soho_store"))
    stock(mug, east, 7)
    stock(shirt, east, 9)
    stock(mug, west, 8)
    stock(shirt, west, 1)
    stock(shirt, soho, 5)
    threshold("web", 1, item=kit, location=east)

    assert [at(kit, p).available for p in ("east", "west", "soho_store")] == [3, 1, 0]
    assert at(kit, "east", "web").available == 2
    assert terms(kit).available == 4
    assert terms(kit).limited_by == mug.pk


def test_a_fenced_part_is_sold_by_the_unit_and_not_in_a_bundle(mug: Item) -> None:
    kit = make_item("kit")
    BundlePart.objects.create(bundle=kit, part=mug, quantity=1)
    fence(stock(mug, make_location("east"), 10), "b2b", 4)

    assert at(mug, "east", "b2b").available == 10
    assert at(kit, "east", "b2b").available == 6


def test_lines_that_share_a_part_are_checked_on_their_sum(mug: Item) -> None:
    shirt, kit = make_item("shirt"), make_item("kit")
    BundlePart.objects.create(bundle=kit, part=mug, quantity=2)
    BundlePart.objects.create(bundle=kit, part=shirt, quantity=1)
    east = make_location("east")
    stock(mug, east, 10)
    stock(shirt, east, 10)
    make_order(line("kit", 1), line("mug", 3))

    assert terms(mug).waiting == 5
    assert terms(shirt).available == 9
    # Five mugs are left for two kits; one kit is waited for as it is.
    assert terms(kit).available == 2
    assert sum(units for _, units in terms(kit).terms) == 2


def test_single_levels_can_be_asked_for_too(mug: Item) -> None:
    level = stock(mug, make_location("east"), 5)
    stock(mug, make_location("west"), 7)
    threshold("web", 2)

    found = availability.of_levels(store_id=level.store_id, level_ids=[level.pk], channel="web")

    assert {id_: t.available for id_, t in found.items()} == {level.pk: 3}


def test_another_store_is_never_read() -> None:
    other = make_store("other")
    theirs = make_item("mug", store=other)
    stock(theirs, make_location("east", store=other), 5)

    found = availability.of_items(store_id=make_store().pk, item_ids=[theirs.pk])

    assert found[theirs.pk].levels == ()
    assert found[theirs.pk].available == 0


def test_many_items_cost_as_many_queries_as_one(mug: Item) -> None:
    east = make_location("east")
    items = [mug, make_item("shirt"), make_item("cap")]
    for item in items:
        stock(item, east, 5)

    with CaptureQueriesContext(
        connection,
    ) as queries:
        availability.of_items(
            store_id=mug.store_id, item_ids=[item.pk for item in items], channel="web"
        )

    assert len(queries) == 5


def test_the_sync_of_a_shop_changes_what_may_be_sold(mug: Item) -> None:
    level = stock(mug, make_location("east"), 5)
    ledger.post([Change(level.pk, "on_hand", -2, "sale", "pos:1")], actor=SHOPIFY)

    assert terms(mug).available == 3
