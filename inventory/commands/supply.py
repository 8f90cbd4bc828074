"""Purchase orders: what was ordered, from whom, for when, and how much of it may be presold.

Locks: the supply, its lines, then stock levels. Orders that are promised something have their
promises settled afterwards (inventory/backorders.py), so no order is locked here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from django.db import IntegrityError, transaction

from inventory import backorders, ledger, presell
from inventory.ledger import Change
from inventory.models import Location, Supply, SupplyLine
from oms.catalog.models import Item
from oms.core import clock
from oms.core.actor import Actor
from oms.core.errors import Refused

MOST_UNITS = 1_000_000


@dataclass(slots=True, frozen=True)
class Ordered:
    """Units of an item on a purchase order; up to `presell_cap` may be promised before they come.

    `expected_on` is only given when it is not the day of the whole order.
    """

    item_id: int
    units: int
    presell_cap: int = 0
    expected_on: date | None = None


@transaction.atomic
def create(
    *,
    store_id: int,
    number: str,
    destination_id: int,
    lines: Sequence[Ordered],
    actor: Actor,
    supplier: str = "",
    expected_on: date | None = None,
    source: str = "switchyard",
    note: str = "",
    draft: bool = False,
) -> Supply:
    """Record a purchase order; unless it is a draft its units are incoming from now on."""
    number = number.strip()
    if not number:
        raise Refused("Give the purchase order a number.")
    if not lines:
        raise Refused("A purchase order needs at least one item.")
    if not Location.objects.filter(pk=destination_id, store_id=store_id).exists():
        raise Refused("Say at which location the goods will arrive.")
    check_items(store_id, [line.item_id for line in lines])
    for line in lines:
        _check(line.units, line.presell_cap)

    supply = insert(
        Supply(
            store_id=store_id,
            kind=Supply.Kind.PURCHASE,
            number=number,
            supplier=supplier.strip(),
            destination_id=destination_id,
            expected_on=expected_on,
            source=source,
            note=note.strip(),
            created_by=str(actor),
        )
    )
    SupplyLine.objects.bulk_create(
        SupplyLine(
            store_id=store_id,
            supply=supply,
            item_id=line.item_id,
            ordered=line.units,
            presell_cap=line.presell_cap,
            expected_on=line.expected_on,
        )
        for line in lines
    )
    if not draft:
        _open(supply, actor)
    return supply


@transaction.atomic
def open_supply(*, supply_id: int, actor: Actor) -> Supply:
    """The draft was ordered: its units are incoming, and waiting orders may be promised them."""
    supply = lock(supply_id, Supply.Kind.PURCHASE)
    if supply.state == Supply.State.OPEN:
        return supply
    if supply.state != Supply.State.DRAFT:
        raise Refused(f"{supply.number} is {state_words(supply)}.")
    _open(supply, actor)
    return supply


@transaction.atomic
def change_units(*, supply_id: int, units: Mapping[int, int], actor: Actor) -> None:
    """Set how many units of which items are ordered: {item id: units}; zero takes the rest off.

    What has arrived stays. Promises that no longer fit are given back, the last in turn first.
    """
    supply = lock(supply_id, Supply.Kind.PURCHASE)
    if supply.state not in (Supply.State.DRAFT, Supply.State.OPEN):
        raise Refused(f"{supply.number} is {state_words(supply)}.")
    lines = {line.item_id: line for line in lock_lines(supply)}
    check_items(supply.store_id, units)
    for item_id, wanted in units.items():
        gone = lines[item_id].received + lines[item_id].short if item_id in lines else 0
        if wanted and wanted < gone:
            raise Refused(f"{gone:,} units have arrived or were given up; {wanted:,} is too few.")
        if wanted or item_id not in lines:
            _check(wanted, 0)

    changed: dict[int, int] = {}
    for item_id, wanted in sorted(units.items()):
        line = lines.get(item_id)
        before = line.to_come if line else 0
        if line is None:
            line = SupplyLine.objects.create(
                store_id=supply.store_id, supply=supply, item_id=item_id, ordered=wanted
            )
        elif wanted:
            line.ordered = wanted
        else:
            line.short += line.to_come
        changed[item_id] = line.to_come - before
        line.save(update_fields=["ordered", "short"])
        lines[item_id] = line
    if supply.state == Supply.State.OPEN:
        expect(supply, changed, actor=actor)
    touched = [lines[item_id] for item_id in units]
    backorders.trim(
        [line.pk for line in touched],
        reason=f"fewer units of {supply.number} were ordered",
        actor=actor,
    )
    for line in touched:
        line.refresh_from_db()
        line.presell_cap = max(min(line.presell_cap, line.ordered), line.promised)
        line.save(update_fields=["presell_cap"])
    _consider(units, actor)


@transaction.atomic
def set_cap(*, supply_line_id: int, cap: int, actor: Actor) -> None:
    """Say how many units of a line may be promised before they arrive."""
    supply = lock(SupplyLine.objects.get(pk=supply_line_id).supply_id)
    (line,) = [one for one in lock_lines(supply) if one.pk == supply_line_id]
    if line.presell_cap == cap:
        return
    if supply.state in (Supply.State.CLOSED, Supply.State.CANCELLED):
        raise Refused(f"{supply.number} is {state_words(supply)}.")
    if not 0 <= cap <= line.ordered:
        raise Refused(f"{line.ordered:,} units are ordered; so many can be promised at most.")
    if cap < line.promised:
        raise Refused(f"{line.promised:,} units are promised already; take no promise back.")

    line.presell_cap = cap
    line.save(update_fields=["presell_cap"])
    _consider([line.item_id], actor)


@transaction.atomic
def cancel(*, supply_id: int, reason: str, actor: Actor) -> None:
    """The order is off: nothing more is incoming, and what was promised from it is given back."""
    supply = lock(supply_id, Supply.Kind.PURCHASE)
    if supply.state == Supply.State.CANCELLED:
        return
    if supply.state not in (Supply.State.DRAFT, Supply.State.OPEN):
        raise Refused(f"{supply.number} is {state_words(supply)}.")
    if not reason.strip():
        raise Refused("Say why the purchase order is cancelled.")
    lines = lock_lines(supply)
    if any(line.received for line in lines):
        raise Refused("Some of it has arrived; finish receiving to close what never came.")

    was_open = supply.state == Supply.State.OPEN
    end(supply, Supply.State.CANCELLED)
    supply.note = f"{supply.note}\nCancelled: {reason.strip()}".strip()
    supply.save(update_fields=["note"])
    if was_open:
        expect(supply, {line.item_id: -line.to_come for line in lines}, actor=actor)
    backorders.trim(
        [line.pk for line in lines], reason=f"{supply.number} was cancelled", actor=actor
    )
    _consider([line.item_id for line in lines], actor)


def lock(supply_id: int, kind: str | None = None) -> Supply:
    """Lock a supply until the transaction ends."""
    supply = Supply.objects.select_for_update().get(pk=supply_id)
    if kind and supply.kind != kind:
        raise Refused(f"{supply.number} is a {supply.get_kind_display().lower()}.")
    return supply


def lock_lines(supply: Supply) -> list[SupplyLine]:
    """Lock the lines of a supply, sorted by key."""
    return list(supply.lines.select_for_update().order_by("pk"))


def insert(supply: Supply) -> Supply:
    """Write a new supply; its number is used once in a store."""
    try:
        with transaction.atomic():
            supply.save(force_insert=True)
    except IntegrityError as error:
        raise Refused(f"{supply.number} exists already; choose another number.") from error
    return supply


def end(supply: Supply, state: str) -> None:
    """Close or cancel it."""
    supply.state = state
    supply.closed_at = clock.now()
    supply.save(update_fields=["state", "closed_at"])


def keep_back(lines: Iterable[SupplyLine]) -> None:
    """What has not left the origin of a transfer will not; short counts what was lost on the way.

    A line of which nothing left is short as a whole: a line of no units would say nothing.
    """
    for line in lines:
        if line.shipped:
            line.ordered = line.shipped
        else:
            line.short = line.to_come
        line.save(update_fields=["ordered", "short"])


def expect(
    supply: Supply, units: Mapping[int, int], *, actor: Actor, bucket: str = "incoming"
) -> None:
    """Post more or fewer units, by item, to what the destination expects."""
    units = {item_id: count for item_id, count in units.items() if count}
    levels = ledger.open_levels(
        (supply.store_id, item_id, supply.destination_id) for item_id in units
    )
    ledger.post(
        [
            Change(
                levels[item_id, supply.destination_id],
                bucket,
                count,
                "ordered" if bucket == "incoming" else "transfer",
                document_of(supply),
            )
            for item_id, count in sorted(units.items())
        ],
        actor=actor,
    )


def document_of(supply: Supply) -> str:
    return f"supply:{supply.pk}"


def state_words(supply: Supply) -> str:
    """Its state in words, e.g. ordered; an open transfer is planned."""
    if supply.kind == Supply.Kind.TRANSFER and supply.state == Supply.State.OPEN:
        return "planned"
    return supply.get_state_display().lower()


def check_items(store_id: int, item_ids: Iterable[int]) -> None:
    """Refuse what the store does not know, and an item named twice."""
    ids = list(item_ids)
    if len(set(ids)) < len(ids):
        raise Refused("An item is named twice; add its units up.")
    if Item.objects.filter(pk__in=ids, store_id=store_id).count() < len(ids):
        raise Refused("Some of these items are not in the catalogue.")


def _open(supply: Supply, actor: Actor) -> None:
    supply.state = Supply.State.OPEN
    supply.save(update_fields=["state"])
    lines = lock_lines(supply)
    expect(supply, {line.item_id: line.to_come for line in lines}, actor=actor)
    _consider([line.item_id for line in lines], actor)


def _consider(item_ids: Iterable[int], actor: Actor) -> None:
    """Supply changed: who waits may be promised some, and the shop may sell some."""
    items = list(item_ids)
    backorders.look_again(items)
    presell.review(items, actor=actor)


def _check(units: int, cap: int) -> None:
    if not 0 < units <= MOST_UNITS:
        raise Refused(f"Order between 1 and {MOST_UNITS:,} units of an item.")
    if not 0 <= cap <= units:
        raise Refused(f"{units:,} units are ordered; so many can be promised at most.")
