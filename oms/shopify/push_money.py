"""Told to Shopify about money and the end of orders: refunds and cancellations."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.db import transaction

from oms.core import outbox
from oms.core.actor import SHOPIFY
from oms.core.failpoints import failpoint
from oms.core.outbox import Intent
from oms.core.sql import fetch
from oms.shopify.client import Client
from oms.shopify.documents import document
from oms.shopify.gids import gid, number_of
from oms.shopify.outcomes import CallFailed, OutcomeUnknown, Rejected
from oms.shopify.push import backoff_seconds, hold_one, settle
from returns.models import Refund
from returns.refunds import mark_failed, mark_submitted
from returns.settlement import note_of

CANCEL_CHECK_SECONDS = 3.0
# Each of these asks once more when a cancellation was accepted and never took place.
CANCEL_ASKS_EVERY = 8
FAILED_BEFORE = "previous attempt with this idempotency key failed"
RUNNING = "idempotency key is already being processed"


def create_refunds(client: Client, intents: Sequence[Intent]) -> None:
    """refund.create: give the money back over the payments it came from.

    Two nets against paying twice: Shopify's idempotency key, and our key in the refund's note,
    which is looked for when an answer was lost, however long ago.
    """
    refunds = Refund.objects.select_related("order").prefetch_related("lines__line")
    found = refunds.in_bulk([i.params["refund_id"] for i in intents])
    for intent in intents:
        refund = found[intent.params["refund_id"]]
        if refund.remote_id:
            outbox.applied(intent, remote_id=gid("Refund", refund.remote_id))
        elif refund.state != Refund.State.APPROVED:
            outbox.superseded(intent, reason="The refund is no longer to be made.")
        else:
            try:
                _create_refund(client, intent, refund)
            except Rejected as failure:
                with transaction.atomic():
                    if outbox.rejected(intent, reason=failure.reason):
                        mark_failed(refund_id=refund.pk, reason=failure.reason, actor=SHOPIFY)
            except CallFailed as failure:
                settle(intent, failure)


def _create_refund(client: Client, intent: Intent, refund: Refund) -> None:
    order_gid = gid("Order", refund.order.remote_id)
    order = client.execute(document("order_refunds"), {"id": order_gid}).data["order"]
    if order is None:
        raise Rejected("Shopify does not know the order.")
    if intent.was_unknown:
        for row in order["refunds"]:
            if (row["note"] or "").endswith(note_of(refund)):
                _refunded(intent, refund, row["id"], answer="found by its note")
                return
    if order["currencyCode"] != order["presentmentCurrencyCode"]:
        raise Rejected(
            f"The customer paid in {order['presentmentCurrencyCode']}; make this refund in Shopify."
        )
    body = {
        "orderId": order_gid,
        "note": note_of(refund),
        "notify": False,
        "refundLineItems": _refund_lines(refund),
        "transactions": transactions_for(refund.owed, order_gid, order["transactions"]),
    }
    if refund.shipping:
        body["shipping"] = {"amount": format(refund.shipping, "f")}
    hold_one(intent)
    failpoint("shopify.refund.before_send")
    payload = _keyed(client, intent, body)
    failpoint("shopify.refund.after_send")
    _refunded(intent, refund, payload["refund"]["id"], request=body)


def _refund_lines(refund: Refund) -> list[dict[str, Any]]:
    rows = []
    for line in refund.lines.all():
        row: dict[str, Any] = {
            "lineItemId": gid("LineItem", line.line.remote_id),
            "quantity": line.quantity,
            # What came back is told by inventory.publish: stock has one door, here as well.
            "restockType": "NO_RESTOCK",
        }
        if refund.origin == Refund.Origin.CANCEL:
            # Takes the units off the work that is left, back to where they are sold from.
            row["restockType"] = "CANCEL"
            row["locationId"] = gid("Location", _place_of(refund.store_id, line.line_id))
        rows.append(row)
    return rows


def _place_of(store_id: int, line_id: int) -> int:
    """The location that last worked on a line, else any: Shopify wants one named."""
    rows = fetch(
        """
        SELECT l.remote_id FROM inventory_location l
        LEFT JOIN fulfillment_fulfillmentorder w ON w.location_id = l.id
        LEFT JOIN fulfillment_fulfillmentorderline wl
               ON wl.fulfillment_order_id = w.id AND wl.line_id = %s
        WHERE l.store_id = %s AND l.remote_id IS NOT NULL
        ORDER BY wl.id DESC NULLS LAST, l.active DESC, l.id LIMIT 1
        """,
        [line_id, store_id],
    )
    if not rows:
        raise Rejected("No location of this store is known to Shopify.")
    return rows[0][0]


def _keyed(client: Client, intent: Intent, body: dict[str, Any]) -> dict[str, Any]:
    key = intent.idempotency_key
    try:
        return client.mutate(document("refund_create"), {"input": body, "key": key})
    except Rejected as failure:
        # The user errors of this mutation have no code, so the words must do.
        if RUNNING in failure.reason:
            raise OutcomeUnknown("The first attempt at this refund still runs.") from None
        if FAILED_BEFORE not in failure.reason:
            raise
    # An attempt under this key is known to have failed, e.g. before a person sent it again.
    another = f"{key}/{intent.attempts}"
    return client.mutate(document("refund_create"), {"input": body, "key": another})


def transactions_for(
    amount: Decimal, order_gid: str, transactions: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Spread an amount over the payments that still hold money, the newest first."""
    left: dict[str, Decimal] = {}
    gateways: dict[str, str] = {}
    for row in transactions:
        if row["status"] == "SUCCESS" and row["kind"] in ("SALE", "CAPTURE"):
            left[row["id"]] = Decimal(row["amountSet"]["shopMoney"]["amount"])
            gateways[row["id"]] = row["gateway"]
    for row in transactions:
        parent = (row["parentTransaction"] or {}).get("id")
        if row["kind"] == "REFUND" and row["status"] in ("SUCCESS", "PENDING") and parent in left:
            left[parent] -= Decimal(row["amountSet"]["shopMoney"]["amount"])
    rows = []
    missing = amount
    for parent in sorted(left, key=number_of, reverse=True):
        part = min(missing, left[parent])
        if part > 0:
            rows.append(
                {
                    "orderId": order_gid,
                    "parentId": parent,
                    "gateway": gateways[parent],
                    "kind": "REFUND",
                    "amount": format(part, "f"),
                }
            )
            missing -= part
    if missing > 0:
        raise Rejected(f"The payments of the order hold {missing} less than is to be given back.")
    return rows


