"""Refunds: exact to the cent, never above what was captured, never by one person above a limit."""

import threading
from dataclasses import replace
from decimal import Decimal

import pytest
from django.db import connection

from oms.core.errors import Refused
from oms.orders.models import MoneyEntry
from returns import refunds
from returns.models import RMA, Refund, RefundLine
from tests.cast import FAY, OLGA, SAM
from tests.fulfillment.floor import assert_sound, footprint, sentences, told
from tests.returns.goods import (
    approved,
    approved_refund,
    columns,
    fay,
    inspected,
    received,
    requested,
    sam,
    settled,
    shipped_order,
)

pytestmark = pytest.mark.django_db


def goodwill(order, amount, actor=SAM, **fields):
    return refunds.propose_goodwill(
        order_id=order.pk, amount=Decimal(amount), reason="late", actor=actor, **fields
    )


def test_a_return_is_refunded_at_what_its_units_cost():
    order = shipped_order(3)
    rma = inspected(order, 2)

    refund = refunds.propose(rma_id=rma.pk, actor=SAM)

    assert (refund.state, refund.origin, refund.owed) == ("proposed", "return", Decimal("20.00"))
    assert refund.proposed_by == "user:Sam Support"
    (row,) = refund.lines.all()
    assert (row.quantity, row.amount) == (2, Decimal("20.00"))
    assert sentences(order, "refund.") == [f"Refund of $20.00 proposed: {rma.number}"]
    # A proposal owes nothing and tells nobody.
    assert columns(order) == (Decimal("35.00"), Decimal("35.00"))
    assert not told("refund.create")
    assert_sound()


def test_approving_owes_the_money_and_sends_it_once():
    order = shipped_order(3)
    refund = refunds.propose(rma_id=inspected(order, 1).pk, actor=SAM)

    refunds.approve(refund_id=refund.pk, actor=FAY)
    before = footprint()
    refunds.approve(refund_id=refund.pk, actor=FAY)

    refund.refresh_from_db()
    assert (refund.state, refund.approved_by) == ("approved", "user:Fay Finance")
    assert columns(order) == (Decimal("25.00"), Decimal("35.00"))
    entry = MoneyEntry.objects.get(source=f"refund:{refund.pk}")
    assert (entry.column, entry.cause, entry.amount) == ("owed", "refund", Decimal("-10.00"))
    assert told("refund.create") == [(f"refund:{refund.pk}", {"refund_id": refund.pk})]
    assert sentences(order, "refund.approved") == ["Refund of $10.00 approved"]
    assert footprint() == before
    assert_sound()


@pytest.mark.parametrize(
    ("currency", "fields", "shares"),
    [
        # 3 x 10.00 less 1.00 is 29.00: no three equal parts in cents.
        ("USD", {"discount": Decimal("1.00")}, ["9.66", "9.67", "9.67"]),
        # Tax counts too: 29.00 + 2.39 = 31.39.
        (
            "USD",
            {"discount": Decimal("1.00"), "tax": Decimal("2.39")},
            ["10.46", "10.46", "10.47"],
        ),
        # The yen has no smaller unit: 3 x 333 less 100 is 899.
        ("JPY", {"unit_price": Decimal(333), "discount": Decimal(100)}, ["299", "300", "300"]),
    ],
)
def test_units_returned_one_by_one_add_up_to_the_line(currency, fields, shares):
    order = shipped_order(3, currency=currency, **fields)

    paid = []
    for _ in range(3):
        refund = refunds.propose(rma_id=inspected(order, 1).pk, actor=SAM)
        refunds.approve(refund_id=refund.pk, actor=FAY)
        paid.append(refund.owed)

    assert paid == [Decimal(share) for share in shares]
    line = order.lines.get()
    assert sum(paid) == line.unit_price * 3 - line.discount + line.tax
    assert_sound()


def test_only_inspected_units_are_refunded_unless_in_advance():
    order = shipped_order(3)
    rma = received(order, 2)

    with pytest.raises(Refused, match=f"Nothing of {rma.number} is left to refund: inspect"):
        refunds.propose(rma_id=rma.pk, actor=SAM)
    refund = refunds.propose(rma_id=rma.pk, actor=SAM, in_advance=True)

    assert refund.owed == Decimal("20.00")


def test_a_unit_is_refunded_once():
    order = shipped_order(3)
    rma = inspected(order, 2)
    refunds.propose(rma_id=rma.pk, actor=SAM)
    before = footprint()

    with pytest.raises(Refused, match="is left to refund"):
        refunds.propose(rma_id=rma.pk, actor=SAM)

    assert footprint() == before
    assert Refund.objects.count() == RefundLine.objects.count() == 1


