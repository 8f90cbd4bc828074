"""Holding, releasing, cancelling and opening fulfillment orders, and reporting progress."""

from oms.shopify.sandbox.assigning import add_fulfillment_order
from oms.shopify.sandbox.errors import refuse
from oms.shopify.sandbox.fulfillment_order_moves import (
    close,
    detach,
    requested_units,
    touch_order,
)
from oms.shopify.sandbox.fulfillment_orders import HOLDS_PER_APP, line_of, units_left
from oms.shopify.sandbox.ids import number_of
from oms.shopify.sandbox.lookup import find
from oms.shopify.sandbox.mutations import mutation
from oms.shopify.sandbox.registry import plain

HANDLE_LENGTH = 64
plain("FulfillmentOrderSplitResult", "fulfillmentOrder remainingFulfillmentOrder")
plain("FulfillmentOrderSplitResult", "replacementFulfillmentOrder")
plain("FulfillmentOrderMergeResult", "fulfillmentOrder")


def required(store, gid, code="FULFILLMENT_ORDER_NOT_FOUND"):
    fulfillment_order = find(store, "FulfillmentOrder", gid)
    if fulfillment_order is None:
        refuse(["id"], "Fulfillment order does not exist.", code)
    return fulfillment_order


@mutation("fulfillmentOrderHold")
def fulfillment_order_hold(context, id, fulfillmentHold):
    store = context.store
    fulfillment_order = required(store, id)
    given = fulfillmentHold.get("fulfillmentOrderLineItems") or []
    handle = fulfillmentHold.get("handle") or ""
    if len(handle) > HANDLE_LENGTH:
        refuse(["fulfillmentHold", "handle"], "Handle is too long (maximum is 64 characters)")
    for index, row in enumerate(given):
        if row["quantity"] < 1:
            refuse(
                ["fulfillmentHold", "fulfillmentOrderLineItems", str(index), "quantity"],
                "You must select at least one item to place on partial hold.",
                "GREATER_THAN_ZERO",
            )
    listed = ["fulfillmentHold", "fulfillmentOrderLineItems"]
    if len({row["id"] for row in given}) < len(given):
        refuse(
            listed, "must contain unique line item ids", "DUPLICATED_FULFILLMENT_ORDER_LINE_ITEMS"
        )
    if given and fulfillment_order["holds"]:
        refuse(
            listed,
            "The fulfillment order is not in a splittable state.",
            "FULFILLMENT_ORDER_NOT_SPLITTABLE",
        )
    if fulfillment_order["status"] not in ("OPEN", "IN_PROGRESS", "ON_HOLD", "SCHEDULED"):
        refuse(["id"], "The fulfillment order is not in a holdable state.", "TAKEN")
    if any(hold["handle"] == handle for hold in fulfillment_order["holds"]):
        refuse(
            ["fulfillmentHold", "handle"],
            "The handle provided for the fulfillment hold is already in use by this app for "
            "another hold on this fulfillment order.",
            "DUPLICATE_FULFILLMENT_HOLD_HANDLE",
        )
    if len(fulfillment_order["holds"]) >= HOLDS_PER_APP:
        refuse(
            ["id"],
            "The maximum number of fulfillment holds for this fulfillment order has been reached "
            "for this app. An app can only have up to 10 holds on a single fulfillment order at "
            "any one time.",
            "FULFILLMENT_ORDER_HOLD_LIMIT_REACHED",
        )
    remaining = keep_back(context, fulfillment_order, given) if given else None
    hold = {
        "kind": "FulfillmentHold",
        "id": store.next_id(),
        "reason": fulfillmentHold["reason"],
        "notes": fulfillmentHold.get("reasonNotes"),
        "handle": handle,
    }
    fulfillment_order["holds"].append(hold)
    fulfillment_order["status"] = "ON_HOLD"
    fulfillment_order["progress"] = False
    store.save(fulfillment_order)
    context.events.emit(
        "fulfillment_orders/placed_on_hold", fulfillment_order, hold=hold, remaining=remaining
    )
    context.events.emit("fulfillment_holds/added", fulfillment_order, hold=hold)
    touch_order(context, fulfillment_order)
    return {
        "fulfillmentHold": hold,
        "fulfillmentOrder": fulfillment_order,
        "remainingFulfillmentOrder": remaining,
    }


def keep_back(context, fulfillment_order, given):
    """A partial hold: what is not held goes to a new fulfillment order."""
    units = requested_units(fulfillment_order, given)
    held = {part["id"]: quantity for part, quantity in units}
    rest = [
        (part, part["remaining"] - held.get(part["id"], 0))
        for part in fulfillment_order["lines"]
        if part["remaining"] > held.get(part["id"], 0)
    ]
    return (
        detach(context, fulfillment_order, rest, fulfillment_order["location_id"]) if rest else None
    )


