"""What stands free for the orders of a batch, dwindling as one after the other is planned.

An order sees the common stock, the fence of its channel and what its cart kept for it. A bundle is
seen as its parts. Where an order wants a part by itself as well, both may be planned from the same
units: then less of one or of the other is offered there, and the best plan that holds is taken.
"""

import heapq
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from inventory import bundles, ledger
from inventory.bundles import Recipe
from inventory.reservations import Promise
from oms.core.sql import fetch, ints
from routing.facts import Destination, OpenLine
from routing.planner import Plan, Question

# Plans tried for an order that wants a bundle and its parts; then single units go first.
MOST_PLANS = 60

Spot = tuple[int, int]
# location -> item -> units offered, and what the planner was asked and answered on them.
Free = dict[int, dict[int, int]]
Asked = tuple[Question, Plan]


@dataclass(slots=True)
class Fence:
    """Units of a channel at a level, and whether it may use the common stock once they are gone."""

    units: int
    overflow: bool


@dataclass(slots=True)
class Kept:
    """A promise to the cart or draft an order came from: its units, by (item, location).

    Of each spot: units that go back to the common stock, and to the channel's fence.
    """

    reservation_id: int
    quantity: int
    holder: str
    channel: str
    spots: list[tuple[Spot, int, int]] = field(default_factory=list)


@dataclass(slots=True, frozen=True)
class Specials:
    """What is not plain about a batch: its bundles, channels with fences, holders of kept units."""

    recipes: dict[int, Recipe]
    channels: Sequence[str]
    # Whose units: the order they are for.
    holders: Mapping[str, int]


@dataclass(slots=True)
class Shelves:
    """Stock as looked at without locks; whoever promises any of it is checked again."""

    # location -> item -> units available; below zero where more is kept than stands there.
    free: dict[int, dict[int, int]] = field(default_factory=dict)
    level_ids: dict[Spot, int] = field(default_factory=dict)
    recipes: Mapping[int, Recipe] = field(default_factory=dict)
    fences: dict[tuple[str, int, int], Fence] = field(default_factory=dict)
    # Units in all fences of a spot that has one.
    fenced: dict[Spot, int] = field(default_factory=dict)
    kept: dict[int, list[Kept]] = field(default_factory=dict)

    def seen_by(self, order: Destination, wanted: Sequence[OpenLine]) -> "Seen | None":
        """The shelves as this order sees them; None when it sees just what is free."""
        items = {line.item_id for line in wanted}
        if not (
            order.order_id in self.kept
            or any(item in self.recipes for item in items)
            or any(channel == order.channel for channel, _, _ in self.fences)
        ):
            return None
        return Seen(self, order, wanted)

    def promise(
        self, order: Destination, line_id: int, item_id: int, location_id: int, quantity: int
    ) -> Promise:
        """The promise that a planned line needs: from its shelf, its fence, or a bundle's parts."""
        spot = item_id, location_id
        level_id, document = self.level_ids[spot], f"order:{order.order_id}"
        parts = self.recipes.get(item_id, ())
        if not parts and (order.channel, *spot) not in self.fences:
            return Promise(line_id, level_id, quantity, document)
        return Promise(
            line_id,
            level_id,
            quantity,
            document,
            channel=order.channel,
            parts=tuple((self.level_ids[part_id, location_id], each) for part_id, each in parts),
        )


@dataclass(slots=True, frozen=True)
class Clash:
    """Several items planned from the same units: (item, planned, units each, units taken)."""

    location_id: int
    units: int
    users: Sequence[tuple[int, int, int, int]]


