"""Refunds: units given up, money given back, and what the order suggests."""

from oms.shopify.sandbox import totals
from oms.shopify.sandbox.connections import connect
from oms.shopify.sandbox.errors import UnknownToSandbox, refuse
from oms.shopify.sandbox.fulfillment_order_actions import remove_units
from oms.shopify.sandbox.ids import gid, number_of
from oms.shopify.sandbox.lookup import find
from oms.shopify.sandbox.money import ZERO, bag, decimal_text, money_bag, rounded, total
from oms.shopify.sandbox.mutations import mutation
from oms.shopify.sandbox.order_create import add_transaction
from oms.shopify.sandbox.order_parts import find_transaction
from oms.shopify.sandbox.orders import order_of
from oms.shopify.sandbox.payments import in_both, pay_back
from oms.shopify.sandbox.registry import absent, empty_page, field, keys, node
from oms.shopify.sandbox.state import now_text
from oms.shopify.sandbox.stock import take_back, uncommit

node("Refund", legacy=True)
keys(
    "Refund",
    note="note",
    createdAt="created_at",
    updatedAt="created_at",
    processedAt="processed_at",
)
absent("Refund", "staffMember")
absent("Refund", "orderAdjustments", empty_page)
absent("Refund", "duties", list)


@field("Refund", "order")
def refund_order(refund, info):
    return order_of(refund, info)


@field("Refund", "return")
def refund_return(refund, info):
    return refund["return_id"] and info.context.store.get("Return", refund["return_id"])


@field("Refund", "totalRefundedSet")
def total_refunded(refund, info):
    order = order_of(refund, info)
    return money_bag(total(bag(t["amount"]) for t in transactions_of(order, refund)), order)


@field("Refund", "refundLineItems")
def refund_line_items(refund, info, **page):
    return connect(refund["lines"], **page)


@field("Refund", "refundShippingLines")
def refund_shipping_lines(refund, info, **page):
    rows = [refund] if bag(refund["shipping"]).shop else []
    return connect(rows, **page)


@field("Refund", "transactions")
def refund_transactions(refund, info, **page):
    return connect(transactions_of(order_of(refund, info), refund), **page)


def transactions_of(order, refund):
    return [each for each in order["transactions"] if each["id"] in refund["transaction_ids"]]


@field("RefundLineItem", "id")
def line_id(row, info):
    return gid("RefundLineItem", row["id"]) if row["id"] else None


keys("RefundLineItem", quantity="quantity", restockType="restock_type", restocked="restocked")


@field("RefundLineItem", "lineItem")
def line_item(row, info):
    order = order_of(row, info)
    return next(line for line in order["lines"] if line["id"] == row["line_id"])


@field("RefundLineItem", "location")
def location(row, info):
    return row["location_id"] and info.context.store.get("Location", row["location_id"])


@field("RefundLineItem", "subtotalSet")
def subtotal_set(row, info):
    return money_bag(bag(row["subtotal"]), order_of(row, info))


@field("RefundLineItem", "totalTaxSet")
def total_tax_set(row, info):
    return money_bag(bag(row["tax"]), order_of(row, info))


@field("RefundLineItem", "priceSet")
def price_set(row, info):
    order = order_of(row, info)
    return money_bag(totals.line_net(order, line_item(row, info), 1), order)


@field("RefundShippingLine", "id")
def shipping_line_id(refund, info):
    return gid("RefundShippingLine", refund["id"])


@field("RefundShippingLine", "shippingLine")
def shipping_line(refund, info):
    return order_of(refund, info)["shipping_lines"][0]


@field("RefundShippingLine", "subtotalAmountSet")
def shipping_subtotal(refund, info):
    return money_bag(bag(refund["shipping"]), order_of(refund, info))


@field("RefundShippingLine", "taxAmountSet")
def shipping_tax(refund, info):
    return money_bag(ZERO, order_of(refund, info))


@mutation("refundCreate")
def refund_create(context, input):
    store = context.store
    for name in ("refundDuties", "refundMethods", "discrepancyReason"):
        if input.get(name):
            raise UnknownToSandbox(f"RefundInput.{name}")
    order = find(store, "Order", input["orderId"])
    if order is None:
        refuse(["orderId"], "Order does not exist")
    rows = [
        checked_row(store, order, position, row)
        for position, row in enumerate(input.get("refundLineItems") or [])
    ]
    shipping = shipping_amount(order, input.get("shipping") or {})
    payments = [checked_payment(order, row) for row in input.get("transactions") or []]
    asked = total(value for _, value in payments)
    free = totals.received(order) - totals.refunded(order)
    if asked.presentment > free.presentment and not input.get("allowOverRefunding"):
        refuse(
            None,
            f"Refund amount {decimal_text(asked.presentment)} is greater than net payment "
            f"received {decimal_text(free.presentment)}",
        )
    refund = make_refund(
        context,
        order,
        rows,
        shipping,
        note=input.get("note"),
        processed_at=input.get("processedAt"),
    )
    for parent, value in payments:
        # The parent's gateway wins over the one that was sent.
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
    context.events.changed_order(order)
    return {"refund": refund, "order": order}


