"""Nothing is believed to have arrived: orders are polled by their time of change.

This only finds; what it finds goes the same way in as everything else. Stock: drift.py.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from oms.core import streams
from oms.core.clock import now
from oms.core.models import StreamMark
from oms.core.sql import fetch
from oms.shopify.client import Client, client_for
from oms.shopify.gids import number_of
from oms.shopify.models import Connection
from oms.shopify.outcomes import CallFailed
from oms.shopify.pull import ask_for_orders, pages

ORDERS = "orders"
# Windows overlap, because Shopify's search index lags behind its writes.
OVERLAP = timedelta(minutes=10)
FIRST_WINDOW = timedelta(days=60)
# Younger changes may still be on their way as a webhook.
GRACE = timedelta(seconds=90)
MOST_OPEN_GAPS = 1000


def reconcile_all() -> int:
    """Poll the orders of every active store; return how many gaps were found."""
    found = 0
    for connection in Connection.objects.filter(active=True).select_related("store"):
        try:
            found += reconcile_orders(connection.store_id, client_for(connection))
        except CallFailed as failure:
            streams.failed(connection.store_id, ORDERS, failure.reason)
    return found


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
