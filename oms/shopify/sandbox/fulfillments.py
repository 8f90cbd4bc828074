"""Fulfillments: goods that left, their tracking and their events."""

from oms.shopify.sandbox.assigning import add_fulfillment_order
from oms.shopify.sandbox.connections import connect
from oms.shopify.sandbox.errors import refuse
from oms.shopify.sandbox.fulfillment_orders import line_of, units_left
from oms.shopify.sandbox.ids import number_of
from oms.shopify.sandbox.lookup import by_gid, find
from oms.shopify.sandbox.money import money_bag
from oms.shopify.sandbox.mutations import mutation
from oms.shopify.sandbox.registry import absent, field, keys, node, plain
from oms.shopify.sandbox.state import now_text
from oms.shopify.sandbox.stock import commit, ship, take_back
from oms.shopify.sandbox.totals import fulfillment_status, line_net, line_price, share

node("Fulfillment", legacy=True)
keys(
    "Fulfillment",
    status="status",
    createdAt="created_at",
    updatedAt="updated_at",
    deliveredAt="delivered_at",
    inTransitAt="in_transit_at",
    estimatedDeliveryAt="estimated_delivery_at",
)
absent("Fulfillment", "originAddress service")
absent("Fulfillment", "requiresShipping", True)
node("FulfillmentLineItem")
keys("FulfillmentLineItem", quantity="quantity")
node("FulfillmentEvent")
keys(
    "FulfillmentEvent",
    status="status",
    message="message",
    happenedAt="happened_at",
    createdAt="created_at",
    estimatedDeliveryAt="estimated_delivery_at",
    city="city",
    province="province",
    country="country",
    zip="zip",
    address1="address1",
    latitude="latitude",
    longitude="longitude",
)
plain("FulfillmentTrackingInfo", "company number url")
SHIPPABLE = ("OPEN", "IN_PROGRESS", "INCOMPLETE", "SCHEDULED")
FIELD = ["fulfillment"]

# Carriers whose links Shopify fills in by itself.
TRACKING_LINKS = {
    "UPS": "https://www.ups.com/WebTracking?loc=en_US&requester=ST&trackNums={}",
    "USPS": "https://tools.usps.com/go/TrackConfirmAction.action?tLabels={}",
    "FedEx": "https://www.fedex.com/fedextrack/?trknbr={}",
    "DHL Express": "https://www.dhl.com/global-en/home/tracking.html?tracking-id={}",
    "Royal Mail": "https://www.royalmail.com/track-your-item#/tracking-results/{}",
}


@field("Fulfillment", "order")
def order_of(fulfillment, info):
    return info.context.store.get("Order", fulfillment["order_id"])


@field("Fulfillment", "name")
def name(fulfillment, info):
    return f"{order_of(fulfillment, info)['name']}-F{fulfillment['number']}"


@field("Fulfillment", "location")
def location(fulfillment, info):
    return info.context.store.get("Location", fulfillment["location_id"])


@field("Fulfillment", "displayStatus")
def display_status(fulfillment, info):
    if fulfillment["status"] == "CANCELLED":
        return "CANCELED"
    if fulfillment["events"]:
        return fulfillment["events"][-1]["status"]
    return "FULFILLED"


@field("Fulfillment", "totalQuantity")
def total_quantity(fulfillment, info):
    return sum(line["quantity"] for line in fulfillment["lines"])


@field("Fulfillment", "trackingInfo")
def tracking_info(fulfillment, info, first=None):
    return fulfillment["tracking"][:first]


@field("Fulfillment", "fulfillmentLineItems")
def fulfillment_line_items(fulfillment, info, **page):
    return connect(fulfillment["lines"], **page)


@field("Fulfillment", "events")
def events(fulfillment, info, sortKey="HAPPENED_AT", **page):
    return connect(
        fulfillment["events"], key=lambda event: (event["happened_at"], event["id"]), **page
    )


@field("Fulfillment", "fulfillmentOrders")
def fulfillment_orders(fulfillment, info, **page):
    store = info.context.store
    rows = [store.get("FulfillmentOrder", each) for each in fulfillment["fulfillment_order_ids"]]
    return connect(rows, **page)


@field("FulfillmentLineItem", "lineItem")
def line_item(part, info):
    return line_of(info.context.store, part)


@field("FulfillmentLineItem", "originalTotalSet")
def original_total(part, info):
    store = info.context.store
    line, order = line_of(store, part), store.get("Order", part["order_id"])
    whole = line_price(line)
    return money_bag(share(order, whole, part["quantity"], line["quantity"]), order)


@field("FulfillmentLineItem", "discountedTotalSet")
def discounted_total(part, info):
    store = info.context.store
    order = store.get("Order", part["order_id"])
    return money_bag(line_net(order, line_of(store, part), part["quantity"]), order)


