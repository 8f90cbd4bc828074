"""Purchase orders are incoming until they arrive, and promise no more than their cap."""

from datetime import timedelta

import pytest

from inventory import backorders
from inventory.commands import slips, supply
from inventory.commands.supply import Ordered
from inventory.models import Presell, Supply, SupplyPromise
from oms.core.errors import Refused
from oms.core.models import OutboxIntent
from oms.flow import withdraw
from oms.orders.intake import Withdrawal
from oms.orders.models import Event
from oms.orders.timeline import sentence
from tests.cast import OLGA, make_item, make_location, make_store, stock
from tests.inventory.goods import (
    LATER,
    SOON,
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


def told(order: object) -> list[str]:
    return [sentence(e) for e in Event.objects.filter(order=order, kind__startswith="stock.")]


def test_what_was_ordered_is_incoming_at_its_destination() -> None:
    one = purchase(10)

    assert one.state == Supply.State.OPEN
    assert level().incoming == 10
    entry = level().entries.get(bucket="incoming")
    assert (entry.delta, entry.cause, entry.document) == (10, "ordered", f"supply:{one.pk}")
    assert broken() == []


def test_a_draft_is_not_incoming_before_it_is_opened_and_opening_again_is_quiet() -> None:
    one = supply.create(
        store_id=make_store().pk,
        number="PO-9",
        destination_id=make_location("east").pk,
        lines=[Ordered(make_item("mug").pk, 4)],
        actor=OLGA,
        draft=True,
    )
    assert level().incoming == 0

    supply.open_supply(supply_id=one.pk, actor=OLGA)
    supply.open_supply(supply_id=one.pk, actor=OLGA)

    assert level().incoming == 4


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"number": " "}, "number"),
        ({"lines": []}, "at least one item"),
        ({"lines": [("mug", 0, 0)]}, "between 1 and"),
        ({"lines": [("mug", 5, 6)]}, "5 units are ordered"),
        ({"lines": [("mug", 5, 0), ("mug", 1, 0)]}, "twice"),
        ({"number": "PO-1"}, "exists already"),
    ],
)
def test_a_purchase_order_that_makes_no_sense_is_refused(change: dict, why: str) -> None:
    purchase(1, number="PO-1")
    values = {"number": "PO-2", "lines": [("mug", 5, 0)]} | change

    with pytest.raises(Refused, match=why):
        supply.create(
            store_id=make_store().pk,
            number=values["number"],
            destination_id=make_location("east").pk,
            lines=[Ordered(make_item(sku).pk, units, cap) for sku, units, cap in values["lines"]],
            actor=OLGA,
        )

    assert Supply.objects.count() == 1
    assert level().incoming == 1


def test_units_on_order_change_and_a_line_is_taken_off() -> None:
    one = purchase(10)

    supply.change_units(supply_id=one.pk, units={make_item("mug").pk: 6}, actor=OLGA)
    assert level().incoming == 6
    supply.change_units(supply_id=one.pk, units={make_item("shirt").pk: 3}, actor=OLGA)
    assert level(sku="shirt").incoming == 3
    supply.change_units(supply_id=one.pk, units={make_item("mug").pk: 0}, actor=OLGA)

    assert level().incoming == 0
    assert broken() == []


def test_units_that_wait_are_promised_from_the_earliest_day_with_room() -> None:
    purchase(10, cap=2, day=SOON, number="PO-A")
    purchase(10, cap=9, day=LATER, number="PO-B")

    first = waiting_order(1)
    second = waiting_order(3)

    assert promised(first) == [("PO-A", 1, SOON)]
    assert promised(second) == [("PO-A", 1, SOON), ("PO-B", 2, LATER)]
    assert told(first) == [
        f"1 unit of mug promised for {SOON:%a} {SOON.day} {SOON:%b %Y} from PO-A"
    ]
    assert broken() == []


