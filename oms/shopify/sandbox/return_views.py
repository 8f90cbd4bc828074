"""Returns and what may still be returned, as GraphQL shows them."""

from oms.shopify.sandbox.connections import connect
from oms.shopify.sandbox.fulfillment_orders import line_of
from oms.shopify.sandbox.ids import gid
from oms.shopify.sandbox.lookup import by_gid
from oms.shopify.sandbox.money import money_bag
from oms.shopify.sandbox.orders import order_of
from oms.shopify.sandbox.registry import absent, empty_page, field, keys, node, plain
from oms.shopify.sandbox.totals import line_net

# The library of reasons, in place of the deprecated enum.
REASONS = {
    "UNKNOWN": (1, "unknown", "Unknown"),
    "SIZE_TOO_SMALL": (2, "size-too-small", "Size was too small"),
    "SIZE_TOO_LARGE": (3, "size-too-large", "Size was too large"),
    "UNWANTED": (4, "unwanted", "Customer changed their mind"),
    "NOT_AS_DESCRIBED": (5, "not-as-described", "Item not as described"),
    "WRONG_ITEM": (6, "wrong-item", "Received the wrong item"),
    "DEFECTIVE": (7, "defective", "Damaged or defective"),
    "STYLE": (8, "style", "Style"),
    "COLOR": (9, "color", "Color"),
    "OTHER": (10, "other", "Other"),
}

node("Return")
keys(
    "Return",
    name="name",
    status="status",
    createdAt="created_at",
    closedAt="closed_at",
    requestApprovedAt="approved_at",
    decline="decline",
)
absent("Return", "staffMember")
absent("Return", "exchangeLineItems", empty_page)
absent("Return", "returnShippingFees", list)
plain("ReturnDecline", "reason note")
node("ReturnLineItem")
keys(
    "ReturnLineItem",
    quantity="quantity",
    processedQuantity="processed",
    refundedQuantity="refunded",
    returnReason="reason",
    returnReasonNote="note",
    customerNote="customer_note",
)
absent("ReturnLineItem", "restockingFee")
plain("ReturnReasonDefinition", "id handle name deleted")
plain("ReturnableFulfillmentLineItem", "fulfillmentLineItem quantity")


@field("Return", "order")
def return_order(doc, info):
    return order_of(doc, info)


@field("Return", "totalQuantity")
def total_quantity(doc, info):
    return sum(line["quantity"] for line in doc["lines"])


@field("Return", "returnLineItems")
def return_line_items(doc, info, processingStatus=None, **page):
    return connect(doc["lines"], **page)


@field("Return", "refunds")
def return_refunds(doc, info, **page):
    rows = [each for each in order_of(doc, info)["refunds"] if each["return_id"] == doc["id"]]
    return connect(rows, **page)


@field("Return", "transactions")
def return_transactions(doc, info, **page):
    order = order_of(doc, info)
    wanted = {
        number
        for each in order["refunds"]
        if each["return_id"] == doc["id"]
        for number in each["transaction_ids"]
    }
    return connect([each for each in order["transactions"] if each["id"] in wanted], **page)


@field("Return", "reverseFulfillmentOrders")
def reverse_fulfillment_orders(doc, info, **page):
    store = info.context.store
    return connect(store.where("ReverseFulfillmentOrder", "return_id", doc["id"]), **page)


@field("ReturnLineItem", "unprocessedQuantity", "processableQuantity")
def unprocessed_quantity(line, info):
    return line["quantity"] - line["processed"]


@field("ReturnLineItem", "refundableQuantity")
def refundable_quantity(line, info):
    return line["quantity"] - line["refunded"]


@field("ReturnLineItem", "fulfillmentLineItem")
def fulfillment_line_item(line, info):
    return fulfillment_line(info.context.store, line)


def fulfillment_line(store, part):
    for fulfillment in store.where("Fulfillment", "order_id", part["order_id"]):
        for line in fulfillment["lines"]:
            if line["id"] == part["fulfillment_line_id"]:
                return line
    return None


@field("ReturnLineItem", "returnReasonDefinition")
def return_reason_definition(line, info):
    return definition(line["reason"])


def definition(reason):
    number, handle, name = REASONS[reason]
    return {
        "__typename": "ReturnReasonDefinition",
        "id": gid("ReturnReasonDefinition", number),
        "handle": handle,
        "name": name,
        "deleted": False,
    }


@field("ReturnLineItem", "totalWeight")
def total_weight(line, info):
    grams = line_of(info.context.store, line)["grams"] * line["quantity"]
    return {"unit": "KILOGRAMS", "value": grams / 1000}


@field("ReturnLineItem", "withCodeDiscountedTotalPriceSet")
def discounted_total(line, info):
    order = order_of(line, info)
    return money_bag(line_net(order, line_of(info.context.store, line), line["quantity"]), order)


@field("QueryRoot", "return")
def return_root(root, info, id):
    return by_gid(info.context.store, "Return", id)


@field("QueryRoot", "returnReasonDefinitions")
def return_reason_definitions(root, info, **page):
    rows = [definition(reason) | {"position": n} for n, reason in enumerate(REASONS)]
    page = {
        key: value
        for key, value in page.items()
        if key not in ("query", "sortKey", "ids", "handles")
    }
    return connect(rows, key=lambda row: (row["position"],), **page)


def returnable_units(store, order):
    """fulfillment -> [(fulfillment line, units still returnable)]."""
    promised: dict = {}
    for doc in store.where("Return", "order_id", order["id"]):
        if doc["status"] in ("CANCELED", "DECLINED"):
            continue
        for line in doc["lines"]:
            key = line["fulfillment_line_id"]
            promised[key] = promised.get(key, 0) + line["quantity"]
    # Units refunded outside any return cannot come back either.
    refunded: dict = {}
    for refund in order["refunds"]:
        if refund["return_id"] is None:
            for row in refund["lines"]:
                if row["restock_type"] == "RETURN":
                    refunded[row["line_id"]] = refunded.get(row["line_id"], 0) + row["quantity"]
    result = []
    for fulfillment in store.where("Fulfillment", "order_id", order["id"]):
        if fulfillment["status"] != "SUCCESS":
            continue
        lines = []
        for line in fulfillment["lines"]:
            left = line["quantity"] - promised.get(line["id"], 0)
            gone = min(left, refunded.get(line["line_id"], 0))
            refunded[line["line_id"]] = refunded.get(line["line_id"], 0) - gone
            if left - gone > 0:
                lines.append((line, left - gone))
        if lines:
            result.append((fulfillment, lines))
    return result


@field("QueryRoot", "returnableFulfillments")
def returnable_fulfillments(root, info, orderId, **page):
    store = info.context.store
    order = by_gid(store, "Order", orderId)
    rows = [
        {
            "id": fulfillment["id"],
            "fulfillment": fulfillment,
            "lines": [
                {"id": line["id"], "fulfillmentLineItem": line, "quantity": units}
                for line, units in lines
            ],
        }
        for fulfillment, lines in (returnable_units(store, order) if order else [])
    ]
    return connect(rows, **page)


@field("ReturnableFulfillment", "id")
def returnable_id(row, info):
    return gid("ReturnableFulfillment", row["id"])


@field("ReturnableFulfillment", "fulfillment")
def returnable_fulfillment(row, info):
    return row["fulfillment"]


@field("ReturnableFulfillment", "returnableFulfillmentLineItems")
def returnable_line_items(row, info, **page):
    return connect(row["lines"], **page)
