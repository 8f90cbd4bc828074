"""Told of stock: what Shopify cannot know, once; what we keep back stands there as safety stock."""

import json
from datetime import timedelta

import pytest

from inventory import shop_numbers
from inventory.commands import adjust, set_safety, soft
from inventory.commands.fences import set_fence
from inventory.commands.thresholds import set_threshold
from inventory.ledger import Change, freeze, post
from inventory.models import StockLevel
from inventory.reservations import Promise, release, reserve
from oms.catalog.models import BundlePart, Item
from oms.core import outbox
from oms.core.clock import now
from oms.core.models import OutboxIntent
from oms.shopify import pull, push_stock
from tests.cast import OLGA
from tests.shopify.live import Live, states
from tests.shopify.test_push_work import LOST_ANSWERS, NOTHING_DONE


def level(live: Live, sku: str = "mug", place: str = "east") -> StockLevel:
    return StockLevel.objects.get(item__sku=sku, location__name=place)


def change(live: Live, delta: int) -> None:
    here = level(live)
    adjust(level_id=here.pk, delta=delta, reason="found behind the shelf", actor=OLGA)
    ask(live)


def ask(live: Live) -> None:
    here = level(live)
    outbox.publish(
        store_id=live.store.pk,
        topic="inventory.publish",
        key=f"level:{here.pk}",
        params={"level_id": here.pk},
    )


def test_the_catalogue_and_its_opening_stock_are_imported(live: Live):
    assert live.connected.counts == {"locations": 3, "items": 2, "levels": 4}
    assert (level(live).on_hand, level(live, place="soho_store").on_hand) == (10, 2)
    assert set(level(live).location.ships_to) == {"US"}
    assert {e.cause for e in level(live).entries.all()} == {"opening"}


@pytest.mark.parametrize("fault", [None, *LOST_ANSWERS, *NOTHING_DONE])
def test_a_correction_of_ours_is_told_once(live: Live, fault):
    change(live, 3)
    if fault:
        live.shop.faults.switch_on(fault, count=1, only="inventorySetQuantities")

    live.push_all()
    assert live.available("mug", "east") == {"available": 13, "on_hand": 13}
    assert level(live).published == 3
    assert states()["inventory.publish"] == "applied"

    ask(live)
    live.push_all()
    assert live.available("mug", "east") == {"available": 13, "on_hand": 13}


def test_corrections_that_wait_are_told_as_one(live: Live):
    change(live, 3)
    change(live, -1)
    before = live.shop.requests

    live.push_all()
    assert live.shop.requests - before == 2
    assert live.available("mug", "east")["available"] == 12


def test_an_order_on_its_way_to_us_is_not_counted_twice(live: Live):
    live.place(mug=4)
    placed = {p: live.available("mug", p)["available"] for p in ("east", "west", "soho_store")}
    change(live, 1)

    live.push_all()
    after = {p: live.available("mug", p)["available"] for p in ("east", "west", "soho_store")}
    assert after == {**placed, "east": placed["east"] + 1}


def sell(live: Live, units: int = 1, place: str = "east") -> None:
    """The till in the shop sells."""
    status, payload = live.shop.control.answer(
        "POST",
        "/sandbox/pos_sale",
        f'{{"sku": "mug", "location": "{place}", "quantity": {units}}}'.encode(),
    )
    assert status == 200, payload


def test_a_sale_between_reading_and_writing_is_seen_and_kept(live: Live, monkeypatch):
    change(live, 5)
    sales = iter([1, 1, 1])

    def sell_meanwhile(name):
        if name == "shopify.stock.before_send" and next(sales, 0):
            sell(live)

    monkeypatch.setattr(push_stock, "failpoint", sell_meanwhile)
    live.push()
    assert states()["inventory.publish"] == "applied"
    assert live.available("mug", "east")["available"] == 10 + 5 - 3


def test_a_till_that_never_stops_selling_ends_in_a_reason(live: Live, monkeypatch):
    change(live, 5)
    monkeypatch.setattr(push_stock, "failpoint", lambda name: sell(live))

    live.push()
    intent = live.intent("inventory.publish")
    assert intent.state == "rejected"
    assert "all the time" in intent.reason


def test_a_worker_that_died_after_sending_does_not_tell_it_twice(live: Live, monkeypatch):
    change(live, 5)

    class Died(BaseException):
        pass

    def die(name):
        if name == "shopify.stock.after_send":
            raise Died

    monkeypatch.setattr(push_stock, "failpoint", die)
    with pytest.raises(Died):
        live.push()
    monkeypatch.undo()
    # Meanwhile more is found, and its own intent waits behind the first.
    change(live, 2)
    live.intent("inventory.publish")
    outbox_expire()

    live.push_all()
    assert live.available("mug", "east")["available"] == 17
    assert level(live).published == 7


