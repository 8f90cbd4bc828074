"""What every command of the floor starts with: the orders locked, the work and its lines read."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from oms.core.actor import Actor
from oms.core.errors import Refused
from oms.core.sql import execute, fetch
from oms.core.states import check_move
from oms.fulfillment.states import WORK
from oms.fulfillment.states import Work as State
from oms.orders import timeline
from oms.orders.locks import lock_orders


@dataclass(slots=True)
class Outcome:
    """What a command did with the work it was given: done (or done before), or refused and why."""

    done: list[int] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)

    def or_refuse(self) -> list[int]:
        """For callers that gave one piece of work and want its refusal as an error."""
        for sentence in self.refused.values():
            raise Refused(sentence)
        return self.done


@dataclass(slots=True, frozen=True)
class Work:
    """A fulfillment order as read under the lock of its order."""

    id: int
    store_id: int
    order_id: int
    code: str
    state: str
    location_id: int
    place: str


@dataclass(slots=True, frozen=True)
class WorkLine:
    """A line of a piece of work with the name that people on the floor use."""

    id: int
    work_id: int
    line_id: int
    reservation_id: int
    quantity: int
    picked: int
    sku: str


def lock_work(work_ids: Collection[int]) -> dict[int, Work]:
    """Lock the orders of this work and read it, by id. Nobody else changes it until we end."""
    rows = fetch(
        "SELECT order_id FROM fulfillment_fulfillmentorder WHERE id = ANY(%s::bigint[])",
        [list(work_ids)],
    )
    lock_orders(row[0] for row in rows)
    return read_work(work_ids)


def read_work(work_ids: Collection[int]) -> dict[int, Work]:
    """Read the work, whose orders the caller has locked."""
    rows = fetch(
        """
        SELECT w.id, w.store_id, w.order_id, w.code, w.state, w.location_id, l.name
        FROM fulfillment_fulfillmentorder w JOIN inventory_location l ON l.id = w.location_id
        WHERE w.id = ANY(%s::bigint[]) ORDER BY w.id
        """,
        [sorted(set(work_ids))],
    )
    return {row[0]: Work(*row) for row in rows}


def lines_of(work_ids: Iterable[int]) -> dict[int, list[WorkLine]]:
    """The lines of this work, by work id, leaving out those that nothing is asked of any more."""
    rows = fetch(
        """
        SELECT w.id, w.fulfillment_order_id, w.line_id, w.reservation_id, w.quantity, w.picked,
               coalesce(nullif(l.sku, ''), l.title)
        FROM fulfillment_fulfillmentorderline w JOIN orders_orderline l ON l.id = w.line_id
        WHERE w.fulfillment_order_id = ANY(%s::bigint[]) AND w.quantity > 0 ORDER BY w.id
        """,
        [list(work_ids)],
    )
    lines: dict[int, list[WorkLine]] = {}
    for row in rows:
        lines.setdefault(row[1], []).append(WorkLine(*row))
    return lines


def locked_line(work_line_id: int) -> tuple[Work, WorkLine]:
    """Lock the order of this line, and read the line with its work."""
    rows = fetch(
        "SELECT fulfillment_order_id FROM fulfillment_fulfillmentorderline WHERE id = %s",
        [work_line_id],
    )
    if not rows:
        raise Refused("This line of work does not exist.")
    (work,) = lock_work(rows[0]).values()
    return work, read_line(work_line_id)


def read_line(work_line_id: int) -> WorkLine:
    """The line as it stands, with nothing asked of it any more or not."""
    rows = fetch(
        """
        SELECT w.id, w.fulfillment_order_id, w.line_id, w.reservation_id, w.quantity, w.picked,
               coalesce(nullif(l.sku, ''), l.title)
        FROM fulfillment_fulfillmentorderline w JOIN orders_orderline l ON l.id = w.line_id
        WHERE w.id = %s
        """,
        [work_line_id],
    )
    if not rows:
        raise Refused("This line of work does not exist.")
    return WorkLine(*rows[0])


def must_be_picking(work: Work | None) -> None:
    """Refuse work that nobody is picking now."""
    if work is None:
        raise Refused("This work does not exist.")
    if work.state != State.PICKING:
        raise Refused(f"{work.code} is {work.state}; only work that is being picked can be picked.")


def sort_out(
    work_ids: Collection[int], work: dict[int, Work], *, to: str, done_in: Collection[str]
) -> tuple[list[Work], Outcome]:
    """Split into what may move to state `to`, what is there already, and what may not move."""
    outcome = Outcome()
    movable = []
    for work_id in dict.fromkeys(work_ids):
        item = work.get(work_id)
        if item is None:
            outcome.refused[work_id] = "This work does not exist."
        elif item.state in done_in:
            outcome.done.append(work_id)
        else:
            try:
                check_move(WORK, current=item.state, to=to, what=item.code)
            except Refused as refusal:
                outcome.refused[work_id] = refusal.sentence
            else:
                movable.append(item)
    return movable, outcome


def set_state(work_ids: Iterable[int], state: str, at: datetime) -> None:
    """Write the new state and when. `released`, `picking`, ... each have their own moment."""
    execute(_SET_STATE, [state, *[state, at] * 5, list(work_ids)])


def events(
    work: Iterable[Work], kind: str, actor: Actor, units: dict[int, int]
) -> list[timeline.EventRow]:
    """One event for each piece of work, with its code, its place and how many units."""
    return [
        timeline.EventRow(
            w.store_id,
            w.order_id,
            kind,
            actor,
            {"work_id": w.id, "code": w.code, "place": w.place, "units": units.get(w.id, 0)},
        )
        for w in work
    ]


def units_in(lines: dict[int, list[WorkLine]]) -> dict[int, int]:
    """How many units each piece of work asks for."""
    return {work_id: sum(line.quantity for line in held) for work_id, held in lines.items()}


_SET_STATE = """
UPDATE fulfillment_fulfillmentorder SET state = %s,
    released_at = CASE WHEN %s = 'released' THEN %s ELSE released_at END,
    picking_at = CASE WHEN %s = 'picking' THEN %s ELSE picking_at END,
    packed_at = CASE WHEN %s = 'packed' THEN %s ELSE packed_at END,
    shipped_at = CASE WHEN %s = 'shipped' THEN %s ELSE shipped_at END,
    cancelled_at = CASE WHEN %s = 'cancelled' THEN %s ELSE cancelled_at END
WHERE id = ANY(%s::bigint[])
"""
