"""What the shop is to have of a level: what happened here alone, and what is kept back from it.

The shop counts its own orders and shipments, so it is never told a total. It is told `own`, the
sum of what it cannot know, and how many units are kept back from it, which stand there as its
safety stock: on hand stays what stands on the shelf, available is what it may sell.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from inventory import availability
from inventory.publishing import tell_levels
from oms.core.sql import Row, fetch, ints

# The channel of orders that customers place in the shop: its thresholds and its fence count.
CHANNEL = "web"


@dataclass(slots=True)
class ShopNumbers:
    """One level: where it is in the shop, what it was told, what it is to be told, and why.

    `item` and `location` are the shop's numbers of them. `known` is what came of on hand by the
    shop's own doing. `kept` names each reason for which units are kept back. `frozen` is not among
    them: a shelf is not empty because somebody counts it.
    """

    id: int
    store_id: int
    item: int | None
    location: int | None
    on_hand: int
    firm: int
    known: int
    own: int
    told: int
    is_bundle: bool
    kept: dict[str, int] = field(default_factory=dict)

    @property
    def kept_back(self) -> int:
        return sum(self.kept.values())

    @property
    def expected(self) -> int:
        """Units on the shelf as the shop has them, when nobody else has changed them."""
        return self.known + self.told

    def keeps(self, *, free: int) -> int:
        """How many of the units that are free in the shop stand there as safety stock.

        Never more than there are: what is missing here takes nothing from the other locations.
        """
        return min(self.kept_back, max(free, 0))


def of_levels(*, store_id: int, level_ids: Iterable[int]) -> dict[int, ShopNumbers]:
    """The numbers of these levels, by level id. Seven queries, two more with bundles."""
    ids = sorted(set(level_ids))
    terms = availability.of_levels(store_id=store_id, level_ids=ids, channel=CHANNEL)
    bundles = [id_ for id_ in ids if terms[id_].parts]
    parts = {p.level_id for id_ in bundles for _, p in terms[id_].parts if p.level_id}
    shown, elsewhere = _promised(sorted({*ids, *parts}))
    ordered = {row[0]: row[1:] for row in _ordered(bundles)}

    found = {}
    for id_, item, location, on_hand, told, own in fetch(_FACTS, [ints(ids)]):
        level = terms[id_]
        numbers = ShopNumbers(
            id_, store_id, item, location, on_hand, level.firm, on_hand - own, own, told,
            is_bundle=bool(level.parts),
        )  # fmt: skip
        if numbers.is_bundle:
            pending, consumed = ordered.get(id_, (0, 0))
            sets = min(_free(part, shown) // each for each, part in level.parts)
            # Units of the bundle in orders that we know are off its number there already.
            numbers.known -= consumed
            numbers.own = max(sets - level.threshold, 0) + pending - numbers.known
        else:
            numbers.kept = {
                "soft": level.soft - shown.get(id_, 0),
                "safety": level.safety,
                "buffer": level.buffer,
                "fenced": level.fenced_for_others,
                "beyond_fence": level.beyond_fence,
                "threshold": level.threshold,
                "promised_elsewhere": elsewhere.get(id_, 0),
            }
        found[id_] = numbers
    return found


def tell_bundles() -> int:
    """Have bundles told of whose parts more or fewer are free now; return how many levels.

    An order for a part changes what can be made of the rest, and nobody who takes orders in stops
    to think of bundles.
    """
    count = 0
    for (store_id,) in fetch(_STORES_WITH_BUNDLES):
        ids = [row[0] for row in fetch(_BUNDLE_LEVELS, [store_id])]
        numbers = of_levels(store_id=store_id, level_ids=ids)
        due = [id_ for id_, level in numbers.items() if level.own != level.told]
        tell_levels(due)
        count += len(due)
    return count


def _free(part: availability.LevelTerms, shown: dict[int, int]) -> int:
    """Units of a part that a customer of the shop may have."""
    kept_for_carts = shown.get(part.level_id, 0) if part.level_id else 0
    return part.available + part.counting + kept_for_carts


def _promised(level_ids: list[int]) -> tuple[dict[int, int], dict[int, int]]:
    """Soft promises that stay on show, and firm ones that the shop knows nothing of, by level.

    A cart checks out in the shop and needs its units there; those of an order are off already. Of
    transfers and of the parts of bundles the shop hears only when they leave.
    """
    rows = fetch(_PROMISED, [ints(level_ids), ints(level_ids)])
    return {row[0]: row[1] for row in rows}, {row[0]: row[2] for row in rows}


def _ordered(bundle_level_ids: list[int]) -> list[Row]:
    return fetch(_ORDERED, [ints(bundle_level_ids)]) if bundle_level_ids else []


# What the shop did itself or sees by itself is not ours to tell; every other cause is. The list
# stands as in the index entry_own, which is read here and nothing else.
_FACTS = """
SELECT v.id, i.shopify_inventory_item_id, l.remote_id, v.on_hand, coalesce(v.published, 0),
       coalesce((SELECT sum(e.delta) FROM inventory_stockentry e
                 WHERE e.level_id = v.id AND e.bucket = 'on_hand'
                   AND NOT e.cause IN ('opening', 'sync', 'ship', 'sale')
                   AND e.actor NOT LIKE 'shopify:%%'), 0)::int
