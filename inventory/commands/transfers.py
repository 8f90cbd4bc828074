"""Transfers: units go from one of our locations to another, and are in transit meanwhile.

  planned --ship (whole or in part)--> on the way --receive--> closed
     |                                     |
     +--cancel--> cancelled                +--stop: what has not left stays at the origin

A planned transfer has its units reserved at the origin, held by "transfer:<id>". Receiving is the
same for transfers and purchases: inventory/commands/receiving.py.
"""

from collections.abc import Mapping, Sequence
from datetime import date

from django.db import transaction

from inventory import backorders, ledger, reservations
from inventory.commands.supply import (
    MOST_UNITS,
    check_items,
    document_of,
    end,
    expect,
    insert,
    keep_back,
    lock,
    lock_lines,
    state_words,
)
from inventory.models import Location, Reservation, Supply, SupplyLine
from inventory.publishing import tell_shop
from inventory.reservations import Promise
from inventory.waiting import wake_soon
from oms.core import clock
from oms.core.actor import Actor
from oms.core.errors import Refused


@transaction.atomic
def plan(
    *,
    store_id: int,
    number: str,
    origin_id: int,
    destination_id: int,
    units: Mapping[int, int],
    actor: Actor,
    expected_on: date | None = None,
    note: str = "",
) -> Supply:
    """Reserve {item id: units} at the origin for the transfer; refused when they are not free."""
    if not number.strip():
        raise Refused("Give the transfer a number.")
    if not units:
        raise Refused("Say which items go.")
    if any(not 0 < count <= MOST_UNITS for count in units.values()):
        raise Refused(f"Send between 1 and {MOST_UNITS:,} units of an item.")
    if origin_id == destination_id:
        raise Refused("A transfer goes to another location.")
    places = Location.objects.filter(pk__in=[origin_id, destination_id], store_id=store_id)
    if places.count() < 2:
        raise Refused("Say from which location the goods go to which.")
    check_items(store_id, units)

    supply = insert(
        Supply(
            store_id=store_id,
            kind=Supply.Kind.TRANSFER,
            number=number.strip(),
            origin_id=origin_id,
            destination_id=destination_id,
            expected_on=expected_on,
            state=Supply.State.OPEN,
            note=note.strip(),
            created_by=str(actor),
        )
    )
    SupplyLine.objects.bulk_create(
        SupplyLine(store_id=store_id, supply=supply, item_id=item_id, ordered=count)
        for item_id, count in sorted(units.items())
    )
    levels = ledger.open_levels((store_id, item_id, origin_id) for item_id in units)
    reservations.reserve(
        [
            Promise(
                None,
                levels[item_id, origin_id],
                count,
                document_of(supply),
                holder=holder_of(supply),
            )
            for item_id, count in sorted(units.items())
        ],
        actor=actor,
    )
    return supply


@transaction.atomic
def ship(*, supply_id: int, actor: Actor, units: Mapping[int, int] | None = None) -> Supply:
    """The units left the origin: all that are planned, or {item id: units} of them."""
    supply = lock(supply_id, Supply.Kind.TRANSFER)
    if supply.state == Supply.State.SHIPPED and units is None:
        return supply
    if supply.state not in (Supply.State.OPEN, Supply.State.SHIPPED):
        raise Refused(f"{supply.number} is {state_words(supply)}.")
    lines = {line.item_id: line for line in lock_lines(supply)}
    kept = _kept(supply)
    if units is None:
        units = {item_id: sum(r.quantity for r in promises) for item_id, promises in kept.items()}
    leaving = {item_id: count for item_id, count in units.items() if count}
    if not leaving:
        raise Refused("Say which units have left.")
    for item_id, count in leaving.items():
        if item_id not in lines:
            raise Refused("Only what was planned can leave.")
        here = sum(r.quantity for r in kept.get(item_id, []))
        if not 0 < count <= here:
            sku = lines[item_id].item.sku
            raise Refused(
                f"Only {here:,} × {sku} are kept for {supply.number}; plan the rest anew."
            )
    level_of = {item_id: promises[0].level_id for item_id, promises in kept.items()}
    # The shelves of both ends at once, so that two transfers that cross do not wait in a circle.
    arriving = ledger.open_levels(
        (supply.store_id, item_id, supply.destination_id) for item_id in leaving
    )
    locked = ledger.lock([*(level_of[item_id] for item_id in leaving), *arriving.values()])
    for item_id, count in leaving.items():
        there = locked[level_of[item_id]].on_hand
        if count > there:
            sku = lines[item_id].item.sku
            raise Refused(
                f"{max(there, 0):,} × {sku} stand on the shelf; count it before it leaves."
            )

    for item_id, count in leaving.items():
        lines[item_id].shipped += count
        lines[item_id].save(update_fields=["shipped"])
    after = reservations.consume(
        [
            (reservation.pk, taken, document_of(supply))
            for item_id, count in sorted(leaving.items())
            for reservation, taken in _share(kept[item_id], count)
        ],
        actor=actor,
        cause="transfer",
    )
    expect(supply, leaving, actor=actor, bucket="in_transit")
    supply.state = Supply.State.SHIPPED
    supply.shipped_at = supply.shipped_at or clock.now()
    supply.save(update_fields=["state", "shipped_at"])

    tell_shop(after.values(), actor=actor)
    return supply


@transaction.atomic
def cancel(*, supply_id: int, reason: str, actor: Actor) -> None:
    """What has not left stays: the units are free again at the origin."""
    supply = lock(supply_id, Supply.Kind.TRANSFER)
    if supply.state == Supply.State.CANCELLED:
        return
    if supply.state not in (Supply.State.OPEN, Supply.State.SHIPPED):
        raise Refused(f"{supply.number} is {state_words(supply)}.")
    if not reason.strip():
        raise Refused("Say why the transfer is cancelled.")
    lines = lock_lines(supply)
    kept = _kept(supply)
    if supply.state == Supply.State.SHIPPED and not kept:
        raise Refused("Everything has left; receive it, or close what never arrives.")

    keep_back(lines)
    levels = reservations.release(
        [(r.pk, r.quantity) for promises in kept.values() for r in promises],
        actor=actor,
        document=document_of(supply),
    )
    tell_shop(levels.values(), actor=actor)
    wake_soon(supply.store_id, kept)
    supply.note = f"{supply.note}\nCancelled: {reason.strip()}".strip()
    supply.save(update_fields=["note"])
    if supply.state == Supply.State.OPEN:
        end(supply, Supply.State.CANCELLED)
    elif not any(line.to_come for line in lines):
        end(supply, Supply.State.CLOSED)
    backorders.trim(
        [line.pk for line in lines], reason=f"{supply.number} was cancelled", actor=actor
    )


def holder_of(supply: Supply) -> str:
    return f"transfer:{supply.pk}"


def _kept(supply: Supply) -> dict[int, list[Reservation]]:
    """Lock what is still reserved at the origin, by item. Shortages there may have taken some."""
    pending = (
        Reservation.objects.select_for_update(of=("self",))
        .filter(
            store_id=supply.store_id,
            holder=holder_of(supply),
            line=None,
            state=Reservation.State.PENDING,
        )
        .select_related("level")
        .order_by("pk")
    )
    kept: dict[int, list[Reservation]] = {}
    for reservation in pending:
        kept.setdefault(reservation.level.item_id, []).append(reservation)
    return kept


def _share(promises: Sequence[Reservation], count: int) -> list[tuple[Reservation, int]]:
    shares = []
    for reservation in promises:
        if taken := min(count, reservation.quantity):
            shares.append((reservation, taken))
            count -= taken
    return shares
