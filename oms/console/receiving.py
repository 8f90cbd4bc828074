"""Receiving: what is due at a location, goods counted in by scan or by hand, quality control.

What was counted so far stands in the person's session until the receipt is made, so a reload, a
flat battery or a wrong turn counts nothing twice. Everything works without a mouse and without the
script; with it a scan is counted on the spot.
"""

import uuid
from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from inventory.commands import receiving as commands
from inventory.commands.receiving import Arrived
from inventory.models import Location, StockLevel, Supply, SupplyLine
from oms.catalog.models import Item
from oms.console import supply_page
from oms.console.access import needs
from oms.console.acting import act, row_id, text_of, whole_number
from oms.console.shell import current_store, page
from oms.console.supply import CHANGE, address, places
from oms.core.actor import of_user
from oms.core.errors import Refused
from oms.core.models import Store
from oms.core.sql import fetch
from oms.orders.words import short, units

WAYS = ("good", "damaged", "quality")
MOST_SCANNED = 999_999
MOST_IN_QUALITY = 50
# Three fields a line: a form holds a thousand. What is not shown appears when it is scanned.
MOST_LINES = 250


@dataclass(slots=True)
class Tally:
    """What one person has counted of one supply, not yet received: {item id: [per way]}."""

    key: str
    done: str = ""
    counts: dict[int, list[int]] = field(default_factory=dict)
    last: int = 0
    wrong: str = ""

    @property
    def total(self) -> int:
        return sum(sum(ways) for ways in self.counts.values())

    def add(self, item_id: int, way: str) -> None:
        ways = self.counts.setdefault(item_id, [0, 0, 0])
        ways[WAYS.index(way)] = min(ways[WAYS.index(way)] + 1, MOST_SCANNED)
        self.last, self.wrong = item_id, ""

    @classmethod
    def of(cls, request: HttpRequest, supply: Supply) -> "Tally":
        kept = request.session.get(_name(supply), {})
        return cls(
            key=kept.get("key") or uuid.uuid4().hex,
            done=kept.get("done", ""),
            counts={int(id_): list(ways) for id_, ways in kept.get("counts", {}).items()},
            last=kept.get("last", 0),
            wrong=kept.get("wrong", ""),
        )

    def keep(self, request: HttpRequest, supply: Supply) -> None:
        request.session[_name(supply)] = {
            "key": self.key,
            "done": self.done,
            "counts": {str(id_): ways for id_, ways in self.counts.items() if any(ways)},
            "last": self.last,
            "wrong": self.wrong,
        }


@dataclass(slots=True, frozen=True)
class Line:
    """A row of the receiving page: expected, counted so far, and what that means."""

    item: Item
    expected: int
    good: int
    damaged: int
    quality: int
    is_last: bool

    @property
    def counted(self) -> int:
        return self.good + self.damaged + self.quality

    @property
    def codes(self) -> str:
        """What a scanner may read for it."""
        return "\n".join(code for code in (self.item.sku, self.item.barcode) if code)

    @property
    def left(self) -> int:
        return max(self.expected - self.counted, 0)

    @property
    def over(self) -> int:
        return max(self.counted - self.expected, 0)


@require_safe
@needs(CHANGE)
def receiving(request: HttpRequest) -> HttpResponse:
    """What can be received, by location and day, and what waits in quality control."""
    return _list(request)


@require_safe
@needs(CHANGE)
def receiving_one(request: HttpRequest, pk: int) -> HttpResponse:
    """Count the goods of one supply in."""
    one = _supply(request, pk)
    return _show(request, one, Tally.of(request, one))


@require_POST
@needs(CHANGE)
def scan(request: HttpRequest, pk: int) -> HttpResponse:
    """One unit was scanned, or a SKU was typed: it counts one more."""
    one = _supply(request, pk)
    tally = Tally.of(request, one)
    code = text_of(request, "code", 120)
    way = request.POST.get("way", "good")
    item = _item(one, code)
    if item is None:
        tally.wrong = code or "nothing"
    else:
        tally.add(item.pk, way if way in WAYS else "good")
    tally.keep(request, one)
    suffix = f"?way={way}" if way in WAYS[1:] else ""
    return redirect(reverse("admin:receiving_one", args=[pk]) + suffix)


