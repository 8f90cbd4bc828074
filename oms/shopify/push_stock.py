"""Told to Shopify about stock: only what Shopify cannot know by itself.

Orders, moves and fulfillments change Shopify's numbers on their own, and some of those orders are
still on their way to us. So we never send a total of ours. We send what happened on our side
alone (counts, adjustments, goods that came back) as a change to the number Shopify has at that
moment, compared and set: if an order comes between, Shopify refuses and the number is read again.

`StockLevel.published` is how much of that has been told, as a sum over the level's entries;
what Shopify itself did, such as a restock with a refund made there, is not among them.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from json import loads

from inventory.models import StockLevel
from oms.core import outbox
from oms.core.failpoints import failpoint
from oms.core.outbox import Intent
from oms.core.sql import execute, fetch, json
from oms.shopify.client import Client
from oms.shopify.documents import document
from oms.shopify.gids import gid
from oms.shopify.outcomes import CallFailed, OutcomeUnknown, Rejected
from oms.shopify.push import settle

# What Shopify did itself or sees by itself; every other change is told.
KNOWN_CAUSES = ("opening", "sync", "ship", "sale")
STALE = "CHANGE_FROM_QUANTITY_STALE"
MOST_RACES = 10


@dataclass(slots=True, frozen=True)
class Level:
    """A stock level: where it is in Shopify, what was told, what is to be told."""

    id: int
    item: int | None
    location: int | None
    told: int
    own: int


@dataclass(slots=True, frozen=True)
class Step:
    """One compare-and-set, written down before it is sent: sent again, it is exactly the same."""

    before: int
    after: int
    available: int
    number: int


def publish_levels(client: Client, intents: Sequence[Intent]) -> None:
    """inventory.publish: params {"level_id": …}; whatever was not told yet is told."""
    for intent in intents:
        if _is_under_way(intent):
            outbox.retry(intent, reason="The change before this one runs.", retry_in_seconds=2)
            continue
        # Read only now: the change before this one may have ended a moment ago.
        level = _level(intent.params["level_id"])
        if level.item is None or level.location is None:
            outbox.rejected(intent, reason="Shopify does not know this item or location.")
            continue
        try:
            _publish(client, intent, level)
        except CallFailed as failure:
            settle(intent, failure)


def _publish(client: Client, intent: Intent, level: Level) -> None:
    told, number = level.told, 0
    if step := _step_under_way(intent):
        number = step.number
        # Sent as it was, its key makes it count once, whether it had arrived or not.
        if step.before == told and _send(client, intent, level, step):
            told = step.after
    while told != level.own:
        number += 1
        if number > MOST_RACES:
            raise Rejected("Somebody else changes this stock all the time.")
        step = Step(told, level.own, _available(client, level), number)
        _write_down(intent, step)
        if _send(client, intent, level, step):
            told = step.after
    outbox.applied(intent, answer={"told": told})


def _send(client: Client, intent: Intent, level: Level, step: Step) -> bool:
    """True when Shopify has it; False when its number had changed and nothing was written."""
    body = {
        "name": "available",
        "reason": "correction",
        "referenceDocumentUri": f"switchyard://stock-level/{level.id}/{step.after}",
        "quantities": [
            {
                "inventoryItemId": gid("InventoryItem", level.item or 0),
                "locationId": gid("Location", level.location or 0),
                "quantity": step.available + step.after - step.before,
                "changeFromQuantity": step.available,
            }
        ],
    }
    failpoint("shopify.stock.before_send")
    try:
        client.mutate(
            document("inventory_set"),
            {"input": body, "key": f"{intent.idempotency_key}/{step.number}"},
        )
    except Rejected as failure:
        if STALE in failure.codes:
            return False
        raise
    failpoint("shopify.stock.after_send")
    StockLevel.objects.filter(pk=level.id).update(published=step.after)
    return True


def _is_under_way(intent: Intent) -> bool:
    """Whether an earlier intent about the same level has not ended: two would tell it twice."""
    return bool(
        fetch(
            """
            SELECT 1 FROM core_outboxintent
            WHERE store_id = %s AND topic = %s AND key = %s AND id < %s
              AND state IN ('waiting', 'sending', 'unknown') LIMIT 1
            """,
            [intent.store_id, intent.topic, intent.key, intent.id],
        )
    )


def _available(client: Client, level: Level) -> int:
    answer = client.execute(
        document("inventory_level"),
        {
            "item": gid("InventoryItem", level.item or 0),
            "location": gid("Location", level.location or 0),
        },
    )
    remote = (answer.data["inventoryItem"] or {}).get("inventoryLevel")
    if remote is None:
        raise Rejected("Shopify does not stock this item at this location.")
    return next(q["quantity"] for q in remote["quantities"] if q["name"] == "available")


def _step_under_way(intent: Intent) -> Step | None:
    """The step of an attempt whose end nobody knows."""
    if not intent.was_unknown:
        return None
    [(request,)] = fetch("SELECT request FROM core_outboxintent WHERE id = %s", [intent.id])
    return Step(**loads(request)) if request else None


def _write_down(intent: Intent, step: Step) -> None:
    written = execute(
        """
        UPDATE core_outboxintent SET request = %s
        WHERE id = %s AND lease_token = %s AND state = 'sending'
        """,
        [json(asdict(step)), intent.id, intent.lease_token],
    )
    if not written:
        raise OutcomeUnknown("Somebody else has taken over.")


def _level(level_id: int) -> Level:
    [row] = fetch(
        """
        SELECT v.id, i.shopify_inventory_item_id, l.remote_id, coalesce(v.published, 0),
               coalesce((SELECT sum(e.delta) FROM inventory_stockentry e
                         WHERE e.level_id = v.id AND e.bucket = 'on_hand'
                           AND e.cause <> ALL(%s::text[])
                           AND e.actor NOT LIKE 'shopify:%%'), 0)::int
        FROM inventory_stocklevel v
        JOIN catalog_item i ON i.id = v.item_id
        JOIN inventory_location l ON l.id = v.location_id
        WHERE v.id = %s
        """,
        [list(KNOWN_CAUSES), level_id],
    )
    return Level(*row)
