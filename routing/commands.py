"""Route orders in batches: facts under lock, a pure plan, a fixed number of writes.

One transaction claims the due timers and locks the orders, decides for all of them against the same
dwindling stock, locks the levels that were chosen and checks them again, and writes reservations,
work, decisions, events, intents and timers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from inventory import ledger, reservations
from inventory.bundles import Recipe
from inventory.reservations import Promise
from inventory.waiting import wake_soon
from oms.core import outbox, timers
from oms.core.actor import ROUTING, Actor
from oms.core.errors import Refused
from oms.core.failpoints import failpoint
from oms.core.sql import copy_in, execute, json, next_ids
from oms.orders import timeline, units
from oms.orders.locks import lock_free_orders
from routing import facts, shelves
from routing.facts import Destination, OpenLine, Place, Policy
from routing.planner import Plan, Question, plan
from routing.shelves import Shelves

RETRY_SECONDS = 6 * 3600
MOST_ATTEMPTS = 5


@dataclass(slots=True)
class Routed:
    """What came of a batch of due orders."""

    orders: int = 0
    routed: int = 0
    waiting: int = 0


@dataclass(slots=True)
class _Batch:
    """What the orders of one batch add up to, to be written at once."""

    promises: list[Promise] = field(default_factory=list)
    # What carts kept for these orders, and the items of which something is left over then.
    kept: list[tuple[int, int, str]] = field(default_factory=list)
    left_over: set[int] = field(default_factory=set)
    work: list[tuple[Any, ...]] = field(default_factory=list)
    # One per promise: the piece of work it belongs to.
    work_of: list[int] = field(default_factory=list)
    moves: list[units.Move] = field(default_factory=list)
    decisions: list[tuple[Any, ...]] = field(default_factory=list)
    events: list[timeline.EventRow] = field(default_factory=list)
    intents: list[outbox.Publication] = field(default_factory=list)
    finished: list[int] = field(default_factory=list)
    postponed: list[tuple[int, float, str]] = field(default_factory=list)
    placed: list[int] = field(default_factory=list)
    # Orders whose backordered units became more or fewer: their promises of supply change too.
    backorders: list[int] = field(default_factory=list)
    waiting: int = 0


@transaction.atomic
def route_due(*, limit: int, actor: Actor = ROUTING) -> Routed:
    """Route up to `limit` orders whose time has come."""
    claimed = timers.claim("route", limit)
    if not claimed:
        return Routed()
    result = Routed(orders=len(claimed))
    for store_id in {store for store, _ in claimed}:
        order_ids = [order_id for store, order_id in claimed if store == store_id]
        _route(store_id, order_ids, actor, result)
    failpoint("routing.route.before_commit")
    return result


def _route(store_id: int, order_ids: Sequence[int], actor: Actor, result: Routed) -> None:
    # Whoever holds an order may want its timer, which we hold: leave that order for the next round.
    order_ids = lock_free_orders(order_ids)
    destinations = facts.destinations(order_ids)
    lines = facts.open_lines([d.order_id for d in destinations if not d.held])
    places = facts.places(store_id)
    policy = facts.active_policy(store_id)
    items = {line.item_id for group in lines.values() for line in group}
    special = shelves.specials(store_id, destinations, items)
    bundle_levels = _open_bundle_levels(store_id, special.recipes, places)
    doubts = facts.doubts(policy, items, special.recipes)
    for attempt in range(MOST_ATTEMPTS):
        stock = shelves.look(store_id, items, special)
        stock.level_ids |= bundle_levels
        batch = _decide(destinations, lines, places, policy, stock, doubts, actor)
        try:
            with transaction.atomic():
                _write(store_id, batch, actor)
        except Refused:
            # Another router promised some of these units since we looked: look again.
            if attempt + 1 == MOST_ATTEMPTS:
                raise
        else:
            result.routed += len(batch.placed)
            result.waiting += batch.waiting
            return


def _open_bundle_levels(
    store_id: int, recipes: dict[int, Recipe], places: dict[int, Place]
) -> dict[tuple[int, int], int]:
    """A bundle is promised from a level of its own, on which nothing is counted."""
    if not recipes:
        return {}
    return ledger.open_levels(
        (store_id, bundle_id, place.id)
        for bundle_id in recipes
        for place in places.values()
        if place.active
    )


def _decide(
    destinations: Sequence[Destination],
    lines: dict[int, list[OpenLine]],
    places: dict[int, Place],
    policy: Policy,
    stock: Shelves,
    doubts: facts.Doubts,
    actor: Actor,
) -> _Batch:
    """Plan every order of the batch against the same dwindling stock. Writes nothing."""
    batch = _Batch()
    for destination in destinations:
        wanted = lines.get(destination.order_id)
        if not wanted:
            # Held, cancelled or nothing left to place: releasing the hold starts a new timer.
            batch.finished.append(destination.order_id)
            continue
        seen = stock.seen_by(destination, wanted)

        def ask(
            free: shelves.Free, order: Destination = destination, lines: Sequence[OpenLine] = wanted
        ) -> tuple[Question, Plan]:
            question = facts.question(order, lines, places, free, doubts)
            return question, plan(question, policy.steps)

        question, answer = shelves.settle(seen, ask) if seen else ask(stock.free)
        batch.waiting += not answer.parcels
        if not answer.parcels and destination.waits_already:
            batch.postponed.append((destination.order_id, RETRY_SECONDS, destination.waits_for))
            continue
        _record(batch, destination, wanted, question, answer, policy, places, stock, actor)
        if seen and answer.parcels:
            batch.kept += [(k.reservation_id, k.quantity, k.holder) for k in seen.kept]
            batch.left_over |= seen.take(answer)
            continue
        items = {line.line_id: line.item_id for line in wanted}
        for parcel in answer.parcels:
            for line_id, quantity in parcel.units:
                stock.free[parcel.location_id][items[line_id]] -= quantity
    return batch


def _record(
    batch: _Batch,
    destination: Destination,
    wanted: Sequence[OpenLine],
    question: Question,
    answer: Plan,
    policy: Policy,
    places: dict[int, Place],
    stock: Shelves,
    actor: Actor,
) -> None:
    """Turn one plan into the rows it needs; ids come later."""
    order_id = destination.order_id
    items = {line.line_id: line.item_id for line in wanted}
    placed: dict[int, int] = {}
    for parcel in answer.parcels:
        batch.work.append((order_id, parcel.location_id))
        for line_id, quantity in parcel.units:
            batch.promises.append(
                stock.promise(destination, line_id, items[line_id], parcel.location_id, quantity)
            )
            batch.work_of.append(len(batch.work) - 1)
            placed[line_id] = placed.get(line_id, 0) + quantity
    for line in wanted:
        got = placed.get(line.line_id, 0)
        from_backorder = min(got, line.backordered)
        from_open = got - from_backorder
        rest = line.open - from_open if answer.served else 0
        batch.moves += [
            units.Move(line.line_id, source, target, quantity)
            for source, target, quantity in (
                ("backordered", "reserved", from_backorder),
                ("open", "reserved", from_open),
                ("open", "backordered", rest),
            )
            if quantity
        ]
        if (rest or from_backorder) and order_id not in batch.backorders[-1:]:
            batch.backorders.append(order_id)
    total = sum(placed.values())
    waiting = sum(quantity for _, quantity in answer.short)
    outcome = "routed" if not waiting else "partly" if total else "waits"
    reason = (
        "no free stock" if answer.served else f"no open location ships to {question.country or '?'}"
    )
    batch.decisions.append(
        (
            order_id,
            policy.version_id,
            outcome,
            len(answer.parcels),
            facts.stored(question),
            [[v.location_id, v.step, v.data] for v in answer.verdicts],
        )
    )
    batch.events.append(
        timeline.EventRow(
            destination.store_id,
            order_id,
            f"routing.{outcome}",
            actor,
            {
                "units": total,
                "waiting": waiting,
                "reason": reason,
                "places": " and ".join(places[p.location_id].name for p in answer.parcels),
            },
        )
    )
    if total:
        batch.placed.append(order_id)
    if waiting:
        batch.postponed.append((order_id, RETRY_SECONDS, reason))
    else:
        batch.finished.append(order_id)


def _write(store_id: int, batch: _Batch, actor: Actor) -> None:
    if batch.kept:
        reserved = reservations.hand_over(batch.kept, batch.promises, actor=actor)
    else:
        reserved = reservations.reserve(batch.promises, actor=actor)
    decision_ids = next_ids("routing_decision", len(batch.decisions))
    decision_of = {row[0]: id_ for id_, row in zip(decision_ids, batch.decisions, strict=True)}
    copy_in(
        "routing_decision",
        ("id", "store_id", "order_id", "version_id", "outcome", "parcels", "facts", "trace"),
        (
            (id_, store_id, *row[:4], json(row[4]), json(row[5]))
            for id_, row in zip(decision_ids, batch.decisions, strict=True)
        ),
    )
    _write_work(store_id, batch, reserved, decision_of)
    units.move(batch.moves)
    timeline.record_many(batch.events)
    timers.stop("route", batch.finished)
    timers.postpone(kind="route", waits=batch.postponed)
    wake_soon(store_id, batch.left_over)
    if batch.placed:
        execute(
            "UPDATE orders_order SET routed_at = now()"
            " WHERE id = ANY(%s::bigint[]) AND routed_at IS NULL",
            [batch.placed],
        )
        execute(
            """
            INSERT INTO core_timer (store_id, kind, subject_id, due_at)
            SELECT s.id, 'release', subject, now() + make_interval(mins => s.grace_minutes)
            FROM core_store s, unnest(%s::bigint[]) AS subject WHERE s.id = %s
            ON CONFLICT (kind, subject_id) DO NOTHING
            """,
            [batch.placed, store_id],
        )
    timers.start(store_id=store_id, kind="supply", subject_ids=batch.backorders)


def _write_work(
    store_id: int, batch: _Batch, reserved: Sequence[int], decision_of: dict[int, int]
) -> None:
    ids = next_ids("fulfillment_fulfillmentorder", len(batch.work))
    execute(
        """
        INSERT INTO fulfillment_fulfillmentorder
               (id, store_id, order_id, location_id, decision_id, code)
        SELECT t.id, %s, t.order_id, t.location_id, t.decision_id, l.code || '-' || t.id
        FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])
             AS t(id, order_id, location_id, decision_id)
        JOIN inventory_location l ON l.id = t.location_id
        """,
        [
            store_id,
            ids,
            [order_id for order_id, _ in batch.work],
            [location_id for _, location_id in batch.work],
            [decision_of[order_id] for order_id, _ in batch.work],
        ],
    )
    copy_in(
        "fulfillment_fulfillmentorderline",
        ("store_id", "fulfillment_order_id", "line_id", "reservation_id", "quantity"),
        (
            (store_id, ids[work], promise.line_id, reservation_id, promise.quantity)
            for promise, work, reservation_id in zip(
                batch.promises, batch.work_of, reserved, strict=True
            )
        ),
    )
    outbox.publish_many(
        [
            outbox.Publication(
                store_id, "fulfillment_order.assign", f"work:{id_}", order_id, {"work": id_}
            )
            for id_, (order_id, _) in zip(ids, batch.work, strict=True)
        ]
    )
