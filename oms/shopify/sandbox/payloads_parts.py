"""Webhook bodies of what hangs on an order: transactions, refunds, fulfillments."""

from oms.shopify.sandbox import totals
from oms.shopify.sandbox.ids import gid, gid_of
from oms.shopify.sandbox.money import ZERO, bag, rest_bag, rest_text
from oms.shopify.sandbox.payloads_base import address_body, line_body, local_time, shipping_body


def transaction_body(store, transaction):
    order = store.get("Order", transaction["order_id"])
    value = bag(transaction["amount"])
    kind = transaction["kind_of"].lower()
    return {
        "id": transaction["id"],
        "order_id": order["id"],
        "kind": kind,
        "gateway": transaction["gateway"],
        "status": transaction["status"].lower(),
        "message": None,
        "created_at": local_time(transaction["created_at"]),
        "test": transaction["test"],
        "authorization": transaction["authorization"],
        "location_id": None,
        "user_id": None,
        "parent_id": transaction["parent_id"],
        "processed_at": local_time(transaction["processed_at"]),
        "device_id": None,
        "error_code": None,
        "source_name": order["source_name"],
        "receipt": {},
        "amount": rest_text(value.shop, order["currency"]),
        "currency": order["currency"],
        "payment_id": transaction["payment_id"],
        "total_unsettled_set": unsettled_body(order, transaction),
        "manual_payment_gateway": transaction["gateway"] == "manual",
        "amount_rounding": None,
        "admin_graphql_api_id": gid_of(transaction),
    }


def unsettled_body(order, transaction):
    left = next(
        (left for each, left in totals.open_authorizations(order) if each is transaction), ZERO
    )
    return {
        "presentment_money": {
            "amount": rest_text(left.presentment, order["presentment_currency"]),
            "currency": order["presentment_currency"],
        },
        "shop_money": {
            "amount": rest_text(left.shop, order["currency"]),
            "currency": order["currency"],
        },
    }


def refund_body(store, refund):
    order = store.get("Order", refund["order_id"])
    lines = {line["id"]: line for line in order["lines"]}
    return {
        "id": refund["id"],
        "order_id": order["id"],
        "created_at": local_time(refund["created_at"]),
        "note": refund["note"],
        "user_id": None,
        "processed_at": local_time(refund["processed_at"]),
        "duties": [],
        "total_duties_set": rest_bag(ZERO, order),
        "return": {
            "id": refund["return_id"],
            "admin_graphql_api_id": gid("Return", refund["return_id"]),
        }
        if refund["return_id"]
        else None,
        "refund_shipping_lines": refund_shipping(order, refund),
        "restock": any(row["restocked"] for row in refund["lines"]),
        "admin_graphql_api_id": gid_of(refund),
        "order_adjustments": [],
        "refund_line_items": [
            {
                "id": row["id"],
                "quantity": row["quantity"],
                "line_item_id": row["line_id"],
                "location_id": row["location_id"],
                "restock_type": row["restock_type"].lower(),
                "subtotal": float(bag(row["subtotal"]).shop),
                "total_tax": float(bag(row["tax"]).shop),
                "subtotal_set": rest_bag(bag(row["subtotal"]), order),
                "total_tax_set": rest_bag(bag(row["tax"]), order),
                "line_item": line_body(store, order, lines[row["line_id"]]),
            }
            for row in refund["lines"]
        ],
        "transactions": [
            transaction_body(store, each)
            for each in order["transactions"]
            if each["id"] in refund["transaction_ids"]
        ],
    }


def refund_shipping(order, refund):
    value = bag(refund["shipping"])
    if not value.shop or not order["shipping_lines"]:
        return []
    line = order["shipping_lines"][0]
    return [
        {
            "id": refund["id"] + 1,
            "shipping_line": shipping_body(order, line),
            "subtotal_amount_set": rest_bag(value, order),
            "tax_amount_set": rest_bag(ZERO, order),
        }
    ]


def fulfillment_body(store, fulfillment):
    order = store.get("Order", fulfillment["order_id"])
    lines = {line["id"]: line for line in order["lines"]}
    tracking = fulfillment["tracking"]
    numbers = [each["number"] for each in tracking if each["number"]]
    urls = [each["url"] for each in tracking if each["url"]]
    return {
        "id": fulfillment["id"],
        "order_id": order["id"],
        "status": fulfillment["status"].lower(),
        "created_at": local_time(fulfillment["created_at"]),
        "service": "manual",
        "updated_at": local_time(fulfillment["updated_at"]),
        "tracking_company": tracking[0]["company"] if tracking else None,
        "shipment_status": fulfillment["events"][-1]["status"].lower()
        if fulfillment["events"]
        else None,
        "location_id": fulfillment["location_id"],
        "origin_address": None,
        "email": order["email"],
        "destination": address_body(order["shipping_address"]),
        "line_items": [
            line_body(store, order, lines[row["line_id"]], row["quantity"])
            for row in fulfillment["lines"]
        ],
        "tracking_number": numbers[0] if numbers else None,
        "tracking_numbers": numbers,
        "tracking_url": urls[0] if urls else None,
        "tracking_urls": urls,
        "receipt": {},
        "name": f"{order['name']}.{fulfillment['number']}",
        "admin_graphql_api_id": gid_of(fulfillment),
    }
