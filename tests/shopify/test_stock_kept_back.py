"""What we keep back stands in Shopify as safety stock; bundles show what their parts make."""

from datetime import timedelta

import pytest

from inventory import shop_numbers
from inventory.commands import soft, transfers
from inventory.commands.fences import set_fence
from inventory.commands.thresholds import set_threshold
from inventory.ledger import Change, freeze, post
from inventory.reservations import Promise, release, reserve
from oms.catalog.models import BundlePart, Item
from oms.core.clock import now
from oms.core.models import OutboxIntent
from tests.cast import OLGA
from tests.shopify.live import Live
from tests.shopify.test_push_stock import ask, change, keep, level, shown, stock_there
from tests.shopify.test_push_work import LOST_ANSWERS, NOTHING_DONE


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


def test_what_a_transfer_takes_is_kept_back_until_it_leaves_or_is_called_off(live: Live):
    west = level(live, place="west")
    for ends in ("ship", "cancel"):
        moves = transfers.plan(
            store_id=live.store.pk, number=f"T-{ends}", origin_id=level(live).location_id,
            destination_id=west.location_id, units={west.item_id: 4}, actor=OLGA,
        )  # fmt: skip
        live.push_all()
        assert shown(live)[1] == 4
        if ends == "ship":
            transfers.ship(supply_id=moves.pk, actor=OLGA)
        else:
            transfers.cancel(supply_id=moves.pk, reason="not needed", actor=OLGA)
        live.push_all()
        assert shown(live) == (6, 0, 6)


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
