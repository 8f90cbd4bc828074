"""Webhook bodies: the REST shape of orders and what hangs on them."""

from oms.shopify.sandbox import totals
from oms.shopify.sandbox.ids import gid_of
from oms.shopify.sandbox.money import ZERO, rest_bag, rest_text, total
from oms.shopify.sandbox.payloads_base import (
    address_body,
    fulfillment_word,
    line_body,
    local_time,
    shipping_body,
    tax_body,
)
from oms.shopify.sandbox.payloads_more import MORE
from oms.shopify.sandbox.payloads_parts import fulfillment_body, refund_body, transaction_body


def body_of(store, topic, doc, extra):
    """The body of one event, by the kind of its object."""
    if doc["kind"] in OF_ORDER:
        return OF_ORDER[doc["kind"]](store, doc)
    return MORE[doc["kind"]](store, topic, doc, extra)


def order_body(store, order):
    """orders/* : the whole order, without transactions and without fulfillment orders."""
    shop = store.meta["shop"]
    customer = store.get("Customer", order["customer_id"]) if order["customer_id"] else None
    amounts = {
        "current_shipping_price": totals.shipping(order) - totals.shipping_refunded(order),
        "current_subtotal_price": totals.current_subtotal(order),
        "current_total_discounts": totals.current_discounts(order),
        "current_total_price": totals.current_total(order),
        "current_total_tax": totals.current_tax(order),
        "subtotal_price": totals.subtotal(order),
        "total_discounts": totals.discounts(order),
        "total_line_items_price": total(totals.line_price(line) for line in order["lines"]),
        "total_price": totals.grand_total(order),
        "total_shipping_price": totals.shipping(order),
        "total_tax": totals.tax(order),
    }
    status = totals.financial_status(order)
    phone = order["phone"]
    body = {
        "id": order["id"],
        "admin_graphql_api_id": gid_of(order),
        "app_id": shop["app_id_number"],
        "browser_ip": None,
        "buyer_accepts_marketing": False,
        "cancel_reason": order["cancel_reason"] and order["cancel_reason"].lower(),
        "cancelled_at": local_time(order["cancelled_at"]),
        "cart_token": order.get("cart_token"),
        "checkout_token": None,
        "client_details": None,
        "closed_at": local_time(order["closed_at"]),
        "confirmation_number": None,
        "confirmed": True,
        "contact_email": order["email"],
        "created_at": local_time(order["created_at"]),
        "currency": order["currency"],
        "current_total_additional_fees_set": None,
        "current_total_duties_set": None,
        "customer_locale": "en",
        "device_id": None,
        "discount_codes": [
            {
                "code": code,
                "amount": rest_text(totals.discounts(order).shop),
                "type": "fixed_amount",
            }
            for code in order["discount_codes"]
        ],
        "duties_included": False,
        "email": order["email"],
        "estimated_taxes": False,
        "financial_status": status.lower() if status else None,
        "fulfillment_status": fulfillment_word(order["lines"]),
        "landing_site": None,
        "landing_site_ref": None,
        "location_id": order.get("location_id"),
        "merchant_business_entity_id": shop["business_entity"],
        "merchant_of_record_app_id": None,
        "name": order["name"],
        "note": order["note"],
        "note_attributes": [
            {"name": each["key"], "value": each["value"]} for each in order["attributes"]
        ],
        "number": order["number"] - 1000,
        "order_number": order["number"],
        "order_status_url": f"https://{shop['domain']}/{shop['id']}/orders/{order['id']}/authenticate",
        "original_total_additional_fees_set": None,
        "original_total_duties_set": None,
        "payment_gateway_names": list(dict.fromkeys(t["gateway"] for t in order["transactions"])),
        "phone": phone,
        "po_number": order["po_number"],
        "presentment_currency": order["presentment_currency"],
        "processed_at": local_time(order["processed_at"]),
        "reference": None,
        "referring_site": None,
        "source_identifier": order["source_identifier"],
        "source_name": order["source_name"],
        "source_url": None,
        "tags": ", ".join(order["tags"]),
        "tax_exempt": False,
        "tax_lines": [tax_body(order, tax) for tax in order["tax_lines"]],
        "taxes_included": order["taxes_included"],
        "test": order["test"],
        "token": f"{order['id']:x}",
        "total_cash_rounding_payment_adjustment_set": rest_bag(ZERO, order),
        "total_cash_rounding_refund_adjustment_set": rest_bag(ZERO, order),
        "total_outstanding": rest_text(totals.outstanding(order).shop, order["currency"]),
        "total_tip_received": rest_text(0, order["currency"]),
        "total_weight": sum(line["grams"] * line["quantity"] for line in order["lines"]),
        "updated_at": local_time(order["updated_at"]),
        "user_id": None,
        "billing_address": address_body(order["billing_address"]),
        "customer": customer_body(customer, shop) if customer else None,
        "discount_applications": [],
        "fulfillments": [
            fulfillment_body(store, each)
            for each in store.where("Fulfillment", "order_id", order["id"])
        ],
        "line_items": [line_body(store, order, line) for line in order["lines"]],
        "payment_terms": None,
        "refunds": [refund_body(store, refund) for refund in order["refunds"]],
        "shipping_address": address_body(order["shipping_address"]),
        "shipping_lines": [shipping_body(order, line) for line in order["shipping_lines"]],
        "returns": [
            {
                "id": each["id"],
                "admin_graphql_api_id": gid_of(each),
                "status": each["status"].lower(),
            }
            for each in store.where("Return", "order_id", order["id"])
        ],
        "line_item_groups": [],
    }
    for name, value in amounts.items():
        body[f"{name}_set"] = rest_bag(value, order)
        if name not in ("current_shipping_price", "total_shipping_price"):
            body[name] = rest_text(value.shop, order["currency"])
    return body


def customer_body(customer, shop):
    body = {
        "id": customer["id"],
        "created_at": local_time(customer["created_at"]),
        "updated_at": local_time(customer["updated_at"]),
        "first_name": customer["first_name"],
        "last_name": customer["last_name"],
        "state": "disabled",
        "note": customer["note"],
        "verified_email": True,
        "multipass_identifier": None,
        "tax_exempt": False,
        "email": customer["email"],
        "phone": customer["phone"],
        "currency": shop["currency"],
        "tax_exemptions": [],
        "admin_graphql_api_id": gid_of(customer),
    }
    if customer["default_address"]:
        address = address_body(customer["default_address"])
        body["default_address"] = address | {
            "id": int(customer["default_address"]["id"].rsplit("/", 1)[1].split("?")[0]),
            "customer_id": customer["id"],
            "country_name": address["country"],
            "default": True,
        }
    return body


OF_ORDER = {
    "Order": order_body,
    "Fulfillment": fulfillment_body,
    "Refund": refund_body,
    "OrderTransaction": transaction_body,
}
