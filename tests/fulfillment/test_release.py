"""Release: planned work goes to the floor, once, unless something holds its order."""

import pytest

from oms.core import timers
from oms.core.errors import Refused
from oms.core.models import Timer
from oms.fulfillment import commands
from oms.fulfillment.models import FulfillmentOrder
from oms.orders import holds
from tests.cast import OLGA, make_order, make_store
from tests.fulfillment.floor import (
    assert_sound,
    buckets,
    footprint,
    released,
    routed,
    routed_order,
    sentences,
    shelf,
    work_of,
)

pytestmark = pytest.mark.django_db


def test_release_hands_planned_units_to_the_floor():
    order = routed_order(quantity=3)
    work = work_of(order)

    outcome = commands.release(work_ids=[work.pk], actor=OLGA)

    assert (outcome.done, outcome.refused) == ([work.pk], {})
    work.refresh_from_db()
    assert work.state == "released" and work.released_at
    assert buckets(order) == {"released": 3}
    assert shelf() == {"on_hand": 100, "reserved": 3}
    assert sentences(order, "work.") == [f"{work.code} released to East: 3 units"]
    assert not Timer.objects.filter(kind="release").exists()
    assert_sound()


def test_releasing_again_is_quiet():
    order = routed_order()
    work = released(order)
    before = footprint()

    assert commands.release(work_ids=[work.pk], actor=OLGA).done == [work.pk]

    assert footprint() == before


def test_a_held_order_stays_planned_and_says_why():
    order = routed_order()
    work = work_of(order)
    holds.place(order_id=order.pk, kind="manual", reason="customer asked to wait", actor=OLGA)
    before = footprint()

    outcome = commands.release(work_ids=[work.pk], actor=OLGA)

    assert outcome.refused == {
        work.pk: f"{order.name} is held: customer asked to wait. Release the hold first."
    }
    with pytest.raises(Refused, match="is held"):
        outcome.or_refuse()
    work.refresh_from_db()
    assert work.state == "planned"
    assert buckets(order) == {"reserved": 1}
    assert footprint() == before


def test_one_refusal_does_not_hold_the_others():
    held, free = routed_order(), routed_order()
    holds.place(order_id=held.pk, kind="risk", reason="look at it", actor=OLGA)
    ids = [work_of(held).pk, work_of(free).pk, 999_999]

    outcome = commands.release(work_ids=ids, actor=OLGA)

    assert outcome.done == [ids[1]]
    assert outcome.refused[999_999] == "This work does not exist."
    assert set(outcome.refused) == {ids[0], 999_999}
    assert_sound()


def test_the_release_timer_releases_due_orders_and_leaves_held_ones_waiting():
    held, free = routed_order(), routed_order(quantity=2)
    holds.place(order_id=held.pk, kind="manual", reason="gift card missing", actor=OLGA)

    outcome = commands.release_due(100)

    assert outcome.done == [work_of(free).pk]
    assert "gift card missing" in outcome.refused[work_of(held).pk]
    timer = Timer.objects.get(kind="release")
    assert timer.subject_id == held.pk
    assert "gift card missing" in timer.waits_for
    assert commands.release_due(100).done == []
    assert_sound()


def test_releasing_the_hold_makes_the_order_due_at_once():
    order = routed_order()
    hold = holds.place(order_id=order.pk, kind="manual", reason="wait", actor=OLGA)
    commands.release_due(100)
    assert work_of(order).state == "planned"

    holds.release(hold_id=hold.pk, actor=OLGA)

    assert commands.release_due(100).done == [work_of(order).pk]


def test_grace_time_keeps_work_planned():
    store = make_store()
    store.grace_minutes = 30
    store.save(update_fields=["grace_minutes"])
    order = routed_order()

    assert commands.release_due(100).done == []

    assert work_of(order).state == "planned"


def test_one_order_that_does_not_add_up_does_not_hold_the_batch():
    broken, *whole = [routed_order() for _ in range(5)]
    # Only possible by hand: the line says that nothing of it is reserved.
    broken.lines.update(reserved=0, open=1)

    outcome = commands.release_due(100)

    assert sorted(outcome.done) == sorted(work_of(order).pk for order in whole)
    assert list(outcome.refused) == [work_of(broken).pk]
    assert Timer.objects.get(kind="release").subject_id == broken.pk


def test_hundreds_are_released_with_a_fixed_number_of_queries(django_assert_max_num_queries):
    routed_order()
    for _ in range(100):
        make_order()
    routed(work_of_nothing := make_order())
    timers.start(store_id=make_store().pk, kind="release", subject_ids=[work_of_nothing.pk])

    with django_assert_max_num_queries(24):
        outcome = commands.release_due(500)

    assert len(outcome.done) == FulfillmentOrder.objects.filter(state="released").count()
    assert len(outcome.done) >= 100
