"""Supply: what is on its way by expected day, one supply, and what people do with it."""

import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from inventory.backorders import day_words
from inventory.commands import slips, transfers
from inventory.commands import supply as purchases
from inventory.commands.supply import Ordered
from inventory.models import Location, Supply, SupplyLine
from oms.catalog.models import Item
from oms.console import supply_page
from oms.console.access import may, needs
from oms.console.acting import act, row_id, text_of, units_of, whole_number
from oms.console.exports import export
from oms.console.orders import whom_to_ask
from oms.console.shell import current_store, page
from oms.console.stock_acts import day_of
from oms.core.actor import Actor, of_user
from oms.core.errors import Refused
from oms.core.models import Store
from oms.core.sql import fetch
from oms.orders.words import count_of

SEE, CHANGE = "inventory.view_stocklevel", "console.receive_stock"
MOST_LINES = 500
MOST_PAGES = 400
_LINE = re.compile(r"^(\S+)\s+(\d{1,7})(?:\s+(\d{1,7}))?$", re.ASCII)
# A SKU with spaces in it needs a comma, a semicolon or a tab behind it, as spreadsheets paste it.
_CELLS = re.compile(r"^([^\t;,]+?)\s*[\t;,]\s*(\d{1,7})(?:\s*[\t;,]\s*(\d{1,7}))?$", re.ASCII)


@require_safe
@needs(SEE)
def supply(request: HttpRequest) -> HttpResponseBase:
    """The supplies of the store by expected day."""
    if "format" in request.GET and (store := current_store(request)):
        return _export(request, store)
    return _list(request)


@require_POST
@needs(CHANGE)
def order(request: HttpRequest) -> HttpResponse:
    """Record a purchase order."""
    store = _store(request)
    made: list[Supply] = []

    def run() -> None:
        made.append(
            purchases.create(
                store_id=store.pk,
                number=text_of(request, "number", 64),
                destination_id=row_id(request, "destination"),
                supplier=text_of(request, "supplier", 120),
                expected_on=day_of(text_of(request, "day", 10)),
                lines=[
                    Ordered(item_id, units, cap)
                    for item_id, units, cap in read_lines(store, text_of(request, "lines", 40_000))
                ],
                note=text_of(request, "note"),
                draft="draft" in request.POST,
                actor=of_user(request.user),
            )
        )

    return act(
        request,
        "order",
        run,
        done="The purchase order is recorded.",
        back=lambda: address(made[0]),
        show=lambda refused: _list(request, refused=refused, status=409),
    )


@require_safe
@needs(SEE)
def supply_one(request: HttpRequest, pk: int) -> HttpResponse:
    """One supply: what came, who waits for it, who would get what, and what a new day would do."""
    return _show(request, _supply(request, pk))


def _change_day(request: HttpRequest, one: Supply, actor: Actor) -> str:
    day = day_of(text_of(request, "day", 10))
    moved = slips.change_day(
        supply_id=one.pk,
        expected_on=day,
        supply_line_id=row_id(request, "line") or None,
        actor=actor,
    )
    orders = count_of(len({m.order_id for m in moved}), "order")
    return f"Expected on {day_words(day)}; {orders} moved with it." if day else "It has no day now."


def _change_units(request: HttpRequest, one: Supply, actor: Actor) -> str:
    rows = read_lines(_store(request), text_of(request, "lines", 40_000), least=0)
    units = {item_id: units for item_id, units, _ in rows}
    if len(units) < len(rows):
        raise Refused("An item is named twice; add its units up.")
    purchases.change_units(supply_id=one.pk, units=units, actor=actor)
    return f"{count_of(len(units), 'line')} changed."


def _set_cap(request: HttpRequest, one: Supply, actor: Actor) -> str:
    line = get_object_or_404(SupplyLine, pk=row_id(request, "line"), supply=one)
    cap = whole_number(request.POST.get("cap", ""))
    purchases.set_cap(supply_line_id=line.pk, cap=cap, actor=actor)
    return f"{count_of(cap, 'unit')} may be promised before they come."


def _open(request: HttpRequest, one: Supply, actor: Actor) -> str:
    purchases.open_supply(supply_id=one.pk, actor=actor)
    return f"{one.number} is ordered."


