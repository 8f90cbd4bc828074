"""Webhook bodies of everything that is no order: stock, returns, fulfillment orders, catalogue."""

from oms.shopify.sandbox.ids import gid, gid_of
from oms.shopify.sandbox.payloads_base import local_time
from oms.shopify.sandbox.stock import quantity


def level_body(store, topic, level, extra):
    """Only `available`, no delta, no cause: Shopify says no more."""
    return {
        "inventory_item_id": level["item_id"],
        "location_id": level["location_id"],
        "available": quantity(level, "available"),
        "updated_at": local_time(level["updated_at"]),
        "admin_graphql_api_id": gid_of(level),
    }


def event_body(store, topic, event, extra):
    return {
        "id": event["id"],
        "fulfillment_id": event["fulfillment_id"],
        "status": event["status"].lower(),
        "message": event["message"],
        "happened_at": local_time(event["happened_at"]),
        "city": event["city"],
        "province": event["province"],
        "country": event["country"],
        "zip": event["zip"],
        "address1": event["address1"],
        "latitude": event["latitude"],
        "longitude": event["longitude"],
        "shop_id": store.meta["shop"]["id"],
        "created_at": local_time(event["created_at"]),
        "updated_at": local_time(event["created_at"]),
        "estimated_delivery_at": local_time(event["estimated_delivery_at"]),
        "order_id": event["order_id"],
        "admin_graphql_api_id": gid_of(event),
    }


def return_body(store, topic, doc, extra):
    head = {"id": doc["id"], "admin_graphql_api_id": gid_of(doc)}
    if topic in ("returns/close", "returns/cancel", "returns/reopen"):
        return head | {"order_id": doc["order_id"], "status": doc["status"].lower()}
    order = {"id": doc["order_id"], "admin_graphql_api_id": gid("Order", doc["order_id"])}
    if topic == "returns/decline":
        decline = {"reason": doc["decline"]["reason"].lower(), "note": doc["decline"]["note"]}
        return head | {"status": "declined", "order": order, "decline": decline}
    return head | {
        "status": doc["status"].lower(),
        "order": order,
        "total_return_line_items": len(doc["lines"]),
        "name": doc["name"],
        "return_line_items": [
            {
                "id": line["id"],
                "admin_graphql_api_id": gid_of(line),
                "quantity": line["quantity"],
                "return_reason": line["reason"].lower(),
                "return_reason_note": line["note"],
                "customer_note": line["customer_note"],
                "fulfillment_line_item": {
                    "id": line["fulfillment_line_id"],
                    "admin_graphql_api_id": gid("FulfillmentLineItem", line["fulfillment_line_id"]),
                    "line_item": {
                        "id": line["line_id"],
                        "admin_graphql_api_id": gid("LineItem", line["line_id"]),
                    },
                },
            }
            for line in doc["lines"]
        ],
        "return_shipping_fees": [],
        "exchange_line_items": [],
        "total_exchange_line_items": 0,
    }


def dispose_body(store, topic, doc, extra):
    rows = extra["dispositions"]
    return {
        "id": doc["id"],
        "admin_graphql_api_id": gid_of(doc),
        "dispositions": [
            {
                "reverse_fulfillment_order_line_item": {
                    "id": row["line_id"],
                    "admin_graphql_api_id": gid("ReverseFulfillmentOrderLineItem", row["line_id"]),
                },
                "reverse_delivery_line_item": None,
                "type": row["type"].lower(),
                "location": {
                    "id": row["location_id"],
                    "admin_graphql_api_id": gid("Location", row["location_id"]),
                }
                if row["location_id"]
                else None,
                "quantity": row["quantity"],
            }
            for row in rows
        ],
        "total_dispositions": len(rows),
    }


def short(fulfillment_order, location=False):
    body = {"id": gid_of(fulfillment_order), "status": fulfillment_order["status"].lower()}
    if location:
        body["assigned_location_id"] = gid("Location", fulfillment_order["location_id"])
    return body


def hold_body(store, hold):
    return {
        "id": gid("FulfillmentHold", hold["id"]),
        "reason": hold["reason"].lower(),
        "reason_notes": hold["notes"],
        "held_by_requesting_app": True,
        "handle": hold["handle"],
        "held_by_app": {"id": gid("App", store.meta["shop"]["app_id_number"])},
    }


