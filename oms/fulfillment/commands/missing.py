"""What a picker cannot take: not found, damaged, or another item in its place."""

from dataclasses import dataclass

from django.db import models, transaction

from inventory import ledger, losses, reservations
from inventory.ledger import Change
from inventory.losses import Loss
from inventory.models import StockLevel
from inventory.publishing import tell_shop
from oms.core import timers
from oms.core.actor import Actor
from oms.core.clock import now
from oms.core.errors import Refused
from oms.core.sql import execute, fetch
from oms.fulfillment import queries
from oms.fulfillment.commands.handling import (
    WorkLine,
    events,
    lines_of,
    locked_line,
    must_be_picking,
    read_line,
    set_state,
)
from oms.fulfillment.states import Work as State
from oms.orders import timeline, units


class Why(models.TextChoices):
    """Why units cannot be taken from the shelf."""

    NOT_FOUND = "not_found", "Not there"
    DAMAGED = "damaged", "Damaged"
    WRONG_ITEM = "wrong_item", "Another item stood there"


EVENTS = {
    Why.NOT_FOUND: "work.short",
    Why.DAMAGED: "work.damaged",
    Why.WRONG_ITEM: "work.wrong_item",
}


@dataclass(slots=True, frozen=True)
class _Shelf:
    """A level the units may be missing from, before the order gives its promise back."""

    level_id: int
    item_id: int
    each: int


@transaction.atomic
def short_pick(
    *,
    work_line_id: int,
    found: int,
    actor: Actor,
    reason: str = Why.NOT_FOUND,
    part_id: int | None = None,
    request_key: str | None = None,
) -> WorkLine:
    """Only `found` units of a line can be taken: the rest goes back and is routed again.

    Units not found leave the shelf, and nothing new is promised from it until somebody counts;
    damaged ones are set apart. What other orders were promised there stays theirs as long as it
    stands there (`would_lose_pick` says who would lose). Of a bundle, `part_id` is the item that
    was not there; unsaid, it may be any of its parts. Work with nothing left is cancelled.
    """
    work, line = locked_line(work_line_id)

    if timeline.was_recorded(work.order_id, request_key):
        return line
    must_be_picking(work)
    why = _why(reason)
    missing = _missing(line, found)
    shelves = _suspects(line, part_id, why)

    # Before any level is locked: a router holds this timer while it waits for levels.
    timers.start(store_id=work.store_id, kind="route", subject_ids=[work.order_id])
    document = f"work:{work.id}:{why.value}"
    reservations.release([(line.reservation_id, missing)], actor=actor, document=document)
    locked = ledger.lock(shelf.level_id for shelf in shelves)
    if why is Why.DAMAGED:
        changes = [
            Change(level_id, bucket, delta, "adjust", document)
            for level_id in locked
            for bucket, delta in (("on_hand", -missing), ("damaged", missing))
        ]
    else:
        gone = _gone(missing, shelves)
        changes = [
            Change(
                level.id, "on_hand", _left(level.on_hand, level.kept, gone) - level.on_hand,
                "short", document,
            )
            for level in locked.values()
        ]  # fmt: skip
    tell_shop(ledger.post(changes, actor=actor).values(), actor=actor)
    units.move([units.Move(line.line_id, "released", "open", missing)])
    execute(
        "UPDATE fulfillment_fulfillmentorderline SET quantity = %s, picked = %s WHERE id = %s",
        [found, found, line.id],
    )
    nothing_left = not lines_of([work.id])
    if nothing_left:
        set_state([work.id], State.CANCELLED, now())

    timeline.record(
        store_id=work.store_id,
        order_id=work.order_id,
        kind=EVENTS[why],
        actor=actor,
        data={
            "work_id": work.id,
            "code": work.code,
            "place": work.place,
            "sku": line.sku,
            "found": found,
            "asked": line.quantity,
            "missing": missing,
        },
        request_key=request_key,
    )
    if nothing_left:
        timeline.record_many(events([work], "work.nothing_left", actor, {}))
    return read_line(work_line_id)


def would_lose_pick(
    *, work_line_id: int, found: int, reason: str = Why.NOT_FOUND, part_id: int | None = None
) -> list[Loss]:
    """Which other promises would lose units if this were reported. Writes and locks nothing."""
    line = read_line(work_line_id)
    why, missing = _why(reason), _missing(line, found)
    shelves = {shelf.level_id: shelf for shelf in _suspects(line, part_id, why)}
    parts = {shelf.level_id: shelf.each for shelf in _shelves(line)}
    on_hand = {}
    for level in StockLevel.objects.filter(pk__in=shelves):
        kept = level.reserved + level.soft + level.fenced + level.safety + level.buffer
        kept -= missing * parts[level.pk]
        gone = missing if why is Why.DAMAGED else _gone(missing, list(shelves.values()))
        on_hand[level.pk] = (
            level.on_hand - gone if why is Why.DAMAGED else _left(level.on_hand, kept, gone)
        )

    shorts = losses.read(list(shelves), progress=queries.progress, on_hand=on_hand)
    return losses.choose([losses.without(s, line.reservation_id, missing) for s in shorts])


def _left(on_hand: int, kept: int, gone: int) -> int:
    """What is believed to stand there: what is gone is gone, and the rest is promised at most."""
    return min(on_hand - gone, kept)


def _gone(missing: int, shelves: list[_Shelf]) -> int:
    """Units that are gone for sure: any part of a bundle may be the one that was not there."""
    return missing if len(shelves) == 1 else 0


def _why(reason: str) -> Why:
    if reason not in Why.values:
        raise Refused(f"Say why: {', '.join(Why.values)}.")
    return Why(reason)


def _missing(line: WorkLine, found: int) -> int:
    if not 0 <= found < line.quantity:
        raise Refused(
            f"{line.quantity} of {line.sku} are asked for; a short pick finds fewer than that."
        )
    return line.quantity - found


def _suspects(line: WorkLine, part_id: int | None, why: Why) -> list[_Shelf]:
    """The shelves on which units of the line may be missing: one, or those of a bundle's parts."""
    shelves = _shelves(line)
    if part_id is not None:
        shelves = [shelf for shelf in shelves if shelf.item_id == part_id]
        if not shelves:
            raise Refused(f"That item is no part of {line.sku}; say which part was not there.")
    if why is Why.DAMAGED and len(shelves) > 1:
        raise Refused(f"{line.sku} is a bundle; say which part of it is damaged.")
    return shelves


def _shelves(line: WorkLine) -> list[_Shelf]:
    return [_Shelf(*row) for row in fetch(_SHELVES, [line.reservation_id] * 2)]


_SHELVES = """
SELECT v.id, v.item_id, t.each
FROM (
    SELECT level_id, 1 AS each FROM inventory_reservation WHERE id = %s AND parts IS NULL
    UNION ALL
    SELECT (part ->> 0)::bigint, (part ->> 1)::int
    FROM inventory_reservation r CROSS JOIN LATERAL jsonb_array_elements(r.parts) AS part
    WHERE r.id = %s AND r.parts IS NOT NULL
) t
JOIN inventory_stocklevel v ON v.id = t.level_id ORDER BY v.id
"""
