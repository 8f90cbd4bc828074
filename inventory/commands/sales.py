"""Units sold over the counter: they are gone, whatever had been promised to whom."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from inventory import bundles, ledger
from inventory.ledger import Change
from inventory.publishing import tell_shop
from oms.core.actor import SWITCHYARD, Actor
from oms.core.sql import fetch, ints


@dataclass(slots=True, frozen=True)
class Sale:
    """`units` of an item that left a location with a customer at a moment."""

    item_id: int
    location_id: int
    units: int
    at: datetime
    document: str


@transaction.atomic
def sell(*, store_id: int, sales: Sequence[Sale], actor: Actor) -> int:
    """Take sold units off the shelf, below what is promised and below zero; return how many.

    Never refused: it has happened. A level whose whole number was told or counted after the sale
    had the sale in it already; there the units are not taken off twice. Bundles leave as their
    parts, which the shop is told, since it counts the bundle alone. Goods that nobody counts leave
    no entry.
    """
    made_of = bundles.recipes(sale.item_id for sale in sales)
    gone = [
        (part_id, sale, sale.units * each)
        for sale in sales
        for part_id, each in made_of.get(sale.item_id, [(sale.item_id, 1)])
    ]
    counted = {
        item_id
        for (item_id,) in fetch(
            "SELECT id FROM catalog_item WHERE id = ANY(%s::bigint[]) AND tracked",
            [ints({item_id for item_id, _, _ in gone})],
        )
    }
    gone = [row for row in gone if row[0] in counted]
    if not gone:
        return 0
    ids = ledger.open_levels((store_id, item_id, sale.location_id) for item_id, sale, _ in gone)
    ledger.lock(ids.values())

    rows = [(ids[item_id, sale.location_id], sale, units) for item_id, sale, units in gone]
    known = _known_since([(level_id, sale.at) for level_id, sale, _ in rows])
    left = [row for row, is_known in zip(rows, known, strict=True) if not is_known]
    alone = [row for row in left if row[1].item_id not in made_of]
    as_parts = [row for row in left if row[1].item_id in made_of]
    for cause, part, who in (("sale", alone, actor), ("kit", as_parts, SWITCHYARD)):
        after = ledger.post(
            [
                Change(level_id, "on_hand", -units, cause, sale.document)
                for level_id, sale, units in part
            ],
            actor=who,
        )
        tell_shop(after.values(), actor=who)
    return sum(units for _, _, units in left)


def _known_since(moments: Sequence[tuple[int, datetime]]) -> list[bool]:
    """Per (level, moment): whether the level's whole number was taken at that moment or later."""
    rows = fetch(
        _KNOWN, [ints(level_id for level_id, _ in moments), [moment for _, moment in moments]]
    )
    return [row[0] for row in rows]


# Shops tell times in whole seconds: within the same one, the sale came later.
_KNOWN = """
SELECT EXISTS (SELECT 1 FROM inventory_stockentry e
               WHERE e.level_id = t.level_id AND e.at >= t.moment + interval '1 second'
                 AND e.bucket = 'on_hand' AND e.cause IN ('opening', 'sync'))
    OR EXISTS (SELECT 1 FROM inventory_countline c
               WHERE c.level_id = t.level_id AND c.state = 'posted' AND c.counted_at >= t.moment)
    OR EXISTS (SELECT 1 FROM inventory_feedmark m JOIN inventory_stockfeed f ON f.id = m.feed_id
               WHERE m.level_id = t.level_id AND m.source_time >= t.moment AND f.kind <> 'delta')
FROM unnest(%s::bigint[], %s::timestamptz[]) WITH ORDINALITY AS t(level_id, moment, n)
ORDER BY t.n
"""
