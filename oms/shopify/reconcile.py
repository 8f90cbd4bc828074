"""Nothing is believed to have arrived: orders are polled by their time of change, stock by count.

Both only find; what they find goes the same way in as everything else.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from inventory.commands import Count, set_on_hand
from inventory.models import Location
from oms.catalog.models import Item
from oms.core import streams
from oms.core.actor import SHOPIFY
from oms.core.clock import now
from oms.core.models import StreamMark
from oms.core.sql import fetch
from oms.shopify.client import Client, client_for
from oms.shopify.gids import number_of
from oms.shopify.models import Connection
from oms.shopify.outcomes import CallFailed
from oms.shopify.pull import ask_for_orders, pages, read_levels

ORDERS, STOCK = "orders", "stock"
# Windows overlap, because Shopify's search index lags behind its writes.
OVERLAP = timedelta(minutes=10)
FIRST_WINDOW = timedelta(days=60)
# Younger changes may still be on their way as a webhook.
GRACE = timedelta(seconds=90)
MOST_OPEN_GAPS = 1000
QUIET = timedelta(minutes=10)


def reconcile_all() -> int:
    """Poll the orders of every active store; return how many gaps were found."""
    found = 0
    for connection in Connection.objects.filter(active=True).select_related("store"):
        try:
            found += reconcile_orders(connection.store_id, client_for(connection))
        except CallFailed as failure:
            streams.failed(connection.store_id, ORDERS, failure.reason)
    return found


def check_all_stock() -> int:
    """Compare the stock of every active store; return how many levels were brought in line."""
    changed = 0
    for connection in Connection.objects.filter(active=True).select_related("store"):
        try:
            changed += check_stock(connection.store_id, client_for(connection))
        except CallFailed as failure:
            streams.failed(connection.store_id, STOCK, failure.reason)
    return changed


def reconcile_orders(store_id: int, client: Client) -> int:
    """Ask what changed since the last poll, and have fetched what we lack; return how many.

    Facts of the stream count what was looked at, found missing or old, and healed since.
    """
    mark = StreamMark.objects.filter(store_id=store_id, stream=ORDERS).first()
    held = mark.facts if mark else {}
    gaps: list[int] = held.get("open", [])
    until = now() - GRACE
    since = datetime.fromisoformat(mark.cursor) if mark and mark.cursor else now() - FIRST_WINDOW
    remote = _changed(client, since - OVERLAP)
    settled = {remote_id: at for remote_id, at in remote.items() if at <= until}
    ours = _known(store_id, [*settled, *gaps])

    still_open = [remote_id for remote_id in gaps if remote_id not in ours]
    missing = [remote_id for remote_id in settled if remote_id not in ours]
    old = [id_ for id_, at in settled.items() if id_ in ours and ours[id_] < at]
    ask_for_orders(store_id, [*missing, *old])
    facts = {
        "looked_at": held.get("looked_at", 0) + len(settled),
        "missing": held.get("missing", 0) + len(set(missing) - set(gaps)),
        "old": held.get("old", 0) + len(old),
        "healed": held.get("healed", 0) + len(gaps) - len(still_open),
        "open": sorted({*still_open, *missing})[:MOST_OPEN_GAPS],
    }
    streams.succeeded(store_id, ORDERS, cursor=until.isoformat(), facts=facts)
    return len(missing) + len(old)


def _changed(client: Client, since: datetime) -> dict[int, datetime]:
    query = f"updated_at:>='{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}'"
    return {
        number_of(row["id"]): datetime.fromisoformat(row["updatedAt"])
        for row in pages(client, "orders_changed", "orders", query=query)
    }


def _known(store_id: int, remote_ids: Sequence[int]) -> dict[int, datetime]:
    return dict(
        fetch(
            "SELECT remote_id, remote_updated_at FROM orders_order"
            " WHERE store_id = %s AND remote_id = ANY(%s::bigint[])",
            [store_id, list(remote_ids)],
        )
    )


def check_stock(store_id: int, client: Client) -> int:
    """Compare units on hand with Shopify's and take over what Shopify alone knows; how many levels.

    On hand, not available: an order that was placed and has not reached us yet lowers Shopify's
    available at once, its on hand only when it ships. Levels where something is under way are left
    for the next time: moved here within ten minutes, shipped and not told yet, or with a
    correction of ours not told yet. What then differs is the world: a sale at the till, a
    correction made in Shopify. It is let in, even below what is reserved.
    """
    items = dict(
        Item.objects.filter(store_id=store_id, tracked=True).values_list(
            "shopify_inventory_item_id", "pk"
        )
    )
    changed = 0
    for location in Location.objects.filter(store_id=store_id, remote_id__isnull=False):
        remote = {
            items[row.item]: row.on_hand
            for row in read_levels(client, location.remote_id or 0)
            if row.item in items
        }
        # Ours is read after theirs: what moved in between is not quiet any more.
        ours = _quiet_levels(location.pk)
        changed += set_on_hand(
            store_id=store_id,
            counts=[
                Count(item_id, location.pk, on_hand)
                for item_id, on_hand in remote.items()
                if item_id in ours and ours[item_id] != on_hand
            ],
            cause="sync",
            document="shopify:stock-check",
            actor=SHOPIFY,
        )
    streams.succeeded(store_id, STOCK, facts={"changed": changed})
    return changed


def _quiet_levels(location_id: int) -> dict[int, int]:
    """On hand by item, where nothing is under way between us and Shopify."""
    return dict(
        fetch(
            """
            SELECT v.item_id, v.on_hand FROM inventory_stocklevel v
            WHERE v.location_id = %s
              AND NOT EXISTS (SELECT 1 FROM inventory_stockentry e
                              WHERE e.level_id = v.id AND e.at > now() - %s)
              AND NOT EXISTS (SELECT 1 FROM core_outboxintent i
                              WHERE i.store_id = v.store_id AND i.topic = 'inventory.publish'
                                AND i.key = 'level:' || v.id
                                AND i.state IN ('waiting', 'sending', 'unknown'))
              AND NOT EXISTS (SELECT 1 FROM fulfillment_fulfillmentorder w
                              JOIN fulfillment_shipment s ON s.fulfillment_order_id = w.id
                              JOIN fulfillment_fulfillmentorderline l
                                   ON l.fulfillment_order_id = w.id
                              JOIN inventory_reservation r ON r.id = l.reservation_id
                              WHERE w.location_id = v.location_id AND s.remote_id IS NULL
                                AND r.level_id = v.id)
            """,
            [location_id, QUIET],
        )
    )
