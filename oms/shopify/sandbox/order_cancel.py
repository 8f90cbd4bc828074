"""orderCancel: checks at once, the work in a job a moment later."""

import uuid

from oms.shopify.sandbox import totals
from oms.shopify.sandbox.errors import UserErrors, user_error
from oms.shopify.sandbox.fulfillment_order_actions import remove_units
from oms.shopify.sandbox.lookup import find
from oms.shopify.sandbox.mutations import mutation
from oms.shopify.sandbox.payments import release
from oms.shopify.sandbox.refunds import make_refund
from oms.shopify.sandbox.shop import job_shown
from oms.shopify.sandbox.state import now_text
from oms.shopify.sandbox.stock import uncommit

NOTE_LENGTH = 255


@mutation("orderCancel")
def order_cancel(
    context,
    orderId,
    reason,
    restock,
    notifyCustomer=False,
    refund=None,
    refundMethod=None,
    staffNote=None,
):
    store = context.store
    order = find(store, "Order", orderId)
    if order is None:
        deny(["orderId"], "Order does not exist", "NOT_FOUND")
    if refund is not None and refundMethod is not None:
        deny(["refund"], "Refund and refundMethod cannot both be present.", "INVALID")
    if (refundMethod or {}).get("storeCreditRefund"):
        deny(["refundMethod"], "Store credit is not enabled for this shop", "INVALID")
    if staffNote and len(staffNote) > NOTE_LENGTH:
        deny(["staffNote"], "Staff note is too long (maximum is 255 characters)", "INVALID")
    if order["cancelled_at"] or order["jobs"]:
        deny(["orderId"], "Cannot cancel an order that has already been canceled", "INVALID")
    if any(
        each["status"] == "SUCCESS" for each in store.where("Fulfillment", "order_id", order["id"])
    ):
        deny(["orderId"], "Cannot cancel an order that has outstanding fulfillments", "INVALID")
    if any(
        each["status"] in ("OPEN", "REQUESTED")
        for each in store.where("Return", "order_id", order["id"])
    ):
        deny(["orderId"], "Cannot cancel an order that has returns", "INVALID")
    job = store.add(
        "Job",
        id=str(uuid.uuid4()),
        done=False,
        work="cancel",
        order_id=order["id"],
        reason=reason,
        restock=restock,
        note=staffNote,
        refund=bool(refund) or bool((refundMethod or {}).get("originalPaymentMethodsRefund")),
    )
    order["jobs"] += 1
    store.save(order, touch=False)
    return {"job": job_shown(job)}


def deny(field, message, code):
    """The same error twice: with a code in the new list, without in the old one."""
    raise UserErrors(
        user_error(field, message, code), userErrors=[user_error(field, message)], job=None
    )


def finish_cancel(context, job):
    """What the job does: money back, authorizations released, stock back, work closed."""
    store = context.store
    order = store.get("Order", job["order_id"])
    rows = []
    for line in order["lines"]:
        units = totals.unfulfilled_quantity(line)
        if units <= 0:
            continue
        taken = remove_units(context, order, line, units)
        if job["restock"] and order.get("claimed"):
            for location_id, quantity in taken:
                uncommit(context, line, location_id, quantity)
        location_id = taken[0][0] if taken and job["restock"] else None
        rows.append((line, units, "CANCEL" if job["restock"] else "NO_RESTOCK", location_id))
    for authorization, _ in totals.open_authorizations(order):
        release(context, order, authorization)
    money = totals.received(order) - totals.refunded(order)
    if rows:
        make_refund(
            context,
            order,
            rows,
            shipping=totals.shipping(order) - totals.shipping_refunded(order),
            money=money if job["refund"] else None,
            note=job["note"],
            stock_done=True,
        )
    for line, units, *_ in rows:
        line["removed"] += units
    moment = now_text()
    order["cancelled_at"] = order["closed_at"] = moment
    order["cancel_reason"], order["cancel_note"] = job["reason"], job["note"]
    job["done"] = True
    store.save(job)
    context.events.changed_order(order)
    context.events.emit("orders/cancelled", order)