def fulfillment_order_body(store, topic, doc, extra):
    """Gids, lower-case statuses and no order id at all: Shopify's shape."""
    verb = topic.split("/")[1]
    if topic in ("fulfillment_holds/added", "fulfillment_holds/released"):
        return {
            "fulfillment_order": {"id": gid_of(doc)},
            "fulfillment_hold": hold_body(store, extra["hold"]),
        }
    if verb == "moved":
        return {
            "original_fulfillment_order": short(extra["original"], location=True),
            "moved_fulfillment_order": short(extra["moved"], location=True),
            "destination_location_id": gid("Location", extra["moved"]["location_id"]),
            "fulfillment_order_line_items_requested": extra["requested"],
            "source_location": {"id": gid("Location", extra["source_id"])},
        }
    body = {"fulfillment_order": short(doc)}
    if verb == "placed_on_hold":
        body["fulfillment_order"]["fulfillment_holds"] = [
            hold_body(store, hold) for hold in doc["holds"]
        ]
        body["remaining_fulfillment_order"] = (
            short(extra["remaining"]) if extra["remaining"] else None
        )
        body["held_fulfillment_order_line_items"] = [
            {"id": gid_of(line), "quantity": line["remaining"]} for line in doc["lines"]
        ]
        body["created_fulfillment_hold"] = hold_body(store, extra["hold"])
    elif verb == "split":
        body["split_line_items"] = extra["requested"]
        body["remaining_fulfillment_order"] = short(extra["remaining"])
        body["replacement_fulfillment_order"] = None
    elif verb == "cancelled":
        body["fulfillment_order"]["status"] = "cancelled"
        body["replacement_fulfillment_order"] = short(extra["replacement"])
    elif verb == "merged":
        return {
            "merge_intents": extra["intents"],
            "fulfillment_order_merges": {"fulfillment_order": short(doc)},
        }
    elif verb == "progress_reported":
        body["progress_report"] = {
            "reason_notes": extra["notes"],
            "progress_reported_by_app": {"id": gid("App", store.meta["shop"]["app_id_number"])},
            "progress_reported_by_user": None,
        }
        body["initial_status"] = extra["initial_status"].lower()
    return body


def product_body(store, topic, product, extra):
    variants = store.where("ProductVariant", "product_id", product["id"])
    return {
        "admin_graphql_api_id": gid_of(product),
        "body_html": product["description"],
        "created_at": local_time(product["created_at"]),
        "handle": product["handle"],
        "id": product["id"],
        "product_type": product["product_type"],
        "published_at": local_time(product["created_at"]),
        "template_suffix": None,
        "title": product["title"],
        "updated_at": local_time(product["updated_at"]),
        "vendor": product["vendor"],
        "status": product["status"].lower(),
        "published_scope": "web",
        "tags": ", ".join(product["tags"]),
        "variants": [variant_body(store, variant) for variant in variants[:100]],
        "options": [],
        "images": [],
        "image": None,
        "media": [],
        "variant_gids": [
            {"admin_graphql_api_id": gid_of(variant), "updated_at": variant["updated_at"]}
            for variant in variants
        ],
        "has_variants_that_requires_components": False,
        "category": None,
    }


def variant_body(store, variant):
    levels = store.where("InventoryLevel", "item_id", variant["item_id"])
    units = sum(quantity(level, "available") for level in levels if level["active"])
    return {
        "admin_graphql_api_id": gid_of(variant),
        "barcode": variant["barcode"],
        "compare_at_price": None,
        "created_at": local_time(variant["created_at"]),
        "id": variant["id"],
        "inventory_policy": variant["inventory_policy"].lower(),
        "position": variant["position"],
        "price": f"{float(variant['price']):.2f}",
        "product_id": variant["product_id"],
        "sku": variant["sku"],
        "taxable": variant["taxable"],
        "title": variant["title"],
        "updated_at": local_time(variant["updated_at"]),
        "option1": variant["title"],
        "option2": None,
        "option3": None,
        "image_id": None,
        "inventory_item_id": variant["item_id"],
        "inventory_quantity": units,
        "old_inventory_quantity": units,
    }


def location_body(store, topic, location, extra):
    address = location["address"]
    return {
        "id": location["id"],
        "name": location["name"],
        "address1": address["address1"],
        "address2": address["address2"],
        "city": address["city"],
        "zip": address["zip"],
        "province": address["province"],
        "country": address["countryCode"],
        "phone": address["phone"],
        "created_at": local_time(location["created_at"]),
        "updated_at": local_time(location["updated_at"]),
        "country_code": address["countryCode"],
        "country_name": address["country"],
        "province_code": address["provinceCode"],
        "legacy": False,
        "active": location["active"],
        "admin_graphql_api_id": gid_of(location),
    }


MORE = {
    "InventoryLevel": level_body,
    "FulfillmentEvent": event_body,
    "Return": return_body,
    "ReverseFulfillmentOrder": dispose_body,
    "FulfillmentOrder": fulfillment_order_body,
    "Product": product_body,
    "Location": location_body,
}
