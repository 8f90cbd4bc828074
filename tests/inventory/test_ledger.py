"""Counters change through one door, with their history; promises are kept once."""

import pytest

from inventory import ledger, reservations
from inventory.commands import Count, adjust, set_on_hand, set_safety, take_back
from inventory.ledger import Change
from inventory.models import Reservation, StockEntry, StockLevel
from inventory.reservations import Promise
from inventory.waiting import wake_arrived
from oms.core import invariants, timers
from oms.core.actor import SHOPIFY
from oms.core.errors import Refused
from oms.core.models import Timer
from oms.orders.models import OrderLine
from oms.wiring import INVARIANTS
from tests.cast import OLGA, line, make_item, make_location, make_order, make_store, stock

pytestmark = pytest.mark.django_db


@pytest.fixture
def level() -> StockLevel:
    return stock(make_item("mug"), make_location("east"), 10, safety=2)


def entries(level: StockLevel) -> list[tuple[str, int, int, int, str]]:
    rows = level.entries.order_by("pk")
    return list(rows.values_list("bucket", "delta", "before", "after", "cause"))


def promise(level: StockLevel, quantity: int) -> tuple[OrderLine, list[int]]:
    order_line = make_order(line("mug", quantity)).lines.get()
    ids = reservations.reserve([Promise(order_line.pk, level.pk, quantity, "test")], actor=OLGA)
    order_line.open, order_line.reserved = 0, quantity
    order_line.save(update_fields=["open", "reserved"])
    return order_line, ids


def test_every_change_leaves_an_entry_with_before_and_after(level: StockLevel) -> None:
    adjust(level_id=level.pk, delta=-3, reason="dropped", actor=OLGA)

    level.refresh_from_db()
    assert level.on_hand == 7
    assert entries(level) == [
        ("on_hand", 10, 0, 10, "opening"),
        ("safety", 2, 0, 2, "adjust"),
        ("on_hand", -3, 10, 7, "adjust"),
    ]


def test_two_changes_of_one_counter_in_a_batch_chain(level: StockLevel) -> None:
    ledger.post(
        [
            Change(level.pk, "on_hand", 5, "count", "a"),
            Change(level.pk, "on_hand", -1, "count", "b"),
        ],
        actor=OLGA,
    )

    assert entries(level)[-2:] == [
        ("on_hand", 5, 10, 15, "count"),
        ("on_hand", -1, 15, 14, "count"),
    ]
    level.refresh_from_db()
    assert level.on_hand == 14


def test_a_reservation_takes_from_what_is_free_after_safety(level: StockLevel) -> None:
    order_line, _ = promise(level, 8)

    level.refresh_from_db()
    assert (level.on_hand, level.reserved) == (10, 8)
    held = Reservation.objects.get()
    assert (held.line, held.quantity, held.state) == (order_line, 8, "pending")


def test_a_reservation_beyond_what_is_free_is_refused_and_nothing_is_written(
    level: StockLevel,
) -> None:
    order_line = make_order(line("mug", 9)).lines.get()
    before = StockEntry.objects.count()

    with pytest.raises(Refused, match="Only 8 of 9 units are free"):
        reservations.reserve([Promise(order_line.pk, level.pk, 9, "test")], actor=OLGA)

    level.refresh_from_db()
    assert (level.reserved, Reservation.objects.count()) == (0, 0)
    assert StockEntry.objects.count() == before


def test_promises_on_one_shelf_are_checked_on_their_sum(level: StockLevel) -> None:
    order = make_order(line("mug", 5), line("mug", 4))
    first, second = order.lines.order_by("position")

    with pytest.raises(Refused, match="Only 8 of 9"):
        reservations.reserve(
            [Promise(first.pk, level.pk, 5, "t"), Promise(second.pk, level.pk, 4, "t")],
            actor=OLGA,
        )

    assert Reservation.objects.count() == 0


def test_shipping_takes_units_off_the_shelf_and_off_the_promise(level: StockLevel) -> None:
    _, ids = promise(level, 3)

    reservations.consume([(ids[0], 3, "test")], actor=OLGA)

    level.refresh_from_db()
    assert (level.on_hand, level.reserved) == (7, 0)
    assert Reservation.objects.get().state == "consumed"