def test_units_beyond_the_cap_are_a_plain_backorder_without_a_day() -> None:
    one = purchase(10, cap=2)

    order = waiting_order(5)

    assert promised(order) == [(one.number, 2, SOON)]
    assert order.lines.get().backordered == 5
    assert only_line(one).promised == 2


def test_supply_that_comes_later_is_promised_to_those_who_wait_already_in_their_turn() -> None:
    late = waiting_order(2, minutes=5)
    early = waiting_order(2)
    vip = waiting_order(2, minutes=9, tags=["vip"])

    purchase(10, cap=3, number="PO-A")
    route()

    assert (promised(vip), promised(early), promised(late)) == (
        [("PO-A", 2, SOON)],
        [("PO-A", 1, SOON)],
        [],
    )


def test_a_supply_whose_day_has_passed_promises_nothing() -> None:
    purchase(10, cap=5, day=SOON - timedelta(days=8))

    assert promised(waiting_order(1)) == []


def test_a_place_that_does_not_ship_to_the_customer_promises_nothing() -> None:
    make_location("east").__class__.objects.update(ships_to=["GB"])
    make_location("west")
    purchase(10, cap=5)

    order = waiting_order(1)

    assert order.lines.get().backordered == 1
    assert promised(order) == []


def test_cancelled_units_give_their_promise_back() -> None:
    one = purchase(10, cap=2)
    first, second = waiting_order(2), waiting_order(1, minutes=1)
    assert promised(second) == []

    withdraw(
        order_id=first.pk, withdrawals=[Withdrawal(first.pk, first.lines.get().pk, 2)], actor=OLGA
    )
    route()

    assert promised(first) == []
    assert only_line(one).promised == 0
    assert broken() == []


def test_units_that_are_found_elsewhere_give_their_promise_back() -> None:
    one = purchase(10, cap=2)
    order = waiting_order(2)
    assert only_line(one).promised == 2

    stock(make_item("mug"), make_location("west"), 5)
    route()

    assert order.lines.get().reserved == 2
    assert only_line(one).promised == 0
    assert SupplyPromise.objects.get().state == "released"
    assert broken() == []


def test_fewer_units_on_order_release_the_last_in_turn() -> None:
    one = purchase(10, cap=10)
    first, last = waiting_order(3), waiting_order(3, minutes=1)

    supply.change_units(supply_id=one.pk, units={make_item("mug").pk: 4}, actor=OLGA)
    route()

    assert promised(first) == [(one.number, 3, SOON)]
    assert promised(last) == [(one.number, 1, SOON)]
    assert any("have no promised day any more" in words for words in told(last))
    assert only_line(one).presell_cap == 4
    assert broken() == []


def test_a_cancelled_supply_hands_its_promises_to_the_next_one() -> None:
    one, two = purchase(5, cap=5), purchase(5, cap=5, day=LATER)
    order = waiting_order(2)
    assert promised(order) == [(one.number, 2, SOON)]

    supply.cancel(supply_id=one.pk, reason="Out of clay", actor=OLGA)
    route()

    assert promised(order) == [(two.number, 2, LATER)]
    assert level().incoming == 5
    assert broken() == []


def test_a_cap_below_what_is_promised_is_refused() -> None:
    one = purchase(10, cap=5)
    waiting_order(3)

    with pytest.raises(Refused, match="3 units are promised already"):
        supply.set_cap(supply_line_id=only_line(one).pk, cap=2, actor=OLGA)
    with pytest.raises(Refused, match="10 units are ordered"):
        supply.set_cap(supply_line_id=only_line(one).pk, cap=11, actor=OLGA)

    assert only_line(one).presell_cap == 5


