"""Stock: what Shopify cannot know is told as a change, once; what it alone knows is taken over."""

import pytest

from inventory.commands import adjust
from inventory.models import StockLevel
from oms.core import outbox
from oms.core.models import StreamMark
from oms.shopify import drift, push_stock
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


def outbox_expire() -> None:
    from oms.core.models import OutboxIntent

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


def quiet(monkeypatch) -> None:
    """Ten minutes later: nothing has moved lately."""
    monkeypatch.setattr(drift, "QUIET", drift.timedelta(seconds=-60))


def test_a_sale_at_the_till_is_taken_over_by_the_stock_check(live: Live, monkeypatch):
    sell(live, 2)
    assert drift.check_stock(live.store.pk, live.client) == 0
    quiet(monkeypatch)

    assert drift.check_stock(live.store.pk, live.client) == 1
    here = level(live)
    assert here.on_hand == 8
    assert here.entries.latest("pk").cause == "sync"
    assert drift.check_stock(live.store.pk, live.client) == 0
    assert StreamMark.objects.get(stream="stock").facts["changed"] == 0


def test_the_stock_check_is_not_fooled_by_orders_on_their_way(live: Live, monkeypatch):
    quiet(monkeypatch)
    live.place(mug=4)
    order = live.bring_in(live.place(mug=3))
    assert drift.check_stock(live.store.pk, live.client) == 0

    (work,) = live.route(order)
    live.push_all()
    live.ship(work)
    # Left here, not told yet: Shopify still has the units.
    assert drift.check_stock(live.store.pk, live.client) == 0
    live.push_all()
    assert drift.check_stock(live.store.pk, live.client) == 0


def test_the_stock_check_leaves_what_we_have_not_told_yet(live: Live, monkeypatch):
    quiet(monkeypatch)
    change(live, 5)

    assert drift.check_stock(live.store.pk, live.client) == 0
    live.push_all()
    assert drift.check_stock(live.store.pk, live.client) == 0
    assert level(live).on_hand == 15