def test_a_part_that_ends_becomes_a_row_of_its_own(level: StockLevel) -> None:
    _, ids = promise(level, 5)

    reservations.release([(ids[0], 2)], actor=OLGA, document="test")

    level.refresh_from_db()
    assert level.reserved == 3
    assert sorted(Reservation.objects.values_list("quantity", "state")) == [
        (2, "released"),
        (3, "pending"),
    ]
    assert Reservation.objects.get(pk=ids[0]).quantity == 3


def test_a_promise_ends_only_once(level: StockLevel) -> None:
    _, ids = promise(level, 3)
    reservations.release([(ids[0], 3)], actor=OLGA, document="test")
    before = StockEntry.objects.count()

    with pytest.raises(Refused, match="no longer promised"):
        reservations.consume([(ids[0], 3, "test")], actor=OLGA)

    level.refresh_from_db()
    assert (level.on_hand, level.reserved) == (10, 0)
    assert StockEntry.objects.count() == before


def test_a_count_below_what_is_reserved_is_let_in(level: StockLevel) -> None:
    promise(level, 6)

    set_on_hand(
        store_id=level.store_id,
        counts=[Count(level.item_id, level.location_id, 4)],
        cause="count",
        document="count:1",
        actor=OLGA,
    )

    level.refresh_from_db()
    assert (level.on_hand, level.reserved) == (4, 6)


def test_the_same_count_again_is_quiet(level: StockLevel) -> None:
    before = StockEntry.objects.count()

    changed = set_on_hand(
        store_id=level.store_id,
        counts=[Count(level.item_id, level.location_id, 10)],
        cause="count",
        document="count:1",
        actor=OLGA,
    )

    assert changed == 0
    assert StockEntry.objects.count() == before


def test_goods_that_come_back_wake_the_orders_that_wait_for_them(level: StockLevel) -> None:
    order = make_order(line("mug", 20))
    OrderLine.objects.update(open=0, backordered=20)
    timers.stop("route", [order.pk])

    take_back(
        store_id=level.store_id,
        item_id=level.item_id,
        location_id=level.location_id,
        quantity=1,
        bucket="on_hand",
        document="rma:1",
        actor=OLGA,
    )
    wake_arrived()

    assert Timer.objects.get(kind="route").subject_id == order.pk


def test_damaged_goods_are_kept_apart(level: StockLevel) -> None:
    take_back(
        store_id=level.store_id,
        item_id=level.item_id,
        location_id=level.location_id,
        quantity=2,
        bucket="damaged",
        document="rma:1",
        actor=OLGA,
    )

    level.refresh_from_db()
    assert (level.on_hand, level.damaged) == (10, 2)


def test_negative_safety_stock_is_refused(level: StockLevel) -> None:
    with pytest.raises(Refused):
        set_safety(
            store_id=level.store_id,
            safety=[(level.item_id, level.location_id, -1)],
            document="t",
            actor=OLGA,
        )


def test_the_invariants_hold_and_notice_a_counter_that_somebody_pushed(level: StockLevel) -> None:
    promise(level, 4)
    assert [f.name for f in invariants.check(INVARIANTS) if f.count] == []

    StockLevel.objects.filter(pk=level.pk).update(reserved=5, on_hand=11)

    broken = {f.code for f in invariants.check(INVARIANTS) if f.count}
    assert {"I1", "I3"} <= broken


def test_levels_open_once_for_each_item_and_location() -> None:
    store, mug, east = make_store(), make_item("mug"), make_location("east")
    pair = (store.pk, mug.pk, east.pk)

    first, again = ledger.open_levels([pair, pair]), ledger.open_levels([pair])

    assert first == again
    assert StockLevel.objects.count() == 1
    assert StockEntry.objects.count() == 0


def test_a_sync_names_shopify_as_the_actor(level: StockLevel) -> None:
    set_on_hand(
        store_id=level.store_id,
        counts=[Count(level.item_id, level.location_id, 9)],
        cause="sync",
        document="inbox:1",
        actor=SHOPIFY,
    )

    assert level.entries.order_by("pk").last().actor == "shopify:Shopify"
