"""Counts: what stood there at a moment is posted once, by two people where it differs much."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection

from inventory import ledger, reservations
from inventory.commands import adjust
from inventory.commands import count_review as review
from inventory.commands.counting import (
    Entry,
    Opened,
    add_to_count,
    cancel_count,
    enter_count,
    open_count,
    submit_count,
)
from inventory.ledger import Change
from inventory.models import CountLine, CountSession, Standing, StockEntry, StockLevel
from inventory.reservations import Promise
from inventory.waiting import wake_arrived
from oms.catalog.models import BundlePart
from oms.core import clock, failpoints, invariants
from oms.core.actor import Actor
from oms.core.errors import Refused
from oms.core.models import Timer
from oms.wiring import INVARIANTS
from tests.cast import OLGA, SAM, line, make_item, make_location, make_order, stock

pytestmark = pytest.mark.django_db

OTTO = Actor("user", "Otto Ops")
real = pytest.mark.django_db(transaction=True)


@pytest.fixture
def mugs() -> StockLevel:
    return stock(make_item("mug", price=Decimal("9")), make_location("east"), 10)


@pytest.fixture
def shirts() -> StockLevel:
    return stock(make_item("shirt", price=Decimal("30")), make_location("east"), 5)


def counting(*levels: StockLevel, **wishes: object) -> Opened:
    return open_count(
        location_id=levels[0].location_id,
        level_ids=[level.pk for level in levels],
        actor=OLGA,
        **wishes,  # type: ignore[arg-type]
    )


def enter(session_id: int, level: StockLevel, counted: int, actor: Actor = OLGA) -> int:
    return enter_count(session_id=session_id, entries=[Entry(level.pk, counted)], actor=actor)


def lines(session_id: int) -> list[tuple[str, int, str, int | None, int | None]]:
    rows = CountLine.objects.filter(session=session_id).order_by("level_id", "attempt")
    return list(rows.values_list("level__item__sku", "attempt", "state", "expected", "counted"))


def only_line(session_id: int) -> CountLine:
    return CountLine.objects.get(session=session_id)


def state_of(session_id: int) -> str:
    return CountSession.objects.get(pk=session_id).state


def on_hand(level: StockLevel) -> int:
    level.refresh_from_db()
    return level.on_hand


def nothing_is_broken() -> bool:
    return [f.name for f in invariants.check(INVARIANTS) if f.count] == []


def test_what_agrees_is_posted_and_changes_nothing(mugs: StockLevel) -> None:
    session = counting(mugs).session_id
    enter(session, mugs, 10)
    done = submit_count(session_id=session, actor=OLGA)
    before = StockEntry.objects.count()

    review.post_count(session_id=session, actor=OLGA)

    assert (done.counted, done.differ, done.to_approve, done.dropped) == (1, 0, 0, 0)
    assert lines(session) == [("mug", 1, "posted", 10, 10)]
    assert (state_of(session), on_hand(mugs)) == ("posted", 10)
    assert StockEntry.objects.count() == before
    standing = Standing.objects.get(level=mugs)
    assert (standing.trust, standing.counted_at) == (100, only_line(session).counted_at)
    assert not Timer.objects.filter(kind="count").exists()


@real
def test_a_count_with_two_later_sales_is_right(mugs: StockLevel) -> None:
    """Nine stood there at noon, not ten; two were sold before anybody posted it: seven are left."""
    session = counting(mugs).session_id
    enter(session, mugs, 9)
    for _ in range(2):
        ledger.post([Change(mugs.pk, "on_hand", -1, "sale", "till")], actor=SAM)

    submit_count(session_id=session, actor=OLGA)
    counted = only_line(session)
    assert (counted.expected, counted.counted, counted.state) == (10, 9, "counted")
    review.explain_lines(session_id=session, reasons={counted.pk: "theft"}, actor=OLGA)
    review.post_count(session_id=session, actor=OLGA)

    assert on_hand(mugs) == 7
    entry = mugs.entries.order_by("-pk").filter(cause="count").get()
    assert (entry.delta, entry.before, entry.after) == (-1, 8, 7)
    assert (entry.document, entry.actor) == (f"count:{session}", "user:Olga Ops")
    assert nothing_is_broken()


@real
def test_a_device_without_network_tells_when_it_counted(mugs: StockLevel) -> None:
    session = counting(mugs).session_id
    at = clock.now()
    ledger.post([Change(mugs.pk, "on_hand", -4, "ship", "work:1")], actor=SAM)

    enter_count(session_id=session, entries=[Entry(mugs.pk, 10, at)], actor=OLGA)
    submit_count(session_id=session, actor=OLGA)

    assert lines(session) == [("mug", 1, "counted", 10, 10)]


def test_a_later_entry_replaces_and_an_older_one_does_not(mugs: StockLevel) -> None:
    session = counting(mugs).session_id
    before = clock.now()
    assert enter(session, mugs, 7) == 1
    assert enter(session, mugs, 8) == 1
    assert enter_count(session_id=session, entries=[Entry(mugs.pk, 3, before)], actor=SAM) == 0

    held = only_line(session)
    assert (held.counted, held.counted_by) == (8, "user:Olga Ops")


def test_the_latest_of_one_message_stands(mugs: StockLevel) -> None:
    session = counting(mugs).session_id
    now = clock.now()
    later = now + timedelta(milliseconds=5)

    enter_count(
        session_id=session, entries=[Entry(mugs.pk, 8, later), Entry(mugs.pk, 3, now)], actor=OLGA
    )

    assert only_line(session).counted == 8


@pytest.mark.parametrize(
    ("counted", "minutes", "sentence"),
    [
        (5, 5, "clock of this device is ahead"),
        (5, -600, "before the count was opened"),
        (-1, 0, "not a number of units"),
        (10_000_000, 0, "not a number of units"),
    ],
)
def test_an_entry_that_cannot_be_true_is_refused(
    mugs: StockLevel, counted: int, minutes: int, sentence: str
) -> None:
    session = counting(mugs).session_id
    at = clock.now() + timedelta(minutes=minutes) if minutes else None

    with pytest.raises(Refused, match=sentence):
        enter_count(session_id=session, entries=[Entry(mugs.pk, counted, at)], actor=OLGA)

    assert lines(session) == [("mug", 1, "to_count", None, None)]


def test_what_is_not_in_the_count_is_refused_until_it_is_added(
    mugs: StockLevel, shirts: StockLevel
) -> None:
    session = counting(mugs).session_id
    with pytest.raises(Refused, match="not in this count"):
        enter(session, shirts, 5)

    assert add_to_count(session_id=session, skus=["shirt"], actor=OLGA) == 1
    assert add_to_count(session_id=session, skus=["shirt"], actor=OLGA) == 0
    enter(session, shirts, 5)

    assert [row[:3] for row in lines(session)] == [("mug", 1, "to_count"), ("shirt", 1, "counted")]


def test_a_count_by_sku_or_barcode_opens_levels_that_were_not_known(mugs: StockLevel) -> None:
    make_item("shirt", barcode="4006381333931")

    opened = open_count(
        location_id=mugs.location_id, skus=["mug", " 4006381333931", ""], actor=OLGA
    )

    assert opened.lines == 2
    assert StockLevel.objects.get(item__sku="shirt").on_hand == 0


@pytest.mark.parametrize(("sku", "sentence"), [("=1+1", "“=1\\+1”"), ("kit", "what it is made of")])
def test_a_sku_that_cannot_be_counted_is_named(mugs: StockLevel, sku: str, sentence: str) -> None:
    BundlePart.objects.create(bundle=make_item("kit"), part=mugs.item, quantity=2)

    with pytest.raises(Refused, match=sentence):
        open_count(location_id=mugs.location_id, skus=["mug", sku], actor=OLGA)

    assert not CountSession.objects.exists()


def test_a_count_of_everything_leaves_out_bundles_and_what_is_counted_already(
    mugs: StockLevel, shirts: StockLevel
) -> None:
    kit = stock(make_item("kit"), make_location("east"), 0)
    BundlePart.objects.create(bundle=kit.item, part=mugs.item, quantity=2)
    counting(shirts)

    opened = open_count(location_id=mugs.location_id, everything=True, kind="full", actor=OLGA)

    assert (opened.lines, opened.elsewhere) == (1, 1)
    assert lines(opened.session_id) == [("mug", 1, "to_count", None, None)]
    with pytest.raises(Refused, match="being counted already"):
        open_count(location_id=mugs.location_id, everything=True, actor=OLGA)
    assert CountSession.objects.count() == 2


def test_what_nobody_counted_is_dropped_and_said(mugs: StockLevel, shirts: StockLevel) -> None:
    session = counting(mugs, shirts, freezes=True).session_id
    enter(session, mugs, 10)

    done = submit_count(session_id=session, actor=OLGA)

    assert (done.counted, done.dropped) == (1, 1)
    assert lines(session)[1] == ("shirt", 1, "dropped", None, None)
    shirts.refresh_from_db()
    mugs.refresh_from_db()
    assert (shirts.frozen, mugs.frozen) == (False, True)


def test_a_count_with_nothing_in_it_is_not_submitted(mugs: StockLevel) -> None:
    session = counting(mugs).session_id

    with pytest.raises(Refused, match="Nothing is counted yet"):
        submit_count(session_id=session, actor=OLGA)

    assert (state_of(session), lines(session)[0][2]) == ("open", "to_count")


def test_a_difference_needs_a_reason_and_a_small_one_no_second_person(mugs: StockLevel) -> None:
    session = counting(mugs).session_id
    enter(session, mugs, 8)
    submit_count(session_id=session, actor=OLGA)

    with pytest.raises(Refused, match="Say why first: 1 line "):
        review.post_count(session_id=session, actor=OLGA)
    with pytest.raises(Refused, match="no reason"):
        review.explain_lines(
            session_id=session, reasons={only_line(session).pk: "magic"}, actor=OLGA
        )
    assert (on_hand(mugs), state_of(session)) == (10, "review")

    reasons = {only_line(session).pk: "damaged"}
    review.explain_lines(session_id=session, reasons=reasons, actor=OLGA)
    review.post_count(session_id=session, actor=OLGA)

    assert (on_hand(mugs), only_line(session).reason) == (8, "damaged")


@pytest.mark.parametrize(("sku", "counted"), [("mug", 30), ("shirt", 14)])
def test_beyond_the_policy_a_second_person_approves(
    mugs: StockLevel, shirts: StockLevel, sku: str, counted: int
) -> None:
    """Twenty mugs more than expected, or nine shirts worth 270.00."""
    level = {"mug": mugs, "shirt": shirts}[sku]
    session = counting(level).session_id
    enter(session, level, counted, actor=SAM)
    assert submit_count(session_id=session, actor=OLGA).to_approve == 1
    held = only_line(session)
    reasons = {held.pk: "receiving"}
    review.explain_lines(session_id=session, reasons=reasons, actor=OLGA)

    with pytest.raises(Refused, match="1 line to approve first"):
        review.post_count(session_id=session, actor=OTTO)
    with pytest.raises(Refused, match="You counted this yourself"):
        review.approve_lines(session_id=session, line_ids=[held.pk], actor=SAM)
    with pytest.raises(Refused, match="You submitted this count"):
        review.approve_lines(session_id=session, line_ids=[held.pk], actor=OLGA)
    held.refresh_from_db()
    assert (held.state, held.approved_by) == ("review", "")

    assert review.approve_lines(session_id=session, line_ids=[held.pk], actor=OTTO) == 1
    assert review.approve_lines(session_id=session, line_ids=[held.pk], actor=OTTO) == 0
    review.post_count(session_id=session, actor=OLGA)

    held.refresh_from_db()
    assert (held.state, held.approved_by, on_hand(level)) == ("posted", "user:Otto Ops", counted)


def test_an_approval_without_a_reason_is_refused(mugs: StockLevel) -> None:
    session = counting(mugs).session_id
    enter(session, mugs, 50)
    submit_count(session_id=session, actor=OLGA)
    held = only_line(session)

    with pytest.raises(Refused, match="Say why it differs"):
        review.approve_lines(session_id=session, line_ids=[held.pk], actor=OTTO)
    review.approve_lines(session_id=session, line_ids=[held.pk], reason="unknown", actor=OTTO)

    assert only_line(session).reason == "unknown"


def test_a_recount_is_a_new_attempt_and_the_old_one_stays_as_it_was(mugs: StockLevel) -> None:
    session = counting(mugs).session_id
    enter(session, mugs, 50)
    submit_count(session_id=session, actor=OLGA)
    first = only_line(session)

    assert review.recount_lines(session_id=session, line_ids=[first.pk], actor=OTTO) == 1
    assert review.recount_lines(session_id=session, line_ids=[first.pk], actor=OTTO) == 0
    assert state_of(session) == "open"
    enter(session, mugs, 10, actor=SAM)
    submit_count(session_id=session, actor=SAM)
    review.post_count(session_id=session, actor=SAM)

    assert lines(session) == [("mug", 1, "recount", 10, 50), ("mug", 2, "posted", 10, 10)]
    assert on_hand(mugs) == 10


def test_a_submitted_line_is_not_entered_again_without_a_recount(
    mugs: StockLevel, shirts: StockLevel
) -> None:
    session = counting(mugs, shirts).session_id
    enter(session, mugs, 9)
    enter(session, shirts, 5)
    submit_count(session_id=session, actor=OLGA)
    with pytest.raises(Refused, match="submitted already"):
        enter(session, mugs, 10)

    shirt_line = CountLine.objects.get(session=session, level=shirts)
    review.recount_lines(session_id=session, line_ids=[shirt_line.pk], actor=OTTO)
    with pytest.raises(Refused, match="mug was submitted already"):
        enter(session, mugs, 10)

    assert CountLine.objects.get(session=session, level=mugs).counted == 9


def test_a_refused_line_keeps_our_number(mugs: StockLevel, shirts: StockLevel) -> None:
    session = counting(mugs, shirts, freezes=True).session_id
    enter(session, mugs, 50)
    enter(session, shirts, 5)
    submit_count(session_id=session, actor=OLGA)
    line_id = CountLine.objects.get(session=session, level=mugs).pk
    with pytest.raises(Refused, match="ask somebody else to refuse"):
        review.drop_lines(session_id=session, line_ids=[line_id], actor=OLGA)

    assert review.drop_lines(session_id=session, line_ids=[line_id], actor=OTTO) == 1
    review.post_count(session_id=session, actor=OLGA)

    assert on_hand(mugs) == 10
    assert [row[2] for row in lines(session)] == ["dropped", "posted"]
    assert not StockLevel.objects.filter(frozen=True).exists()


@real
def test_a_level_corrected_after_its_moment_is_not_corrected_twice(mugs: StockLevel) -> None:
    session = counting(mugs).session_id
    enter(session, mugs, 8)
    submit_count(session_id=session, actor=OLGA)
    review.explain_lines(session_id=session, reasons={only_line(session).pk: "damaged"}, actor=OLGA)
    # Sam saw the same two broken mugs.
    adjust(level_id=mugs.pk, delta=-2, reason="broken", actor=SAM)

    with pytest.raises(Refused, match="Somebody else corrected mug since"):
        review.post_count(session_id=session, actor=OLGA)

    assert (on_hand(mugs), state_of(session)) == (8, "review")
    review.drop_lines(session_id=session, line_ids=[only_line(session).pk], actor=OTTO)
    assert (on_hand(mugs), state_of(session)) == (8, "cancelled")


@real
def test_a_correction_before_the_submit_asks_for_a_second_person(mugs: StockLevel) -> None:
    session = counting(mugs).session_id
    enter(session, mugs, 8)
    adjust(level_id=mugs.pk, delta=-2, reason="broken", actor=SAM)

    assert submit_count(session_id=session, actor=OLGA).to_approve == 1


def test_a_frozen_count_promises_nothing_until_it_ends(mugs: StockLevel) -> None:
    order = make_order(line("mug", 1))
    session = counting(mugs, freezes=True).session_id
    promise = Promise(order.lines.get().pk, mugs.pk, 1, "test")
    with pytest.raises(Refused):
        reservations.reserve([promise], actor=OLGA)

    cancel_count(session_id=session, actor=OLGA)
    cancel_count(session_id=session, actor=OLGA)

    assert state_of(session) == "cancelled"
    assert lines(session) == [("mug", 1, "dropped", None, None)]
    assert reservations.reserve([promise], actor=OLGA)


def test_orders_that_waited_for_a_frozen_shelf_have_their_turn(mugs: StockLevel) -> None:
    order = make_order(line("mug", 1))
    order.lines.update(open=0, backordered=1)
    Timer.objects.all().delete()
    session = counting(mugs, freezes=True).session_id

    cancel_count(session_id=session, actor=OLGA)

    assert wake_arrived() == 1
    assert Timer.objects.get(kind="route").subject_id == order.pk


def test_a_count_below_what_is_promised_is_accepted_and_a_timer_sees_who_loses(
    mugs: StockLevel,
) -> None:
    order_line = make_order(line("mug", 5)).lines.get()
    reservations.reserve([Promise(order_line.pk, mugs.pk, 5, "test")], actor=OLGA)
    session = counting(mugs).session_id
    enter(session, mugs, 3)
    submit_count(session_id=session, actor=OLGA)

    review.approve_lines(
        session_id=session, line_ids=[only_line(session).pk], reason="theft", actor=OTTO
    )
    review.post_count(session_id=session, actor=OLGA)

    assert on_hand(mugs) == 3
    assert Timer.objects.get(kind="shortage").subject_id == mugs.pk


def test_posting_twice_posts_once_and_a_posted_count_is_not_cancelled(mugs: StockLevel) -> None:
    session = counting(mugs).session_id
    enter(session, mugs, 9)
    submit_count(session_id=session, actor=OLGA)
    review.explain_lines(session_id=session, reasons={only_line(session).pk: "theft"}, actor=OLGA)
    for _ in range(2):
        review.post_count(session_id=session, actor=OLGA)

    with pytest.raises(Refused, match="count again"):
        cancel_count(session_id=session, actor=OLGA)

    assert on_hand(mugs) == 9
    assert mugs.entries.filter(cause="count").count() == 1


@real
def test_two_who_post_at_once_post_once(mugs: StockLevel) -> None:
    session = counting(mugs).session_id
    enter(session, mugs, 9)
    submit_count(session_id=session, actor=OLGA)
    review.explain_lines(session_id=session, reasons={only_line(session).pk: "theft"}, actor=OLGA)
    together = threading.Barrier(2)

    def post(actor: Actor) -> str:
        together.wait()
        try:
            return review.post_count(session_id=session, actor=actor).state
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        states = list(pool.map(post, [OLGA, OTTO]))

    assert states == ["posted", "posted"]
    assert (on_hand(mugs), mugs.entries.filter(cause="count").count()) == (9, 1)


@real
def test_a_long_count_killed_in_the_middle_goes_on_where_it_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    east = make_location("east")
    monkeypatch.setattr(review, "PIECE", 4)
    levels = [stock(make_item(f"sku-{n}"), east, 5) for n in range(10)]
    session = counting(*levels, freezes=True).session_id
    entries = [Entry(level.pk, 4) for level in levels]
    enter_count(session_id=session, entries=entries, actor=OLGA)
    submit_count(session_id=session, actor=OLGA)
    ids = list(CountLine.objects.values_list("pk", flat=True))
    review.explain_lines(session_id=session, reasons=dict.fromkeys(ids, "theft"), actor=OLGA)

    assert review.post_count(session_id=session, actor=OLGA).state == "posting"
    monkeypatch.setattr(failpoints, "_active", {"inventory.count.before_commit": "raise"})
    with pytest.raises(failpoints.FailpointHit):
        review.post_due(10)
    # The piece that died left nothing behind.
    assert StockEntry.objects.filter(cause="count").count() == 4
    assert StockLevel.objects.filter(frozen=True).count() == 6

    monkeypatch.setattr(failpoints, "_active", {})
    assert [review.post_due(10) for _ in range(3)] == [1, 1, 0]

    assert set(StockLevel.objects.values_list("on_hand", "frozen")) == {(4, False)}
    assert StockEntry.objects.filter(cause="count", actor="user:Olga Ops").count() == 10
    assert (state_of(session), Timer.objects.filter(kind="count").count()) == ("posted", 0)
    assert nothing_is_broken()
