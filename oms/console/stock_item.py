"""The stock of one item: how many can be sold and why, where, for whom, by which rule."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.http import require_safe

from inventory.availability import ItemTerms, LevelTerms, of_items
from inventory.models import Location
from inventory.models.stock import Reason
from oms.catalog.models import Item
from oms.console import stock_chart, stock_facts, stock_ledger
from oms.console.access import may, needs
from oms.console.exports import export
from oms.console.orders import whom_to_ask
from oms.console.shell import current_store, page, zone_of
from oms.console.stock_filters import channels
from oms.console.stock_words import BUCKETS, flags, head_sentence, signed
from oms.core import clock
from oms.core.models import Store

SEE = "inventory.view_stocklevel"
ABILITIES = {"adjust": "console.adjust_stock", "rules": "console.edit_stock_rules"}
# Columns that are there only when they say something.
ODD = ("beyond_fence", "threshold", "counting")
HEADS = {
    "on_hand": "On hand",
    "firm": "Promised",
    "soft": "Carts",
    "safety": "Safety",
    "buffer": "Buffer",
    "fenced_for_others": "Channels",
    "beyond_fence": "No overflow",
    "threshold": "Threshold",
    "counting": "Counting",
    "sets": "Sets",
}


@dataclass(slots=True)
class PlaceRow:
    """One location: its terms in the order of the columns, what stands apart, what is odd."""

    place: Location
    level: LevelTerms
    terms: list[int]
    flags: list[tuple[str, str]]
    missing: int


@require_safe
@needs(SEE)
def stock_item(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The page of one item."""
    item = item_of(request, pk)
    if "format" in request.GET:
        return _export(request, item)
    return show(request, item)


def item_of(request: HttpRequest, pk: int) -> Item:
    return get_object_or_404(Item, pk=pk, store=current_store(request))


def show(
    request: HttpRequest,
    item: Item,
    *,
    refused: dict[str, str] | None = None,
    preview: object = None,
    status: int = 200,
) -> HttpResponse:
    """The page, with the reason beside an action that was refused, or with what one would do."""
    store = current_store(request)
    assert store is not None  # the item is of this store
    can = {name: may(request.user, ability) for name, ability in ABILITIES.items()}
    context = {
        **read(store, item, request.GET.dict()),
        "can": can,
        "ask": {} if all(can.values()) else whom_to_ask(list(ABILITIES.values())),
        "refused": refused,
        "preview": preview,
        "filled": request.POST if request.method == "POST" else {},
        "action_key": uuid.uuid4().hex,
    }
    return page(request, "console/stock_item.html", context, status=status)


def read(store: Store, item: Item, query: dict[str, str]) -> dict[str, Any]:
    """Everything the page shows, in a fixed number of queries."""
    zone, now = zone_of(store), clock.now()
    channel = query.get("channel", "").replace("\x00", "").strip()[:64]
    places = {row.pk: row for row in Location.objects.filter(store=store)}
    at = int(query["at"]) if query.get("at", "").isdecimal() and len(query["at"]) < 19 else 0
    here = places.get(at)
    terms = of_items(store_id=store.pk, item_ids=[item.pk], channel=channel)[item.pk]
    plain = of_items(store_id=store.pk, item_ids=[item.pk])[item.pk] if channel else terms
    chosen = [level for level in terms.levels if here is None or level.location_id == here.pk]
    level_ids = [level.level_id for level in chosen if level.level_id]
    drawn = [
        level
        for level in plain.levels
        if (here is None and level.active) or (here and level.location_id == here.pk)
    ]
    wholes = stock_facts.bundle_levels(item, here.pk if here else None)
    asked = stock_ledger.Filters.of(query, None)
    made_of, part_of = stock_facts.parts(item)
    rows = place_rows(terms, places)
    return {
        "item": item,
        "terms": terms,
        "channel": channel,
        "channels": channels(store),
        "here": here,
        "answer": head_sentence(terms, _on_hand(terms)),
        "sum": signed(terms.terms, channel),
        "heads": heads_of(terms),
        "rows": rows,
        "apart": any(_apart(row.level) for row in rows),
        "places": [row.place for row in rows],
        "chart": stock_chart.draw(
            [level.level_id for level in drawn if level.level_id],
            on_hand=sum(level.on_hand for level in drawn),
            free=sum(level.available + level.counting for level in drawn),
            now=now,
            zone=zone,
        ),
        "asked": asked,
        "reasons": Reason.choices,
        "ledger": stock_ledger.read(level_ids, asked),
        "place_of": {level.level_id: places[level.location_id] for level in terms.levels},
        "buckets": BUCKETS,
        "causes": stock_ledger.CAUSES,
        "promises": stock_facts.promises(level_ids, wholes, places),
        "losses": stock_facts.losses(level_ids, wholes, places),
        "coming": stock_facts.coming(
            item, here.pk if here else None, timezone.localdate(now, zone)
        ),
        "standings": stock_facts.standings(level_ids),
        "fences": stock_facts.fences(level_ids),
        "thresholds": stock_facts.thresholds(store, item),
        "made_of": made_of,
        "scarcest": terms.limited_by,
        "part_of": part_of,
    }


def heads_of(terms: ItemTerms) -> list[tuple[str, str]]:
    """The columns: the usual ones, and the odd ones only where they say something."""
    told: dict[str, bool] = {}
    for level in terms.levels:
        for name, units in level.terms:
            told[name] = told.get(name, False) or bool(units)
    return [
        (name, HEADS[name])
        for name, says in told.items()
        if says or name not in ODD or (name == "threshold" and terms.channel)
    ]


def place_rows(terms: ItemTerms, places: dict[int, Location]) -> list[PlaceRow]:
    heads = [name for name, _ in heads_of(terms)]
    rows = []
    for level in terms.levels:
        signed_units = dict(level.terms)
        rows.append(
            PlaceRow(
                places[level.location_id],
                level,
                [abs(signed_units.get(name, 0)) if name not in ("on_hand", "sets")
                 else signed_units.get(name, 0) for name in heads],
                flags(level),
                level.missing,
            )
        )  # fmt: skip
    return sorted(rows, key=lambda row: (not row.place.active, row.place.name, row.place.pk))


def _on_hand(terms: ItemTerms) -> int:
    return sum(level.on_hand for level in terms.levels if level.active)


def _apart(level: LevelTerms) -> int:
    return level.damaged + level.quality + level.incoming + level.in_transit


def _export(request: HttpRequest, item: Item) -> HttpResponseBase:
    """The whole ledger of the item, as filtered."""
    store = current_store(request)
    names = dict(Location.objects.filter(store=store).values_list("pk", "name"))
    level_of = dict(stock_facts.level_ids_of(item))
    at = request.GET.get("at", "")
    ids = [level for level, place in level_of.items() if not at or str(place) == at]
    asked = stock_ledger.Filters.of(request.GET.dict(), None)
    columns = ["At", "Location", "Bucket", "Change", "Before", "After", "Cause", "Who", "Document"]

    def rows() -> Iterator[list[object]]:
        for entry in stock_ledger.all_entries(ids, asked):
            yield [
                entry.at, names[level_of[entry.level_id]], entry.bucket_words, entry.delta,
                entry.before, entry.after, entry.cause_words, entry.actor.partition(":")[2],
                entry.document,
            ]  # fmt: skip

    return export(request, f"ledger-{item.pk}", columns, rows())


PAGES = [("stock/<int:pk>/", stock_item, "stock_item")]