@field("QueryRoot", "fulfillment")
def fulfillment_root(root, info, id):
    return by_gid(info.context.store, "Fulfillment", id)


@mutation("fulfillmentCreate")
def fulfillment_create(context, fulfillment, message=None):
    store = context.store
    groups = chosen_groups(store, fulfillment["lineItemsByFulfillmentOrder"])
    order_ids = list(dict.fromkeys(group["order_id"] for group, _ in groups))
    if len(order_ids) > 1:
        refuse(
            FIELD,
            "All fulfillment orders must belong to the same order. Multiple orders with ids "
            f"{order_ids} were found.",
        )
    for group, _ in groups:
        if group["status"] not in SHIPPABLE:
            refuse(
                FIELD,
                f"Fulfillment order {group['id']} has an unfulfillable status= "
                f"{group['status'].lower()}.",
            )
    location_ids = sorted({group["location_id"] for group, _ in groups})
    if len(location_ids) > 1:
        refuse(
            FIELD,
            "All fulfillment orders must be assigned to a single location. Multiple locations "
            f"with ids {location_ids} were found.",
        )
    made = ship_units(context, groups, tracking_of(fulfillment.get("trackingInfo") or {}))
    return {"fulfillment": made}


def chosen_groups(store, given):
    """[(fulfillment order, [(its line, quantity)])], refused in Shopify's words."""
    for outer, row in enumerate(given):
        for inner, each in enumerate(row.get("fulfillmentOrderLineItems") or []):
            if each["quantity"] < 1:
                refuse(
                    [
                        "fulfillment",
                        "lineItemsByFulfillmentOrder",
                        str(outer),
                        "fulfillmentOrderLineItems",
                        str(inner),
                        "quantity",
                    ],
                    "Quantity must be greater than 0",
                )
    groups = []
    for row in given:
        fulfillment_order = find(store, "FulfillmentOrder", row["fulfillmentOrderId"])
        if fulfillment_order is None:
            refuse(FIELD, "Fulfillment order does not exist.")
        lines = {line["id"]: line for line in fulfillment_order["lines"]}
        units = []
        for each in row.get("fulfillmentOrderLineItems") or []:
            line = lines.get(number_of(each["id"], "FulfillmentOrderLineItem"))
            if line is None:
                refuse(FIELD, "Fulfillment order line item does not exist.")
            if each["quantity"] > line["remaining"] and fulfillment_order["status"] in SHIPPABLE:
                refuse(FIELD, "Invalid fulfillment order line item quantity requested.")
            units.append((line, each["quantity"]))
        if not units:
            units = [(line, line["remaining"]) for line in lines.values() if line["remaining"]]
        groups.append((fulfillment_order, units))
    if not groups:
        refuse(FIELD, "Fulfillment order does not exist.")
    return groups


def ship_units(context, groups, tracking):
    """The units leave: fulfillment, lines, fulfillment orders, stock, events."""
    store = context.store
    first = groups[0][0]
    order = store.get("Order", first["order_id"])
    made = store.add(
        "Fulfillment",
        order_id=order["id"],
        number=len(store.where("Fulfillment", "order_id", order["id"])) + 1,
        location_id=first["location_id"],
        status="SUCCESS",
        tracking=tracking,
        events=[],
        lines=[],
        fulfillment_order_ids=[group["id"] for group, _ in groups],
        delivered_at=None,
        in_transit_at=None,
        estimated_delivery_at=None,
    )
    shipped: dict = {}
    for fulfillment_order, units in groups:
        for part, quantity in units:
            part["remaining"] -= quantity
            shipped[part["line_id"]] = shipped.get(part["line_id"], 0) + quantity
        if units_left(fulfillment_order):
            fulfillment_order["status"] = "IN_PROGRESS"
        else:
            fulfillment_order["status"] = "CLOSED"
            fulfillment_order["progress"] = False
        store.save(fulfillment_order)
    lines = {line["id"]: line for line in order["lines"]}
    for line_id, quantity in shipped.items():
        line = lines[line_id]
        line["fulfilled"] += quantity
        made["lines"].append(
            {
                "kind": "FulfillmentLineItem",
                "id": store.next_id(),
                "order_id": order["id"],
                "fulfillment_id": made["id"],
                "line_id": line_id,
                "quantity": quantity,
            }
        )
        if order.get("claimed"):
            ship(context, line, made["location_id"], quantity)
    context.events.emit("fulfillments/create", made)
    context.events.changed_order(order)
    done = fulfillment_status(store, order)
    if done == "FULFILLED":
        context.events.emit("orders/fulfilled", order)
    elif done == "PARTIALLY_FULFILLED":
        context.events.emit("orders/partially_fulfilled", order)
    return made


