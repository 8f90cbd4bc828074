"""Moving, splitting and merging fulfillment orders: the ids are not stable, on purpose."""

from oms.shopify.sandbox.assigning import add_fulfillment_order
from oms.shopify.sandbox.errors import refuse
from oms.shopify.sandbox.fulfillment_orders import ACTIVE, is_stocked, line_of, units_left
from oms.shopify.sandbox.ids import number_of
from oms.shopify.sandbox.lookup import find
from oms.shopify.sandbox.mutations import mutation
from oms.shopify.sandbox.stock import commit, uncommit

REPORTED = (
    "Cannot move a fulfillment order that has had progress reported. To move a fulfillment order "
    "that has had progress reported, the fulfillment order must first be marked as open resolving "
    "the ongoing progress state."
)
BAD_QUANTITY = "Invalid fulfillment order line item quantity requested."


@mutation("fulfillmentOrderMove")
def fulfillment_order_move(context, id, newLocationId, fulfillmentOrderLineItems=None):
    store = context.store
    origin = find(store, "FulfillmentOrder", id)
    if origin is None:
        refuse(["id"], "Fulfillment order does not exist.")
    destination = find(store, "Location", newLocationId)
    if destination is None or not destination["active"]:
        refuse(["id"], "Location not found.")
    if origin["status"] not in ACTIVE:
        refuse(None, "Cannot change location.")
    if origin["progress"]:
        refuse(["id"], REPORTED, "CANNOT_MOVE_FULFILLMENT_ORDER_WITH_REPORTED_PROGRESS")
    if origin["location_id"] == destination["id"]:
        refuse(["newLocationId"], "The fulfillment order is already assigned to this location.")
    units = requested_units(origin, fulfillmentOrderLineItems)
    for line, _ in units:
        if not is_stocked(store, line, destination["id"]):
            refuse(None, "One or more items is not stocked at the destination location.")

    source_id = origin["location_id"]
    move_stock(context, units, source_id, destination["id"])
    sibling = active_sibling(store, origin, destination["id"])
    whole = sum(quantity for _, quantity in units) == units_left(origin)
    requested = requested_rows(units)
    remaining = None
    if whole and sibling is None:
        origin["location_id"] = destination["id"]
        store.save(origin)
        moved = origin
    else:
        moved = detach(context, origin, units, destination["id"])
        if whole:
            close(store, origin)
        else:
            remaining = origin
    context.events.emit(
        "fulfillment_orders/moved",
        moved,
        original=origin,
        moved=moved,
        requested=requested,
        source_id=source_id,
    )
    touch_order(context, origin)
    return {
        "movedFulfillmentOrder": moved,
        "originalFulfillmentOrder": origin,
        "remainingFulfillmentOrder": remaining,
    }


def requested_units(fulfillment_order, given, message=BAD_QUANTITY):
    """(line, quantity) pairs; nothing given means all that is left."""
    if not given:
        return [
            (line, line["remaining"]) for line in fulfillment_order["lines"] if line["remaining"]
        ]
    lines = {line["id"]: line for line in fulfillment_order["lines"]}
    units = []
    for each in given:
        line = lines.get(number_of(each["id"], "FulfillmentOrderLineItem"))
        if line is None:
            refuse(None, "Fulfillment order line item does not exist.")
        if not 0 < each["quantity"] <= line["remaining"]:
            refuse(None, message)
        units.append((line, each["quantity"]))
    return units


def requested_rows(units):
    return [
        {"id": f"gid://shopify/FulfillmentOrderLineItem/{line['id']}", "quantity": quantity}
        for line, quantity in units
    ]


def move_stock(context, units, source_id, destination_id):
    """Committed units follow the work."""
    order = context.store.get("Order", units[0][0]["order_id"]) if units else None
    if not order or not order.get("claimed"):
        return
    for part, quantity in units:
        line = line_of(context.store, part)
        uncommit(context, line, source_id, quantity)
        commit(context, line, destination_id, quantity)


def active_sibling(store, fulfillment_order, location_id):
    for each in store.where("FulfillmentOrder", "order_id", fulfillment_order["order_id"]):
        if (
            each is not fulfillment_order
            and each["location_id"] == location_id
            and each["status"] in ACTIVE
        ):
            return each
    return None


def detach(context, origin, units, location_id):
    """The units leave their fulfillment order for a new one."""
    store = context.store
    order = store.get("Order", origin["order_id"])
    moving = [(line_of(store, part), quantity) for part, quantity in units]
    status = "ON_HOLD" if origin["holds"] else "OPEN"
    made = add_fulfillment_order(context, order, location_id, moving, status)
    made["holds"] = [dict(hold) for hold in origin["holds"]]
    take_off(origin, units)
    store.save(origin)
    return made


def take_off(fulfillment_order, units, keep_empty=False):
    """Quantities leave a fulfillment order; a line with nothing left and nothing shipped goes."""
    for part, quantity in units:
        part["remaining"] -= quantity
        part["total"] -= quantity
    if not keep_empty:
        kept = [line for line in fulfillment_order["lines"] if line["total"] > 0]
        fulfillment_order["lines"] = kept


