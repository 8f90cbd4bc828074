"""Reservations: units promised once, until they ship, are given back, run out or are lost.

Callers hold the order lock. Reservations are locked next, then fences, then stock levels, each
sorted by key.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from json import loads
from typing import Any

from django.db import transaction

from inventory import ledger
from inventory.ledger import Change, Level
from inventory.publishing import tell_shop
from inventory.waiting import wake_soon
from oms.core.actor import SWITCHYARD, Actor
from oms.core.clock import now
from oms.core.errors import Refused
from oms.core.sql import execute, fetch, ints, json, texts, together

# (level of the part, units a bundle), fixed when the promise is made.
Parts = tuple[tuple[int, int], ...]


@dataclass(slots=True, frozen=True)
class Promise:
    """`quantity` units to be promised from a level: to a line, or to whom `holder` names.

    A soft one runs out at `expires_at`. With `channel`, units come from the level's open fence of
    that channel first. With `parts`, the level is a bundle's own and the units come from the parts,
    never from a fence.
    """

    line_id: int | None
    level_id: int
    quantity: int
    document: str
    kind: str = "firm"
    holder: str = ""
    expires_at: datetime | None = None
    channel: str = ""
    parts: Parts = ()

    @property
    def is_plain(self) -> bool:
        """Whether it is a firm promise to an order line, of single units, without a fence."""
        return not (self.holder or self.parts or self.channel or self.kind != "firm")


def reserve(promises: Sequence[Promise], *, actor: Actor) -> list[int]:
    """Reserve all promises or none; return the reservation ids in the same order.

    Refused when a level has fewer units available than the promises on it add up to. One round
    trip: outside of a transaction it is one of its own.
    """
    if not promises:
        return []
    plain = all([p.is_plain for p in promises])  # noqa: C419  (quicker on the hot path)
    asked = [
        ints([p.line_id for p in promises]) if plain else [p.line_id for p in promises],  # type: ignore[misc]
        ints([p.level_id for p in promises]),
        ints([p.quantity for p in promises]),
        texts([p.document for p in promises]),
        str(actor),
    ]
    if plain:
        ((ids, short_level, wanted, free),) = fetch(_RESERVE, asked)
    else:
        special = json([_special(p) for p in promises])
        ((ids, short_level, wanted, free),) = fetch(_RESERVE_SPECIAL, [*asked, special])
    if short_level:
        raise Refused(f"Only {max(free, 0)} of {wanted} units are free there now; plan again.")
    if not plain:
        # The shop knows that a bundle was sold, and nothing of its parts; nor of what a fence gave
        # and a transfer takes.
        firm = [p for p in promises if p.kind == "firm"]
        parts = {id_ for p in firm for id_, _ in p.parts}
        parts |= {p.level_id for p in firm if (p.channel or p.holder) and not p.parts}
        tell_shop(ledger.lock(parts).values() if parts else (), actor=actor)
    return ids


def release(
    units: Iterable[tuple[int, int]], *, actor: Actor, document: str, cause: str = "release"
) -> dict[int, Level]:
    """Give back (reservation id, quantity): the units are available again, in their fence first."""
    rows = [_Ending(reservation_id, quantity, document) for reservation_id, quantity in units]
    return _end(rows, "released", actor=actor, cause=cause)


def consume(
    units: Iterable[tuple[int, int, str]], *, actor: Actor, cause: str = "ship"
) -> dict[int, Level]:
    """Ship (reservation id, quantity, document): the units leave the shelf, the promise is kept."""
    return _end([_Ending(*row) for row in units], "consumed", actor=actor, cause=cause)


def lose(units: Iterable[tuple[int, int, str]], *, actor: Actor, document: str) -> dict[int, Level]:
    """End (reservation id, units, reason) as lost: the units were promised and are not there.

    What is on hand is not touched: it fell before, which is why somebody loses.
    """
    rows = [_Ending(reservation_id, count, document, why) for reservation_id, count, why in units]
    return _end(rows, "lost", actor=actor, cause="lost")


@transaction.atomic
def expire(limit: int = 500, *, actor: Actor = SWITCHYARD) -> dict[int, Level]:
    """End up to `limit` soft promises whose time is over; return the levels as they stand then.

    What another transaction holds is left for the next round. Orders that wait for the units have
    their turn.
    """
    over = fetch(_OVER, [now(), limit])
    rows = [_Ending(id_, quantity, holder) for id_, quantity, holder in over]
    levels = _end(rows, "expired", actor=actor, cause="expire")
    for store_id in {level.store_id for level in levels.values()}:
        wake_soon(store_id, {v.item_id for v in levels.values() if v.store_id == store_id})
    return levels


@transaction.atomic
def move(*, reservation_id: int, to_level_id: int, quantity: int, actor: Actor, reason: str) -> int:
    """Promise the units from another location instead, or change nothing; return the new promise.

    Refused when they are not free there. The old promise ends `moved`, a part of it in a row of its
    own. Whoever asks a location for these units has to ask the other one: work is not moved here.
    """
    if not reason.strip():
        raise Refused("Say why the units are promised from elsewhere.")
    held = _lock_pending([reservation_id])
    if not held or not 0 < quantity <= held[0].quantity:
        raise Refused("These units are no longer promised; look at the order again.")
    old = held[0]
    if old.level_id == to_level_id:
        return old.id
    ((line_id, holder, expires_at, channel, same_item, store_id, location_id),) = fetch(
        _MOVED, [to_level_id, old.id]
    )
    if not same_item:
        raise Refused("That shelf holds another item.")
    document = f"reservation:{old.id}"
    promise = Promise(
        line_id, to_level_id, quantity, document, old.kind, holder, expires_at, channel,
        _parts_at(store_id, location_id, old.parts),
    )  # fmt: skip

    _lock_for_exchange(held, [promise])
    levels = _end(
        [_Ending(old.id, quantity, document, reason)], "moved", actor=actor, cause="release"
    )
    (moved,) = reserve([promise], actor=actor)
    wake_soon(store_id, {level.item_id for level in levels.values()})
    return moved


@transaction.atomic
def hand_over(
    soft: Sequence[tuple[int, int, str]], promises: Sequence[Promise], *, actor: Actor
) -> list[int]:
    """Make firm promises out of what soft ones kept: all of it or nothing.

    `soft` is (reservation id, quantity, document) of the carts that became these orders. Refused
    when a soft promise has run out since, or when units beyond it are not free.
    """
    _lock_for_exchange(_lock_pending(id_ for id_, _, _ in soft), promises)
    _end(
        [_Ending(*row, reason="became an order") for row in soft],
        "released",
        actor=actor,
        cause="release",
    )
    return reserve(promises, actor=actor)


@dataclass(slots=True, frozen=True)
class _Ending:
    """So many units of a promise end."""

    reservation_id: int
    quantity: int
    document: str
    reason: str = ""


@dataclass(slots=True, frozen=True)
class _Held:
    """A pending promise as locked."""

    id: int
    level_id: int
    quantity: int
    kind: str
    fence_id: int | None
    fenced: int
    parts: list[list[int]] | None

    @property
    def sources(self) -> list[list[int]]:
        """The levels that really keep the units, with how many a unit of the promise takes."""
        return self.parts or [[self.level_id, 1]]

    @property
    def locks(self) -> list[int]:
        """The levels to hold before it changes: those, and the one that its row names."""
        return [self.level_id, *(level_id for level_id, _ in self.sources)]


@together()
def _end(endings: Sequence[_Ending], state: str, *, actor: Actor, cause: str) -> dict[int, Level]:
    wanted: dict[int, int] = {}
    last: dict[int, _Ending] = {}
    for ending in endings:
        if ending.quantity:
            wanted[ending.reservation_id] = wanted.get(ending.reservation_id, 0) + ending.quantity
            last[ending.reservation_id] = ending
    if not wanted:
        return {}
    held = _lock_pending(wanted)
    if len(held) < len(wanted) or any(not 0 < wanted[h.id] <= h.quantity for h in held):
        raise Refused("Some of these units are no longer promised; look at the order again.")
    if state == "consumed" and any(h.kind == "soft" for h in held):
        raise Refused("Units kept for a cart do not ship before an order is promised them.")

    # Locked even if nothing is given back: a row that names a fence may be written below.
    open_fences = _lock_fences({h.fence_id for h in held if h.fence_id})
    if any(h.parts for h in held):
        ledger.lock(id_ for h in held for id_ in h.locks)
    gives_back = state in ("released", "expired", "moved")
    changes = []
    given_back: dict[int, int] = {}
    for h in held:
        units, document = wanted[h.id], last[h.id].document
        bucket = "reserved" if h.kind == "firm" else "soft"
        for level_id, each in h.sources:
            changes.append(Change(level_id, bucket, -units * each, cause, document))
            if state == "consumed":
                left_as = "kit" if h.parts and cause == "ship" else cause
                changes.append(Change(level_id, "on_hand", -units * each, left_as, document))
        # What came from the common stock goes first: as if fewer had been asked for.
        back = h.fenced - min(h.fenced, h.quantity - units)
        if gives_back and back and h.fence_id in open_fences:
            changes.append(Change(h.level_id, "fenced", back, cause, document))
            given_back[h.fence_id] = given_back.get(h.fence_id, 0) + back
    levels = ledger.post(changes, actor=actor)
    if given_back:
        execute(_FILL_FENCES, [ints(given_back), ints(given_back.values())])
    ids = [h.id for h in held]
    execute(
        _SPLIT,
        [ints(ids), ints(wanted[i] for i in ids), [last[i].reason for i in ids], state, state],
    )
    # What was kept back from the shop for them is not any more: parts, carts, fences.
    kept = {id_ for h in held if h.parts or h.kind == "soft" or h.fence_id for id_, _ in h.sources}
    tell_shop((levels[id_] for id_ in sorted(kept)), actor=actor)
    return levels


def _lock_pending(reservation_ids: Iterable[int]) -> list[_Held]:
    rows = fetch(_LOCK_PENDING, [ints(sorted(set(reservation_ids)))])
    return [
        _Held(id_, level_id, quantity, kind, fence_id, fenced, parts and loads(parts))
        for id_, level_id, quantity, kind, fence_id, fenced, parts in rows
    ]


def _lock_fences(fence_ids: set[int]) -> set[int]:
    """Lock these fences; return those that still stand."""
    if not fence_ids:
        return set()
    rows = fetch(_LOCK_FENCES, [ints(fence_ids)])
    return {id_ for id_, stands in rows if stands}


def _lock_for_exchange(held: Sequence[_Held], promises: Sequence[Promise]) -> None:
    """Lock what ends and what begins at once, so that fences and levels are taken in key order."""
    fetch(
        _LOCK_EXCHANGED_FENCES,
        [
            ints(h.fence_id for h in held if h.fence_id),
            ints(p.level_id for p in promises),
            [p.channel for p in promises],
        ],
    )
    levels = [level_id for h in held for level_id in h.locks]
    for p in promises:
        levels += [p.level_id, *(level_id for level_id, _ in p.parts)]
    ledger.lock(levels)


def _parts_at(store_id: int, location_id: int, parts: list[list[int]] | None) -> Parts:
    """The same parts, from the shelves of another location."""
    if not parts:
        return ()
    items: dict[int, int] = dict(
        fetch(
            "SELECT id, item_id FROM inventory_stocklevel WHERE id = ANY(%s::bigint[])",
            [ints(level_id for level_id, _ in parts)],
        )
    )
    levels = ledger.open_levels((store_id, item_id, location_id) for item_id in items.values())
    return tuple((levels[items[level_id], location_id], each) for level_id, each in parts)


def _special(promise: Promise) -> dict[str, Any]:
    return {
        "kind": promise.kind,
        "holder": promise.holder,
        "expires_at": promise.expires_at and promise.expires_at.isoformat(),
        "channel": promise.channel,
        "parts": promise.parts or None,
    }


_RESERVE = """
SELECT * FROM inventory_reserve(%s::bigint[], %s::bigint[], %s::int[], %s::text[], %s)
"""
_RESERVE_SPECIAL = """
SELECT * FROM inventory_reserve_special(
    %s::bigint[], %s::bigint[], %s::int[], %s::text[], %s, %s)
