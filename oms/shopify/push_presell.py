"""Told to Shopify about preselling: whether a variant may be sold when none is free."""

from collections.abc import Sequence

from inventory.models import Presell
from oms.core import outbox
from oms.core.failpoints import failpoint
from oms.core.outbox import Intent
from oms.shopify.client import Client
from oms.shopify.documents import document
from oms.shopify.gids import gid
from oms.shopify.outcomes import CallFailed, Rejected
from oms.shopify.push import hold_one, settle
from oms.shopify.push_stock import is_under_way

POLICY = {True: "CONTINUE", False: "DENY"}


def set_policies(client: Client, intents: Sequence[Intent]) -> None:
    """presell.set: params {"item_id": …}; the variant sells on when none is free, or stops.

    It states how things shall be as they are decided at this moment, and reads before it writes: an
    answer that was lost needs nothing else.
    """
    for intent in intents:
        if is_under_way(intent):
            outbox.retry(intent, reason="The change before this one runs.", retry_in_seconds=2)
            continue
        try:
            _set_policy(client, intent)
        except CallFailed as failure:
            settle(intent, failure)


def _set_policy(client: Client, intent: Intent) -> None:
    presell = (
        Presell.objects.filter(item_id=intent.params["item_id"], store_id=intent.store_id)
        .values("on", "item__shopify_variant_id")
        .first()
    )
    if presell is None or presell["item__shopify_variant_id"] is None:
        outbox.superseded(intent, reason="Shopify does not sell this item.")
        return
    policy = POLICY[presell["on"]]
    variant_gid = gid("ProductVariant", presell["item__shopify_variant_id"])
    variant = client.execute(document("variant_policy"), {"id": variant_gid}).data["productVariant"]
    if variant is None:
        raise Rejected("Shopify does not know this variant.")
    if variant["inventoryPolicy"] == policy:
        outbox.applied(intent, remote_id=variant_gid, answer=f"{policy} already")
        return

    hold_one(intent)
    failpoint("shopify.presell.before_send")
    client.mutate(
        document("variant_policy_set"),
        {
            "product": variant["product"]["id"],
            "variants": [{"id": variant_gid, "inventoryPolicy": policy}],
        },
    )
    failpoint("shopify.presell.after_send")
    outbox.applied(intent, remote_id=variant_gid, request={"inventoryPolicy": policy})