def test_proposing_again_with_the_same_key_finds_the_same_refund():
    order = shipped_order(3)
    rma = inspected(order, 2)

    first = refunds.propose(rma_id=rma.pk, actor=SAM, request_key="r1")
    assert refunds.propose(rma_id=rma.pk, actor=SAM, request_key="r1").pk == first.pk


def test_a_return_that_nobody_approved_is_not_refunded():
    rma = requested(shipped_order(3), 1)

    with pytest.raises(Refused, match="only an approved return"):
        refunds.propose(rma_id=rma.pk, actor=SAM, in_advance=True)

    assert not Refund.objects.exists()


def test_delivery_goes_back_when_asked_and_only_once():
    order = shipped_order(3)
    first = refunds.propose(rma_id=inspected(order, 1).pk, actor=SAM, shipping=Decimal("4.00"))
    rma = inspected(order, 1)

    assert (first.owed, first.shipping) == (Decimal("14.00"), Decimal("4.00"))
    with pytest.raises(Refused, match=r"\$1\.00 of the delivery can go back, not \$2\.00"):
        refunds.propose(rma_id=rma.pk, actor=SAM, shipping=Decimal("2.00"))
    with pytest.raises(Refused, match="below zero"):
        refunds.propose(rma_id=rma.pk, actor=SAM, shipping=Decimal("-1.00"))
    assert Refund.objects.count() == 1


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        ("0", "above zero"),
        ("-5", "above zero"),
        ("1.005", "has more digits than USD knows"),
        ("NaN", "is a number"),
        ("35.01", r"\$35\.00 can go back on this order, not \$35\.01"),
    ],
)
def test_goodwill_that_makes_no_sense_is_refused(amount, words):
    order = shipped_order(3)
    before = footprint()

    with pytest.raises(Refused, match=words):
        goodwill(order, amount)

    assert footprint() == before
    assert not Refund.objects.exists()


def test_goodwill_says_what_it_is_for():
    order = shipped_order(3)
    with pytest.raises(Refused, match="what the goodwill is for"):
        refunds.propose_goodwill(order_id=order.pk, amount=Decimal(5), reason=" ", actor=SAM)

    refund = goodwill(order, "5.00")

    assert (refund.origin, refund.owed) == ("goodwill", Decimal("5.00"))
    assert sentences(order, "refund.") == ["Refund of $5.00 proposed: late"]


def test_never_more_than_was_captured_goes_back():
    order = shipped_order(3)
    first, second = goodwill(order, "20.00"), goodwill(order, "20.00")
    refunds.approve(refund_id=first.pk, actor=FAY)
    before = footprint()

    with pytest.raises(Refused, match=r"\$15\.00 can go back on this order, not \$20\.00"):
        refunds.approve(refund_id=second.pk, actor=FAY)

    second.refresh_from_db()
    assert second.state == "proposed"
    assert footprint() == before
    assert_sound()


def test_the_cap_is_the_same_before_and_after_the_money_moved():
    order = shipped_order(3)
    refund = refunds.approve(refund_id=goodwill(order, "20.00").pk, actor=FAY)
    assert refunds.left_to_refund(order.pk) == Decimal("15.00")

    settled(refund, "5.00", "15.00")

    assert refunds.left_to_refund(order.pk) == Decimal("15.00")
    assert columns(order) == (Decimal("15.00"), Decimal("15.00"))
    assert_sound()


def test_one_person_may_send_little_alone():
    order = shipped_order(20)
    refund = goodwill(order, "40.00", actor=sam())

    assert refunds.approve(refund_id=refund.pk, actor=sam()).state == "approved"


def test_above_the_limit_a_second_person_approves_click_by_click_or_at_once():
    order = shipped_order(20)
    first, second = (goodwill(order, amount, actor=sam()) for amount in ("40.00", "60.00"))
    refunds.approve(refund_id=first.pk, actor=sam())
    before = footprint()

    with pytest.raises(Refused) as refusal:
        refunds.approve(refund_id=second.pk, actor=sam())

    assert refusal.value.sentence == (
        "Sam proposed this refund and may approve up to $50.00 of an order alone"
        " ($40.00 so far); a second person has to approve it."
    )
    assert footprint() == before
    assert refunds.approve(refund_id=second.pk, actor=fay()).state == "approved"
    assert_sound()


