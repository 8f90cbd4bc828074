"""Sold before it came: promised, slipped, told, received short, shipped; both shops agree."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from inventory.commands import Count, receiving, set_on_hand, slips, supply
from inventory.commands.receiving import Arrived
from inventory.commands.supply import Ordered
from inventory.models import Location, Presell, SupplyPromise
from oms import wiring
from oms.catalog.models import Item
from oms.core import clock, invariants
from oms.exceptions import sweep
from oms.exceptions.models import ExceptionCase
from oms.fulfillment.models import FulfillmentOrder
from oms.orders.models import Order
from oms.orders.timeline import sentence
from oms.shopify.sandbox.server import SandboxServer
from tests.cast import OLGA, SAM
from tests.inventory.goods import promised, route
from tests.shopify.live import Live


@pytest.fixture
def live(transactional_db: None, tmp_path: Path) -> Iterator[Live]:
    with SandboxServer(tmp_path / "store", seed="tiny") as shop:
        yield Live(shop)


def open_kinds() -> list[str]:
    sweep.sweep()
    return list(ExceptionCase.objects.filter(closed_at=None).values_list("kind", flat=True))


def test_an_order_waits_for_its_supply_and_gets_it_in_its_turn(live: Live) -> None:
    mug = Item.objects.get(sku="mug")
    places = list(Location.objects.order_by("pk"))
    set_on_hand(
        store_id=live.store.pk,
        counts=[Count(mug.pk, place.pk, 0) for place in places],
        cause="count",
        document="test",
        actor=OLGA,
    )
    soon = clock.now().date() + timedelta(days=7)
    later = soon + timedelta(days=5)
    here = next(place for place in places if "US" in place.ships_to)
    one = supply.create(
        store_id=live.store.pk,
        number="PO-2041",
        destination_id=here.pk,
        supplier="Acme Pottery",
        expected_on=soon,
        lines=[Ordered(mug.pk, 10, presell_cap=3)],
        actor=OLGA,
    )
    assert Presell.objects.get(item=mug).on
    live.push_all()

    first = live.bring_in(live.place(mug=2))
    second = live.bring_in(live.place(mug=2))
    route()
    assert promised(first) == [("PO-2041", 2, soon)]
    assert promised(second) == [("PO-2041", 1, soon)]
    assert not Presell.objects.get(item=mug).on
    # One unit has no day: that is for a person. The promised ones are not.
    assert open_kinds() == ["unroutable"]

    slips.change_day(supply_id=one.pk, expected_on=later, actor=OLGA)
    assert sorted(open_kinds()) == ["promise_slipped", "unroutable"]
    slips.note_told(supply_id=one.pk, actor=SAM)
    assert open_kinds() == ["unroutable"]

    receiving.receive(
        supply_id=one.pk,
        arrived=[Arrived(mug.pk, good=3, damaged=1)],
        request_key="dock-1",
        finish=True,
        actor=OLGA,
    )
    rival = live.bring_in(live.place(mug=1))
    route()

    def units(order: Order) -> tuple[int, int]:
        line = order.lines.get()
        return line.reserved + line.released, line.backordered

    assert (units(first), units(second), units(rival)) == ((2, 0), (1, 1), (0, 1))
    assert set(SupplyPromise.objects.values_list("state", flat=True)) == {"kept"}
    for order in (first, second):
        (work,) = FulfillmentOrder.objects.filter(order=order)
        live.push_all()
        live.ship(work, tracking=f"1Z{work.pk}")
        live.push_all()
    assert [f.name for f in invariants.check(wiring.INVARIANTS) if f.count] == []

    told = [sentence(event) for event in first.events.order_by("pk")]
    day = f"{later:%a} {later.day} {later:%b %Y}"
    assert any(f"now {day}" in words for words in told)
    assert f"The customer was told: 2 units of PO-2041 come {day}" in told
    arrived = f"2 units arrived at {here.name} with PO-2041 and are kept for this order"
    assert arrived in told


def test_whatever_is_retried_is_done_once(live: Live) -> None:
    mug = Item.objects.get(sku="mug")
    here = Location.objects.filter(ships_to__contains=["US"]).order_by("pk")[0]
    one = supply.create(
        store_id=live.store.pk,
        number="PO-1",
        destination_id=here.pk,
        lines=[Ordered(mug.pk, 5)],
        actor=OLGA,
    )

    def again() -> Any:
        return receiving.receive(
            supply_id=one.pk, arrived=[Arrived(mug.pk, good=5)], request_key="dock-1", actor=OLGA
        )

    assert again() == again()
    live.push_all()
    assert [f.name for f in invariants.check(wiring.INVARIANTS) if f.count] == []
