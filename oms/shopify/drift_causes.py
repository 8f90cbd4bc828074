"""Why Shopify's stock and ours differ: what is under way, and what the evidence points to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from json import loads
from typing import Any

from inventory.drifts import ASK, WAIT, Finding
from inventory.shop_numbers import ShopNumbers
from oms.core.clock import now
from oms.core.sql import fetch, ints
from oms.shopify.remote_stock import RemoteLevel

NOT_TOLD = "not_told"
ANSWER_LOST = "answer_lost"
REFUSED = "refused"
SHIPMENT = "shipment_not_told"
MESSAGE = "message_missing"
TILL = "till_sale"
BUNDLE = "bundle"
LEFT_ANYWAY = "left_anyway"
FOREIGN = "foreign_write"
UNKNOWN = "unknown"
MOVED = "moved"


@dataclass(slots=True, frozen=True)
class UnderWay:
    """Something between us and Shopify that has not ended, and since when."""

    cause: str
    since: datetime
    is_young: bool
    facts: dict[str, Any]


def under_way(store_id: int, level_ids: Sequence[int], *, quiet: timedelta) -> dict[int, UnderWay]:
    """What is under way at these levels, the youngest of it first; quiet levels are absent."""
    found: dict[int, UnderWay] = {}
    if not level_ids:
        return found
    ids = ints(level_ids)
    for level_id, cause, since, facts in fetch(
        _UNDER_WAY, {"store": store_id, "ids": ids, "quiet": quiet}
    ):
        if level_id not in found or since > found[level_id].since:
            is_young = cause == MOVED or now() - since < quiet
            found[level_id] = UnderWay(cause, since, is_young, {cause: loads(facts)})
    return found


def waits(numbers: ShopNumbers, there: RemoteLevel, busy: UnderWay) -> Finding:
    """A difference that ends by itself, or with the write that is under way."""
    found = finding(numbers, there)
    found.cause, found.repair = busy.cause, WAIT
    found.evidence |= busy.facts | {"since": busy.since.isoformat()}
    return found


def finding(numbers: ShopNumbers, there: RemoteLevel) -> Finding:
    """Both sides of a level with all their numbers, not explained yet."""
    return Finding(
        store_id=numbers.store_id,
        level_id=numbers.id,
        ours=numbers.known + numbers.own,
        theirs=there.shelf,
        difference=there.shelf - numbers.expected,
        cause=UNKNOWN,
        repair=ASK,
        evidence={
            "there": {
                "available": there.available,
                "committed": there.committed,
                "reserved": there.reserved,
                "safety_stock": there.safety_stock,
                "damaged": there.damaged,
                "quality_control": there.quality_control,
                "incoming": there.incoming,
                "on_hand": there.on_hand,
            },
            "here": {
                "on_hand": numbers.on_hand,
                "promised": numbers.firm,
                "kept": {name: units for name, units in numbers.kept.items() if units},
                "not_told": numbers.own - numbers.told,
            },
            "basis": {"on_hand": numbers.on_hand, "told": numbers.told},
            "bundle": numbers.is_bundle,
            "changed_there_at": there.changed_at.isoformat() if there.changed_at else None,
        },
    )


def explain(
    store_id: int,
    findings: Sequence[Finding],
    ours: Mapping[int, ShopNumbers],
    seen: Mapping[int, RemoteLevel],
) -> None:
    """Name the likely cause of what somebody else changed, from what we have seen of them."""
    ((gaps, unread),) = fetch(_MESSAGES, {"store": store_id})
    history = {
        row[0]: row[1:] for row in fetch(_HISTORY, {"ids": ints(f.level_id for f in findings)})
    }
    for found in findings:
        told_at, incoming, sold_at, unheard = history[found.level_id]
        changed_at = seen[found.level_id].changed_at
        found.evidence |= {
            "orders_missing": gaps,
            "messages_unread": unread,
            "told_at": told_at.isoformat() if told_at else None,
            "sold_at_till_at": sold_at.isoformat() if sold_at else None,
            "left_unheard": unheard,
            "incoming_here": incoming,
        }
        if ours[found.level_id].is_bundle:
            found.cause = BUNDLE
        elif found.difference == unheard > 0:
            found.cause = LEFT_ANYWAY
        elif found.difference < 0 and (gaps or unread):
            found.cause = MESSAGE
        elif found.difference < 0 and sold_at is not None:
            found.cause = TILL
        elif changed_at is not None and (told_at is None or changed_at > told_at):
            found.cause = FOREIGN
        else:
            found.cause = UNKNOWN


def in_orders_elsewhere(there: Mapping[str, int], here: Mapping[str, Any]) -> int:
    """Units of orders that Shopify counts here and we do not: on their way, or placed elsewhere."""
    return there["committed"] - here["promised"]


# A reservation moves nothing on the shelf; what came or left may be on its way to Shopify, or from
# there to us. A refusal is under way until Shopify has had everything there was to tell.
_UNDER_WAY = """
SELECT e.level_id, 'moved', max(e.at), '{}'::jsonb::text
FROM inventory_stockentry e
WHERE e.level_id = ANY(%(ids)s::bigint[]) AND e.bucket = 'on_hand' AND e.at > now() - %(quiet)s
GROUP BY e.level_id
UNION ALL
SELECT v.id, CASE i.state WHEN 'unknown' THEN 'answer_lost' WHEN 'rejected' THEN 'refused'
                          ELSE 'not_told' END,
       coalesce(i.finished_at, i.created_at),
       jsonb_build_object('write', i.id, 'reason', left(i.reason, 200),
                          'attempts', i.attempts)::text
