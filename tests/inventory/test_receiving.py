"""What arrives is counted in once, as it came: short, over, damaged; whoever waits gets it."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from inventory.commands import receiving, slips, supply
from inventory.commands.receiving import Arrived
from inventory.models import Presell, Receipt, ReceiptLine, Reservation, Supply, SupplyPromise
from oms.core.errors import Refused
from oms.core.models import OutboxIntent
from oms.orders.models import Event
from tests.cast import OLGA, make_item, make_location, stock
from tests.inventory.goods import (
    LATER,
    broken,
    house,
    level,
    only_line,
    promised,
    purchase,
    route,
    waiting_order,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _house(db: None) -> None:
    house()


def receive(one: Supply, good: int, *, key: str = "r1", **more: object) -> Receipt:
    options = {name: more.pop(name) for name in ("finish", "accept_more") if name in more}
    return receiving.receive(
        supply_id=one.pk,
        arrived=[Arrived(make_item("mug").pk, good, **more)],  # type: ignore[arg-type]
        request_key=key,
        actor=OLGA,
        **options,  # type: ignore[arg-type]
    )


def test_what_arrives_is_on_hand_and_no_longer_incoming() -> None:
    one = purchase(10)

    receive(one, 4, damaged=1, quality=2)

    at = level()
    assert (at.on_hand, at.damaged, at.quality, at.incoming) == (4, 1, 2, 3)
    row = ReceiptLine.objects.get()
    assert (row.good, row.damaged, row.quality) == (4, 1, 2)
    one.refresh_from_db()
    assert one.state == Supply.State.OPEN
    assert OutboxIntent.objects.filter(topic="inventory.publish").exists()
    assert broken() == []


def test_the_same_receipt_twice_counts_once() -> None:
    one = purchase(10)

    first, again = receive(one, 4), receive(one, 4)

    assert first == again
    assert level().on_hand == 4
    with pytest.raises(Refused, match="another supply"):
        receive(purchase(5), 1)
    assert Receipt.objects.count() == 1


def test_everything_came_and_the_supply_is_closed() -> None:
    one = purchase(10)

    receive(one, 6)
    receive(one, 4, key="r2")

    one.refresh_from_db()
    assert one.state == Supply.State.CLOSED
    assert level().incoming == 0


def test_the_rest_that_never_comes_is_closed() -> None:
    one = purchase(10)

    receive(one, 7, finish=True)

    line = only_line(one)
    assert (line.received, line.short, line.to_come) == (7, 3, 0)
    assert (level().on_hand, level().incoming) == (7, 0)
    one.refresh_from_db()
    assert one.state == Supply.State.CLOSED
    assert broken() == []


def test_more_than_was_ordered_is_counted_in_when_somebody_says_so() -> None:
    one = purchase(10)

    with pytest.raises(Refused, match="12 × mug came and 10 were expected"):
        receive(one, 12)
    assert level().on_hand == 0
    assert Receipt.objects.count() == 0

    receive(one, 12, accept_more=True)
    assert (level().on_hand, level().incoming) == (12, 0)
    assert only_line(one).received == 12
    assert broken() == []


def test_an_item_nobody_ordered_is_a_line_of_its_own_when_it_is_accepted() -> None:
    one = purchase(10)
    shirt = make_item("shirt")

    def come(accept_more: bool) -> None:
        receiving.receive(
            supply_id=one.pk,
            arrived=[Arrived(shirt.pk, 2)],
            request_key="r1",
            accept_more=accept_more,
            actor=OLGA,
        )

    with pytest.raises(Refused, match="2 × shirt came and 0 were expected"):
        come(False)
    come(True)

    assert level(sku="shirt").on_hand == 2
    assert one.lines.get(item=shirt).ordered == 0
    assert broken() == []


def test_what_comes_after_closing_is_counted_in_when_it_is_accepted() -> None:
    one = purchase(10)
    receive(one, 7, finish=True)

    with pytest.raises(Refused, match="is closed"):
        receive(one, 2, key="r2")
    receive(one, 2, key="r2", accept_more=True)

    line = only_line(one)
    assert (line.received, line.short) == (9, 1)
    assert (level().on_hand, level().incoming) == (9, 0)
    assert broken() == []


@pytest.mark.parametrize(
    ("good", "more", "why"), [(0, {}, "Say what arrived"), (-1, {}, "fewer than none")]
)
def test_a_receipt_that_makes_no_sense_is_refused(good: int, more: dict, why: str) -> None:
    one = purchase(10)

    with pytest.raises(Refused, match=why):
        receive(one, good, **more)

    assert Receipt.objects.count() == 0
    assert level().incoming == 10


def test_a_draft_and_a_cancelled_supply_receive_nothing() -> None:
    one = purchase(10)
    supply.cancel(supply_id=one.pk, reason="Out of clay", actor=OLGA)

    with pytest.raises(Refused, match="cancelled"):
        receive(one, 1)

    assert level().on_hand == 0


def test_arriving_units_keep_their_promise_and_go_to_the_order() -> None:
    one = purchase(10, cap=5)
    order = waiting_order(2)
    assert promised(order)

    receive(one, 10)

    assert SupplyPromise.objects.get().state == "kept"
    assert (level().soft, level().available) == (2, 8)
    route()
    assert order.lines.get().reserved == 2
    assert (level().soft, level().reserved) == (0, 2)
    assert Event.objects.filter(order=order, kind="stock.arrived").count() == 1
    assert only_line(one).promised == 0
    assert broken() == []


def test_nobody_else_takes_units_that_are_kept_for_an_order() -> None:
    one = purchase(10, cap=5)
    order = waiting_order(2)
    receive(one, 2, finish=True)

    later = waiting_order(1, minutes=5)

    assert order.lines.get().reserved == 2
    assert later.lines.get().backordered == 1
    assert broken() == []


def test_damaged_units_break_the_promise_of_the_last_in_turn() -> None:
    one, two = purchase(3, cap=3), purchase(3, cap=3, day=LATER)
    first, last = waiting_order(2), waiting_order(1, minutes=1)

    receive(one, 2, damaged=1)
    route()

    assert first.lines.get().reserved == 2
    assert promised(last) == [(two.number, 1, LATER)]
    assert broken() == []


def test_a_short_supply_hands_its_promises_on_or_says_that_there_is_no_day() -> None:
    one = purchase(10, cap=5)
    order = waiting_order(3)

    receive(one, 1, finish=True)
    route()

    line = order.lines.get()
    assert (line.reserved, line.backordered) == (1, 2)
    assert promised(order) == []
    released = Event.objects.get(order=order, kind="stock.promise_released")
    assert released.data == {"units": 2, "reason": f"{one.number} brought fewer units"}
    assert broken() == []


def test_arriving_units_fill_what_is_missing_before_anybody_new() -> None:
    stock(make_item("mug"), make_location("east"), 3)
    holder = waiting_order(3)
    assert holder.lines.get().reserved == 3
    stock(make_item("mug"), make_location("east"), 1)
    one = purchase(10, cap=5)
    order = waiting_order(2, minutes=1)

    receive(one, 3)

    assert level().on_hand == 4
    assert level().soft == 1
    assert SupplyPromise.objects.filter(line__order=order, state="kept").get().quantity == 1


def test_goods_that_came_turn_preselling_off() -> None:
    one = purchase(10, cap=5)
    assert Presell.objects.get().on

    receive(one, 3)

    assert not Presell.objects.get().on
    assert Presell.objects.get().reason == "3 units are free"


def test_units_in_quality_control_go_to_the_shelf_or_apart() -> None:
    one = purchase(10)
    receive(one, 0, quality=5)

    receiving.decide_quality(
        level_id=level().pk, good=3, damaged=1, reason="Glaze is fine", actor=OLGA
    )

    at = level()
    assert (at.on_hand, at.damaged, at.quality) == (3, 1, 1)
    with pytest.raises(Refused, match="1 units are in quality control"):
        receiving.decide_quality(level_id=at.pk, good=2, damaged=0, reason="Fine", actor=OLGA)
    assert broken() == []


def test_a_supply_that_slipped_still_keeps_its_promises_when_it_comes() -> None:
    one = purchase(10, cap=5)
    order = waiting_order(2)
    slips.change_day(supply_id=one.pk, expected_on=LATER, actor=OLGA)

    receive(one, 10)
    route()

    assert order.lines.get().reserved == 2
    assert broken() == []


@pytest.mark.django_db(transaction=True)
def test_two_people_who_receive_the_same_parcel_count_it_once() -> None:
    one = purchase(10, cap=5)
    waiting_order(2)

    def come(_: int) -> int:
        try:
            return receive(one, 10).pk
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        receipts = set(pool.map(come, range(2)))

    assert len(receipts) == 1
    assert level().on_hand == 10
    assert Reservation.objects.filter(state="pending").count() == 1
    route()
    assert broken() == []
