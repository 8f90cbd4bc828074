"""Where Shopify and we disagree: the cause has a name, who is believed wins, the rest is asked."""

import json
from datetime import timedelta

import pytest

from inventory import drifts, shop_numbers
from inventory.commands import adjust
from inventory.models import AuthorityRule, Drift
from oms.catalog.models import BundlePart, Item
from oms.core import timers
from oms.core.actor import SHOPIFY
from oms.core.errors import Refused
from oms.core.models import InboxMessage, OutboxIntent, StreamMark, Timer
from oms.shopify import drift
from tests.cast import OLGA
from tests.shopify.live import Live
from tests.shopify.test_push_stock import (
    ask,
    change,
    foreign,
    keep,
    level,
    sell,
    shown,
    stock_there,
)


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """Ten minutes later: nothing has moved lately."""
    monkeypatch.setattr(drift, "QUIET", timedelta(seconds=-60))


def check(live: Live) -> int:
    return drift.check_stock(live.store.pk, live.client)


def facts() -> dict:
    return StreamMark.objects.get(stream="stock").facts


def believe(live: Live, source: str, field: str = "on_hand") -> None:
    AuthorityRule.objects.create(store=live.store, field=field, source=source)


def test_levels_that_agree_leave_no_trace(live: Live):
    assert check(live) == 0
    assert not Drift.objects.exists()
    assert (facts()["looked_at"], facts()["changed"]) == (4, 0)


def test_what_moved_within_ten_minutes_is_left_for_the_next_time(live: Live, monkeypatch):
    monkeypatch.setattr(drift, "QUIET", timedelta(minutes=10))
    sell(live, 2)
    assert check(live) == 0
    assert (facts()["moving"], Drift.objects.count()) == (1, 0)


def test_a_correction_in_shopify_is_taken_over_with_who_and_why(live: Live):
    foreign(live, available=-2)
    assert check(live) == 1

    found = Drift.objects.get()
    assert (found.state, found.repair, found.ours, found.theirs) == ("repaired", "adopted", 10, 8)
    assert (found.cause, found.ended_by) == ("foreign_write", "shopify:Shopify")
    assert found.evidence["why"] == "Shopify is believed here"
    assert found.evidence["there"]["available"] == 8
    here = level(live)
    assert (here.on_hand, here.published) == (8, None)
    entry = here.entries.latest("pk")
    assert (entry.cause, entry.document, entry.delta) == ("sync", f"drift:{found.pk}", -2)
    assert not OutboxIntent.objects.filter(topic="inventory.publish").exists()
    assert check(live) == 0


def test_where_we_are_believed_our_number_is_told_again(live: Live):
    believe(live, "switchyard")
    foreign(live, available=3)
    assert check(live) == 1

    found = Drift.objects.get()
    assert (found.repair, found.evidence["why"]) == ("published", "switchyard is believed here")
    live.push_all()
    assert shown(live) == (10, 0, 10)
    assert level(live).on_hand == 10
    assert check(live) == 0
    assert Drift.objects.count() == 1


def test_where_a_feed_is_believed_our_number_is_told_again_too(live: Live):
    believe(live, "erp")
    sell(live, 1)
    change(live, 4)
    live.push_all()
    assert shown(live) == (13, 0, 13)

    assert check(live) == 1
    live.push_all()
    assert shown(live) == (14, 0, 14)
    assert Drift.objects.get().evidence["believed"] == "erp"


@pytest.mark.parametrize("source", ["shopify", "switchyard"])
def test_an_absurd_difference_is_left_to_a_person(live: Live, source):
    believe(live, source)
    foreign(live, available=90)
    assert check(live) == 0
    found = Drift.objects.get()
    assert (found.state, found.repair, found.theirs) == ("open", "ask", 100)
    assert (level(live).on_hand, shown(live)) == (10, (100, 0, 100))
    assert facts()["asked"] == 1

    # It stays one difference while it lasts, and ends when they agree again.
    check(live)
    assert Drift.objects.count() == 1
    foreign(live, available=-90)
    check(live)
    found.refresh_from_db()
    assert (found.state, found.ended_by) == ("gone", "job:Switchyard")


