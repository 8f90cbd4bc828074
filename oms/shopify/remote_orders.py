"""An order read over GraphQL, in the shape of the webhooks: one way in, one parser, one upsert."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from oms.shopify.client import Client
from oms.shopify.documents import document
from oms.shopify.gids import gid, number_of

Row = dict[str, Any]
COMPANY = "PurchasingCompany"


def read_order(client: Client, remote_id: int) -> Row | None:
    """The order as the body of an orders/* webhook; None when Shopify does not know it."""
    lines: list[Row] = []
    after = None
    while True:
        answer = client.execute(document("order"), {"id": gid("Order", remote_id), "after": after})
        order = answer.data["order"]
        if order is None:
            return None
        page = order["lineItems"]
        lines += page["nodes"]
        if not page["pageInfo"]["hasNextPage"]:
            return _order(order, lines)
        after = page["pageInfo"]["endCursor"]


def read_money(client: Client, remote_id: int) -> tuple[list[Row], list[Row]]:
    """Transactions and refunds of an order, as their webhooks would bring them."""
    answer = client.execute(document("order_money"), {"id": gid("Order", remote_id)})
    order = answer.data["order"]
    if order is None:
        return [], []
    of_refund = {
        node["id"]: refund["id"]
        for refund in order["refunds"]
        for node in refund["transactions"]["nodes"]
    }
    bodies = {row["id"]: _transaction(row, remote_id) for row in order["transactions"]}
    refunds = [
        _refund(row, remote_id, [bodies[id_] for id_, at in of_refund.items() if at == row["id"]])
        for row in order["refunds"]
    ]
    return [body for id_, body in bodies.items() if id_ not in of_refund], refunds


def _order(order: Row, lines: Iterable[Row]) -> Row:
    rows = [_line(line) for line in lines]
    items = sum((Decimal(row["price"]) * row["quantity"] for row in rows), Decimal(0))
    customer = order["customer"]
    return {
        "id": number_of(order["id"]),
        "name": order["name"],
        "updated_at": order["updatedAt"],
        "created_at": order["createdAt"],
        "processed_at": order["processedAt"],
        "cancelled_at": order["cancelledAt"],
        "source_name": order["sourceName"],
        "cart_token": order["cartToken"],
        "location_id": order["retailLocation"] and number_of(order["retailLocation"]["id"]),
        "company": _company(order["purchasingEntity"]),
        "currency": order["currencyCode"],
        "email": order["email"],
        "phone": order["phone"],
        "note": order["note"],
        "test": order["test"],
        "taxes_included": order["taxesIncluded"],
        "tags": ", ".join(order["tags"]),
        "financial_status": (order["displayFinancialStatus"] or "").lower(),
        "total_price": _amount(order["totalPriceSet"]),
        "total_line_items_price": format(items, "f"),
        "total_shipping_price_set": _bag(order["totalShippingPriceSet"]),
        "total_tax": _amount(order["totalTaxSet"]),
        "total_discounts": _amount(order["totalDiscountsSet"]),
        "shipping_address": _address(order["shippingAddress"]),
        "shipping_lines": [
            {"title": row["title"], "price": _amount(row["originalPriceSet"])}
            for row in order["shippingLines"]["nodes"]
        ],
        "customer": customer
        and {
            "id": number_of(customer["id"]),
            "first_name": customer["firstName"],
            "last_name": customer["lastName"],
            "email": (customer["defaultEmailAddress"] or {}).get("emailAddress"),
            "phone": customer["phone"],
        },
        "line_items": rows,
    }


def _company(buyer: Row | None) -> Row | None:
    """Enough of the company to tell its order from a person's; who it is we need not know."""
    return {"id": COMPANY} if buyer and buyer["__typename"] == COMPANY else None


def _line(line: Row) -> Row:
    return {
        "id": number_of(line["id"]),
        "sku": line["sku"],
        "name": line["name"],
        "title": line["title"],
        "variant_id": line["variant"] and number_of(line["variant"]["id"]),
        "quantity": line["quantity"],
        "current_quantity": line["currentQuantity"],
        "fulfillable_quantity": line["unfulfilledQuantity"],
        "requires_shipping": line["requiresShipping"],
        "gift_card": line["isGiftCard"],
        "price": _amount(line["originalUnitPriceSet"]),
        "discount_allocations": [
            {"amount": _amount(row["allocatedAmountSet"])} for row in line["discountAllocations"]
        ],
        "tax_lines": [{"price": _amount(row["priceSet"])} for row in line["taxLines"]],
    }


def _address(address: Row | None) -> Row | None:
    return address and {
        "name": address["name"],
        "company": address["company"],
        "address1": address["address1"],
        "address2": address["address2"],
        "city": address["city"],
        "province": address["province"],
        "province_code": address["provinceCode"],
        "zip": address["zip"],
        "country_code": address["countryCodeV2"],
        "latitude": address["latitude"],
        "longitude": address["longitude"],
    }


def _transaction(row: Row, order_id: int) -> Row:
    parent = row["parentTransaction"]
    return {
        "id": number_of(row["id"]),
        "order_id": order_id,
        "parent_id": parent and number_of(parent["id"]),
        "kind": row["kind"].lower(),
        "status": row["status"].lower(),
        "gateway": row["gateway"],
        "amount": _amount(row["amountSet"]),
        "currency": row["amountSet"]["shopMoney"]["currencyCode"],
        "created_at": row["createdAt"],
        "processed_at": row["processedAt"],
        "error_code": row["errorCode"] and row["errorCode"].lower(),
    }


def _refund(row: Row, order_id: int, transactions: list[Row]) -> Row:
    return {
        "id": number_of(row["id"]),
        "order_id": order_id,
        "created_at": row["createdAt"],
        "note": row["note"],
        "refund_line_items": [
            {
                "line_item_id": number_of(line["lineItem"]["id"]),
                "quantity": line["quantity"],
                "restock_type": line["restockType"].lower(),
                "location_id": line["location"] and number_of(line["location"]["id"]),
                "subtotal_set": _bag(line["subtotalSet"]),
                "total_tax_set": _bag(line["totalTaxSet"]),
            }
            for line in row["refundLineItems"]["nodes"]
        ],
        "order_adjustments": [
            {
                "amount_set": _bag(line["amountSet"]),
                "tax_amount_set": _bag(line["taxAmountSet"]),
            }
            for line in row["orderAdjustments"]["nodes"]
        ],
        "refund_shipping_lines": [
            {
                "subtotal_amount_set": _bag(line["subtotalAmountSet"]),
                "tax_amount_set": _bag(line["taxAmountSet"]),
            }
            for line in row["refundShippingLines"]["nodes"]
        ],
        "transactions": transactions,
    }


def _amount(bag: Row) -> str:
    return bag["shopMoney"]["amount"]


def _bag(bag: Row) -> Row:
    money = bag["shopMoney"]
    return {
        "shop_money": {"amount": money["amount"], "currency_code": money.get("currencyCode", "")}
    }
