"""The score of a level: each part says what it took off and why, and what follows from the sum."""

from datetime import date, timedelta

import pytest

from inventory import ledger, standings
from inventory.count_plan import plan
from inventory.ledger import Change
from inventory.models import Drift, Standing, StockLevel
from inventory.trust import Counted, Facts, Short, buffer_units, score
from inventory.waiting import wake_arrived
from oms.core import clock
from oms.core.models import OutboxIntent, Timer
from tests.cast import OLGA, line, make_item, make_location, make_order, make_store, stock

FRIDAY = date(2026, 11, 20)


def ago(days: int) -> date:
    return FRIDAY - timedelta(days=days)


def right(days: int) -> Counted:
    return Counted(ago(days), 10, 10)


def of(*, on_hand: int = 10, days: int = 30, **facts: object) -> Facts:
    return Facts(FRIDAY, on_hand, days, **facts)  # type: ignore[arg-type]


TABLE = [
    (of(counts=[right(3)]), 100, []),
    (of(), 90, ["Never counted"]),
    (of(counts=[right(3)], shorts=[Short(FRIDAY)]), 70, ["Not found when picked on Fri 20 Nov"]),
    (
        of(counts=[right(30)], shorts=[Short(FRIDAY), Short(ago(1))]),
        40,
        ["Not found when picked 2 times in 90 days, last Fri 20 Nov"],
    ),
    # Half of the window later it says half as much, and a third of that once it was counted.
    (of(counts=[right(30)], shorts=[Short(ago(45))]), 85, ["Not found when picked on Tue 6 Oct"]),
    (
        of(counts=[right(3)], shorts=[Short(ago(45), counted_since=True)]),
        95,
        ["Not found when picked on Tue 6 Oct; counted since"],
    ),
    (of(counts=[right(3)], shorts=[Short(ago(90))]), 100, []),
    # However often a pick finds nothing, the other parts still show.
    (
        of(counts=[right(3)], shorts=[Short(FRIDAY)] * 9),
        40,
        ["Not found when picked 9 times in 90 days, last Fri 20 Nov"],
    ),
    (of(counts=[Counted(ago(3), 10, 8)]), 88, ["Count on Tue 17 Nov found 8 of 10"]),
    (of(counts=[Counted(ago(3), 10, 0)]), 70, ["Count on Tue 17 Nov found 0 of 10"]),
    (of(counts=[Counted(ago(3), -2, 4)]), 70, ["Count on Tue 17 Nov found 4 of −2"]),
    (
        of(counts=[right(3), Counted(ago(40), 10, 8), Counted(ago(70), 10, 8)]),
        94,
        ["Count on Sun 11 Oct found 8 of 10; 2 of the last 3 counts differed"],
    ),
    (of(counts=[right(45)]), 92, ["Last counted Tue 6 Oct, asked for every 30 days"]),
    (of(counts=[right(400)]), 85, ["Last counted Thu 16 Oct 2025, asked for every 30 days"]),
    (of(counts=[right(3)], on_hand=-3), 70, ["Shows −3 on hand"]),
    (
        of(counts=[right(3)], drift=2, drift_since=ago(1)),
        90,
        ["Shopify shows 2 more since Thu 19 Nov"],
    ),
    (
        of(on_hand=-1, counts=[Counted(ago(90), 9, 0)], shorts=[Short(FRIDAY)] * 3, drift=-1),
        0,
        [
            "Not found when picked 3 times in 90 days, last Fri 20 Nov",
            "Count on Sat 22 Aug found 0 of 9",
            "Shows −1 on hand",
            "Last counted Sat 22 Aug, asked for every 30 days",
            "Shopify shows 1 fewer",
        ],
    ),
]


@pytest.mark.parametrize(("facts", "expected", "reasons"), TABLE)
def test_the_score_and_its_reasons(facts: Facts, expected: int, reasons: list[str]) -> None:
    trust, parts = score(facts)

    assert (trust, [why for _, _, why in parts]) == (expected, reasons)
    assert trust == max(100 - sum(points for _, points, _ in parts), 0)


