"""What stands around the stock of an item: who has units, who lost some, what comes, what rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from inventory.models import (
    ChannelThreshold,
    Location,
    Reservation,
    RingFence,
    Standing,
    StockLevel,
    Supply,
    SupplyLine,
)
from oms.catalog.models import BundlePart, Item
from oms.console.stock_ledger import address
from oms.core.models import Store

SHOWN = 50
HOLDERS = {
    "cart": ("", "Cart"),
    "draft": ("", "Draft"),
    "quote": ("", "Quote"),
    "transfer": ("admin:supply_one", "Transfer"),
    "order": ("admin:order", "Kept for order"),
}


@dataclass(slots=True, frozen=True)
class Holder:
    """Units promised to an order, cart or transfer, or lost by one."""

    who: str
    url: str
    units: int
    place: str
    kind: str
    at: datetime | None
    expires_at: datetime | None = None
    note: str = ""


@dataclass(slots=True, frozen=True)
class Promises:
    """The newest holders, and how many there are with how many units."""

    rows: list[Holder]
    count: int
    units: int


@dataclass(slots=True, frozen=True)
class Coming:
    """Units on their way to a place, and how many of them are promised already."""

    number: str
    url: str
    words: str
    place: str
    units: int
    promised: int
    on: date | None
    late: bool


def promises(
    level_ids: Sequence[int], bundle_levels: Mapping[int, int], places: Mapping[int, Location]
) -> Promises:
    """Who may count on units now, bundles that take this part included. Two queries."""
    rows = Reservation.objects.filter(
        level__in=[*level_ids, *bundle_levels], state=Reservation.State.PENDING
    )
    total = rows.aggregate(count=Count("pk"), units=Sum("quantity"))
    shown = _with_order(rows.order_by("-pk"))[:SHOWN]
    return Promises(
        [_holder(row, bundle_levels, places) for row in shown],
        total["count"],
        total["units"] or 0,
    )


def losses(
    level_ids: Sequence[int], bundle_levels: Mapping[int, int], places: Mapping[int, Location]
) -> list[Holder]:
    """Who lost units because they were not there, and why it was them. One query."""
    rows = Reservation.objects.filter(
        level__in=[*level_ids, *bundle_levels], state=Reservation.State.LOST
    )
    shown = _with_order(rows.order_by("-pk"))[:SHOWN]
    return [_holder(row, bundle_levels, places, ended=True) for row in shown]


def _with_order(rows: QuerySet[Reservation]) -> QuerySet[Reservation]:
    return rows.select_related("line__order", "level", "fence")


def _holder(
    row: Reservation,
    bundle_levels: Mapping[int, int],
    places: Mapping[int, Location],
    *,
    ended: bool = False,
) -> Holder:
    notes = [row.reason] if row.reason else []
    if row.fence and row.fenced:
        notes.append(f"{row.fenced:,} of the units kept for {row.fence.channel}")
    if row.level_id in bundle_levels:
        notes.append(f"in {row.quantity:,} sets")
    if row.line:
        who, url = row.line.order.name, address("admin:order", row.line.order_id)
    else:
        who, url = holder_words(row.holder)
    return Holder(
        who=who,
        url=url,
        units=row.quantity * bundle_levels.get(row.level_id, 1),
        place=places[row.level.location_id].name if row.level.location_id in places else "",
        kind=row.kind,
        at=row.ended_at if ended else row.created_at,
        expires_at=row.expires_at,
        note="; ".join(notes),
    )


def holder_words(holder: str) -> tuple[str, str]:
    """Words and address of who holds units without an order line, e.g. cart:abc."""
    kind, _, name = holder.partition(":")
    page, words = HOLDERS.get(kind, ("", ""))
    if not words:
        return holder, ""
    url = address(page, int(name)) if name.isdecimal() and len(name) < 19 else ""
    return f"{words} {name}", url


def bundle_levels(item: Item, location_id: int | None) -> dict[int, int]:
    """Levels of bundles that take this item, and how many each takes. One query."""
    rows = BundlePart.objects.filter(part=item, bundle__levels__isnull=False)
    if location_id:
        rows = rows.filter(bundle__levels__location=location_id)
    return dict(rows.values_list("bundle__levels__pk", "quantity"))


def coming(item: Item, location_id: int | None, today: date) -> list[Coming]:
    """What is ordered or on the way, the soonest first. One query."""
    rows = (
        SupplyLine.objects.filter(
            item=item, supply__state__in=[Supply.State.OPEN, Supply.State.SHIPPED]
        )
        .annotate(on=Coalesce("expected_on", "supply__expected_on"))
        .annotate(left=F("ordered") - F("received") - F("short"))
        .filter(left__gt=0)
        .select_related("supply__destination", "supply__origin")
    )
    if location_id:
        rows = rows.filter(supply__destination=location_id)
    found = []
    for row in rows.order_by(F("on").asc(nulls_last=True), "pk")[:SHOWN]:
        supply = row.supply
        source = supply.origin.name if supply.origin else supply.supplier
        words = supply.get_state_display().lower()
        found.append(
            Coming(
                number=supply.number,
                url=address("admin:supply_one", supply.pk),
                words=f"{words} from {source}" if source else words,
                place=supply.destination.name,
                units=row.left,
                promised=row.promised,
                on=row.on,
                late=row.on is not None and row.on < today,
            )
        )
    return found


def standings(level_ids: Sequence[int]) -> list[Standing]:
    rows = Standing.objects.filter(level__in=level_ids).select_related("level__location")
    return list(rows.order_by("trust", "pk"))


def fences(level_ids: Sequence[int]) -> list[RingFence]:
    rows = RingFence.objects.filter(level__in=level_ids, ended_at=None)
    return list(rows.select_related("level__location").order_by("channel", "pk"))


def thresholds(store: Store, item: Item) -> list[ChannelThreshold]:
    """Every rule that may hold for the item, the most exact first."""
    rows = ChannelThreshold.objects.filter(Q(item=item) | Q(item=None), store=store)
    return sorted(
        rows.select_related("location"),
        key=lambda rule: (rule.channel, rule.item_id is None, rule.location_id is None, rule.pk),
    )


def parts(item: Item) -> tuple[list[BundlePart], list[BundlePart]]:
    """What the item is made of, and the bundles it is a part of. One query."""
    rows = BundlePart.objects.filter(Q(bundle=item) | Q(part=item))
    found = list(rows.select_related("bundle", "part").order_by("pk")[: 2 * SHOWN])
    return (
        [row for row in found if row.bundle_id == item.pk],
        [row for row in found if row.part_id == item.pk],
    )


def level_ids_of(item: Item) -> list[tuple[int, int]]:
    """(level id, location id) of the item."""
    return list(StockLevel.objects.filter(item=item).values_list("pk", "location_id"))
