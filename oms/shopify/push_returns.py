"""Told to Shopify about returns: opened, approved, declined, called off, closed.

Each of them names a state, and Shopify is quiet about a state that is reached already; a return
that was created while its answer got lost is found again by its order lines.
"""

from collections.abc import Callable, Sequence
from typing import Any

from django.db import transaction

from oms.core import outbox
from oms.core.failpoints import failpoint
from oms.core.outbox import Intent
from oms.shopify.client import Client
from oms.shopify.documents import document
from oms.shopify.gids import gid, number_of
from oms.shopify.outcomes import CallFailed, Rejected
from oms.shopify.push import hold_one, settle
from returns.commands import record_remote
from returns.models import RMA

REACHED = {
    "return.approve": ("OPEN", "CLOSED"),
    "return.decline": ("DECLINED",),
    "return.cancel": ("CANCELED",),
    "return.close": ("CLOSED",),
}
LIVE = ("OPEN", "REQUESTED", "CLOSED")


def create_returns(client: Client, intents: Sequence[Intent]) -> None:
    """return.create: an approved return that began with us."""
    _each(client, intents, _create)


def change_returns(client: Client, intents: Sequence[Intent]) -> None:
    """return.approve, decline, cancel and close: bring Shopify's return to the state of ours."""
    _each(client, intents, _change)


def _each(
    client: Client, intents: Sequence[Intent], work: Callable[[Client, Intent, RMA], None]
) -> None:
    rmas = {
        rma.pk: rma
        for rma in RMA.objects.filter(pk__in=[i.params["rma_id"] for i in intents])
        .select_related("order")
        .prefetch_related("lines__line")
    }
    for intent in intents:
        try:
            work(client, intent, rmas[intent.params["rma_id"]])
        except CallFailed as failure:
            settle(intent, failure)


def _create(client: Client, intent: Intent, rma: RMA) -> None:
    if rma.remote_id:
        outbox.applied(intent, remote_id=gid("Return", rma.remote_id))
        return
    wanted = {line.line.remote_id: line.quantity for line in rma.lines.all()}
    if intent.was_unknown and (found := _find(client, rma, wanted)):
        _created(client, intent, rma, found, answer="found by its lines")
        return
    reasons = {line.line.remote_id: line.reason for line in rma.lines.all()}
    lines = []
    for fulfillment_line, order_line, quantity in _fulfilled_lines(client, rma, wanted):
        lines.append(
            {
                "fulfillmentLineItemId": fulfillment_line,
                "quantity": quantity,
                "returnReason": "OTHER",
                "returnReasonNote": reasons[order_line][:255] or "No reason given",
            }
        )
    body = {"orderId": gid("Order", rma.order.remote_id), "returnLineItems": lines}
    hold_one(intent)
    failpoint("shopify.return.before_send")
    payload = client.mutate(document("return_create"), {"return": body})
    failpoint("shopify.return.after_send")
    _created(client, intent, rma, payload["return"]["id"], request=body)


def _created(client: Client, intent: Intent, rma: RMA, remote_gid: str, **kept: Any) -> None:
    answer = client.execute(document("return_one"), {"id": remote_gid})
    remote_lines = {
        number_of(row["fulfillmentLineItem"]["lineItem"]["id"]): number_of(row["id"])
        for row in answer.data["return"]["returnLineItems"]["nodes"]
        if row.get("fulfillmentLineItem")
    }
    with transaction.atomic():
        if outbox.applied(intent, remote_id=remote_gid, **kept):
            record_remote(
                rma_id=rma.pk,
                remote_id=number_of(remote_gid),
                line_remote_ids={
                    line.line_id: remote_lines[line.line.remote_id]
                    for line in rma.lines.all()
                    if line.line.remote_id in remote_lines
                },
            )


def _find(client: Client, rma: RMA, wanted: dict[int, int]) -> str | None:
    """A live return of the same units that no other of our returns is."""
    answer = client.execute(document("order_returns"), {"id": gid("Order", rma.order.remote_id)})
    taken = set(rma.order.rmas.exclude(remote_id=None).values_list("remote_id", flat=True))
    for row in (answer.data["order"] or {"returns": {"nodes": []}})["returns"]["nodes"]:
        units: dict[int, int] = {}
        for line in row["returnLineItems"]["nodes"]:
            if line.get("fulfillmentLineItem"):
                line_id = number_of(line["fulfillmentLineItem"]["lineItem"]["id"])
                units[line_id] = units.get(line_id, 0) + line["quantity"]
        if row["status"] in LIVE and units == wanted and number_of(row["id"]) not in taken:
            return row["id"]
    return None


def _fulfilled_lines(
    client: Client, rma: RMA, wanted: dict[int, int]
) -> list[tuple[str, int, int]]:
    """Only units that Shopify saw leave can come back: (fulfillment line, order line, units)."""
    left = dict(wanted)
    found = []
    after = None
    while any(left.values()):
        answer = client.execute(
            document("returnable"), {"orderId": gid("Order", rma.order.remote_id), "after": after}
        )
        page = answer.data["returnableFulfillments"]
        for node in page["nodes"]:
            for row in node["returnableFulfillmentLineItems"]["nodes"]:
                line_id = number_of(row["fulfillmentLineItem"]["lineItem"]["id"])
                if units := min(left.get(line_id, 0), row["quantity"]):
                    found.append((row["fulfillmentLineItem"]["id"], line_id, units))
                    left[line_id] -= units
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    if missing := sum(left.values()):
        raise Rejected(f"Shopify lets {missing} units less come back than we agreed to.")
    return found


def _change(client: Client, intent: Intent, rma: RMA) -> None:
    if rma.remote_id is None:
        raise Rejected("Shopify was never told of the return itself.")
    remote_gid = gid("Return", rma.remote_id)
    answer = client.execute(document("return_one"), {"id": remote_gid})
    remote = answer.data["return"]
    if remote is None:
        raise Rejected("Shopify does not know the return.")
    if remote["status"] in REACHED[intent.topic]:
        outbox.applied(intent, remote_id=remote_gid, answer="already so")
        return
    if intent.topic == "return.decline":
        name, body = "return_decline", _declined(remote_gid, intent.params.get("reason", ""))
    elif intent.topic == "return.approve":
        name, body = "return_approve", {"input": {"id": remote_gid, "notifyCustomer": False}}
    elif intent.topic == "return.cancel":
        name, body = "return_cancel", {"id": remote_gid}
    else:
        name, body = "return_close", {"id": remote_gid}
    hold_one(intent)
    failpoint("shopify.return.before_send")
    client.mutate(document(name), body)
    failpoint("shopify.return.after_send")
    outbox.applied(intent, remote_id=remote_gid, request=body)


def _declined(remote_gid: str, reason: str) -> dict[str, Any]:
    return {
        "input": {
            "id": remote_gid,
            "declineReason": "OTHER",
            "declineNote": reason[:500],
            "notifyCustomer": False,
        }
    }