def _refunded(intent: Intent, refund: Refund, remote_gid: str, **kept: Any) -> None:
    with transaction.atomic():
        if outbox.applied(intent, remote_id=remote_gid, **kept):
            mark_submitted(refund_id=refund.pk, remote_id=number_of(remote_gid), actor=SHOPIFY)


def cancel_orders(client: Client, intents: Sequence[Intent]) -> None:
    """order.cancel: Shopify accepts it and does it later, so it is applied when it shows."""
    remote_ids: dict[int | None, int] = dict(
        fetch(
            "SELECT id, remote_id FROM orders_order WHERE id = ANY(%s::bigint[])",
            [[i.order_id for i in intents]],
        )
    )
    for intent in intents:
        order_gid = gid("Order", remote_ids[intent.order_id])
        try:
            order = client.execute(document("order_state"), {"id": order_gid}).data["order"]
            if order is None:
                outbox.rejected(intent, reason="Shopify does not know the order.")
            elif order["cancelledAt"]:
                outbox.applied(intent, remote_id=order_gid, answer=order)
            elif (intent.attempts - 1) % CANCEL_ASKS_EVERY:
                _wait_for_cancel(intent, "Shopify is cancelling the order.")
            else:
                _ask_to_cancel(client, intent, order_gid)
        except CallFailed as failure:
            settle(intent, failure)


def _ask_to_cancel(client: Client, intent: Intent, order_gid: str) -> None:
    body = {
        "id": order_gid,
        "reason": intent.params.get("reason", "OTHER"),
        "restock": True,
        "refundMethod": (
            {"originalPaymentMethodsRefund": True} if intent.params.get("refund") else None
        ),
        "staffNote": str(intent.params.get("note", ""))[:255],
    }
    hold_one(intent)
    failpoint("shopify.cancel.before_send")
    payload = client.mutate(document("order_cancel"), body)
    failpoint("shopify.cancel.after_send")
    _wait_for_cancel(intent, f"Accepted as {payload['job']['id']}.", request=body)


def _wait_for_cancel(intent: Intent, reason: str, **kept: Any) -> None:
    if intent.attempts > 4 * CANCEL_ASKS_EVERY:
        outbox.rejected(intent, reason="Shopify accepted the cancellation and did not do it.")
    else:
        wait = max(CANCEL_CHECK_SECONDS, backoff_seconds(intent))
        outbox.unknown(intent, reason=reason, retry_in_seconds=wait, **kept)