@mutation("fulfillmentOrderReleaseHold")
def fulfillment_order_release_hold(context, id, holdIds=None, externalId=None):
    """Without holdIds every hold goes, whoever placed it."""
    store = context.store
    fulfillment_order = required(store, id)
    wanted = {number_of(each, "FulfillmentHold") for each in holdIds} if holdIds else None
    released = [
        hold for hold in fulfillment_order["holds"] if wanted is None or hold["id"] in wanted
    ]
    fulfillment_order["holds"] = [
        hold for hold in fulfillment_order["holds"] if hold not in released
    ]
    if fulfillment_order["status"] == "ON_HOLD" and not fulfillment_order["holds"]:
        fulfillment_order["status"] = "OPEN"
        context.events.emit("fulfillment_orders/hold_released", fulfillment_order)
    store.save(fulfillment_order)
    for hold in released:
        context.events.emit("fulfillment_holds/released", fulfillment_order, hold=hold)
    touch_order(context, fulfillment_order)
    return {"fulfillmentOrder": fulfillment_order}


@mutation("fulfillmentOrderCancel")
def fulfillment_order_cancel(context, id):
    """Closes it and gives a replacement with the remaining units: demand is not cancelled."""
    store = context.store
    fulfillment_order = required(store, id, None)
    if fulfillment_order["progress"]:
        refuse(
            ["id"],
            "Cannot cancel a fulfillment order that has had progress reported.",
            "FULFILLMENT_ORDER_HAS_MANUALLY_REPORTED_PROGRESS",
        )
    if fulfillment_order["status"] not in ("OPEN", "ON_HOLD", "SCHEDULED"):
        refuse(None, "Fulfillment order is not in cancelable request state and can't be canceled.")
    order = store.get("Order", fulfillment_order["order_id"])
    left = [
        (line_of(store, part), part["remaining"])
        for part in fulfillment_order["lines"]
        if part["remaining"]
    ]
    replacement = add_fulfillment_order(context, order, fulfillment_order["location_id"], left)
    fulfillment_order["lines"] = [
        part for part in fulfillment_order["lines"] if part["remaining"] < part["total"]
    ]
    for part in fulfillment_order["lines"]:
        part["total"] -= part["remaining"]
        part["remaining"] = 0
    fulfillment_order["holds"] = []
    close(store, fulfillment_order)
    context.events.emit("fulfillment_orders/cancelled", fulfillment_order, replacement=replacement)
    touch_order(context, fulfillment_order)
    return {"fulfillmentOrder": fulfillment_order, "replacementFulfillmentOrder": replacement}


@mutation("fulfillmentOrderReportProgress")
def fulfillment_order_report_progress(context, id, progressReport=None):
    fulfillment_order = required(context.store, id)
    before = fulfillment_order["status"]
    if before not in ("OPEN", "IN_PROGRESS"):
        refuse(
            None,
            "Cannot report progress on a fulfillment order in this state.",
            "FULFILLMENT_ORDER_STATUS_INVALID",
        )
    fulfillment_order["status"] = "IN_PROGRESS"
    fulfillment_order["progress"] = True
    context.store.save(fulfillment_order)
    context.events.emit(
        "fulfillment_orders/progress_reported",
        fulfillment_order,
        notes=(progressReport or {}).get("reasonNotes"),
        initial_status=before,
    )
    touch_order(context, fulfillment_order)
    return {"fulfillmentOrder": fulfillment_order}


@mutation("fulfillmentOrderOpen")
def fulfillment_order_open(context, id):
    """Opens a scheduled one early, or takes reported progress back."""
    fulfillment_order = required(context.store, id)
    status = fulfillment_order["status"]
    if status not in ("SCHEDULED", "IN_PROGRESS", "OPEN"):
        refuse(
            None,
            f"Expected fulfillment order status to be valid but it was {status.lower()}.",
        )
    if fulfillment_order["progress"]:
        context.events.emit(
            "fulfillment_orders/manually_reported_progress_stopped", fulfillment_order
        )
    fulfillment_order["status"] = "OPEN"
    fulfillment_order["progress"] = False
    context.store.save(fulfillment_order)
    touch_order(context, fulfillment_order)
    return {"fulfillmentOrder": fulfillment_order}


def remove_units(context, order, line, quantity):
    """Units of an order line that will never ship leave its open fulfillment orders.

    Gives back (location, units) as they were found, so that stock can follow.
    """
    taken = []
    for fulfillment_order in context.store.where("FulfillmentOrder", "order_id", order["id"]):
        if fulfillment_order["status"] in ("CLOSED", "CANCELLED"):
            continue
        for part in fulfillment_order["lines"]:
            if part["line_id"] != line["id"] or not part["remaining"] or not quantity:
                continue
            units = min(quantity, part["remaining"])
            part["remaining"] -= units
            part["total"] -= units
            quantity -= units
            taken.append((fulfillment_order["location_id"], units))
            fulfillment_order["lines"] = [
                each for each in fulfillment_order["lines"] if each["total"] > 0
            ]
            context.store.save(fulfillment_order)
        if not units_left(fulfillment_order):
            close(context.store, fulfillment_order)
    return taken
