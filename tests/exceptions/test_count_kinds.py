"""Counts: a difference nobody explains, A items nobody counts, a count nobody approves."""

from datetime import timedelta
from decimal import Decimal

import pytest

from inventory.commands import count_review as review
from inventory.commands.counting import Entry, cancel_count, enter_count, open_count, submit_count
from inventory.models import CountLine, CountPolicy, CountSession, Standing, StockLevel
from oms.core import clock
from oms.core.actor import Actor, of_user
from oms.core.errors import Refused
from oms.exceptions import commands
from tests.cast import OLGA, SAM, make_item, make_location, make_store, make_user, stock
from tests.exceptions.queue import in_words, open_case, proves_itself, swept

pytestmark = pytest.mark.django_db

A_DAY = timedelta(hours=25)


@pytest.fixture
def mugs() -> StockLevel:
    return stock(make_item("mug", price=Decimal("9")), make_location("east"), 10)


def counted(level: StockLevel, units: int, reason: str = "unknown") -> int:
    """A posted count, by Olga alone."""
    session_id = open_count(
        location_id=level.location_id, level_ids=[level.pk], actor=OLGA
    ).session_id
    enter_count(session_id=session_id, entries=[Entry(level.pk, units)], actor=OLGA)
    submit_count(session_id=session_id, actor=OLGA)
    lines = CountLine.objects.filter(session=session_id)
    review.explain_lines(
        session_id=session_id, reasons={line.pk: reason for line in lines}, actor=OLGA
    )
    review.post_count(session_id=session_id, actor=OLGA)
    return session_id


def take(kind: str, way: str, actor: Actor = SAM, **answers: str) -> str:
    case = open_case(kind)
    return commands.take_way(
        case_id=case.pk,
        way=way,
        answers=answers,
        version=case.version,
        seen_at=case.seen_at,
        actor=actor,
    )


def test_a_count_that_differs_is_a_case_until_a_recount_finds_the_number_right(
    mugs: StockLevel,
) -> None:
    def cause() -> None:
        mugs.refresh_from_db()
        counted(mugs, mugs.on_hand - 2)

    def cure() -> None:
        mugs.refresh_from_db()
        counted(mugs, mugs.on_hand)

    case = proves_itself("count_variance", cause=cause, cure=cure)

    assert in_words(case) == "East counted 8 × Mug, not 10"
    assert (case.subject, case.at_stake) == (f"level:{mugs.pk}", 18)


def test_a_difference_within_the_policy_is_no_case(mugs: StockLevel) -> None:
    counted(mugs, 9)
    assert swept("count_variance").found == 0

    CountPolicy.objects.create(store=make_store(), alert_percent=9)

    assert swept("count_variance").found == 1


def test_a_cause_that_a_second_person_knows_settles_it(mugs: StockLevel) -> None:
    counted(mugs, 5)
    swept("count_variance")
    sam = of_user(make_user("sam", "admin"))

    with pytest.raises(Refused, match="Write one of"):
        take("count_variance", "settle", sam, reason="no idea")
    assert CountLine.objects.get().approved_by == ""
    with pytest.raises(Refused, match="You counted this yourself"):
        review.settle_difference(level_id=mugs.pk, reason="theft", actor=OLGA)

    assert take("count_variance", "settle", sam, reason="damag") == "Noted: damaged."

    line = CountLine.objects.get()
    assert (line.reason, line.approved_by) == ("damaged", str(sam))
    assert swept("count_variance").closed == 1


def test_a_difference_is_counted_again_from_the_queue(mugs: StockLevel) -> None:
    counted(mugs, 5)
    swept("count_variance")

    take("count_variance", "recount")

    session = CountSession.objects.get(state="open")
    assert (session.kind, session.lines.get().level) == ("spot", mugs)


def test_a_items_that_nobody_counts_are_one_row_a_location(mugs: StockLevel) -> None:
    shirts = stock(make_item("shirt"), make_location("east"), 5)
    today = clock.now()
    standings = {
        mugs: {"counted_at": today - timedelta(days=44), "count_due_on": today - timedelta(14)},
        shirts: {"count_due_on": today - timedelta(days=15)},
    }
    for level, fields in standings.items():
        Standing.objects.create(level=level, store_id=level.store_id, abc="A", **fields)
    assert swept("count_overdue").found == 0

    assert swept("count_overdue", timedelta(days=2)).opened == 1

    case = open_case("count_overdue")
    assert in_words(case) == "East: 2 A items not counted for more than 45 days"
    assert (case.facts["skus"], case.subject) == (["shirt", "mug"], f"location:{mugs.location_id}")
    words = take("count_overdue", "count")
    assert words.endswith("is open with 2 levels.")
    Standing.objects.update(counted_at=today, count_due_on=today + timedelta(days=30))
    assert swept("count_overdue", timedelta(days=2)).closed == 1


def test_a_count_that_waits_for_approval_is_a_case_after_a_day(mugs: StockLevel) -> None:
    def cause() -> None:
        opened = open_count(location_id=mugs.location_id, level_ids=[mugs.pk], actor=OLGA)
        enter_count(session_id=opened.session_id, entries=[Entry(mugs.pk, 60)], actor=OLGA)
        submit_count(session_id=opened.session_id, actor=OLGA)

    def cure() -> None:
        cancel_count(session_id=CountSession.objects.get(state="review").pk, actor=SAM)

    def again() -> None:
        CountSession.objects.update(state="review")

    case = proves_itself("count_waiting", cause=cause, cure=cure, again=again, later=A_DAY)

    assert in_words(case).startswith("A count at East waits for approval since ")
    assert case.at_stake == 450


def test_shelves_that_a_count_keeps_frozen_are_a_case_and_cancelling_ends_it(
    mugs: StockLevel,
) -> None:
    open_count(location_id=mugs.location_id, level_ids=[mugs.pk], freezes=True, actor=OLGA)
    assert swept("count_waiting").found == 0
    assert swept("count_waiting", A_DAY).opened == 1
    case = open_case("count_waiting")
    assert in_words(case).startswith("East: 1 level frozen by a count since ")

    take("count_waiting", "cancel")

    assert swept("count_waiting", A_DAY).closed == 1
    mugs.refresh_from_db()
    assert not mugs.frozen
