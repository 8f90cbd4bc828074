"""Stock kept for a channel: its orders take it first, others never, and it finds its way back."""

import pytest

from inventory import ledger, reservations
from inventory.invariants import INVARIANTS
from inventory.ledger import Change
from inventory.models import Reservation, RingFence, StockEntry, StockLevel
from inventory.reservations import Promise
from oms.core import invariants
from oms.core.clock import now
from oms.core.errors import Refused
from tests.cast import OLGA, make_item, make_location, stock

pytestmark = pytest.mark.django_db


@pytest.fixture
def east() -> StockLevel:
    """Ten mugs in the east."""
    return stock(make_item("mug"), make_location("east"), 10)


def keep(
    level: StockLevel, units: int, channel: str = "wholesale", *, overflow: bool = True
) -> RingFence:
    fence = RingFence.objects.create(
        store_id=level.store_id,
        level=level,
        channel=channel,
        units=units,
        overflow=overflow,
        created_by="test",
    )
    ledger.post([Change(level.pk, "fenced", units, "fence", f"fence:{fence.pk}")], actor=OLGA)
    return fence


def promise(level: StockLevel, quantity: int, channel: str = "wholesale") -> int:
    (id_,) = reservations.reserve(
        [Promise(None, level.pk, quantity, "test", holder="order:1", channel=channel)], actor=OLGA
    )
    return id_


def state(level: StockLevel, fence: RingFence) -> tuple[int, int, int, int]:
    """Reserved, fenced, available, units of the fence."""
    level.refresh_from_db()
    fence.refresh_from_db()
    return level.reserved, level.fenced, level.available, fence.units


def taken(id_: int) -> tuple[int | None, int]:
    held = Reservation.objects.get(pk=id_)
    return held.fence_id, held.fenced


def broken() -> list[str]:
    return [f.name for f in invariants.check(INVARIANTS) if f.count]


def test_a_promise_of_the_channel_takes_from_its_fence_first(east: StockLevel) -> None:
    fence = keep(east, 4)

    id_ = promise(east, 3)

    assert state(east, fence) == (3, 1, 6, 1)
    assert taken(id_) == (fence.pk, 3)
    assert broken() == []


def test_what_the_fence_lacks_comes_from_the_common_stock(east: StockLevel) -> None:
    fence = keep(east, 4)

    id_ = promise(east, 7)

    assert state(east, fence) == (7, 0, 3, 0)
    assert taken(id_) == (fence.pk, 4)
    assert broken() == []


def test_a_fence_without_overflow_is_all_the_channel_has(east: StockLevel) -> None:
    fence = keep(east, 4, overflow=False)
    before = StockEntry.objects.count()

    with pytest.raises(Refused, match="Only 4 of 5 units are free there now"):
        promise(east, 5)

    assert state(east, fence) == (0, 4, 6, 4)
    assert StockEntry.objects.count() == before
    assert not Reservation.objects.exists()
    promise(east, 4)
    assert state(east, fence) == (4, 0, 6, 0)
    assert broken() == []


def test_other_channels_never_use_the_fence(east: StockLevel) -> None:
    fence = keep(east, 4)

    with pytest.raises(Refused, match="Only 6 of 7"):
        promise(east, 7, channel="web")
    with pytest.raises(Refused, match="Only 6 of 7"):
        promise(east, 7, channel="")

    promise(east, 6, channel="web")
    assert state(east, fence) == (6, 4, 0, 4)
    assert broken() == []


def test_two_channels_have_a_fence_each(east: StockLevel) -> None:
    wholesale, market = keep(east, 4), keep(east, 5, "market")

    with pytest.raises(Refused, match="Only 5 of 6"):
        promise(east, 6)
    ids = reservations.reserve(
        [
            Promise(None, east.pk, 5, "a", holder="transfer:1", channel="market"),
            Promise(None, east.pk, 2, "b", holder="transfer:2", channel="wholesale"),
            Promise(None, east.pk, 3, "c", holder="transfer:3", channel="wholesale"),
        ],
        actor=OLGA,
    )

    assert [taken(id_) for id_ in ids] == [(market.pk, 5), (wholesale.pk, 2), (wholesale.pk, 2)]
    assert state(east, wholesale) == (10, 0, 0, 0)
    assert broken() == []


def test_units_given_back_fill_the_fence_they_came_from(east: StockLevel) -> None:
    fence = keep(east, 4)
    id_ = promise(east, 7)

    reservations.release([(id_, 2)], actor=OLGA, document="test")
    assert state(east, fence) == (5, 0, 5, 0)
    assert taken(id_) == (fence.pk, 4)

    reservations.release([(id_, 2)], actor=OLGA, document="test")
    assert state(east, fence) == (3, 1, 6, 1)

    reservations.release([(id_, 3)], actor=OLGA, document="test")
    assert state(east, fence) == (0, 4, 6, 4)
    assert sorted(Reservation.objects.values_list("quantity", "fenced", "state")) == [
        (2, 0, "released"),
        (2, 1, "released"),
        (3, 3, "released"),
    ]
    assert broken() == []


def test_units_of_a_closed_fence_go_back_to_the_common_stock(east: StockLevel) -> None:
    fence = keep(east, 4)
    id_ = promise(east, 3)
    ledger.post([Change(east.pk, "fenced", -1, "fence", f"fence:{fence.pk}")], actor=OLGA)
    RingFence.objects.update(units=0, ended_at=now())

    reservations.release([(id_, 3)], actor=OLGA, document="test")

    assert state(east, fence) == (0, 0, 10, 0)
    assert broken() == []


@pytest.mark.parametrize("verb", ["consume", "lose"])
def test_units_that_ship_or_are_lost_do_not_come_back_to_the_fence(
    east: StockLevel, verb: str
) -> None:
    fence = keep(east, 4)
    id_ = promise(east, 3)

    if verb == "consume":
        reservations.consume([(id_, 3, "test")], actor=OLGA)
    else:
        reservations.lose([(id_, 3, "broken")], actor=OLGA, document="test")

    assert (east.entries.filter(bucket="fenced").last().delta, fence.pk) == (-3, fence.pk)
    fence.refresh_from_db()
    assert fence.units == 1
    assert broken() == []


def test_a_moved_promise_fills_its_fence_and_takes_from_that_of_its_channel(
    east: StockLevel,
) -> None:
    west = stock(make_item("mug"), make_location("west"), 3)
    here, there = keep(east, 4), keep(west, 2)
    id_ = promise(east, 3)

    moved = reservations.move(
        reservation_id=id_, to_level_id=west.pk, quantity=3, actor=OLGA, reason="nearer"
    )

    assert state(east, here) == (0, 4, 6, 4)
    assert state(west, there) == (3, 0, 0, 0)
    assert taken(moved) == (there.pk, 2)
    assert broken() == []


def test_a_fence_gives_no_more_than_stands_on_the_shelf(east: StockLevel) -> None:
    fence = keep(east, 6)
    ledger.post([Change(east.pk, "on_hand", -7, "count", "count:1")], actor=OLGA)

    with pytest.raises(Refused, match="Only"):
        promise(east, 4)
    promise(east, 3)

    assert state(east, fence) == (3, 3, -3, 3)
    with pytest.raises(Refused):
        promise(east, 1)
    with pytest.raises(Refused):
        promise(east, 1, channel="web")


def test_a_frozen_level_gives_nothing_from_its_fence_either(east: StockLevel) -> None:
    keep(east, 6)
    StockLevel.objects.update(frozen=True)

    with pytest.raises(Refused, match="Only 0 of 1"):
        promise(east, 1)

    assert not Reservation.objects.exists()
