"""What to count when: classes by value, due dates by class, earlier by doubt, each with why."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.core.management import call_command

from inventory import count_plan, ledger, standings
from inventory.count_plan import Due, due, due_counts, plan
from inventory.ledger import Change
from inventory.models import (
    CountLine,
    CountPolicy,
    CountSession,
    Location,
    Standing,
    StockLevel,
)
from inventory.trust import Counted, Facts, Short, score
from oms import jobs
from oms.catalog.models import BundlePart, Item
from oms.core import clock
from oms.core.models import StreamMark
from tests.cast import OLGA, make_item, make_location, make_store, stock

FRIDAY = date(2026, 11, 20)
SATURDAY = FRIDAY + timedelta(days=1)


def priced(sku: str, price: str) -> Item:
    return make_item(sku, price=Decimal(price))


def left(level: StockLevel, units: int, cause: str = "ship") -> None:
    ledger.post([Change(level.pk, "on_hand", -units, cause, "test")], actor=OLGA)


def next_count(
    *,
    abc: str = "B",
    known: Due | None = None,
    holds: bool = True,
    on_hand: int = 10,
    days: int = 90,
    **facts: object,
) -> Due:
    of = Facts(FRIDAY, on_hand, days, **facts)  # type: ignore[arg-type]
    trust, parts = score(of)
    return due(of, level_id=7, abc=abc, trust=trust, parts=parts, known=known or Due(), holds=holds)


def test_a_counted_level_is_due_when_its_class_asks() -> None:
    answer = next_count(counts=[Counted(date(2026, 11, 2), 5, 5)])

    assert answer == Due(date(2027, 1, 31), "B item, every 90 days; last counted Mon 2 Nov")


def test_first_counts_are_spread_over_the_days_of_the_class_and_then_stay() -> None:
    first = next_count()

    assert first.on is not None
    assert FRIDAY <= first.on < FRIDAY + timedelta(days=90)
    assert (first.reason, first.pulled) == ("B item, never counted", False)
    assert next_count(known=Due(FRIDAY)).on == FRIDAY
    # An item that became an A item does not wait for the day it had as a C item.
    assert next_count(known=Due(FRIDAY + timedelta(days=150))).on == first.on


def test_an_empty_shelf_that_nobody_asks_for_is_not_counted() -> None:
    assert next_count(abc="C", holds=False) == Due()
    assert next_count(abc="A", holds=False).on is not None


def test_what_a_pick_did_not_find_is_counted_tomorrow_and_says_so() -> None:
    answer = next_count(shorts=[Short(FRIDAY)], counts=[Counted(date(2026, 11, 2), 5, 5)])

    assert answer == Due(SATURDAY, "Not found when picked on Fri 20 Nov", pulled=True)


def test_a_count_that_is_due_does_not_run_away_from_who_counts_it() -> None:
    yesterday = FRIDAY - timedelta(days=1)
    pulled = Due(yesterday, "Not found when picked on Thu 19 Nov", pulled=True)

    assert next_count(shorts=[Short(yesterday)], known=pulled).on == yesterday


def test_a_count_answers_the_doubt() -> None:
    answer = next_count(
        shorts=[Short(FRIDAY, counted_since=True)] * 3, counts=[Counted(FRIDAY, 5, 5)]
    )

    assert not answer.pulled


def test_a_level_below_zero_and_one_of_little_trust_are_counted_tomorrow() -> None:
    counted = [Counted(FRIDAY - timedelta(days=8), 10, 0), Counted(date(2026, 10, 1), 10, 2)]
    assert next_count(on_hand=-3).reason == "Shows −3 on hand"
    low = next_count(
        counts=counted, shorts=[Short(FRIDAY - timedelta(days=9), counted_since=True)] * 3
    )
    assert (low.on, low.pulled) == (SATURDAY, True)
    assert low.reason == "Trust 43 of 100: Count on Thu 12 Nov found 0 of 10; 2 of the last 2 " \
        "counts differed"  # fmt: skip


@pytest.fixture
def east(db: None) -> Location:
    return make_location("east")


def test_classes_are_made_by_the_value_that_left_in_ninety_days(east: Location) -> None:
    worth = {"lamp": ("100", 8), "mug": ("10", 15), "pin": ("1", 40), "bag": ("5", 2)}
    levels = {}
    for sku, (price, units) in worth.items():
        levels[sku] = stock(priced(sku, price), east, 100)
        left(levels[sku], units, "sale" if sku == "mug" else "ship")
    levels["idle"] = stock(priced("idle", "999"), east, 100)
    returned = stock(priced("back", "500"), east, 10)
    ledger.post([Change(returned.pk, "on_hand", 5, "return", "test")], actor=OLGA)

    abc, units = count_plan.classes(store_id=east.store_id, now=clock.now())

    # 800 + 150 + 40 + 10 = 1,000: the lamps alone are 80 %, with the mugs it is 95 %.
    assert abc == {levels["lamp"].pk: "A", levels["mug"].pk: "B"}
    assert units == 65


def test_what_left_long_ago_makes_no_class(east: Location) -> None:
    level = stock(priced("lamp", "100"), east, 10)
    left(level, 5)

    later = clock.now() + timedelta(days=91)

    assert count_plan.classes(store_id=east.store_id, now=later) == ({}, 0)


def test_a_night_writes_standing_of_every_level_and_says_when_it_was(east: Location) -> None:
    level = stock(priced("lamp", "100"), east, 10)
    left(level, 2)
    mug = stock(priced("mug", "1"), east, 5)
    CountPolicy.objects.create(store=make_store(), a_days=7, c_days=5)

    done = standings.refresh_store(store_id=east.store_id)

    assert (done.levels, done.pulled, done.buffers) == (2, 0, 0)
    rows = {s.level_id: s for s in Standing.objects.all()}
    assert (rows[level.pk].abc, rows[level.pk].trust) == ("A", 90)
    assert rows[level.pk].due_reason == "A item, never counted"
    assert rows[mug.pk].abc == "C"
    due_on = rows[level.pk].count_due_on
    assert due_on is not None
    assert 0 <= (due_on - clock.now().date()).days < 7
    mark = StreamMark.objects.get(stream="counts")
    assert mark.facts == {"levels": 2, "pulled": 0, "left": 2}


def test_bundles_and_untracked_items_are_not_counted(east: Location) -> None:
    kit, mug = priced("kit", "20"), priced("mug", "10")
    BundlePart.objects.create(bundle=kit, part=mug, quantity=2)
    for item in (kit, priced("wrap", "1")):
        stock(item, east, 5)
    Item.objects.filter(sku="wrap").update(tracked=False)

    standings.refresh_store(store_id=east.store_id)

    assert list(Standing.objects.values_list("count_due_on", flat=True)) == [None, None]


def test_the_list_of_a_day_shows_doubt_first_then_classes_and_no_level_twice(
    east: Location,
) -> None:
    today = clock.now().date()
    for sku, abc, trust, pulled in [
        ("c", "C", 90, False), ("a", "A", 90, False), ("b", "B", 90, False),
        ("low", "C", 20, True), ("lower", "C", 10, True), ("later", "A", 90, False),
        ("counting", "A", 5, True),
    ]:  # fmt: skip
        level = stock(priced(sku, "1"), east, 5)
        Standing.objects.create(
            level=level,
            store_id=level.store_id,
            abc=abc,
            trust=trust,
            pulled=pulled,
            count_due_on=today + timedelta(days=3 if sku == "later" else 0),
            due_reason=f"why {sku}",
        )
    session = CountSession.objects.create(store=make_store(), location=east, created_by="x")
    CountLine.objects.create(session=session, level=StockLevel.objects.get(item__sku="counting"))

    found = plan(location_id=east.pk, on=today, limit=4)

    assert [row.sku for row in found] == ["lower", "low", "a", "b"]
    assert found[0].reason == "why lower"
    assert due_counts(store_id=east.store_id, on=today) == {east.pk: 5}
    assert due_counts(store_id=east.store_id, on=today + timedelta(days=3)) == {east.pk: 6}


def test_a_shop_is_worked_out_once_a_night_in_its_own_time(east: Location) -> None:
    store = make_store()
    type(store).objects.filter(pk=store.pk).update(timezone="America/New_York")
    assert standings.stores_due() == [store.pk]
    standings.refresh_store(store_id=store.pk)
    # Three in the morning in New York is eight in UTC.
    StreamMark.objects.update(
        last_success_at=datetime(2026, 11, 20, 8, 5, tzinfo=UTC), facts={"left": 3}
    )

    assert standings.stores_due(datetime(2026, 11, 21, 7, 59, tzinfo=UTC)) == []
    assert standings.stores_due(datetime(2026, 11, 21, 8, 1, tzinfo=UTC)) == [store.pk]


def test_a_shop_that_has_sold_nothing_yet_is_worked_out_again_soon(east: Location) -> None:
    standings.refresh_store(store_id=east.store_id)
    at = StreamMark.objects.get().last_success_at
    assert at is not None

    assert standings.stores_due(at + timedelta(minutes=1)) == []
    assert standings.stores_due(at + timedelta(minutes=3)) == [east.store_id]


@pytest.mark.django_db(transaction=True)
def test_the_job_and_the_command_do_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    stock(priced("mug", "1"), make_location("east"), 5)
    jobs.plan_counts()
    assert Standing.objects.count() == 1
    Standing.objects.all().delete()

    call_command("plan_counts")

    assert Standing.objects.count() == 1
    assert "1 level" in capsys.readouterr().out
