"""Returns: request, approve, decline, create, process, close, reopen, cancel."""

from oms.shopify.sandbox import totals
from oms.shopify.sandbox.errors import UnknownToSandbox, refuse
from oms.shopify.sandbox.ids import number_of
from oms.shopify.sandbox.lookup import find
from oms.shopify.sandbox.money import ZERO, Bag, rounded
from oms.shopify.sandbox.mutations import mutation
from oms.shopify.sandbox.order_create import add_transaction
from oms.shopify.sandbox.order_parts import find_transaction
from oms.shopify.sandbox.refunds import make_refund
from oms.shopify.sandbox.return_views import REASONS, returnable_units
from oms.shopify.sandbox.reverse_logistics import dispose, open_reverse_order
from oms.shopify.sandbox.state import now_text

NOTE_LENGTH = 500


def required_return(store, gid, field):
    doc = find(store, "Return", gid)
    if doc is None:
        refuse(field, "Return not found.", "NOT_FOUND")
    return doc


@mutation("returnRequest")
def return_request(context, input):
    doc = make_return(context, input, "REQUESTED", "input")
    context.events.emit("returns/request", doc)
    return {"return": doc}


@mutation("returnCreate")
def return_create(context, returnInput):
    if returnInput.get("exchangeLineItems"):
        raise UnknownToSandbox("ReturnInput.exchangeLineItems")
    doc = make_return(context, returnInput, "OPEN", "returnInput")
    open_reverse_order(context, doc)
    order = context.store.get("Order", doc["order_id"])
    order["closed_at"] = None  # a return takes an order out of the archive
    context.events.emit("returns/approve", doc)
    context.events.changed_order(order)
    return {"return": doc}


def make_return(context, given, status, argument):
    store = context.store
    if given.get("returnShippingFee"):
        raise UnknownToSandbox("ReturnInput.returnShippingFee")
    order = find(store, "Order", given["orderId"])
    if order is None:
        refuse([argument, "orderId"], "Order not found.", "NOT_FOUND")
    free = {
        line["id"]: [line, units]
        for _, lines in returnable_units(store, order)
        for line, units in lines
    }
    rows = given["returnLineItems"]
    if not rows:
        refuse([argument, "returnLineItems"], "Return line items can't be blank.", "BLANK")
    doc = store.add(
        "Return",
        order_id=order["id"],
        name=f"{order['name']}-R{len(store.where('Return', 'order_id', order['id'])) + 1}",
        status=status,
        closed_at=None,
        approved_at=now_text() if status == "OPEN" else None,
        decline=None,
        lines=[],
    )
    for position, row in enumerate(rows):
        doc["lines"].append(
            return_line(store, doc, row, free, [argument, "returnLineItems", str(position)])
        )
    store.save(doc, touch=False)
    context.events.changed_order(order)
    return doc


def return_line(store, doc, row, free, base):
    if row.get("restockingFee"):
        raise UnknownToSandbox("ReturnLineItemInput.restockingFee")
    number = number_of(row["fulfillmentLineItemId"], "FulfillmentLineItem")
    if number not in free:
        refuse([*base, "fulfillmentLineItemId"], "Fulfillment line item not found.", "NOT_FOUND")
    part = free[number]
    if not 0 < row["quantity"] <= part[1]:
        refuse([*base, "quantity"], "Return line item has an invalid quantity.", "INVALID")
    part[1] -= row["quantity"]
    reason = row.get("returnReason")
    wanted = number_of(row.get("returnReasonDefinitionId") or "")
    if wanted:
        reason = next((name for name, each in REASONS.items() if each[0] == wanted), None)
        if reason is None:
            refuse(
                [*base, "returnReasonDefinitionId"],
                "Return reason definition not found.",
                "NOT_FOUND",
            )
    if reason is None:
        refuse([*base, "returnReason"], "A return reason must be provided.", "BLANK")
    return {
        "kind": "ReturnLineItem",
        "id": store.next_id(),
        "order_id": doc["order_id"],
        "return_id": doc["id"],
        "fulfillment_line_id": number,
        "line_id": part[0]["line_id"],
        "quantity": row["quantity"],
        "processed": 0,
        "refunded": 0,
        "reason": reason,
        "note": row.get("returnReasonNote") or "",
        "customer_note": row.get("customerNote"),
    }


@mutation("returnApproveRequest")
def return_approve_request(context, input):
    doc = required_return(context.store, input["id"], ["input", "id"])
    if doc["status"] != "REQUESTED":
        refuse(
            ["input", "id"],
            "Return is not approvable. Only returns with status REQUESTED can be approved.",
            "INVALID_STATE",
        )
    doc["approved_at"] = now_text()
    open_reverse_order(context, doc)
    return turn(context, doc, "OPEN", "returns/approve")


@mutation("returnDeclineRequest")
def return_decline_request(context, input):
    doc = required_return(context.store, input["id"], ["input", "id"])
    if doc["status"] == "DECLINED":
        refuse(["input", "id"], "The return is already declined.", "INVALID_STATE")
    if doc["status"] != "REQUESTED":
        refuse(
            ["input", "id"],
            "Return is not declinable. Only non-refunded returns with status REQUESTED can be "
            "declined.",
            "INVALID_STATE",
        )
    note = input.get("declineNote")
    if note and len(note) > NOTE_LENGTH:
        refuse(
            ["input", "declineNote"],
            "Decline note is too long (maximum is 500 characters)",
            "TOO_LONG",
        )
    doc["decline"] = {"reason": input["declineReason"], "note": note}
    return turn(context, doc, "DECLINED", "returns/decline")


