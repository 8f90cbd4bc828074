"""Orders come in once, in the newest version, line by line."""

from dataclasses import replace
from decimal import Decimal

import pytest

from oms.core.actor import SHOPIFY
from oms.core.models import Timer
from oms.orders import money
from oms.orders.intake import take_in
from oms.orders.models import Customer, Event, MoneyEntry, Order, OrderLine
from tests.cast import later, line, make_item, make_order, make_store, snapshot

pytestmark = pytest.mark.django_db


def test_a_new_order_gets_lines_money_an_event_and_a_routing_timer() -> None:
    store, mug = make_store(), make_item("mug")
    placed = snapshot(line("mug", 2), line("shirt", 1, tax=Decimal("0.80")))

    result = take_in(store_id=store.pk, snapshots=[placed], actor=SHOPIFY)

    order = Order.objects.get()
    assert result.new == [order.pk]
    assert (order.name, order.total, order.ship_country) == (placed.name, Decimal("35.80"), "US")
    first, second = order.lines.order_by("position")
    assert (first.item, first.ordered, first.open, first.wanted) == (mug, 2, 2, 2)
    assert second.item is None, "an unknown SKU is kept as a line of its own"
    assert money.balances([order.pk]) == {order.pk: (Decimal("35.80"), Decimal(0))}
    assert [e.kind for e in order.events.all()] == ["order.placed"]
    assert Timer.objects.get().subject_id == order.pk


def test_the_same_snapshot_again_changes_nothing() -> None:
    store = make_store()
    placed = snapshot(line("mug"))
    take_in(store_id=store.pk, snapshots=[placed], actor=SHOPIFY)

    again = take_in(store_id=store.pk, snapshots=[placed, placed], actor=SHOPIFY)

    assert (again.new, again.changed, again.withdrawals, again.stale) == ([], [], [], 2)
    assert (Order.objects.count(), OrderLine.objects.count()) == (1, 1)
    assert Event.objects.count() == 1
    assert MoneyEntry.objects.count() == 2


def test_an_older_snapshot_never_overwrites_a_newer_one() -> None:
    store = make_store()
    old = snapshot(line("mug"), note="old")
    new = replace(old, note="new", updated_at=old.updated_at.replace(minute=30))
    take_in(store_id=store.pk, snapshots=[new], actor=SHOPIFY)

    result = take_in(store_id=store.pk, snapshots=[old], actor=SHOPIFY)

    assert result.stale == 1
    assert Order.objects.get().note == "new"


def test_units_taken_off_are_reported_and_not_guessed() -> None:
    store = make_store()
    placed = snapshot(line("mug", 3))
    take_in(store_id=store.pk, snapshots=[placed], actor=SHOPIFY)
    later(placed)
    placed.lines[0].current = placed.lines[0].fulfillable = 1

    result = take_in(store_id=store.pk, snapshots=[placed], actor=SHOPIFY)

    known = OrderLine.objects.get()
    assert [(w.line_id, w.quantity) for w in result.withdrawals] == [(known.pk, 2)]
    assert (known.wanted, known.open) == (1, 3)


def test_a_return_of_shipped_units_withdraws_nothing() -> None:
    store = make_store()
    placed = snapshot(line("mug", 2))
    take_in(store_id=store.pk, snapshots=[placed], actor=SHOPIFY)
    OrderLine.objects.update(open=1, shipped=1)
    later(placed)
    placed.lines[0].current, placed.lines[0].fulfillable = 1, 1

    result = take_in(store_id=store.pk, snapshots=[placed], actor=SHOPIFY)

    assert result.withdrawals == []


def test_added_lines_and_more_units_are_open_owed_and_due_for_routing() -> None:
    store = make_store()
    placed = snapshot(line("mug", 1))
    take_in(store_id=store.pk, snapshots=[placed], actor=SHOPIFY)
    Timer.objects.all().delete()
    later(placed)
    grown = placed.lines[0]
    grown.quantity = grown.current = grown.fulfillable = 2
    placed.lines.append(line("shirt", 1))

    take_in(store_id=store.pk, snapshots=[placed], actor=SHOPIFY)

    order = Order.objects.get()
    assert sorted(order.lines.values_list("sku", "ordered", "open")) == [
        ("mug", 2, 2),
        ("shirt", 1, 1),
    ]
    assert money.balances([order.pk])[order.pk][0] == Decimal("35.00")
    assert Timer.objects.get().kind == "route"


def test_a_batch_of_two_hundred_takes_as_many_queries_as_one(
    django_assert_max_num_queries: pytest.FixtureRequest,
) -> None:
    store = make_store()
    make_item("mug")
    batch = [snapshot(line("mug"), line("shirt")) for _ in range(200)]

    with django_assert_max_num_queries(12):  # type: ignore[operator]
        result = take_in(store_id=store.pk, snapshots=batch, actor=SHOPIFY)

    assert len(result.new) == 200
    assert Customer.objects.count() == 1


def test_money_and_payment_agree_for_a_paid_order() -> None:
    order = make_order(line("mug", 3))

    owed, moved = money.balances([order.pk])[order.pk]

    assert owed == moved == Decimal("35.00")
