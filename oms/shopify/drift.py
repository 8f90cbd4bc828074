"""Shopify's stock compared with ours, level by level: what differs is explained and repaired.

On hand is compared, never available: an order that was placed and has not reached us yet lowers
Shopify's available at once, and what stands on the shelf only when it ships. Where something is
under way between us and Shopify (moved here within ten minutes, a parcel or a change of ours not
told yet) the difference is left for the next time, or shown as waiting when it lasts.

What then differs, somebody else did in Shopify. Who is believed about the level decides: Shopify's
number is taken over, even below what is promised, or ours is told again. A difference that no sale,
count or delivery explains is left to a person.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta

from django.db import transaction

from inventory import authority, drifts, shop_numbers
from inventory.commands import set_safety
from inventory.drifts import Finding
from inventory.models import Location, StockLevel
from inventory.publishing import tell_levels
from inventory.shop_numbers import ShopNumbers
from oms.core import streams, timers
from oms.core.actor import SHOPIFY, SWITCHYARD
from oms.core.clock import now
from oms.core.errors import Refused
from oms.core.sql import fetch, ints
from oms.shopify import drift_causes
from oms.shopify.client import Client, client_for
from oms.shopify.models import Connection
from oms.shopify.outcomes import CallFailed
from oms.shopify.pull import open_levels
from oms.shopify.remote_stock import RemoteLevel, read_levels, read_some

STOCK = "stock"
QUIET = timedelta(minutes=10)
AT_ONCE = 500
READ_TOGETHER = 10
TRY_AGAIN = timedelta(minutes=1)

Facts = Counter[str]


def check_all() -> int:
    """Compare the stock of every active store; return how many levels were brought in line."""
    changed = 0
    for connection in Connection.objects.filter(active=True).select_related("store"):
        try:
            changed += check_stock(connection.store_id, client_for(connection))
        except CallFailed as failure:
            streams.failed(connection.store_id, STOCK, failure.reason)
    return changed


def check_stock(store_id: int, client: Client) -> int:
    """Compare every level of a store; return how many were brought in line."""
    facts: Facts = Counter()
    for location in Location.objects.filter(store_id=store_id, remote_id__isnull=False):
        seen = {row.item: row for row in read_levels(client, location.remote_id or 0)}
        levels = _levels_at(store_id, location.pk, seen)
        for start in range(0, len(levels), AT_ONCE):
            _compare(store_id, dict(levels[start : start + AT_ONCE]), facts)
    changed = facts["adopted"] + facts["published"]
    streams.succeeded(store_id, STOCK, facts={**facts, "changed": changed})
    return changed


def look_due(limit: int = 50) -> int:
    """Compare the levels that somebody wants looked at now; return how many."""
    with transaction.atomic():
        due = timers.claim(drifts.TIMER, limit)
        timers.stop(drifts.TIMER, [level_id for _, level_id in due])
    by_store: dict[int, list[int]] = {}
    for store_id, level_id in due:
        by_store.setdefault(store_id, []).append(level_id)
    for connection in Connection.objects.filter(active=True, store_id__in=by_store):
        level_ids = by_store[connection.store_id]
        try:
            look(connection.store_id, client_for(connection), level_ids)
        except CallFailed as failure:
            drifts.look_at(connection.store_id, level_ids, due_at=now() + TRY_AGAIN)
            streams.failed(connection.store_id, STOCK, failure.reason)
    return len(due)


def look(store_id: int, client: Client, level_ids: Sequence[int]) -> Facts:
    """Compare these levels. Those that still move are looked at again when they may be quiet."""
    places: dict[int, tuple[int, int]] = {
        level_id: (item, location) for level_id, item, location in fetch(_PLACES, [ints(level_ids)])
    }
    facts: Facts = Counter()
    for start in range(0, len(places), READ_TOGETHER):
        part = dict(list(places.items())[start : start + READ_TOGETHER])
        there = read_some(client, list(part.values()))
        moving = _compare(
            store_id,
            {level_id: there[place] for level_id, place in part.items() if place in there},
            facts,
        )
        drifts.look_at(store_id, moving, due_at=now() + QUIET)
    return facts


def _compare(store_id: int, seen: Mapping[int, RemoteLevel], facts: Facts) -> list[int]:
    """Compare what was read just now with ours; return the levels that move too much to say."""
    # Ours is read after theirs: what moved in between is not quiet any more.
    ours = shop_numbers.of_levels(store_id=store_id, level_ids=seen)
    differing = [
        id_
        for id_, numbers in ours.items()
        if seen[id_].shelf != numbers.known + numbers.own or _keeps_other(numbers, seen[id_])
    ]
    under_way = drift_causes.under_way(store_id, differing, quiet=QUIET)
    facts["looked_at"] += len(ours)
    facts["same"] += drifts.agree(set(ours) - set(differing), actor=SWITCHYARD)

    moving: list[int] = []
    waiting: list[Finding] = []
    foreign: list[Finding] = []
    untold: list[int] = []
    for id_ in differing:
        numbers, there, busy = ours[id_], seen[id_], under_way.get(id_)
        differs = there.shelf != numbers.expected
        if busy and busy.is_young:
            moving.append(id_)
        elif busy:
            waiting.append(drift_causes.waits(numbers, there, busy))
        elif differs:
            foreign.append(drift_causes.finding(numbers, there))
        else:
            untold.append(id_)
    facts["moving"] += len(moving)
    drifts.record(waiting)
    facts["waiting"] += len(waiting)
    _tell(store_id, untold, ours, seen, facts)
    _settle(store_id, foreign, ours, seen, facts)
    return moving


def _keeps_other(numbers: ShopNumbers, there: RemoteLevel) -> bool:
    wanted = numbers.keeps(free=there.free + numbers.own - numbers.told)
    return there.safety_stock != wanted


def _tell(
    store_id: int,
    level_ids: Sequence[int],
    ours: Mapping[int, ShopNumbers],
    seen: Mapping[int, RemoteLevel],
    facts: Facts,
) -> None:
    """What nobody asked to be told, or what somebody else keeps back there otherwise."""
    believed = authority.source_for("safety", level_ids)
    again = []
    for id_ in level_ids:
        numbers, there = ours[id_], seen[id_]
        if believed[id_] == authority.SHOPIFY and numbers.own == numbers.told:
            _follow_safety(store_id, numbers, there)
            facts["safety_adopted"] += 1
        else:
            again.append(id_)
    tell_levels(again)
    facts["told"] += len(again)
    drifts.agree(level_ids, actor=SWITCHYARD)


def _follow_safety(store_id: int, numbers: ShopNumbers, there: RemoteLevel) -> None:
    level = StockLevel.objects.get(pk=numbers.id)
    more = there.safety_stock - numbers.keeps(free=there.free)
    set_safety(
        store_id=store_id,
        safety=[(level.item_id, level.location_id, max(level.safety + more, 0))],
        document="shopify:stock-check",
        actor=SHOPIFY,
    )


def _settle(
    store_id: int,
    findings: Sequence[Finding],
    ours: Mapping[int, ShopNumbers],
    seen: Mapping[int, RemoteLevel],
    facts: Facts,
) -> None:
    """Bring in line what somebody else changed in Shopify, as who is believed says."""
    if not findings:
        return
    drift_causes.explain(store_id, findings, ours, seen)
    believed = authority.source_for("on_hand", [f.level_id for f in findings])
    for finding in findings:
        source = believed[finding.level_id]
        if finding.cause in (drift_causes.BUNDLE, drift_causes.LEFT_ANYWAY):
            # Only we can know: what its parts make, and that a parcel has left.
            source = authority.SWITCHYARD
        finding.evidence["believed"] = source
        with transaction.atomic():
            (drift_id,) = drifts.record([finding])
            if finding.is_absurd:
                facts["asked"] += 1
            else:
                facts[_repair(drift_id, source)] += 1


def _repair(drift_id: int, source: str) -> str:
    try:
        if source == authority.SHOPIFY:
            drifts.adopt(drift_id=drift_id, actor=SHOPIFY, why="Shopify is believed here")
            return drifts.ADOPTED
        drifts.publish(drift_id=drift_id, actor=SWITCHYARD, why=f"{source} is believed here")
        return drifts.PUBLISHED
    except Refused:
        # It moved while it was looked at: the next look says more.
        return "moving"


def _levels_at(
    store_id: int, location_id: int, seen: Mapping[int, RemoteLevel]
) -> list[tuple[int, RemoteLevel]]:
    """(level id, what Shopify has) of tracked items. Stock of one that is new there is taken in."""
    rows = fetch(_LEVELS_AT, [location_id, ints(seen)])
    fresh = {
        item_id: seen[item]
        for item_id, item, _, known in rows
        if not known and (seen[item].shelf or seen[item].safety_stock)
    }
    if fresh:
        open_levels(store_id, location_id, fresh)
    return [(level_id, seen[item]) for _, item, level_id, known in rows if known]


_LEVELS_AT = """
SELECT i.id, i.shopify_inventory_item_id, v.id,
       v.id IS NOT NULL AND EXISTS (SELECT 1 FROM inventory_stockentry e
                                    WHERE e.level_id = v.id AND e.bucket = 'on_hand')
FROM catalog_item i
LEFT JOIN inventory_stocklevel v ON v.item_id = i.id AND v.location_id = %s
WHERE i.tracked AND i.shopify_inventory_item_id = ANY(%s::bigint[])
ORDER BY i.id
"""
_PLACES = """
SELECT v.id, i.shopify_inventory_item_id, l.remote_id FROM inventory_stocklevel v
JOIN catalog_item i ON i.id = v.item_id
JOIN inventory_location l ON l.id = v.location_id
WHERE v.id = ANY(%s::bigint[]) AND i.tracked
  AND i.shopify_inventory_item_id IS NOT NULL AND l.remote_id IS NOT NULL
ORDER BY v.id
"""