FROM core_outboxintent i
JOIN inventory_stocklevel v ON v.id = (i.params->>'level_id')::bigint
WHERE i.store_id = %(store)s AND i.topic = 'inventory.publish' AND v.id = ANY(%(ids)s::bigint[])
  AND (i.state IN ('waiting', 'sending', 'unknown')
       OR i.state = 'rejected' AND i.finished_at > coalesce(v.published_at, '-infinity'))
UNION ALL
SELECT r.level_id, 'shipment_not_told', max(s.shipped_at),
       jsonb_build_object('write', min(i.id), 'shipment', min(s.id),
                          'shipments', count(DISTINCT s.id))::text
FROM core_outboxintent i
JOIN fulfillment_shipment s ON s.id = (i.params->>'shipment_id')::bigint AND s.remote_id IS NULL
JOIN fulfillment_fulfillmentorderline l ON l.fulfillment_order_id = s.fulfillment_order_id
JOIN inventory_reservation r ON r.id = l.reservation_id
WHERE i.store_id = %(store)s AND i.topic = 'fulfillment.create'
  AND i.state IN ('waiting', 'sending', 'unknown', 'rejected')
  AND r.level_id = ANY(%(ids)s::bigint[])
GROUP BY r.level_id
"""
_MESSAGES = """
SELECT coalesce((SELECT jsonb_array_length(facts->'open') FROM core_streammark
                 WHERE store_id = %(store)s AND stream = 'orders'), 0),
       (SELECT count(*) FROM core_inboxmessage
        WHERE store_id = %(store)s AND state IN ('new', 'quarantined')
          AND (topic LIKE 'orders/%%' OR topic LIKE 'fulfillments/%%' OR topic LIKE 'refunds/%%'))
"""
# Of the level's own history: when it was last told, sold from at a till, and what left without
# Shopify ever hearing of it, because it had taken these units off the order by then.
_HISTORY = """
SELECT v.id, v.published_at, v.incoming, past.sold_at, coalesce(past.unheard, 0)::int
FROM inventory_stocklevel v
LEFT JOIN LATERAL (
    SELECT max(e.at) FILTER (WHERE e.cause = 'sale') AS sold_at,
           sum(-e.delta) FILTER (
               WHERE s.id IS NOT NULL AND e.at > coalesce(last.ended_at, '-infinity')) AS unheard
    FROM inventory_stockentry e
    LEFT JOIN fulfillment_shipment s ON e.cause = 'ship' AND s.remote_id IS NULL
                                    AND e.document = 'shipment:' || s.id
    LEFT JOIN LATERAL (
        SELECT max(d.ended_at) AS ended_at FROM inventory_drift d
        WHERE d.level_id = v.id AND d.cause = 'left_anyway'
    ) last ON true
    WHERE e.level_id = v.id AND e.bucket = 'on_hand' AND e.cause IN ('sale', 'ship')
      AND e.at > now() - interval '90 days'
) past ON true
WHERE v.id = ANY(%(ids)s::bigint[])
"""
