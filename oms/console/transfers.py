"""Transfers: what goes between our locations, and planning one with a look at the stock."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST, require_safe

from inventory.commands import transfers as commands
from inventory.models import Location, StockLevel, Supply
from oms.catalog.models import Item
from oms.console import supply_page
from oms.console.access import needs
from oms.console.acting import act, row_id, text_of
from oms.console.shell import current_store, page
from oms.console.stock_acts import day_of
from oms.console.supply import CHANGE, address, page_number, places, read_lines
from oms.core.actor import of_user
from oms.core.errors import Refused
from oms.core.models import Store


@dataclass(slots=True, frozen=True)
class Check:
    """An item of the plan with the stock at both ends, before and after."""

    item: Item
    units: int
    free: int
    here: int
    there: int

    @property
    def missing(self) -> int:
        return max(self.units - max(self.free, 0), 0)

    @property
    def left(self) -> int:
        return self.free - self.units

    @property
    def will_have(self) -> int:
        return self.there + self.units


@require_safe
@needs(CHANGE)
def transfers(request: HttpRequest) -> HttpResponse:
    """The transfers under way, and the form of a new one with its stock check."""
    return _show(request)


@require_POST
@needs(CHANGE)
def plan(request: HttpRequest) -> HttpResponse:
    """Look at the stock of a plan, or plan it: its units are kept at the origin from then on."""
    if request.POST.get("do") == "check":
        return _show(request)
    store = current_store(request)
    made: list[Supply] = []

    def run() -> None:
        if store is None:
            raise Refused("No store is connected yet.")
        lines = read_lines(store, text_of(request, "lines", 40_000))
        if len({item_id for item_id, *_ in lines}) < len(lines):
            raise Refused("An item is named twice; add its units up.")
        made.append(
            commands.plan(
                store_id=store.pk,
                number=text_of(request, "number", 64),
                origin_id=row_id(request, "origin"),
                destination_id=row_id(request, "destination"),
                units={item_id: units for item_id, units, _ in lines},
                expected_on=day_of(text_of(request, "day", 10)),
                note=text_of(request, "note"),
                actor=of_user(request.user),
            )
        )

    return act(
        request,
        "plan",
        run,
        done="The units are kept for the transfer.",
        back=lambda: address(made[0]),
        show=lambda refused: _show(request, refused=refused, status=409),
    )


def _show(
    request: HttpRequest, *, refused: Mapping[str, str] | None = None, status: int = 200
) -> HttpResponse:
    store = current_store(request)
    tab = request.GET.get("tab", "open")
    tab = tab if tab in ("open", "late", "ended") else "open"
    number = page_number(request)
    found = supply_page.listing(store, tab, "transfer", number) if store else None
    counts = {"open": found.open, "late": found.late} if found else {}
    words = {"open": "Under way", "late": "Late", "ended": "Ended"}
    problem = dict(refused or {})
    checks: list[Check] = []
    if store and request.method == "POST":
        try:
            checks = _checks(request, store)
        except Refused as refusal:
            problem = problem or {"name": "plan", "why": refusal.sentence}
            status = 409
    context: dict[str, Any] = {
        "tab": tab,
        "tabs": [(name, word, counts.get(name)) for name, word in words.items()],
        "found": found,
        "number": number,
        "places": places(store),
        "checks": checks,
        "missing": sum(check.missing for check in checks),
        "refused": problem,
        "said": request.POST,
    }
    return page(request, "console/transfers.html", context, status=status)


def _checks(request: HttpRequest, store: Store) -> list[Check]:
    """The stock at both ends of what is written in the form. Three queries."""
    lines = read_lines(store, text_of(request, "lines", 40_000))
    ends = [row_id(request, "origin"), row_id(request, "destination")]
    if Location.objects.filter(pk__in=ends, store=store).count() < 2:
        raise Refused("Say from which location the goods go to which other one.")
    units: dict[int, int] = {}
    for item_id, count, _ in lines:
        units[item_id] = units.get(item_id, 0) + count
    stands = {
        (item_id, place_id): (free, on_hand)
        for item_id, place_id, free, on_hand in StockLevel.objects.filter(
            item__in=units, location__in=ends
        ).values_list("item_id", "location_id", "available", "on_hand")
    }
    checks = []
    for item in Item.objects.filter(pk__in=units).order_by("sku"):
        free, on_hand = stands.get((item.pk, ends[0]), (0, 0))
        there, _ = stands.get((item.pk, ends[1]), (0, 0))
        checks.append(Check(item, units[item.pk], free, on_hand, there))
    return checks


PAGES = [
    ("transfers/", transfers, "transfers"),
    ("transfers/plan/", plan, "transfer_plan"),
]
