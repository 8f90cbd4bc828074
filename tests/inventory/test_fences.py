"""Units kept for one channel: set, changed, ended by hand and by date; never more than are free."""

import threading
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection

from inventory import ledger, reservations, waiting
from inventory.commands import fences
from inventory.models import RingFence, StockEntry, StockLevel
from inventory.reservations import Promise
from oms.core import invariants, timers
from oms.core.clock import now
from oms.core.errors import Refused
from oms.core.models import Store, Timer
from oms.orders.models import OrderLine
from oms.wiring import INVARIANTS
from tests.cast import OLGA, line, make_item, make_location, make_order, stock

pytestmark = pytest.mark.django_db


@pytest.fixture
def level() -> StockLevel:
    return stock(make_item("mug"), make_location("east"), 10, safety=2)


def keep(level: StockLevel, units: int, channel: str = "b2b", **more: Any) -> RingFence:
    return fences.set_fence(level_id=level.pk, channel=channel, units=units, actor=OLGA, **more)


def fenced(level: StockLevel) -> tuple[int, int]:
    level.refresh_from_db()
    return level.fenced, level.available


def test_a_fence_keeps_free_units_for_its_channel(level: StockLevel) -> None:
    fence = keep(level, 5)

    assert fenced(level) == (5, 3)
    assert (fence.units, fence.channel, fence.created_by) == (5, "b2b", "user:Olga Ops")
    entry = level.entries.latest("pk")
    assert (entry.bucket, entry.delta, entry.cause, entry.document) == (
        "fenced",
        5,
        "fence",
        f"fence:{fence.pk}",
    )
    assert not [f for f in invariants.check(INVARIANTS) if f.count]


def test_setting_it_again_changes_it(level: StockLevel) -> None:
    first = keep(level, 5)

    again = keep(level, 3, overflow=False, until=now().date() + timedelta(days=9))

    assert again.pk == first.pk
    assert fenced(level) == (3, 5)
    first.refresh_from_db()
    assert (first.units, first.overflow) == (3, False)


def test_the_same_fence_again_is_quiet(level: StockLevel) -> None:
    keep(level, 5)
    before = StockEntry.objects.count()

    keep(level, 5)

    assert StockEntry.objects.count() == before


def test_more_than_is_free_is_refused_and_what_stood_stays(level: StockLevel) -> None:
    fence = keep(level, 5)
    before = StockEntry.objects.count()

    with pytest.raises(Refused, match="Only 3 units more can be kept here"):
        keep(level, 9)
    with pytest.raises(Refused, match="Only 3 units more"):
        keep(level, 4, channel="amazon")

    fence.refresh_from_db()
    assert (fence.units, fenced(level)) == (5, (5, 3))
    assert RingFence.objects.count() == 1
    assert StockEntry.objects.count() == before


def test_a_shelf_under_count_is_not_fenced(level: StockLevel) -> None:
    ledger.freeze([level.pk], frozen=True)

    with pytest.raises(Refused, match="while the shelf is counted"):
        keep(level, 1)

    assert RingFence.objects.count() == 0


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"units": 0}, "at least one"),
        ({"units": 1, "channel": "  "}, "for which channel"),
        ({"units": 1, "channel": "x" * 65}, "at most 64"),
        ({"units": 1, "until": date(2020, 1, 1)}, "01 Jan 2020 is over"),
    ],
)
def test_what_makes_no_sense_is_refused(level: StockLevel, bad: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=words):
        keep(level, **bad)

    assert RingFence.objects.count() == 0
    assert fenced(level) == (0, 8)


def test_ending_a_fence_frees_its_units_and_wakes_who_waits(level: StockLevel) -> None:
    fence = keep(level, 5)
    order = make_order(line("mug", 20))
    OrderLine.objects.update(open=0, backordered=20)
    timers.stop("route", [order.pk])

    fences.end_fence(fence_id=fence.pk, actor=OLGA)

    assert fenced(level) == (0, 8)
    waiting.wake_arrived()
    assert Timer.objects.get(kind="route").subject_id == order.pk
    before = StockEntry.objects.count()
    assert fences.end_fence(fence_id=fence.pk, actor=OLGA).ended_at is not None
    assert StockEntry.objects.count() == before


def test_a_new_fence_may_follow_one_that_ended(level: StockLevel) -> None:
    fences.end_fence(fence_id=keep(level, 5).pk, actor=OLGA)

    assert keep(level, 4).pk != RingFence.objects.earliest("pk").pk
    assert fenced(level) == (4, 4)


def test_what_the_channel_was_promised_stays_when_its_fence_ends(level: StockLevel) -> None:
    fence = keep(level, 5)
    order_line = make_order(line("mug", 3), channel="b2b").lines.get()
    promise = Promise(order_line.pk, level.pk, 3, "test", channel="b2b")
    [held] = reservations.reserve([promise], actor=OLGA)

    fences.end_fence(fence_id=fence.pk, actor=OLGA)
    assert fenced(level) == (0, 5)

    reservations.release([(held, 3)], actor=OLGA, document="test")
    assert fenced(level) == (0, 8)


def test_fences_past_their_day_end_by_themselves_where_the_shop_is(level: StockLevel) -> None:
    Store.objects.update(timezone="Pacific/Kiritimati")
    fence, other = keep(level, 5), keep(level, 1, channel="amazon")
    today = now().date()
    RingFence.objects.filter(pk=fence.pk).update(until=today - timedelta(days=1))
    RingFence.objects.filter(pk=other.pk).update(until=today + timedelta(days=2))

    assert fences.end_due_fences() == 1
    assert fences.end_due_fences() == 0

    assert fenced(level) == (1, 7)
    fence.refresh_from_db()
    assert fence.ended_at is not None


@pytest.mark.django_db(transaction=True)
def test_two_people_who_fence_the_last_units_get_them_once() -> None:
    level = stock(make_item("mug"), make_location("east"), 6)
    outcomes: list[str] = []
    start = threading.Barrier(4)

    def work(channel: str) -> None:
        start.wait()
        try:
            keep(level, 4, channel=channel)
            outcomes.append("kept")
        except Refused:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(c,)) for c in ("b2b", "b2b", "a", "c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert fenced(level) == (4, 2)
    assert len(outcomes) == 4
    assert outcomes.count("kept") in (1, 2)  # the same fence twice is one fence
    assert RingFence.objects.count() == 1
