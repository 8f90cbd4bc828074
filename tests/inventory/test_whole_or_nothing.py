"""What belongs together happens together, also when a command is called on its own."""

import pytest
from django.db import connection

from inventory import ledger, reservations
from inventory.invariants import INVARIANTS
from inventory.models import Reservation, StockEntry, StockLevel
from inventory.reservations import Promise
from oms.core import invariants
from oms.core.models import Timer
from tests.cast import OLGA, line, make_item, make_location, make_order, stock

pytestmark = pytest.mark.django_db(transaction=True)


class Killed(BaseException):
    """The process is gone: nobody catches it."""


@pytest.fixture
def level() -> StockLevel:
    return stock(make_item("mug"), make_location("east"), 10)


@pytest.fixture
def reservation(level: StockLevel) -> int:
    order_line = make_order(line("mug", 4)).lines.get()
    return reservations.reserve([Promise(order_line.pk, level.pk, 4, "test")], actor=OLGA)[0]


def die(*args: object, **kwargs: object) -> None:
    connection.close()
    raise Killed


@pytest.mark.parametrize("verb", ["release", "consume", "lose"])
def test_a_kill_between_counters_and_promise_leaves_neither(
    level: StockLevel, reservation: int, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = StockEntry.objects.count()
    monkeypatch.setattr("inventory.reservations.execute", die)

    with pytest.raises(Killed):
        if verb == "release":
            reservations.release([(reservation, 3)], actor=OLGA, document="test")
        elif verb == "consume":
            reservations.consume([(reservation, 3, "test")], actor=OLGA)
        else:
            reservations.lose([(reservation, 3, "why")], actor=OLGA, document="test")

    level.refresh_from_db()
    assert (level.on_hand, level.reserved) == (10, 4)
    assert StockEntry.objects.count() == before
    assert Reservation.objects.get().state == "pending"
    codes = ("I1", "I1b", "I3")
    assert not any(f.count for f in invariants.check(i for i in INVARIANTS if i.code in codes))


def test_a_kill_before_the_timer_of_a_shortage_leaves_the_counter_as_it_was(
    level: StockLevel, reservation: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inventory.ledger.see_to_missing", die)

    with pytest.raises(Killed):
        ledger.post([ledger.Change(level.pk, "on_hand", -8, "sale", "test")], actor=OLGA)

    level.refresh_from_db()
    assert level.on_hand == 10
    assert not Timer.objects.filter(kind="shortage").exists()
