"""Inventory mutations: set, adjust, move, activate; compare-and-set on every row."""

from oms.shopify.sandbox.errors import ShopifyError, UserErrors, denied, refuse, user_error
from oms.shopify.sandbox.ids import gid, number_of
from oms.shopify.sandbox.lookup import find
from oms.shopify.sandbox.mutations import mutation
from oms.shopify.sandbox.registry import field, keys, plain
from oms.shopify.sandbox.state import now_text
from oms.shopify.sandbox.stock import change, connect_level, level_of, quantity

ADJUSTABLE = ("available", "damaged", "incoming", "quality_control", "reserved", "safety_stock")
REASONS_WORDS = """
correction cycle_count_available damaged movement_canceled movement_created
movement_received movement_updated other promotion quality_control received
reservation_created reservation_deleted reservation_updated restock safety_stock shrinkage
"""
REASONS = REASONS_WORDS.split()
LIMIT = 1_000_000_000
BAD_NAME = (
    "The specified quantity name is invalid. Valid values are: available, damaged, incoming, "
    "quality_control, reserved, safety_stock."
)
STALE = "The changeFromQuantity argument no longer matches the persisted quantity."
plain("InventoryChange", "name delta quantityAfterChange ledgerDocumentUri item location")
keys("InventoryAdjustmentGroup", createdAt="created_at", reason="reason")
keys("InventoryAdjustmentGroup", referenceDocumentUri="reference")


@field("InventoryAdjustmentGroup", "id")
def group_id(group, info):
    return gid("InventoryAdjustmentGroup", group["id"])


@field("InventoryAdjustmentGroup", "staffMember")
def staff_member(group, info):
    """Recorded: denied without the users scope, and the adjustment stands all the same."""
    required = "`read_users` access scope. Also: The app must be a finance embedded app or "
    required += "installed on a Shopify Plus or Advanced store. Contact Shopify Support to enable "
    required += "this scope for your app."
    raise denied("staffMember", required)


@field("InventoryAdjustmentGroup", "app")
def group_app(group, info):
    number = info.context.store.meta["shop"]["app_id_number"]
    return {"id": gid("App", number), "title": "Switchyard"}


@field("InventoryAdjustmentGroup", "changes")
def group_changes(group, info, inventoryItemIds=None, locationIds=None, quantityNames=None):
    store = info.context.store
    items = {number_of(each) for each in inventoryItemIds or ()}
    places = {number_of(each) for each in locationIds or ()}
    return [
        {
            "name": row["name"],
            "delta": row["delta"],
            "quantityAfterChange": None,  # Shopify never fills it
            "ledgerDocumentUri": row["ledger"],
            "item": store.get("InventoryItem", row["item_id"]),
            "location": store.get("Location", row["location_id"]),
        }
        for row in group["changes"]
        if (not items or row["item_id"] in items)
        and (not places or row["location_id"] in places)
        and (not quantityNames or row["name"] in quantityNames)
    ]


def check_present(rows, type_name):
    """changeFromQuantity is nullable but must be there."""
    for row in rows:
        if "changeFromQuantity" not in row:
            raise ShopifyError(
                f"{type_name} must include the following argument: changeFromQuantity.",
                "INVALID_FIELD_ARGUMENTS",
            )


def check_reason(reason):
    if reason not in REASONS:
        refuse(
            ["input", "reason"],
            f"The specified reason is invalid. Valid values are: {', '.join(REASONS)}.",
            "INVALID_REASON",
        )


def targets(store, rows, base, read):
    """(item, location) of every row, or the errors of all that are unknown."""
    found, errors = [], []
    for position, row in enumerate(rows):
        item = find(store, "InventoryItem", read(row, "inventoryItemId"))
        location = find(store, "Location", read(row, "locationId"))
        at = [*base, str(position)]
        if item is None:
            message = "The specified inventory item could not be found."
            errors.append(user_error([*at, "inventoryItemId"], message, "INVALID_INVENTORY_ITEM"))
        elif location is None:
            message = "The specified location could not be found."
            errors.append(user_error([*at, "locationId"], message, "INVALID_LOCATION"))
        found.append((item, location))
    if errors:
        raise UserErrors(*errors)
    return found


def stocked_level(context, item, location):
    """The level; an item not stocked there is connected on the way, as since 2026-10."""
    level = level_of(context.store, item["id"], location["id"])
    if level is None:
        level = connect_level(context.store, item["id"], location["id"])
        context.events.emit("inventory_levels/connect", level)
    level["active"] = True
    return level


def check_stale(level, name, row, field_path):
    expected = row.get("changeFromQuantity")
    if expected is not None and expected != quantity(level, name):
        refuse(field_path, STALE, "CHANGE_FROM_QUANTITY_STALE")


