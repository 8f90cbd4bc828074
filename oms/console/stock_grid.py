"""The availability grid: items down, locations across, every number with its formula."""

from dataclasses import dataclass, field

from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from inventory.availability import ItemTerms, LevelTerms, of_items
from inventory.models import Location
from oms.catalog.models import Item
from oms.console.shell import MOST_COUNTED, counted
from oms.console.stock_filters import ONLY, ItemFilter, flag_counts
from oms.console.stock_words import flags, formula, number
from oms.core.models import Store
from oms.orders.words import short

PAGE = 50
# A page holds this many cells at most: 60 locations show fewer items at a time.
MOST_CELLS = 1200
FEWEST_ROWS = 20


@dataclass(slots=True)
class Row:
    """One item: what can be sold in the channel, and a cell for each location."""

    item: Item
    total: SafeString
    cells: SafeString


@dataclass(slots=True)
class Grid:
    """One page of the grid; `next` is where the following one begins."""

    places: list[Location]
    shown: list[Location]
    rows: list[Row] = field(default_factory=list)
    count: str = "no items"
    tabs: list[tuple[str, str, int]] = field(default_factory=list)
    next: str = ""


def read(store: Store, asked: ItemFilter, channel: str, after: str) -> Grid:
    """One page, in ten queries however many items, levels and locations there are."""
    places = list(Location.objects.filter(store=store).order_by("-active", "name", "pk"))
    codes = set(asked.codes)
    shown = [place for place in places if place.code in codes or not codes]
    grid = Grid(places, shown)
    counts = flag_counts(store, asked.codes)
    grid.tabs = [(word, words, counts[word]) for word, words in ONLY]
    found = asked.qs.filter(store=store)
    count = found[: MOST_COUNTED + 1].count()
    grid.count = f"{counted(count)} {'item' if count == 1 else 'items'}"
    size = min(PAGE, max(FEWEST_ROWS, MOST_CELLS // max(len(shown), 1)))
    items = list((found.filter(sku__gt=after) if after else found).order_by("sku")[: size + 1])
    if len(items) > size:
        grid.next = items[size - 1].sku
    items = items[:size]
    terms = of_items(store_id=store.pk, item_ids=[item.pk for item in items], channel=channel)
    heads = [(place, str(escape(short(place.name, 40)))) for place in shown]
    for item in items:
        grid.rows.append(_row(item, terms[item.pk], heads, channel))
    return grid


def _row(item: Item, terms: ItemTerms, places: list[tuple[Location, str]], channel: str) -> Row:
    url = reverse("admin:stock_item", args=[item.pk])
    query = f"?channel={escape(channel)}" if channel else "?"
    at = {level.location_id: level for level in terms.levels}
    cells = []
    for place, name in places:
        cell = _cell(f"{url}{query}&amp;at={place.pk}", name, at.get(place.pk), channel)
        cells.append(f'<td class="at">{cell}</td>')
    label = escape(formula("All active locations", terms.terms, terms.available, channel))
    total = _link(url + query, label, terms.available, "", wrong=terms.available < 0)
    return Row(item, mark_safe(total), mark_safe("".join(cells)))


def _cell(url: str, place: str, level: LevelTerms | None, channel: str) -> str:
    if level is None:
        return '<span class="dot" aria-label="never stocked here">·</span>'
    signs = "".join(f'<span class="flag {shape}">{word}</span>' for shape, word in flags(level)[:2])
    label = formula(place, level.terms, level.available, channel)
    aside = [
        f"{units:,} {words}"
        for units, words in (
            (level.damaged, "damaged"),
            (level.quality, "in quality control"),
            (level.incoming, "ordered"),
            (level.in_transit, "in transit"),
        )
        if units
    ]
    if aside:
        label += f"\nApart from it: {', '.join(aside)}"
    if not level.active:
        label += "\nThis location is closed: nothing is sold from it."
    wrong = level.missing > 0 or level.on_hand < 0
    return _link(url, label.replace('"', "&quot;"), level.available, signs, wrong=wrong)


def _link(url: str, label: str, units: int, signs: str, *, wrong: bool) -> str:
    # A rule may keep back more than stands there: nothing to sell, and nothing wrong.
    tone = " bad" if wrong else "" if units > 0 else " none"
    return f'<a class="cell{tone}" href="{url}" aria-label="{label}">{signs}{number(units)}</a>'