def test_a_slip_lists_every_line_order_and_customer_and_moves_each_promise_once() -> None:
    one = purchase(10, cap=5)
    first, second = waiting_order(2), waiting_order(1, minutes=1)

    listed = slips.affected(supply_id=one.pk, expected_on=LATER)
    assert [(a.order, a.customer, a.units, a.told_for, a.day) for a in listed] == [
        (first.name, "Cora Customer", 2, SOON, LATER),
        (second.name, "Cora Customer", 1, SOON, LATER),
    ]
    assert all(a.is_later for a in listed)
    assert promised(first) == [(one.number, 2, SOON)]

    moved = slips.change_day(supply_id=one.pk, expected_on=LATER, actor=OLGA)
    again = slips.change_day(supply_id=one.pk, expected_on=LATER, actor=OLGA)

    assert [a.order for a in moved] == [first.name, second.name]
    assert again == []
    assert promised(first) == [(one.number, 2, LATER)]
    slipped = Event.objects.filter(order=first, kind="stock.promise_slipped")
    assert slipped.count() == 1
    assert SupplyPromise.objects.filter(told_for=SOON, promised_for=LATER).count() == 2


def test_telling_the_customers_is_noted_once_an_order() -> None:
    one = purchase(10, cap=5)
    order = waiting_order(2)
    slips.change_day(supply_id=one.pk, expected_on=LATER, actor=OLGA)

    assert slips.note_told(supply_id=one.pk, actor=OLGA) == 1
    assert slips.note_told(supply_id=one.pk, actor=OLGA) == 0

    assert SupplyPromise.objects.get().told_for == LATER
    assert Event.objects.filter(order=order, kind="stock.customer_told").count() == 1


def test_one_line_slips_and_the_others_keep_their_day() -> None:
    one = supply.create(
        store_id=make_store().pk,
        number="PO-1",
        destination_id=make_location("east").pk,
        expected_on=SOON,
        lines=[Ordered(make_item("mug").pk, 5, 5), Ordered(make_item("shirt").pk, 5, 5)],
        actor=OLGA,
    )
    mug, shirt = waiting_order(1), waiting_order(1, sku="shirt")
    slow = one.lines.get(item__sku="shirt")

    slips.change_day(supply_id=one.pk, supply_line_id=slow.pk, expected_on=LATER, actor=OLGA)

    assert promised(mug) == [("PO-1", 1, SOON)]
    assert promised(shirt) == [("PO-1", 1, LATER)]


def test_a_supply_with_promises_cannot_lose_its_day() -> None:
    one = purchase(10, cap=5)
    order = waiting_order(1)

    with pytest.raises(Refused, match="they need a day"):
        slips.change_day(supply_id=one.pk, expected_on=None, actor=OLGA)

    assert promised(order) == [(one.number, 1, SOON)]


def presold() -> bool:
    return Presell.objects.filter(item__sku="mug", on=True).exists()


def intents() -> int:
    return OutboxIntent.objects.filter(topic="presell.set").count()


def test_an_item_without_stock_is_presold_up_to_the_cap_and_no_further() -> None:
    one = purchase(10, cap=2)
    assert presold()
    assert OutboxIntent.objects.get(topic="presell.set").params == {"item_id": make_item().pk}
    OutboxIntent.objects.update(state="applied")

    waiting_order(2)
    assert not presold()
    assert intents() == 2

    supply.set_cap(supply_line_id=only_line(one).pk, cap=5, actor=OLGA)
    assert presold()
    supply.cancel(supply_id=one.pk, reason="Out of clay", actor=OLGA)
    assert not presold()


def test_an_item_with_free_stock_is_not_presold() -> None:
    stock(make_item("mug"), make_location("west"), 1)

    purchase(10, cap=2)

    assert not presold()
    assert intents() == 0


def test_an_order_whose_promise_was_forgotten_is_found_again() -> None:
    one = purchase(10, cap=5)
    order = waiting_order(2)
    backorders.end([(SupplyPromise.objects.get().pk, 2)], "released")
    assert promised(order) == []

    assert backorders.look_around() == 1
    assert backorders.look_around() == 0
    route()

    assert promised(order) == [(one.number, 2, SOON)]
    assert backorders.look_around() == 0
