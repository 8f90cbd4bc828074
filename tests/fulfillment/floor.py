"""Orders brought to a stage of the floor, through the same commands that the product uses."""

from inventory import invariants as inventory_invariants
from inventory.models import StockEntry, StockLevel
from oms.core import invariants as core_invariants
from oms.core.actor import SWITCHYARD
from oms.core.models import OutboxIntent
from oms.fulfillment import commands
from oms.fulfillment import invariants as fulfillment_invariants
from oms.fulfillment.models import FulfillmentOrder, Shipment
from oms.orders import invariants as order_invariants
from oms.orders.models import Event, Order, OrderLine
from oms.orders.timeline import sentence
from returns import invariants as return_invariants
from routing import invariants as routing_invariants
from routing.commands import route_due
from routing.policies import ensure_default
from tests.cast import OLGA, line, make_item, make_location, make_order, make_store, stock

ROOMS = (
    core_invariants,
    order_invariants,
    inventory_invariants,
    fulfillment_invariants,
    routing_invariants,
    return_invariants,
)


def routed_order(sku: str = "mug", quantity: int = 1, *, on_hand: int = 100, **fields) -> Order:
    """An order of one line, planned at East, which holds `on_hand` units of its item."""
    item = make_item(sku)
    east = make_location("east")
    if not StockLevel.objects.filter(item=item, location=east).exists():
        stock(item, east, on_hand)
    return routed(make_order(line(sku, quantity), **fields))


def routed(order: Order) -> Order:
    ensure_default(store_id=make_store().pk, actor=SWITCHYARD)
    route_due(limit=100)
    return order


def work_of(order: Order) -> FulfillmentOrder:
    """The one piece of work of an order that is not cancelled."""
    return order.fulfillment_orders.exclude(state="cancelled").get()


def released(order: Order) -> FulfillmentOrder:
    work = work_of(order)
    commands.release(work_ids=[work.pk], actor=OLGA).or_refuse()
    return work_of(order)


def picking(order: Order) -> FulfillmentOrder:
    work = released(order)
    commands.start_picking(work_ids=[work.pk], actor=OLGA).or_refuse()
    return work_of(order)


def packed(order: Order) -> FulfillmentOrder:
    work = picking(order)
    commands.pick_all(work_ids=[work.pk], actor=OLGA).or_refuse()
    commands.pack(work_ids=[work.pk], actor=OLGA).or_refuse()
    return work_of(order)


def shipped(order: Order, tracking_number: str = "") -> Shipment:
    work = packed(order)
    number = tracking_number or f"1Z{work.pk}"
    return commands.ship(work_id=work.pk, boxes=[commands.Box("UPS", number)], actor=OLGA)


def buckets(order: Order) -> dict[str, int]:
    """Where the units of the first line are, leaving out empty buckets."""
    held = OrderLine.objects.filter(order=order).order_by("position").first()
    names = ("open", "reserved", "backordered", "released", "shipped", "cancelled", "returned")
    return {name: getattr(held, name) for name in names if getattr(held, name)}


def shelf(sku: str = "mug", place: str = "east") -> dict[str, int]:
    level = StockLevel.objects.get(item=make_item(sku), location=make_location(place))
    names = ("on_hand", "reserved", "safety", "damaged")
    return {name: getattr(level, name) for name in names if getattr(level, name)}


def sentences(order: Order, prefix: str) -> list[str]:
    events = Event.objects.filter(order=order, kind__startswith=prefix).order_by("id")
    return [sentence(event) for event in events]


def told(topic: str) -> list[tuple[str, dict]]:
    """Key and parameters of what waits to be told to Shopify about a topic."""
    return list(
        OutboxIntent.objects.filter(topic=topic).order_by("id").values_list("key", "params")
    )


def footprint() -> tuple[int, ...]:
    """Counts of the rows that no refused command may add to."""
    return (Event.objects.count(), StockEntry.objects.count(), OutboxIntent.objects.count())


def assert_sound() -> None:
    """Every invariant of every room holds."""
    for room in ROOMS:
        broken = [f for f in core_invariants.check(room.INVARIANTS) if f.count]
        assert not broken, broken