@pytest.mark.parametrize(
    ("trust", "on_hand", "units"),
    [
        (100, 50, 0), (60, 50, 0), (59, 50, 5), (59, 9, 1), (59, 1, 1), (30, 50, 5),
        (29, 50, 12), (0, 3, 1), (0, 0, 0), (0, -4, 0),
    ],
)  # fmt: skip
def test_the_buffer_grows_with_doubt_and_never_beyond_what_is_there(
    trust: int, on_hand: int, units: int
) -> None:
    assert buffer_units(trust, on_hand) == units


@pytest.fixture
def mugs(db: None) -> StockLevel:
    return stock(make_item("mug"), make_location("east"), 20)


def not_found(level: StockLevel, units: int = 1) -> None:
    ledger.post([Change(level.pk, "on_hand", -units, "short", "work:1:not_found")], actor=OLGA)


def test_two_rejections_set_a_buffer_and_tomorrows_count_each_with_the_reason(
    mugs: StockLevel,
) -> None:
    standings.refresh_store(store_id=mugs.store_id)
    assert Standing.objects.get().trust == 90

    not_found(mugs)
    not_found(mugs)
    assert list(Timer.objects.filter(kind="trust").values_list("subject_id")) == [(mugs.pk,)]
    assert standings.refresh_due(100) == 1

    mugs.refresh_from_db()
    # 100 less 60 for what was not found and 10 since nobody ever counted.
    standing = Standing.objects.get()
    assert (standing.trust, mugs.buffer, mugs.available) == (30, 1, 17)
    entry = mugs.entries.order_by("-pk")[0]
    assert (entry.bucket, entry.delta, entry.cause, entry.document) == (
        "buffer", 1, "trust", "trust:30",
    )  # fmt: skip
    tomorrow = clock.now().date() + timedelta(days=1)
    assert plan(location_id=mugs.location_id, on=tomorrow - timedelta(days=1), limit=9) == []
    (planned,) = plan(location_id=mugs.location_id, on=tomorrow, limit=9)
    assert planned.reason.startswith("Not found when picked 2 times in 90 days, last ")
    assert (planned.sku, planned.trust, planned.pulled) == ("mug", 30, True)
    assert not Timer.objects.filter(kind="trust").exists()


def test_working_it_out_again_changes_nothing(mugs: StockLevel) -> None:
    not_found(mugs)
    not_found(mugs)
    standings.refresh_due(100)
    before = Standing.objects.values().get()
    entries, intents = mugs.entries.count(), OutboxIntent.objects.count()

    standings.refresh(store_id=mugs.store_id, level_ids=[mugs.pk])

    after = Standing.objects.values().get()
    assert after | {"computed_at": None} == before | {"computed_at": None}
    assert (mugs.entries.count(), OutboxIntent.objects.count()) == (entries, intents)


def test_a_buffer_that_falls_wakes_the_orders_that_wait(mugs: StockLevel) -> None:
    ledger.post([Change(mugs.pk, "buffer", 4, "trust", "trust:10")], actor=OLGA)
    order = make_order(line("mug", 1))
    order.lines.update(open=0, backordered=1)
    Timer.objects.all().delete()

    standings.refresh(store_id=mugs.store_id, level_ids=[mugs.pk])

    mugs.refresh_from_db()
    assert mugs.buffer == 0
    assert wake_arrived() == 1
    assert Timer.objects.get(kind="route").subject_id == order.pk


def test_a_difference_to_shopify_takes_points_off(mugs: StockLevel) -> None:
    Drift.objects.create(store=make_store(), level=mugs, ours=20, theirs=23, cause="unknown")

    standings.refresh(store_id=mugs.store_id, level_ids=[mugs.pk])

    standing = Standing.objects.get()
    assert standing.trust == 80
    assert {(name, points) for name, points, _ in standing.parts} == {("age", 10), ("drift", 10)}
    assert any(why.startswith("Shopify shows 3 more since") for *_, why in standing.parts)


def test_nothing_due_is_no_work(mugs: StockLevel) -> None:
    assert standings.refresh_due(100) == 0
    assert not Standing.objects.exists()
