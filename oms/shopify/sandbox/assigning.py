"""Which location Shopify gives an order's lines to, and the fulfillment orders that makes."""

from oms.shopify.sandbox.stock import commit, level_of, tracked_item


def assign_order(context, order, claim, lines=None):
    """Fewest locations, then rank; what nobody has goes to the first ranked that stocks it."""
    lines = order["lines"] if lines is None else lines
    store = context.store
    locations = ranked_locations(store)
    if not locations:
        return
    parcels: dict = {}
    whole = next((place for place in locations if has_all(store, lines, place)), None)
    for line in lines:
        place = whole or best_for(store, line, locations)
        parcels.setdefault(place["id"], []).append(line)
    for location_id, parcel in parcels.items():
        add_fulfillment_order(
            context, order, location_id, [(line, line["quantity"]) for line in parcel]
        )
        if claim:
            order["claimed"] = True
            for line in parcel:
                commit(context, line, location_id, line["quantity"])


def ranked_locations(store):
    active = [
        place
        for place in store.all("Location")
        if place["active"] and place["fulfills_online_orders"] and not place["is_service"]
    ]
    return sorted(active, key=lambda place: (place["rank"], place["id"]))


def has_all(store, lines, place):
    wanted: dict = {}
    for line in lines:
        item = tracked_item(store, line)
        if item is not None:
            wanted[item["id"]] = wanted.get(item["id"], 0) + line["quantity"]
    return all(available(store, item_id, place) >= units for item_id, units in wanted.items())


def best_for(store, line, locations):
    item = tracked_item(store, line)
    if item is None:
        return locations[0]
    for place in locations:
        if available(store, item["id"], place) >= line["quantity"]:
            return place
    stocked = (place for place in locations if level_of(store, item["id"], place["id"]))
    return next(stocked, locations[0])


def available(store, item_id, place):
    level = level_of(store, item_id, place["id"])
    return level["quantities"]["available"] if level and level["active"] else 0


def add_fulfillment_order(context, order, location_id, units, status="OPEN"):
    """A new fulfillment order over (line, quantity) pairs."""
    store = context.store
    fulfillment_order = store.add(
        "FulfillmentOrder",
        order_id=order["id"],
        location_id=location_id,
        status=status,
        request_status="UNSUBMITTED",
        progress=False,
        fulfill_at=order["created_at"][:13] + ":00:00Z",
        fulfill_by=None,
        holds=[],
        lines=[],
    )
    fulfillment_order["lines"] = [
        new_line(store, fulfillment_order, line["id"], quantity) for line, quantity in units
    ]
    store.save(fulfillment_order, touch=False)
    context.events.emit("fulfillment_orders/order_routing_complete", fulfillment_order)
    return fulfillment_order


def new_line(store, fulfillment_order, line_id, quantity, total=None):
    return {
        "kind": "FulfillmentOrderLineItem",
        "id": store.next_id(),
        "order_id": fulfillment_order["order_id"],
        "fulfillment_order_id": fulfillment_order["id"],
        "line_id": line_id,
        "total": quantity if total is None else total,
        "remaining": quantity,
    }
