"""The question of a shop or of support: where near this postal code is this item?"""

from dataclasses import dataclass

from inventory import availability
from inventory.models import Location
from oms.catalog.models import Item
from oms.core.errors import Refused
from oms.orders import postal
from oms.orders.postal.distance import km_between

PICKUP, DELIVERY = "pickup", "delivery"
MOST_NAMED = 3


@dataclass(slots=True, frozen=True)
class Near:
    """A location that has the item: how far, how many. `km` is empty where nobody knows."""

    location: Location
    level_id: int | None
    km: float | None
    available: int
    enough: bool


@dataclass(slots=True, frozen=True)
class Answer:
    """The places, the nearest first; `point` is empty when the postal code is not known.

    `waiting` units of orders not routed yet may still be taken from any of them.
    """

    item: Item
    point: tuple[float, float] | None
    places: list[Near]
    waiting: int


def near(
    *,
    store_id: int,
    code: str,
    country: str,
    postal_code: str,
    purpose: str = PICKUP,
    quantity: int = 1,
    channel: str = "",
    limit: int = 20,
) -> Answer:
    """Where units of an item (SKU or barcode) can be collected, or from where they are delivered.

    Places without a unit to sell are left out; those with fewer than `quantity` say so.
    """
    item = _find(store_id, code)
    country = country.strip().upper()
    point = postal.lookup(country, postal_code)
    terms = availability.of_items(store_id=store_id, item_ids=[item.pk], channel=channel)[item.pk]
    units = {level.location_id: level for level in terms.levels if level.available > 0}

    places = []
    for location in Location.objects.filter(pk__in=units, active=True):
        if location.pickup if purpose == PICKUP else country in location.ships_to:
            level = units[location.pk]
            places.append(
                Near(
                    location,
                    level.level_id,
                    _km(location, point),
                    level.available,
                    level.available >= quantity,
                )
            )
    places.sort(
        key=lambda place: (place.km is None, place.km or 0, -place.available, place.location.pk)
    )
    return Answer(item, point, places[:limit], terms.waiting)


def point_of(location: Location) -> tuple[float, float] | None:
    """Where a location is: its coordinates, else those of its postal code."""
    if location.latitude is not None and location.longitude is not None:
        return location.latitude, location.longitude
    return postal.lookup(location.country, location.postal_code)


def _km(location: Location, point: tuple[float, float] | None) -> float | None:
    there = point_of(location)
    return km_between(*point, *there) if point and there else None


def _find(store_id: int, code: str) -> Item:
    code = code.strip()
    items = Item.objects.filter(store_id=store_id)
    if not code:
        raise Refused("Type a SKU or scan a barcode.")
    if exact := items.filter(sku=code).first():
        return exact
    found = list(items.filter(barcode=code).order_by("sku")[: MOST_NAMED + 1])
    if not found:
        raise Refused(f"No item has the SKU or barcode {code}.")
    if len(found) > 1:
        named = ", ".join(item.sku for item in found[:MOST_NAMED])
        raise Refused(f"Several items carry the barcode {code}: {named}; ask by SKU.")
    return found[0]
