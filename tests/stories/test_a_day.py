"""A day of one order, over HTTP both ways: placed, shipped, delivered, sent back, refunded."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from inventory import backorders, waiting
from oms import figures, wiring
from oms.core import invariants
from oms.core.models import InboxMessage
from oms.exceptions import sweep
from oms.exceptions.models import ExceptionCase
from oms.fulfillment import commands as floor
from oms.fulfillment.models import Parcel
from oms.orders import money
from oms.orders.models import Order
from oms.orders.timeline import sentence
from oms.shopify import webhooks
from oms.shopify.sandbox.server import SandboxServer
from returns import commands as returns
from returns import refunds
from returns.models import RMA, Refund
from tests.cast import FAY, NOON, OLGA, SAM
from tests.shopify.live import Live

PATIENCE_SECONDS = 20


@pytest.fixture
def day(transactional_db: None, live_server: Any, tmp_path: Path) -> Iterator[Live]:
    """A local store whose webhooks come in through the real door."""
    webhooks.forget_doors()
    with SandboxServer(tmp_path / "store", seed="tiny") as shop:
        yield Live(shop, live_server.url)


def hear(day: Live) -> None:
    """Wait until Shopify has delivered what it has to say, and read it."""
    end = time.monotonic() + PATIENCE_SECONDS
    while day.shop.deliverer.pending():
        assert time.monotonic() < end, "the store could not deliver its webhooks"
        time.sleep(0.02)
    day.read_inbox()
    waiting.wake_arrived()
    backorders.settle_due(10)


def settle(day: Live) -> None:
    """Each side hears the echo of the other until nobody has anything to say."""
    for _ in range(5):
        day.push_all()
        hear(day)
        if figures.settled()["settled"]:
            return


def test_an_order_goes_out_comes_back_and_its_money_agrees(day: Live) -> None:
    remote_id = day.place(mug=2, shirt=1)
    hear(day)
    order = Order.objects.get(remote_id=remote_id)
    assert InboxMessage.objects.filter(topic="orders/create", state="done").count() == 1

    (work,) = day.route(order)
    day.push_all()
    day.ship(work)
    day.push_all()
    hear(day)
    assert day.remote(order)["displayFulfillmentStatus"] == "FULFILLED"

    parcel = Parcel.objects.get()
    floor.record_scan(
        parcel_id=parcel.pk, state="delivered", at=NOON, remote_id="scan-1", actor=OLGA
    )
    day.push_all()
    hear(day)

    day.request_return(order)
    hear(day)
    day.push_all()
    rma = RMA.objects.get()
    returns.approve(rma_id=rma.pk, actor=SAM)
    line = rma.lines.get()
    returns.receive(rma_id=rma.pk, quantities={line.pk: 1}, location_id=work.location_id, actor=SAM)
    returns.inspect(rma_line_id=line.pk, quantity=1, disposition="restock", actor=SAM)
    refund = refunds.propose(rma_id=rma.pk, actor=SAM)
    refunds.approve(refund_id=refund.pk, actor=FAY)
    returns.close(rma_id=rma.pk, actor=SAM)
    day.push_all()
    hear(day)

    refund.refresh_from_db()
    assert refund.state == Refund.State.SUBMITTED
    owed, moved = money.balances([order.pk])[order.pk]
    assert owed == moved == order.total - refund.owed
    remote = day.remote(order)
    assert len(remote["refunds"]) == 1
    assert sum(line.returned for line in order.lines.all()) == 1
    settle(day)
    sweep.sweep()
    assert list(ExceptionCase.objects.filter(closed_at=None)) == []
    assert [f.name for f in invariants.check(wiring.INVARIANTS) if f.count] == []
    assert figures.settled()["settled"], figures.settled()
    told = [sentence(event) for event in order.events.order_by("pk")]
    assert told[0].startswith("Placed #")
    assert any("delivered" in words for words in told)
    assert any("Refund of" in words for words in told)


def test_every_webhook_of_the_day_twice_and_backwards_changes_nothing(day: Live) -> None:
    remote_id = day.place(mug=1)
    hear(day)
    order = Order.objects.get(remote_id=remote_id)
    (work,) = day.route(order)
    day.push_all()
    day.ship(work)
    day.push_all()
    hear(day)
    before = figures.summary()
    events = order.events.count()

    messages = list(InboxMessage.objects.order_by("-pk"))
    for number, message in enumerate(messages):
        InboxMessage.objects.create(
            store=message.store,
            delivery_id=f"again-{number}",
            topic=message.topic,
            body=message.body,
        )
    hear(day)
    day.push_all()

    assert InboxMessage.objects.filter(state="done").count() >= 2 * len(messages) - 2
    after = figures.summary()
    kept = ("orders_in", "routed", "shipped", "units_shipped", "invariant_violations")
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    assert order.events.count() == events
    assert len(day.remote(order)["fulfillments"]) == 1
