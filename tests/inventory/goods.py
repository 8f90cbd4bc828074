"""Supply and orders that wait, made as people and shops make them."""

from datetime import date, timedelta

from inventory import backorders, waiting
from inventory.commands import supply
from inventory.commands.supply import Ordered
from inventory.models import Location, StockLevel, Supply, SupplyLine, SupplyPromise
from oms.core import clock, invariants
from oms.orders.models import Order
from oms.wiring import INVARIANTS
from routing import commands as routing
from routing import policies
from tests.cast import OLGA, line, make_item, make_location, make_order, make_store, stock

SOON = clock.now().date() + timedelta(days=7)
LATER = SOON + timedelta(days=7)


def house() -> Location:
    """A store with a policy and one warehouse without a single mug."""
    policies.ensure_default(store_id=make_store().pk, actor=OLGA)
    stock(make_item("mug"), make_location("east"), 0)
    return make_location("east")


def purchase(
    units: int = 10, *, cap: int = 0, sku: str = "mug", day: date | None = SOON, number: str = ""
) -> Supply:
    """A purchase order of one item to the east, on its way."""
    return supply.create(
        store_id=make_store().pk,
        number=number or f"PO-{Supply.objects.count() + 1}",
        destination_id=make_location("east").pk,
        supplier="Acme Pottery",
        expected_on=day,
        lines=[Ordered(make_item(sku).pk, units, presell_cap=cap)],
        actor=OLGA,
    )


def waiting_order(units: int = 1, *, sku: str = "mug", minutes: int = 0, **fields: object) -> Order:
    """An order that was routed in vain; with more minutes it was placed later."""
    placed = clock.now() - timedelta(days=1) + timedelta(minutes=minutes)
    order = make_order(line(sku, units), placed_at=placed, **fields)
    route()
    return order


def route() -> None:
    """Everything that is due is done, as the jobs do it."""
    while waiting.wake_arrived() + routing.route_due(limit=100).orders:
        pass
    while backorders.settle_due(100):
        pass


def level(place: str = "east", sku: str = "mug") -> StockLevel:
    return StockLevel.objects.get(item__sku=sku, location=make_location(place))


def only_line(one: Supply) -> SupplyLine:
    return one.lines.get()


def promised(order: Order) -> list[tuple[str, int, date | None]]:
    """What an order is promised: (number of the supply, units, day)."""
    pending = SupplyPromise.objects.filter(line__order=order, state="pending")
    rows = pending.order_by("promised_for", "pk").values_list(
        "supply_line__supply__number", "quantity", "promised_for"
    )
    return list(rows)


def broken() -> list[str]:
    return [f"{f.code}: {f.first}" for f in invariants.check(INVARIANTS) if f.count]