def test_a_worker_that_slept_past_its_lease_notes_nothing_twice(live: Live, monkeypatch):
    """It wakes after its successor has told the same: Shopify counts it once, and so do we."""
    change(live, 5)
    asleep = iter([True])

    def sleep(name):
        if name == "shopify.stock.before_send" and next(asleep, False):
            outbox_expire()
            live.push()

    monkeypatch.setattr(push_stock, "failpoint", sleep)
    live.push()
    live.push_all()
    assert live.available("mug", "east")["available"] == 15
    assert level(live).published == 5


def test_an_older_change_never_lands_after_a_newer_one(live: Live):
    keep(live, 4)
    (older,) = outbox.claim(limit=1, lease_seconds=60)
    keep(live, 1)
    live.push()
    assert live.intent("inventory.publish").state == "waiting"
    assert shown(live) == (10, 0, 10)
    outbox.retry(older, reason="slow", retry_in_seconds=0)
    live.push_all()
    assert shown(live) == (9, 1, 10)


def outbox_expire() -> None:
    OutboxIntent.objects.filter(state="sending").update(lease_until="2020-01-01T00:00Z")


def test_an_item_that_is_not_stocked_there_is_refused_with_the_reason(live: Live):
    here = level(live)
    here.location.remote_id = 123
    here.location.save()
    change(live, 1)

    live.push_all()
    intent = live.intent("inventory.publish")
    assert (intent.state, intent.reason) == (
        "rejected",
        "Shopify does not stock this item at this location.",
    )


def stock_there(live: Live, sku: str = "mug", place: str = "east") -> dict[str, int]:
    """Every named quantity of a level, as the store has it."""
    status, export = live.shop.control.answer("GET", "/sandbox/export?type=stock", b"")
    assert status == 200
    locations = {row["name"]: row["id"] for row in live.run(
        "{ locations(first: 9) { nodes { id name } } }")["locations"]["nodes"]}  # fmt: skip
    return next(
        row
        for row in export["stock"]
        if row["sku"] == sku and locations[place].endswith(f"/{row['location_id']}")
    )


def shown(live: Live, place: str = "east") -> tuple[int, int, int]:
    """Available, safety stock and on hand of the mug, as the store has them."""
    row = stock_there(live, place=place)
    return row["available"], row["safety_stock"], row["on_hand"]


def keep(live: Live, units: int) -> None:
    here = level(live)
    set_safety(
        store_id=live.store.pk,
        safety=[(here.item_id, here.location_id, units)],
        document="test",
        actor=OLGA,
    )


@pytest.mark.parametrize("fault", [None, *LOST_ANSWERS, *NOTHING_DONE])
def test_what_is_kept_back_stands_there_as_safety_stock(live: Live, fault):
    keep(live, 3)
    if fault:
        live.shop.faults.switch_on(fault, count=1, only="inventoryMoveQuantities")
    live.push_all()
    assert shown(live) == (7, 3, 10)

    keep(live, 1)
    live.push_all()
    assert shown(live) == (9, 1, 10)


@pytest.mark.parametrize("fault", [None, *LOST_ANSWERS, *NOTHING_DONE])
def test_a_find_that_is_kept_back_is_never_on_offer(live: Live, fault):
    keep(live, 12)
    live.push_all()
    assert shown(live) == (0, 10, 10), "only what is there can be kept back"
    if fault:
        live.shop.faults.switch_on(fault, count=1, only="inventorySetQuantities")

    change(live, 4)
    live.push_all()
    assert shown(live) == (2, 12, 14)
    assert level(live).published == 4


def test_all_that_is_kept_back_adds_up(live: Live):
    here = level(live)
    keep(live, 1)
    post([Change(here.pk, "buffer", 1, "trust", "test")], actor=OLGA)
    set_fence(level_id=here.pk, channel="wholesale", units=2, actor=OLGA)
    set_threshold(store_id=live.store.pk, channel="web", units=1, actor=OLGA)
    soft = Promise(None, here.pk, 1, "test", "soft", "draft:7", now() + timedelta(hours=1))
    reserve([soft], actor=OLGA)
    ask(live)
    live.push_all()
    assert shown(live) == (4, 6, 10)
    told = OutboxIntent.objects.filter(key=f"level:{here.pk}", request__isnull=False)
    basis = told.latest("pk").request["basis"]
    assert basis == {
        "on_hand": 10, "promised": 0, "committed_there": 0, "kept_soft": 1, "kept_safety": 1,
        "kept_buffer": 1, "kept_fenced": 2, "kept_threshold": 1,
    }  # fmt: skip


def test_a_fence_of_the_shop_itself_is_on_offer_there(live: Live):
    set_fence(level_id=level(live).pk, channel="web", units=4, actor=OLGA)
    live.push_all()
    assert shown(live) == (10, 0, 10)


def test_a_count_under_way_takes_nothing_off_the_shop(live: Live):
    freeze([level(live).pk], frozen=True)
    ask(live)
    live.push_all()
    assert shown(live) == (10, 0, 10)


