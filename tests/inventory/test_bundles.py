"""Bundles: promised whole from one place, kept and counted as their parts."""

import pytest
from django.db import IntegrityError, transaction

from inventory import bundles, ledger, reservations
from inventory.invariants import INVARIANTS
from inventory.models import Reservation, StockEntry, StockLevel
from inventory.reservations import Promise
from oms.catalog.models import BundlePart, Item
from oms.core import invariants
from oms.core.errors import Refused
from oms.core.models import OutboxIntent
from tests.cast import OLGA, make_item, make_location, make_store, stock

pytestmark = pytest.mark.django_db


@pytest.fixture
def gift() -> Item:
    """A gift is two mugs and a shirt; ten mugs and four shirts stand in the east."""
    mug, shirt, gift = make_item("mug"), make_item("shirt"), make_item("gift")
    BundlePart.objects.create(bundle=gift, part=mug, quantity=2)
    BundlePart.objects.create(bundle=gift, part=shirt, quantity=1)
    stock(mug, make_location("east"), 10)
    stock(shirt, make_location("east"), 4)
    make_location("west")
    return gift


def level(sku: str, place: str = "east") -> StockLevel:
    pair = (make_store().pk, make_item(sku).pk, make_location(place).pk)
    return StockLevel.objects.get(pk=ledger.open_levels([pair])[pair[1:]])


def gifts(quantity: int, place: str = "east") -> Promise:
    parts = ((level("mug", place).pk, 2), (level("shirt", place).pk, 1))
    return Promise(
        None, level("gift", place).pk, quantity, "test", holder="transfer:1", parts=parts
    )


def counters(sku: str, place: str = "east") -> tuple[int, int, int]:
    held = level(sku, place)
    return held.on_hand, held.reserved, held.available


def broken() -> list[str]:
    return [f.name for f in invariants.check(INVARIANTS) if f.count]


def test_there_are_as_many_as_the_scarcest_part_allows(gift: Item) -> None:
    east = make_location("east").pk

    assert bundles.recipes([gift.pk, make_item("mug").pk]) == {
        gift.pk: [(make_item("mug").pk, 2), (make_item("shirt").pk, 1)]
    }
    assert bundles.free_bundles([gift.pk]) == {(gift.pk, east): 4}
    stock(make_item("mug"), make_location("east"), 5)
    assert bundles.free_bundles([gift.pk]) == {(gift.pk, east): 2}
    stock(make_item("shirt"), make_location("east"), 0)
    assert bundles.free_bundles([gift.pk]) == {}


def test_a_bundle_is_kept_on_its_parts(gift: Item) -> None:
    (id_,) = reservations.reserve([gifts(3)], actor=OLGA)

    assert (counters("mug"), counters("shirt")) == ((10, 6, 4), (4, 3, 1))
    assert counters("gift") == (0, 0, 0)
    held = Reservation.objects.get(pk=id_)
    assert held.parts == [[level("mug").pk, 2], [level("shirt").pk, 1]]
    assert not level("gift").entries.exists()
    assert broken() == []


def test_bundles_and_single_units_are_added_up_before_any_is_given(gift: Item) -> None:
    before = StockEntry.objects.count()
    shared = [gifts(3), Promise(None, level("mug").pk, 5, "test", holder="transfer:2")]

    with pytest.raises(Refused, match="Only 10 of 11 units are free there now"):
        reservations.reserve(shared, actor=OLGA)

    assert (counters("mug"), counters("shirt")) == ((10, 0, 10), (4, 0, 4))
    assert not Reservation.objects.exists()
    assert StockEntry.objects.count() == before


def test_a_bundle_whose_second_part_is_short_keeps_nothing_of_the_first(gift: Item) -> None:
    with pytest.raises(Refused, match="Only 4 of 5"):
        reservations.reserve([gifts(5)], actor=OLGA)

    assert (counters("mug"), counters("shirt")) == ((10, 0, 10), (4, 0, 4))


