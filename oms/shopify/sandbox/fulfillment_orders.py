"""Fulfillment orders: reads, supported actions, where they may move."""

from oms.shopify.sandbox.connections import connect
from oms.shopify.sandbox.errors import denied
from oms.shopify.sandbox.ids import gid, number_of
from oms.shopify.sandbox.lookup import by_gid
from oms.shopify.sandbox.money import bag, money_bag
from oms.shopify.sandbox.registry import absent, empty_page, field, keys, node, plain
from oms.shopify.sandbox.search import searched
from oms.shopify.sandbox.stock import level_of, tracked_item

HOLDS_PER_APP = 10
ACTIVE = ("OPEN", "IN_PROGRESS", "ON_HOLD", "SCHEDULED", "INCOMPLETE")

node("FulfillmentOrder")
keys(
    "FulfillmentOrder",
    status="status",
    requestStatus="request_status",
    createdAt="created_at",
    updatedAt="updated_at",
    fulfillAt="fulfill_at",
    fulfillBy="fulfill_by",
)
absent("FulfillmentOrder", "internationalDuties channelId")
absent("FulfillmentOrder", "merchantRequests", empty_page)
node("FulfillmentOrderLineItem")
keys(
    "FulfillmentOrderLineItem",
    totalQuantity="total",
    remainingQuantity="remaining",
)
absent("FulfillmentOrderLineItem", "image shippingLine")
absent("FulfillmentOrderLineItem", "warnings financialSummaries", list)
node("FulfillmentHold")
keys("FulfillmentHold", reason="reason", reasonNotes="notes", handle="handle")
absent("FulfillmentHold", "heldByRequestingApp", True)
plain("FulfillmentOrderSupportedAction", "action externalUrl")
plain("FulfillmentOrderAssignedLocation", "address1 address2 city countryCode location name")
plain("FulfillmentOrderAssignedLocation", "phone province zip")
plain(
    "FulfillmentOrderDestination",
    "id address1 address2 city company countryCode email firstName lastName location phone "
    "province zip",
)
plain("DeliveryMethod", "id methodType presentedName serviceCode")
plain("App", "id title")
REASONS = {
    "AWAITING_PAYMENT": "Awaiting payment",
    "AWAITING_RETURN_ITEMS": "Awaiting return items",
    "HIGH_RISK_OF_FRAUD": "High risk of fraud",
    "INCORRECT_ADDRESS": "Incorrect address",
    "INVENTORY_OUT_OF_STOCK": "Inventory out of stock",
    "ONLINE_STORE_POST_PURCHASE_CROSS_SELL": "Online store post purchase cross-sell",
    "UNKNOWN_DELIVERY_DATE": "Unknown delivery date",
    "OTHER": "Other",
}


@field("FulfillmentHold", "displayReason")
def display_reason(hold, info):
    return REASONS[hold["reason"]]


@field("FulfillmentHold", "heldByApp")
def held_by_app(hold, info):
    """Recorded: without the read_apps scope this one field is denied and the rest succeeds."""
    raise denied("heldByApp", "`read_apps` access scope.")


@field("FulfillmentOrder", "fulfillmentHolds")
def fulfillment_holds(fulfillment_order, info):
    return fulfillment_order["holds"]


@field("FulfillmentOrder", "order")
def order_of(fulfillment_order, info):
    return info.context.store.get("Order", fulfillment_order["order_id"])


@field("FulfillmentOrder", "orderId")
def order_id(fulfillment_order, info):
    return gid("Order", fulfillment_order["order_id"])


@field("FulfillmentOrder", "orderName")
def order_name(fulfillment_order, info):
    return order_of(fulfillment_order, info)["name"]


@field("FulfillmentOrder", "orderProcessedAt")
def order_processed_at(fulfillment_order, info):
    return order_of(fulfillment_order, info)["processed_at"]


@field("FulfillmentOrder", "lineItems")
def line_items(fulfillment_order, info, **page):
    return connect(fulfillment_order["lines"], **page)


@field("FulfillmentOrder", "fulfillments")
def fulfillments(fulfillment_order, info, **page):
    rows = info.context.store.where("Fulfillment", "order_id", fulfillment_order["order_id"])
    mine = [row for row in rows if fulfillment_order["id"] in row["fulfillment_order_ids"]]
    return connect(mine, **page)


