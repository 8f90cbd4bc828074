"""Preselling is switched in Shopify as it was decided last, and orders there respect it."""

import pytest

from inventory.models import Presell
from oms.catalog.models import Item
from oms.core import outbox
from tests.shopify.live import Live, states
from tests.shopify.test_push_work import LOST_ANSWERS, NOTHING_DONE


def decide(live: Live, *, on: bool, sku: str = "shirt") -> Item:
    item = Item.objects.get(sku=sku)
    Presell.objects.update_or_create(item=item, defaults={"store": live.store, "on": on})
    outbox.publish(
        store_id=live.store.pk,
        topic="presell.set",
        key=f"item:{item.pk}",
        params={"item_id": item.pk},
    )
    return item


def policy(live: Live, sku: str = "shirt") -> str:
    data = live.run("{ productVariants(first: 9) { nodes { sku inventoryPolicy } } }")
    return {row["sku"]: row["inventoryPolicy"] for row in data["productVariants"]["nodes"]}[sku]


def sells(live: Live, units: int) -> bool:
    """Whether a customer may order so many shirts."""
    answer = live.run(
        """
        mutation Buy($order: OrderCreateOrderInput!) {
          orderCreate(order: $order, options: {inventoryBehaviour: DECREMENT_OBEYING_POLICY}) {
            order { id } userErrors { message }
          }
        }
        """,
        order={"lineItems": [{"variantId": live.variant("shirt"), "quantity": units}]},
    )
    return answer["orderCreate"]["order"] is not None


@pytest.mark.parametrize("fault", [None, *LOST_ANSWERS, *NOTHING_DONE])
def test_an_item_is_presold_from_the_moment_it_is_decided(live: Live, fault):
    assert not sells(live, 6)
    decide(live, on=True)
    if fault:
        live.shop.faults.switch_on(fault, count=1, only="productVariantsBulkUpdate")
    live.push_all()
    assert (policy(live), states()["presell.set"]) == ("CONTINUE", "applied")
    assert policy(live, "mug") == "DENY"
    assert sells(live, 6)

    decide(live, on=False)
    live.push_all()
    assert policy(live) == "DENY"
    assert not sells(live, 6)


def test_only_the_last_decision_is_told(live: Live):
    decide(live, on=True)
    decide(live, on=False)
    before = live.shop.requests
    live.push_all()
    assert live.shop.requests - before == 1, "it was read, and there was nothing to write"
    assert policy(live) == "DENY"


def test_an_older_decision_never_lands_after_a_newer_one(live: Live):
    item = decide(live, on=True)
    (older,) = outbox.claim(limit=1, lease_seconds=60)
    decide(live, on=False)
    live.push()
    assert live.intent("presell.set").state == "waiting"
    outbox.retry(older, reason="slow", retry_in_seconds=0)
    live.push_all()
    assert policy(live) == "DENY"
    assert not Presell.objects.get(item=item).on


def test_what_shopify_does_not_sell_is_not_told(live: Live):
    item = decide(live, on=True)
    Item.objects.filter(pk=item.pk).update(shopify_variant_id=None)
    live.push_all()
    assert states()["presell.set"] == "superseded"


def test_a_variant_that_is_gone_there_ends_in_a_reason(live: Live):
    item = decide(live, on=True)
    Item.objects.filter(pk=item.pk).update(shopify_variant_id=987654)
    live.push_all()
    intent = live.intent("presell.set")
    assert (intent.state, intent.reason) == ("rejected", "Shopify does not know this variant.")
