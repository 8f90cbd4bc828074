"""Stock over the API: availability with every term, history, where an item is near, soft holds."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from inventory import nearby
from inventory.availability import ItemTerms, LevelTerms, of_items
from inventory.commands import soft
from inventory.models import Location, Reservation, StockEntry, StockLevel
from oms.catalog.models import Item
from oms.console import stock_ledger
from oms.console.api.doors import PartnerView
from oms.console.stock_filters import ItemFilter
from oms.core.errors import Refused

MOST_LINES = 500
HOLDER = re.compile(r"(cart|draft|quote):\S{1,180}")


class Pages(CursorPagination):
    """100 rows a page, `limit` up to 500; `next` is the address of the following page."""

    page_size = 100
    max_page_size = 500
    page_size_query_param = "limit"
    cursor_query_param = "cursor"

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"next": self.get_next_link(), "results": data})


class BySku(Pages):
    ordering = "sku"


class Availability(PartnerView):
    """GET /api/availability/?sku=&text=&location=&only=&channel="""

    scopes: ClassVar[dict[str, str]] = {"GET": "stock.read"}

    def get(self, request: Request) -> Response:
        channel = channel_of(request)
        # A word given many times counts as a list, as on the page.
        data = {word: ",".join(values) for word, values in request.query_params.lists()}
        asked = ItemFilter(data, queryset=Item.objects.filter(store=self.store_id))
        if not asked.is_valid():
            raise ValidationError(asked.errors)
        pages = BySku()
        items: list[Item] = pages.paginate_queryset(asked.qs, request, view=self) or []
        codes = _codes(self.store_id)
        _known_codes(asked.codes, codes.values())
        terms = of_items(
            store_id=self.store_id, item_ids=[item.pk for item in items], channel=channel
        )
        wanted = set(asked.codes)
        return pages.get_paginated_response(
            [item_facts(item, terms[item.pk], codes, wanted) for item in items]
        )


class LedgerQuestion(serializers.Serializer[Any]):
    """What the ledger of an item takes."""

    bucket = serializers.ChoiceField(StockEntry.Bucket.choices, required=False, default="")
    cause = serializers.ChoiceField(StockEntry.Cause.choices, required=False, default="")
    location = serializers.CharField(max_length=12, required=False, default="")
    cursor = serializers.IntegerField(min_value=1, required=False, default=None)
    limit = serializers.IntegerField(min_value=1, max_value=Pages.max_page_size, default=100)


class Ledger(PartnerView):
    """GET /api/stock/<sku>/ledger/?location=&bucket=&cause=, the newest entry first."""

    scopes: ClassVar[dict[str, str]] = {"GET": "stock.read"}

    def get(self, request: Request, sku: str) -> Response:
        asked = LedgerQuestion(data=request.query_params)
        asked.is_valid(raise_exception=True)
        values = asked.validated_data
        item = item_of(self.store_id, sku)
        codes = _codes(self.store_id)
        levels = dict(StockLevel.objects.filter(item=item).values_list("pk", "location_id"))
        if code := values["location"]:
            _known_codes([code], codes.values())
            levels = {level: place for level, place in levels.items() if codes[place] == code}
        filters = stock_ledger.Filters(values["bucket"], values["cause"], None, values["cursor"])
        rows = stock_ledger.entries_of(list(levels), filters, values["limit"] + 1)
        following = None
        if len(rows) > values["limit"]:
            rows = rows[: values["limit"]]
            address = request.build_absolute_uri()
            following = replace_query_param(address, "cursor", rows[-1].id)
        told = ("id", "at", "bucket", "delta", "before", "after", "cause", "actor", "document")
        results = [
            {"location": codes[levels[row.level_id]], **{name: getattr(row, name) for name in told}}
            for row in rows
        ]
        return Response({"next": following, "results": results})


class NearbyQuestion(serializers.Serializer[Any]):
    """What the nearby question takes."""

    sku = serializers.CharField(max_length=120)
    postal_code = serializers.CharField(max_length=32, required=False, default="")
    country = serializers.CharField(min_length=2, max_length=2)
    mode = serializers.ChoiceField([nearby.PICKUP, nearby.DELIVERY], default=nearby.PICKUP)
    units = serializers.IntegerField(min_value=1, max_value=1_000_000, default=1)
    channel = serializers.CharField(max_length=64, required=False, default="", allow_blank=True)


class Nearby(PartnerView):
    """GET /api/nearby/?sku=&postal_code=&country=&mode=pickup|delivery&units=&channel="""

    scopes: ClassVar[dict[str, str]] = {"GET": "stock.read"}

    def get(self, request: Request) -> Response:
        asked = NearbyQuestion(data=request.query_params)
        asked.is_valid(raise_exception=True)
        values = asked.validated_data
        try:
            found = nearby.near(
                store_id=self.store_id,
                code=values["sku"],
                country=values["country"],
                postal_code=values["postal_code"],
                purpose=values["mode"],
                quantity=values["units"],
                channel=values["channel"],
            )
        except Refused as refusal:
            raise NotFound(refusal.sentence) from None
        return Response(
            {
                "sku": found.item.sku,
                "postal_code_known": found.point is not None,
                "waiting": found.waiting,
                "places": [
                    {
                        "location": place.location.code,
                        "name": place.location.name,
                        "city": place.location.city,
                        "postal_code": place.location.postal_code,
                        "country": place.location.country,
                        "km": None if place.km is None else round(place.km, 1),
                        "available": place.available,
                        "enough": place.enough,
                    }
                    for place in found.places
                ],
            }
        )


class HoldLine(serializers.Serializer[Any]):
    sku = serializers.CharField(max_length=120)
    quantity = serializers.IntegerField(min_value=1, max_value=1_000_000)


class HoldAsked(serializers.Serializer[Any]):
    """What a soft hold takes; the same holder again replaces what it held."""

    holder = serializers.RegexField(
        HOLDER,
        max_length=190,
        error_messages={"invalid": "Name the holder cart:…, draft:… or quote:…, without spaces."},
    )
    minutes = serializers.IntegerField(min_value=1, max_value=soft.MOST_MINUTES)
    lines = serializers.ListField(child=HoldLine(), allow_empty=False, max_length=MOST_LINES)
    channel = serializers.CharField(max_length=64, required=False, default="", allow_blank=True)
    country = serializers.CharField(max_length=2, required=False, default="", allow_blank=True)
    postal_code = serializers.CharField(max_length=32, required=False, default="", allow_blank=True)


class Holds(PartnerView):
    """POST /api/reservations/ holds units softly: all of them or none, until they run out."""

    scopes: ClassVar[dict[str, str]] = {"POST": "stock.reserve"}

    def post(self, request: Request) -> Response:
        asked = HoldAsked(data=request.data)
        asked.is_valid(raise_exception=True)
        values = asked.validated_data
        wanted: dict[str, int] = {}
        for line in values["lines"]:
            wanted[line["sku"]] = wanted.get(line["sku"], 0) + line["quantity"]
        ids = dict(
            Item.objects.filter(store=self.store_id, sku__in=wanted).values_list("sku", "pk")
        )
        if missing := [sku for sku in wanted if sku not in ids]:
            raise ValidationError({"lines": [f"No item has the SKU {sku}." for sku in missing]})
        soft.keep(
            store_id=self.store_id,
            holder=values["holder"],
            wants=[(ids[sku], units) for sku, units in wanted.items()],
            minutes=values["minutes"],
            country=values["country"].upper(),
            postal_code=values["postal_code"],
            channel=values["channel"],
            actor=self.actor,
        )
        return Response(hold_facts(self.store_id, values["holder"]), status=201)


class Hold(PartnerView):
    """GET, PATCH (minutes) and DELETE /api/reservations/<holder>/"""

    scopes: ClassVar[dict[str, str]] = {
        "GET": "stock.reserve",
        "PATCH": "stock.reserve",
        "DELETE": "stock.reserve",
    }

    def get(self, request: Request, holder: str) -> Response:
        found = hold_facts(self.store_id, holder)
        if not found["lines"]:
            raise NotFound(f"Nothing is kept for {holder}.")
        return Response(found)

    def patch(self, request: Request, holder: str) -> Response:
        minutes = serializers.IntegerField(min_value=1, max_value=soft.MOST_MINUTES)
        try:
            more = minutes.run_validation(_body(request).get("minutes"))
        except ValidationError as error:
            raise ValidationError({"minutes": error.detail}) from None
        soft.extend(store_id=self.store_id, holder=holder, minutes=more, actor=self.actor)
        return Response(hold_facts(self.store_id, holder))

    def delete(self, request: Request, holder: str) -> Response:
        """Let go of what is held; a second time is quiet."""
        if not HOLDER.fullmatch(holder):
            raise NotFound(f"Nothing is kept for {holder}.")
        soft.give_back(store_id=self.store_id, holder=holder, actor=self.actor)
        return Response(status=204)


def hold_facts(store_id: int, holder: str) -> dict[str, Any]:
    """What is held for a holder now, by item and location."""
    rows = Reservation.objects.filter(
        store=store_id, holder=holder, line=None, state=Reservation.State.PENDING
    ).select_related("level__item", "level__location")
    held = list(rows.filter(kind=Reservation.Kind.SOFT).order_by("pk"))
    return {
        "holder": holder,
        "expires_at": min((row.expires_at for row in held if row.expires_at), default=None),
        "lines": [
            {
                "sku": row.level.item.sku,
                "quantity": row.quantity,
                "location": row.level.location.code,
            }
            for row in held
        ],
    }


def item_facts(
    item: Item, terms: ItemTerms, codes: Mapping[int, str], wanted: set[str]
) -> dict[str, Any]:
    """One item with every term, summed and at each location."""
    return {
        "sku": item.sku,
        "title": item.title,
        "barcode": item.barcode,
        "channel": terms.channel or None,
        "available": terms.available,
        "terms": _terms(terms.terms),
        "waiting": terms.waiting,
        "locations": [
            level_facts(level, codes[level.location_id])
            for level in terms.levels
            if not wanted or codes[level.location_id] in wanted
        ],
    }


def level_facts(level: LevelTerms, code: str) -> dict[str, Any]:
    return {
        "location": code,
        "active": level.active,
        "available": level.available,
        "terms": _terms(level.terms),
        "short": level.missing,
        "frozen": level.frozen,
        "damaged": level.damaged,
        "quality": level.quality,
        "incoming": level.incoming,
        "in_transit": level.in_transit,
    }


def _terms(terms: Iterable[tuple[str, int]]) -> list[dict[str, Any]]:
    """Signed units in the order of the formula; they add up to what is available."""
    return [{"term": name, "units": units} for name, units in terms]


def item_of(store_id: int, sku: str) -> Item:
    """The item of a SKU, or 404 with the SKU in the sentence."""
    if "\x00" in sku:
        raise NotFound("No item has this SKU.")
    found = Item.objects.filter(store=store_id, sku=sku).first()
    if found is None:
        raise NotFound(f"No item has the SKU {sku[:120]}.")
    return found


def _body(request: Request) -> dict[str, Any]:
    if not isinstance(request.data, dict):
        raise ValidationError("Send one JSON object.")
    return request.data


def channel_of(request: Request) -> str:
    channel = request.query_params.get("channel", "").strip()
    if len(channel) > 64 or "\x00" in channel:
        raise ValidationError({"channel": ["A channel has at most 64 characters."]})
    return channel


def _codes(store_id: int) -> dict[int, str]:
    return dict(Location.objects.filter(store=store_id).values_list("pk", "code"))


def _known_codes(asked: Iterable[str], known: Iterable[str]) -> None:
    unknown = sorted(set(asked) - set(known))
    if unknown:
        raise ValidationError({"location": [f"No location has the code {unknown[0][:40]}."]})