@require_POST
@needs(CHANGE)
def finish(request: HttpRequest, pk: int) -> HttpResponse:
    """Take the numbers as they stand: keep them, start over, or make the receipt."""
    one = _supply(request, pk)
    tally = Tally.of(request, one)
    here = reverse("admin:receiving_one", args=[pk])
    if request.POST.get("do") == "forget":
        request.session.pop(_name(one), None)
        return redirect(here)
    # The key stands in the form: a second click makes no second receipt, and what is remembered
    # late does not come back after the receipt.
    key = request.POST.get("key", "")
    if key.isalnum() and len(key) == 32:
        tally.key = key
    if request.POST.get("do") == "keep" and tally.key == tally.done:
        return redirect(here)
    try:
        tally.counts, tally.wrong = tally.counts | _typed(request), ""
    except Refused as refusal:
        return _show(request, one, tally, why=refusal.sentence, status=409)
    tally.keep(request, one)
    if request.POST.get("do") == "keep":
        return redirect(here)
    closes = "closes" in request.POST
    try:
        commands.receive(
            supply_id=one.pk,
            arrived=[
                Arrived(id_, *ways) for id_, ways in sorted(tally.counts.items()) if any(ways)
            ],
            request_key=f"console:{tally.key}",
            finish=closes,
            accept_more="more" in request.POST,
            note=text_of(request, "note"),
            actor=of_user(request.user),
        )
    except Refused as refusal:
        one.refresh_from_db()
        return _show(request, one, tally, why=refusal.sentence, status=409)
    request.session[_name(one)] = {"done": tally.key}
    messages.success(request, _done(one, tally, closes))
    return redirect(address(one))


@require_POST
@needs(CHANGE)
def quality(request: HttpRequest) -> HttpResponse:
    """Decide about units in quality control."""
    level = get_object_or_404(StockLevel, pk=row_id(request, "level"), store=current_store(request))
    return act(
        request,
        f"quality-{level.pk}",
        lambda: commands.decide_quality(
            level_id=level.pk,
            good=whole_number(request.POST.get("good") or "0"),
            damaged=whole_number(request.POST.get("damaged") or "0"),
            reason=text_of(request, "reason"),
            actor=of_user(request.user),
        ),
        done="The decision is recorded.",
        back=reverse("admin:receiving"),
        show=lambda refused: _list(request, refused=refused, status=409),
    )


def _list(
    request: HttpRequest, *, refused: dict[str, str] | None = None, status: int = 200
) -> HttpResponse:
    store = current_store(request)
    shops = places(store)
    place = request.GET.get("at", "")
    here = next((one for one in shops if one.code == place), None)
    found = request.GET.get("find", "").replace("\x00", "").strip()[:64]
    context = {
        "places": shops,
        "here": here,
        "find": found,
        "rows": _due(store, here, found) if store else [],
        "quality": _in_quality(store, here) if store else [],
        "refused": refused or {},
    }
    return page(request, "console/receiving.html", context, status=status)


def _show(
    request: HttpRequest, one: Supply, tally: Tally, *, why: str = "", status: int = 200
) -> HttpResponse:
    every = _lines(one, tally)
    lines = every[:MOST_LINES]
    last = next((line for line in lines if line.is_last), None)
    way = request.GET.get("way", "good")
    context: dict[str, Any] = {
        "supply": one,
        "lines": lines,
        "tally": tally,
        "last": last,
        "ways": [("good", "Good"), ("damaged", "Damaged"), ("quality", "To be checked")],
        "way": way if way in WAYS else "good",
        "more_lines": len(every) - len(lines),
        "expected": sum(line.expected for line in every),
        "counted": tally.total,
        "over": sum(line.over for line in every),
        "why": why,
        "closed": one.state == Supply.State.CLOSED,
        "said": request.POST,
    }
    return page(request, "console/receiving_one.html", context, status=status)


def _lines(one: Supply, tally: Tally) -> list[Line]:
    """What the supply is expected to bring and whatever else was counted; the last scan, and what
    was counted, first where they are many. Two queries."""
    rows = {row.item_id: row for row in one.lines.select_related("item")}
    others = Item.objects.filter(pk__in=[id_ for id_ in tally.counts if id_ not in rows])
    items = {id_: row.item for id_, row in rows.items()} | {item.pk: item for item in others}
    lines = []
    for item in sorted(items.values(), key=lambda item: item.sku):
        row = rows.get(item.pk)
        good, damaged, doubtful = tally.counts.get(item.pk, [0, 0, 0])
        expected = _expected(one, row) if row else 0
        if expected or good + damaged + doubtful or item.pk == tally.last:
            lines.append(
                Line(item, expected, good, damaged, doubtful, is_last=item.pk == tally.last)
            )
    if len(lines) > MOST_LINES:
        lines.sort(key=lambda line: (not line.is_last, not line.counted))
    return lines


def _expected(one: Supply, row: SupplyLine) -> int:
    if one.state == Supply.State.CLOSED:
        return 0
    return row.to_come if one.kind == Supply.Kind.PURCHASE else row.on_the_way


