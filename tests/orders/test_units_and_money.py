"""Units are in one bucket each; money has two columns; both have one door."""

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oms.core.actor import SHOPIFY
from oms.core.errors import Refused
from oms.orders import money, payments, pricing, units
from oms.orders.models import MoneyEntry, OrderLine, PaymentTransaction
from oms.orders.snapshots import TransactionSnapshot
from oms.orders.units import Move
from tests.cast import NOON, line, make_order

db = pytest.mark.django_db


@db
def test_units_move_between_buckets_many_lines_at_once() -> None:
    order = make_order(line("mug", 3), line("shirt", 2))
    first, second = order.lines.order_by("position")

    units.move(
        [
            Move(first.pk, "open", "reserved", 2),
            Move(first.pk, "reserved", "released", 1),
            Move(second.pk, "open", "cancelled", 2),
        ]
    )

    rows = order.lines.order_by("position")
    assert list(rows.values_list("open", "reserved", "released", "cancelled")) == [
        (1, 1, 1, 0),
        (0, 0, 0, 2),
    ]


@db
def test_more_units_than_a_bucket_holds_are_refused_and_none_of_the_batch_moves() -> None:
    order = make_order(line("mug", 1), line("shirt", 5))
    first, second = order.lines.order_by("position")

    with pytest.raises(Refused, match="moved on meanwhile"):
        units.move([Move(second.pk, "open", "reserved", 5), Move(first.pk, "open", "reserved", 2)])

    assert list(order.lines.order_by("position").values_list("open", flat=True)) == [1, 5]


@db
def test_an_entry_of_the_same_source_counts_once() -> None:
    order = make_order(paid=False)
    entry = money.Entry(
        order.store_id, order.pk, money.OWED, "refund", Decimal("-4.00"), "USD", "refund:1"
    )

    money.post([entry], actor=SHOPIFY)
    money.post([entry, replace(entry, amount=Decimal("-9.00"))], actor=SHOPIFY)

    assert money.balances([order.pk])[order.pk] == (Decimal("11.00"), Decimal(0))


def transaction(order_remote_id: int, **fields: object) -> TransactionSnapshot:
    values = {
        "remote_id": 1,
        "order_remote_id": order_remote_id,
        "parent_remote_id": None,
        "kind": "sale",
        "status": "success",
        "gateway": "bogus",
        "amount": Decimal("15.00"),
        "currency": "USD",
        "processed_at": NOON,
    }
    return TransactionSnapshot(**(values | fields))  # type: ignore[arg-type]


@db
def test_money_moves_only_when_a_transaction_succeeds() -> None:
    order = make_order(paid=False)
    for status in ("pending", "failure"):
        payments.record(
            store_id=order.store_id,
            transactions=[transaction(order.remote_id, status=status)],
            actor=SHOPIFY,
        )
    assert money.balances([order.pk])[order.pk][1] == 0

    payments.record(
        store_id=order.store_id, transactions=[transaction(order.remote_id)], actor=SHOPIFY
    )

    assert money.balances([order.pk])[order.pk] == (Decimal("15.00"), Decimal("15.00"))
    assert PaymentTransaction.objects.get().status == "success"


@db
def test_a_late_older_status_never_undoes_a_success() -> None:
    order = make_order()
    payments.record(
        store_id=order.store_id,
        transactions=[transaction(order.remote_id, remote_id=9, kind="refund")],
        actor=SHOPIFY,
    )
    entries = MoneyEntry.objects.count()

    payments.record(
        store_id=order.store_id,
        transactions=[transaction(order.remote_id, remote_id=9, kind="refund", status="pending")],
        actor=SHOPIFY,
    )

    assert PaymentTransaction.objects.get(remote_id=9).status == "success"
    assert MoneyEntry.objects.count() == entries


@db
def test_authorizations_and_voids_move_nothing() -> None:
    order = make_order(paid=False)

    payments.record(
        store_id=order.store_id,
        transactions=[
            transaction(order.remote_id, kind="authorization"),
            transaction(order.remote_id, remote_id=2, kind="void"),
        ],
        actor=SHOPIFY,
    )

    assert not MoneyEntry.objects.filter(column="moved").exists()


@db
def test_a_payment_of_an_unknown_order_is_named_and_the_others_are_kept() -> None:
    order = make_order(paid=False)

    unknown = payments.record(
        store_id=order.store_id,
        transactions=[transaction(order.remote_id), transaction(404, remote_id=2)],
        actor=SHOPIFY,
    )

    assert unknown == {404}
    assert PaymentTransaction.objects.count() == 1


@given(
    ordered=st.integers(1, 40),
    cents=st.integers(0, 99_999),
    discount=st.integers(0, 999),
    tax=st.integers(0, 999),
    cuts=st.lists(st.integers(0, 40), max_size=5),
)
@settings(max_examples=200, deadline=None)
def test_the_values_of_all_units_add_up_to_the_line_in_whatever_portions(
    ordered: int, cents: int, discount: int, tax: int, cuts: list[int]
) -> None:
    whole = OrderLine(
        ordered=ordered,
        unit_price=Decimal(cents) / 100,
        discount=Decimal(discount) / 100,
        tax=Decimal(tax) / 100,
    )
    marks = sorted({0, ordered, *(cut for cut in cuts if cut <= ordered)})

    portions = [
        pricing.value_of(whole, already=a, quantity=b - a, currency="USD")
        for a, b in pairwise(marks)
    ]

    assert sum(portions) == pricing.line_total(whole)


def test_yen_have_no_cents_and_the_remainder_goes_to_the_last_unit() -> None:
    three = OrderLine(ordered=3, unit_price=Decimal(100), discount=Decimal(0), tax=Decimal(10))

    values = [pricing.value_of(three, already=n, quantity=1, currency="JPY") for n in range(3)]

    assert values == [Decimal(103), Decimal(103), Decimal(104)]
