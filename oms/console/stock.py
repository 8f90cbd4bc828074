"""Availability: the grid of items and locations, and its export."""

from collections.abc import Iterator

from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from inventory.availability import of_items
from inventory.models import Location
from oms.catalog.models import Item
from oms.console import stock_grid
from oms.console.access import needs
from oms.console.exports import export
from oms.console.shell import current_store, page
from oms.console.stock_filters import ItemFilter, channels
from oms.console.stock_words import TERMS
from oms.core.models import Store

EXPORT_BATCH = 500
_LEVEL_TERMS = (
    "on_hand", "firm", "soft", "safety", "buffer", "fenced_for_others", "beyond_fence",
    "threshold", "counting",
)  # fmt: skip


@require_safe
@needs("inventory.view_stocklevel")
def stock(request: HttpRequest) -> HttpResponseBase:
    """What can be sold, of which item, from where, and why that many."""
    store = current_store(request)
    asked = filter_of(request)
    channel = channel_of(request)
    after = request.GET.get("after", "").replace("\x00", "")[:120]
    if store and "format" in request.GET:
        return _export(request, store, asked, channel)
    context = {
        "asked": asked,
        "text": request.GET.get("text", "")[:120],
        "only": asked.form.cleaned_data.get("only") or "" if asked.is_valid_form else "",
        "codes": asked.codes,
        "channel": channel,
        "after": after,
        "grid": stock_grid.read(store, asked, channel, after) if store else None,
        "channels": channels(store) if store else [],
        "page_keys": "console/stock_keys.html",
    }
    return page(request, "console/stock.html", context)


def filter_of(request: HttpRequest) -> ItemFilter:
    """The filters in the address; a word given many times counts as a list."""
    data = {word: ",".join(values) for word, values in request.GET.lists()}
    return ItemFilter(data, queryset=Item.objects.all())


def channel_of(request: HttpRequest) -> str:
    return request.GET.get("channel", "").replace("\x00", "").strip()[:64]


def _export(
    request: HttpRequest, store: Store, asked: ItemFilter, channel: str
) -> StreamingHttpResponse:
    """One row an item and location, every term a column."""
    columns = [
        "SKU", "Title", "Barcode", "Location", "Code", "Channel", "Available",
        *(TERMS[name].capitalize() for name in _LEVEL_TERMS),
        "Sets of a bundle", "Damaged", "Quality control", "Ordered", "In transit", "Being counted",
    ]  # fmt: skip
    return export(request, "availability", columns, _rows(store, asked, channel))


def _rows(store: Store, asked: ItemFilter, channel: str) -> Iterator[list[object]]:
    places = {place.pk: place for place in Location.objects.filter(store=store)}
    codes = set(asked.codes)
    found = asked.qs.filter(store=store).order_by("sku")
    after = ""
    while items := list(found.filter(sku__gt=after)[:EXPORT_BATCH]):
        after = items[-1].sku
        terms = of_items(store_id=store.pk, item_ids=[item.pk for item in items], channel=channel)
        for item in items:
            for level in terms[item.pk].levels:
                place = places[level.location_id]
                if codes and place.code not in codes:
                    continue
                signed = dict(level.terms)
                yield [
                    item.sku, item.title, item.barcode, place.name, place.code, channel,
                    level.available, *(abs(signed.get(name, 0)) if name != "on_hand"
                                       else signed.get(name, 0) for name in _LEVEL_TERMS),
                    signed.get("sets", ""), level.damaged, level.quality, level.incoming,
                    level.in_transit, "yes" if level.frozen else "",
                ]  # fmt: skip


PAGES = [("stock/", stock, "stock")]
