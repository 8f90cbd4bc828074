"""Products and variants: reads, and the one way to put them into the store."""

import re
from decimal import Decimal

from oms.shopify.sandbox.connections import connect
from oms.shopify.sandbox.ids import gid
from oms.shopify.sandbox.lookup import by_gid
from oms.shopify.sandbox.money import decimal_text, money_v2
from oms.shopify.sandbox.registry import absent, empty_page, field, keys, node, plain
from oms.shopify.sandbox.search import searched
from oms.shopify.sandbox.stock import quantity

node("Product", legacy=True)
keys(
    "Product",
    title="title",
    handle="handle",
    status="status",
    vendor="vendor",
    productType="product_type",
    tags="tags",
    createdAt="created_at",
    updatedAt="updated_at",
    publishedAt="created_at",
    descriptionHtml="description",
    isGiftCard="gift_card",
)
absent("Product", "templateSuffix onlineStoreUrl featuredMedia category metafield featuredImage")
absent("Product", "metafields media images collections sellingPlanGroups", empty_page)
absent("Product", "hasVariantsThatRequiresComponents requiresSellingPlan", False)
node("ProductVariant", legacy=True)
keys(
    "ProductVariant",
    title="title",
    sku="sku",
    barcode="barcode",
    position="position",
    taxable="taxable",
    inventoryPolicy="inventory_policy",
    createdAt="created_at",
    updatedAt="updated_at",
)
absent("ProductVariant", "compareAtPrice unitPrice deliveryProfile metafield image")
absent("ProductVariant", "metafields media sellingPlanGroups", empty_page)
absent("ProductVariant", "requiresComponents showUnitPrice", False)
plain("SelectedOption", "name value")
plain("ProductOption", "id name values position optionValues")
plain("ProductOptionValue", "id name hasVariants")
plain("ProductPriceRangeV2", "minVariantPrice maxVariantPrice")
plain("Count", "count precision")


@field("Product", "variants")
def variants(product, info, sortKey="POSITION", **page):
    rows = info.context.store.where("ProductVariant", "product_id", product["id"])
    return connect(rows, key=lambda row: (row["position"], row["id"]), **page)


@field("Product", "variantsCount")
def variants_count(product, info):
    rows = info.context.store.where("ProductVariant", "product_id", product["id"])
    return {"count": len(rows), "precision": "EXACT"}


@field("Product", "hasOnlyDefaultVariant")
def has_only_default_variant(product, info):
    rows = info.context.store.where("ProductVariant", "product_id", product["id"])
    return [row["title"] for row in rows] == ["Default Title"]


@field("Product", "totalInventory")
def total_inventory(product, info):
    rows = info.context.store.where("ProductVariant", "product_id", product["id"])
    return sum(available_everywhere(info.context.store, row) for row in rows)


@field("Product", "tracksInventory")
def tracks_inventory(product, info):
    store = info.context.store
    rows = store.where("ProductVariant", "product_id", product["id"])
    return any(store.get("InventoryItem", row["item_id"])["tracked"] for row in rows)


@field("Product", "options")
def options(product, info, first=None):
    rows = info.context.store.where("ProductVariant", "product_id", product["id"])
    values = [row["title"] for row in rows]
    return [
        {
            "id": gid("ProductOption", product["id"]),
            "name": product["option_name"],
            "values": values,
            "optionValues": [
                {
                    "id": gid("ProductOptionValue", row["id"]),
                    "name": row["title"],
                    "hasVariants": True,
                }
                for row in rows
            ],
            "position": 1,
        }
    ]


@field("Product", "priceRangeV2")
def price_range(product, info):
    store = info.context.store
    rows = store.where("ProductVariant", "product_id", product["id"])
    prices = [Decimal(row["price"]) for row in rows]
    currency = store.meta["shop"]["currency"]
    return {
        "minVariantPrice": money_v2(min(prices), currency),
        "maxVariantPrice": money_v2(max(prices), currency),
    }


@field("ProductVariant", "product")
def product_of(variant, info):
    return info.context.store.get("Product", variant["product_id"])


@field("ProductVariant", "inventoryItem")
def item_of(variant, info):
    return info.context.store.get("InventoryItem", variant["item_id"])


@field("ProductVariant", "price")
def price(variant, info):
    return f"{Decimal(variant['price']):.2f}"


