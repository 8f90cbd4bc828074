"""Told to Shopify about shipping: who ships what, what left with which tracking, where it is."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from oms.core import outbox
from oms.core.failpoints import failpoint
from oms.core.outbox import Intent
from oms.core.sql import execute, fetch
from oms.shopify import remote_work, work_facts
from oms.shopify.client import Client, payload_of
from oms.shopify.documents import document, repeated
from oms.shopify.gids import gid, number_of
from oms.shopify.outcomes import CallFailed, OutcomeUnknown, Rejected
from oms.shopify.push import backoff_seconds, hold, hold_one, settle
from oms.shopify.remote_work import Move, Part

# Shopify routes an order itself first; until then there is nothing to move or to fulfill.
MOST_WAITS = 8
WAITS_FOR_UNITS = 3
TAKEN_OFF = "Shopify took these units off the order before it heard that they left."

EVENT_STATUS = {
    "labelled": "LABEL_PRINTED",
    "in_transit": "IN_TRANSIT",
    "out_for_delivery": "OUT_FOR_DELIVERY",
    "delivered": "DELIVERED",
    "failed": "FAILURE",
}


def assign(client: Client, intents: Sequence[Intent]) -> None:
    """fulfillment_order.assign: move Shopify's units to the location we chose.

    It states where units shall be, so it can be said any number of times: what is already there
    is left alone, and an answer that was lost is simply read.
    """
    wanted = work_facts.wanted_by_order([i.params["work"] for i in intents])
    due = []
    for intent in intents:
        if intent.params["work"] in wanted:
            due.append(intent)
        else:
            outbox.superseded(intent, reason="The work was shipped or given back meanwhile.")
    if not due:
        return
    facts = {i.id: wanted[i.params["work"]] for i in due}
    orders = remote_work.read_orders(client, [f["order"] for f in facts.values()])
    planned: list[tuple[Intent, list[Move]]] = []
    for intent in due:
        fact = facts[intent.id]
        remote = orders.get(fact["order"])
        if remote is None or remote.cancelled:
            reason = "Shopify does not know the order" if remote is None else "It is cancelled"
            outbox.rejected(intent, reason=f"{reason}; nothing can be shipped.")
            continue
        moves = remote_work.moves_to(remote, fact["wanted"])
        if moves:
            planned.append((intent, moves))
        elif short := _short(remote, fact["location"], fact["wanted"][fact["location"]]):
            _wait_for_units(intent, short)
        else:
            _assigned(intent, remote, fact["location"])
    _send_moves(client, planned)


def _send_moves(client: Client, planned: Sequence[tuple[Intent, list[Move]]]) -> None:
    held = hold([intent for intent, _ in planned])
    planned = [(intent, moves) for intent, moves in planned if intent.id in held]
    rows = [(intent, move) for intent, moves in planned for move in moves]
    if not rows:
        return
    variables: dict[str, Any] = {}
    for place, (_, move) in enumerate(rows):
        variables[f"id_{place}"] = move.source
        variables[f"location_{place}"] = gid("Location", move.location)
        variables[f"lines_{place}"] = [{"id": id_, "quantity": q} for id_, q in move.lines]
    failpoint("shopify.assign.before_send")
    answer = client.execute(repeated("fulfillment_order_move", len(rows)), variables)
    failpoint("shopify.assign.after_send")
    moved: dict[int, str] = {}
    failed: dict[int, CallFailed] = {}
    for place, (intent, _) in enumerate(rows):
        try:
            payload = payload_of(answer, f"m{place}", answer.data.get(f"m{place}"))
            moved[intent.id] = payload["movedFulfillmentOrder"]["id"]
        except CallFailed as failure:
            failed[intent.id] = failure
    for intent, moves in planned:
        if problem := failed.get(intent.id):
            # The fulfillment order may have changed under us: read again before giving up.
            if isinstance(problem, Rejected) and intent.attempts < MOST_WAITS:
                wait = backoff_seconds(intent)
                outbox.retry(intent, reason=problem.reason, retry_in_seconds=wait)
            else:
                settle(intent, problem)
            continue
        request = [[m.source, m.location, m.lines] for m in moves]
        _note_assigned(intent, moved[intent.id], request=request)


def _assigned(intent: Intent, remote: remote_work.RemoteOrder, location: int) -> None:
    here = [work.id for work in remote.work if work.location == location]
    _note_assigned(intent, here[0], answer="already there")


def _note_assigned(intent: Intent, remote_gid: str, **kept: Any) -> None:
    with transaction.atomic():
        if outbox.applied(intent, remote_id=remote_gid, **kept):
            execute(
                """
                UPDATE fulfillment_fulfillmentorder
                SET remote_id = %s, remote_assigned_at = now() WHERE id = %s
                """,
                [number_of(remote_gid), intent.params["work"]],
            )


def _short(remote: remote_work.RemoteOrder, location: int, wanted: dict[int, int]) -> int:
    here = remote.units_at(location)
    return sum(max(0, units - here.get(line, 0)) for line, units in wanted.items())


def _wait_for_units(intent: Intent, short: int) -> None:
    reason = f"Shopify has {short} units less to ship than we want to."
    if intent.attempts < MOST_WAITS:
        outbox.retry(intent, reason=reason, retry_in_seconds=backoff_seconds(intent))
    else:
        outbox.rejected(intent, reason=reason)


def create_fulfillments(client: Client, intents: Sequence[Intent]) -> None:
    """fulfillment.create: what left, from where, with which tracking numbers.

    Shopify takes no key here, so a lost answer is looked for by our tracking number first.
    """
    shipments = work_facts.shipments([i.params["shipment_id"] for i in intents])
    due = []
    for intent in intents:
        shipment = shipments.get(intent.params["shipment_id"])
        if shipment is None:
            outbox.superseded(intent, reason="The shipment has nothing in it.")
        elif len(shipment["units"]) > remote_work.MOST_LINES:
            # Its id may be known already, by the echo of a part that was told before a worker died.
            _create_in_parts(client, intent, shipment)
        elif shipment["remote_id"]:
            outbox.applied(intent, remote_id=gid("Fulfillment", shipment["remote_id"]))
        elif intent.was_unknown and (found := _find_fulfillments(client, shipment)):
            _fulfilled(intent, found[0], answer="found by its tracking number")
        else:
            due.append(intent)
    if not due:
        return
    facts = {i.id: shipments[i.params["shipment_id"]] for i in due}
    orders = remote_work.read_orders(client, [f["order"] for f in facts.values()])
    ready: list[tuple[Intent, dict[str, Any]]] = []
    for intent in due:
        fact = facts[intent.id]
        remote = orders.get(fact["order"])
        if remote is None:
            outbox.rejected(intent, reason="Shopify does not know the order.")
            continue
        parts, short = remote_work.take_from(remote, fact["location"], fact["units"])
        if not short or (parts and _is_all_there_is(intent, remote, fact)):
            ready.append((intent, _fulfillment_input(fact, parts)))
        elif _is_all_there_is(intent, remote, fact):
            outbox.superseded(intent, reason=TAKEN_OFF)
        else:
            _bring_here(client, intent, remote, fact, sum(short.values()))
    _send_fulfillments(client, ready)


def _is_all_there_is(intent: Intent, remote: remote_work.RemoteOrder, fact: dict[str, Any]) -> bool:
    """The units left, but Shopify took them off the order meanwhile: nobody there has them.

    What it still knows is told; the queue shows the rest as cancelled after it was shipped.
    """
    known = Counter[int]()
    for work in remote.work:
        for line in work.lines:
            known[line.line] += line.remaining
    gone = any(known[line_id] < quantity for line_id, quantity in fact["units"].items())
    return gone and intent.attempts > WAITS_FOR_UNITS


def _send_fulfillments(client: Client, ready: Sequence[tuple[Intent, dict[str, Any]]]) -> None:
    held = hold([intent for intent, _ in ready])
    ready = [(intent, body) for intent, body in ready if intent.id in held]
    if not ready:
        return
    failpoint("shopify.fulfillment.before_send")
    answer = client.execute(
        repeated("fulfillment_create", len(ready)),
        {f"fulfillment_{place}": body for place, (_, body) in enumerate(ready)},
    )
    failpoint("shopify.fulfillment.after_send")
    for place, (intent, body) in enumerate(ready):
        try:
            payload = payload_of(answer, f"m{place}", answer.data.get(f"m{place}"))
            _fulfilled(intent, payload["fulfillment"]["id"], request=body)
        except CallFailed as failure:
            _settle_fulfillment(intent, failure)


def _settle_fulfillment(intent: Intent, failure: CallFailed) -> None:
    """The units may have been moved or taken off since they were read: read again before a person
    is asked."""
    if isinstance(failure, Rejected) and failure.permanent and intent.attempts <= WAITS_FOR_UNITS:
        outbox.retry(intent, reason=failure.reason, retry_in_seconds=backoff_seconds(intent))
    else:
        settle(intent, failure)


def _fulfilled(intent: Intent, remote_gid: str, **kept: Any) -> None:
    with transaction.atomic():
        if outbox.applied(intent, remote_id=remote_gid, **kept):
            execute(
                "UPDATE fulfillment_shipment SET remote_id = %s WHERE id = %s",
                [number_of(remote_gid), intent.params["shipment_id"]],
            )


def _create_in_parts(client: Client, intent: Intent, fact: dict[str, Any]) -> None:
    """A shipment of more lines than Shopify takes at once becomes several of its fulfillments.

    What they carry is read before each part, so it does not matter which answers were lost.
    """
    try:
        while True:
            told = _find_fulfillments(client, fact)
            left = Counter(fact["units"])
            for remote_gid in told:
                left.subtract(_units_of(client, remote_gid))
            wanted = {line: units for line, units in left.items() if units > 0}
            if not wanted:
                _fulfilled(intent, told[0], answer=told)
                return
            remote = remote_work.read_orders(client, [fact["order"]]).get(fact["order"])
            if remote is None:
                raise Rejected("Shopify does not know the order.")
            part = dict(sorted(wanted.items())[: remote_work.MOST_LINES])
            parts, short = remote_work.take_from(remote, fact["location"], part)
            if short:
                _bring_here(client, intent, remote, fact | {"units": part}, sum(short.values()))
                return
            body = _fulfillment_input(fact, parts)
            hold_one(intent)
            client.mutate(document("fulfillment_create"), {"fulfillment": body})
    except CallFailed as failure:
        _settle_fulfillment(intent, failure)


def _units_of(client: Client, remote_gid: str) -> dict[int, int]:
    answer = client.execute(document("fulfillment_lines"), {"id": remote_gid})
    units: Counter[int] = Counter()
    for row in answer.data["fulfillment"]["fulfillmentLineItems"]["nodes"]:
        units[number_of(row["lineItem"]["id"])] += row["quantity"]
    return units


def _find_fulfillments(client: Client, shipment: dict[str, Any]) -> list[str]:
    """Live fulfillments of the order that carry one of our tracking numbers, oldest first."""
    answer = client.execute(document("order_fulfillments"), {"id": gid("Order", shipment["order"])})
    ours = {number for number, _, _ in shipment["tracking"]}
    found = []
    for row in (answer.data["order"] or {}).get("fulfillments", []):
        numbers = {info["number"] for info in row["trackingInfo"]}
        if row["status"] != "CANCELLED" and ours & numbers:
            found.append(row["id"])
    return sorted(found, key=number_of)


def _bring_here(
    client: Client,
    intent: Intent,
    remote: remote_work.RemoteOrder,
    fact: dict[str, Any],
    short: int,
) -> None:
    """The goods left from where Shopify does not expect them: move the units, then try again."""
    moves = remote_work.moves_to(remote, {fact["location"]: fact["units"]})
    reason = f"Shopify has {short} units less to ship from there than left."
    if not moves and intent.attempts >= MOST_WAITS:
        outbox.rejected(intent, reason=reason)
        return
    for move in moves:
        lines = [{"id": id_, "quantity": quantity} for id_, quantity in move.lines]
        try:
            client.mutate(
                document("fulfillment_order_move"),
                {"id": move.source, "location": gid("Location", move.location), "lines": lines},
            )
        except OutcomeUnknown:
            break
        except CallFailed as failure:
            settle(intent, failure)
            return
    outbox.retry(intent, reason=reason, retry_in_seconds=0 if moves else backoff_seconds(intent))


def _fulfillment_input(fact: dict[str, Any], parts: Sequence[Part]) -> dict[str, Any]:
    numbers, companies, urls = zip(*fact["tracking"], strict=True)
    tracking: dict[str, Any] = {"company": companies[0], "numbers": list(numbers)}
    if all(urls):
        tracking["urls"] = list(urls)
    return {
        "lineItemsByFulfillmentOrder": [
            {
                "fulfillmentOrderId": work,
                "fulfillmentOrderLineItems": [{"id": id_, "quantity": q} for id_, q in lines],
            }
            for work, lines in parts
        ],
        "trackingInfo": tracking,
        "notifyCustomer": False,
    }


def create_events(client: Client, intents: Sequence[Intent]) -> None:
    """fulfillment_event.create: what a carrier told us about a parcel.

    Shopify takes no key here either; a lost answer is looked for by status and time.
    """
    remote_ids: dict[int, int | None] = dict(
        fetch(
            """
            SELECT p.id, s.remote_id FROM fulfillment_parcel p
            JOIN fulfillment_shipment s ON s.id = p.shipment_id WHERE p.id = ANY(%s::bigint[])
            """,
            [[i.params["parcel_id"] for i in intents]],
        )
    )
    ready: list[tuple[Intent, dict[str, Any]]] = []
    for intent in intents:
        fulfillment = remote_ids.get(intent.params["parcel_id"])
        status = EVENT_STATUS.get(intent.params["state"])
        if status is None:
            outbox.superseded(intent, reason="Shopify has no word for this state.")
        elif fulfillment is None:
            # The shipment's own intent comes first, so it ended without a fulfillment.
            outbox.superseded(intent, reason="Shopify was never told of the shipment itself.")
        else:
            event = {
                "fulfillmentId": gid("Fulfillment", fulfillment),
                "status": status,
                "happenedAt": intent.params["at"],
            }
            if intent.was_unknown and _has_event(client, event):
                outbox.applied(intent, answer="found by status and time")
            else:
                ready.append((intent, event))
    held = hold([intent for intent, _ in ready])
    ready = [(intent, event) for intent, event in ready if intent.id in held]
    if not ready:
        return
    failpoint("shopify.event.before_send")
    answer = client.execute(
        repeated("fulfillment_event_create", len(ready)),
        {f"event_{place}": event for place, (_, event) in enumerate(ready)},
    )
    failpoint("shopify.event.after_send")
    for place, (intent, event) in enumerate(ready):
        try:
            payload = payload_of(answer, f"m{place}", answer.data.get(f"m{place}"))
            outbox.applied(intent, remote_id=payload["fulfillmentEvent"]["id"], request=event)
        except CallFailed as failure:
            settle(intent, failure)


def _has_event(client: Client, event: dict[str, Any]) -> bool:
    answer = client.execute(document("fulfillment_events"), {"id": event["fulfillmentId"]})
    at = datetime.fromisoformat(event["happenedAt"])
    for row in ((answer.data["fulfillment"] or {}).get("events") or {}).get("nodes", []):
        # Shopify keeps whole seconds.
        seconds = abs((datetime.fromisoformat(row["happenedAt"]) - at).total_seconds())
        if row["status"] == event["status"] and seconds < 1:
            return True
    return False
