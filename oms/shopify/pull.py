"""What we fetch ourselves: one order or return that a message spoke of, and the whole catalogue.

A fetched order goes into the inbox like one that was sent, so that there is one way in.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.db import transaction

from inventory import ledger
from inventory.ledger import Change
from inventory.models import Location
from oms.catalog.models import Item
from oms.core import outbox
from oms.core.actor import SHOPIFY
from oms.core.errors import Refused
from oms.core.models import Store
from oms.core.outbox import Intent
from oms.core.sql import execute, fetch
from oms.orders.models import Order, OrderLine
from oms.shopify.client import Client
from oms.shopify.documents import document
from oms.shopify.gids import gid, number_of
from oms.shopify.outcomes import CallFailed, Rejected
from oms.shopify.push import settle
from oms.shopify.remote_orders import read_money, read_order
from oms.shopify.remote_stock import RemoteLevel, read_levels
from returns import commands as returns

ORDER_FOUND = "switchyard/order_found"
# What Shopify adds to the name of a product that comes in one kind only.
NO_VARIANTS = " - Default Title"
GRAMS = {"GRAMS": 1, "KILOGRAMS": 1000, "OUNCES": 28.349523125, "POUNDS": 453.59237}


def fetch_orders(client: Client, intents: Sequence[Intent]) -> None:
    """order.fetch: params {"remote_id": …}; the order and its money come into the inbox."""
    for intent in intents:
        try:
            remote_id = intent.params["remote_id"]
            order = read_order(client, remote_id)
            if order is None:
                raise Rejected(f"Shopify knows no order {remote_id}.")
            transactions, refunds = read_money(client, remote_id)
        except CallFailed as failure:
            settle(intent, failure)
            continue
        with transaction.atomic():
            if outbox.applied(intent, remote_id=gid("Order", remote_id)):
                deliver(intent.store_id, order, transactions, refunds)


def deliver(
    store_id: int,
    order: dict[str, Any],
    transactions: Iterable[dict[str, Any]],
    refunds: Iterable[dict[str, Any]],
) -> int:
    """Put an order that we read into the inbox, each version of it once; how many rows are new."""
    rows = [(f"read:order:{order['id']}:{order['updated_at']}", ORDER_FOUND, order)]
    rows += [
        (f"read:transaction:{row['id']}:{row['status']}", "order_transactions/create", row)
        for row in transactions
    ]
    rows += [(f"read:refund:{row['id']}", "refunds/create", row) for row in refunds]
    return execute(
        """
        INSERT INTO core_inboxmessage (store_id, delivery_id, topic, body)
        SELECT %s, * FROM unnest(%s::text[], %s::text[], %s::bytea[])
        ON CONFLICT (store_id, delivery_id) DO NOTHING
        """,
        [
            store_id,
            [delivery for delivery, _, _ in rows],
            [topic for _, topic, _ in rows],
            [json.dumps(body).encode() for _, _, body in rows],
        ],
    )


def fetch_returns(client: Client, intents: Sequence[Intent]) -> None:
    """return.fetch: params {"remote_id": …}; our return takes the state of Shopify's."""
    for intent in intents:
        remote_gid = gid("Return", intent.params["remote_id"])
        try:
            remote = client.execute(document("return_one"), {"id": remote_gid}).data["return"]
            if remote is None:
                raise Rejected(f"Shopify knows no return {intent.params['remote_id']}.")
        except CallFailed as failure:
            settle(intent, failure)
            continue
        order_id = number_of(remote["order"]["id"])
        order = Order.objects.filter(store_id=intent.store_id, remote_id=order_id).first()
        if order is None:
            ask_for_orders(intent.store_id, [order_id])
            outbox.retry(intent, reason="Its order is being fetched.", retry_in_seconds=5)
            continue
        try:
            with transaction.atomic():
                if outbox.applied(intent, remote_id=remote_gid, answer=remote["status"]):
                    _take_in_return(order, remote)
        except Refused as refusal:
            outbox.rejected(intent, reason=refusal.sentence, answer=remote)


def ask_for_orders(store_id: int, remote_ids: Sequence[int]) -> None:
    """Have the push worker fetch orders that we do not know, or not in their newest version."""
    outbox.publish_many(
        [
            outbox.Publication(
                store_id,
                "order.fetch",
                f"order:{remote_id}",
                None,
                {"remote_id": remote_id},
                priority=20,
            )
            for remote_id in remote_ids
        ]
    )


def _take_in_return(order: Order, remote: dict[str, Any]) -> None:
    remote_id = number_of(remote["id"])
    rma = order.rmas.filter(remote_id=remote_id).first()
    if rma is None:
        lines = dict(OrderLine.objects.filter(order=order).values_list("remote_id", "pk"))
        asked: dict[int, returns.Asked] = {}
        for row in remote["returnLineItems"]["nodes"]:
            if not row.get("fulfillmentLineItem"):
                continue
            line_id = lines[number_of(row["fulfillmentLineItem"]["lineItem"]["id"])]
            held = asked.get(line_id)
            asked[line_id] = returns.Asked(
                line_id,
                row["quantity"] + (held.quantity if held else 0),
                reason=row["customerNote"] or row["returnReasonNote"],
                remote_id=number_of(row["id"]),
            )
        if not asked:
            return
        rma = returns.request(
            order_id=order.pk,
            lines=list(asked.values()),
            actor=SHOPIFY,
            remote_id=remote_id,
            number=remote["name"],
        )
    status = remote["status"]
    if status == "OPEN" and rma.state == rma.State.REQUESTED:
        returns.approve(rma_id=rma.pk, actor=SHOPIFY)
    elif status == "DECLINED" and rma.state == rma.State.REQUESTED:
        returns.decline(rma_id=rma.pk, reason="Declined in Shopify", actor=SHOPIFY)
    elif status == "CANCELED" and rma.state in (rma.State.REQUESTED, rma.State.APPROVED):
        returns.cancel(rma_id=rma.pk, reason="Called off in Shopify", actor=SHOPIFY)
    elif status == "CLOSED" and rma.state == rma.State.INSPECTED:
        returns.close(rma_id=rma.pk, actor=SHOPIFY)


