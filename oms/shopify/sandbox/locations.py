"""Locations: reads, and what an address looks like."""

from oms.shopify.sandbox.connections import connect
from oms.shopify.sandbox.inventory import find_level
from oms.shopify.sandbox.lookup import by_gid
from oms.shopify.sandbox.registry import absent, empty_page, field, keys, node, plain
from oms.shopify.sandbox.search import searched
from oms.shopify.sandbox.stock import quantity

node("Location", legacy=True)
keys(
    "Location",
    name="name",
    isActive="active",
    createdAt="created_at",
    updatedAt="updated_at",
    fulfillsOnlineOrders="fulfills_online_orders",
    shipsInventory="ships_inventory",
    isFulfillmentService="is_service",
    deactivatedAt="deactivated_at",
)
absent("Location", "fulfillmentService localPickupSettingsV2 metafield")
absent("Location", "metafields", empty_page)
absent("Location", "addressVerified", False)
absent("Location", "suggestedAddresses", list)
plain(
    "LocationAddress",
    "address1 address2 city country countryCode formatted latitude longitude phone province "
    "provinceCode zip",
)


@field("Location", "isPrimary")
def is_primary(location, info):
    return primary_location(info.context.store) is location


@field("Location", "activatable")
def is_activatable(location, info):
    return not location["active"]


@field("Location", "hasActiveInventory")
def has_active_inventory(location, info):
    levels = info.context.store.where("InventoryLevel", "location_id", location["id"])
    return any(level["active"] and quantity(level, "on_hand") for level in levels)


@field("Location", "hasUnfulfilledOrders")
def has_unfulfilled_orders(location, info):
    return any(
        fulfillment_order["location_id"] == location["id"]
        and fulfillment_order["status"] not in ("CLOSED", "CANCELLED")
        for fulfillment_order in info.context.store.all("FulfillmentOrder")
    )


@field("Location", "address")
def address(location, info):
    return location["address"]


@field("Location", "inventoryLevel")
def inventory_level(location, info, inventoryItemId, includeInactive=False):
    return find_level(info.context.store, inventoryItemId, location["id"], includeInactive)


@field("Location", "inventoryLevels")
def inventory_levels(location, info, includeInactive=False, query=None, **page):
    rows = info.context.store.where("InventoryLevel", "location_id", location["id"])
    rows = [level for level in rows if level["active"] or includeInactive]
    fields = {"id": "id", "inventory_item_id": "item_id", "updated_at": "updated_at"}
    return connect(searched(info, rows, query, fields), **page)


@field("QueryRoot", "location")
def location_root(root, info, id=None):
    store = info.context.store
    return primary_location(store) if id is None else by_gid(store, "Location", id)


@field("QueryRoot", "locations")
def locations_root(
    root, info, query=None, sortKey="NAME", includeInactive=False, includeLegacy=False, **page
):
    rows = [row for row in info.context.store.all("Location") if row["active"] or includeInactive]
    rows = searched(info, rows, query, {"name": "name", "id": "id"})
    order = {"NAME": lambda row: (row["name"], row["id"])}.get(sortKey, lambda row: (row["id"],))
    return connect(rows, key=order, **page)


def primary_location(store):
    """The first ranked active location."""
    active = [row for row in store.all("Location") if row["active"]]
    return min(active, key=lambda row: (row["rank"], row["id"]), default=None)


def add_location(store, name, address, rank=0, fulfills_online_orders=True, **more):
    """A location of this shop; the address is kept as GraphQL shows it."""
    lines = [address.get("address1"), address.get("address2")]
    lines.append(
        " ".join(
            filter(None, (address.get("city"), address.get("provinceCode"), address.get("zip")))
        )
    )
    lines.append(address.get("country"))
    whole = dict.fromkeys(
        [
            "address1",
            "address2",
            "city",
            "country",
            "countryCode",
            "latitude",
            "longitude",
            "phone",
            "province",
            "provinceCode",
            "zip",
        ]
    )
    return store.add(
        "Location",
        name=name,
        rank=rank,
        active=True,
        address=whole | address | {"formatted": [line for line in lines if line]},
        fulfills_online_orders=fulfills_online_orders,
        ships_inventory=True,
        is_service=False,
        deactivated_at=None,
        **more,
    )
