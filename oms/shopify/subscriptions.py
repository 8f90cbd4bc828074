"""Webhook subscriptions: Shopify deletes them after an outage, so they are listed and mended."""

from collections.abc import Sequence

from oms.core import streams
from oms.shopify import topics
from oms.shopify.client import Client, client_for
from oms.shopify.documents import document
from oms.shopify.models import Connection
from oms.shopify.outcomes import CallFailed, Rejected
from oms.shopify.pull import pages
from oms.shopify.webhooks import PREFIX

STREAM = "subscriptions"
TAKEN = "already been taken"


def ensure(connection: Connection, *, address: str) -> list[str]:
    """Create the subscriptions that are missing; return their topics.

    `address` is where Shopify reaches us, e.g. https://oms.example.com; it is kept with the
    connection's stream mark, so that `mend` can do the same later without being told.
    """
    uri = f"{address.rstrip('/')}{PREFIX}{connection.store.handle}/"
    client = client_for(connection)
    made = _create_missing(client, topics.subscribed(), uri)
    streams.succeeded(connection.store_id, STREAM, cursor=address, facts={"made_last": made})
    return made


def mend() -> int:
    """For every active store that was connected before: create again what is missing."""
    count = 0
    for connection in Connection.objects.filter(active=True).select_related("store"):
        address = streams.cursor(connection.store_id, STREAM)
        if not address:
            continue
        try:
            count += len(ensure(connection, address=address))
        except CallFailed as failure:
            streams.failed(connection.store_id, STREAM, failure.reason)
    return count


def existing(client: Client, uri: str) -> set[str]:
    """Topics that are sent to this address."""
    rows = pages(client, "webhook_subscriptions", "webhookSubscriptions")
    return {row["topic"] for row in rows if row["uri"] == uri}


def _create_missing(client: Client, wanted: Sequence[str], uri: str) -> list[str]:
    here = existing(client, uri)
    made = []
    for topic in wanted:
        if topic in here:
            continue
        try:
            client.mutate(
                document("webhook_subscription_create"),
                {"topic": topic, "subscription": {"uri": uri, "format": "JSON"}},
            )
        except Rejected as failure:
            # Somebody else made it since we looked.
            if TAKEN not in failure.reason:
                raise
        else:
            made.append(topic)
    return made
