"""The timeline: every verb writes one event here, and this table turns it into a sentence.

To add a kind: a line in SENTENCES with the names of the data it needs. Data holds ids, codes and
numbers, never a customer's name or address, so that an erasure request edits no history.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from oms.core.actor import Actor
from oms.core.sql import execute, fetch, json
from oms.orders import words
from oms.orders.models import Event

SENTENCES: dict[str, str] = {
    "order.placed": "Placed {name}",
    "order.imported": "Found by the gap check: {name}, no message had come",
    "order.changed": "Changed in Shopify: {changes}",
    "order.cancelled": "Cancelled in Shopify; {units} units given back",
    "order.units_cancelled": "{units} units cancelled: {reason}",
    "order.cancel_too_late": "Shopify cancelled {units} units that had already left",
    "order.sold": "{units} units sold over the counter at {place}",
    "order.item_mapped": "Line {position}: SKU {sku} is now known as {item}",
    "hold.placed": "Held: {reason}",
    "hold.released": "Hold released: {reason}",
    "payment.recorded": "{kind} of {money} {outcome}",
    "routing.routed": "{units} units to {places}",
    "routing.partly": "{units} units to {places}; {waiting} wait for stock",
    "routing.asked": "Routing was asked to look again",
    "routing.waits": "No location can ship {waiting} units: {reason}",
    "stock.promised": "{units} units of {sku} promised for {day} from {number}",
    "stock.promise_slipped": "{units} units of {number} come on another day: {was} before, now"
    " {day}",
    "stock.promise_released": "{units} units have no promised day any more: {reason}",
    "stock.arrived": "{units} units arrived at {place} with {number} and are kept for this order",
    "stock.customer_told": "The customer was told: {units} units of {number} come {day}",
    "work.released": "{code} released to {place}: {units} units",
    "work.picking": "{place} started to pick {code}",
    "work.picked": "{place} picked {picked} of {asked} {sku}",
    "work.all_picked": "{place} picked all of {code}, {units} units",
    "work.short": "{place} found {found} of {asked} {sku}; {missing} will be routed again",
    "work.damaged": "{place} found {missing} of {asked} {sku} damaged; {missing} will be routed"
    " again",
    "work.wrong_item": "{place} found another item in place of {missing} of {asked} {sku};"
    " {missing} will be routed again",
    "work.lost_units": "{units} units lost and to be routed again: {reason}",
    "work.nothing_left": "{code} ended: nothing of it was left to ship",
    "work.packed": "{place} packed {code}, {units} units",
    "work.shipped": "{units} units left {place} with {parcels}",
    "work.withdrawn": "{units} units taken back from {place}: {reason}",
    "work.cancelled": "{code} given back by {place}: {reason}; {units} units will be routed again",
    "parcel.in_transit": "{carrier} {tracking} is on the road{at_place}",
    "parcel.out_for_delivery": "{carrier} {tracking} is out for delivery{at_place}",
    "parcel.delivered": "{carrier} {tracking} was delivered{at_place}",
    "parcel.failed": "{carrier} could not deliver {tracking}{at_place}",
    "parcel.returning": "{carrier} {tracking} is coming back{at_place}",
    "return.requested": "Return {number} asked for: {units} units",
    "return.approved": "Return {number} approved: {units} units may come back",
    "return.declined": "Return {number} declined: {reason}",
    "return.received": "Return {number}: {units} of {asked} units arrived at {place}",
    "return.received_extra": "Return {number}: {units} of {asked} units and {extra} that nobody"
    " asked for arrived at {place}",
    "return.inspected": "Return {number}: {units} x {sku} {disposition}, {place}",
    "return.closed": "Return {number} closed",
    "return.cancelled": "Return {number} cancelled: {reason}",
    "refund.proposed": "Refund of {money} proposed: {reason}",
    "refund.approved": "Refund of {money} approved",
    "refund.submitted": "Refund of {money} accepted by Shopify",
    "refund.failed": "Refund of {money} refused by Shopify: {reason}",
    "refund.cancelled": "Refund of {money} will not be made: {reason}",
    "refund.cancelled_units": "Refund of {money} for {units} cancelled units",
    "refund.outside": "Refund made outside Switchyard; {money} of it is owed by lines",
    "refund.accepted": "Refund made outside is accepted: {money} more is owed; {reason}",
    "exception.opened": "For a person to look at: {what}",
    "exception.closed": "No longer so: {what}",
}


@dataclass(slots=True)
class EventRow:
    """One event to be recorded; `request_key` makes a repeat quiet."""

    store_id: int
    order_id: int
    kind: str
    actor: Actor
    data: dict[str, Any] = field(default_factory=dict)
    request_key: str | None = None


def record(
    *,
    store_id: int,
    order_id: int,
    kind: str,
    actor: Actor,
    data: dict[str, Any] | None = None,
    request_key: str | None = None,
) -> None:
    """Record one event in the caller's transaction."""
    record_many([EventRow(store_id, order_id, kind, actor, data or {}, request_key)])


def record_many(events: Sequence[EventRow]) -> None:
    """Record many events with one statement."""
    if not events:
        return
    for event in events:
        if event.kind not in SENTENCES:
            raise ValueError(f"no sentence for event kind {event.kind}")
    execute(
        """
        INSERT INTO orders_event (store_id, order_id, kind, actor, data, request_key)
        SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::jsonb[],
                             %s::text[])
        ON CONFLICT DO NOTHING
        """,
        [
            [e.store_id for e in events],
            [e.order_id for e in events],
            [e.kind for e in events],
            [str(e.actor) for e in events],
            [json(e.data) for e in events],
            [e.request_key for e in events],
        ],
    )


def was_recorded(order_id: int, request_key: str | None) -> bool:
    """Whether a command with this key was done for this order; a command without one never was."""
    return request_key is not None and bool(
        fetch(
            "SELECT 1 FROM orders_event WHERE order_id = %s AND request_key = %s",
            [order_id, request_key],
        )
    )


def sentence(event: Event) -> str:
    """The event in words. A kind or a fact that is no longer known is shown plainly."""
    template = SENTENCES.get(event.kind)
    if template is None:
        return f"{event.kind}: {event.data}"
    facts = _Facts(event.data)
    if "amount" in facts and "currency" in facts:
        facts["money"] = words.money(Decimal(str(facts["amount"])), facts["currency"])
    if "status" in facts:
        facts["outcome"] = _OUTCOMES.get(facts["status"], f"is {facts['status']}")
    return _ONE_UNIT.sub(r"1 \1unit", template.format_map(facts))


_OUTCOMES = {"success": "went through", "failure": "failed", "error": "failed"}
_ONE_UNIT = re.compile(r"\b1 (cancelled )?units\b")


class _Facts(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "?"