def test_a_person_without_a_role_approves_nothing_of_their_own():
    refund = goodwill(shipped_order(3), "1.00", actor=OLGA)

    with pytest.raises(Refused, match="a second person"):
        refunds.approve(refund_id=refund.pk, actor=OLGA)


def test_a_new_name_is_not_a_second_person():
    order = shipped_order(20)
    refund = goodwill(order, "60.00", actor=sam())

    with pytest.raises(Refused, match="a second person"):
        refunds.approve(refund_id=refund.pk, actor=replace(sam(), name="Samantha"))


def test_limits_count_in_yen_what_they_count_in_dollars():
    order = shipped_order(3, currency="JPY", unit_price=Decimal(3000))
    small, large = (goodwill(order, amount, actor=sam()) for amount in ("4000", "2000"))

    assert refunds.approve(refund_id=small.pk, actor=sam()).state == "approved"
    with pytest.raises(Refused, match="a second person"):
        refunds.approve(refund_id=large.pk, actor=sam())


def test_a_refused_refund_stays_owed_until_it_is_sent_again():
    order = shipped_order(3)
    refund = approved_refund(order, 1)

    refunds.mark_failed(refund_id=refund.pk, reason="card expired", actor=SAM)
    assert columns(order) == (Decimal("25.00"), Decimal("35.00"))
    with pytest.raises(Refused, match="send it again, or give it up"):
        refunds.approve(refund_id=refund.pk, actor=fay())
    refunds.send_again(refund_id=refund.pk, actor=fay())

    refund.refresh_from_db()
    assert (refund.state, refund.error) == ("approved", "")
    assert sentences(order, "refund.failed") == [
        "Refund of $10.00 refused by Shopify: card expired"
    ]
    assert columns(order) == (Decimal("25.00"), Decimal("35.00"))
    assert_sound()


def test_a_refund_given_up_is_no_longer_owed_and_frees_its_units():
    order = shipped_order(3)
    refund = approved_refund(order, 1)
    refunds.mark_failed(refund_id=refund.pk, reason="card expired", actor=SAM)

    refunds.cancel(refund_id=refund.pk, reason="paid in cash", actor=FAY)
    before = footprint()
    refunds.cancel(refund_id=refund.pk, reason="paid in cash", actor=FAY)

    assert columns(order) == (Decimal("35.00"), Decimal("35.00"))
    assert footprint() == before
    rma = RMA.objects.get(pk=refund.rma_id)
    assert refunds.propose(rma_id=rma.pk, actor=SAM).owed == Decimal("10.00")
    assert_sound()


def test_a_refund_on_its_way_cannot_be_given_up():
    order = shipped_order(3)
    refund = approved_refund(order, 1)
    before = footprint()

    with pytest.raises(Refused, match="is approved and cannot become cancelled"):
        refunds.cancel(refund_id=refund.pk, reason="no", actor=FAY)

    assert footprint() == before


def test_a_late_word_of_failure_does_not_undo_an_accepted_refund():
    refund = approved_refund(shipped_order(3), 1)
    refunds.mark_submitted(refund_id=refund.pk, remote_id=9, actor=SAM)
    before = footprint()

    refunds.mark_failed(refund_id=refund.pk, reason="late", actor=SAM)
    refunds.mark_submitted(refund_id=refund.pk, remote_id=9, actor=SAM)

    refund.refresh_from_db()
    assert (refund.state, refund.remote_id) == ("submitted", 9)
    assert footprint() == before


def test_a_return_refunded_in_advance_is_not_refunded_again_after_inspection():
    order = shipped_order(3)
    rma = approved(order, 2)
    refunds.propose(rma_id=rma.pk, actor=SAM, in_advance=True)

    with pytest.raises(Refused, match="is left to refund"):
        refunds.propose(rma_id=rma.pk, actor=SAM, in_advance=True)


@pytest.mark.django_db(transaction=True)
def test_two_approvals_at_once_stay_under_the_cap():
    order = shipped_order(3)
    proposals = [goodwill(order, "20.00"), goodwill(order, "20.00")]
    answers: list[str] = []
    start = threading.Barrier(2)

    def approve(refund: Refund) -> None:
        try:
            start.wait(timeout=10)
            refunds.approve(refund_id=refund.pk, actor=FAY)
            answers.append("approved")
        except Refused:
            answers.append("refused")
        finally:
            connection.close()

    people = [threading.Thread(target=approve, args=(refund,)) for refund in proposals]
    for person in people:
        person.start()
    for person in people:
        person.join()

    assert sorted(answers) == ["approved", "refused"]
    assert columns(order) == (Decimal("15.00"), Decimal("35.00"))
    assert_sound()