def test_a_bundle_that_ships_takes_its_parts_from_the_shelf(gift: Item) -> None:
    (id_,) = reservations.reserve([gifts(3)], actor=OLGA)

    reservations.consume([(id_, 2, "shipment:1")], actor=OLGA)

    assert (counters("mug"), counters("shirt")) == ((6, 2, 4), (2, 1, 1))
    assert level("mug").entries.filter(bucket="on_hand").last().cause == "kit"
    assert sorted(Reservation.objects.values_list("quantity", "state")) == [
        (1, "pending"),
        (2, "consumed"),
    ]
    assert {len(r.parts or []) for r in Reservation.objects.all()} == {2}


def test_the_shop_is_told_of_the_parts_it_cannot_know(gift: Item) -> None:
    parts = {f"level:{level('mug').pk}", f"level:{level('shirt').pk}"}

    def told() -> set[str]:
        keys = set(OutboxIntent.objects.values_list("key", flat=True))
        OutboxIntent.objects.all().delete()
        return keys & parts

    told()
    (id_,) = reservations.reserve([gifts(3)], actor=OLGA)
    assert told() == parts
    reservations.release([(id_, 1)], actor=OLGA, document="test")
    assert told() == parts
    reservations.consume([(id_, 2, "shipment:1")], actor=OLGA)
    assert told() == parts


@pytest.mark.parametrize("verb", ["release", "lose"])
def test_a_bundle_given_back_or_lost_frees_its_parts(gift: Item, verb: str) -> None:
    (id_,) = reservations.reserve([gifts(3)], actor=OLGA)

    if verb == "release":
        reservations.release([(id_, 1)], actor=OLGA, document="test")
    else:
        reservations.lose([(id_, 1, "broken")], actor=OLGA, document="test")

    assert (counters("mug"), counters("shirt")) == ((10, 4, 6), (4, 2, 2))


def test_what_is_promised_stays_what_it_was_when_the_recipe_changes(gift: Item) -> None:
    (id_,) = reservations.reserve([gifts(2)], actor=OLGA)
    BundlePart.objects.all().delete()

    reservations.release([(id_, 2)], actor=OLGA, document="test")

    assert (counters("mug"), counters("shirt")) == ((10, 0, 10), (4, 0, 4))
    assert broken() == []


def test_a_bundle_moves_to_the_shelves_of_its_parts_elsewhere(gift: Item) -> None:
    stock(make_item("mug"), make_location("west"), 4)
    stock(make_item("shirt"), make_location("west"), 1)
    (id_,) = reservations.reserve([gifts(3)], actor=OLGA)
    to = level("gift", "west").pk

    with pytest.raises(Refused, match="Only 1 of 2"):
        reservations.move(
            reservation_id=id_, to_level_id=to, quantity=2, actor=OLGA, reason="nearer"
        )
    assert (counters("mug"), counters("mug", "west")) == ((10, 6, 4), (4, 0, 4))
    assert Reservation.objects.count() == 1

    moved = reservations.move(
        reservation_id=id_, to_level_id=to, quantity=1, actor=OLGA, reason="nearer"
    )

    assert (counters("mug"), counters("mug", "west")) == ((10, 4, 6), (4, 2, 2))
    assert (counters("shirt"), counters("shirt", "west")) == ((4, 2, 2), (1, 1, 0))
    assert Reservation.objects.get(pk=moved).level_id == to
    assert broken() == []


def test_a_bundle_whose_part_has_no_shelf_is_an_error_and_leaves_nothing(gift: Item) -> None:
    wrong = Promise(None, level("gift").pk, 1, "test", holder="a", parts=((999_999, 1),))

    with pytest.raises(IntegrityError, match="names no level"), transaction.atomic():
        reservations.reserve([wrong], actor=OLGA)

    assert not Reservation.objects.exists()