class Seen:
    """The shelves as one order sees them, with what was kept for it given back."""

    def __init__(self, shelves: Shelves, order: Destination, wanted: Sequence[OpenLine]) -> None:
        self.shelves, self.order_id, self.channel = shelves, order.order_id, order.channel
        self.kept = shelves.kept.get(order.order_id, [])
        self.items = list(dict.fromkeys(line.item_id for line in wanted))
        self.item_of = {line.line_id: line.item_id for line in wanted}
        self.bundles = [item for item in self.items if item in shelves.recipes]
        self.parts = {part_id for b in self.bundles for part_id, _ in shelves.recipes[b]}
        self.common: dict[Spot, int] = {}
        self.own: dict[Spot, int] = {}
        self._look()
        self.free = {
            location_id: {item: self._offered(item, location_id) for item in self.items}
            for location_id in {location_id for _, location_id in self.common}
        }

    def clash(self, answer: Plan) -> Clash | None:
        """Where more of a part is planned than stands there; None when the plan holds."""
        for parcel in answer.parcels:
            units = self._units(parcel.units)
            for part_id in self.parts:
                spot = part_id, parcel.location_id
                users = []
                for item, quantity in units.items():
                    each = 1 if item == part_id else self._each(item, part_id)
                    taken = quantity - self.own.get(spot, 0) if item == part_id else quantity * each
                    if each and taken > 0:
                        users.append((item, quantity, each, taken))
                if sum(taken for *_, taken in users) > self.common[spot]:
                    return Clash(parcel.location_id, self.common[spot], users)
        return None

    def take(self, answer: Plan) -> set[int]:
        """The order is planned so: give back what was kept for it, then take what it gets.

        Returns the items of which something is given back that it does not take.
        """
        shelves = self.shelves
        rest: dict[Spot, int] = {}
        for kept in shelves.kept.pop(self.order_id, []):
            for spot, common, own in kept.spots:
                item, location_id = spot
                rest[spot] = rest.get(spot, 0) + common + own
                shelves.free[location_id][item] += common
                if own:
                    shelves.fences[kept.channel, item, location_id].units += own
                    shelves.fenced[spot] += own
        for parcel in answer.parcels:
            for item, quantity in self._units(parcel.units).items():
                for part_id, each in shelves.recipes.get(item, [(item, 1)]):
                    spot, units = (part_id, parcel.location_id), quantity * each
                    rest[spot] = rest.get(spot, 0) - units
                    own = 0 if item in shelves.recipes else min(units, self.own.get(spot, 0))
                    if own:
                        shelves.fences[self.channel, *spot].units -= own
                        shelves.fenced[spot] -= own
                    shelves.free[parcel.location_id][part_id] -= units - own
        return {item for (item, _), units in rest.items() if units > 0}

    def _look(self) -> None:
        """Common stock and own fence of every spot that the order may use."""
        shelves, back = self.shelves, self._given_back()
        for item in {*self.items, *self.parts}:
            for location_id, held in shelves.free.items():
                spot = item, location_id
                common, own = back.get(spot, (0, 0))
                available = held.get(item, 0) + common
                self.common[spot] = max(available, 0)
                if fence := shelves.fences.get((self.channel, item, location_id)):
                    # Of fewer units than are kept, the fence gives what is left of them.
                    there = available + shelves.fenced[spot] + own
                    self.own[spot] = max(min(fence.units + own, there), 0)
                    if not fence.overflow:
                        self.common[spot] = 0

    def _given_back(self) -> dict[Spot, tuple[int, int]]:
        back: dict[Spot, tuple[int, int]] = {}
        for kept in self.kept:
            for spot, common, own in kept.spots:
                before = back.get(spot, (0, 0))
                # What another channel's fence takes back is not for this order.
                mine = own if kept.channel == self.channel else 0
                back[spot] = before[0] + common, before[1] + mine
        return back

    def _offered(self, item: int, location_id: int) -> int:
        if (recipe := self.shelves.recipes.get(item)) is None:
            return self.common[item, location_id] + self.own.get((item, location_id), 0)
        return bundles.complete(
            recipe, {part: self.common[part, location_id] for part, _ in recipe}
        )

    def _each(self, bundle_id: int, part_id: int) -> int:
        return dict(self.shelves.recipes.get(bundle_id, ())).get(part_id, 0)

    def _units(self, units: Iterable[tuple[int, int]]) -> dict[int, int]:
        total: dict[int, int] = {}
        for line_id, quantity in units:
            item = self.item_of[line_id]
            total[item] = total.get(item, 0) + quantity
        return total


