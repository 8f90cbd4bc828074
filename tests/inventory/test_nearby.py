"""Where near a postal code an item is: the nearest first, only what may be sold."""

import pytest

from inventory import nearby
from inventory.models import ChannelThreshold
from inventory.nearby import Answer
from oms.catalog.models import BundlePart, Item
from oms.core.errors import Refused
from tests.cast import line, make_item, make_location, make_order, make_store, stock

pytestmark = pytest.mark.django_db


@pytest.fixture
def mug() -> Item:
    """Mugs in New York, in the Soho store and in Los Angeles; the two in New York allow pick-up."""
    mug = make_item("mug", barcode="4006381333931")
    stock(mug, make_location("east", pickup=True), 4)
    stock(mug, make_location("soho_store", pickup=True, ships_to=[]), 9)
    stock(mug, make_location("west"), 20)
    return mug


def ask(
    code: str = "mug", country: str = "US", postal_code: str = "10013", **more: object
) -> Answer:
    question = {"store_id": make_store().pk, "code": code, "country": country} | more
    return nearby.near(**question, postal_code=postal_code)  # type: ignore[arg-type]


def names(answer: Answer) -> list[str]:
    return [place.location.name for place in answer.places]


def test_pick_up_names_the_shops_the_nearest_first(mug: Item) -> None:
    answer = ask(postal_code="10012", purpose="pickup")

    assert names(answer) == ["Soho store", "East"]
    assert [place.available for place in answer.places] == [9, 4]
    assert answer.places[0].km is not None
    assert answer.places[0].km < answer.places[1].km < 5  # type: ignore[operator]


def test_delivery_names_the_places_that_ship_to_the_country(mug: Item) -> None:
    assert names(ask(postal_code="90210", purpose="delivery")) == ["West", "East"]
    assert names(ask(country="DE", postal_code="10115", purpose="delivery")) == []


def test_only_units_that_may_be_sold_are_named(mug: Item) -> None:
    east = make_location("east")
    ChannelThreshold.objects.create(store=make_store(), channel="web", location=east, units=4)

    assert names(ask(channel="web")) == ["Soho store"]
    assert names(ask()) == ["Soho store", "East"]


def test_a_place_with_fewer_than_asked_says_so(mug: Item) -> None:
    assert [place.enough for place in ask(postal_code="10012", quantity=5).places] == [True, False]


def test_orders_that_wait_are_told_beside(mug: Item) -> None:
    make_order(line("mug", 2))

    assert ask().waiting == 2


def test_a_barcode_finds_the_item(mug: Item) -> None:
    assert ask(code=" 4006381333931 ").item == mug


def test_a_barcode_of_several_items_is_refused(mug: Item) -> None:
    make_item("cup", barcode="4006381333931")

    with pytest.raises(Refused, match="Several items carry the barcode 4006381333931: cup, mug"):
        ask(code="4006381333931")


@pytest.mark.parametrize(("code", "words"), [("", "Type a SKU"), ("=1+1", "No item has the SKU")])
def test_a_code_nobody_carries_is_refused(mug: Item, code: str, words: str) -> None:
    with pytest.raises(Refused, match=words):
        ask(code=code)


def test_an_unknown_postal_code_lists_the_fullest_place_first(mug: Item) -> None:
    answer = ask(postal_code="nowhere")

    assert answer.point is None
    assert names(answer) == ["Soho store", "East"]
    assert {place.km for place in answer.places} == {None}


def test_a_place_without_coordinates_is_found_by_its_postal_code() -> None:
    mug = make_item("mug")
    stock(mug, make_location("west", pickup=True, latitude=None, longitude=None), 1)

    (place,) = ask(postal_code="90001").places
    assert place.km == 0.0


def test_closed_places_are_left_out() -> None:
    stock(make_item("mug"), make_location("east", pickup=True, active=False), 5)

    assert ask().places == []


def test_a_bundle_is_where_all_its_parts_are(mug: Item) -> None:
    shirt, kit = make_item("shirt"), make_item("kit")
    for part in (mug, shirt):
        BundlePart.objects.create(bundle=kit, part=part, quantity=1)
    stock(shirt, make_location("soho_store"), 2)

    (place,) = ask(code="kit").places
    assert (place.location.name, place.available) == ("Soho store", 2)
