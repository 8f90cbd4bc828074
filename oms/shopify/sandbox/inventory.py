"""Inventory items and levels: reads."""

from oms.shopify.sandbox.connections import connect
from oms.shopify.sandbox.errors import ShopifyError
from oms.shopify.sandbox.ids import GID
from oms.shopify.sandbox.lookup import by_gid, find
from oms.shopify.sandbox.registry import absent, field, keys, node, plain
from oms.shopify.sandbox.search import searched
from oms.shopify.sandbox.stock import NAMES, level_of, quantity

node("InventoryItem", legacy=True)
keys(
    "InventoryItem",
    sku="sku",
    tracked="tracked",
    requiresShipping="requires_shipping",
    createdAt="created_at",
    updatedAt="updated_at",
)
absent("InventoryItem", "countryCodeOfOrigin harmonizedSystemCode provinceCodeOfOrigin unitCost")
node("InventoryLevel")
keys("InventoryLevel", createdAt="created_at", updatedAt="updated_at", isActive="active")
absent("InventoryLevel", "deactivationAlert")
plain("InventoryQuantity", "id name quantity updatedAt")
plain("InventoryItemMeasurement", "id weight")
plain("Weight", "unit value")
plain("EditableProperty", "locked reason")


@field("InventoryItem", "measurement")
def measurement(item, info):
    return {
        "id": f"gid://shopify/InventoryItemMeasurement/{item['id']}",
        "weight": {"unit": "KILOGRAMS", "value": item["grams"] / 1000},
    }


@field("InventoryItem", "variant")
def variant_of(item, info):
    return info.context.store.get("ProductVariant", item["variant_id"])


@field("InventoryItem", "variants")
def variants_of(item, info, **page):
    return connect([variant_of(item, info)], **page)


@field("InventoryItem", "duplicateSkuCount")
def duplicate_sku_count(item, info):
    if not item["sku"]:
        return 0
    rows = info.context.store.all("InventoryItem")
    return sum(row["sku"] == item["sku"] for row in rows) - 1


@field("InventoryItem", "trackedEditable")
def tracked_editable(item, info):
    return {"locked": False, "reason": None}


@field("InventoryItem", "inventoryLevel")
def level_at(item, info, locationId, includeInactive=False):
    location = by_gid(info.context.store, "Location", locationId)
    return location and shown_level(info.context.store, item["id"], location["id"], includeInactive)


@field("InventoryItem", "inventoryLevels")
def levels_of(item, info, includeInactive=False, query=None, **page):
    rows = info.context.store.where("InventoryLevel", "item_id", item["id"])
    rows = [row for row in rows if row["active"] or includeInactive]
    fields = {
        "id": "id",
        "inventory_item_id": "item_id",
        "inventory_group_id": "location_id",
        "created_at": "created_at",
        "updated_at": "updated_at",
    }
    return connect(searched(info, rows, query, fields), **page)


@field("InventoryItem", "locationsCount")
def locations_count(item, info):
    rows = info.context.store.where("InventoryLevel", "item_id", item["id"])
    return {"count": sum(row["active"] for row in rows), "precision": "EXACT"}


@field("InventoryLevel", "item")
def item_of(level, info):
    return info.context.store.get("InventoryItem", level["item_id"])


@field("InventoryLevel", "location")
def location_of(level, info):
    return info.context.store.get("Location", level["location_id"])


@field("InventoryLevel", "quantities")
def quantities(level, info, names):
    for name in names:
        if name not in NAMES:
            raise ShopifyError(
                "The quantity name must be one of the following values: "
                f"{', '.join(sorted(NAMES))}.",
                "INVALID_FIELD_ARGUMENTS",
            )
    return [
        {
            "id": f"gid://shopify/InventoryQuantity/{level['id']}"
            f"?inventory_item_id={level['item_id']}&name={name}",
            "name": name,
            "quantity": quantity(level, name),
            "updatedAt": None if name == "on_hand" else level["stamps"].get(name),
        }
        for name in names
    ]


@field("InventoryLevel", "canDeactivate")
def can_deactivate(level, info):
    rows = info.context.store.where("InventoryLevel", "item_id", level["item_id"])
    return sum(row["active"] for row in rows) > 1 and not quantity(level, "committed")


@field("QueryRoot", "inventoryItem")
def item_root(root, info, id):
    return by_gid(info.context.store, "InventoryItem", id)


@field("QueryRoot", "inventoryItems")
def items_root(root, info, query=None, **page):
    fields = {
        "id": "id",
        "sku": "sku",
        "tracked": "tracked",
        "created_at": "created_at",
        "updated_at": "updated_at",
    }
    rows = searched(info, info.context.store.all("InventoryItem"), query, fields, ("sku",))
    return connect(rows, **page)


@field("QueryRoot", "inventoryLevel")
def level_root(root, info, id):
    match = GID.match(id)
    level = by_gid(info.context.store, "InventoryLevel", id)
    wanted = (match[3] or "").removeprefix("inventory_item_id=") if match else ""
    return level if level and wanted == str(level["item_id"]) else None


def find_level(store, item_gid, location_id, include_inactive=False):
    item = find(store, "InventoryItem", item_gid)
    return item and shown_level(store, item["id"], location_id, include_inactive)


def shown_level(store, item_id, location_id, include_inactive):
    level = level_of(store, item_id, location_id)
    return level if level and (level["active"] or include_inactive) else None
