"""Stock levels: the named quantities of one item at one location, and what orders do to them."""

from oms.shopify.sandbox.state import now_text

# on_hand is the sum of the first six; incoming stands apart.
ON_HAND_PARTS = (
    "available",
    "committed",
    "reserved",
    "damaged",
    "safety_stock",
    "quality_control",
)
NAMES = (*ON_HAND_PARTS, "on_hand", "incoming")


def quantity(level, name):
    if name == "on_hand":
        return sum(level["quantities"][part] for part in ON_HAND_PARTS)
    return level["quantities"][name]


def level_of(store, item_id, location_id):
    """The level of an item at a location, active or not; None if it was never connected."""
    for level in store.where("InventoryLevel", "item_id", item_id):
        if level["location_id"] == location_id:
            return level
    return None


def connect_level(store, item_id, location_id, available=0, safety_stock=0):
    """A new active level."""
    quantities = dict.fromkeys((*ON_HAND_PARTS, "incoming"), 0)
    quantities["available"] = available
    quantities["safety_stock"] = safety_stock
    moment = now_text()
    return store.add(
        "InventoryLevel",
        item_id=item_id,
        location_id=location_id,
        active=True,
        quantities=quantities,
        stamps={"available": moment},
    )


def change(context, level, **deltas):
    """Moves named quantities; the level's webhook follows only when `available` moved."""
    moment = now_text()
    for name, delta in deltas.items():
        level["quantities"][name] += delta
        level["stamps"][name] = moment
    context.store.save(level)
    if deltas.get("available"):
        context.events.emit("inventory_levels/update", level)


def tracked_item(store, line):
    """The inventory item behind an order line; None for custom and untracked lines."""
    variant = store.get("ProductVariant", line["variant_id"]) if line["variant_id"] else None
    item = store.get("InventoryItem", variant["item_id"]) if variant else None
    return item if item and item["tracked"] else None


def commit(context, line, location_id, units):
    """available -> committed where the order was assigned."""
    move(context, line, location_id, available=-units, committed=units)


def uncommit(context, line, location_id, units):
    move(context, line, location_id, available=units, committed=-units)


def ship(context, line, location_id, units):
    """committed (and with it on_hand) goes down."""
    move(context, line, location_id, committed=-units)


def take_back(context, line, location_id, units):
    """A restock of units that had left the building."""
    move(context, line, location_id, available=units)


def move(context, line, location_id, **deltas):
    item = tracked_item(context.store, line)
    if item is None:
        return
    level = level_of(context.store, item["id"], location_id)
    if level is None:
        level = connect_level(context.store, item["id"], location_id)
        context.events.emit("inventory_levels/connect", level)
    change(context, level, **deltas)