def tracking_of(given):
    numbers = given.get("numbers") or ([given["number"]] if given.get("number") else [])
    urls = given.get("urls") or ([given["url"]] if given.get("url") else [])
    company = given.get("company")
    rows = []
    for position in range(max(len(numbers), len(urls), 1 if company else 0)):
        code = numbers[position] if position < len(numbers) else None
        url = urls[position] if position < len(urls) else None
        if url is None and code and company in TRACKING_LINKS:
            url = TRACKING_LINKS[company].format(code)
        rows.append({"company": company, "number": code, "url": url})
    return rows


def ship_whole_order(context, order, given):
    """An order that was born fulfilled."""
    store = context.store
    location_id = number_of(given.get("locationId"), "Location")
    groups = []
    for fulfillment_order in store.where("FulfillmentOrder", "order_id", order["id"]):
        if location_id:
            fulfillment_order["location_id"] = location_id
        units = [(part, part["remaining"]) for part in fulfillment_order["lines"]]
        groups.append((fulfillment_order, units))
    tracking = tracking_of(
        {
            "company": given.get("trackingCompany"),
            "number": given.get("trackingNumber"),
            "numbers": given.get("trackingNumbers"),
        }
    )
    if groups:
        made = ship_units(context, groups, tracking)
        if given.get("shipmentStatus"):
            add_event(context, made, {"status": given["shipmentStatus"]})


@mutation("fulfillmentTrackingInfoUpdate")
def fulfillment_tracking_info_update(
    context, fulfillmentId, trackingInfoInput, notifyCustomer=None
):
    """Replaces the whole set; accepted even on a cancelled fulfillment."""
    fulfillment = find(context.store, "Fulfillment", fulfillmentId)
    if fulfillment is None:
        refuse(["fulfillmentId"], "Fulfillment does not exist.")
    fulfillment["tracking"] = tracking_of(trackingInfoInput)
    changed(context, fulfillment)
    return {"fulfillment": fulfillment}


@mutation("fulfillmentEventCreate")
def fulfillment_event_create(context, fulfillmentEvent):
    fulfillment = find(context.store, "Fulfillment", fulfillmentEvent["fulfillmentId"])
    if fulfillment is None:
        refuse(["fulfillmentEvent", "fulfillmentId"], "Fulfillment does not exist.")
    return {"fulfillmentEvent": add_event(context, fulfillment, fulfillmentEvent)}


def add_event(context, fulfillment, given):
    moment = now_text()
    event = {
        "kind": "FulfillmentEvent",
        "id": context.store.next_id(),
        "order_id": fulfillment["order_id"],
        "fulfillment_id": fulfillment["id"],
        "status": given["status"],
        "happened_at": given.get("happenedAt") or moment,
        "created_at": moment,
        "estimated_delivery_at": given.get("estimatedDeliveryAt"),
        **{
            key: given.get(key)
            for key in (
                "message",
                "address1",
                "city",
                "province",
                "country",
                "zip",
                "latitude",
                "longitude",
            )
        },
    }
    fulfillment["events"].append(event)
    if event["status"] == "DELIVERED":
        fulfillment["delivered_at"] = event["happened_at"]
    elif event["status"] == "IN_TRANSIT" and not fulfillment["in_transit_at"]:
        fulfillment["in_transit_at"] = event["happened_at"]
    if event["estimated_delivery_at"]:
        fulfillment["estimated_delivery_at"] = event["estimated_delivery_at"]
    context.events.emit("fulfillment_events/create", event)
    changed(context, fulfillment)
    return event


def changed(context, fulfillment):
    context.store.save(fulfillment)
    context.events.emit("fulfillments/update", fulfillment)
    context.events.changed_order(context.store.get("Order", fulfillment["order_id"]))


@mutation("fulfillmentCancel")
def fulfillment_cancel(context, id):
    """Idempotent; the units come back as new fulfillment orders."""
    store = context.store
    fulfillment = find(store, "Fulfillment", id)
    if fulfillment is None:
        refuse(["id"], "Fulfillment not found.")
    if fulfillment["status"] == "CANCELLED":
        return {"fulfillment": fulfillment}
    order = store.get("Order", fulfillment["order_id"])
    lines = {line["id"]: line for line in order["lines"]}
    units = []
    for part in fulfillment["lines"]:
        line = lines[part["line_id"]]
        line["fulfilled"] -= part["quantity"]
        units.append((line, part["quantity"]))
        if order.get("claimed"):
            take_back(context, line, fulfillment["location_id"], part["quantity"])
            commit(context, line, fulfillment["location_id"], part["quantity"])
    fulfillment["status"] = "CANCELLED"
    add_fulfillment_order(context, order, fulfillment["location_id"], units)
    changed(context, fulfillment)
    return {"fulfillment": fulfillment}
