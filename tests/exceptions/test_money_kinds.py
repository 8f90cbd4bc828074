"""Kinds about goods and money that go back, and a cancellation that came too late."""

from datetime import timedelta
from decimal import Decimal

import pytest

from oms.core.actor import SHOPIFY
from oms.core.clock import now
from oms.core.models import OutboxIntent
from oms.orders import payments
from oms.orders.models import Order, OrderLine
from returns import commands, refunds
from returns.models import RMA, Refund
from returns.settlement import accept_outside, record_remote_refund
from tests.cast import OLGA, SAM, make_order
from tests.exceptions.queue import in_words, open_case, proves_itself, swept
from tests.returns.goods import (
    approved,
    approved_refund,
    at_the_gateway,
    columns,
    fay,
    gateway,
    inspected,
    outside,
    received,
    settled,
    shipped_order,
    units,
)

pytestmark = pytest.mark.django_db
SOON = timedelta(minutes=11)


def take_in(snapshot):
    order = Order.objects.get(remote_id=snapshot.order_remote_id)
    return record_remote_refund(store_id=order.store_id, snapshot=snapshot, actor=SHOPIFY)


def test_an_order_that_agrees_is_not_in_the_queue_at_any_stage_of_its_refund():
    order = shipped_order()
    assert swept("refund_differs", SOON).found == 0
    refund = approved_refund(order)
    assert columns(order) == (Decimal("25.00"), Decimal("35.00"))

    assert swept("refund_differs", SOON).found == 0
    OutboxIntent.objects.filter(topic="refund.create").update(state="applied")
    refunds.mark_submitted(refund_id=refund.pk, remote_id=4711, actor=SHOPIFY)
    assert swept("refund_differs", SOON).found == 0
    settled(refund, "10.00")
    assert swept("refund_differs", SOON).found == 0


def test_a_refused_refund_differs_until_it_is_sent_again():
    refund = approved_refund(shipped_order())

    def refuse():
        OutboxIntent.objects.filter(topic="refund.create").update(state="rejected", reason="no")
        refunds.mark_failed(refund_id=refund.pk, reason="gift card is disabled", actor=SHOPIFY)

    case = proves_itself(
        "refund_differs",
        cause=refuse,
        cure=lambda: refunds.send_again(refund_id=refund.pk, actor=fay()),
        later=SOON,
    )

    assert in_words(case) == "Refund is $10.00 short: gift card is disabled"
    assert (case.at_stake, case.facts["failed_refund"]) == (10, refund.pk)
    # One cause, one case: the refused write of a refund is not shown a second time.
    assert swept("write_back_failed").found == 0


def test_a_refund_that_never_became_a_write_is_not_believed_to_be_on_its_way():
    approved_refund(shipped_order())
    OutboxIntent.objects.filter(topic="refund.create").update(state="superseded")

    assert swept("refund_differs", SOON).opened == 1
    assert in_words(open_case("refund_differs")) == (
        "$10.00 to give back, and nothing is on its way"
    )


def test_an_accepted_refund_is_believed_for_three_days_unless_a_part_was_refused():
    refund = approved_refund(shipped_order(), quantity=2)
    settled(refund, "12.00")

    assert swept("refund_differs", SOON).found == 0
    assert swept("refund_differs", timedelta(days=4)).opened == 1
    assert in_words(open_case("refund_differs")) == "Refund is $8.00 short; $12.00 went back"

    refund.refresh_from_db()
    refused = gateway(refund.order, "8.00", refund.remote_id, status="failure")
    payments.record(store_id=refund.store_id, transactions=[refused], actor=SHOPIFY)
    assert swept("refund_differs", SOON).found == 1
    assert in_words(open_case("refund_differs")) == "Refund is $8.00 short: card is disabled"


def test_money_moved_outside_differs_until_it_is_accepted():
    order = shipped_order()
    case = proves_itself(
        "refund_differs",
        cause=lambda: take_in(outside(order, "7.00")),
        cure=lambda: accept_outside(
            refund_id=Refund.objects.latest("pk").pk, reason="broken cup", actor=fay()
        ),
        later=SOON,
    )

    assert in_words(case) == "Refunded $7.00 more than the lines say"
    assert case.facts["outside_refund"] == Refund.objects.earliest("pk").pk


def test_money_moved_at_the_gateway_with_no_refund_differs_too():
    at_the_gateway(shipped_order(), "7.00")

    swept("refund_differs", SOON)

    case = open_case("refund_differs")
    assert (in_words(case), case.facts["outside_refund"]) == (
        "Refunded $7.00 more than the lines say",
        None,
    )


def test_an_order_that_is_not_paid_owes_no_refund():
    order = make_order(paid=False)
    take_in(outside(order, lines=[units(order, 1, "10.00", "cancel")]))

    assert swept("refund_differs", SOON).found == 0


def test_a_proposal_that_nobody_decides_on_is_shown_after_a_day():
    rma = inspected(shipped_order())
    refund = refunds.propose(rma_id=rma.pk, actor=SAM)

    case = proves_itself(
        "refund_waiting",
        cause=lambda: Refund.objects.update(created_at=now() - timedelta(hours=25)),
        cure=lambda: refunds.approve(refund_id=refund.pk, actor=fay()),
        again=lambda: Refund.objects.update(state="proposed"),
    )

    assert in_words(case).startswith("Refund of $10.00 waits for approval since ")


def test_a_return_that_brings_less_is_shown_once_it_is_decided_or_after_two_days():
    rma = received(shipped_order(), 2, arrived=1)
    assert swept("return_differs").found == 0
    assert swept("return_differs", timedelta(hours=49)).opened == 1
    assert in_words(open_case("return_differs")) == f"{rma.number} brought 1 of 2 × Mug"
    assert swept("return_differs").closed == 1

    line = rma.lines.get()
    commands.inspect(rma_line_id=line.pk, quantity=1, disposition="restock", actor=OLGA)
    commands.inspect(rma_line_id=line.pk, quantity=1, disposition="missing", actor=OLGA)

    assert swept("return_differs").opened == 1
    case = open_case("return_differs")
    assert (in_words(case), case.reopened) == (f"{rma.number} brought 1 of 2 × Mug", 1)
    assert case.at_stake == 10
    commands.close(rma_id=rma.pk, actor=OLGA)
    assert swept("return_differs").closed == 1


def test_goods_that_nobody_asked_for_are_shown_at_once():
    rma = received(shipped_order(), 1, arrived=2)

    swept("return_differs")

    words = f"{rma.number} brought 1 × Mug that nobody asked for"
    assert in_words(open_case("return_differs")) == words


def test_a_cancellation_after_the_goods_left_waits_for_a_return():
    order = shipped_order(2)

    def cancel():
        Order.objects.update(cancelled_at=now())
        OrderLine.objects.update(wanted=0)

    case = proves_itself(
        "cancelled_after_ship",
        cause=cancel,
        cure=lambda: approved(order, 2),
        again=lambda: RMA.objects.update(state="cancelled"),
    )

    assert in_words(case) == "Cancelled in Shopify, but 2 units had already left"
    assert (case.order_id, case.at_stake) == (order.pk, 20)
