"""How many units may be sold, and why that many: every term of it, for many items at once.

At a location: on hand - firm - soft - safety - buffer - fenced for others - not reached over the
fence - channel threshold - frozen by a count. Over all active locations, what stands below zero at
one of them takes nothing from the others; promises whose units are missing and orders that wait to
be routed do. A bundle is as many as its scarcest part allows.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from oms.core.sql import fetch, ints

Parts = Mapping[int, list[tuple[int, int]]]


@dataclass(slots=True)
class LevelTerms:
    """Every term of one item at one location, asked for one channel ("" is none in particular).

    `parts` of a bundle: (units per bundle, terms of the part there); its own counters are zero.
    """

    level_id: int | None
    item_id: int
    location_id: int
    active: bool
    on_hand: int = 0
    firm: int = 0
    soft: int = 0
    safety: int = 0
    buffer: int = 0
    fenced: int = 0
    damaged: int = 0
    quality: int = 0
    incoming: int = 0
    in_transit: int = 0
    frozen: bool = False
    own_fence: int = 0
    overflow: bool = True
    threshold: int = 0
    parts: "tuple[tuple[int, LevelTerms], ...]" = ()

    @property
    def fenced_for_others(self) -> int:
        """Units kept for other channels."""
        return self.fenced - self.own_fence

    @property
    def beyond_fence(self) -> int:
        """Common units that the channel may not use, since its fence has no overflow."""
        return 0 if self.overflow else max(self._common - self.own_fence, 0)

    @property
    def counting(self) -> int:
        """Units not promised because the level is being counted."""
        return max(self._offered, 0) if self.frozen else 0

    @property
    def available(self) -> int:
        """How many may be sold from here; below zero when more is kept or promised than stands."""
        return self._offered - self.counting

    @property
    def missing(self) -> int:
        """Units promised that are not there."""
        return max(self.firm + self.soft - max(self.on_hand, 0), 0)

    @property
    def terms(self) -> list[tuple[str, int]]:
        """Name and signed units of every term, in the order of the formula; they add up."""
        if self.parts:
            return [("sets", self._sets), ("threshold", -self.threshold)]
        return [
            ("on_hand", self.on_hand),
            ("firm", -self.firm),
            ("soft", -self.soft),
            ("safety", -self.safety),
            ("buffer", -self.buffer),
            ("fenced_for_others", -self.fenced_for_others),
            ("beyond_fence", -self.beyond_fence),
            ("threshold", -self.threshold),
            ("counting", -self.counting),
        ]

    @property
    def _sets(self) -> int:
        return min(part.available // each for each, part in self.parts)

    @property
    def _common(self) -> int:
        return (
            self.on_hand
            - self.firm
            - self.soft
            - self.safety
            - self.buffer
            - self.fenced_for_others
        )

    @property
    def _offered(self) -> int:
        if self.parts:
            return self._sets - self.threshold
        return self._common - self.beyond_fence - self.threshold


@dataclass(slots=True, frozen=True)
class ItemTerms:
    """Every term of one item in one channel: its levels, and who waits for it.

    `waiting` are units of orders that are not routed yet, less what the fence of their own channel
    holds for them. `parts` of a bundle: (units per bundle, terms of the part).
    """

    item_id: int
    channel: str
    levels: tuple[LevelTerms, ...]
    waiting: int
    parts: "tuple[tuple[int, ItemTerms], ...]" = ()

    @property
    def offered(self) -> int:
        """What the active locations offer together."""
        return sum(max(level.available, 0) for level in self._active)

    @property
    def missing(self) -> int:
        """Units promised that are not there: their orders will ask for other ones."""
        return sum(level.missing for level in self._active)

    @property
    def uncovered(self) -> int:
        """Units kept back beyond what stands at a location: they take nothing from the others."""
        below = sum(max(-level.available, 0) for level in self._active)
        return below - self.missing

    @property
    def available(self) -> int:
        """How many may be sold; below zero when more is waited for than is there."""
        own = self.offered - self.missing - self.waiting
        return min([own, *(part.available // each for each, part in self.parts)])

    @property
    def limited_by(self) -> int | None:
        """The part of a bundle that is the scarcest over all locations."""
        if not self.parts:
            return None
        return min(self.parts, key=lambda entry: entry[1].available // entry[0])[1].item_id

    @property
    def terms(self) -> list[tuple[str, int]]:
        """Name and signed units of every term over all active locations; they add up."""
        if self.parts:
            rest = self.available - (self.offered - self.waiting)
            return [("sets", self.offered), ("waiting", -self.waiting), ("part_waiting", rest)]
        sums: dict[str, int] = {}
        for level in self._active:
            for name, units in level.terms:
                sums[name] = sums.get(name, 0) + units
        return [*sums.items(), ("uncovered", self.uncovered), ("waiting", -self.waiting)]

    @property
    def _active(self) -> Iterator[LevelTerms]:
        return (level for level in self.levels if level.active)


def of_items(*, store_id: int, item_ids: Iterable[int], channel: str = "") -> dict[int, ItemTerms]:
    """The terms of every item in a channel, with all its levels. Five queries."""
    wanted = sorted(set(item_ids))
    parts, demand_of = _bundles(wanted)
    items = sorted({*wanted, *(part for group in parts.values() for part, _ in group)})
    levels, fences = _levels(store_id, items, channel, parts)
    demand = _waiting(store_id, items, demand_of)

    def terms_of(item_id: int) -> ItemTerms:
        return ItemTerms(
            item_id,
            channel,
            tuple(levels.get(item_id, {}).values()),
            _competing(demand.get(item_id, {}), fences.get(item_id, {}), channel),
            tuple((each, terms_of(part)) for part, each in parts.get(item_id, ())),
        )

    return {item_id: terms_of(item_id) for item_id in wanted}


def of_levels(
    *, store_id: int, level_ids: Iterable[int], channel: str = ""
) -> dict[int, LevelTerms]:
    """The terms of single levels in a channel, by level id. Five queries."""
    ids = sorted(set(level_ids))
    rows = fetch(
        "SELECT item_id, location_id FROM inventory_stocklevel WHERE id = ANY(%s::bigint[])",
        [ints(ids)],
    )
    parts, _ = _bundles(sorted({item for item, _ in rows}))
    items = {item for item, _ in rows} | {part for group in parts.values() for part, _ in group}
    levels, _ = _levels(store_id, sorted(items), channel, parts, {place for _, place in rows})
    asked = set(ids)
    return {
        terms.level_id: terms
        for by_place in levels.values()
        for terms in by_place.values()
        if terms.level_id in asked
    }


def _competing(waiting: Mapping[str, int], fences: Mapping[str, int], channel: str) -> int:
    """Units waited for that the channel cannot count on. Others first use what is kept for them."""
    return sum(
        units if other == channel else max(units - fences.get(other, 0), 0)
        for other, units in waiting.items()
    )


def _bundles(item_ids: list[int]) -> tuple[dict[int, list[tuple[int, int]]], Parts]:
    """Parts of those that are bundles; and per item what one unit of it asks of which item.

    The second names every bundle that has one of the items, or of their parts, in it.
    """
    rows = fetch(
        """
        WITH mine AS (
            SELECT unnest(%s::bigint[]) AS id
            UNION SELECT part_id FROM catalog_bundlepart WHERE bundle_id = ANY(%s::bigint[])
        )
        SELECT bundle_id, part_id, quantity FROM catalog_bundlepart
        WHERE bundle_id IN (SELECT id FROM mine) OR part_id IN (SELECT id FROM mine)
        ORDER BY bundle_id, part_id
        """,
        [ints(item_ids), ints(item_ids)],
    )
    asked: dict[int, list[tuple[int, int]]] = {}
    for bundle, part, each in rows:
        asked.setdefault(bundle, []).append((part, each))
    return {item: asked[item] for item in item_ids if item in asked}, asked


def _levels(
    store_id: int,
    item_ids: list[int],
    channel: str,
    parts: Parts,
    location_ids: Iterable[int] | None = None,
) -> tuple[dict[int, dict[int, LevelTerms]], dict[int, dict[str, int]]]:
    """Terms by item and location; and per item and channel the units its fences keep."""
    places = None if location_ids is None else ints(sorted(location_ids))
    rows = fetch(_LEVELS, [store_id, ints(item_ids), places, places])
    thresholds = {
        (item, place): units
        for item, place, units in fetch(_THRESHOLDS, [store_id, channel, ints(item_ids)])
    }
    own: dict[int, tuple[int, bool]] = {}
    fences: dict[int, dict[str, int]] = {}
    for item, level, keeps_for, units, overflow in fetch(_FENCES, [store_id, ints(item_ids)]):
        by_channel = fences.setdefault(item, {})
        by_channel[keeps_for] = by_channel.get(keeps_for, 0) + units
        if keeps_for == channel:
            own[level] = (units, overflow)

    found: dict[int, dict[int, LevelTerms]] = {}
    for row in rows:
        terms = LevelTerms(*row)
        terms.own_fence, terms.overflow = own.get(row[0], (0, True))
        terms.threshold = _threshold(thresholds, terms.item_id, terms.location_id)
        found.setdefault(terms.item_id, {})[terms.location_id] = terms
    for bundle, group in parts.items():
        found[bundle] = _sets(bundle, group, found, thresholds)
    return found, fences


def _sets(
    bundle: int,
    group: list[tuple[int, int]],
    found: Mapping[int, Mapping[int, LevelTerms]],
    thresholds: Mapping[tuple[int | None, int | None], int],
) -> dict[int, LevelTerms]:
    """A bundle wherever one of its parts has a level; a part without one counts as none there."""
    places = {
        place: terms.active
        for item, _ in [*group, (bundle, 1)]
        for place, terms in found.get(item, {}).items()
    }
    sets = {}
    for place, active in sorted(places.items()):
        mine = found.get(bundle, {}).get(place)
        sets[place] = LevelTerms(
            mine.level_id if mine else None,
            bundle,
            place,
            active,
            threshold=_threshold(thresholds, bundle, place),
            parts=tuple(
                # What a fence keeps is sold by the unit, never inside a bundle.
                (each, replace(found[part][place], own_fence=0))
                if place in found.get(part, {})
                else (each, LevelTerms(None, part, place, active))
                for part, each in group
            ),
        )
    return sets


def _threshold(
    thresholds: Mapping[tuple[int | None, int | None], int], item: int, place: int
) -> int:
    """The most exact rule: item and location, item, location, channel."""
    for key in ((item, place), (item, None), (None, place), (None, None)):
        if key in thresholds:
            return thresholds[key]
    return 0


def _waiting(store_id: int, item_ids: list[int], asked: Parts) -> dict[int, dict[str, int]]:
    """Units waited for by item and channel of the order; those of bundles by their parts too."""
    found: dict[int, dict[str, int]] = {}
    items = ints({*item_ids, *asked})
    lines = fetch(_WAITING, [store_id, store_id, items, store_id, items])
    for ordered, channel, units in lines:
        for item, each in [(ordered, 1), *asked.get(ordered, ())]:
            by_channel = found.setdefault(item, {})
            by_channel[channel] = by_channel.get(channel, 0) + units * each
    return found


_LEVELS = """
SELECT v.id, v.item_id, v.location_id, p.active, v.on_hand, v.reserved, v.soft, v.safety, v.buffer,
       v.fenced, v.damaged, v.quality, v.incoming, v.in_transit, v.frozen
