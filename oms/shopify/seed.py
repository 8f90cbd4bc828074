"""Connecting a store: the rows a person would set up by hand, then the catalogue and its stock."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests

from inventory.models import Location
from oms.catalog.models import Item
from oms.core.models import Store
from oms.shopify import subscriptions, webhooks
from oms.shopify.client import client_for
from oms.shopify.documents import document
from oms.shopify.gids import number_of
from oms.shopify.models import Connection
from oms.shopify.pull import import_catalogue

SECONDS = 30


@dataclass(slots=True)
class Connected:
    """What connecting a store came to."""

    store: Store
    connection: Connection
    counts: dict[str, int]
    subscriptions: list[str]


def connect_local_store(
    *,
    url: str,
    webhook_address: str,
    handle: str = "",
    progress: Callable[[str], None] = lambda words: None,
) -> Connected:
    """Connect the local store at `url`: what it tells of itself at /sandbox/seed is taken over.

    Run again it follows the address and reads no goods. `webhook_address` is where the store
    reaches this installation, e.g. http://127.0.0.1:8000.
    """
    told = requests.get(f"{url.rstrip('/')}/sandbox/seed", timeout=SECONDS).json()
    connected = connect_store(
        base_url=url,
        shop_domain=told["shop"],
        access_token=told["access_token"],
        webhook_secret=told["client_secret"],
        webhook_address=webhook_address,
        handle=handle,
        progress=progress,
    )
    if connected.counts:
        _serve(connected.store, told["locations"])
    return connected


def connect_store(
    *,
    base_url: str,
    shop_domain: str,
    access_token: str,
    webhook_secret: str,
    webhook_address: str,
    handle: str = "",
    progress: Callable[[str], None] = lambda words: None,
) -> Connected:
    """Connect any Shopify store by its address, token and secret. Safe to run again."""
    handle = handle or shop_domain.partition(".")[0]
    store, _ = Store.objects.get_or_create(
        handle=handle, defaults={"name": handle, "currency": "XXX"}
    )
    connection, _ = Connection.objects.update_or_create(
        store=store,
        defaults={
            "shop_domain": shop_domain,
            "base_url": base_url,
            "access_token": access_token,
            "webhook_secret": webhook_secret,
            "active": True,
        },
    )
    webhooks.forget_doors()
    client = client_for(connection)
    shop = client.execute(document("shop")).data["shop"]
    store.name, store.currency = shop["name"], shop["currencyCode"]
    store.timezone = shop["ianaTimezone"]
    store.save(update_fields=["name", "currency", "timezone"])
    counts: dict[str, int] = {}
    if not Item.objects.filter(store=store).exists():
        # Once: what is new later comes by webhook, and stock by the check.
        progress("products, locations and stock")
        counts = import_catalogue(store, client)
    made = subscriptions.ensure(connection, address=webhook_address)
    return Connected(store, connection, counts, made)


def _serve(store: Store, told: list[dict[str, Any]]) -> None:
    """Countries served, which Shopify's API does not tell."""
    places = {place.remote_id: place for place in Location.objects.filter(store=store)}
    for row in told:
        place = places[number_of(row["id"])]
        place.ships_to = row["countries"]
        place.save(update_fields=["ships_to"])
