"""Which system is believed about a field of an item at a place: the most exact rule wins.

Item and location before item before location before field. Without a rule Shopify is believed
about on hand, and Switchyard about what only people and suppliers say.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from oms.core.sql import fetch, ints

SWITCHYARD, SHOPIFY = "switchyard", "shopify"
DEFAULTS = {"on_hand": SHOPIFY, "safety": SWITCHYARD, "incoming": SWITCHYARD}
# Names that a feed cannot take: their numbers come another way.
OWN_NAMES = (SWITCHYARD, SHOPIFY)


@dataclass(slots=True, frozen=True)
class Belief:
    """Who is believed, and the rule that says so; without a rule it is the default."""

    source: str
    rule_id: int | None = None
    by_item: bool = False
    by_location: bool = False
    note: str = ""

    @property
    def reason(self) -> str:
        """Why, in words: which rule won."""
        if self.rule_id is None:
            return "No rule speaks of this; this is what holds without one."
        match self.by_item, self.by_location:
            case True, True:
                return "The rule for this item at this location, the most exact there can be."
            case True, False:
                return "The rule for this item; there is none for it at this location."
            case False, True:
                return "The rule for this location; there is none for this item."
            case _:
                return "The rule for everything; none speaks of this item or this location."


def source_for(field: str, level_ids: Iterable[int]) -> dict[int, str]:
    """Level id to the system that is believed about `field` there; one statement."""
    return dict(fetch(_BY_LEVEL[field], [ints(sorted(set(level_ids)))]))


def beliefs(
    field: str, *, store_id: int, pairs: Iterable[tuple[int, int]]
) -> dict[tuple[int, int], Belief]:
    """(item id, location id) to who is believed there and why; a level need not exist."""
    pairs = sorted(set(pairs))
    rows = fetch(
        _BY_PAIR[field],
        {
            "store": store_id,
            "items": ints(item for item, _ in pairs),
            "locations": ints(location for _, location in pairs),
        },
    )
    return {
        (item, location): Belief(source, rule_id, by_item, by_location, note)
        if rule_id
        else Belief(DEFAULTS[field])
        for item, location, rule_id, source, note, by_item, by_location in rows
    }


# The four ranks as four joins on one unique index: as quick for a million levels as for one.
_JOINS = """
LEFT JOIN inventory_authorityrule {field}_exact ON {field}_exact.store_id = {store}
    AND {field}_exact.field = '{field}' AND {field}_exact.item_id = {row}.item_id
    AND {field}_exact.location_id = {row}.location_id
LEFT JOIN inventory_authorityrule {field}_item ON {field}_item.store_id = {store}
    AND {field}_item.field = '{field}' AND {field}_item.item_id = {row}.item_id
    AND {field}_item.location_id IS NULL
LEFT JOIN inventory_authorityrule {field}_place ON {field}_place.store_id = {store}
    AND {field}_place.field = '{field}' AND {field}_place.item_id IS NULL
    AND {field}_place.location_id = {row}.location_id
LEFT JOIN inventory_authorityrule {field}_all ON {field}_all.store_id = {store}
    AND {field}_all.field = '{field}' AND {field}_all.item_id IS NULL
    AND {field}_all.location_id IS NULL
"""
_RANKS = ("exact", "item", "place", "all")


def joins(field: str, *, row: str, store: str = "%(store)s") -> str:
    """SQL that joins the rules about `field` to rows that have item_id and location_id."""
    return _JOINS.format(field=field, row=row, store=store)


def believed(field: str) -> str:
    """SQL for who is believed, where `joins` stand in the query."""
    sources = ", ".join(f"{field}_{rank}.source" for rank in _RANKS)
    return f"coalesce({sources}, '{DEFAULTS[field]}')"


def _first(field: str, column: str) -> str:
    return f"coalesce({', '.join(f'{field}_{rank}.{column}' for rank in _RANKS)})"


# Names of our own columns and codes from DEFAULTS: nothing that anybody typed.
_BY_LEVEL = {
    field: f"SELECT v.id, {believed(field)} FROM inventory_stocklevel v"  # noqa: S608
    f" {joins(field, row='v', store='v.store_id')} WHERE v.id = ANY(%s::bigint[])"
    for field in DEFAULTS
}
_BY_PAIR = {
    field: f"""
    SELECT t.item_id, t.location_id, r.id, r.source, r.note, r.item_id IS NOT NULL,
           r.location_id IS NOT NULL
    FROM unnest(%(items)s::bigint[], %(locations)s::bigint[]) AS t(item_id, location_id)
    {joins(field, row="t")}
    LEFT JOIN inventory_authorityrule r ON r.id = {_first(field, "id")}
    """  # noqa: S608
    for field in DEFAULTS
}