"""
_OVER = """
SELECT id, quantity, holder FROM inventory_reservation
WHERE state = 'pending' AND kind = 'soft' AND expires_at <= %s
ORDER BY expires_at LIMIT %s FOR UPDATE SKIP LOCKED
"""
_LOCK_PENDING = """
SELECT id, level_id, quantity, kind, fence_id, fenced, parts FROM inventory_reservation
WHERE id = ANY(%s::bigint[]) AND state = 'pending' ORDER BY id FOR UPDATE
"""
_LOCK_FENCES = """
SELECT id, ended_at IS NULL FROM inventory_ringfence WHERE id = ANY(%s::bigint[])
ORDER BY id FOR UPDATE
"""
_LOCK_EXCHANGED_FENCES = """
SELECT id FROM inventory_ringfence
WHERE id = ANY(%s::bigint[])
   OR ended_at IS NULL AND (level_id, channel) IN (SELECT * FROM unnest(%s::bigint[], %s::text[]))
ORDER BY id FOR UPDATE
"""
_FILL_FENCES = """
UPDATE inventory_ringfence f SET units = f.units + t.units
FROM unnest(%s::bigint[], %s::int[]) AS t(id, units) WHERE f.id = t.id
"""
# What a move keeps of the promise, and whether the shelf it goes to is one of the same item.
_MOVED = """
SELECT r.line_id, r.holder, r.expires_at, coalesce(f.channel, o.channel, ''),
       v.item_id IS NOT DISTINCT FROM t.item_id, t.store_id, t.location_id
