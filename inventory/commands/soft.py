"""Units kept for a cart, a draft or a quote until a moment: kept, extended, given back."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction

from inventory import availability, ledger, reservations
from inventory.availability import ItemTerms, LevelTerms
from inventory.models import Location
from inventory.nearby import point_of
from inventory.publishing import tell_shop
from inventory.reservations import Promise
from inventory.waiting import wake_soon
from oms.catalog.models import Item
from oms.core.actor import Actor
from oms.core.clock import now
from oms.core.errors import Refused
from oms.core.sql import execute, fetch, ints
from oms.orders import postal
from oms.orders.postal.distance import km_between
from oms.orders.words import count_of

MOST_MINUTES = 60 * 24 * 30
HOLDER = re.compile(r"(cart|draft|quote):\S{1,180}")


@transaction.atomic
def keep(
    *,
    store_id: int,
    holder: str,
    wants: Sequence[tuple[int, int]],
    minutes: int,
    country: str = "",
    postal_code: str = "",
    channel: str = "",
    actor: Actor,
) -> list[int]:
    """Keep (item, units) for a holder, e.g. cart:abc, all of it or nothing; return the promises.

    From one location where one has enough, else from several: the nearest to the postal code
    first, without one the fullest. A country leaves out locations that do not ship there. Keeping
    again replaces what was kept; keeping the same only moves its end. Refused when fewer units
    may be sold, and then what was kept before stays kept.
    """
    asked = _checked(holder, wants)
    expires_at = now() + timedelta(minutes=_checked_minutes(minutes))

    held = _lock_holder(store_id, holder)
    kept: dict[int, int] = {}
    for h in held:
        kept[h.item_id] = kept.get(h.item_id, 0) + h.quantity
    if kept == asked:
        return _move_end([h.id for h in held], expires_at)
    _lock_shelves(store_id, asked, held, channel)

    freed = _release(held, actor)
    terms = availability.of_items(store_id=store_id, item_ids=asked, channel=channel)
    places = _places(store_id, country, postal_code)
    choice = _Choice(places)
    for item_id, quantity in asked.items():
        _choose(choice, terms[item_id], quantity)
    levels = ledger.open_levels((store_id, item_id, place) for item_id, place, *_ in choice.taken)
    ids = reservations.reserve(
        [
            Promise(
                None, levels[item_id, place], quantity, holder, "soft", holder, expires_at, channel,
                parts,
            )
            for item_id, place, quantity, parts in choice.taken
        ],
        actor=actor,
    )  # fmt: skip
    touched = ledger.lock({id_ for h in held for id_ in h.level_ids} | set(choice.used))
    tell_shop(touched.values(), actor=actor)
    wake_soon(store_id, freed - set(asked))
    return ids


@transaction.atomic
def extend(*, store_id: int, holder: str, minutes: int, actor: Actor) -> list[int]:
    """Keep what is kept for the holder until so many minutes from now, or longer if it was."""
    expires_at = now() + timedelta(minutes=_checked_minutes(minutes))
    held = _lock_holder(store_id, holder)
    if not held:
        raise Refused(f"Nothing is kept for {holder} any more; keep it again.")
    return _move_end([h.id for h in held], expires_at)


@transaction.atomic
def give_back(*, store_id: int, holder: str, actor: Actor) -> int:
    """Give back what is kept for the holder; return how many promises it was. Again is quiet."""
    held = _lock_holder(store_id, holder)
    wake_soon(store_id, _release(held, actor))
    tell_shop(ledger.lock(id_ for h in held for id_ in h.level_ids).values(), actor=actor)
    return len(held)


@dataclass(slots=True, frozen=True)
class _Held:
    """A soft promise of the holder, as locked."""

    id: int
    item_id: int
    quantity: int
    level_id: int
    fence_id: int | None
    parts: list[list[int]] | None

    @property
    def level_ids(self) -> list[int]:
        return [level_id for level_id, _ in self.parts or [[self.level_id, 1]]]


@dataclass(slots=True)
class _Choice:
    """What is taken from where, and what that leaves for the next item. Kilometres by place."""

    km: dict[int, float]
    taken: list[tuple[int, int, int, tuple[tuple[int, int], ...]]] = field(default_factory=list)
    used: dict[int, int] = field(default_factory=dict)

    def free(self, level: LevelTerms) -> int:
        """Units of an item, or bundles, that are left at a location."""
        if not level.parts:
            return level.available - self.used.get(level.level_id or 0, 0)
        sets = min(
            (p.available - self.used.get(p.level_id or 0, 0)) // each for each, p in level.parts
        )
        return min(sets - level.threshold, level.available)

    def take(self, level: LevelTerms, quantity: int) -> None:
        sources = level.parts or ((1, level),)
        for each, source in sources:
            level_id = source.level_id or 0
            self.used[level_id] = self.used.get(level_id, 0) + quantity * each
        parts = tuple((p.level_id, each) for each, p in level.parts if p.level_id)
        self.taken.append((level.item_id, level.location_id, quantity, parts))


def _choose(choice: _Choice, terms: ItemTerms, quantity: int) -> None:
    """Take the units of one item: where all of them are, else nearest or fullest first."""
    candidates = [
        (choice.free(level) < quantity, choice.km[level.location_id], -choice.free(level), level)
        for level in terms.levels
        if level.active and level.location_id in choice.km and choice.free(level) > 0
    ]
    offered = -sum(minus for *_, minus, _ in candidates)
    # Orders that wait were first.
    free = max(min(offered, terms.available), 0)
    if quantity > free:
        sku = Item.objects.values_list("sku", flat=True).get(pk=terms.item_id)
        waited = f"; orders wait for {terms.waiting}" if terms.waiting else ""
        raise Refused(f"Only {count_of(free, 'unit')} of {quantity} {sku} may be sold now{waited}.")
    rest = quantity
    for *_, minus, level in sorted(candidates, key=lambda c: (*c[:3], c[3].location_id)):
        count = min(rest, -minus)
        choice.take(level, count)
        rest -= count
        if not rest:
            return


def _checked(holder: str, wants: Sequence[tuple[int, int]]) -> dict[int, int]:
    if not HOLDER.fullmatch(holder):
        raise Refused("Name who it is kept for as cart:…, draft:… or quote:….")
    asked: dict[int, int] = {}
    for item_id, quantity in wants:
        if quantity < 1:
            raise Refused("Keep at least one unit of each item.")
        asked[item_id] = asked.get(item_id, 0) + quantity
    if not asked:
        raise Refused("Say what to keep.")
    return asked


def _checked_minutes(minutes: int) -> int:
    if not 1 <= minutes <= MOST_MINUTES:
        raise Refused(f"Units are kept for 1 to {MOST_MINUTES:,} minutes.")
    return minutes


def _lock_holder(store_id: int, holder: str) -> list[_Held]:
    """What is kept for a holder, locked. Two requests of one holder come one after the other."""
    fetch("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"kept:{store_id}:{holder}"])
    return [_Held(*row) for row in fetch(_HELD, [store_id, holder])]


def _lock_shelves(store_id: int, asked: Iterable[int], held: Sequence[_Held], channel: str) -> None:
    """Lock every level that may be chosen or given back, fences first, each in key order."""
    rows = fetch(_SHELVES, [store_id, ints(asked), ints(asked)])
    level_ids = sorted({row[0] for row in rows} | {id_ for h in held for id_ in h.level_ids})
    fence_ids = ints(h.fence_id for h in held if h.fence_id)
    fetch(_LOCK_FENCES, [fence_ids, channel, ints(level_ids)])
    ledger.lock(level_ids)


def _release(held: Sequence[_Held], actor: Actor) -> set[int]:
    """Give promises back; return the items that became free."""
    if not held:
        return set()
    units = [(h.id, h.quantity) for h in held]
    levels = reservations.release(units, actor=actor, document=f"reservation:{held[0].id}")
    return {level.item_id for level in levels.values()}


def _move_end(ids: list[int], expires_at: datetime) -> list[int]:
    execute(
        "UPDATE inventory_reservation SET expires_at = greatest(expires_at, %s)"
        " WHERE id = ANY(%s::bigint[])",
        [expires_at, ints(ids)],
    )
    return ids


def _places(store_id: int, country: str, postal_code: str) -> dict[int, float]:
    """Locations that may be chosen, with their distance; where nobody knows it, they come last."""
    country = country.strip().upper()
    point: tuple[float, float] | None = postal.lookup(country, postal_code)
    far = float("inf")
    found = {}
    for location in Location.objects.filter(store_id=store_id, active=True):
        if country and country not in location.ships_to:
            continue
        there = point_of(location) if point else None
        found[location.pk] = km_between(*point, *there) if point and there else far
    return found


_HELD = """
SELECT r.id, v.item_id, r.quantity, r.level_id, r.fence_id, r.parts
FROM inventory_reservation r JOIN inventory_stocklevel v ON v.id = r.level_id
WHERE r.store_id = %s AND r.holder = %s AND r.line_id IS NULL AND r.state = 'pending'
      AND r.kind = 'soft'
ORDER BY r.id FOR UPDATE OF r
"""
_SHELVES = """
SELECT id FROM inventory_stocklevel
WHERE store_id = %s AND (
    item_id = ANY(%s::bigint[])
    OR item_id IN (SELECT part_id FROM catalog_bundlepart WHERE bundle_id = ANY(%s::bigint[])))
"""
_LOCK_FENCES = """
SELECT id FROM inventory_ringfence
WHERE id = ANY(%s::bigint[]) OR ended_at IS NULL AND channel = %s AND level_id = ANY(%s::bigint[])
ORDER BY id FOR UPDATE
"""