def test_a_person_takes_theirs_or_has_ours_told_once(live: Live):
    foreign(live, available=90)
    check(live)
    found = Drift.objects.get()
    assert drifts.adopt(drift_id=found.pk, actor=OLGA)
    assert not drifts.adopt(drift_id=found.pk, actor=OLGA)
    assert not drifts.publish(drift_id=found.pk, actor=OLGA)
    assert level(live).on_hand == 100
    assert check(live) == 0

    foreign(live, available=-90)
    check(live)
    assert drifts.publish(drift_id=Drift.objects.latest("pk").pk, actor=OLGA)
    live.push_all()
    assert shown(live) == (100, 0, 100)
    assert check(live) == 0


def test_a_repair_on_numbers_that_have_moved_is_refused_and_changes_nothing(live: Live):
    foreign(live, available=90)
    check(live)
    found = Drift.objects.get()
    adjust(level_id=level(live).pk, delta=1, reason="found", actor=OLGA)
    for repair in (drifts.adopt, drifts.publish):
        with pytest.raises(Refused, match="look again"):
            repair(drift_id=found.pk, actor=OLGA)
    found.refresh_from_db()
    assert (found.state, level(live).on_hand) == ("open", 11)


def test_looking_again_looks_at_that_level_alone(live: Live):
    foreign(live, available=90)
    check(live)
    foreign(live, available=-90)
    drifts.look_again(drift_id=Drift.objects.get().pk)
    before = live.shop.requests

    assert drift.look_due() == 1
    assert live.shop.requests - before == 1
    assert Drift.objects.get().state == "gone"
    assert drift.look_due() == 0


def test_a_message_about_a_level_has_it_looked_at_soon(live: Live):
    from oms import flow, wiring

    here = level(live)
    sell(live, 1)
    InboxMessage.objects.create(
        store=live.store,
        delivery_id="level-1",
        topic="inventory_levels/update",
        body=json.dumps(
            {
                "inventory_item_id": here.item.shopify_inventory_item_id,
                "location_id": here.location.remote_id,
                "available": 9,
                "updated_at": "2026-11-21T10:00:00Z",
            }
        ).encode(),
    )
    flow.drain_inbox(wiring.HANDLERS, limit=10)
    assert Timer.objects.filter(kind="drift", subject_id=here.pk).exists()
    assert not timers.any_due("drift"), "its order is to be here first"

    Timer.objects.update(due_at="2020-01-01T00:00Z")
    assert drift.look_due() == 1
    assert level(live).on_hand == 9


def test_a_store_that_does_not_answer_is_asked_again(live: Live):
    drifts.look_at(live.store.pk, [level(live).pk])
    live.shop.faults.switch_on("unauthorized")
    assert drift.look_due() == 1
    assert Timer.objects.filter(kind="drift").count() == 1
    assert "401" in StreamMark.objects.get(stream="stock").last_error


def test_a_till_that_sold_before_is_the_likely_cause(live: Live):
    from inventory import ledger

    here = level(live)
    ledger.post([ledger.Change(here.pk, "on_hand", -1, "sale", "order:1")], actor=SHOPIFY)
    sell(live, 3)
    check(live)
    assert Drift.objects.get().cause == "till_sale"


def test_a_message_that_was_not_read_is_the_likely_cause(live: Live):
    InboxMessage.objects.create(
        store=live.store, delivery_id="x", topic="orders/create", body=b"{", state="quarantined"
    )
    sell(live, 3)
    check(live)
    found = Drift.objects.get()
    assert (found.cause, found.evidence["messages_unread"]) == ("message_missing", 1)


