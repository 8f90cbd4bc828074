"""The refund page: an equation that adds up, each refund in the box that says what differs."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from oms.core.actor import SHOPIFY
from oms.orders.models import MoneyEntry
from returns import reconciliation, refunds
from returns.evidence import evidence
from returns.models import Refund
from returns.reconciliation import AGES, STATES, month, month_of, two_columns
from returns.settlement import record_remote_refund
from tests.cast import FAY, NOON, SAM, line, make_item, make_order, make_store
from tests.fulfillment.floor import assert_sound
from tests.returns.goods import (
    approved,
    approved_refund,
    at_the_gateway,
    cancelled,
    outside,
    settled,
    shipped_order,
)

pytestmark = pytest.mark.django_db


def november(now=None):
    """The month of the refunds: they are made now, those of Shopify shortly after noon."""
    refunds_made = Refund.objects.all()
    refunds_made.update(created_at=NOON)
    refunds_made.filter(submitted_at__isnull=False).update(submitted_at=NOON)
    return month_of(make_store(), date(2026, 11, 20), now or NOON + timedelta(days=4))


def states():
    rows = reconciliation.refunds(november(), states=list(STATES))
    return [(row.state, row.owed, row.moved, row.difference) for row in rows]


def take_in(snapshot):
    return record_remote_refund(store_id=make_store().pk, snapshot=snapshot, actor=SHOPIFY)


def row(state, owed, moved, difference):
    return (state, Decimal(owed), Decimal(moved), Decimal(difference))


def test_what_moved_as_owed_is_matched():
    settled(approved_refund(shipped_order(3), 1), "6.00", "4.00")

    assert states() == [row("matched", "10", "10", "0")]


def test_a_proposal_is_no_part_of_the_equation():
    order = shipped_order(3)
    refunds.propose_goodwill(order_id=order.pk, amount=Decimal(5), reason="late", actor=SAM)

    assert states() == []


def test_an_approved_refund_is_on_its_way():
    approved_refund(shipped_order(3), 1)

    assert states() == [row("on_its_way", "10", "0", "0")]


def test_an_accepted_refund_is_believed_for_three_days():
    settled(approved_refund(shipped_order(3), 1))

    young = month(november(now=NOON + timedelta(days=2)))
    old = month(november(now=NOON + timedelta(days=4)))

    assert young.by_state["on_its_way"].on_its_way == Decimal("10.00")
    assert young.total.difference == 0
    assert old.by_state["nothing"].difference == Decimal("10.00")


def test_a_refused_refund_moved_nothing():
    refund = approved_refund(shipped_order(3), 1)
    refunds.mark_failed(refund_id=refund.pk, reason="card expired", actor=SAM)

    assert states() == [row("nothing", "10", "0", "10")]
    (shown,) = reconciliation.refunds(november())
    assert shown.error == "card expired"


def test_a_part_that_failed_at_the_gateway_moved_too_little():
    refund = settled(approved_refund(shipped_order(3), 2), "15.00")
    settled(refund, "5.00", status="failure")

    assert states() == [row("too_little", "20", "15", "5")]


def test_too_much_twice_and_outside_are_told_apart():
    settled(approved_refund(shipped_order(3), 1), "12.00")
    settled(approved_refund(shipped_order(3), 1), "10.00", "10.00")
    take_in(outside(shipped_order(3), "7.00"))
    at_the_gateway(shipped_order(3), "3.00")

    assert states() == [
        row("twice", "10", "20", "-10"),
        row("outside", "0", "7", "-7"),
        row("outside", "0", "3", "-3"),
        row("too_much", "10", "12", "-2"),
    ]


def test_the_same_amount_refunded_again_in_shopify_moved_twice():
    order = shipped_order(3)
    settled(approved_refund(order, 1), "10.00")
    take_in(outside(order, "10.00"))

    assert states() == [row("twice", "0", "10", "-10"), row("matched", "10", "10", "0")]


def test_money_that_agrees_without_a_decision_on_the_goods():
    order = shipped_order(3)
    rma = approved(order, 1)
    refund = refunds.propose(rma_id=rma.pk, actor=SAM, in_advance=True)
    settled(refunds.approve(refund_id=refund.pk, actor=FAY), "10.00")

    assert states() == [row("no_decision", "10", "10", "0")]


def test_units_cancelled_before_they_were_paid_owe_nothing_back():
    make_item("mug")
    take_in(cancelled(make_order(line("mug", 2), paid=False), 1))

    assert states() == [row("matched", "0", "0", "0")]


def test_units_cancelled_after_they_were_paid_are_owed_back():
    make_item("mug")
    take_in(cancelled(make_order(line("mug", 2)), 1))

    assert states() == [row("nothing", "10", "0", "10")]


def test_the_equation_adds_up_in_every_direction():
    settled(approved_refund(shipped_order(3), 1), "10.00")
    settled(approved_refund(shipped_order(3), 2), "5.00")
    approved_refund(shipped_order(3), 1)
    take_in(outside(shipped_order(3), "7.00"))

    report = month(november(now=NOON + timedelta(days=1)))

    total = report.total
    assert (total.refunds, total.owed, total.moved, total.on_its_way, total.difference) == (
        4,
        Decimal(40),
        Decimal(22),
        Decimal(25),
        Decimal(-7),
    )
    assert report.ages["on_its_way"] == [2, 0, 0, 0]
    assert report.ages_total == [4, 0, 0, 0]
    assert report.to_resolve == 1
    assert sum(sums.refunds for sums in report.by_state.values()) == 4
    assert sum(sums.difference for sums in report.by_state.values()) == total.difference
    assert_sound()


@pytest.mark.parametrize(
    ("days", "age"), [(0, 0), (1.9, 0), (2, 1), (5.9, 1), (6, 2), (14.9, 2), (15, 3), (200, 3)]
)
def test_age_counts_whole_days(days, age):
    settled(approved_refund(shipped_order(3), 1), "10.00")

    report = month(november(now=NOON + timedelta(days=days)))

    assert report.ages["matched"] == [int(i == age) for i in range(len(AGES))]


def test_a_month_begins_at_midnight_of_the_store():
    store = make_store()
    store.timezone = "America/New_York"
    store.save(update_fields=["timezone"])

    december = month_of(store, date(2026, 12, 31), NOON)

    assert december.start == datetime(2026, 12, 1, 5, tzinfo=UTC)
    assert december.end == datetime(2027, 1, 1, 5, tzinfo=UTC)


def test_refunds_of_another_month_or_currency_are_not_in_it():
    settled(approved_refund(shipped_order(3), 1), "10.00")
    settled(approved_refund(shipped_order(3, currency="JPY", unit_price=Decimal(300)), 1), "300")
    period = november()

    assert month(period).total.refunds == 1
    october = month_of(make_store(), date(2026, 10, 1), NOON)
    assert month(october).total.refunds == 0


def test_the_list_shows_the_largest_difference_first_and_pages():
    for amount in ("1.00", "9.00", "4.00"):
        take_in(outside(shipped_order(3), amount))
    period = november()

    first = reconciliation.refunds(period, limit=2)
    rest = reconciliation.refunds(period, limit=2, offset=2)

    assert [r.difference for r in first + rest] == [Decimal(-9), Decimal(-4), Decimal(-1)]
    assert reconciliation.orders_in_state(period, "outside") == sorted(
        r.order_id for r in first + rest
    )


def test_the_facts_of_each_row_come_in_six_queries(django_assert_max_num_queries):
    good = shipped_order(3)
    settled(approved_refund(good, 2), "15.00")
    take_in(outside(shipped_order(3), "7.00"))
    at_the_gateway(shipped_order(3), "3.00")
    rows = reconciliation.refunds(november())

    with django_assert_max_num_queries(6):
        outside_one, short, alone = evidence(rows)

    assert (short.refund.owed, short.rma.number) == (Decimal(20), good.rmas.get().number)
    assert [(u.sku, u.quantity, u.amount) for u in short.intent] == [("mug", 2, Decimal(20))]
    assert [(t.gateway, t.amount, t.status) for t in short.gateway] == [
        ("bogus", Decimal(15), "success")
    ]
    assert [(d.sku, d.quantity, d.disposition, d.place, d.by) for d in short.goods] == [
        ("mug", 2, "Back on sale", "East", "user:Olga Ops")
    ]
    assert (short.undecided, short.broken_joint) == (0, "gateway")
    assert (outside_one.intent, outside_one.goods) == ([], [])
    assert (alone.refund, alone.broken_joint) == (None, "shopify")
    assert [t.amount for t in alone.gateway] == [Decimal(3)]


def test_the_two_columns_of_an_order_show_every_entry():
    order = shipped_order(3)
    refund = settled(approved_refund(order, 1), "10.00")

    owed, moved, owed_sum, moved_sum = two_columns(order.pk)

    assert [(e[0], e[1]) for e in owed] == [
        ("items", Decimal(30)),
        ("delivery", Decimal(5)),
        ("refund", Decimal(-10)),
    ]
    assert [(e[0], e[1]) for e in moved] == [("payment", Decimal(35)), ("refund", Decimal(-10))]
    assert owed[2][3] == f"refund:{refund.pk}"
    assert owed_sum == moved_sum == Decimal(25)
    assert MoneyEntry.objects.count() == len(owed) + len(moved)


def test_the_page_needs_two_statements_for_any_number_of_refunds(django_assert_num_queries):
    for _ in range(5):
        settled(approved_refund(shipped_order(3), 1), "9.00")
    period = november()

    with django_assert_num_queries(2):
        assert month(period).to_resolve == 5
        assert len(reconciliation.refunds(period)) == 5
