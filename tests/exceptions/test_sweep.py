"""The sweep itself: two at once, owners that stay, one bad query, many rows."""

import threading

import pytest
from django.db import connection

from inventory.commands import Count, set_on_hand
from oms.core.actor import SHOPIFY, of_user
from oms.core.models import Timer
from oms.exceptions import commands, detectors
from oms.exceptions.models import Check, ExceptionCase
from oms.exceptions.sweep import sweep
from oms.orders.models import Event, OrderLine
from tests.cast import line, make_item, make_location, make_order, make_user
from tests.exceptions.queue import open_case, swept
from tests.fulfillment.floor import routed_order


@pytest.mark.django_db(transaction=True)
def test_two_sweeps_at_once_open_each_case_once():
    for number in range(20):
        make_order(line(f"UNKNOWN-{number}"))
    barrier = threading.Barrier(4)
    opened, errors = [], []

    def run():
        try:
            barrier.wait()
            result = sweep(kinds=["unknown_item"])["unknown_item"]
            opened.append(result.opened)
            errors.append(result.error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (sum(opened), errors) == (20, ["", "", "", ""])
    assert ExceptionCase.objects.count() == 20
    assert Event.objects.filter(kind="exception.opened").count() == 20


@pytest.mark.django_db
def test_the_owner_of_a_case_has_it_again_when_it_reopens_unless_he_left():
    sam = make_user("sam", "support")
    make_order(line("UNKNOWN"))
    swept("unknown_item")
    case = open_case("unknown_item")
    commands.claim(case_id=case.pk, version=case.version, actor=of_user(sam))

    for active, owner, reopened in [(True, sam, 1), (False, None, 2)]:
        type(sam).objects.update(is_active=active)
        OrderLine.objects.update(item=make_item("mug"))
        swept("unknown_item")
        OrderLine.objects.update(item=None)
        swept("unknown_item")

        assert open_case("unknown_item").owner == owner
        assert open_case("unknown_item").reopened == reopened


@pytest.mark.django_db
def test_a_check_that_fails_is_noted_and_does_not_blind_the_others(monkeypatch):
    monkeypatch.setitem(detectors.DETECTORS, "hold_open", "SELECT no_such_column FROM orders_hold")
    make_order(line("UNKNOWN"))

    result = sweep()

    assert "no_such_column" in result["hold_open"].error
    assert result["unknown_item"].opened == 1
    failed = Check.objects.get(kind="hold_open")
    assert (failed.checked_at, "no_such_column" in failed.error) == (None, True)
    assert Check.objects.get(kind="unknown_item").checked_at is not None
    assert Check.objects.filter(error="").count() == len(result) - 1


@pytest.mark.django_db
def test_a_check_costs_the_same_number_of_queries_for_one_case_as_for_many(
    django_assert_num_queries,
):
    sweep()
    for number in range(30):
        make_order(line(f"UNKNOWN-{number}"))

    # Teams, savepoint, lock, the sweep, events, savepoint, the note of the check.
    with django_assert_num_queries(7):
        assert sweep(kinds=["unknown_item"])["unknown_item"].opened == 30
    with django_assert_num_queries(6):
        assert sweep(kinds=["unknown_item"])["unknown_item"].found == 30


@pytest.mark.django_db
def test_the_same_order_may_stand_in_the_queue_for_two_reasons():
    routed_order(quantity=2, on_hand=2)
    mug, east = make_item("mug"), make_location("east")
    set_on_hand(
        store_id=mug.store_id,
        counts=[Count(mug.pk, east.pk, 0)],
        cause="count",
        document="count:1",
        actor=SHOPIFY,
    )
    # As if all of it were picked: the rule has had its turn.
    Timer.objects.filter(kind="shortage").delete()
    OrderLine.objects.update(reserved=1, backordered=1)

    sweep()

    assert set(ExceptionCase.objects.values_list("kind", flat=True)) == {
        "stock_short",
        "unroutable",
    }
    assert ExceptionCase.objects.values("order_id").distinct().count() == 1
