"""Payments on an order: capture, void, mark as paid; closing, opening and updating the order."""

from oms.shopify.sandbox import totals
from oms.shopify.sandbox.addresses import mailing_address
from oms.shopify.sandbox.errors import UnknownToSandbox, refuse
from oms.shopify.sandbox.ids import number_of
from oms.shopify.sandbox.lookup import find
from oms.shopify.sandbox.money import ZERO, Bag, bag, rounded
from oms.shopify.sandbox.mutations import mutation
from oms.shopify.sandbox.order_create import add_transaction
from oms.shopify.sandbox.order_parts import find_transaction
from oms.shopify.sandbox.state import now_text


def required_order(store, gid, field=("input", "id")):
    order = find(store, "Order", gid)
    if order is None:
        refuse(list(field), "Order does not exist")
    return order


@mutation("orderCapture")
def order_capture(context, input):
    order = required_order(context.store, input["id"])
    parent = find_transaction(order, number_of(input["parentTransactionId"], "OrderTransaction"))
    live = {each["id"]: left for each, left in totals.open_authorizations(order)}
    if parent is None or parent["id"] not in live:
        refuse(["parentTransactionId"], "Transaction does not exist")
    currency = order["presentment_currency"]
    if order["currency"] != currency and input.get("currency") is None:
        refuse(["currency"], "Currency must be provided for multi-currency orders")
    left = live[parent["id"]]
    asked = rounded(input["amount"], currency)
    if asked <= 0:
        refuse(["amount"], "Amount must be greater than zero")
    if asked > left.presentment:
        refuse(["amount"], "Amount exceeds the amount available to capture")
    value = in_both(left, asked, order)
    transaction = add_transaction(
        context,
        order,
        "CAPTURE",
        value,
        parent["gateway"],
        parent_id=parent["id"],
        test=parent["test"],
        final=True if input.get("finalCapture") is None else bool(input["finalCapture"]),
    )
    context.events.changed_order(order)
    if totals.financial_status(order) == "PAID":
        context.events.emit("orders/paid", order)
    return {"transaction": transaction}


def in_both(whole, presentment, order):
    """A presentment amount in both currencies, by the rate of the amount it is a part of."""
    if not whole.presentment or whole.shop == whole.presentment:
        return Bag(presentment, presentment)
    shop = rounded(whole.shop * presentment / whole.presentment, order["currency"])
    return Bag(shop, presentment)


@mutation("transactionVoid")
def transaction_void(context, parentTransactionId):
    number = number_of(parentTransactionId, "OrderTransaction")
    field = ["parentTransactionId"]
    order = next(
        (each for each in context.store.all("Order") if find_transaction(each, number)), None
    )
    if order is None:
        refuse(field, "Transaction does not exist", "TRANSACTION_NOT_FOUND")
    parent = find_transaction(order, number)
    if parent["kind_of"] != "AUTHORIZATION" or parent["status"] != "SUCCESS":
        refuse(
            field, "Parent transaction must be a successful authorization", "AUTH_NOT_SUCCESSFUL"
        )
    if parent["id"] not in {each["id"] for each, _ in totals.open_authorizations(order)}:
        refuse(
            field,
            "Parent transaction require a parent_id referring to a voidable transaction",
            "AUTH_NOT_VOIDABLE",
        )
    transaction = release(context, order, parent)
    context.events.changed_order(order)
    return {"transaction": transaction}


def release(context, order, authorization):
    """A VOID carries no money: its amount is 0.0."""
    return add_transaction(
        context,
        order,
        "VOID",
        ZERO,
        authorization["gateway"],
        parent_id=authorization["id"],
        test=authorization["test"],
    )


@mutation("orderMarkAsPaid")
def order_mark_as_paid(context, input):
    order = required_order(context.store, input["id"], ("id",))
    if totals.financial_status(order) not in (
        None,
        "PENDING",
        "AUTHORIZED",
        "PARTIALLY_PAID",
        "EXPIRED",
    ):
        refuse(["id"], "Order cannot be marked as paid.")
    for authorization, left in totals.open_authorizations(order):
        add_transaction(
            context,
            order,
            "CAPTURE",
            left,
            authorization["gateway"],
            parent_id=authorization["id"],
            test=authorization["test"],
        )
    owed = totals.outstanding(order)
    if owed.shop > 0:
        add_transaction(context, order, "SALE", owed, "manual", test=order["test"])
    context.events.changed_order(order)
    context.events.emit("orders/paid", order)
    return {"order": order}


@mutation("orderClose")
def order_close(context, input):
    order = required_order(context.store, input["id"], ("id",))
    if order["closed_at"] is None:
        order["closed_at"] = now_text()
        context.events.changed_order(order)
    return {"order": order}


@mutation("orderOpen")
def order_open(context, input):
    order = required_order(context.store, input["id"], ("id",))
    if order["closed_at"] is not None:
        order["closed_at"] = None
        context.events.changed_order(order)
    return {"order": order}


@mutation("orderUpdate")
def order_update(context, input):
    """Note, tags, attributes, e-mail, phone, PO number, shipping address. Tags are replaced."""
    for name in ("metafields", "localizedFields", "localizationExtensions"):
        if input.get(name):
            raise UnknownToSandbox(f"OrderInput.{name}")
    order = required_order(context.store, input["id"], ("id",))
    for given, stored in (("note", "note"), ("email", "email"), ("phone", "phone")):
        if given in input:
            order[stored] = input[given]
    if "poNumber" in input:
        order["po_number"] = input["poNumber"]
    if "tags" in input:
        order["tags"] = sorted(set(input["tags"] or []), key=str.lower)
    if "customAttributes" in input:
        order["attributes"] = input["customAttributes"] or []
    if input.get("shippingAddress"):
        order["shipping_address"] = mailing_address(context.store, input["shippingAddress"])
    context.events.changed_order(order)
    return {"order": order}


def pay_back(context, order, value):
    """REFUND transactions over the payments of an order, oldest first; what could not is left."""
    made = []
    for payment in [
        each for each in order["transactions"] if each["kind_of"] in ("SALE", "CAPTURE")
    ]:
        if payment["status"] != "SUCCESS" or value.shop <= 0:
            continue
        given = totals.total(
            bag(each["amount"])
            for each in order["transactions"]
            if each["parent_id"] == payment["id"] and each["kind_of"] == "REFUND"
        )
        free = bag(payment["amount"]) - given
        part = Bag(min(free.shop, value.shop), min(free.presentment, value.presentment))
        if part.shop <= 0:
            continue
        made.append(
            add_transaction(
                context,
                order,
                "REFUND",
                part,
                payment["gateway"],
                parent_id=payment["id"],
                test=payment["test"],
            )
        )
        value = value - part
    return made
