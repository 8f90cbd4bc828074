"""A late supply is one row, however many wait; customers who know an earlier day are another."""

from datetime import timedelta

import pytest

from inventory.commands import receiving, slips
from inventory.commands.receiving import Arrived
from oms.core.actor import of_user
from oms.core.errors import Refused
from oms.exceptions import commands
from oms.exceptions.models import ExceptionCase
from tests.cast import OLGA, make_item, make_user
from tests.exceptions.queue import in_words, open_case, proves_itself, swept
from tests.inventory.goods import LATER, SOON, house, purchase, waiting_order

pytestmark = pytest.mark.django_db

EIGHT_DAYS = timedelta(days=8)


@pytest.fixture(autouse=True)
def _house(db: None) -> None:
    house()


def test_a_supply_whose_day_has_passed_is_late_until_it_has_another_day() -> None:
    supplies = []

    def cause() -> None:
        supplies.append(purchase(10, cap=5, number=f"PO-{len(supplies)}"))
        waiting_order(2)
        waiting_order(1, minutes=1)

    def cure() -> None:
        slips.change_day(supply_id=supplies[0].pk, expected_on=LATER, actor=OLGA)

    def again() -> None:
        slips.change_day(supply_id=supplies[0].pk, expected_on=SOON, actor=OLGA)

    case = proves_itself("supply_late", cause=cause, cure=cure, again=again, later=EIGHT_DAYS)

    assert in_words(case) == "PO-0 is 1 day late: 10 units, 2 orders wait"
    assert [units for _, units, *_ in case.facts["list"]] == [2, 1]
    assert case.at_stake == 30


def test_a_supply_that_came_is_not_late() -> None:
    one = purchase(10)
    assert swept("supply_late", EIGHT_DAYS).found == 1

    receiving.receive(
        supply_id=one.pk, arrived=[Arrived(make_item().pk, 10)], request_key="r", actor=OLGA
    )

    assert swept("supply_late", EIGHT_DAYS).found == 0


def test_customers_who_know_an_earlier_day_are_to_be_told_until_somebody_has() -> None:
    one = purchase(10, cap=5)
    waiting_order(2)

    def cause() -> None:
        day = LATER + timedelta(days=ExceptionCase.objects.count())
        slips.change_day(supply_id=one.pk, expected_on=day, actor=OLGA)

    case = proves_itself(
        "promise_slipped",
        cause=cause,
        cure=lambda: slips.note_told(supply_id=one.pk, actor=OLGA),
    )

    words = f"PO-1 slipped to {LATER:%a} {LATER.day} {LATER:%b}: 1 customer to be told"
    assert in_words(case) == words


def test_a_supply_that_comes_earlier_worries_nobody() -> None:
    one = purchase(10, cap=5)
    waiting_order(2)

    slips.change_day(supply_id=one.pk, expected_on=SOON - timedelta(days=2), actor=OLGA)

    assert swept("promise_slipped").found == 0


def test_units_promised_for_a_day_are_not_an_exception_and_those_beyond_the_cap_are() -> None:
    purchase(10, cap=2)
    waiting_order(2)
    assert swept("unroutable").found == 0

    order = waiting_order(3, minutes=1)

    assert swept("unroutable").opened == 1
    assert open_case("unroutable").order_id == order.pk


def test_the_ways_out_set_a_day_and_note_that_customers_were_told() -> None:
    one = purchase(10, cap=5)
    waiting_order(2)
    swept("supply_late", EIGHT_DAYS)
    case = open_case("supply_late")
    olga = make_user("olga", "ops")

    def take(case: ExceptionCase, way: str, **answers: str) -> None:
        commands.take_way(
            case_id=case.pk,
            way=way,
            answers=answers,
            version=case.version,
            seen_at=case.seen_at,
            actor=of_user(olga),
        )

    with pytest.raises(Refused, match="2026-12-04"):
        take(case, "new_day", day="next week")
    one.refresh_from_db()
    assert one.expected_on == SOON

    take(case, "new_day", day=LATER.isoformat())
    one.refresh_from_db()
    assert one.expected_on == LATER
    swept("promise_slipped")
    take(open_case("promise_slipped"), "told")
    assert swept("promise_slipped").found == 0
