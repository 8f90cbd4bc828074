"""Whatever happens in whatever order, the shop ends with our numbers and never offers too much."""

import random
from datetime import timedelta

import pytest

from inventory.commands import adjust, set_safety, take_back
from inventory.commands.fences import end_fence, set_fence
from inventory.models import Location, RingFence, StockLevel
from oms import agreement
from oms.core.errors import Refused
from oms.core.sql import fetch
from oms.fulfillment.models import FulfillmentOrder
from oms.orders.models import Order
from oms.shopify import drift, push_stock
from routing import commands as routing
from tests.cast import OLGA
from tests.shopify.live import Live
from tests.shopify.test_push_stock import level, sell

LOST = ("status_500_after", "html_after")
NOT_DONE = ("status_500_before", "throttle")
STOCK_WRITES = ("inventorySetQuantities", "inventoryMoveQuantities")
STEPS = 45


class Day:
    """A day at the shop: orders, parcels, counts and a till, in an order that dice decide."""

    def __init__(self, live: Live, seed: int) -> None:
        self.live, self.dice = live, random.Random(seed)
        self.on_the_way: list[int] = []
        self.acts = [
            self.order, self.order, self.arrive, self.arrive, self.route, self.ship, self.push,
            self.push, self.correct, self.correct, self.keep, self.fence, self.till, self.take_back,
            self.lose_an_answer, self.compare,
        ]  # fmt: skip

    def pass_by(self) -> None:
        for _ in range(STEPS):
            self.dice.choice(self.acts)()

    def come_to_rest(self) -> None:
        self.live.shop.faults.switch_off("status_500_after")
        for name in (*LOST, *NOT_DONE):
            self.live.shop.faults.switch_off(name)
        while self.on_the_way:
            self.arrive()
        self.route()
        self.live.push_all()
        # What the till sold is news that only the comparison brings; then ours may be told.
        for _ in range(3):
            self.compare()
            self.live.push_all()

    def order(self) -> None:
        wanted = {"mug": self.dice.randint(1, 3)}
        if self.dice.random() < 0.4:
            wanted["shirt"] = 1
        self.on_the_way.append(self.live.place(**wanted))

    def arrive(self) -> None:
        if self.on_the_way:
            self.live.bring_in(self.on_the_way.pop(0))

    def route(self) -> None:
        routing.route_due(limit=100)

    def ship(self) -> None:
        work = list(FulfillmentOrder.objects.filter(state="planned").order_by("pk")[:3])
        if work:
            self.live.ship(self.dice.choice(work), tracking=f"1Z{self.dice.randint(1, 10**9)}")

    def push(self) -> None:
        self.live.push()

    def correct(self) -> None:
        here = self.any_level()
        delta = self.dice.choice([-2, -1, 1, 3, 5])
        adjust(level_id=here.pk, delta=delta, reason="counted again", actor=OLGA)

    def keep(self) -> None:
        here = self.any_level()
        set_safety(
            store_id=self.live.store.pk,
            safety=[(here.item_id, here.location_id, self.dice.randint(0, 6))],
            document="test",
            actor=OLGA,
        )

    def fence(self) -> None:
        here = self.any_level()
        held = RingFence.objects.filter(level=here, ended_at__isnull=True).first()
        try:
            if held:
                end_fence(fence_id=held.pk, actor=OLGA)
            else:
                set_fence(level_id=here.pk, channel="wholesale", units=2, actor=OLGA)
        except Refused:
            return

    def till(self) -> None:
        sell(self.live, 1, self.dice.choice(["east", "soho_store"]))

    def take_back(self) -> None:
        here = self.any_level()
        take_back(
            store_id=here.store_id, item_id=here.item_id, location_id=here.location_id, quantity=1,
            bucket="on_hand", document="rma:1", actor=OLGA,
        )  # fmt: skip

    def lose_an_answer(self) -> None:
        fault = self.dice.choice([*LOST, *NOT_DONE])
        self.live.shop.faults.switch_on(fault, count=1, only=self.dice.choice(STOCK_WRITES))

    def compare(self) -> None:
        drift.check_stock(self.live.store.pk, self.live.client)

    def any_level(self) -> StockLevel:
        levels = StockLevel.objects.filter(entries__isnull=False).distinct().order_by("pk")
        return self.dice.choice(list(levels))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_day_of_dice_ends_with_equal_numbers(live: Live, monkeypatch, seed):
    monkeypatch.setattr(drift, "QUIET", timedelta(seconds=-60))
    sends = []

    def watched(client, intent, numbers, step, send=push_stock._send):
        leaving = leaving_unheard(numbers.id)
        most = numbers.on_hand + leaving - step.basis["committed_there"] - step.keeps
        assert step.shows <= most, (step, most)
        sends.append(step)
        return send(client, intent, numbers, step)

    monkeypatch.setattr(push_stock, "_send", watched)
    day = Day(live, seed)
    day.pass_by()
    day.come_to_rest()

    assert sends, "nothing was told at all"
    assert agreement.stock_differences(live.store.pk, stock_of(live)) == []
    assert offered_too_much(live) == []
    assert Order.objects.count() > 0


def leaving_unheard(level_id: int) -> int:
    """Units that left and that the shop has not heard of."""
    [(units,)] = fetch(
        """
        SELECT coalesce(-sum(e.delta), 0)::int FROM inventory_stockentry e
        JOIN fulfillment_shipment s ON e.document = 'shipment:' || s.id AND s.remote_id IS NULL
        WHERE e.level_id = %s AND e.bucket = 'on_hand' AND e.cause = 'ship'
        """,
        [level_id],
    )
    return int(units)


def offered_too_much(live: Live) -> list[str]:
    """I21: per item, what the shop offers beyond on hand less promised less kept back."""
    offers: dict[int, int] = {}
    for row in stock_of(live):
        offers[row["item_id"]] = offers.get(row["item_id"], 0) + row["available"]
    return [
        f"{sku}: {offers[item]} offered, {free} free"
        for item, sku, free in fetch(
            """
            SELECT i.shopify_inventory_item_id, i.sku,
                   sum(greatest(v.on_hand - v.reserved - v.safety - v.fenced, 0))::int
            FROM inventory_stocklevel v JOIN catalog_item i ON i.id = v.item_id
            WHERE v.store_id = %s GROUP BY i.id
            """,
            [live.store.pk],
        )
        if offers[item] > free
    ]


def stock_of(live: Live) -> list[dict]:
    status, export = live.shop.control.answer("GET", "/sandbox/export?type=stock", b"")
    assert status == 200
    return export["stock"]


def test_a_difference_is_named(live: Live):
    assert agreement.stock_differences(live.store.pk, stock_of(live)) == []
    sell(live, 1)
    assert agreement.stock_differences(live.store.pk, stock_of(live)) == [
        "mug at east: on hand 10 here, 9 in the shop"
    ]
    assert level(live).on_hand == 10
    assert Location.objects.count() == 3