def settle(seen: Seen, ask: Callable[[Free], Asked]) -> Asked:
    """The best plan that no two lines take the same units in; `ask` plans on what is offered.

    Offering less never makes a plan better, so the first that holds, best first, is the best.
    """
    numbers = itertools.count()
    plans: list[tuple[Any, ...]] = []

    def consider(offered: Free) -> None:
        asked = ask(offered)
        heapq.heappush(plans, (_worth(asked[1]), next(numbers), offered, asked))

    consider(seen.free)
    for _ in range(MOST_PLANS):
        *_, offered, asked = heapq.heappop(plans)
        clash = seen.clash(asked[1])
        if clash is None:
            return asked
        for item, planned, *_ in reversed(clash.users):
            consider(_offer(offered, clash.location_id, {item: planned - 1}))
    while clash := seen.clash(asked[1]):
        left = clash.units - sum(t for item, _, _, t in clash.users if item not in seen.bundles)
        fewer = {}
        for item, planned, each, _ in clash.users:
            if item in seen.bundles:
                fewer[item] = max(0, min(planned, left // each))
                left -= fewer[item] * each
        offered = _offer(offered, clash.location_id, fewer)
        asked = ask(offered)
    return asked


def _worth(answer: Plan) -> tuple[int, int, float, int]:
    """Fewest units that wait, fewest parcels, the shortest way, and lines in as few pieces."""
    return (
        sum(units for _, units in answer.short),
        len(answer.parcels),
        answer.way,
        sum(len(parcel.units) for parcel in answer.parcels),
    )


def _offer(offered: Free, location_id: int, fewer: dict[int, int]) -> Free:
    return offered | {location_id: offered[location_id] | fewer}


def specials(store_id: int, orders: Sequence[Destination], items: Iterable[int]) -> Specials:
    """The one look that a batch without bundles, fences and carts pays for."""
    channels = sorted({order.channel for order in orders})
    holders = _holders(orders)
    row = fetch(_ANY_SPECIAL, [ints(items), store_id, channels, store_id, list(holders)])[0]
    bundled, fenced, kept = row
    return Specials(
        recipes=bundles.recipes(items) if bundled else {},
        channels=channels if fenced else [],
        holders=holders if kept else {},
    )


def look(store_id: int, items: Iterable[int], special: Specials) -> Shelves:
    """Read what orders may be promised: one query, and one each for fences and carts."""
    wanted = set(items) - set(special.recipes)
    wanted |= {part_id for recipe in special.recipes.values() for part_id, _ in recipe}
    shelves = Shelves(recipes=special.recipes)
    for level_id, item_id, location_id, units in ledger.free_units(wanted):
        shelves.free.setdefault(location_id, {})[item_id] = units
        shelves.level_ids[item_id, location_id] = level_id
    if special.channels:
        _read_fences(shelves, store_id, special.channels, wanted)
    if special.holders:
        _read_kept(shelves, store_id, special.holders)
    return shelves


def _holders(orders: Sequence[Destination]) -> dict[str, int]:
    """Who may have kept units for which order: its cart or draft, and whoever shared out supply."""
    holders = {order.cart: order.order_id for order in orders if order.cart}
    return holders | {f"order:{order.order_id}": order.order_id for order in orders}


def _read_fences(
    shelves: Shelves, store_id: int, channels: Sequence[str], items: Iterable[int]
) -> None:
    for row in fetch(_FENCES, [store_id, list(channels), ints(sorted(items))]):
        channel, units, overflow, level_id, item_id, location_id, available, fenced = row
        shelves.fences[channel, item_id, location_id] = Fence(units, overflow)
        shelves.fenced[item_id, location_id] = fenced
        shelves.free.setdefault(location_id, {})[item_id] = available
        shelves.level_ids[item_id, location_id] = level_id


def _read_kept(shelves: Shelves, store_id: int, holders: Mapping[str, int]) -> None:
    known: dict[int, Kept] = {}
    for row in fetch(_KEPT, [store_id, list(holders)]):
        id_, quantity, holder, channel, level_id, item_id, location_id, free, units, own = row
        if id_ not in known:
            known[id_] = Kept(id_, quantity, holder, channel)
            shelves.kept.setdefault(holders[holder], []).append(known[id_])
        # What a fence takes back that no order of this batch may use is for nobody here.
        usable = own if (channel, item_id, location_id) in shelves.fences else 0
        known[id_].spots.append(((item_id, location_id), units - own, usable))
        shelves.free.setdefault(location_id, {})[item_id] = free
        shelves.level_ids[item_id, location_id] = level_id


_ANY_SPECIAL = """
SELECT EXISTS (SELECT 1 FROM catalog_bundlepart WHERE bundle_id = ANY(%s::bigint[])),
       EXISTS (SELECT 1 FROM inventory_ringfence
               WHERE store_id = %s AND channel = ANY(%s) AND ended_at IS NULL),
       EXISTS (SELECT 1 FROM inventory_reservation
               WHERE store_id = %s AND holder = ANY(%s) AND state = 'pending' AND line_id IS NULL)
"""
_FENCES = """
SELECT f.channel, f.units, f.overflow, v.id, v.item_id, v.location_id, v.available, v.fenced
FROM inventory_ringfence f JOIN inventory_stocklevel v ON v.id = f.level_id
WHERE f.store_id = %s AND f.channel = ANY(%s) AND f.ended_at IS NULL
  AND v.item_id = ANY(%s::bigint[]) AND NOT v.frozen
ORDER BY f.id
"""
# A row for each level that a promise is kept on. A closed fence gives back to the common stock; a
# frozen level gives nothing, whoever it is kept for.
_KEPT = """
SELECT r.id, r.quantity, r.holder, coalesce(f.channel, ''), v.id, v.item_id, v.location_id,
       v.available, CASE WHEN v.frozen THEN 0 ELSE r.quantity * source.each END,
       CASE WHEN v.frozen OR f.id IS NULL THEN 0 ELSE r.fenced END
FROM inventory_reservation r
LEFT JOIN inventory_ringfence f ON f.id = r.fence_id AND f.ended_at IS NULL
CROSS JOIN LATERAL (
    SELECT r.level_id, 1 AS each WHERE r.parts IS NULL
    UNION ALL
    SELECT (part->>0)::bigint, (part->>1)::int FROM jsonb_array_elements(r.parts) AS part
) source
JOIN inventory_stocklevel v ON v.id = source.level_id
WHERE r.store_id = %s AND r.holder = ANY(%s) AND r.state = 'pending' AND r.line_id IS NULL
ORDER BY r.id
"""
