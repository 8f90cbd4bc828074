"""Picking and packing: start, pick, say what was not found, close the box."""

from collections.abc import Collection

from django.db import transaction

from inventory import ledger, reservations
from inventory.ledger import Change
from inventory.publishing import tell_shop
from oms.core import timers
from oms.core.actor import Actor
from oms.core.clock import now
from oms.core.errors import Refused
from oms.core.sql import execute, fetch
from oms.fulfillment.commands.handling import (
    Outcome,
    Work,
    WorkLine,
    events,
    lines_of,
    lock_work,
    set_state,
    sort_out,
    units_in,
)
from oms.fulfillment.states import Work as State
from oms.orders import timeline, units


@transaction.atomic
def start_picking(*, work_ids: Collection[int], actor: Actor) -> Outcome:
    """Begin to pick released work. Work that is being picked, or further, is left as it is."""
    work = lock_work(work_ids)

    movable, outcome = sort_out(
        work_ids, work, to=State.PICKING, done_in=(State.PICKING, State.PACKED, State.SHIPPED)
    )
    if not movable:
        return outcome
    ids = [w.id for w in movable]

    set_state(ids, State.PICKING, now())

    timeline.record_many(events(movable, "work.picking", actor, units_in(lines_of(ids))))
    outcome.done += ids
    return outcome


@transaction.atomic
def pick(
    *, work_line_id: int, quantity: int, actor: Actor, request_key: str | None = None
) -> WorkLine:
    """Note that `quantity` more units of a line were picked. One scan is a quantity of one."""
    work, line = _locked_line(work_line_id)

    if timeline.was_recorded(work.order_id, request_key):
        return line
    _must_be_picking(work)
    if quantity < 1:
        raise Refused("Pick at least one unit.")
    left = line.quantity - line.picked
    if quantity > left:
        raise Refused(
            f"{work.code} asks for {left} more of {line.sku}, not {quantity}; put the rest back."
        )

    picked = line.picked + quantity
    _set_picked({line.id: picked})

    timeline.record(
        store_id=work.store_id,
        order_id=work.order_id,
        kind="work.picked",
        actor=actor,
        data={
            "work_id": work.id,
            "code": work.code,
            "place": work.place,
            "sku": line.sku,
            "picked": picked,
            "asked": line.quantity,
        },
        request_key=request_key,
    )
    return _locked_line(work_line_id)[1]


@transaction.atomic
def pick_all(*, work_ids: Collection[int], actor: Actor) -> Outcome:
    """Note that every unit asked for was picked. Repeating it is quiet."""
    work = lock_work(work_ids)

    outcome = Outcome()
    being_picked = []
    for work_id in dict.fromkeys(work_ids):
        try:
            _must_be_picking(work.get(work_id))
        except Refused as refusal:
            outcome.refused[work_id] = refusal.sentence
        else:
            being_picked.append(work_id)
    lines = lines_of(being_picked)
    missing = {
        work_id: sum(line.quantity - line.picked for line in held)
        for work_id, held in lines.items()
    }

    _set_picked({line.id: line.quantity for held in lines.values() for line in held})

    timeline.record_many(
        events(
            [work[id_] for id_ in being_picked if missing.get(id_)],
            "work.all_picked",
            actor,
            missing,
        )
    )
    outcome.done += being_picked
    return outcome


