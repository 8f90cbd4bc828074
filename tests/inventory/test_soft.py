"""Units kept for carts, drafts and quotes: from the best place, all or none, until a moment."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from inventory import availability, reservations
from inventory.commands import fences, soft
from inventory.models import Reservation, StockEntry, StockLevel
from oms.catalog.models import BundlePart, Item
from oms.core import invariants
from oms.core.clock import now
from oms.core.errors import Refused
from oms.wiring import INVARIANTS
from tests.cast import OLGA, line, make_item, make_location, make_order, make_store, stock

pytestmark = pytest.mark.django_db

CART = "cart:abc"


@pytest.fixture
def mug() -> Item:
    """Four mugs in New York, nine in Los Angeles."""
    mug = make_item("mug")
    stock(mug, make_location("east"), 4)
    stock(mug, make_location("west"), 9)
    return mug


def keep(*wants: tuple[Item, int], holder: str = CART, minutes: int = 15, **more: Any) -> list[int]:
    return soft.keep(
        store_id=make_store().pk,
        holder=holder,
        wants=[(item.pk, quantity) for item, quantity in wants],
        minutes=minutes,
        actor=OLGA,
        **more,
    )


def kept(holder: str = CART) -> list[tuple[str, str, int]]:
    rows = Reservation.objects.filter(holder=holder, state="pending").order_by("pk")
    return [(r.level.item.sku, r.level.location.code, r.quantity) for r in rows]


def levels() -> dict[str, int]:
    rows = StockLevel.objects.select_related("location", "item").order_by("pk")
    return {f"{v.item.sku} {v.location.code}": v.soft for v in rows}


def assert_nothing_impossible() -> None:
    assert not [f for f in invariants.check(INVARIANTS) if f.count]


def test_the_fullest_place_keeps_the_units_of_a_cart(mug: Item) -> None:
    keep((mug, 2))

    assert kept() == [("mug", "WST", 2)]
    held = Reservation.objects.get()
    assert (held.kind, held.line_id) == ("soft", None)
    assert held.expires_at is not None
    assert timedelta(minutes=14) < held.expires_at - now() < timedelta(minutes=16)
    assert_nothing_impossible()


def test_with_a_postal_code_the_nearest_place_that_has_all_of_it_does(mug: Item) -> None:
    keep((mug, 2), country="US", postal_code="10001")
    assert kept() == [("mug", "EST", 2)]

    keep((mug, 5), country="US", postal_code="10001")
    assert kept() == [("mug", "WST", 5)]


def test_units_may_come_from_several_places_the_nearest_first(mug: Item) -> None:
    keep((mug, 11), country="US", postal_code="10001")

    assert kept() == [("mug", "EST", 4), ("mug", "WST", 7)]


def test_a_place_that_does_not_ship_there_keeps_nothing(mug: Item) -> None:
    make_location("soho_store", ships_to=["CA"])
    stock(mug, make_location("soho_store"), 1)

    keep((mug, 1), country="CA", postal_code="M5V")

    assert kept() == [("mug", "SOH", 1)]
    with pytest.raises(Refused, match="Only 0 units of 1 mug"):
        keep((mug, 1), holder="cart:other", country="CA")


def test_all_or_nothing_is_kept(mug: Item) -> None:
    shirt = make_item("shirt")
    stock(shirt, make_location("east"), 1)
    before = StockEntry.objects.count()

    with pytest.raises(Refused, match="Only 1 unit of 2 shirt may be sold now"):
        keep((mug, 2), (shirt, 2))

    assert kept() == []
    assert set(levels().values()) == {0}
    assert StockEntry.objects.count() == before


def test_orders_that_wait_were_first(mug: Item) -> None:
    make_order(line("mug", 10))

    with pytest.raises(Refused, match="Only 3 units of 4 mug may be sold now; orders wait for 10"):
        keep((mug, 4))

    keep((mug, 3))


def test_keeping_again_replaces_what_was_kept(mug: Item) -> None:
    keep((mug, 9))
    keep((mug, 12))

    assert sum(units for *_, units in kept()) == 12
    assert levels() == {"mug EST": 3, "mug WST": 9}
    assert_nothing_impossible()


def test_keeping_the_same_again_only_moves_the_end(mug: Item) -> None:
    first = keep((mug, 2), minutes=5)
    before = StockEntry.objects.count()

    again = keep((mug, 1), (mug, 1), minutes=60)

    assert again == first
    assert StockEntry.objects.count() == before
    ends = Reservation.objects.get().expires_at
    assert ends is not None
    assert ends - now() > timedelta(minutes=50)


def test_what_was_kept_stays_when_more_is_refused(mug: Item) -> None:
    keep((mug, 9))

    with pytest.raises(Refused, match="Only 13 units of 14"):
        keep((mug, 14))

    assert kept() == [("mug", "WST", 9)]


def test_a_longer_time_is_asked_for_and_the_end_never_comes_nearer(mug: Item) -> None:
    [id_] = keep((mug, 2), minutes=30)
    store_id = make_store().pk

    assert soft.extend(store_id=store_id, holder=CART, minutes=60, actor=OLGA) == [id_]
    ends = Reservation.objects.get().expires_at
    soft.extend(store_id=store_id, holder=CART, minutes=1, actor=OLGA)
    assert Reservation.objects.get().expires_at == ends

    with pytest.raises(Refused, match="Nothing is kept for cart:other"):
        soft.extend(store_id=store_id, holder="cart:other", minutes=60, actor=OLGA)


def test_what_is_given_back_is_free_again(mug: Item) -> None:
    keep((mug, 11))

    assert soft.give_back(store_id=make_store().pk, holder=CART, actor=OLGA) == 2
    assert soft.give_back(store_id=make_store().pk, holder=CART, actor=OLGA) == 0

    assert set(levels().values()) == {0}
    assert set(Reservation.objects.values_list("state", flat=True)) == {"released"}


def test_what_runs_out_is_free_again(mug: Item) -> None:
    keep((mug, 2))
    keep((mug, 1), holder="quote:7", minutes=60)
    Reservation.objects.filter(holder=CART).update(expires_at=now() - timedelta(seconds=1))

    reservations.expire()

    assert levels() == {"mug EST": 0, "mug WST": 1}
    assert kept() == []
    assert_nothing_impossible()


def test_a_bundle_keeps_its_parts_and_lines_that_share_a_part_share_its_units(mug: Item) -> None:
    shirt, kit = make_item("shirt"), make_item("kit")
    BundlePart.objects.create(bundle=kit, part=mug, quantity=2)
    BundlePart.objects.create(bundle=kit, part=shirt, quantity=1)
    for place in ("east", "west"):
        stock(shirt, make_location(place), 3)

    keep((kit, 3), (mug, 6))

    assert kept() == [("kit", "WST", 3), ("mug", "EST", 4), ("mug", "WST", 2)]
    assert sum(units for name, units in levels().items() if name.startswith("mug")) == 12
    assert_nothing_impossible()
    with pytest.raises(Refused, match="Only 0 units of 1 kit"):
        keep((kit, 1), holder="cart:late")


def test_a_channel_keeps_from_its_own_fence_first(mug: Item) -> None:
    east = StockLevel.objects.get(location=make_location("east"))
    fence = fences.set_fence(level_id=east.pk, channel="b2b", units=4, actor=OLGA)

    keep((mug, 3), country="US", postal_code="10001", channel="b2b")

    assert kept() == [("mug", "EST", 3)]
    fence.refresh_from_db()
    assert fence.units == 1
    keep((mug, 1), country="US", postal_code="10001", channel="b2b")
    fence.refresh_from_db()
    assert fence.units == 3
    assert_nothing_impossible()


def test_what_is_kept_cannot_be_sold_to_others(mug: Item) -> None:
    keep((mug, 12))

    terms = availability.of_items(store_id=make_store().pk, item_ids=[mug.pk])[mug.pk]

    assert terms.available == 1


def test_the_order_of_the_cart_does_not_count_twice(mug: Item) -> None:
    keep((mug, 3))
    make_order(line("mug", 5), cart=CART)

    terms = availability.of_items(store_id=make_store().pk, item_ids=[mug.pk])[mug.pk]

    assert (terms.waiting, terms.available) == (2, 13 - 3 - 2)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"holder": "abc"}, "cart:…, draft:… or quote:…"),
        ({"holder": "order:1"}, "cart:…"),
        ({"holder": "cart:a b"}, "cart:…"),
        ({"minutes": 0}, "1 to 43,200 minutes"),
        ({"minutes": 50_000}, "1 to 43,200 minutes"),
    ],
)
def test_what_makes_no_sense_is_refused(mug: Item, asked: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=words):
        keep((mug, 1), **asked)
    with pytest.raises(Refused, match="Say what to keep"):
        keep()
    with pytest.raises(Refused, match="at least one unit"):
        keep((mug, 0))

    assert Reservation.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_many_carts_want_the_last_units_and_nobody_gets_more_than_there_are() -> None:
    mug = make_item("mug")
    stock(mug, make_location("east"), 3)
    stock(mug, make_location("west"), 4)
    outcomes: list[str] = []
    start = threading.Barrier(8)

    def work(number: int) -> None:
        start.wait()
        try:
            # Pairs share a cart: the second of them finds it kept already.
            keep((mug, 2), holder=f"cart:{number // 2}")
            outcomes.append("kept")
        except Refused:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (outcomes.count("kept"), outcomes.count("refused")) == (6, 2)
    assert sum(levels().values()) == 6
    assert Reservation.objects.values("holder").distinct().count() == 3
    assert_nothing_impossible()