FROM inventory_stocklevel v
JOIN catalog_item i ON i.id = v.item_id
JOIN inventory_location l ON l.id = v.location_id
WHERE v.id = ANY(%s::bigint[]) ORDER BY v.id
"""
_STORES_WITH_BUNDLES = """
SELECT DISTINCT i.store_id FROM catalog_bundlepart b JOIN catalog_item i ON i.id = b.bundle_id
"""
_BUNDLE_LEVELS = """
SELECT v.id FROM inventory_stocklevel v
JOIN inventory_location l ON l.id = v.location_id AND l.remote_id IS NOT NULL
WHERE v.store_id = %s AND v.item_id IN (SELECT bundle_id FROM catalog_bundlepart) ORDER BY v.id
"""
_PROMISED = """
SELECT level_id, coalesce(sum(units) FILTER (WHERE kind = 'soft'), 0)::int,
       coalesce(sum(units) FILTER (WHERE kind = 'firm'), 0)::int
FROM (
    SELECT r.level_id, r.kind, r.quantity AS units FROM inventory_reservation r
    WHERE r.level_id = ANY(%s::bigint[]) AND r.state = 'pending' AND r.parts IS NULL
      AND CASE r.kind WHEN 'soft' THEN r.holder LIKE 'cart:%%' OR r.holder LIKE 'order:%%'
                      ELSE r.line_id IS NULL END
    UNION ALL
    SELECT v.id, r.kind, r.quantity * (part->>1)::int
    FROM inventory_stocklevel v
    JOIN catalog_bundlepart made_of ON made_of.part_id = v.item_id
    JOIN inventory_stocklevel bundle ON bundle.item_id = made_of.bundle_id
                                    AND bundle.location_id = v.location_id
    JOIN inventory_reservation r ON r.level_id = bundle.id AND r.state = 'pending'
                                AND r.parts IS NOT NULL
    CROSS JOIN LATERAL jsonb_array_elements(r.parts) AS part
    WHERE v.id = ANY(%s::bigint[]) AND (part->>0)::bigint = v.id
      AND (r.kind = 'firm' OR r.holder LIKE 'cart:%%' OR r.holder LIKE 'order:%%')
) promised GROUP BY level_id
"""
_ORDERED = """
SELECT level_id, coalesce(sum(quantity) FILTER (WHERE state = 'pending'), 0)::int,
       coalesce(sum(quantity) FILTER (WHERE state = 'consumed'), 0)::int
FROM inventory_reservation
WHERE level_id = ANY(%s::bigint[]) AND kind = 'firm' AND state IN ('pending', 'consumed')
GROUP BY level_id
"""
