"""Nearby: where is this item near this postal code, to collect it or to have it sent."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from inventory import nearby as places
from inventory.models import Location
from oms.console import sketch
from oms.console.access import needs
from oms.console.shell import current_store, page
from oms.console.stock_filters import channels
from oms.core.errors import Refused
from oms.core.models import Store
from oms.orders import postal

PURPOSES = {places.PICKUP: "collect it", places.DELIVERY: "have it sent"}
MOST_UNITS = 100_000


@dataclass(slots=True, frozen=True)
class Question:
    """What somebody asks, as typed; nonsense in a link becomes the usual question."""

    code: str
    country: str
    postal_code: str
    purpose: str
    units: int
    channel: str

    @classmethod
    def of(cls, request: HttpRequest, country: str) -> "Question":
        def word(name: str, most: int) -> str:
            return request.GET.get(name, "").replace("\x00", "").strip()[:most]

        units = word("units", 6)
        return cls(
            code=word("code", 120),
            country=word("country", 2).upper() or country,
            postal_code=word("postal_code", 16),
            purpose=word("purpose", 8) if word("purpose", 8) in PURPOSES else places.PICKUP,
            units=min(int(units), MOST_UNITS) if units.isdecimal() and int(units) else 1,
            channel=word("channel", 64),
        )


@require_safe
@needs("inventory.view_stocklevel")
def nearby(request: HttpRequest) -> HttpResponse:
    """The question, and under it the places, the nearest first."""
    store = current_store(request)
    context: dict[str, object] = {"purposes": PURPOSES, "countries": postal.COUNTRIES}
    if store:
        asked = Question.of(request, _home(store))
        context |= {"asked": asked, "channels": channels(store), **_answer(store, asked)}
    return page(request, "console/nearby.html", context)


def _answer(store: Store, asked: Question) -> dict[str, object]:
    if not asked.code:
        return {}
    try:
        found = places.near(
            store_id=store.pk,
            code=asked.code,
            country=asked.country,
            postal_code=asked.postal_code,
            purpose=asked.purpose,
            quantity=asked.units,
            channel=asked.channel,
        )
    except Refused as refusal:
        return {"refused": refusal.sentence}
    best = next((place for place in found.places if place.enough), None)
    return {"found": found, "best": best, "map": _map(found, asked)}


def _map(found: places.Answer, asked: Question) -> sketch.Sketch | None:
    """The nearest place that has enough is drawn as the one chosen."""
    if found.point is None:
        return None
    drawn, chosen = [], False
    for place in found.places:
        if point := places.point_of(place.location):
            role = "lost"
            if place.enough and not chosen:
                role, chosen = "ships", True
            note = f"{place.available:,}" if role == "ships" else ""
            drawn.append(sketch.Place(place.location.name, *point, role, note))
    return sketch.draw(drawn, sketch.Place(asked.postal_code.upper(), *found.point))


def _home(store: Store) -> str:
    """The country most questions are about: that of most locations."""
    codes = list(Location.objects.filter(store=store, active=True).values_list("country"))
    return max(codes, key=codes.count, default=("US",))[0]


PAGES = [("nearby/", nearby, "nearby")]