@field("FulfillmentOrder", "deliveryMethod")
def delivery_method(fulfillment_order, info):
    order = order_of(fulfillment_order, info)
    line = order["shipping_lines"][0] if order["shipping_lines"] else None
    return {
        "id": gid("DeliveryMethod", fulfillment_order["id"]),
        "methodType": "SHIPPING" if order["shipping_address"] else "NONE",
        "presentedName": line["title"] if line else None,
        "serviceCode": line["code"] if line else None,
    }


@field("FulfillmentOrder", "destination")
def destination(fulfillment_order, info):
    order = order_of(fulfillment_order, info)
    address = order["shipping_address"]
    if address is None:
        return None
    return {
        "id": gid("FulfillmentOrderDestination", fulfillment_order["id"]),
        "location": None,
        "email": order["email"],
        "countryCode": address["countryCode"],
        **{
            key: address[key]
            for key in (
                "address1",
                "address2",
                "city",
                "company",
                "firstName",
                "lastName",
                "phone",
                "province",
                "zip",
            )
        },
    }


@field("FulfillmentOrder", "assignedLocation")
def assigned_location(fulfillment_order, info):
    location = info.context.store.get("Location", fulfillment_order["location_id"])
    address = location["address"]
    return {
        "location": location,
        "name": location["name"],
        **{
            key: address[key]
            for key in ("address1", "address2", "city", "countryCode", "phone", "province", "zip")
        },
    }


@field("FulfillmentOrder", "supportedActions")
def supported_actions(fulfillment_order, info):
    actions = actions_of(info.context.store, fulfillment_order)
    return [{"action": action, "externalUrl": None} for action in actions]


def actions_of(store, fulfillment_order):
    """The recorded sets by status, for locations the merchant runs."""
    status = fulfillment_order["status"]
    if status == "OPEN":
        actions = ["CREATE_FULFILLMENT", "REPORT_PROGRESS", "MOVE", "HOLD"]
        if units_left(fulfillment_order) > 1:
            actions.append("SPLIT")
        if mergeable_siblings(store, fulfillment_order):
            actions.append("MERGE")
        return actions
    if status == "IN_PROGRESS":
        return ["CREATE_FULFILLMENT", "REPORT_PROGRESS", "HOLD", "MARK_AS_OPEN"]
    if status == "ON_HOLD":
        full = len(fulfillment_order["holds"]) >= HOLDS_PER_APP
        return ["RELEASE_HOLD", "MOVE"] if full else ["RELEASE_HOLD", "HOLD", "MOVE"]
    if status == "SCHEDULED":
        return ["CREATE_FULFILLMENT", "MOVE", "MARK_AS_OPEN"]
    return []


def units_left(fulfillment_order):
    return sum(line["remaining"] for line in fulfillment_order["lines"])


def mergeable_siblings(store, fulfillment_order):
    return [
        each
        for each in store.where("FulfillmentOrder", "order_id", fulfillment_order["order_id"])
        if each is not fulfillment_order
        and each["status"] == "OPEN"
        and each["location_id"] == fulfillment_order["location_id"]
    ]


@field("FulfillmentOrder", "fulfillmentOrdersForMerge")
def fulfillment_orders_for_merge(fulfillment_order, info, **page):
    return connect(mergeable_siblings(info.context.store, fulfillment_order), **page)


@field("FulfillmentOrder", "locationsForMove")
def locations_for_move(
    fulfillment_order, info, lineItemIds=(), locationIds=None, query=None, **page
):
    store = info.context.store
    wanted = {number_of(each) for each in locationIds or ()}
    chosen = {number_of(each) for each in lineItemIds}
    lines = [line for line in fulfillment_order["lines"] if not chosen or line["id"] in chosen]
    rows = []
    for location in sorted(store.all("Location"), key=lambda each: each["id"]):
        if not location["active"] or (wanted and location["id"] not in wanted):
            continue
        stocked = [line for line in lines if is_stocked(store, line, location["id"])]
        here = location["id"] == fulfillment_order["location_id"]
        movable = bool(stocked) and not here
        if here:
            message = "Current location."
        elif not stocked:
            message = "No items are stocked at this location."
        elif len(stocked) < len(lines):
            message = "Some items are not stocked at this location."
        else:
            message = None
        rows.append(
            {
                "id": location["id"],
                "location": location,
                "movable": movable,
                "message": message,
                "available": stocked,
                "unavailable": [line for line in lines if line not in stocked],
            }
        )
    return connect(searched(info, rows, query, {}), **page)


