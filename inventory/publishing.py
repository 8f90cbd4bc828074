"""What happened to stock on our side alone is told to the shop, which cannot know it by itself."""

from collections.abc import Iterable

from inventory.ledger import Level
from oms.core import outbox
from oms.core.actor import Actor
from oms.core.sql import Row, fetch, ints

TOPIC = "inventory.publish"


def tell_shop(levels: Iterable[Level], *, actor: Actor) -> None:
    """Ask for these levels to be told, with the bundles that their items are parts of.

    For whoever changed on hand, or what is kept back of it: safety, buffer, fences, promises that
    the shop does not know of. Orders and shipments are not told: they change the shop's numbers on
    their own. Nor is what the shop itself changed, unless something is kept back there.
    """
    ids = [
        level.id
        for level in levels
        if actor.kind != "shopify" or level.kept > level.reserved
    ]  # fmt: skip
    if ids:
        _publish(fetch(_WITH_BUNDLES, [ints(ids)]))


def tell_shop_of(
    *, store_id: int, item_id: int | None = None, location_id: int | None = None
) -> None:
    """A rule changed that holds for an item, a location, both or all: its levels are told."""
    _publish(fetch(_UNDER_RULE, [store_id, item_id, item_id, location_id, location_id]))


def tell_levels(level_ids: Iterable[int]) -> None:
    """Ask for exactly these levels to be told."""
    _publish(fetch(_EXACTLY, [ints(sorted(set(level_ids)))]))


def _publish(rows: Iterable[Row]) -> None:
    outbox.publish_many(
        [
            outbox.Publication(
                store_id, TOPIC, f"level:{level_id}", None, {"level_id": level_id}, priority=60
            )
            for store_id, level_id in rows
        ]
    )


# Only where the shop knows item and place: a depot of ours alone has nobody to tell.
_LEVELS = """
SELECT v.store_id, v.id FROM inventory_stocklevel v
JOIN catalog_item i ON i.id = v.item_id AND i.tracked AND i.shopify_inventory_item_id IS NOT NULL
JOIN inventory_location l ON l.id = v.location_id AND l.remote_id IS NOT NULL
"""
_EXACTLY = f"{_LEVELS} WHERE v.id = ANY(%s::bigint[]) ORDER BY v.id"
_WITH_BUNDLES = f"""
WITH changed AS (
    SELECT id, item_id, location_id FROM inventory_stocklevel WHERE id = ANY(%s::bigint[])
)
{_LEVELS} WHERE v.id IN (
    SELECT id FROM changed
    UNION
    SELECT bundle.id FROM changed
    JOIN catalog_bundlepart made_of ON made_of.part_id = changed.item_id
    JOIN inventory_stocklevel bundle ON bundle.item_id = made_of.bundle_id
                                    AND bundle.location_id = changed.location_id
) ORDER BY v.id
"""  # noqa: S608  (our own SQL)
_UNDER_RULE = f"""
{_LEVELS} WHERE v.store_id = %s AND (%s::bigint IS NULL OR v.item_id = %s)
            AND (%s::bigint IS NULL OR v.location_id = %s)
ORDER BY v.id
"""
