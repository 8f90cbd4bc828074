"""Sales at a till, as Shopify tells them."""

from datetime import timedelta
from typing import Any

from inventory.models import Location
from oms import flow
from oms.core import clock
from oms.core.actor import SHOPIFY
from oms.orders.models import Order
from oms.orders.snapshots import AddressSnapshot, OrderSnapshot
from tests.cast import line, make_item, make_store, snapshot


def sold(place: Location, **units: int) -> OrderSnapshot:
    """Units by SKU that left over the counter of a location a moment ago."""
    for sku in units:
        make_item(sku)
    lines = [line(sku, quantity, fulfillable=0) for sku, quantity in units.items()]
    return snapshot(*lines, **at_the_till(place))


def at_the_till(place: Location) -> dict[str, Any]:
    """What makes an order one of the till."""
    return {
        "channel": "pos",
        "sold_at_remote_id": place.remote_id,
        "recorded_at": clock.now() + timedelta(seconds=1),
        "address": AddressSnapshot(),
        "customer": None,
    }


def take_in(placed: OrderSnapshot) -> Order:
    """The order comes in as it does from a webhook; again, if it was there before."""
    flow.take_in_orders(store_id=make_store().pk, snapshots=[placed], actor=SHOPIFY)
    return Order.objects.get(remote_id=placed.remote_id)
