"""Rules that keep stock back: thresholds of channels, stock kept for a channel, safety stock."""

from collections.abc import Callable
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from inventory.commands import set_safety
from inventory.commands.fences import end_fence, set_fence
from inventory.commands.thresholds import remove_threshold, set_threshold
from inventory.models import ChannelThreshold, Location, RingFence, StockLevel
from oms.catalog.models import Item
from oms.console.access import View, may, needs
from oms.console.acting import act, row_id, text_of, whole_number
from oms.console.orders import whom_to_ask
from oms.console.shell import address_of, current_store, page
from oms.console.stock_acts import day_of
from oms.console.stock_filters import channels
from oms.core.actor import Actor, of_user
from oms.core.errors import Refused
from oms.core.models import Store

SEE, EDIT = "inventory.view_stocklevel", "console.edit_stock_rules"
PAGE = 50
TABS = {
    "thresholds": "Held back from a channel",
    "fences": "Kept for a channel",
    "safety": "Safety stock",
}


@require_safe
@needs(SEE)
def stock_rules(request: HttpRequest) -> HttpResponse:
    """All rules of one sort, the newest first."""
    return _show(request)


def _show(
    request: HttpRequest, *, refused: dict[str, str] | None = None, status: int = 200
) -> HttpResponse:
    store = current_store(request)
    tab = request.GET.get("tab", "")
    tab = tab if tab in TABS else (refused["name"] if refused else "thresholds")
    text = request.GET.get("text", "").replace("\x00", "").strip()[:120]
    before = request.GET.get("before", "")
    context: dict[str, object] = {
        "tab": tab, "tabs": TABS, "text": text, "before": before, "refused": refused,
        "can": may(request.user, EDIT), "filled": request.POST,
        "ask": whom_to_ask([EDIT]), "rows": [], "next": None,
        "authority_url": address_of("admin:authority"),
        "counts_url": address_of("admin:counts"),
    }  # fmt: skip
    if store:
        rows = list(_rows(store, tab, text, before)[: PAGE + 1])
        context |= {
            "rows": rows[:PAGE],
            "next": rows[PAGE - 1].pk if len(rows) > PAGE else None,
            "places": list(Location.objects.filter(store=store).order_by("name", "pk")),
            "channels": channels(store),
        }
    return page(request, "console/stock_rules.html", context, status=status)


def _rows(store: Store, tab: str, text: str, before: str) -> QuerySet[Any]:
    limit = int(before) if before.isdecimal() and len(before) < 19 else None
    rows: QuerySet[Any]
    if tab == "thresholds":
        rows = ChannelThreshold.objects.select_related("item", "location")
        found = Q(item__sku__icontains=text) | Q(channel__icontains=text)
    elif tab == "fences":
        rows = RingFence.objects.filter(ended_at=None).select_related(
            "level__item", "level__location"
        )
        found = Q(level__item__sku__icontains=text) | Q(channel__icontains=text)
    else:
        rows = StockLevel.objects.filter(safety__gt=0).select_related("item", "location")
        found = Q(item__sku__icontains=text) | Q(item__title__icontains=text)
    rows = rows.filter(store=store)
    if text:
        rows = rows.filter(found)
    return (rows.filter(pk__lt=limit) if limit else rows).order_by("-pk")


def _set_threshold(request: HttpRequest, store: Store, actor: Actor) -> str:
    item, place = _item(request, store), _place(request, store)
    units, channel = whole_number(request.POST.get("units", "")), text_of(request, "channel", 65)
    set_threshold(
        store_id=store.pk,
        channel=channel,
        units=units,
        item_id=item.pk if item else None,
        location_id=place.pk if place else None,
        actor=actor,
    )
    where = f"at {place.name}" if place else "at each location"
    return (
        f"{units:,} of {item.sku if item else 'every item'} are held back from {channel} {where}."
    )