def _cancel(request: HttpRequest, one: Supply, actor: Actor) -> str:
    cancel = transfers.cancel if one.kind == Supply.Kind.TRANSFER else purchases.cancel
    cancel(supply_id=one.pk, reason=text_of(request, "reason"), actor=actor)
    return f"{one.number} is cancelled."


def _ship(request: HttpRequest, one: Supply, actor: Actor) -> str:
    units = units_of(request, "units")
    if any(name.startswith("units-") for name in request.POST) and not units:
        raise Refused("Say which units have left.")
    transfers.ship(supply_id=one.pk, units=units or None, actor=actor)
    return f"{one.number} is on the way."


def _told(request: HttpRequest, one: Supply, actor: Actor) -> str:
    orders = slips.note_told(supply_id=one.pk, actor=actor)
    return f"Noted on {count_of(orders, 'order')} that the customers were told."


# What the page can do: the right it needs and the command behind it, which says what was done.
ACTS: dict[str, tuple[str, Callable[[HttpRequest, Supply, Actor], str]]] = {
    "day": (CHANGE, _change_day),
    "units": (CHANGE, _change_units),
    "cap": (CHANGE, _set_cap),
    "open": (CHANGE, _open),
    "cancel": (CHANGE, _cancel),
    "ship": (CHANGE, _ship),
    "told": ("console.work_exceptions", _told),
}


def _view(name: str) -> Callable[..., HttpResponseBase]:
    ability, command = ACTS[name]

    @require_POST
    @needs(ability)
    def view(request: HttpRequest, pk: int) -> HttpResponse:
        one = _supply(request, pk)
        try:
            done = command(request, one, of_user(request.user))
        except Refused as refusal:
            refused = {"name": name, "why": refusal.sentence}
            one.refresh_from_db()
            return _show(request, one, refused=refused, status=409)
        messages.success(request, done)
        return redirect(address(one))

    return view


def address(one: Supply) -> str:
    return reverse("admin:supply_one", args=[one.pk])


def read_lines(store: Store, text: str, *, least: int = 1) -> list[tuple[int, int, int]]:
    """Lines as people type or paste them, "SKU units cap" each, to (item id, units, cap)."""
    found = []
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > MOST_LINES:
        raise Refused(f"Write at most {MOST_LINES} lines at once.")
    for number, line in enumerate(lines, 1):
        match = _LINE.match(line) or _CELLS.match(line)
        if not match or int(match[2]) < least:
            raise Refused(f"Line {number}, “{line[:40]}”: write a SKU and a number of units.")
        found.append((match[1], int(match[2]), int(match[3] or 0)))
    known = dict(
        Item.objects.filter(store=store, sku__in=[sku for sku, *_ in found]).values_list(
            "sku", "pk"
        )
    )
    for number, (sku, *_) in enumerate(found, 1):
        if sku not in known:
            raise Refused(f"Line {number}: no item carries the SKU “{sku[:60]}”.")
    return [(known[sku], units, cap) for sku, units, cap in found]


def _list(
    request: HttpRequest, *, refused: Mapping[str, str] | None = None, status: int = 200
) -> HttpResponse:
    store = current_store(request)
    tab = request.GET.get("tab", "open")
    tab = tab if tab in supply_page.TABS else "open"
    kind = request.GET.get("kind", "")
    kind = kind if kind in Supply.Kind.values else ""
    number = page_number(request)
    found = supply_page.listing(store, tab, kind, number) if store else None
    counts = {"open": found.open, "late": found.late, "draft": found.drafts} if found else {}
    context = {
        "tab": tab,
        "tabs": [(name, words, counts.get(name)) for name, (words, _) in supply_page.TABS.items()],
        "kind": kind,
        "kinds": [("", "All"), ("purchase", "Purchases"), ("transfer", "Transfers")],
        "found": found,
        "number": number,
        "places": places(store),
        "can_change": may(request.user, CHANGE),
        "refused": refused or {},
        "said": request.POST,
    }
    return page(request, "console/supply.html", context, status=status)


