"""What is kept for a time ends by itself, once, and whoever waits for the units has their turn."""

from datetime import timedelta

import pytest

from inventory import expiry, waiting
from inventory.commands import fences, soft
from inventory.models import Reservation, RingFence, StockEntry, StockLevel
from oms import jobs, wiring
from oms.core import invariants, timers
from oms.core.clock import now
from oms.core.models import Timer
from oms.orders.models import OrderLine
from oms.wiring import INVARIANTS
from tests.cast import OLGA, line, make_item, make_location, make_order, make_store, stock

pytestmark = pytest.mark.django_db


@pytest.fixture
def level() -> StockLevel:
    """Ten mugs: four kept for a cart, five for b2b, both past their time; an order waits."""
    level = stock(make_item("mug"), make_location("east"), 10)
    soft.keep(
        store_id=make_store().pk,
        holder="cart:abc",
        wants=[(level.item_id, 4)],
        minutes=5,
        actor=OLGA,
    )
    fences.set_fence(level_id=level.pk, channel="b2b", units=5, actor=OLGA)
    Reservation.objects.update(expires_at=now() - timedelta(seconds=1))
    RingFence.objects.update(until=now().date() - timedelta(days=2))
    order = make_order(line("mug", 9))
    OrderLine.objects.update(open=0, backordered=9)
    timers.stop("route", [order.pk])
    Timer.objects.all().delete()
    return level


def test_promises_and_fences_past_their_time_end(level: StockLevel) -> None:
    assert expiry.end_what_is_over() == 2

    level.refresh_from_db()
    assert (level.soft, level.fenced, level.available) == (0, 0, 10)
    assert Reservation.objects.get().state == "expired"
    waiting.wake_arrived()
    assert Timer.objects.filter(kind="route").count() == 1
    assert not [f for f in invariants.check(INVARIANTS) if f.count]


def test_again_is_quiet(level: StockLevel) -> None:
    expiry.end_what_is_over()
    before = StockEntry.objects.count()

    assert expiry.end_what_is_over() == 0

    assert StockEntry.objects.count() == before


@pytest.mark.django_db(transaction=True)
def test_the_job_does_it_every_half_minute(level: StockLevel) -> None:
    assert wiring.JOBS["end_promises"] == wiring.Job("sweep", every=30)

    jobs.end_promises()

    level.refresh_from_db()
    assert level.available == 10
