"""The pieces webhook bodies share: lines, addresses, tax, stamps in the shop's zone."""

from datetime import datetime
from zoneinfo import ZoneInfo

from oms.shopify.sandbox import totals
from oms.shopify.sandbox.ids import gid_of
from oms.shopify.sandbox.money import bag, rest_bag, rest_text

SHOP_ZONE = ZoneInfo("America/New_York")


def local_time(text):
    """Webhook stamps are in the shop's zone, with its offset."""
    if text is None:
        return None
    return datetime.fromisoformat(text).astimezone(SHOP_ZONE).isoformat(timespec="seconds")


def line_body(store, order, line, quantity=None):
    price, discount = bag(line["price"]), bag(line["discount"])
    variant = store.get("ProductVariant", line["variant_id"]) if line["variant_id"] else None
    item = store.get("InventoryItem", variant["item_id"]) if variant else None
    return {
        "id": line["id"],
        "admin_graphql_api_id": gid_of(line),
        "attributed_staffs": [],
        "current_quantity": totals.current_quantity(line),
        "fulfillable_quantity": totals.unfulfilled_quantity(line),
        "fulfillment_service": "manual",
        "fulfillment_status": fulfillment_word([line]),
        "gift_card": line["gift_card"],
        "grams": line["grams"],
        "name": line["name"],
        "price": rest_text(price.shop, order["currency"]),
        "price_set": rest_bag(price, order),
        "product_exists": line["product_id"] is not None,
        "product_id": line["product_id"],
        "properties": [
            {"name": each["key"], "value": each["value"]} for each in line["properties"]
        ],
        "quantity": line["quantity"] if quantity is None else quantity,
        "requires_shipping": line["requires_shipping"],
        "sales_line_item_group_id": None,
        "sku": line["sku"],
        "taxable": line["taxable"],
        "title": line["title"],
        "total_discount": rest_text(discount.shop, order["currency"]),
        "total_discount_set": rest_bag(discount, order),
        "variant_id": line["variant_id"],
        "variant_inventory_management": "shopify" if item and item["tracked"] else None,
        "variant_title": line["variant_title"],
        "vendor": line["vendor"],
        "tax_lines": [tax_body(order, tax) for tax in line["tax_lines"]],
        "duties": [],
        "discount_allocations": [],
    }


def tax_body(order, tax):
    value = bag(tax["price"])
    return {
        "channel_liable": None,
        "price": rest_text(value.shop, order["currency"]),
        "price_set": rest_bag(value, order),
        "rate": tax["rate"],
        "title": tax["title"],
    }


def shipping_body(order, line):
    price = bag(line["price"])
    return {
        "id": line["id"],
        "carrier_identifier": None,
        "code": line["code"],
        "current_discounted_price_set": rest_bag(price, order),
        "discounted_price": rest_text(price.shop, order["currency"]),
        "discounted_price_set": rest_bag(price, order),
        "is_removed": False,
        "phone": None,
        "price": rest_text(price.shop, order["currency"]),
        "price_set": rest_bag(price, order),
        "requested_fulfillment_service_id": None,
        "source": line["source"],
        "title": line["title"],
        "tax_lines": [tax_body(order, tax) for tax in line["tax_lines"]],
        "discount_allocations": [],
    }


def address_body(address):
    if address is None:
        return None
    return {
        "first_name": address["firstName"],
        "address1": address["address1"],
        "phone": address["phone"],
        "city": address["city"],
        "zip": address["zip"],
        "province": address["province"],
        "country": address["country"],
        "last_name": address["lastName"],
        "address2": address["address2"],
        "company": address["company"],
        "latitude": address["latitude"],
        "longitude": address["longitude"],
        "name": address["name"],
        "country_code": address["countryCode"],
        "province_code": address["provinceCode"],
    }


def fulfillment_word(lines):
    """null, partial or fulfilled."""
    done = sum(line["fulfilled"] for line in lines)
    if not done:
        return None
    return (
        "partial" if sum(totals.unfulfilled_quantity(line) for line in lines) > 0 else "fulfilled"
    )
