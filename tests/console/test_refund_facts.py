"""The refund page in words: months, checks, what differs, and where the chain of facts breaks."""

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from oms.console import refund_facts, refund_page
from returns import reconciliation, refunds
from returns.reconciliation import Month, Refunded, Sums
from returns.refunds import mark_failed
from returns.settlement import record_remote_refund
from tests.cast import SAM, make_store
from tests.console.people import signed_in, words_of
from tests.returns.goods import (
    approved_refund,
    at_the_gateway,
    fay,
    outside,
    received,
    settled,
    shipped_order,
)

TODAY = date(2026, 11, 20)
ZONE = ZoneInfo("Europe/London")


@pytest.mark.parametrize(
    ("text", "month"),
    [
        ("2026-10", date(2026, 10, 1)),
        ("2026-11", date(2026, 11, 1)),
        ("2027-01", date(2026, 11, 1)),
        ("2026-13", date(2026, 11, 1)),
        ("", date(2026, 11, 1)),
        ("10-2026", date(2026, 11, 1)),
        ("²026-11", date(2026, 11, 1)),
    ],
)
def test_the_address_names_a_month_that_has_begun(text, month):
    assert refund_page.month_named(text, TODAY) == month


def test_the_months_around_stop_at_today():
    assert refund_page.neighbours(date(2026, 11, 1), TODAY) == [
        date(2026, 10, 1),
        date(2026, 11, 1),
    ]
    assert refund_page.neighbours(date(2026, 1, 1), TODAY)[0] == date(2025, 12, 1)
    assert refund_page.neighbours(date(2026, 1, 1), TODAY)[2] == date(2026, 2, 1)


def month(**states: Sums) -> Month:
    report = Month(
        total=Sums(),
        by_state={state: Sums() for state in reconciliation.STATES},
        ages={state: [0] * 4 for state in reconciliation.STATES},
    )
    for state, sums in states.items():
        report.by_state[state] = sums
        report.total.add(sums)
    return report


def test_two_errors_that_cancel_out_do_not_make_a_month_agree():
    report = month(
        too_much=Sums(1, Decimal(10), Decimal(15)), too_little=Sums(1, Decimal(10), Decimal(5))
    )
    assert report.total.difference == 0
    (_, difference, _) = refund_page.checks(report, "GBP")
    assert not difference.holds
    assert difference.link_words == "2 refunds, £0.00"
    assert refund_page.explained(report) == ["2 refunds explain all of it."]


def test_a_quiet_month_holds_every_check():
    report = month(matched=Sums(3, Decimal(30), Decimal(30)))
    assert [check.holds for check in refund_page.checks(report, "GBP")] == [True, True, True]
    assert refund_page.explained(report) == ["Every refund agrees with its money."]


def test_goods_without_a_decision_are_said_apart_from_the_money():
    report = month(no_decision=Sums(2, Decimal(20), Decimal(20)))
    assert refund_page.explained(report) == [
        "Every refund agrees with its money.",
        "2 agree in money but have no decision on the goods.",
    ]


def row(state: str, owed: str, moved: str, way: str = "0", **fields) -> Refunded:
    values = {
        "refund_id": 1,
        "transaction_id": None,
        "order_id": 1,
        "order_name": "#1",
        "rma_id": None,
        "remote_id": 5,
        "origin": "return",
        "state": state,
        "owed": Decimal(owed),
        "moved": Decimal(moved),
        "on_its_way": Decimal(way),
        "created_at": datetime(2026, 11, 12, tzinfo=UTC),
        "reason": "",
        "error": "",
    }
    return Refunded(**(values | fields))


@pytest.mark.parametrize(
    ("found", "words", "verdict"),
    [
        (
            row("too_little", "68", "50"),
            "£18.00 of it has not moved",
            "£18.00 is still owed to the customer.",
        ),
        (
            row("too_much", "43", "47.95"),
            "£4.95 more moved than is owed",
            "£4.95 moved that nobody owes.",
        ),
        (
            row("outside", "0", "32", refund_id=None, transaction_id=9),
            "Refunded at the gateway; no refund in Shopify",
            "£32.00 moved that nobody owes.",
        ),
        (
            row("nothing", "86", "0", error="card expired"),
            "Refused: card expired",
            "£86.00 is still owed to the customer.",
        ),
        (
            row("on_its_way", "68", "0", "68"),
            "Sent; the gateway has not settled it",
            "£68.00 is on its way; nothing to do yet.",
        ),
        (row("matched", "68", "68"), "Agrees", "All facts agree."),
    ],
)
def test_a_row_says_what_differs_and_what_is_left(found, words, verdict):
    assert refund_page.differs(found, "GBP") == words
    assert refund_facts.verdict(found, "GBP") == verdict


