"""Picking and packing: start, pick, close the box. What is not there: missing.py."""

from collections.abc import Collection

from django.db import transaction

from oms.core.actor import Actor
from oms.core.clock import now
from oms.core.errors import Refused
from oms.core.sql import execute
from oms.fulfillment.commands.handling import (
    Outcome,
    WorkLine,
    events,
    lines_of,
    lock_work,
    locked_line,
    must_be_picking,
    read_line,
    set_state,
    sort_out,
    units_in,
)
from oms.fulfillment.states import Work as State
from oms.orders import timeline


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
    work, line = locked_line(work_line_id)

    if timeline.was_recorded(work.order_id, request_key):
        return line
    must_be_picking(work)
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
    return read_line(work_line_id)


@transaction.atomic
def pick_all(*, work_ids: Collection[int], actor: Actor) -> Outcome:
    """Note that every unit asked for was picked. Repeating it is quiet."""
    work = lock_work(work_ids)

    outcome = Outcome()
    being_picked = []
    for work_id in dict.fromkeys(work_ids):
        try:
            must_be_picking(work.get(work_id))
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


def _set_picked(picked: dict[int, int]) -> None:
    execute(
        """
        UPDATE fulfillment_fulfillmentorderline w SET picked = t.picked
        FROM unnest(%s::bigint[], %s::int[]) AS t(id, picked)
        WHERE w.id = t.id AND w.picked <> t.picked
        """,
        [list(picked), list(picked.values())],
    )