def _show(
    request: HttpRequest,
    one: Supply,
    *,
    refused: dict[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    problem = refused or {}
    arriving: dict[int, int] | None = None
    try:
        arriving = _arriving(request)
    except Refused as refusal:
        problem = {"name": "preview", "why": refusal.sentence}
    view = supply_page.read(one, current_store(request), arriving)
    moved: list[slips.Affected] | None = None
    day: date | None = None
    line = request.GET.get("line", "")
    line_id = int(line) if line.isdecimal() and line.isascii() and len(line) < 19 else None
    if "day" in request.GET and view.is_live:
        try:
            day = day_of(request.GET["day"].replace("\x00", ""))
            moved = slips.affected(supply_id=one.pk, expected_on=day, supply_line_id=line_id)
        except Refused as refusal:
            problem = {"name": "day", "why": refusal.sentence}
    context: dict[str, Any] = {
        "view": view,
        "supply": one,
        "moved": moved,
        "moved_orders": len({m.order_id for m in moved or []}),
        "moved_later": len({m.order_id for m in moved or [] if m.is_later}),
        "new_day": day,
        "new_line": next((row for row in view.lines if row.row.pk == line_id), None),
        "previewed": arriving is not None,
        "can_change": may(request.user, CHANGE),
        "can_tell": may(request.user, "console.work_exceptions"),
        "to_tell": len({w.order_id for w in view.waits if w.is_later}),
        "ask": whom_to_ask([CHANGE]),
        "refused": problem,
        "action_key": uuid.uuid4().hex,
    }
    return page(request, "console/supply_one.html", context, status=status)


def _arriving(request: HttpRequest) -> dict[int, int] | None:
    """The units of the allocation preview, from fields such as gets-12: what if so many came."""
    fields = {name: value for name, value in request.GET.items() if name.startswith("gets-")}
    if not fields:
        return None
    found = {}
    for name, value in fields.items():
        id_ = name.removeprefix("gets-")
        if id_.isascii() and id_.isdecimal() and len(id_) < 19:
            found[int(id_)] = whole_number(str(value) or "0")
    return found


def _export(request: HttpRequest, store: Store) -> HttpResponseBase:
    columns = ["number", "kind", "state", "from", "to", "expected_on", "sku", "ordered", "shipped",
               "received", "damaged", "short", "to_come", "presell_cap", "promised"]  # fmt: skip
    return export(request, "supply", columns, _export_rows(store))


def _export_rows(store: Store) -> Iterator[tuple[Any, ...]]:
    last = 0
    while rows := fetch(_EXPORT, [store.pk, last]):
        last = rows[-1][0]
        yield from (row[1:] for row in rows)


def page_number(request: HttpRequest) -> int:
    """The page that is asked for; nonsense is the first."""
    text = request.GET.get("page", "1")
    fits = text.isascii() and text.isdecimal() and len(text) < 5
    return min(max(int(text), 1), MOST_PAGES) if fits else 1


def places(store: Store | None) -> list[Location]:
    return list(Location.objects.filter(store=store, active=True).order_by("name"))


def _store(request: HttpRequest) -> Store:
    store = current_store(request)
    if store is None:
        raise Refused("No store is connected yet.")
    return store


def _supply(request: HttpRequest, pk: int) -> Supply:
    rows = Supply.objects.select_related("origin", "destination")
    return get_object_or_404(rows, pk=pk, store=current_store(request))


_EXPORT = """
SELECT l.id, s.number, s.kind, s.state, coalesce(origin.name, s.supplier), place.name,
       coalesce(l.expected_on, s.expected_on), i.sku, l.ordered, l.shipped, l.received, l.damaged,
       l.short, greatest(l.ordered - l.received - l.short, 0), l.presell_cap, l.promised
FROM inventory_supplyline l
JOIN inventory_supply s ON s.id = l.supply_id
JOIN inventory_location place ON place.id = s.destination_id
LEFT JOIN inventory_location origin ON origin.id = s.origin_id
JOIN catalog_item i ON i.id = l.item_id
WHERE s.store_id = %s AND s.state IN ('draft', 'open', 'shipped') AND l.id > %s
ORDER BY l.id LIMIT 500
"""

PAGES = [
    ("supply/", supply, "supply"),
    ("supply/order/", order, "supply_order"),
    ("supply/<int:pk>/", supply_one, "supply_one"),
    *((f"supply/<int:pk>/{name}/", _view(name), f"supply_{name}") for name in ACTS),
]