def import_catalogue(store: Store, client: Client) -> dict[str, int]:
    """Locations, items and opening stock. Run again it adds what is new and changes no stock."""
    locations = import_locations(store, client)
    items = import_items(store, client)
    levels = import_levels(store, client)
    return {"locations": locations, "items": items, "levels": levels}


def import_locations(store: Store, client: Client) -> int:
    """Every location of the store; names and addresses follow Shopify, what it serves is ours."""
    count = 0
    for row in pages(client, "locations", "locations"):
        address = row["address"]
        street = (address["address1"], address["address2"])
        remote_id = number_of(row["id"])
        defaults = {
            "name": row["name"][:120],
            "address": ", ".join(part for part in street if part),
            "city": (address["city"] or "")[:120],
            "province": (address["provinceCode"] or "")[:64],
            "postal_code": (address["zip"] or "")[:32],
            "country": address["countryCode"] or "",
            "latitude": address["latitude"],
            "longitude": address["longitude"],
            "active": row["isActive"] and row["fulfillsOnlineOrders"],
        }
        Location.objects.update_or_create(
            store=store,
            remote_id=remote_id,
            defaults=defaults,
            create_defaults={**defaults, "code": _free_code(store, row["name"])},
        )
        count += 1
    return count


def import_items(store: Store, client: Client) -> int:
    """Every variant that has a SKU. One SKU on two variants is kept for the first of them."""
    rows: dict[str, dict[str, Any]] = {}
    for row in pages(client, "variants", "productVariants"):
        sku = (row["sku"] or "").strip()[:120]
        if sku and sku not in rows:
            rows[sku] = row
    held = set(Item.objects.filter(store=store).values_list("shopify_variant_id", flat=True)) | set(
        Item.objects.filter(store=store).values_list("sku", flat=True)
    )
    fresh = [
        Item(
            store=store,
            sku=sku,
            title=row["displayName"].removesuffix(NO_VARIANTS),
            barcode=(row["barcode"] or "")[:64],
            price=row["price"],
            weight_grams=_grams(row["inventoryItem"]),
            tracked=row["inventoryItem"]["tracked"],
            shopify_variant_id=number_of(row["id"]),
            shopify_inventory_item_id=number_of(row["inventoryItem"]["id"]),
        )
        for sku, row in rows.items()
        if sku not in held and number_of(row["id"]) not in held
    ]
    Item.objects.bulk_create(fresh, batch_size=1000)
    return len(fresh)


def import_levels(store: Store, client: Client) -> int:
    """Opening stock for levels that nobody has touched yet, through the ledger."""
    items = dict(Item.objects.filter(store=store).values_list("shopify_inventory_item_id", "pk"))
    touched = set(
        fetch(
            """
            SELECT v.item_id, v.location_id FROM inventory_stocklevel v
            WHERE v.store_id = %s AND EXISTS
                  (SELECT 1 FROM inventory_stockentry e WHERE e.level_id = v.id)
            """,
            [store.pk],
        )
    )
    count = 0
    for location in Location.objects.filter(store=store, remote_id__isnull=False):
        rows = {
            items[row.item]: row
            for row in read_levels(client, location.remote_id or 0)
            if row.item in items and (items[row.item], location.pk) not in touched
        }
        count += open_levels(store.pk, location.pk, rows)
    return count


@transaction.atomic
def open_levels(store_id: int, location_id: int, rows: Mapping[int, RemoteLevel]) -> int:
    """Opening stock of items, by item id, at a location; return how many levels have some.

    Safety stock in Shopify becomes ours: from now on it stands there as we have it here.
    """
    levels = ledger.open_levels((store_id, item_id, location_id) for item_id in rows)
    changes = [
        Change(levels[item_id, location_id], bucket, units, "opening", "shopify:import")
        for item_id, row in rows.items()
        for bucket, units in (
            ("on_hand", row.shelf),
            ("safety", max(row.safety_stock, 0)),
            ("damaged", max(row.damaged, 0)),
            ("quality", max(row.quality_control, 0)),
        )
    ]
    return len(ledger.post(changes, actor=SHOPIFY))


def pages(client: Client, name: str, root: str, **variables: Any) -> Iterator[dict[str, Any]]:
    """Every node of a connection, page by page."""
    after = None
    while True:
        answer = client.execute(document(name), {**variables, "after": after})
        page = answer.data[root]
        yield from page["nodes"]
        if not page["pageInfo"]["hasNextPage"]:
            return
        after = page["pageInfo"]["endCursor"]


def _grams(inventory_item: dict[str, Any]) -> int | None:
    weight = (inventory_item["measurement"] or {}).get("weight")
    if not weight or weight["unit"] not in GRAMS:
        return None
    return round(weight["value"] * GRAMS[weight["unit"]])


def _free_code(store: Store, name: str) -> str:
    """Three letters of the name, e.g. LEE for Leeds; with a number when they are taken."""
    letters = "".join(c for c in name.upper() if c.isascii() and c.isalnum())[:3] or "LOC"
    taken = set(Location.objects.filter(store=store).values_list("code", flat=True))
    number = 2
    code = letters
    while code in taken:
        code, number = f"{letters}{number}", number + 1
    return code