@field("ProductVariant", "displayName")
def display_name(variant, info):
    return f"{product_of(variant, info)['title']} - {variant['title']}"


@field("ProductVariant", "inventoryQuantity", "sellableOnlineQuantity")
def inventory_quantity(variant, info):
    return available_everywhere(info.context.store, variant)


@field("ProductVariant", "availableForSale")
def available_for_sale(variant, info):
    store = info.context.store
    item = store.get("InventoryItem", variant["item_id"])
    if not item["tracked"] or variant["inventory_policy"] == "CONTINUE":
        return True
    return available_everywhere(store, variant) > 0


@field("ProductVariant", "selectedOptions")
def selected_options(variant, info):
    return [{"name": product_of(variant, info)["option_name"], "value": variant["title"]}]


@field("QueryRoot", "product")
def product_root(root, info, id):
    return by_gid(info.context.store, "Product", id)


@field("QueryRoot", "productVariant")
def variant_root(root, info, id):
    return by_gid(info.context.store, "ProductVariant", id)


def skus_of(store):
    def read(product):
        return [row["sku"] for row in store.where("ProductVariant", "product_id", product["id"])]

    return read


SORTS = {
    "TITLE": lambda row: (row["title"], row["id"]),
    "CREATED_AT": lambda row: (row["created_at"], row["id"]),
    "UPDATED_AT": lambda row: (row["updated_at"], row["id"]),
    "VENDOR": lambda row: (row["vendor"], row["id"]),
    "PRODUCT_TYPE": lambda row: (row["product_type"], row["id"]),
    "SKU": lambda row: (row["sku"] or "", row["id"]),
}


@field("QueryRoot", "products")
def products_root(root, info, query=None, sortKey="ID", savedSearchId=None, **page):
    return connect(found_products(info, query), key=SORTS.get(sortKey), **page)


def found_products(info, query):
    fields = {
        "id": "id",
        "title": "title",
        "handle": "handle",
        "status": "status",
        "vendor": "vendor",
        "product_type": "product_type",
        "tag": "tags",
        "created_at": "created_at",
        "updated_at": "updated_at",
        "sku": skus_of(info.context.store),
    }
    text = ("title", "vendor", "product_type")
    return searched(info, info.context.store.all("Product"), query, fields, text)


@field("QueryRoot", "productsCount")
def products_count(root, info, query=None, limit=10000, savedSearchId=None):
    rows = found_products(info, query)
    return {"count": len(rows), "precision": "EXACT"}


@field("QueryRoot", "productVariants")
def variants_root(root, info, query=None, sortKey="ID", savedSearchId=None, **page):
    fields = {
        "id": "id",
        "sku": "sku",
        "barcode": "barcode",
        "title": "title",
        "product_id": "product_id",
        "updated_at": "updated_at",
    }
    rows = searched(info, info.context.store.all("ProductVariant"), query, fields, ("sku", "title"))
    return connect(rows, key=SORTS.get(sortKey), **page)


def available_everywhere(store, variant):
    levels = store.where("InventoryLevel", "item_id", variant["item_id"])
    return sum(quantity(level, "available") for level in levels if level["active"])


def add_product(store, title, variants, vendor="", product_type="", **more):
    """A product with its variants and inventory items.

    `variants` are dicts with sku and price, and optionally title, grams, barcode, tracked.
    """
    handle = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "product"
    product = store.add(
        "Product",
        title=title,
        handle=more.get("handle", handle),
        status="ACTIVE",
        vendor=vendor,
        product_type=product_type,
        tags=sorted(more.get("tags", [])),
        description=more.get("description", ""),
        option_name="Title" if len(variants) == 1 else "Kind",
        gift_card=False,
    )
    for position, given in enumerate(variants, 1):
        variant = store.add(
            "ProductVariant",
            product_id=product["id"],
            item_id=0,
            title=given.get("title", "Default Title"),
            sku=given.get("sku"),
            barcode=given.get("barcode"),
            price=decimal_text(given["price"]),
            position=position,
            taxable=given.get("taxable", True),
            inventory_policy=given.get("inventory_policy", "DENY"),
        )
        item = store.add(
            "InventoryItem",
            sku=given.get("sku"),
            variant_id=variant["id"],
            tracked=given.get("tracked", True),
            requires_shipping=given.get("requires_shipping", True),
            grams=given.get("grams", 0),
        )
        variant["item_id"] = item["id"]
        store.save(variant)
    return product