def check_bounds(name, value, field_path):
    if name == "on_hand" and value < 0:
        refuse(field_path, "The quantity can't be negative.", "INVALID_QUANTITY_NEGATIVE")
    if value < -LIMIT:
        message = "The quantity can't be lower than -1,000,000,000."
        refuse(field_path, message, "INVALID_QUANTITY_TOO_LOW")
    if value > LIMIT:
        message = "The quantity can't be higher than 1,000,000,000."
        refuse(field_path, message, "INVALID_QUANTITY_TOO_HIGH")


def write_group(context, reason, reference, rows):
    """Change rows, `available` before its mirror on on_hand; an empty group is null."""
    if not rows:
        return None
    mirrored: dict = {}
    for row in rows:
        if row["name"] != "incoming":
            key = row["item_id"], row["location_id"]
            mirrored[key] = mirrored.get(key, 0) + row["delta"]
    rows = rows + [
        {"name": "on_hand", "delta": delta, "ledger": None, "item_id": item, "location_id": place}
        for (item, place), delta in mirrored.items()
        if delta
    ]
    return context.store.add(
        "InventoryAdjustmentGroup",
        reason=reason,
        reference=reference,
        changes=rows,
        created_at=now_text(),
    )


def change_row(level, name, delta, ledger=None):
    return {
        "name": name,
        "delta": delta,
        "ledger": ledger,
        "item_id": level["item_id"],
        "location_id": level["location_id"],
    }


@mutation("inventorySetQuantities")
def inventory_set_quantities(context, input):
    base = ["input", "quantities"]
    check_present(input["quantities"], "InventoryQuantityInput")
    name = input["name"]
    if name not in ("available", "on_hand"):
        refuse(
            ["input", "name"],
            "The quantity name must be either 'available' or 'on_hand'.",
            "INVALID_NAME",
        )
    check_reason(input["reason"])
    check_reference(input.get("referenceDocumentUri"))
    for position, row in enumerate(input["quantities"]):
        check_bounds(name, row["quantity"], [*base, str(position), "quantity"])
    found = targets(context.store, input["quantities"], base, lambda row, key: row[key])
    seen = set()
    for position, (item, location) in enumerate(found):
        if (item["id"], location["id"]) in seen:
            refuse(
                [*base, str(position)],
                "The combination of inventoryItemId and locationId must be unique.",
                "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR",
            )
        seen.add((item["id"], location["id"]))
    rows = []
    for position, (row, (item, location)) in enumerate(
        zip(input["quantities"], found, strict=True)
    ):
        level = stocked_level(context, item, location)
        check_stale(level, name, row, [*base, str(position), "changeFromQuantity"])
        delta = row["quantity"] - quantity(level, name)
        if delta:
            # Setting on_hand moves what is available; everything else on the shelf is spoken for.
            change(context, level, available=delta)
            rows.append(change_row(level, "available", delta))
    group = write_group(context, input["reason"], input.get("referenceDocumentUri"), rows)
    return {"inventoryAdjustmentGroup": group}


def check_reference(uri):
    if uri is not None and ("://" not in uri or uri.startswith("gid://shopify/")):
        refuse(
            ["input", "referenceDocumentUri"],
            "The specified reference document is invalid.",
            "INVALID_REFERENCE_DOCUMENT",
        )


@mutation("inventoryAdjustQuantities")
def inventory_adjust_quantities(context, input):
    base = ["input", "changes"]
    check_present(input["changes"], "InventoryChangeInput")
    name = input["name"]
    if name not in ADJUSTABLE:
        refuse(["input", "name"], BAD_NAME, "INVALID_QUANTITY_NAME")
    check_reason(input["reason"])
    check_reference(input.get("referenceDocumentUri"))
    for position, row in enumerate(input["changes"]):
        check_ledger(name, row, [*base, str(position), "ledgerDocumentUri"])
    documents = {row.get("ledgerDocumentUri") for row in input["changes"]} - {None}
    if len(documents) > 1:
        message = "All changes must have the same ledger document URI or, in the case of adjusting "
        message += "available, no ledger document URI."
        refuse(base, message, "MAX_ONE_LEDGER_DOCUMENT")
    found = targets(context.store, input["changes"], base, lambda row, key: row[key])
    rows = []
    for position, (row, (item, location)) in enumerate(zip(input["changes"], found, strict=True)):
        at = [*base, str(position)]
        level = stocked_level(context, item, location)
        check_stale(level, name, row, [*at, "changeFromQuantity"])
        check_bounds(name, quantity(level, name) + row["delta"], [*at, "delta"])
        if row["delta"]:
            change(context, level, **{name: row["delta"]})
            rows.append(change_row(level, name, row["delta"], row.get("ledgerDocumentUri")))
    group = write_group(context, input["reason"], input.get("referenceDocumentUri"), rows)
    return {"inventoryAdjustmentGroup": group}


