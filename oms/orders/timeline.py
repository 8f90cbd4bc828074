"""The timeline: every verb writes one event here, and this table turns it into a sentence.

To add a kind: a line in SENTENCES with the names of the data it needs. Data holds ids, codes and
numbers, never a customer's name or address, so that an erasure request edits no history.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from oms.core.actor import Actor
from oms.core.sql import execute, json
from oms.orders.models import Event

SENTENCES: dict[str, str] = {
    "order.placed": "Placed {name}",
    "order.imported": "Found by the gap check: {name}, no message had come",
    "order.changed": "Changed in Shopify: {changes}",
    "order.cancelled": "Cancelled in Shopify; {units} units given back",
    "order.units_cancelled": "{units} units cancelled: {reason}",
    "order.cancel_too_late": "Shopify cancelled {units} units that had already left",
    "order.item_mapped": "Line {position}: SKU {sku} is now known as {item}",
    "hold.placed": "Held: {reason}",
    "hold.released": "Hold released: {reason}",
    "payment.recorded": "{kind} of {amount} {currency}: {status}",
    "routing.routed": "{units} units to {places}",
    "routing.partly": "{units} units to {places}; {waiting} wait for stock",
    "routing.waits": "No location can ship {waiting} units: {reason}",
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


def sentence(event: Event) -> str:
    """The event in words. A kind or a fact that is no longer known is shown plainly."""
    template = SENTENCES.get(event.kind)
    if template is None:
        return f"{event.kind}: {event.data}"
    return template.format_map(_Facts(event.data))


class _Facts(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "?"
