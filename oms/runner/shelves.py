"""The scarce stock of the oversell drill: made once, read by every buyer."""

import random
from dataclasses import dataclass, field
from itertools import product

from inventory import ledger
from inventory.commands.fences import set_fence
from inventory.ledger import Change
from inventory.models import Location
from oms.catalog.models import BundlePart, Item
from oms.core.actor import SWITCHYARD
from oms.core.clock import now
from oms.core.models import Store
from oms.core.sql import fetch
from oms.orders.models import Order, OrderLine
from oms.orders.models.order import BUCKETS

PLACES, ITEMS, BUNDLES, LINES = 4, 24, 4, 400
UNITS, FENCED = 40, 10
CHANNEL = "b2b"
BATCH = 5
# One promise in three wants the same shelf.
HOT_SHARE = 0.33


@dataclass
class Shelves:
    """Level ids of single items, bundles with their parts at one place, and lines to promise to."""

    levels: list[int] = field(default_factory=list)
    bundles: list[tuple[int, tuple[tuple[int, int], ...]]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)

    def read(self) -> None:
        """Find what `fill` made."""
        bundles: dict[int, list[tuple[int, int]]] = {}
        for bundle, part, units in fetch(_BUNDLES):
            bundles.setdefault(bundle, []).append((part, units))
        self.bundles = [(bundle, tuple(parts)) for bundle, parts in bundles.items()]
        self.lines = [row[0] for row in fetch("SELECT id FROM orders_orderline ORDER BY id")]
        self.levels = [row[0] for row in fetch(_SINGLES)]

    def any_level(self, chance: random.Random) -> int:
        """A level, often the one that everybody wants."""
        return self.levels[0] if chance.random() < HOT_SHARE else chance.choice(self.levels)

    def elsewhere(self, reservation_id: int, chance: random.Random) -> int | None:
        """Another shelf of the item a promise is for; nothing for a bundle."""
        found = [row[0] for row in fetch(_ELSEWHERE, [reservation_id])]
        return chance.choice(found) if found else None


def fill() -> int:
    """Put few units on few shelves, some kept for one channel; return how many units there are."""
    store = Store.objects.create(handle="drill", name="Drill", currency="USD")
    places = [
        Location.objects.create(store=store, name=f"Place {n}", code=f"P{n}", country="US")
        for n in range(PLACES)
    ]
    items = [Item.objects.create(store=store, sku=f"ITEM-{n}") for n in range(ITEMS)]
    sets = [Item.objects.create(store=store, sku=f"SET-{n}") for n in range(BUNDLES)]
    for n, bundle in enumerate(sets):
        # Neighbouring sets share a part.
        BundlePart.objects.create(bundle=bundle, part=items[n], quantity=1)
        BundlePart.objects.create(bundle=bundle, part=items[n + 1], quantity=2)
    ledger.open_levels((store.pk, i.pk, p.pk) for i, p in product([*items, *sets], places))
    shelves = Shelves()
    order = Order.objects.create(
        store=store, remote_id=1, name="#1", remote_updated_at=now(), placed_at=now(),
        currency="USD", total=0,
    )  # fmt: skip
    for n in range(LINES):
        buckets = dict.fromkeys(BUCKETS, 0) | {"open": 1}
        OrderLine.objects.create(
            store=store, order=order, remote_id=n, position=n, unit_price=0, ordered=1, wanted=1,
            **buckets,
        )  # fmt: skip
    shelves.read()
    ledger.post(
        [Change(id_, "on_hand", UNITS, "opening", "drill") for id_ in shelves.levels],
        actor=SWITCHYARD,
    )
    for id_ in shelves.levels[::3]:
        set_fence(level_id=id_, channel=CHANNEL, units=FENCED, actor=SWITCHYARD)
    return UNITS * len(shelves.levels)


_SINGLES = """
SELECT v.id FROM inventory_stocklevel v
WHERE NOT EXISTS (SELECT 1 FROM catalog_bundlepart b WHERE b.bundle_id = v.item_id)
ORDER BY v.id
"""
_BUNDLES = """
SELECT v.id, part.id, b.quantity
FROM catalog_bundlepart b
JOIN inventory_stocklevel v ON v.item_id = b.bundle_id
JOIN inventory_stocklevel part ON part.item_id = b.part_id AND part.location_id = v.location_id
ORDER BY v.id, part.id
"""
_ELSEWHERE = """
SELECT other.id FROM inventory_reservation r
JOIN inventory_stocklevel v ON v.id = r.level_id
JOIN inventory_stocklevel other ON other.item_id = v.item_id AND other.id <> v.id
WHERE r.id = %s AND r.parts IS NULL ORDER BY other.id
"""