def joints(refund_or_order) -> list[str]:
    """The signs between the facts of the only refund of the month."""
    now = datetime(2026, 11, 28, tzinfo=UTC)
    refund_day = now.date()
    if created := getattr(refund_or_order, "created_at", None):
        refund_day, now = created.date(), max(now, created)
    period = reconciliation.month_of(make_store(), refund_day, now)
    found, _ = refund_page.rows_of(period, tuple(reconciliation.STATES), 0)
    assert len(found) == 1
    return [fact.joint for fact in refund_facts.opened(found[0], period, ZONE).facts]


@pytest.mark.django_db
def test_a_settled_refund_has_no_broken_joint():
    refund = approved_refund(shipped_order())
    settled(refund, str(refund.owed))
    assert joints(refund) == ["", "=", "=", "="]


@pytest.mark.django_db
def test_a_part_that_did_not_move_breaks_the_joint_before_the_gateway():
    refund = approved_refund(shipped_order())
    settled(refund, "4.00")
    assert "≠" in joints(refund)


@pytest.mark.django_db
def test_a_refused_refund_breaks_at_shopify():
    refund = approved_refund(shipped_order())
    mark_failed(refund_id=refund.pk, reason="card expired", actor=SAM)
    assert joints(refund)[1] == "≠"


@pytest.mark.django_db
def test_money_at_the_gateway_without_a_refund_breaks_there():
    order = shipped_order()
    at_the_gateway(order, "5.00")
    assert joints(order) == ["", "=", "≠", "="]


@pytest.mark.django_db
def test_units_paid_for_that_nobody_inspected_break_at_the_goods():
    rma = received(shipped_order(), 2)
    refund = refunds.propose(rma_id=rma.pk, actor=SAM, in_advance=True)
    refund = refunds.approve(refund_id=refund.pk, actor=fay())
    settled(refund, str(refund.owed))
    assert joints(refund)[3] == "≠"


@pytest.mark.django_db
def test_a_refund_made_outside_is_accepted_with_a_reason():
    order = shipped_order()
    refund = record_remote_refund(
        store_id=order.store_id, snapshot=outside(order, "5.00"), actor=SAM
    )
    client = signed_in("finance")
    page = f"/refunds/?month=2026-11&open=r{refund.pk}"
    assert "Accept what moved" in words_of(client.get(page))

    refused = client.post(f"/refunds/{refund.pk}/accept/?month=2026-11&open=r{refund.pk}")
    assert refused.status_code == 409
    assert "Say why the money that moved outside is right." in words_of(refused)
    refund.refresh_from_db()
    assert refund.owed == 0

    client.post(f"/refunds/{refund.pk}/accept/", {"reason": "agreed by phone"})
    refund.refresh_from_db()
    assert refund.owed == Decimal("5.00")


@pytest.mark.django_db
def test_a_form_sent_twice_receives_and_inspects_once():
    order = shipped_order(3)
    rma = received(order, 2, arrived=1)
    client = signed_in("ops")
    entry = rma.lines.get()
    goods = {f"units-{entry.pk}": "1", "location": rma.location_id, "action_key": "k1"}
    decision = {
        "quantity": "1",
        "disposition": "restock",
        "location": rma.location_id,
        "action_key": "k2",
    }
    for _ in range(2):
        assert client.post(f"/returns/{rma.pk}/receive/", goods).status_code == 302
    for _ in range(2):
        path = f"/returns/{rma.pk}/lines/{entry.pk}/inspect/"
        assert client.post(path, decision).status_code == 302
    entry.refresh_from_db()
    assert (entry.received, entry.inspected, entry.extra) == (2, 1, 0)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "form",
    [
        {"quantity": "9", "disposition": "restock"},
        {"quantity": "1", "disposition": "eaten"},
        {"quantity": "x", "disposition": "restock"},
        {"quantity": "1", "disposition": "restock", "location": "999999"},
    ],
)
def test_an_impossible_decision_about_goods_changes_nothing(form):
    rma = received(shipped_order(3), 1)
    entry = rma.lines.get()
    response = signed_in("ops").post(f"/returns/{rma.pk}/lines/{entry.pk}/inspect/", form)
    assert response.status_code == 409
    assert 'class="refusal"' in response.content.decode()
    entry.refresh_from_db()
    assert entry.inspected == 0


@pytest.mark.django_db
def test_a_line_of_another_return_cannot_be_inspected_from_here():
    rma, other = received(shipped_order(), 1), received(shipped_order(quantity=2), 1)
    path = f"/returns/{rma.pk}/lines/{other.lines.get().pk}/inspect/"
    assert signed_in("ops").post(path, {"quantity": "1"}).status_code == 404