def test_a_refused_write_waits_with_its_reason_and_is_not_repeated(live: Live):
    change(live, 5)
    live.shop.faults.switch_on("foreign_write", count=20)
    live.push()
    assert live.intent("inventory.publish").state == "rejected"
    live.shop.faults.switch_off("foreign_write")

    check(live)
    found = Drift.objects.get()
    assert (found.state, found.cause, found.repair) == ("open", "refused", "wait")
    assert "all the time" in found.evidence["refused"]["reason"]
    assert not OutboxIntent.objects.filter(state="waiting").exists()

    ask(live)
    live.push_all()
    check(live)
    found.refresh_from_db()
    # What another app added meanwhile is taken over, now that ours has been told on top of it.
    assert (found.state, found.cause, level(live).on_hand) == ("repaired", "unknown", 25)


def test_a_parcel_that_shopify_has_not_heard_of_is_named(live: Live):
    order = live.bring_in(live.place(mug=3))
    (work,) = live.route(order)
    live.push_all()
    live.ship(work)
    assert check(live) == 0
    found = Drift.objects.get()
    assert (found.cause, found.repair, found.theirs - found.ours) == (
        "shipment_not_told", "wait", 3,
    )  # fmt: skip
    live.push_all()
    assert check(live) == 0
    found.refresh_from_db()
    assert found.state == "gone"


def test_what_left_and_was_taken_off_the_order_is_told_at_last(live: Live):
    order = live.bring_in(live.place(mug=3))
    (work,) = live.route(order)
    live.push_all()
    live.ship(work)
    OutboxIntent.objects.filter(topic="fulfillment.create").update(state="superseded")
    foreign(live, place=work.location.name, available=3, committed=-3)
    assert check(live) == 1
    found = Drift.objects.get()
    assert (found.cause, found.repair) == ("left_anyway", "published")
    live.push_all()
    assert shown(live, work.location.name) == (7, 0, 7)
    assert check(live) == 0
    assert level(live, place=work.location.name).on_hand == 7


def test_a_write_that_nobody_asked_for_is_made_up_for(live: Live):
    keep(live, 2)
    OutboxIntent.objects.all().delete()
    assert check(live) == 0
    assert facts()["told"] == 1
    live.push_all()
    assert shown(live) == (8, 2, 10)


@pytest.mark.parametrize(("source", "ends"), [("switchyard", (7, 3, 10)), ("shopify", (10, 0, 10))])
def test_safety_stock_that_somebody_frees_in_shopify(live: Live, source, ends):
    believe(live, source, field="safety")
    keep(live, 3)
    live.push_all()
    foreign(live, available=3, safety_stock=-3)

    check(live)
    live.push_all()
    assert shown(live) == ends
    assert level(live).safety == ends[1]
    check(live)
    assert not Drift.objects.exists()


def test_damaged_goods_in_shopify_are_no_longer_on_our_shelf(live: Live):
    foreign(live, available=-2, damaged=2)
    assert check(live) == 1
    assert level(live).on_hand == 8


def test_a_bundle_always_has_what_its_parts_make(live: Live):
    bundle = Item.objects.get(sku="shirt")
    BundlePart.objects.create(bundle=bundle, part=Item.objects.get(sku="mug"), quantity=4)
    shop_numbers.tell_bundles()
    live.push_all()
    foreign(live, sku="shirt", available=5)

    assert check(live) == 1
    found = Drift.objects.get()
    assert (found.cause, found.repair) == ("bundle", "published")
    live.push_all()
    assert stock_there(live, "shirt")["available"] == 2

    foreign(live, sku="shirt", available=90)
    check(live)
    with pytest.raises(Refused, match="no stock of its own"):
        drifts.adopt(drift_id=Drift.objects.get(state="open").pk, actor=OLGA)


def test_stock_of_an_item_that_is_new_at_a_place_is_opening_stock(live: Live):
    foreign(live, sku="shirt", place="west", available=70)
    assert check(live) == 0
    here = level(live, "shirt", "west")
    assert (here.on_hand, [e.cause for e in here.entries.all()]) == (70, ["opening"])
    assert not Drift.objects.exists()


def test_orders_on_their_way_are_no_difference(live: Live):
    live.place(mug=4)
    live.bring_in(live.place(mug=3))
    assert check(live) == 0
    assert not Drift.objects.exists()