def checked_row(store, order, position, given):
    """(line, units, restock type, location id) of one RefundLineItemInput."""
    line = next(
        (
            each
            for each in order["lines"]
            if each["id"] == number_of(given["lineItemId"], "LineItem")
        ),
        None,
    )
    base = ["refundLineItems", str(position)]
    if line is None:
        refuse([*base, "lineItemId"], "Line item does not exist")
    if given["quantity"] < 1:
        refuse([*base, "quantity"], "Quantity must be greater than 0")
    if given["quantity"] > totals.current_quantity(line):
        refuse([*base, "quantity"], "Quantity cannot refund more items than were purchased")
    kind = given.get("restockType") or "NO_RESTOCK"
    location_id = (
        number_of(given.get("locationId"), "Location") if given.get("locationId") else None
    )
    if kind == "CANCEL" and given["quantity"] > totals.unfulfilled_quantity(line):
        refuse([*base, "quantity"], "Quantity cannot cancel more items than are unfulfilled")
    if location_id and store.get("Location", location_id) is None:
        refuse([*base, "locationId"], "Location does not exist")
    if kind in ("RETURN", "CANCEL") and location_id is None and line["variant_id"]:
        refuse([*base, "locationId"], "Location must be specified when restocking items")
    return line, given["quantity"], kind, location_id


def shipping_amount(order, given):
    left = totals.shipping(order) - totals.shipping_refunded(order)
    if given.get("fullRefund"):
        return left
    if given.get("amount") is None:
        return ZERO
    asked = rounded(given["amount"], order["presentment_currency"])
    if asked > left.presentment:
        refuse(
            ["shipping", "amount"], "Shipping refund amount is greater than the amount available"
        )
    return in_both(totals.shipping(order), asked, order)


def checked_payment(order, given):
    if given["kind"] != "REFUND":
        refuse(["transactions"], f"Transactions {given['kind'].lower()} is not allowed")
    parent = find_transaction(order, number_of(given.get("parentId"), "OrderTransaction"))
    if parent is None or parent["kind_of"] not in ("SALE", "CAPTURE"):
        refuse(["transactions"], "Transactions parent transaction does not exist")
    asked = rounded(given["amount"], order["presentment_currency"])
    return parent, in_both(bag(parent["amount"]), asked, order)


def make_refund(
    context,
    order,
    rows,
    shipping=ZERO,
    money=None,
    note=None,
    processed_at=None,
    return_id=None,
    stock_done=False,
):
    """The refund record, its effect on lines, work and stock, and money when asked for."""
    store = context.store
    moment = now_text()
    refund = {
        "kind": "Refund",
        "id": store.next_id(),
        "order_id": order["id"],
        "created_at": moment,
        "processed_at": processed_at or moment,
        "note": note,
        "return_id": return_id,
        "shipping": shipping.stored(),
        "lines": [],
        "transaction_ids": [],
    }
    for line, units, kind, location_id in rows:
        if not stock_done:
            restock(context, order, line, units, kind, location_id)
        tax = totals.share(order, totals.line_tax(line), units, line["quantity"])
        refund["lines"].append(
            {
                "id": store.next_id(),
                "order_id": order["id"],
                "line_id": line["id"],
                "quantity": units,
                "restock_type": kind,
                "restocked": kind in ("CANCEL", "RETURN"),
                "location_id": location_id,
                "subtotal": totals.line_net(order, line, units).stored(),
                "tax": tax.stored(),
            }
        )
        line["refunded"] += units
    order["refunds"].append(refund)
    if money is not None and money.shop > 0:
        refund["transaction_ids"] = [each["id"] for each in pay_back(context, order, money)]
    context.events.emit("refunds/create", refund)
    return refund


def restock(context, order, line, units, kind, location_id):
    """CANCEL takes unshipped units off the work; RETURN puts shipped ones on the shelf."""
    if kind == "CANCEL":
        taken = remove_units(context, order, line, units)
        line["removed"] += units
        for origin, quantity in taken:
            if order.get("claimed"):
                uncommit(context, line, origin, quantity)
    elif kind == "RETURN" and location_id:
        take_back(context, line, location_id, units)
