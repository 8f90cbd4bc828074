"""The cast of every test: shop acme, locations east, west and soho_store, items mug and shirt.

Orders come in through the same door as real ones, so a test starts from what the product makes.
"""

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group

from inventory.commands import Count, set_on_hand, set_safety
from inventory.models import Location, StockLevel
from inventory.waiting import wake_arrived
from oms.catalog.models import Item
from oms.core.actor import SHOPIFY, Actor
from oms.core.models import Store
from oms.orders.intake import take_in
from oms.orders.models import Order
from oms.orders.snapshots import (
    AddressSnapshot,
    CustomerSnapshot,
    LineSnapshot,
    OrderSnapshot,
)

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
OLGA = Actor("user", "Olga Ops")
SAM = Actor("user", "Sam Support")
FAY = Actor("user", "Fay Finance")
_numbers = itertools.count(1001)

PLACES = {
    "east": ("East", "EST", 40.71, -74.01, "NY", "10001"),
    "west": ("West", "WST", 34.05, -118.24, "CA", "90001"),
    "soho_store": ("Soho store", "SOH", 40.72, -74.00, "NY", "10012"),
}


def make_store(handle: str = "acme") -> Store:
    return Store.objects.get_or_create(
        handle=handle, defaults={"name": handle.capitalize(), "currency": "USD"}
    )[0]


def make_item(sku: str = "mug", *, store: Store | None = None, **fields: Any) -> Item:
    store = store or make_store()
    number = Item.objects.count() + 1
    defaults = {
        "title": sku.capitalize(),
        "weight_grams": 300,
        "shopify_variant_id": 5000 + number,
        "shopify_inventory_item_id": 6000 + number,
    }
    return Item.objects.get_or_create(store=store, sku=sku, defaults=defaults | fields)[0]


def make_location(handle: str = "east", *, store: Store | None = None, **fields: Any) -> Location:
    store = store or make_store()
    name, code, latitude, longitude, province, postal_code = PLACES[handle]
    defaults = {
        "name": name,
        "remote_id": 7000 + list(PLACES).index(handle),
        "country": "US",
        "province": province,
        "postal_code": postal_code,
        "latitude": latitude,
        "longitude": longitude,
        "ships_to": ["US"],
    }
    return Location.objects.get_or_create(store=store, code=code, defaults=defaults | fields)[0]


def stock(item: Item, location: Location, on_hand: int, *, safety: int = 0) -> StockLevel:
    """Put units on a shelf through the ledger; who waits for them has their turn, as by the job."""
    set_on_hand(
        store_id=item.store_id,
        counts=[Count(item.pk, location.pk, on_hand)],
        cause="opening",
        document="test",
        actor=SHOPIFY,
    )
    wake_arrived()
    if safety:
        set_safety(
            store_id=item.store_id,
            safety=[(item.pk, location.pk, safety)],
            document="test",
            actor=SHOPIFY,
        )
    return StockLevel.objects.get(item=item, location=location)


def line(sku: str = "mug", quantity: int = 1, **fields: Any) -> LineSnapshot:
    """One line of a snapshot: 10.00 a unit, no tax, no discount."""
    item = Item.objects.filter(sku=sku).first()
    values: dict[str, Any] = {
        "remote_id": next(_numbers) + 900_000,
        "sku": sku,
        "title": sku.capitalize(),
        "variant_id": item.shopify_variant_id if item else None,
        "quantity": quantity,
        "current": quantity,
        "fulfillable": quantity,
        "ships": True,
        "unit_price": Decimal("10.00"),
        "discount": Decimal(0),
        "tax": Decimal(0),
    }
    return LineSnapshot(**(values | fields))


def snapshot(*lines: LineSnapshot, **fields: Any) -> OrderSnapshot:
    """An order of those lines from New York, placed at noon, with 5.00 for delivery."""
    number = next(_numbers)
    items = sum((entry.unit_price * entry.quantity for entry in lines), Decimal(0))
    tax = sum((entry.tax for entry in lines), Decimal(0))
    discount = sum((entry.discount for entry in lines), Decimal(0))
    delivery = fields.get("delivery_total", Decimal("5.00"))
    values: dict[str, Any] = {
        "remote_id": 100_000 + number,
        "name": f"#{number}",
        "updated_at": NOON,
        "placed_at": NOON,
        "cancelled_at": None,
        "channel": "web",
        "currency": "USD",
        "items_total": items,
        "delivery_total": delivery,
        "tax_total": tax,
        "discount_total": discount,
        "total": items + delivery + tax - discount,
        "email": "cora@example.com",
        "financial_status": "paid",
        "address": AddressSnapshot(
            name="Cora Customer",
            address1="1 Main Street",
            city="New York",
            province="NY",
            postal_code="10001",
            country="US",
            latitude=40.75,
            longitude=-73.99,
        ),
        "customer": CustomerSnapshot(777, "Cora Customer", "cora@example.com"),
        "lines": list(lines),
    }
    return OrderSnapshot(**(values | fields))


def later(known: OrderSnapshot, *, minutes: int = 1) -> OrderSnapshot:
    """The same snapshot, one version on; change it before taking it in."""
    known.updated_at += timedelta(minutes=minutes)
    return known


def make_order(
    *lines: LineSnapshot, store: Store | None = None, paid: bool = True, **fields: Any
) -> Order:
    """An order that came in, not routed yet; one mug when no line is given."""
    from oms.orders import payments
    from oms.orders.snapshots import TransactionSnapshot

    store = store or make_store()
    if not lines:
        make_item("mug", store=store)
    placed = snapshot(*(lines or (line("mug"),)), **fields)
    (order_id,) = take_in(store_id=store.pk, snapshots=[placed], actor=SHOPIFY).new
    if paid:
        payments.record(
            store_id=store.pk,
            transactions=[
                TransactionSnapshot(
                    remote_id=placed.remote_id + 1_000_000,
                    order_remote_id=placed.remote_id,
                    parent_remote_id=None,
                    kind="sale",
                    status="success",
                    gateway="bogus",
                    amount=placed.total,
                    currency=placed.currency,
                    processed_at=placed.placed_at,
                )
            ],
            actor=SHOPIFY,
        )
    return Order.objects.get(pk=order_id)


def make_user(username: str, role: str) -> Any:
    """A person with a role: olga is ops, sam is support, fay is finance."""
    user, made = get_user_model().objects.get_or_create(
        username=username, defaults={"is_staff": True, "first_name": username.capitalize()}
    )
    if made:
        user.groups.add(Group.objects.get_or_create(name=role)[0])
    return user
