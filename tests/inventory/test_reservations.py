"""Promises: firm and soft, to lines and others; given back, moved, lost, run out, once each."""

from datetime import datetime, timedelta

import pytest

from inventory import reservations
from inventory.invariants import INVARIANTS
from inventory.models import Reservation, StockEntry, StockLevel
from inventory.reservations import Promise
from inventory.waiting import wake_arrived
from oms.core import invariants, timers
from oms.core.clock import now
from oms.core.errors import Refused
from oms.core.models import Timer
from oms.orders.models import OrderLine
from tests.cast import OLGA, line, make_item, make_location, make_order, stock

pytestmark = pytest.mark.django_db


@pytest.fixture
def east() -> StockLevel:
    """Ten mugs in the east."""
    return stock(make_item("mug"), make_location("east"), 10)


@pytest.fixture
def west() -> StockLevel:
    """Two mugs in the west."""
    return stock(make_item("mug"), make_location("west"), 2)


def mugs(quantity: int) -> OrderLine:
    """A line that wants so many mugs, as reserved as its order says."""
    order_line = make_order(line("mug", quantity)).lines.get()
    OrderLine.objects.filter(pk=order_line.pk).update(open=0, reserved=quantity)
    return order_line


def soft(level: StockLevel, quantity: int, *, until: datetime | None = None) -> int:
    (id_,) = reservations.reserve(
        [
            Promise(
                None,
                level.pk,
                quantity,
                "cart:abc",
                kind="soft",
                holder="cart:abc",
                expires_at=until or now() + timedelta(minutes=15),
            )
        ],
        actor=OLGA,
    )
    return id_


def counters(level: StockLevel) -> tuple[int, int, int, int]:
    level.refresh_from_db()
    return level.on_hand, level.reserved, level.soft, level.available


def broken() -> list[str]:
    return [f.name for f in invariants.check(INVARIANTS) if f.count]


def test_a_soft_promise_keeps_units_apart_from_firm_ones(east: StockLevel) -> None:
    id_ = soft(east, 3)

    assert counters(east) == (10, 0, 3, 7)
    held = Reservation.objects.get(pk=id_)
    assert (held.kind, held.holder, held.line, held.state) == ("soft", "cart:abc", None, "pending")
    assert broken() == []


def test_a_firm_promise_may_be_to_something_else_than_an_order(east: StockLevel) -> None:
    (id_,) = reservations.reserve(
        [Promise(None, east.pk, 4, "transfer:12", holder="transfer:12")], actor=OLGA
    )

    assert counters(east) == (10, 4, 0, 6)
    assert Reservation.objects.get(pk=id_).holder == "transfer:12"
    assert broken() == []


def test_promises_of_every_kind_come_back_in_the_order_asked(
    east: StockLevel, west: StockLevel
) -> None:
    order_line = mugs(3)

    ids = reservations.reserve(
        [
            Promise(None, west.pk, 1, "a", holder="transfer:1"),
            Promise(order_line.pk, east.pk, 3, "b"),
            Promise(None, east.pk, 2, "c", kind="soft", holder="cart:x", expires_at=now()),
        ],
        actor=OLGA,
    )

    found = Reservation.objects.in_bulk(ids)
    assert [(found[id_].level_id, found[id_].quantity) for id_ in ids] == [
        (west.pk, 1),
        (east.pk, 3),
        (east.pk, 2),
    ]
    assert counters(east) == (10, 3, 2, 5)
    assert broken() == []


def test_soft_and_firm_together_never_exceed_what_is_free(east: StockLevel) -> None:
    soft(east, 6)
    before = StockEntry.objects.count()

    with pytest.raises(Refused, match="Only 4 of 5 units are free there now"):
        reservations.reserve([Promise(mugs(5).pk, east.pk, 5, "test")], actor=OLGA)
    with pytest.raises(Refused, match="Only 4 of 5 units are free there now"):
        soft(east, 5)

    assert counters(east) == (10, 0, 6, 4)
    assert StockEntry.objects.count() == before
    assert Reservation.objects.count() == 1


def test_a_frozen_level_promises_nothing(east: StockLevel) -> None:
    StockLevel.objects.update(frozen=True)

    with pytest.raises(Refused, match="Only 0 of 1"):
        soft(east, 1)
    with pytest.raises(Refused, match="Only 0 of 1"):
        reservations.reserve([Promise(mugs(1).pk, east.pk, 1, "test")], actor=OLGA)

    assert not Reservation.objects.exists()


def test_a_soft_promise_does_not_ship(east: StockLevel) -> None:
    id_ = soft(east, 3)

    with pytest.raises(Refused, match="do not ship"):
        reservations.consume([(id_, 3, "test")], actor=OLGA)

    assert counters(east) == (10, 0, 3, 7)


def test_soft_promises_run_out_and_those_who_wait_have_their_turn(east: StockLevel) -> None:
    over = soft(east, 3, until=now() - timedelta(seconds=1))
    still = soft(east, 2)
    order = make_order(line("mug", 20))
    OrderLine.objects.update(open=0, backordered=20)
    timers.stop("route", [order.pk])

    levels = reservations.expire(actor=OLGA)
    wake_arrived()

    assert list(levels) == [east.pk]
    assert counters(east) == (10, 0, 2, 8)
    assert Reservation.objects.get(pk=over).state == "expired"
    assert Reservation.objects.get(pk=still).state == "pending"
    assert Timer.objects.get(kind="route").subject_id == order.pk
    assert east.entries.order_by("pk").last().cause == "expire"
    assert reservations.expire(actor=OLGA) == {}


