"""What the shop changes after the order came in is carried through, unit by unit."""

import json
from decimal import Decimal

import pytest

from inventory import backorders
from oms import flow, wiring
from oms.core import invariants
from oms.core.actor import SHOPIFY
from oms.core.models import InboxMessage, Timer
from oms.fulfillment import commands as fulfillment
from oms.fulfillment.models import FulfillmentOrder
from oms.orders import money
from oms.orders.models import Order
from oms.orders.snapshots import OrderSnapshot
from routing import commands as routing
from routing import policies
from tests.cast import (
    NOON,
    OLGA,
    later,
    line,
    make_item,
    make_location,
    make_store,
    snapshot,
    stock,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def house() -> None:
    policies.ensure_default(store_id=make_store().pk, actor=OLGA)
    stock(make_item("mug"), make_location("east"), 4)
    stock(make_item("shirt"), make_location("east"), 9)


def take_in(placed: OrderSnapshot) -> Order:
    flow.take_in_orders(store_id=make_store().pk, snapshots=[placed], actor=SHOPIFY)
    return Order.objects.get(remote_id=placed.remote_id)


def take_off(placed: OrderSnapshot, position: int, units: int) -> Order:
    later(placed)
    entry = placed.lines[position]
    entry.current -= units
    entry.fulfillable -= units
    return take_in(placed)


def buckets(order: Order) -> list[tuple[str, int, int, int, int, int]]:
    return sorted(
        order.lines.values_list("sku", "open", "reserved", "backordered", "released", "cancelled")
    )


def owed(order: Order) -> Decimal:
    return money.balances([order.pk])[order.pk][0]


def assert_sound() -> None:
    assert [f.name for f in invariants.check(wiring.INVARIANTS) if f.count] == []


def test_units_taken_off_before_routing_are_cancelled_and_owed_no_more() -> None:
    placed = snapshot(line("mug", 3))
    take_in(placed)

    order = take_off(placed, 0, 1)

    assert buckets(order) == [("mug", 2, 0, 0, 0, 1)]
    assert owed(order) == Decimal("25.00")
    assert_sound()


def test_backordered_units_go_before_reserved_ones() -> None:
    placed = snapshot(line("mug", 6))
    take_in(placed)
    routing.route_due(limit=10)

    order = take_off(placed, 0, 3)

    assert buckets(order) == [("mug", 0, 3, 0, 0, 3)]
    assert FulfillmentOrder.objects.get().lines.get().quantity == 3
    assert_sound()


def test_the_other_line_keeps_its_reservation_when_one_is_taken_off() -> None:
    placed = snapshot(line("mug", 2), line("shirt", 1))
    order = take_in(placed)
    routing.route_due(limit=10)
    kept = order.lines.get(sku="shirt").reservations.get().pk

    take_off(placed, 0, 2)

    assert order.lines.get(sku="shirt").reservations.get().pk == kept
    assert buckets(order) == [("mug", 0, 0, 0, 0, 2), ("shirt", 0, 1, 0, 0, 0)]
    assert_sound()


def test_released_units_that_nobody_picked_are_taken_back_from_the_floor() -> None:
    placed = snapshot(line("mug", 2))
    take_in(placed)
    routing.route_due(limit=10)
    fulfillment.release_due(10)

    order = take_off(placed, 0, 2)

    assert buckets(order) == [("mug", 0, 0, 0, 0, 2)]
    assert FulfillmentOrder.objects.get().state == "cancelled"
    assert_sound()


def test_packed_units_stay_and_the_timeline_says_it_was_too_late() -> None:
    placed = snapshot(line("mug", 2))
    take_in(placed)
    routing.route_due(limit=10)
    fulfillment.release_due(10)
    work_ids = list(FulfillmentOrder.objects.values_list("pk", flat=True))
    fulfillment.start_picking(work_ids=work_ids, actor=OLGA)
    fulfillment.pick_all(work_ids=work_ids, actor=OLGA)
    fulfillment.pack(work_ids=work_ids, actor=OLGA)

    order = take_off(placed, 0, 1)

    assert buckets(order) == [("mug", 0, 0, 0, 2, 0)]
    assert order.events.last().kind == "order.cancel_too_late"
    assert owed(order) == Decimal("25.00"), "nothing was cancelled, so all of it is owed"
    assert_sound()


def test_an_order_cancelled_unpaid_owes_nothing_and_waits_for_nothing() -> None:
    placed = snapshot(line("mug", 6))
    take_in(placed)
    routing.route_due(limit=10)
    placed.cancelled_at = NOON

    order = take_off(placed, 0, 6)

    assert buckets(order) == [("mug", 0, 0, 0, 0, 6)]
    assert owed(order) == Decimal("0.00")
    Timer.objects.update(due_at="2026-01-01T00:00:00Z")
    routing.route_due(limit=10)
    fulfillment.release_due(10)
    backorders.settle_due(10)
    assert not Timer.objects.exists()
    assert_sound()


def arrive(body: bytes, topic: str = "orders/create") -> InboxMessage:
    return InboxMessage.objects.create(
        store=make_store(),
        delivery_id=f"d{InboxMessage.objects.count()}",
        topic=topic,
        body=body,
    )


def order_body(number: int, sku: str = "mug", quantity: object = 1) -> bytes:
    price = {"shop_money": {"amount": "10.00", "currency_code": "USD"}}
    return json.dumps(
        {
            "id": number,
            "name": f"#{number}",
            "created_at": "2026-11-20T12:00:00Z",
            "updated_at": "2026-11-20T12:00:00Z",
            "currency": "USD",
            "total_price": "10.00",
            "total_line_items_price": "10.00",
            "total_tax": "0.00",
            "total_discounts": "0.00",
            "line_items": [
                {
                    "id": number * 10,
                    "sku": sku,
                    "title": sku,
                    "quantity": quantity,
                    "current_quantity": quantity,
                    "fulfillable_quantity": quantity,
                    "price": "10.00",
                    "price_set": price,
                    "requires_shipping": True,
                }
            ],
            "shipping_address": {"country_code": "US", "zip": "10001"},
        }
    ).encode()


def test_bad_messages_are_set_apart_with_a_reason_and_the_others_go_on() -> None:
    good = arrive(order_body(1))
    broken = arrive(b'{"id": 2')
    not_text = arrive(b"\xff\xfe\x00")
    minus = arrive(order_body(3, quantity=-1))
    unknown_topic = arrive(b"{}", topic="planets/aligned")
    dull = arrive(b"{}", topic="customers/update")
    also_good = arrive(order_body(4))

    assert flow.drain_inbox(wiring.HANDLERS, limit=50) == 7

    states = dict(InboxMessage.objects.values_list("pk", "state"))
    assert states == {
        good.pk: "done",
        broken.pk: "quarantined",
        not_text.pk: "quarantined",
        minus.pk: "quarantined",
        unknown_topic.pk: "quarantined",
        dull.pk: "ignored",
        also_good.pk: "done",
    }
    assert not InboxMessage.objects.filter(state="quarantined", reason="").exists()
    assert bytes(InboxMessage.objects.get(pk=not_text.pk).body) == b"\xff\xfe\x00"
    assert sorted(Order.objects.values_list("remote_id", flat=True)) == [1, 4]
    assert_sound()


def test_an_unknown_sku_keeps_the_order_whole() -> None:
    arrive(order_body(5, sku="no-such-sku"))

    flow.drain_inbox(wiring.HANDLERS, limit=50)

    assert Order.objects.get().lines.get().item is None