keys("FulfillmentOrderLocationForMove", location="location", movable="movable", message="message")


@field("FulfillmentOrderLocationForMove", "availableLineItems")
def available_line_items(row, info, **page):
    return connect(row["available"], **page)


@field("FulfillmentOrderLocationForMove", "unavailableLineItems")
def unavailable_line_items(row, info, **page):
    return connect(row["unavailable"], **page)


@field("FulfillmentOrderLocationForMove", "availableLineItemsCount", "unavailableLineItemsCount")
def line_items_count(row, info):
    key = "available" if info.field_name.startswith("available") else "unavailable"
    return {"count": len(row[key]), "precision": "EXACT"}


def is_stocked(store, fulfillment_order_line, location_id):
    """An untracked or custom line can go anywhere; a tracked one needs a level there."""
    item = tracked_item(store, line_of(store, fulfillment_order_line))
    if item is None:
        return True
    level = level_of(store, item["id"], location_id)
    return level is not None and level["active"]


def line_of(store, part):
    """The order line behind a fulfillment-order line, a fulfillment line or a return line."""
    order = store.get("Order", part["order_id"])
    return next(line for line in order["lines"] if line["id"] == part["line_id"])


@field("FulfillmentOrderLineItem", "lineItem")
def line_item(part, info):
    return line_of(info.context.store, part)


@field("FulfillmentOrderLineItem", "sku", "vendor")
def line_text(part, info):
    return line_of(info.context.store, part)[info.field_name]


@field("FulfillmentOrderLineItem", "productTitle")
def product_title(part, info):
    return line_of(info.context.store, part)["title"]


@field("FulfillmentOrderLineItem", "variantTitle")
def variant_title(part, info):
    return line_of(info.context.store, part)["variant_title"]


@field("FulfillmentOrderLineItem", "requiresShipping")
def requires_shipping(part, info):
    return line_of(info.context.store, part)["requires_shipping"]


@field("FulfillmentOrderLineItem", "variant")
def variant(part, info):
    number = line_of(info.context.store, part)["variant_id"]
    return number and info.context.store.get("ProductVariant", number)


@field("FulfillmentOrderLineItem", "inventoryItemId")
def inventory_item_id(part, info):
    found = variant(part, info)
    return gid("InventoryItem", found["item_id"]) if found else None


@field("FulfillmentOrderLineItem", "weight")
def weight(part, info):
    grams = line_of(info.context.store, part)["grams"]
    return {"unit": "KILOGRAMS", "value": grams / 1000}


@field("FulfillmentOrderLineItem", "originalUnitPriceSet")
def original_unit_price(part, info):
    line = line_of(info.context.store, part)
    return money_bag(bag(line["price"]), info.context.store.get("Order", part["order_id"]))


@field("QueryRoot", "fulfillmentOrder")
def fulfillment_order_root(root, info, id):
    return by_gid(info.context.store, "FulfillmentOrder", id)


@field("QueryRoot", "fulfillmentOrders")
def fulfillment_orders_root(root, info, includeClosed=False, query=None, sortKey="ID", **page):
    rows = info.context.store.all("FulfillmentOrder")
    if not includeClosed:
        rows = [row for row in rows if row["status"] in ACTIVE]
    fields = {
        "id": "id",
        "status": "status",
        "updated_at": "updated_at",
        "assigned_location_id": "location_id",
    }
    keys_by = {
        "UPDATED_AT": lambda row: (row["updated_at"], row["id"]),
        "CREATED_AT": lambda row: (row["created_at"], row["id"]),
    }
    return connect(searched(info, rows, query, fields), key=keys_by.get(sortKey), **page)
