"""Goods arrive: what came is counted in, whoever waits for it gets it, what never came is closed.

Locks: the supply, its lines, then stock levels. Units that belong to waiting orders are kept for
them in the same transaction, so that nobody else takes them; routing gives them out afterwards.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction

from inventory import allocation, backorders, ledger, presell, reservations
from inventory.allocation import Grant
from inventory.commands.supply import (
    check_items,
    document_of,
    end,
    keep_back,
    lock,
    lock_lines,
    state_words,
)
from inventory.ledger import Change, Level
from inventory.models import Receipt, ReceiptLine, Supply, SupplyLine
from inventory.publishing import tell_shop
from inventory.reservations import Promise
from inventory.waiting import wake_soon
from oms.catalog.models import Item
from oms.core import clock
from oms.core.actor import Actor
from oms.core.errors import Refused
from oms.core.sql import fetch, ints
from oms.orders import timeline

# An order that is routed takes its units at once; one on hold has two days to be released.
KEPT_HOURS = 48


@dataclass(slots=True, frozen=True)
class Arrived:
    """Units of an item that arrived: good ones to the shelf, damaged and doubtful ones apart."""

    item_id: int
    good: int = 0
    damaged: int = 0
    quality: int = 0

    @property
    def units(self) -> int:
        return self.good + self.damaged + self.quality


@transaction.atomic
def receive(
    *,
    supply_id: int,
    arrived: Sequence[Arrived],
    request_key: str,
    actor: Actor,
    finish: bool = False,
    accept_more: bool = False,
    note: str = "",
) -> Receipt:
    """Count in what arrived. `finish` closes the rest as never coming.

    The same key again returns the receipt that was made with it. More than is expected is refused
    unless `accept_more` says that somebody has looked: then it is counted in as it came.
    """
    supply = lock(supply_id)
    lines = {line.item_id: line for line in lock_lines(supply)}

    again = Receipt.objects.filter(store_id=supply.store_id, request_key=request_key).first()
    if again:
        if again.supply_id != supply.pk:
            raise Refused("This key was used for another supply; receive again.")
        return again
    _check(supply, lines, arrived, finish, accept_more)

    receipt = Receipt.objects.create(
        store_id=supply.store_id,
        supply=supply,
        request_key=request_key,
        received_by=str(actor),
        note=note.strip(),
    )
    gone = {item_id: _expected(supply, line) for item_id, line in lines.items()}
    _count(supply, receipt, lines, arrived)
    all_came = not any(line.to_come for line in lines.values())
    if finish or all_came:
        _close(supply, lines, actor)
    levels = _post(supply, receipt, lines, arrived, gone, actor)
    _give_out(supply, lines, arrived, levels, actor)

    tell_shop((levels[a.item_id] for a in arrived if a.good), actor=actor)
    return receipt


@transaction.atomic
def decide_quality(*, level_id: int, good: int, damaged: int, reason: str, actor: Actor) -> None:
    """Units in quality control were looked at: good ones go to the shelf, the others apart."""
    level = ledger.lock([level_id])[level_id]
    if min(good, damaged) < 0 or not good + damaged:
        raise Refused("Say how many units are good and how many are not.")
    if good + damaged > level.quality:
        raise Refused(f"{level.quality:,} units are in quality control there.")
    if not reason.strip():
        raise Refused("Say what the check found.")
    document = f"reason:{reason.strip()}"
    after = ledger.post(
        [
            Change(level_id, "quality", -good - damaged, "adjust", document),
            Change(level_id, "on_hand", good, "adjust", document),
            Change(level_id, "damaged", damaged, "adjust", document),
        ],
        actor=actor,
    )
    if good:
        tell_shop(after.values(), actor=actor)
        wake_soon(level.store_id, [level.item_id])


def _check(
    supply: Supply,
    lines: Mapping[int, SupplyLine],
    arrived: Sequence[Arrived],
    finish: bool,
    accept_more: bool,
) -> None:
    allowed = {
        Supply.Kind.PURCHASE: (Supply.State.OPEN, Supply.State.CLOSED),
        Supply.Kind.TRANSFER: (Supply.State.SHIPPED, Supply.State.CLOSED),
    }[Supply.Kind(supply.kind)]
    if supply.state not in allowed:
        raise Refused(f"{supply.number} has not left: it is {state_words(supply)}.")
    if any(min(a.good, a.damaged, a.quality) < 0 for a in arrived):
        raise Refused("Units that arrived cannot be fewer than none.")
    check_items(supply.store_id, [a.item_id for a in arrived])
    if not finish and not any(a.units for a in arrived):
        raise Refused("Say what arrived.")
    if accept_more:
        return
    if supply.state == Supply.State.CLOSED:
        raise Refused(f"{supply.number} is closed. Say that you accept what comes after that.")
    for a in arrived:
        expected = _expected(supply, lines[a.item_id]) if a.item_id in lines else 0
        if a.units > expected:
            sku = Item.objects.get(pk=a.item_id).sku
            raise Refused(
                f"{a.units:,} × {sku} came and {expected:,} were expected."
                " Count again, or say that you accept more."
            )


def _expected(supply: Supply, line: SupplyLine) -> int:
    """What incoming or in transit counts of a line while the supply is open."""
    if supply.state == Supply.State.CLOSED:
        return 0
    return line.to_come if supply.kind == Supply.Kind.PURCHASE else line.on_the_way


def _count(
    supply: Supply, receipt: Receipt, lines: dict[int, SupplyLine], arrived: Sequence[Arrived]
) -> None:
    """Note what came on the lines and on the receipt. What was given up and came is not short."""
    for a in arrived:
        if not a.units:
            continue
        line = lines.get(a.item_id)
        if line is None:
            line = lines[a.item_id] = SupplyLine(
                store_id=supply.store_id,
                supply=supply,
                item_id=a.item_id,
                ordered=0,
                received=0,
                damaged=0,
                short=0,
            )
        line.short -= min(line.short, max(a.units - line.to_come, 0))
        line.received += a.units
        line.damaged += a.damaged
        line.save()
    ReceiptLine.objects.bulk_create(
        ReceiptLine(
            receipt=receipt,
            supply_line=lines[a.item_id],
            good=a.good,
            damaged=a.damaged,
            quality=a.quality,
        )
        for a in arrived
        if a.units
    )


def _close(supply: Supply, lines: Mapping[int, SupplyLine], actor: Actor) -> None:
    """Nothing more is coming. What a transfer never shipped is free again at its origin."""
    if supply.kind == Supply.Kind.TRANSFER:
        keep_back(lines.values())
        kept = fetch(
            "SELECT id, quantity, level_id FROM inventory_reservation WHERE store_id = %s"
            " AND holder = %s AND state = 'pending' AND line_id IS NULL ORDER BY id FOR UPDATE",
            [supply.store_id, f"transfer:{supply.pk}"],
        )
        # The shelves of both ends at once: see transfers.ship.
        arriving = ledger.open_levels(
            (supply.store_id, item_id, supply.destination_id) for item_id in lines
        )
        ledger.lock([*(level_id for *_, level_id in kept), *arriving.values()])
        levels = reservations.release(
            [row[:2] for row in kept], actor=actor, document=document_of(supply)
        )
        if levels:
            wake_soon(supply.store_id, [level.item_id for level in levels.values()])
    for line in lines.values():
        if line.to_come:
            line.short += line.to_come
            line.save(update_fields=["short"])
    end(supply, Supply.State.CLOSED)


def _post(
    supply: Supply,
    receipt: Receipt,
    lines: Mapping[int, SupplyLine],
    arrived: Sequence[Arrived],
    expected: Mapping[int, int],
    actor: Actor,
) -> dict[int, Level]:
    """Move the units from what was expected to where they are now; return the levels by item."""
    bucket = "incoming" if supply.kind == Supply.Kind.PURCHASE else "in_transit"
    levels = ledger.open_levels(
        (supply.store_id, item_id, supply.destination_id) for item_id in lines
    )
    of_item = {item_id: levels[item_id, supply.destination_id] for item_id in lines}
    changes = []
    document = f"receipt:{receipt.pk}"
    for item_id, line in sorted(lines.items()):
        came_off = expected.get(item_id, 0) - _expected(supply, line)
        changes.append(Change(of_item[item_id], bucket, -came_off, "receive", document))
    for a in sorted(arrived, key=lambda a: a.item_id):
        for name, units in (("on_hand", a.good), ("damaged", a.damaged), ("quality", a.quality)):
            if units:
                changes.append(Change(of_item[a.item_id], name, units, "receive", document))
    after = ledger.post(changes, actor=actor)
    return {level.item_id: level for level in after.values()}


def _give_out(
    supply: Supply,
    lines: Mapping[int, SupplyLine],
    arrived: Sequence[Arrived],
    levels: Mapping[int, Level],
    actor: Actor,
) -> None:
    """Keep what came for those whose turn it is; give back what will not come any more."""
    good = {a.item_id: a.good for a in arrived if a.good}
    waits = allocation.waiting(supply.pk, sorted(good)) if good else {}
    grants: list[Grant] = []
    for item_id, units in sorted(good.items()):
        level = levels[item_id]
        free = min(units, max(level.on_hand - level.kept, 0))
        grants += allocation.allocate(free, waits.get(item_id, []))
    _keep(supply, grants, levels, actor)
    _fulfil(supply, grants)
    _record(supply, grants, actor)
    if supply.state == Supply.State.CLOSED:
        reason = f"{supply.number} brought fewer units"
    else:
        reason = f"{supply.number} has too few units left to come"
    backorders.trim([line.pk for line in lines.values()], reason=reason, actor=actor)
    backorders.start({grant.wait.order_id: supply.store_id for grant in grants})
    presell.review(lines, actor=actor)
    if good:
        wake_soon(supply.store_id, good)


def _keep(
    supply: Supply, grants: Sequence[Grant], levels: Mapping[int, Level], actor: Actor
) -> None:
    """Keep the units for their orders, until routing takes them or the time is over."""
    until = clock.now() + timedelta(hours=KEPT_HOURS)
    reservations.reserve(
        [
            Promise(
                None,
                levels[grant.wait.item_id].id,
                grant.units,
                document_of(supply),
                kind="soft",
                holder=f"order:{grant.wait.order_id}",
                expires_at=until,
            )
            for grant in grants
            # A level that is being counted promises nothing: its orders wait for the count.
            if not levels[grant.wait.item_id].frozen
        ],
        actor=actor,
    )


def _fulfil(supply: Supply, grants: Sequence[Grant]) -> None:
    """Promises whose units came are kept."""
    kept = {grant.wait.line_id: grant.kept for grant in grants if grant.kept}
    rows = fetch(
        """
        SELECT p.id, p.line_id, p.quantity FROM inventory_supplypromise p
        JOIN inventory_supplyline l ON l.id = p.supply_line_id
        WHERE l.supply_id = %s AND p.line_id = ANY(%s::bigint[]) AND p.state = 'pending'
        ORDER BY p.id
        """,
        [supply.pk, ints(sorted(kept))],
    )
    backorders.end([(id_, min(units, kept[line_id])) for id_, line_id, units in rows], "kept")


def _record(supply: Supply, grants: Sequence[Grant], actor: Actor) -> None:
    units: dict[int, int] = {}
    for grant in grants:
        units[grant.wait.order_id] = units.get(grant.wait.order_id, 0) + grant.units
    timeline.record_many(
        [
            timeline.EventRow(
                supply.store_id,
                order_id,
                "stock.arrived",
                actor,
                {"units": count, "number": supply.number, "place": supply.destination.name},
            )
            for order_id, count in sorted(units.items())
        ]
    )
