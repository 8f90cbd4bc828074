"""What happened to stock on our side alone is told to the shop, which cannot know it by itself."""

from collections.abc import Iterable

from inventory.ledger import Level
from oms.core import outbox
from oms.core.actor import Actor


def tell_shop(levels: Iterable[Level], *, actor: Actor) -> None:
    """Ask for these levels to be told, unless it was Shopify that changed them.

    Orders and shipments are not told: they change the shop's numbers on their own.
    """
    if actor.kind == "shopify":
        return
    outbox.publish_many(
        [
            outbox.Publication(
                level.store_id,
                "inventory.publish",
                f"level:{level.id}",
                None,
                {"level_id": level.id},
                priority=60,
            )
            for level in sorted(levels, key=lambda level: level.id)
        ]
    )