def close(store, fulfillment_order):
    fulfillment_order["status"] = "CLOSED"
    fulfillment_order["progress"] = False
    store.save(fulfillment_order)


def touch_order(context, fulfillment_order):
    context.events.changed_order(context.store.get("Order", fulfillment_order["order_id"]))


@mutation("fulfillmentOrderSplit")
def fulfillment_order_split(context, fulfillmentOrderSplits):
    store = context.store
    results = []
    for position, each in enumerate(fulfillmentOrderSplits):
        origin = find(store, "FulfillmentOrder", each["fulfillmentOrderId"])
        if origin is None:
            refuse(None, "Fulfillment order does not exist.", "FULFILLMENT_ORDER_NOT_FOUND")
        if not each["fulfillmentOrderLineItems"]:
            refuse(
                ["fulfillmentOrderSplits", str(position), "fulfillmentOrderLineItems"],
                "You must select at least one item to split into a new fulfillment order.",
                "NO_LINE_ITEMS_PROVIDED_TO_SPLIT",
            )
        for index, row in enumerate(each["fulfillmentOrderLineItems"]):
            if row["quantity"] < 1:
                refuse(
                    [
                        "fulfillmentOrderSplits",
                        str(position),
                        "fulfillmentOrderLineItems",
                        str(index),
                        "quantity",
                    ],
                    "You must select at least one item to split into a new fulfillment order.",
                    "GREATER_THAN",
                )
        if origin["status"] != "OPEN":
            refuse(
                None, f"Fulfillment order: {origin['id']} is currently not in a splittable state."
            )
        units = requested_units(origin, each["fulfillmentOrderLineItems"])
        if sum(quantity for _, quantity in units) >= units_left(origin):
            refuse(None, BAD_QUANTITY)
        requested = requested_rows(units)
        made = detach(context, origin, units, origin["location_id"])
        context.events.emit("fulfillment_orders/split", origin, remaining=made, requested=requested)
        touch_order(context, origin)
        results.append(
            {
                "fulfillmentOrder": origin,
                "remainingFulfillmentOrder": made,
                "replacementFulfillmentOrder": None,
            }
        )
    return {"fulfillmentOrderSplits": results}


@mutation("fulfillmentOrderMerge")
def fulfillment_order_merge(context, fulfillmentOrderMergeInputs):
    store = context.store
    results = []
    for outer, each in enumerate(fulfillmentOrderMergeInputs):
        chosen = []
        for inner, intent in enumerate(each["mergeIntents"]):
            for index, row in enumerate(intent.get("fulfillmentOrderLineItems") or []):
                if row["quantity"] < 1:
                    refuse(
                        [
                            "fulfillmentOrderMergeInputs",
                            str(outer),
                            "mergeIntents",
                            str(inner),
                            "fulfillmentOrderLineItems",
                            str(index),
                            "quantity",
                        ],
                        "You must select at least one item to merge into a new fulfillment order.",
                        "GREATER_THAN",
                    )
            fulfillment_order = find(store, "FulfillmentOrder", intent["fulfillmentOrderId"])
            if fulfillment_order is None:
                refuse(None, "Fulfillment order does not exist.", "FULFILLMENT_ORDER_NOT_FOUND")
            if fulfillment_order["status"] != "OPEN":
                refuse(
                    None,
                    f"Fulfillment order: {fulfillment_order['id']} is currently not in a "
                    "mergeable state.",
                )
            units = requested_units(fulfillment_order, intent.get("fulfillmentOrderLineItems"))
            chosen.append((fulfillment_order, units))
        results.append({"fulfillmentOrder": merge(context, chosen)})
    return {"fulfillmentOrderMerges": results}


def merge(context, chosen):
    """All units land on the first; emptied ones close."""
    store = context.store
    target = chosen[0][0]
    intents = []
    for fulfillment_order, units in chosen:
        intents.append(
            {
                "fulfillment_order_id": fulfillment_order["id"],
                "fulfillment_order_line_items": [
                    {"id": part["id"], "quantity": quantity} for part, quantity in units
                ],
            }
        )
        if fulfillment_order is target:
            continue
        for part, quantity in units:
            home = next((x for x in target["lines"] if x["line_id"] == part["line_id"]), None)
            if home is None:
                home = dict(part, id=store.next_id(), total=0, remaining=0)
                home["fulfillment_order_id"] = target["id"]
                target["lines"].append(home)
            home["total"] += quantity
            home["remaining"] += quantity
        take_off(fulfillment_order, units, keep_empty=True)
        if units_left(fulfillment_order):
            store.save(fulfillment_order)
        else:
            close(store, fulfillment_order)
    store.save(target)
    context.events.emit("fulfillment_orders/merged", target, intents=intents)
    touch_order(context, target)
    return target
