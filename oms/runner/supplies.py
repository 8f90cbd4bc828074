"""The supply of the demo: purchase orders, one of them late, and a transfer on the road."""

from collections.abc import Sequence
from datetime import date, timedelta

from inventory.commands import supply, transfers
from inventory.commands.supply import Ordered
from inventory.models import Location, StockLevel, Supply
from oms.core import clock
from oms.core.actor import Actor

BUYER = Actor("user", "Olga Petrova, ops")
SUPPLIERS = ("Northgate Ceramics", "Alder & Sons Woodwork", "Lumen Lighting")
# Units of an item that are left on the shelf when some of it goes to another location.
LEFT_BEHIND = 5


def order_some(store_id: int) -> None:
    """Make a few supplies, once; what is scarce is ordered and may be sold before it comes."""
    places = list(Location.objects.filter(store_id=store_id, active=True).order_by("pk"))
    if not places or Supply.objects.filter(store_id=store_id).exists():
        return
    scarce = _scarce(store_id)
    today = clock.now().date()
    for number, (supplier, place, days, first, count, cap) in enumerate(
        (
            (SUPPLIERS[0], places[0], -3, 0, 3, 10),
            (SUPPLIERS[1], places[-1], 5, 3, 4, 24),
            (SUPPLIERS[2], places[0], 12, 1, 6, 18),
        ),
        2041,
    ):
        _purchase(
            store_id, f"PO-{number}", supplier, place, today + timedelta(days=days),
            [Ordered(item_id, 36 + 12 * n, cap) for n, item_id in
             enumerate(scarce[first : first + count])],
        )  # fmt: skip
    if scarce:
        supply.create(
            store_id=store_id,
            number="PO-2044",
            destination_id=places[0].pk,
            supplier=SUPPLIERS[0],
            lines=[Ordered(scarce[0], 120)],
            actor=BUYER,
            draft=True,
        )
    if len(places) > 1:
        _send(store_id, places[0], places[1], today + timedelta(days=1))


def _purchase(
    store_id: int, number: str, supplier: str, place: Location, day: date, lines: list[Ordered]
) -> None:
    if lines:
        supply.create(
            store_id=store_id,
            number=number,
            destination_id=place.pk,
            supplier=supplier,
            expected_on=day,
            lines=lines,
            actor=BUYER,
        )


def _send(store_id: int, origin: Location, destination: Location, day: date) -> None:
    plenty = StockLevel.objects.filter(
        store_id=store_id, location=origin, available__gt=2 * LEFT_BEHIND
    ).order_by("-available", "pk")[:3]
    units = {level.item_id: min(level.available - LEFT_BEHIND, 12) for level in plenty}
    if not units:
        return
    transfer = transfers.plan(
        store_id=store_id,
        number="TR-118",
        origin_id=origin.pk,
        destination_id=destination.pk,
        units=units,
        expected_on=day,
        actor=BUYER,
    )
    transfers.ship(supply_id=transfer.pk, actor=BUYER)


def _scarce(store_id: int) -> Sequence[int]:
    """Items with the fewest units first, over all locations."""
    totals: dict[int, int] = {}
    levels = StockLevel.objects.filter(store_id=store_id, item__parts=None)
    for item_id, units in levels.values_list("item_id", "on_hand"):
        totals[item_id] = totals.get(item_id, 0) + units
    return sorted(totals, key=lambda item_id: (totals[item_id], item_id))