@mutation("returnClose")
def return_close(context, id):
    return change_status(context, id, "CLOSED", ("OPEN",), "returns/close")


@mutation("returnReopen")
def return_reopen(context, id):
    return change_status(context, id, "OPEN", ("CLOSED",), "returns/reopen")


@mutation("returnCancel")
def return_cancel(context, id, notifyCustomer=False):
    doc = required_return(context.store, id, ["id"])
    if doc["status"] != "CANCELED" and (
        doc["status"] not in ("OPEN", "REQUESTED")
        or any(line["processed"] or line["refunded"] for line in doc["lines"])
    ):
        refuse(["id"], "Return is not cancelable.", "INVALID_STATE")
    for reverse in context.store.where("ReverseFulfillmentOrder", "return_id", doc["id"]):
        reverse["status"] = "CANCELED"
        context.store.save(reverse)
    return change_status(context, id, "CANCELED", ("OPEN", "REQUESTED"), "returns/cancel")


def change_status(context, gid, status, sources, topic):
    """Reaching the state a return is already in is a silent success."""
    doc = required_return(context.store, gid, ["id"])
    if doc["status"] == status:
        return {"return": doc}
    if doc["status"] not in sources:
        refuse(["id"], "Return status is invalid.", "INVALID_STATE")
    doc["closed_at"] = now_text() if status == "CLOSED" else None
    return turn(context, doc, status, topic)


def turn(context, doc, status, topic):
    doc["status"] = status
    context.store.save(doc)
    context.events.emit(topic, doc)
    context.events.changed_order(context.store.get("Order", doc["order_id"]))
    return {"return": doc}


@mutation("returnProcess")
def return_process(context, input):
    """Quantities processed, goods disposed of, money given back. The return stays OPEN."""
    store = context.store
    for name in ("exchangeLineItems", "refundDuties", "tipLineId"):
        if input.get(name):
            raise UnknownToSandbox(f"ReturnProcessInput.{name}")
    doc = required_return(store, input["returnId"], ["input", "returnId"])
    if doc["status"] != "OPEN":
        refuse(["input", "returnId"], "Return is not processable.", "INVALID_STATE")
    order = store.get("Order", doc["order_id"])
    lines = {line["id"]: line for line in order["lines"]}
    rows, disposals = [], []
    for position, row in enumerate(input.get("returnLineItems") or []):
        base = ["input", "returnLineItems", str(position)]
        part = next(
            (each for each in doc["lines"] if each["id"] == number_of(row["id"], "ReturnLineItem")),
            None,
        )
        if part is None:
            refuse([*base, "id"], "Return line item was not found.", "NOT_FOUND")
        if not 0 < row["quantity"] <= part["quantity"] - part["processed"]:
            refuse([*base, "quantity"], "Return line item has an invalid quantity.", "INVALID")
        part["processed"] += row["quantity"]
        given = row.get("dispositions") or []
        disposals += [(each, [*base, "dispositions", str(n)]) for n, each in enumerate(given)]
        rows.append((part, row["quantity"]))
    for each, base in disposals:
        dispose(context, [each], [base])
    give_back(context, input, doc, order, lines, rows)
    store.save(doc)
    context.events.emit("returns/process", doc)
    context.events.changed_order(order)
    return {"return": doc}


def give_back(context, given, doc, order, lines, rows):
    """A refund record of the processed units, with money when `issueRefund` names payments."""
    transfer = (given.get("financialTransfer") or {}).get("issueRefund")
    shipping = refund_shipping(order, given.get("refundShipping") or {})
    if transfer is None and not rows and not shipping.shop:
        return
    if (transfer or {}).get("refundMethods"):
        raise UnknownToSandbox("ReturnProcessRefundInput.refundMethods")
    refund = make_refund(
        context,
        order,
        [(lines[part["line_id"]], units, "RETURN", None) for part, units in rows],
        shipping,
        note=given.get("note"),
        return_id=doc["id"],
        stock_done=True,  # the dispositions said where the goods went
    )
    if transfer is None:
        return
    for part, units in rows:
        part["refunded"] += units
    free = totals.received(order) - totals.refunded(order)
    for position, row in enumerate(transfer["orderTransactions"]):
        base = ["input", "financialTransfer", "issueRefund", "orderTransactions", str(position)]
        parent = find_transaction(order, number_of(row["parentId"], "OrderTransaction"))
        if parent is None or parent["kind_of"] not in ("SALE", "CAPTURE"):
            refuse([*base, "parentId"], "Parent transaction not found.", "NOT_FOUND")
        amount = rounded(row["transactionAmount"]["amount"], order["currency"])
        if amount > free.shop and not transfer.get("allowOverRefunding"):
            refuse(base, "Refund amount exceeds the amount available to refund.", "INVALID")
        value = Bag(amount, amount)
        free = free - value
        made = add_transaction(
            context,
            order,
            "REFUND",
            value,
            parent["gateway"],
            parent_id=parent["id"],
            test=parent["test"],
        )
        refund["transaction_ids"].append(made["id"])


def refund_shipping(order, given):
    left = totals.shipping(order) - totals.shipping_refunded(order)
    if given.get("fullRefund"):
        return left
    if given.get("shippingRefundAmount"):
        amount = rounded(given["shippingRefundAmount"]["amount"], order["currency"])
        if amount > left.shop:
            refuse(
                ["input", "refundShipping"],
                "Shipping refund amount exceeds the amount available to refund.",
                "INVALID",
            )
        return Bag(amount, amount)
    return ZERO