def _remove_threshold(request: HttpRequest, store: Store, actor: Actor) -> str:
    row = ChannelThreshold.objects.filter(pk=row_id(request, "rule"), store=store).first()
    if row is not None:
        remove_threshold(threshold_id=row.pk, actor=actor)
    return "The threshold is removed."


def _set_fence(request: HttpRequest, store: Store, actor: Actor) -> str:
    level = _level(request, store)
    units, channel = whole_number(request.POST.get("units", "")), text_of(request, "channel", 65)
    set_fence(
        level_id=level.pk,
        channel=channel,
        units=units,
        overflow=bool(request.POST.get("overflow")),
        until=day_of(request.POST.get("until", "")),
        actor=actor,
    )
    return f"{units:,} of {level.item.sku} at {level.location.name} are kept for {channel}."


def _end_fence(request: HttpRequest, store: Store, actor: Actor) -> str:
    row = RingFence.objects.filter(pk=row_id(request, "rule"), store=store).first()
    if row is None:
        raise Refused("This fence does not exist.")
    end_fence(fence_id=row.pk, actor=actor)
    return "The units are free for everybody again."


def _set_safety(request: HttpRequest, store: Store, actor: Actor) -> str:
    item, place = _item(request, store), _place(request, store)
    if item is None or place is None:
        raise Refused("Say which item, and choose the location.")
    units = whole_number(request.POST.get("units", ""))
    set_safety(
        store_id=store.pk,
        safety=[(item.pk, place.pk, units)],
        document=f"item:{item.pk}",
        actor=actor,
    )
    return f"{units:,} of {item.sku} are never sold at {place.name}."


def _item(request: HttpRequest, store: Store) -> Item | None:
    """The item a SKU or barcode names; none where the field is empty."""
    sku = text_of(request, "sku", 120)
    if not sku:
        return None
    found = Item.objects.filter(Q(sku=sku) | Q(barcode=sku), store=store).order_by("pk").first()
    if found is None:
        raise Refused(f"No item has the SKU or barcode “{sku[:60]}”.")
    return found


def _place(request: HttpRequest, store: Store) -> Location | None:
    if not request.POST.get("place"):
        return None
    found = Location.objects.filter(pk=row_id(request, "place"), store=store).first()
    if found is None:
        raise Refused("Choose the location from the list.")
    return found


def _level(request: HttpRequest, store: Store) -> StockLevel:
    item, place = _item(request, store), _place(request, store)
    if item is None or place is None:
        raise Refused("Say which item, and choose the location.")
    rows = StockLevel.objects.select_related("item", "location", "store")
    level = rows.filter(item=item, location=place).first()
    if level is None:
        raise Refused(f"{item.sku} has never been at {place.name}: nothing can be kept there.")
    return level


Run = Callable[[HttpRequest, Store, Actor], str]


def _view(tab: str, run: Run) -> View:
    @require_POST
    @needs(EDIT)
    def view(request: HttpRequest) -> HttpResponse:
        said: list[str] = []

        def work() -> None:
            store = current_store(request)
            if store is None:
                raise Refused("No store is connected yet.")
            said.append(run(request, store, of_user(request.user)))

        return act(
            request,
            tab,
            work,
            done=lambda: said[0],
            back=f"{reverse('admin:stock_rules')}?tab={tab}",
            show=lambda refused: _show(request, refused=refused, status=409),
        )

    return view


PAGES = [
    ("stock/rules/", stock_rules, "stock_rules"),
    ("stock/rules/thresholds/", _view("thresholds", _set_threshold), "rules_threshold"),
    ("stock/rules/thresholds/remove/", _view("thresholds", _remove_threshold), "rules_unthreshold"),
    ("stock/rules/fences/", _view("fences", _set_fence), "rules_fence"),
    ("stock/rules/fences/end/", _view("fences", _end_fence), "rules_unfence"),
    ("stock/rules/safety/", _view("safety", _set_safety), "rules_safety"),
]
