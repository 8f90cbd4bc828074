"""Told of stock: what Shopify cannot know, once; what we keep back stands there as safety stock."""

import json

import pytest

from inventory.commands import adjust, set_safety
from inventory.models import StockLevel
from oms.core import outbox
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


def test_a_depot_that_shopify_does_not_know_has_nobody_to_tell(live: Live):
    here = level(live)
    here.location.remote_id = None
    here.location.save()
    adjust(level_id=here.pk, delta=2, reason="found", actor=OLGA)
    assert not OutboxIntent.objects.filter(topic="inventory.publish").exists()
