"""Units set aside, put back, found and written off by people, each with a reason."""

from typing import Any

import pytest

from inventory import ledger, reservations, waiting
from inventory.commands import adjust, set_safety
from inventory.commands.stock import put_back, set_aside, write_off
from inventory.ledger import Change
from inventory.models import StockEntry, StockLevel
from inventory.reservations import Promise
from oms.core import timers
from oms.core.errors import Refused
from oms.core.models import OutboxIntent, Timer
from oms.orders.models import OrderLine
from tests.cast import OLGA, line, make_item, make_location, make_order, stock

pytestmark = pytest.mark.django_db


@pytest.fixture
def level() -> StockLevel:
    return stock(make_item("mug"), make_location("east"), 10)


def counters(level: StockLevel) -> tuple[int, int, int]:
    level.refresh_from_db()
    return level.on_hand, level.damaged, level.quality


def waiting_order() -> int:
    order = make_order(line("mug", 20))
    OrderLine.objects.update(open=0, backordered=20)
    timers.stop("route", [order.pk])
    return order.pk


def test_damaged_units_leave_the_shelf_and_are_counted_apart(level: StockLevel) -> None:
    set_aside(
        level_id=level.pk, quantity=3, bucket="damaged", reason="damaged", note="wet", actor=OLGA
    )

    assert counters(level) == (7, 3, 0)
    assert {e.document for e in level.entries.order_by("-pk")[:2]} == {"reason:damaged wet"}
    assert OutboxIntent.objects.filter(topic="inventory.publish").count() == 1


def test_setting_aside_promised_units_sees_to_who_loses(level: StockLevel) -> None:
    order_line = make_order(line("mug", 9)).lines.get()
    reservations.reserve([Promise(order_line.pk, level.pk, 9, "test")], actor=OLGA)

    set_aside(level_id=level.pk, quantity=3, bucket="quality", reason="supplier", actor=OLGA)

    assert counters(level) == (7, 0, 3)
    assert Timer.objects.get(kind="shortage").subject_id == level.pk


def test_units_that_passed_go_back_and_wake_who_waits(level: StockLevel) -> None:
    set_aside(level_id=level.pk, quantity=3, bucket="quality", reason="supplier", actor=OLGA)
    order_id = waiting_order()

    put_back(level_id=level.pk, quantity=2, bucket="quality", reason="repaired", actor=OLGA)

    assert counters(level) == (9, 0, 1)
    waiting.wake_arrived()
    assert Timer.objects.get(kind="route").subject_id == order_id


def test_found_units_come_from_nowhere(level: StockLevel) -> None:
    put_back(level_id=level.pk, quantity=2, reason="found", actor=OLGA)

    assert counters(level) == (12, 0, 0)


def test_units_set_aside_leave_for_good(level: StockLevel) -> None:
    set_aside(level_id=level.pk, quantity=3, bucket="damaged", reason="damaged", actor=OLGA)

    write_off(level_id=level.pk, quantity=3, bucket="damaged", reason="damaged", actor=OLGA)

    assert counters(level) == (7, 0, 0)


@pytest.mark.parametrize(
    ("command", "asked", "words"),
    [
        (set_aside, {"quantity": 11, "bucket": "damaged"}, "Only 10 units of 11 stand on the"),
        (put_back, {"quantity": 1, "bucket": "damaged"}, "Only 0 units of 1 stand among the"),
        (write_off, {"quantity": 1, "bucket": "quality"}, "in quality control"),
        (set_aside, {"quantity": 0, "bucket": "damaged"}, "at least one"),
        (put_back, {"quantity": 1, "reason": "because"}, "Choose a reason"),
        (put_back, {"quantity": 1, "reason": "other"}, "Say in the note"),
        (put_back, {"quantity": 1, "level_id": 0}, "does not exist"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_moves(
    level: StockLevel, command: Any, asked: dict[str, Any], words: str
) -> None:
    before = StockEntry.objects.count()

    with pytest.raises(Refused, match=words):
        command(**({"level_id": level.pk, "reason": "damaged", "actor": OLGA} | asked))

    assert counters(level) == (10, 0, 0)
    assert StockEntry.objects.count() == before
    assert not OutboxIntent.objects.filter(topic="inventory.publish").exists()


def test_nobody_takes_away_more_than_stands_there(level: StockLevel) -> None:
    with pytest.raises(Refused, match="Only 10 units of 11 stand on the shelf"):
        adjust(level_id=level.pk, delta=-11, reason="lost", actor=OLGA)

    assert counters(level) == (10, 0, 0)


def test_what_the_world_says_may_go_below_zero_and_is_kept(level: StockLevel) -> None:
    ledger.post([Change(level.pk, "on_hand", -12, "sale", "pos:1")], actor=OLGA)
    assert counters(level) == (-2, 0, 0)

    put_back(level_id=level.pk, quantity=1, reason="found", actor=OLGA)

    assert counters(level) == (-1, 0, 0)


def test_less_safety_stock_wakes_who_waits(level: StockLevel) -> None:
    place = (level.item_id, level.location_id)
    set_safety(store_id=level.store_id, safety=[(*place, 10)], document="t", actor=OLGA)
    order_id = waiting_order()

    set_safety(store_id=level.store_id, safety=[(*place, 4)], document="t", actor=OLGA)

    waiting.wake_arrived()
    assert Timer.objects.get(kind="route").subject_id == order_id