def test_no_more_run_out_at_once_than_asked(east: StockLevel) -> None:
    for minutes in (3, 2, 1):
        soft(east, minutes, until=now() - timedelta(minutes=minutes))

    reservations.expire(2, actor=OLGA)

    assert counters(east) == (10, 0, 1, 9)


def test_units_that_are_lost_leave_the_promise_and_say_why(east: StockLevel) -> None:
    order_line = mugs(5)
    (id_,) = reservations.reserve([Promise(order_line.pk, east.pk, 5, "test")], actor=OLGA)

    reservations.lose([(id_, 2, "counted 3")], actor=OLGA, document="count:7")

    assert counters(east) == (10, 3, 0, 7)
    assert sorted(Reservation.objects.values_list("quantity", "state", "reason")) == [
        (2, "lost", "counted 3"),
        (3, "pending", ""),
    ]
    entry = east.entries.order_by("pk").last()
    assert (entry.bucket, entry.delta, entry.cause, entry.document) == (
        "reserved", -2, "lost", "count:7",
    )  # fmt: skip


def test_a_promise_moves_whole_or_in_part(east: StockLevel, west: StockLevel) -> None:
    order_line = mugs(5)
    (id_,) = reservations.reserve([Promise(order_line.pk, east.pk, 5, "test")], actor=OLGA)

    moved = reservations.move(
        reservation_id=id_, to_level_id=west.pk, quantity=2, actor=OLGA, reason="the east is full"
    )

    assert (counters(east), counters(west)) == ((10, 3, 0, 7), (2, 2, 0, 0))
    assert sorted(Reservation.objects.values_list("level_id", "quantity", "state", "reason")) == [
        (east.pk, 2, "moved", "the east is full"),
        (east.pk, 3, "pending", ""),
        (west.pk, 2, "pending", ""),
    ]
    assert Reservation.objects.get(pk=moved).line == order_line
    assert broken() == []


def test_a_soft_promise_that_moves_keeps_its_holder_and_its_time(
    east: StockLevel, west: StockLevel
) -> None:
    until = now() + timedelta(hours=1)
    id_ = soft(east, 2, until=until)

    moved = Reservation.objects.get(
        pk=reservations.move(
            reservation_id=id_, to_level_id=west.pk, quantity=2, actor=OLGA, reason="nearer"
        )
    )

    assert (moved.kind, moved.holder, moved.expires_at) == ("soft", "cart:abc", until)
    assert (counters(east), counters(west)) == ((10, 0, 0, 10), (2, 0, 2, 0))
    assert broken() == []


def test_a_move_to_a_place_that_is_short_changes_nothing(
    east: StockLevel, west: StockLevel
) -> None:
    (id_,) = reservations.reserve([Promise(mugs(5).pk, east.pk, 5, "test")], actor=OLGA)
    before = StockEntry.objects.count()

    with pytest.raises(Refused, match="Only 2 of 3 units are free there now"):
        reservations.move(
            reservation_id=id_, to_level_id=west.pk, quantity=3, actor=OLGA, reason="nearer"
        )

    assert (counters(east), counters(west)) == ((10, 5, 0, 5), (2, 0, 0, 2))
    assert StockEntry.objects.count() == before
    assert list(Reservation.objects.values_list("quantity", "state")) == [(5, "pending")]


def test_a_move_wants_a_reason_the_same_item_and_units_that_are_promised(
    east: StockLevel, west: StockLevel
) -> None:
    (id_,) = reservations.reserve([Promise(mugs(5).pk, east.pk, 5, "test")], actor=OLGA)
    shirt = stock(make_item("shirt"), make_location("west"), 9)

    def move(to: int, quantity: int, reason: str) -> int:
        return reservations.move(
            reservation_id=id_, to_level_id=to, quantity=quantity, actor=OLGA, reason=reason
        )

    with pytest.raises(Refused, match="Say why"):
        move(west.pk, 1, " ")
    with pytest.raises(Refused, match="another item"):
        move(shirt.pk, 1, "nearer")
    with pytest.raises(Refused, match="no longer promised"):
        move(west.pk, 6, "nearer")

    assert move(east.pk, 5, "it is there already") == id_
    assert Reservation.objects.count() == 1
    assert counters(east) == (10, 5, 0, 5)


def test_what_a_cart_kept_becomes_a_firm_promise_at_once(east: StockLevel) -> None:
    id_ = soft(east, 10)
    order_line = mugs(10)

    (firm,) = reservations.hand_over(
        [(id_, 10, "cart:abc")], [Promise(order_line.pk, east.pk, 10, "order:1")], actor=OLGA
    )

    assert counters(east) == (10, 10, 0, 0)
    ended = Reservation.objects.get(pk=id_)
    assert (ended.state, ended.reason) == ("released", "became an order")
    assert Reservation.objects.get(pk=firm).line == order_line
    assert broken() == []


def test_a_cart_that_ran_out_is_not_handed_over(east: StockLevel) -> None:
    id_ = soft(east, 4, until=now() - timedelta(seconds=1))
    reservations.expire(actor=OLGA)

    with pytest.raises(Refused, match="no longer promised"):
        reservations.hand_over(
            [(id_, 4, "cart:abc")], [Promise(mugs(4).pk, east.pk, 4, "order:1")], actor=OLGA
        )

    assert counters(east) == (10, 0, 0, 10)