FROM inventory_stocklevel v JOIN inventory_location p ON p.id = v.location_id
WHERE v.store_id = %s AND v.item_id = ANY(%s::bigint[])
      AND (%s::bigint[] IS NULL OR v.location_id = ANY(%s::bigint[]))
ORDER BY v.item_id, v.location_id
"""
_THRESHOLDS = """
SELECT item_id, location_id, units FROM inventory_channelthreshold
WHERE store_id = %s AND channel = %s AND (item_id IS NULL OR item_id = ANY(%s::bigint[]))
"""
_FENCES = """
SELECT v.item_id, f.level_id, f.channel, f.units, f.overflow
FROM inventory_ringfence f JOIN inventory_stocklevel v ON v.id = f.level_id
WHERE f.store_id = %s AND f.ended_at IS NULL AND v.item_id = ANY(%s::bigint[])
"""
# Whoever is not routed yet has a timer or a hold: few rows, found without reading the lines. What
# a soft promise keeps for the order, or for its cart, is taken off already.
_WAITING = """
WITH waiting AS (
    SELECT subject_id AS order_id FROM core_timer WHERE kind = 'route' AND store_id = %s
    UNION SELECT order_id FROM orders_hold WHERE released_at IS NULL AND store_id = %s
), asked AS (
    SELECT l.item_id, l.order_id, o.channel, o.cart, sum(l.open + l.backordered) AS units
    FROM waiting w
    JOIN orders_orderline l ON l.order_id = w.order_id
    JOIN orders_order o ON o.id = w.order_id
    WHERE l.item_id = ANY(%s::bigint[]) AND l.ships AND l.open + l.backordered > 0
    GROUP BY l.item_id, l.order_id, o.channel, o.cart
), kept AS (
    SELECT r.holder, v.item_id, sum(r.quantity) AS units
    FROM inventory_reservation r JOIN inventory_stocklevel v ON v.id = r.level_id
    WHERE r.store_id = %s AND r.line_id IS NULL AND r.state = 'pending' AND r.kind = 'soft'
          AND v.item_id = ANY(%s::bigint[])
    GROUP BY r.holder, v.item_id
)
SELECT a.item_id, a.channel,
       sum(greatest(a.units - coalesce(mine.units, 0) - coalesce(cart.units, 0), 0))::int
FROM asked a
LEFT JOIN kept mine ON mine.holder = 'order:' || a.order_id AND mine.item_id = a.item_id
LEFT JOIN kept cart ON cart.holder = a.cart AND cart.item_id = a.item_id
GROUP BY a.item_id, a.channel
"""