def _item(one: Supply, code: str) -> Item | None:
    """The item of a SKU or barcode; where two share a barcode, the one of this supply."""
    if not code:
        return None
    items = Item.objects.filter(store_id=one.store_id)
    found = list(items.filter(sku=code)[:1]) or list(items.filter(barcode=code)[:5])
    if len(found) > 1:
        mine = set(one.lines.values_list("item_id", flat=True))
        found = [item for item in found if item.pk in mine]
    return found[0] if len(found) == 1 else None


def _typed(request: HttpRequest) -> dict[int, list[int]]:
    """Counts by item from fields such as good-12 and damaged-12."""
    counts: dict[int, list[int]] = {}
    for name, value in request.POST.items():
        way, _, id_ = name.rpartition("-")
        if way in WAYS and id_.isascii() and id_.isdecimal() and len(id_) < 19:
            written = str(value).strip()
            ways = counts.setdefault(int(id_), [0, 0, 0])
            ways[WAYS.index(way)] = whole_number(written) if written else 0
    return counts


def _done(one: Supply, tally: Tally, closes: bool) -> str:
    came = f"{units(tally.total)} of {short(one.number, 40)} received"
    return f"{came}; what never came is closed." if closes else f"{came}."


def _due(store: Store, here: Location | None, found: str) -> list[dict[str, Any]]:
    """What can arrive, the latest day first; at most 100. One query."""
    rows = fetch(
        _DUE,
        {
            "store": store.pk,
            "place": here.pk if here else None,
            "find": found,
            "like": f"%{_escaped(found)}%",
            "today": supply_page.today(store),
        },
    )
    names = ("id", "number", "kind", "source", "place", "day", "units", "lines", "days_late")
    return [dict(zip(names, row, strict=True)) for row in rows]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _in_quality(store: Store, here: Location | None) -> list[StockLevel]:
    """Levels with units to be checked, found by the receipts that brought some. One query."""
    levels = StockLevel.objects.filter(store=store, quality__gt=0).select_related(
        "item", "location"
    )
    brought = fetch(_QUALITY, [store.pk])
    levels = levels.filter(pk__in=[level_id for (level_id,) in brought])
    if here:
        levels = levels.filter(location=here)
    return list(levels.order_by("location__name", "item__sku")[:MOST_IN_QUALITY])


def _supply(request: HttpRequest, pk: int) -> Supply:
    rows = Supply.objects.select_related("origin", "destination")
    return get_object_or_404(rows, pk=pk, store=current_store(request))


def _name(supply: Supply) -> str:
    return f"receiving-{supply.pk}"


_DUE = """
SELECT s.id, s.number, s.kind, coalesce(origin.name, nullif(s.supplier, ''), 'no supplier'),
       place.name, s.expected_on, l.units, l.lines,
       greatest(%(today)s::date - s.expected_on, 0)
FROM inventory_supply s
JOIN inventory_location place ON place.id = s.destination_id
LEFT JOIN inventory_location origin ON origin.id = s.origin_id
CROSS JOIN LATERAL (
    SELECT count(*) AS lines, sum(units) AS units FROM (
        SELECT greatest(CASE s.kind WHEN 'purchase' THEN ordered ELSE shipped END
                        - received - short, 0) AS units
        FROM inventory_supplyline WHERE supply_id = s.id) u WHERE units > 0
) l
WHERE s.store_id = %(store)s
  AND (s.kind, s.state) IN (('purchase', 'open'), ('transfer', 'shipped'))
  AND (%(place)s::bigint IS NULL OR s.destination_id = %(place)s)
  AND (%(find)s = '' OR s.number ILIKE %(like)s OR s.supplier ILIKE %(like)s)
  AND l.units > 0
ORDER BY s.expected_on NULLS LAST, s.id LIMIT 100
"""
_QUALITY = """
SELECT DISTINCT v.id FROM (
    SELECT r.supply_line_id FROM inventory_receiptline r WHERE r.quality > 0
    ORDER BY r.id DESC LIMIT 2000
) lately
JOIN inventory_supplyline l ON l.id = lately.supply_line_id
JOIN inventory_supply s ON s.id = l.supply_id
JOIN inventory_stocklevel v ON v.item_id = l.item_id AND v.location_id = s.destination_id
WHERE v.store_id = %s AND v.quality > 0
"""

PAGES = [
    ("receiving/", receiving, "receiving"),
    ("receiving/quality/", quality, "receiving_quality"),
    ("receiving/<int:pk>/", receiving_one, "receiving_one"),
    ("receiving/<int:pk>/scan/", scan, "receiving_scan"),
    ("receiving/<int:pk>/finish/", finish, "receiving_finish"),
]
