"""What people and other systems may do to stock, apart from promising it."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction

from inventory import ledger
from inventory.bundles import recipes
from inventory.ledger import Change, Level
from inventory.models import Reason
from inventory.publishing import tell_shop
from inventory.waiting import wake_soon
from oms.core.actor import Actor
from oms.core.errors import Refused
from oms.orders.words import count_of


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
    wake_soon(store_id, [after[c.level_id].item_id for c in changes if c.delta > 0])
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
    changes = []
    for item, location, units in safety:
        level = locked[ids[item, location]]
        changes.append(Change(level.id, "safety", units - level.safety, "adjust", document))
    after = ledger.post(changes, actor=actor)
    tell_shop(after.values(), actor=actor)
    wake_soon(store_id, [after[c.level_id].item_id for c in changes if c.delta < 0])


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
    """Change on hand by `delta` for a stated reason. Nobody takes away more than stands there."""
    if not reason.strip():
        raise Refused("Say why the stock changes.")
    if delta < 0 and cause == "adjust":
        _must_stand(_locked(level_id), "on_hand", -delta)
    after = ledger.post(
        [Change(level_id, "on_hand", delta, cause, document or f"reason:{reason}")],
        actor=actor,
    )
    tell_shop(after.values(), actor=actor)
    if delta > 0:
        for level in after.values():
            wake_soon(level.store_id, [level.item_id])


@transaction.atomic
def set_aside(
    *, level_id: int, quantity: int, bucket: str, reason: str, actor: Actor, note: str = ""
) -> Level:
    """Take units off the shelf, into the damaged ones or into quality control.

    Promises on them may lose: when fewer stand than were promised, a timer sees to who does.
    """
    _must_be_apart(bucket)
    document = _document(quantity, reason, note)
    _must_stand(_locked(level_id), "on_hand", quantity)
    changes = [
        Change(level_id, "on_hand", -quantity, "adjust", document),
        Change(level_id, bucket, quantity, "adjust", document),
    ]
    return _post(changes, actor)


@transaction.atomic
def put_back(
    *, level_id: int, quantity: int, bucket: str = "", reason: str, actor: Actor, note: str = ""
) -> Level:
    """Put units on the shelf that were repaired or passed (`bucket` they were in), or were found.

    Orders that wait for the item have their turn.
    """
    document = _document(quantity, reason, note)
    level = _locked(level_id)
    changes = [Change(level_id, "on_hand", quantity, "adjust", document)]
    if bucket:
        _must_be_apart(bucket)
        _must_stand(level, bucket, quantity)
        changes.append(Change(level_id, bucket, -quantity, "adjust", document))
    return _post(changes, actor)


@transaction.atomic
def write_off(
    *, level_id: int, quantity: int, bucket: str, reason: str, actor: Actor, note: str = ""
) -> Level:
    """Units that were set aside leave for good."""
    _must_be_apart(bucket)
    document = _document(quantity, reason, note)
    _must_stand(_locked(level_id), bucket, quantity)
    return _post([Change(level_id, bucket, -quantity, "adjust", document)], actor)


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
    """Put returned units on the shelf (`on_hand`) or apart (`damaged`); of a bundle, its parts."""
    if bucket not in ("on_hand", "damaged"):
        raise ValueError(f"goods do not come back into {bucket}")
    recipe = recipes([item_id]).get(item_id, [(item_id, 1)])
    levels = ledger.open_levels((store_id, part_id, location_id) for part_id, _ in recipe)
    after = ledger.post(
        [
            Change(levels[part_id, location_id], bucket, quantity * each, "return", document)
            for part_id, each in recipe
        ],
        actor=actor,
    )
    if bucket == "on_hand":
        tell_shop(after.values(), actor=actor)
        for level in after.values():
            wake_soon(level.store_id, [level.item_id])


WHERE = {"on_hand": "on the shelf", "damaged": "among the damaged", "quality": "in quality control"}


def _locked(level_id: int) -> Level:
    level = ledger.lock([level_id]).get(level_id)
    if level is None:
        raise Refused("This stock level does not exist.")
    return level


def _must_be_apart(bucket: str) -> None:
    if bucket not in ("damaged", "quality"):
        raise ValueError(f"units are not set aside into {bucket}")


def _must_stand(level: Level, bucket: str, quantity: int) -> None:
    stands = max(getattr(level, bucket), 0)
    if quantity > stands:
        raise Refused(
            f"Only {count_of(stands, 'unit')} of {quantity} stand {WHERE[bucket]} by our count;"
            " count the shelf first if more do."
        )


def _document(quantity: int, reason: str, note: str) -> str:
    """The stated reason, as the entries keep it: reason:damaged, and the note behind it."""
    if quantity < 1:
        raise Refused("Say how many units, at least one.")
    if reason not in Reason.values:
        raise Refused("Choose a reason from the list.")
    note = note.strip()
    if reason == Reason.OTHER and not note:
        raise Refused("Say in the note what happened.")
    return f"reason:{reason} {note}".strip()


def _post(changes: Sequence[Change], actor: Actor) -> Level:
    [level] = ledger.post(changes, actor=actor).values()
    tell_shop([level], actor=actor)
    if any(c.bucket == "on_hand" and c.delta > 0 for c in changes):
        wake_soon(level.store_id, [level.item_id])
    return level