FROM inventory_reservation r
JOIN inventory_stocklevel v ON v.id = r.level_id
LEFT JOIN inventory_stocklevel t ON t.id = %s
LEFT JOIN inventory_ringfence f ON f.id = r.fence_id
LEFT JOIN orders_orderline l ON l.id = r.line_id
LEFT JOIN orders_order o ON o.id = l.order_id
WHERE r.id = %s
"""
# A part that ends leaves a row of its own; the rest stays pending under the same id.
_SPLIT = """
WITH ended AS (
    SELECT * FROM unnest(%s::bigint[], %s::int[], %s::text[]) AS t(id, units, reason)
), part AS (
    INSERT INTO inventory_reservation
           (store_id, line_id, level_id, quantity, kind, state, holder, expires_at, fence_id,
            fenced, parts, reason, created_at, ended_at)
    SELECT r.store_id, r.line_id, r.level_id, e.units, r.kind, %s, r.holder, r.expires_at,
           r.fence_id, r.fenced - least(r.fenced, r.quantity - e.units), r.parts, e.reason,
           r.created_at, now()
    FROM inventory_reservation r JOIN ended e USING (id) WHERE r.quantity > e.units
)
UPDATE inventory_reservation r
SET quantity = CASE WHEN r.quantity > e.units THEN r.quantity - e.units ELSE r.quantity END,
    fenced = CASE WHEN r.quantity > e.units THEN least(r.fenced, r.quantity - e.units)
                  ELSE r.fenced END,
    state = CASE WHEN r.quantity > e.units THEN r.state ELSE %s END,
    reason = CASE WHEN r.quantity > e.units THEN r.reason ELSE e.reason END,
    ended_at = CASE WHEN r.quantity > e.units THEN NULL ELSE now() END
FROM ended e WHERE r.id = e.id
"""
