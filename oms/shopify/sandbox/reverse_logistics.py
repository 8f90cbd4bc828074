"""Reverse fulfillment orders: what should come back, and where it went when it did."""

from oms.shopify.sandbox.connections import connect
from oms.shopify.sandbox.errors import refuse
from oms.shopify.sandbox.fulfillment_orders import line_of
from oms.shopify.sandbox.ids import gid, number_of
from oms.shopify.sandbox.lookup import by_gid
from oms.shopify.sandbox.mutations import mutation
from oms.shopify.sandbox.registry import absent, empty_page, field, keys, node
from oms.shopify.sandbox.return_views import fulfillment_line
from oms.shopify.sandbox.state import now_text
from oms.shopify.sandbox.stock import take_back

node("ReverseFulfillmentOrder")
keys("ReverseFulfillmentOrder", status="status")
absent("ReverseFulfillmentOrder", "thirdPartyConfirmation")
absent("ReverseFulfillmentOrder", "reverseDeliveries", empty_page)
node("ReverseFulfillmentOrderLineItem")
keys("ReverseFulfillmentOrderLineItem", totalQuantity="total", dispositions="dispositions")
keys(
    "ReverseFulfillmentOrderDisposition",
    type="type",
    quantity="quantity",
    createdAt="created_at",
)
ROOT = ["dispositionInputs"]


def open_reverse_order(context, doc):
    """One reverse fulfillment order for everything the return expects."""
    store = context.store
    reverse = store.add(
        "ReverseFulfillmentOrder",
        return_id=doc["id"],
        order_id=doc["order_id"],
        status="OPEN",
        lines=[],
    )
    reverse["lines"] = [
        {
            "kind": "ReverseFulfillmentOrderLineItem",
            "id": store.next_id(),
            "order_id": doc["order_id"],
            "reverse_id": reverse["id"],
            "fulfillment_line_id": line["fulfillment_line_id"],
            "line_id": line["line_id"],
            "total": line["quantity"],
            "dispositions": [],
        }
        for line in doc["lines"]
    ]
    store.save(reverse, touch=False)
    return reverse


@mutation("reverseFulfillmentOrderDispose")
def reverse_fulfillment_order_dispose(context, dispositionInputs):
    if not dispositionInputs:
        refuse(ROOT, "The array cannot be empty.", "BLANK")
    fields = [[*ROOT, str(position)] for position in range(len(dispositionInputs))]
    return {"reverseFulfillmentOrderLineItems": dispose(context, dispositionInputs, fields)}


def dispose(context, given, fields):
    """Over-disposal is accepted, as the real store does."""
    store = context.store
    parts = [find_line(store, row["reverseFulfillmentOrderLineItemId"]) for row in given]
    owners = {part["reverse_id"] if part else None for part in parts}
    if len(owners) > 1 or None in owners:
        refuse(
            ROOT, "Cannot dispose items from more than one reverse fulfillment order.", "INVALID"
        )
    rows = []
    for part, row, base in zip(parts, given, fields, strict=True):
        line = line_of(store, part)
        kind = row["dispositionType"]
        location_id = number_of(row["locationId"], "Location") if row.get("locationId") else None
        if kind == "RESTOCKED" and not line["variant_id"]:
            refuse(
                [*base, "dispositionType"],
                "RESTOCKED is an invalid disposition type for a custom line item.",
                "INVALID",
            )
        if kind == "RESTOCKED" and location_id is None:
            refuse([*base, "locationId"], "Location can't be blank.", "BLANK")
        if location_id and store.get("Location", location_id) is None:
            refuse([*base, "locationId"], "Location not found.", "NOT_FOUND")
        if row["quantity"] < 1:
            refuse([*base, "quantity"], "Quantity must be greater than 0.", "GREATER_THAN")
        disposition = {
            "id": store.next_id(),
            "type": kind,
            "quantity": row["quantity"],
            "location_id": location_id,
            "created_at": now_text(),
        }
        part["dispositions"].append(disposition)
        if kind == "RESTOCKED":
            take_back(context, line, location_id, row["quantity"])
        rows.append(disposition | {"line_id": part["id"]})
    reverse = store.get("ReverseFulfillmentOrder", next(iter(owners)))
    store.save(reverse)
    context.events.emit("reverse_fulfillment_orders/dispose", reverse, dispositions=rows)
    return parts


def find_line(store, text):
    number = number_of(text, "ReverseFulfillmentOrderLineItem")
    for reverse in store.all("ReverseFulfillmentOrder"):
        for part in reverse["lines"]:
            if part["id"] == number:
                return part
    return None


@field("ReverseFulfillmentOrder", "order")
def reverse_order(doc, info):
    return info.context.store.get("Order", doc["order_id"])


@field("ReverseFulfillmentOrder", "lineItems")
def reverse_lines(doc, info, **page):
    return connect(doc["lines"], **page)


@field("ReverseFulfillmentOrderLineItem", "fulfillmentLineItem")
def reverse_fulfillment_line(part, info):
    return fulfillment_line(info.context.store, part)


@field("ReverseFulfillmentOrderDisposition", "id")
def disposition_id(row, info):
    return gid("ReverseFulfillmentOrderDisposition", row["id"])


@field("ReverseFulfillmentOrderDisposition", "location")
def disposition_location(row, info):
    return row["location_id"] and info.context.store.get("Location", row["location_id"])


@field("QueryRoot", "reverseFulfillmentOrder")
def reverse_root(root, info, id):
    return by_gid(info.context.store, "ReverseFulfillmentOrder", id)
