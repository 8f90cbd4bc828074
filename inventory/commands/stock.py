"""What people and other systems may do to stock, apart from promising it."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction

from inventory import ledger
from inventory.ledger import Change
from inventory.publishing import tell_shop
from inventory.waiting import wake_waiting
from oms.core.actor import Actor
from oms.core.errors import Refused


@dataclass(slots=True, frozen=True)
class Count:
    """What somebody says stands at a place: `on_hand` units of an item at a location."""

    item_id: int
    location_id: int
    on_hand: int


@transaction.atomic
def set_on_hand(
    *, store_id: int, counts: Sequence[Count], cause: str, document: str, actor: Actor
) -> int:
    """Bring on hand to the counted numbers; return how many levels changed.

    A count below what is reserved is accepted: the world says so. The shortage becomes an
    exception for exactly the missing units.
    """
    ids = ledger.open_levels((store_id, c.item_id, c.location_id) for c in counts)
    locked = ledger.lock(ids.values())
    changes = []
    for count in counts:
        level = locked[ids[count.item_id, count.location_id]]
        if delta := count.on_hand - level.on_hand:
            changes.append(Change(level.id, "on_hand", delta, cause, document))
    after = ledger.post(changes, actor=actor)
    tell_shop(after.values(), actor=actor)
    wake_waiting(after[c.level_id].item_id for c in changes if c.delta > 0)
    return len(changes)


@transaction.atomic
def set_safety(
    *, store_id: int, safety: Sequence[tuple[int, int, int]], document: str, actor: Actor
) -> None:
    """Set safety stock: (item, location, units). Above what is free it simply sells nothing."""
    if any(units < 0 for *_, units in safety):
        raise Refused("Safety stock cannot be negative.")
    ids = ledger.open_levels((store_id, item, location) for item, location, _ in safety)
    locked = ledger.lock(ids.values())
    ledger.post(
        [
            Change(
                ids[item, location],
                "safety",
                units - locked[ids[item, location]].safety,
                "adjust",
                document,
            )
            for item, location, units in safety
        ],
        actor=actor,
    )


@transaction.atomic
def adjust(
    *,
    level_id: int,
    delta: int,
    reason: str,
    actor: Actor,
    document: str = "",
    cause: str = "adjust",
) -> None:
    """Change on hand by `delta` for a stated reason, e.g. a pick that found nothing."""
    if not reason.strip():
        raise Refused("Say why the stock changes.")
    after = ledger.post(
        [Change(level_id, "on_hand", delta, cause, document or f"reason:{reason}")],
        actor=actor,
    )
    tell_shop(after.values(), actor=actor)
    if delta > 0:
        wake_waiting(level.item_id for level in after.values())


@transaction.atomic
def take_back(
    *,
    store_id: int,
    item_id: int,
    location_id: int,
    quantity: int,
    bucket: str,
    document: str,
    actor: Actor,
) -> None:
    """Put returned units on the shelf (`on_hand`) or apart (`damaged`)."""
    if bucket not in ("on_hand", "damaged"):
        raise ValueError(f"goods do not come back into {bucket}")
    level_id = ledger.open_levels([(store_id, item_id, location_id)])[item_id, location_id]
    after = ledger.post([Change(level_id, bucket, quantity, "return", document)], actor=actor)
    if bucket == "on_hand":
        tell_shop(after.values(), actor=actor)
        wake_waiting([item_id])