def check_ledger(name, row, field_path):
    uri = row.get("ledgerDocumentUri")
    if name == "available":
        if uri is not None:
            message = "A ledger document URI is not allowed when adjusting available."
            refuse(field_path, message, "INVALID_AVAILABLE_DOCUMENT")
    elif uri is None:
        message = "A ledger document URI is required except when adjusting available."
        refuse(field_path, message, "INVALID_QUANTITY_DOCUMENT")
    elif uri.startswith("gid://shopify/"):
        refuse(field_path, "The specified ledger document is invalid.", "INTERNAL_LEDGER_DOCUMENT")


@mutation("inventoryMoveQuantities")
def inventory_move_quantities(context, input):
    base = ["input", "changes"]
    for row in input["changes"]:
        check_present([row["from"], row["to"]], "InventoryMoveQuantityTerminalInput")
    check_reason(input["reason"])
    check_reference(input["referenceDocumentUri"])
    for position, row in enumerate(input["changes"]):
        at = [*base, str(position)]
        for side in ("from", "to"):
            if row[side]["name"] not in ADJUSTABLE:
                refuse([*at, side, "name"], BAD_NAME, "INVALID_QUANTITY_NAME")
        if row["from"]["locationId"] != row["to"]["locationId"]:
            message = "The quantities can't be moved between different locations."
            refuse(at, message, "DIFFERENT_LOCATIONS")
        if row["from"]["name"] == row["to"]["name"]:
            message = "The quantity names for each change can't be the same."
            refuse(at, message, "SAME_QUANTITY_NAME")
        if row["quantity"] < 0:
            message = "The quantity can't be negative."
            refuse([*at, "quantity"], message, "INVALID_QUANTITY_NEGATIVE")
        for side in ("from", "to"):
            check_ledger(row[side]["name"], row[side], [*at, side, "ledgerDocumentUri"])
    found = targets(
        context.store,
        input["changes"],
        base,
        lambda row, key: row["from"][key] if key == "locationId" else row[key],
    )
    rows = []
    for position, (row, (item, location)) in enumerate(zip(input["changes"], found, strict=True)):
        at = [*base, str(position)]
        level = stocked_level(context, item, location)
        for side in ("from", "to"):
            check_stale(level, row[side]["name"], row[side], [*at, side, "changeFromQuantity"])
        units = row["quantity"]
        if units:
            change(context, level, **{row["from"]["name"]: -units, row["to"]["name"]: units})
            for side, delta in (("from", -units), ("to", units)):
                uri = row[side].get("ledgerDocumentUri")
                rows.append(change_row(level, row[side]["name"], delta, uri))
    group = write_group(context, input["reason"], input["referenceDocumentUri"], rows)
    return {"inventoryAdjustmentGroup": group}


@mutation("inventoryActivate")
def inventory_activate(
    context, inventoryItemId, locationId, available=None, onHand=None, stockAtLegacyLocation=False
):
    store = context.store
    location = find(store, "Location", locationId)
    if location is None:
        message = "The product couldn't be stocked because the location wasn't found."
        refuse(["locationId"], message)
    prefix = f"The product couldn't be stocked at {location['name']} because "
    item = find(store, "InventoryItem", inventoryItemId)
    if item is None:
        refuse(["inventoryItemId"], f"{prefix}the product was deleted.")
    if available is not None and onHand is not None:
        message = f"{prefix}not allowed to set available and on_hand quantities at the same time."
        raise UserErrors(user_error(["available"], message), user_error(["onHand"], message))
    for name, value in (("available", available), ("onHand", onHand)):
        if value is not None and abs(value) > LIMIT:
            message = f"{prefix}the quantity needs to be between -1 billion and 1 billion."
            refuse([name], message)
    level = level_of(store, item["id"], location["id"])
    if level is not None and level["active"]:
        if available is not None:
            message = "Not allowed to set available quantity when the item is already active at "
            refuse(["available"], f"{message}the location.", inventoryLevel=level)
        if onHand is not None:
            message = "Not allowed to set an on_hand quantity when the item is already active at "
            refuse(["onHand"], f"{message}the location.", inventoryLevel=level)
        return {"inventoryLevel": level}
    if level is None:
        level = connect_level(store, item["id"], location["id"])
    level["active"] = True
    store.save(level)
    context.events.emit("inventory_levels/connect", level)
    if available:
        change(context, level, available=available)
    if onHand:
        change(context, level, available=onHand - quantity(level, "on_hand"))
    return {"inventoryLevel": level}