def test_a_cart_keeps_its_units_on_offer_and_its_order_takes_them_off_once(live: Live):
    here = level(live)
    ids = reserve(
        [Promise(None, here.pk, 10, "test", "soft", "cart:c1", now() + timedelta(hours=1))],
        actor=OLGA,
    )
    ask(live)
    live.push_all()
    assert shown(live) == (10, 0, 10), "or the cart itself could not be checked out"

    remote_id = live.place(mug=10)
    release([(ids[0], 10)], actor=OLGA, document="test")
    ask(live)
    live.push_all()
    assert shown(live)[0] == 0
    live.bring_in(remote_id)
    live.push_all()
    assert shown(live)[0] == 0


def test_a_draft_that_becomes_an_order_ends_with_its_units_off_once(live: Live):
    keeps = soft.keep(
        store_id=live.store.pk, holder="draft:7", wants=[(level(live).item_id, 4)], minutes=60,
        country="US", postal_code="10001", actor=OLGA,
    )  # fmt: skip
    assert len(keeps) == 1
    live.push_all()
    assert sum(shown(live, place)[0] for place in ("east", "west", "soho_store")) == 18

    order = live.bring_in(live.place(mug=4))
    order.cart = "draft:7"
    order.save(update_fields=["cart"])
    live.route(order)
    live.push_all()
    assert sum(shown(live, place)[0] for place in ("east", "west", "soho_store")) == 18


def test_safety_stock_of_the_shop_is_ours_from_the_import_on(live: Live):
    foreign(live, place="west", sku="shirt", available=5, safety_stock=2, damaged=1)
    levels = pull.import_levels(live.store, live.client)
    here = level(live, "shirt", "west")
    assert (levels, here.on_hand, here.safety, here.damaged) == (1, 7, 2, 1)
    assert not OutboxIntent.objects.exists(), "it stands there already"


def foreign(live: Live, place: str = "east", sku: str = "mug", **units: int) -> None:
    """Another app changes named quantities."""
    body = json.dumps({"sku": sku, "location": place, "change": units}).encode()
    status, payload = live.shop.control.answer("POST", "/sandbox/foreign_write", body)
    assert status == 200, payload


def test_another_app_that_writes_in_between_is_seen_and_kept(live: Live):
    live.shop.faults.switch_on("foreign_write", count=2)
    change(live, 5)
    live.push_all()
    assert live.available("mug", "east")["available"] == 10 + 5 + 2
    assert level(live).published == 5


def test_a_lost_refusal_does_not_end_the_matter(live: Live, monkeypatch):
    """The number had changed, and the answer that said so was lost: its key is burnt."""
    live.shop.faults.switch_on("foreign_write", count=1)
    live.shop.faults.switch_on("status_500_after", count=1, only="inventorySetQuantities")
    change(live, 5)
    live.push_all()
    assert live.available("mug", "east")["available"] == 16
    assert live.intent("inventory.publish").state == "applied"


def test_a_bundle_shows_what_its_parts_make(live: Live):
    bundle = Item.objects.get(sku="shirt")
    BundlePart.objects.create(bundle=bundle, part=Item.objects.get(sku="mug"), quantity=4)
    assert shop_numbers.tell_bundles() == 2
    live.push_all()
    assert {p: stock_there(live, "shirt", p)["available"] for p in ("east", "west")} == {
        "east": 2, "west": 2,
    }  # fmt: skip
    assert shop_numbers.tell_bundles() == 0

    change(live, -3)
    live.push_all()
    assert stock_there(live, "shirt")["available"] == 1


def test_bundles_in_orders_on_their_way_are_not_taken_off_twice(live: Live):
    bundle = Item.objects.get(sku="shirt")
    BundlePart.objects.create(bundle=bundle, part=Item.objects.get(sku="mug"), quantity=4)
    shop_numbers.tell_bundles()
    live.push_all()
    order = live.bring_in(live.place(shirt=1))
    (work,) = live.route(order)
    here = work.location.name
    shop_numbers.tell_bundles()
    live.push_all()
    assert stock_there(live, "shirt", here)["available"] == 1
    mugs = stock_there(live, "mug", here)
    assert (mugs["available"], mugs["safety_stock"]) == (6, 4), "the parts are spoken for"

    live.ship(work)
    live.push_all()
    shop_numbers.tell_bundles()
    live.push_all()
    assert stock_there(live, "shirt", here)["available"] == 1
    mugs = stock_there(live, "mug", here)
    assert (mugs["available"], mugs["safety_stock"], mugs["on_hand"]) == (6, 0, 6)


def test_a_depot_that_shopify_does_not_know_has_nobody_to_tell(live: Live):
    here = level(live)
    here.location.remote_id = None
    here.location.save()
    adjust(level_id=here.pk, delta=2, reason="found", actor=OLGA)
    assert not OutboxIntent.objects.filter(topic="inventory.publish").exists()
