"""Reservations: units promised to a line, once, until they ship or are given back.

Callers hold the order lock. Reservations are locked next, then stock levels, each sorted by key.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from inventory import ledger
from inventory.ledger import Change
from oms.core.actor import Actor
from oms.core.errors import Refused
from oms.core.sql import execute, fetch, ints


@dataclass(slots=True, frozen=True)
class Promise:
    """`quantity` units of a line to be promised from a level."""

    line_id: int
    level_id: int
    quantity: int
    document: str


def reserve(promises: Sequence[Promise], *, actor: Actor) -> list[int]:
    """Reserve all promises or none; return the reservation ids in the same order.

    Refused when a level has fewer units available than the promises on it add up to. One round
    trip: outside of a transaction it is one of its own.
    """
    if not promises:
        return []
    ((ids, short_level, wanted, free),) = fetch(
        "SELECT * FROM inventory_reserve(%s::bigint[], %s::bigint[], %s::int[], %s::text[], %s)",
        [
            ints(p.line_id for p in promises),
            ints(p.level_id for p in promises),
            ints(p.quantity for p in promises),
            [p.document for p in promises],
            str(actor),
        ],
    )
    if short_level:
        raise Refused(f"Only {max(free, 0)} of {wanted} units are free there now; plan again.")
    return ids


def release(
    units: Iterable[tuple[int, int]], *, actor: Actor, document: str, cause: str = "release"
) -> None:
    """Give back (reservation id, quantity): the units are available again."""
    rows = [(reservation_id, quantity, document) for reservation_id, quantity in units]
    _end(rows, "released", actor=actor, cause=cause)


def consume(units: Iterable[tuple[int, int, str]], *, actor: Actor) -> None:
    """Ship (reservation id, quantity, document): the units leave the shelf, the promise is kept."""
    _end(units, "consumed", actor=actor, cause="ship")


def _end(units: Iterable[tuple[int, int, str]], state: str, *, actor: Actor, cause: str) -> None:
    wanted: dict[int, int] = {}
    documents: dict[int, str] = {}
    for reservation_id, quantity, document in units:
        if quantity:
            wanted[reservation_id] = wanted.get(reservation_id, 0) + quantity
            documents[reservation_id] = document
    if not wanted:
        return
    ids = sorted(wanted)
    held = fetch(
        "SELECT id, level_id, quantity FROM inventory_reservation"
        " WHERE id = ANY(%s::bigint[]) AND state = 'pending' ORDER BY id FOR UPDATE",
        [ids],
    )
    if len(held) < len(ids) or any(wanted[id_] > quantity for id_, _, quantity in held):
        raise Refused("Some of these units are no longer promised; look at the order again.")

    changes = []
    for id_, level_id, _ in held:
        changes.append(Change(level_id, "reserved", -wanted[id_], cause, documents[id_]))
        if state == "consumed":
            changes.append(Change(level_id, "on_hand", -wanted[id_], cause, documents[id_]))
    ledger.post(changes, actor=actor)
    # A part that ends leaves a row of its own; the rest stays pending under the same id.
    execute(
        """
        WITH ended AS (SELECT * FROM unnest(%s::bigint[], %s::int[]) AS t(id, quantity)),
        part AS (
            INSERT INTO inventory_reservation
                   (store_id, line_id, level_id, quantity, state, created_at, ended_at)
            SELECT r.store_id, r.line_id, r.level_id, e.quantity, %s, r.created_at, now()
            FROM inventory_reservation r JOIN ended e USING (id) WHERE r.quantity > e.quantity
        )
        UPDATE inventory_reservation r
        SET quantity = CASE WHEN r.quantity > e.quantity THEN r.quantity - e.quantity
                            ELSE r.quantity END,
            state = CASE WHEN r.quantity > e.quantity THEN r.state ELSE %s END,
            ended_at = CASE WHEN r.quantity > e.quantity THEN NULL ELSE now() END
        FROM ended e WHERE r.id = e.id
        """,
        [ints(ids), ints(wanted[i] for i in ids), state, state],
    )