@transaction.atomic
def short_pick(
    *,
    work_line_id: int,
    found: int,
    actor: Actor,
    part_id: int | None = None,
    request_key: str | None = None,
) -> WorkLine:
    """Only `found` units of a line are there: the rest goes back and is routed again.

    From now on nothing new is promised from that shelf until somebody counts it; what other orders
    were promised there stays theirs. Of a bundle, `part_id` is the item that was not there; unsaid,
    it may be any of its parts. Work with nothing left to ship is cancelled.
    """
    work, line = _locked_line(work_line_id)

    if timeline.was_recorded(work.order_id, request_key):
        return line
    _must_be_picking(work)
    if not 0 <= found < line.quantity:
        raise Refused(
            f"{line.quantity} of {line.sku} are asked for; a short pick finds fewer than that."
        )

    missing = line.quantity - found
    document = f"work:{work.id}:not_found"
    suspects = _suspects(line, part_id)
    reservations.release([(line.reservation_id, missing)], actor=actor, document=document)
    locked = ledger.lock(suspects)
    # The missing units are gone for sure; what is left may only cover what is promised already.
    gone = missing if len(suspects) == 1 else 0
    ledger.post(
        [
            Change(
                level.id,
                "on_hand",
                min(level.on_hand - gone, level.kept) - level.on_hand,
                "short",
                document,
            )
            for level in locked.values()
        ],
        actor=actor,
    )
    tell_shop(locked.values(), actor=actor)
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
        kind="work.short",
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
    timers.start(store_id=work.store_id, kind="route", subject_ids=[work.order_id])
    return _locked_line(work_line_id)[1]


@transaction.atomic
def pack(*, work_ids: Collection[int], actor: Actor) -> Outcome:
    """Close the box. Refused while units are neither picked nor reported as not found."""
    work = lock_work(work_ids)

    movable, outcome = sort_out(
        work_ids, work, to=State.PACKED, done_in=(State.PACKED, State.SHIPPED)
    )
    lines = lines_of(w.id for w in movable)
    ready = []
    for w in movable:
        waiting = [line for line in lines.get(w.id, []) if line.picked < line.quantity]
        if waiting:
            first = waiting[0]
            outcome.refused[w.id] = (
                f"{w.code}: {first.picked} of {first.quantity} {first.sku} are picked;"
                " pick the rest or report them as not found."
            )
        else:
            ready.append(w)
    if not ready:
        return outcome

    set_state([w.id for w in ready], State.PACKED, now())

    timeline.record_many(events(ready, "work.packed", actor, units_in(lines)))
    outcome.done += [w.id for w in ready]
    return outcome


def _locked_line(work_line_id: int) -> tuple[Work, WorkLine]:
    rows = fetch(
        "SELECT fulfillment_order_id FROM fulfillment_fulfillmentorderline WHERE id = %s",
        [work_line_id],
    )
    if not rows:
        raise Refused("This line of work does not exist.")
    (work,) = lock_work(rows[0]).values()
    row = fetch(
        """
        SELECT w.id, w.fulfillment_order_id, w.line_id, w.reservation_id, w.quantity, w.picked,
               coalesce(nullif(l.sku, ''), l.title)
        FROM fulfillment_fulfillmentorderline w JOIN orders_orderline l ON l.id = w.line_id
        WHERE w.id = %s
        """,
        [work_line_id],
    )[0]
    return work, WorkLine(*row)


def _suspects(line: WorkLine, part_id: int | None) -> list[int]:
    """The shelves on which units of the line may be missing: one, or those of a bundle's parts."""
    rows = fetch(_SHELVES, [line.reservation_id])
    if part_id is None:
        return [level_id for level_id, _ in rows]
    named = [level_id for level_id, item_id in rows if item_id == part_id]
    if not named:
        raise Refused(f"That item is no part of {line.sku}; say which part was not there.")
    return named


def _must_be_picking(work: Work | None) -> None:
    if work is None:
        raise Refused("This work does not exist.")
    if work.state != State.PICKING:
        raise Refused(f"{work.code} is {work.state}; only work that is being picked can be picked.")


def _set_picked(picked: dict[int, int]) -> None:
    execute(
        """
        UPDATE fulfillment_fulfillmentorderline w SET picked = t.picked
        FROM unnest(%s::bigint[], %s::int[]) AS t(id, picked)
        WHERE w.id = t.id AND w.picked <> t.picked
        """,
        [list(picked), list(picked.values())],
    )


_SHELVES = """
SELECT v.id, v.item_id FROM inventory_reservation r
JOIN inventory_stocklevel v ON v.id = ANY(
    CASE WHEN r.parts IS NULL THEN ARRAY[r.level_id]
         ELSE ARRAY(SELECT (part->>0)::bigint FROM jsonb_array_elements(r.parts) AS part) END)
WHERE r.id = %s ORDER BY v.id
"""
