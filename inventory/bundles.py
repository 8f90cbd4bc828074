"""Bundles: sold as one item, kept and counted as their parts."""

from collections.abc import Iterable, Mapping, Sequence

from inventory import ledger
from oms.core.sql import fetch, ints

# (item of the part, units of it in one bundle).
Recipe = Sequence[tuple[int, int]]


def recipes(item_ids: Iterable[int]) -> dict[int, Recipe]:
    """What the bundles among these items are made of, as it stands now."""
    found: dict[int, list[tuple[int, int]]] = {}
    for bundle_id, part_id, quantity in fetch(_RECIPES, [ints(sorted(set(item_ids)))]):
        found.setdefault(bundle_id, []).append((part_id, quantity))
    return dict(found)


def complete(recipe: Recipe, free: Mapping[int, int]) -> int:
    """How many bundles the free units of the parts make: as many as the scarcest part allows."""
    return max(0, min(free.get(part_id, 0) // quantity for part_id, quantity in recipe))


def free_bundles(item_ids: Iterable[int]) -> dict[tuple[int, int], int]:
    """(bundle, location) -> bundles free there, wherever some are: a look without locks."""
    made_of = recipes(item_ids)
    parts = {part_id for recipe in made_of.values() for part_id, _ in recipe}
    free: dict[int, dict[int, int]] = {}
    for _, item_id, location_id, units in ledger.free_units(parts):
        free.setdefault(location_id, {})[item_id] = units
    return {
        (bundle_id, location_id): made
        for bundle_id, recipe in made_of.items()
        for location_id, held in free.items()
        if (made := complete(recipe, held))
    }


_RECIPES = """
SELECT bundle_id, part_id, quantity FROM catalog_bundlepart WHERE bundle_id = ANY(%s::bigint[])
ORDER BY bundle_id, part_id
"""
