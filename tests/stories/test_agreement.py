"""Whether both systems tell the same story of an order, and what is said when they do not."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from oms import agreement
from oms.core.actor import Actor
from oms.exceptions import sweep
from oms.fulfillment import commands as floor
from oms.orders.models import Order
from oms.shopify import pull
from tests.cast import NOON
from tests.shopify.live import Live, live_store

CARRIER = Actor("carrier", "UPS")


@pytest.fixture
def live(db: None, tmp_path: Path) -> Iterator[Live]:
    with live_store(tmp_path / "store") as store:
        yield store


def export(live: Live) -> list[dict[str, Any]]:
    return live.shop.control.export({}, {})["orders"]


@pytest.fixture
def shipped(live: Live) -> Live:
    """One order that left and arrived, told to the shop."""
    order = live.bring_in(live.place(mug=2, shirt=1))
    (work,) = live.route(order)
    shipment = live.ship(work, tracking="1Z1")
    floor.record_scan(
        parcel_id=shipment.parcels.get().pk,
        state="delivered",
        at=NOON,
        remote_id="scan-1",
        actor=CARRIER,
    )
    live.push_all()
    return live


def test_a_shipped_order_is_the_same_on_both_sides(shipped: Live) -> None:
    assert agreement.differences(export(shipped)) == []


def test_an_order_that_never_arrived_is_named(shipped: Live) -> None:
    shipped.place(mug=1)

    assert agreement.differences(export(shipped)) == ["#1002 never arrived"]
    assert agreement.differences([]) == ["#1001 is not in the shop"]


def test_a_shipment_told_twice_is_seen(shipped: Live) -> None:
    (row,) = export(shipped)
    twice = copy.deepcopy(row)
    twice["fulfilled"] *= 2
    twice["fulfillments"][0]["events"] *= 2
    twice["fulfillments"] += row["fulfillments"]

    assert agreement.differences([twice]) == [
        "#1001: units that left 3 here, 6 in the shop",
        "#1001: parcels told {('1Z1',): 3} here, {('1Z1',): 6} in the shop",
        "#1001: the shop heard DELIVERED of 1Z1 twice",
    ]


def test_money_given_back_that_nobody_told_us_of_is_seen(shipped: Live) -> None:
    (row,) = export(shipped)
    refund = {"id": "gid://shopify/Refund/7", "note": "", "units": 1}
    refunded = {**row, "refunded": 1, "refunded_money": "1.00", "refunds": [refund]}

    whats = [line.split(":")[1].rsplit(" here")[0] for line in agreement.differences([refunded])]
    assert [what.rsplit(" ", 1)[0] for what in whats] == [" money", " refunds", " units refunded"]


def test_units_that_left_although_they_were_taken_off_are_in_the_queue(live: Live) -> None:
    order = live.bring_in(live.place(mug=2))
    (work,) = live.route(order)
    live.push_all()
    live.ship(work)
    take_one_off(live, order)
    live.push_all()
    assert agreement.differences(export(live))[0] == "#1001: units that left 2 here, 1 in the shop"

    pull.ask_for_orders(live.store.pk, [order.remote_id])
    live.push_all()
    live.read_inbox()
    sweep.sweep(kinds=["cancelled_after_ship"])
    assert agreement.differences(export(live)) == []


def take_one_off(live: Live, order: Order) -> None:
    """A merchant gives back the money of one unit that, as far as Shopify knows, never left."""
    data = live.run(
        "query($id: ID!) { order(id: $id) { lineItems(first: 1) { nodes { id } } }"
        " locations(first: 1) { nodes { id } } }",
        id=f"gid://shopify/Order/{order.remote_id}",
    )
    line = {
        "lineItemId": data["order"]["lineItems"]["nodes"][0]["id"],
        "quantity": 1,
        "restockType": "CANCEL",
        "locationId": data["locations"]["nodes"][0]["id"],
    }
    answer = live.run(
        """
        mutation Off($input: RefundInput!) {
          refundCreate(input: $input) @idempotent(key: "merchant") { userErrors { message } }
        }
        """,
        input={"orderId": f"gid://shopify/Order/{order.remote_id}", "refundLineItems": [line]},
    )
    assert not answer["refundCreate"]["userErrors"]
