"""Making an order: lines, money, customer, fulfillment orders, stock."""

from decimal import Decimal
from typing import Any

from oms.shopify.sandbox import totals
from oms.shopify.sandbox.addresses import mailing_address
from oms.shopify.sandbox.assigning import assign_order
from oms.shopify.sandbox.customers import associate_customer, upsert_customer
from oms.shopify.sandbox.errors import UserErrors, user_error
from oms.shopify.sandbox.ids import number_of
from oms.shopify.sandbox.money import Bag, bag, rounded
from oms.shopify.sandbox.mutations import mutation
from oms.shopify.sandbox.state import now_text


@mutation("orderCreate")
def order_create(context, order, options=None):
    behaviour = (options or {}).get("inventoryBehaviour", "BYPASS")
    check_order(context.store, order)
    made = make_order(context, order, claim=behaviour != "BYPASS")
    if behaviour == "DECREMENT_OBEYING_POLICY":
        check_claim(context.store, made)
    return {"order": made}


def check_order(store, given):
    lines = given.get("lineItems") or []
    errors = []
    if not lines:
        errors.append(
            user_error(
                ["order", "lineItems"], "Line items must have at least one line item", "INVALID"
            )
        )
    for line in lines:
        known = store.get("ProductVariant", number_of(line.get("variantId"), "ProductVariant") or 0)
        if known is None and not (line.get("title") or "").strip():
            errors.append(user_error(["order"], "Order Line items is invalid", "INVALID"))
            errors.append(
                user_error(["order", "lineItems"], "Line items Name can't be blank", "INVALID")
            )
            errors.append(
                user_error(["order", "lineItems"], "Line items Title can't be blank", "INVALID")
            )
            break
    for position, line in enumerate(lines):
        for index, tax in enumerate(line.get("taxLines") or []):
            if tax.get("rate") is None:
                field = ["order", "lineItems", str(position), "taxLines", str(index), "rate"]
                errors.append(user_error(field, "must be provided", "TAX_LINE_RATE_MISSING"))
    if given.get("customer") and given.get("customerId"):
        errors.append(
            user_error(
                ["order"],
                "Cannot specify both customerId and customer",
                "REDUNDANT_CUSTOMER_FIELDS",
            )
        )
    if (given.get("processedAt") or "") > now_text():
        errors.append(
            user_error(
                ["order", "processedAt"],
                "Processed at cannot be in the future",
                "PROCESSED_AT_INVALID",
            )
        )
    if errors:
        raise UserErrors(*errors)


def check_claim(store, order):
    """OBEYING_POLICY refuses what is not in stock."""
    for line in order["lines"]:
        variant = store.get("ProductVariant", line["variant_id"]) if line["variant_id"] else None
        if variant is None or variant["inventory_policy"] == "CONTINUE":
            continue
        levels = store.where("InventoryLevel", "item_id", variant["item_id"])
        if any(level["quantities"]["available"] < 0 for level in levels):
            raise UserErrors(
                user_error(
                    ["order", "lineItems"], "Unable to reserve inventory", "INVENTORY_CLAIM_FAILED"
                )
            )


def make_order(context, given, claim, pay=None, assign=assign_order):
    """The order object and its fulfillment orders. `claim` moves available to committed.

    `pay` is called with the priced order, for callers that pay whatever it comes to. `assign` says
    which locations get its lines.
    """
    store = context.store
    shop = store.meta["shop"]
    number = store.meta["next_number"]
    store.meta["next_number"] = number + 1
    moment = now_text()
    currency = given.get("currency") or money_currency(given) or shop["currency"]
    order = store.add(
        "Order",
        name=given.get("name") or f"#{number}",
        number=number,
        processed_at=given.get("processedAt") or moment,
        closed_at=given.get("closedAt"),
        cancelled_at=None,
        cancel_reason=None,
        cancel_note=None,
        currency=currency,
        presentment_currency=given.get("presentmentCurrency") or currency,
        email=given.get("email"),
        phone=given.get("phone"),
        note=given.get("note"),
        po_number=given.get("poNumber"),
        tags=sorted(set(given.get("tags") or []), key=str.lower),
        test=bool(given.get("test")),
        source_name=given.get("sourceName") or shop["app_id"],
        source_identifier=given.get("sourceIdentifier"),
        location_id=given.get("retailLocation"),
        cart_token=given.get("cartToken"),
        taxes_included=bool(given.get("taxesIncluded")),
        discount_codes=[],
        attributes=given.get("customAttributes") or [],
        shipping_address=mailing_address(store, given.get("shippingAddress")),
        billing_address=mailing_address(store, given.get("billingAddress")),
        customer_id=None,
        declared_status=given.get("financialStatus"),
        lines=[],
        shipping_lines=[],
        tax_lines=[],
        transactions=[],
        refunds=[],
        jobs=0,
    )
    order["lines"] = [make_line(store, order, line) for line in given.get("lineItems") or []]
    order["shipping_lines"] = [
        {
            "id": store.next_id(),
            "order_id": order["id"],
            "title": line["title"],
            "code": line.get("code") or line["title"],
            "source": line.get("source"),
            "price": amount(order, line["priceSet"]).stored(),
            "tax_lines": tax_lines(order, line),
        }
        for line in given.get("shippingLines") or []
    ]
    order["tax_lines"] = tax_lines(order, given)
    apply_discount(order, given.get("discountCode") or {})
    for transaction in given.get("transactions") or []:
        add_transaction(
            context,
            order,
            transaction.get("kind") or "SALE",
            amount(order, transaction["amountSet"]),
            gateway=transaction.get("gateway") or "",
            status=transaction.get("status") or "SUCCESS",
            test=bool(transaction.get("test")),
            processed_at=transaction.get("processedAt"),
        )
    if pay is not None:
        pay(order)
    link_customer(context, order, given)
    assign(context, order, claim)
    if given.get("fulfillment") or given.get("fulfillmentStatus") == "FULFILLED":
        fulfill_at_once(context, order, given.get("fulfillment") or {})
    store.save(order, touch=False)
    context.events.emit("orders/create", order)
    if totals.financial_status(order) == "PAID":
        context.events.emit("orders/paid", order)
    return order


def money_currency(given):
    for line in given.get("lineItems") or []:
        if line.get("priceSet"):
            return line["priceSet"]["shopMoney"]["currencyCode"]
    return None


def amount(order, given):
    """A MoneyBagInput; without presentment money the shop's amount stands for both."""
    shop = rounded(given["shopMoney"]["amount"], order["currency"])
    presentment = given.get("presentmentMoney") or given["shopMoney"]
    return Bag(shop, rounded(presentment["amount"], order["presentment_currency"]))


def tax_lines(order, given):
    return [
        {
            "title": tax["title"],
            "rate": float(tax.get("rate") or 0),
            "price": amount(order, tax["priceSet"]).stored() if tax.get("priceSet") else ["0", "0"],
        }
        for tax in given.get("taxLines") or []
    ]


def make_line(store, order, given):
    variant = store.get("ProductVariant", number_of(given.get("variantId"), "ProductVariant") or 0)
    if given.get("variantId") and variant is None:
        raise UserErrors(
            user_error(["order", "lineItems"], "Line items variant does not exist", "INVALID")
        )
    product: Any = store.get("Product", variant["product_id"]) if variant else None
    item = store.get("InventoryItem", variant["item_id"]) if variant else None
    title = given.get("title") or product["title"]
    variant_title = given.get("variantTitle")
    if variant and variant["title"] != "Default Title":
        variant_title = variant_title or variant["title"]
    if given.get("priceSet"):
        price = amount(order, given["priceSet"])
    else:
        price = Bag(Decimal(variant["price"]), Decimal(variant["price"])) if variant else bag(None)
    weight = given.get("weight")
    return {
        "kind": "LineItem",
        "id": store.next_id(),
        "order_id": order["id"],
        "title": title,
        "variant_title": variant_title,
        "name": f"{title} - {variant_title}" if variant_title else title,
        "sku": given.get("sku") or (variant["sku"] if variant else None),
        "vendor": given.get("vendor") or (product["vendor"] if product else None),
        "quantity": given["quantity"],
        "price": price.stored(),
        "discount": ["0", "0"],
        "variant_id": variant["id"] if variant else None,
        "product_id": product["id"] if product else None,
        "requires_shipping": bool(given.get("requiresShipping")),
        "taxable": given.get("taxable", True),
        "gift_card": bool(given.get("giftCard")),
        "grams": grams(weight) if weight else (item["grams"] if item else 0),
        "properties": [
            {"key": each["name"], "value": each["value"]} for each in given.get("properties") or []
        ],
        "tax_lines": tax_lines(order, given),
        "fulfilled": 0,
        "removed": 0,
        "refunded": 0,
    }


GRAMS = {"GRAMS": 1, "KILOGRAMS": 1000, "OUNCES": 28.349523125, "POUNDS": 453.59237}


def grams(weight):
    return round(float(weight["value"]) * GRAMS[weight["unit"]])


def apply_discount(order, given):
    """One order-level code: fixed or percentage off the items, or free shipping."""
    for kind, spec in given.items():
        if not spec:
            continue
        order["discount_codes"] = [spec["code"]]
        whole = totals.subtotal(order)
        if kind == "itemFixedDiscountCode":
            off = amount(order, spec["amountSet"])
        elif kind == "itemPercentageDiscountCode":
            percent = Decimal(str(spec["percentage"])) / 100
            off = Bag(
                rounded(whole.shop * percent, order["currency"]),
                rounded(whole.presentment * percent, order["presentment_currency"]),
            )
        else:
            for line in order["shipping_lines"]:
                line["price"] = ["0", "0"]
            continue
        spread(order, off, whole)


def spread(order, off, whole):
    """A discount over the lines by their price; the last line takes the odd cents."""
    left = off = Bag(min(off.shop, whole.shop), min(off.presentment, whole.presentment))
    for line in order["lines"]:
        if line is order["lines"][-1]:
            part = left
        else:
            price = totals.line_price(line)
            part = Bag(
                rounded(off.shop * price.shop / whole.shop, order["currency"])
                if whole.shop
                else Decimal(0),
                rounded(
                    off.presentment * price.presentment / whole.presentment,
                    order["presentment_currency"],
                )
                if whole.presentment
                else Decimal(0),
            )
        line["discount"] = part.stored()
        left = left - part


def add_transaction(context, order, kind, value, gateway, status="SUCCESS", parent_id=None, **more):
    """A payment movement on the order, and its webhook."""
    moment = now_text()
    transaction = {
        "kind": "OrderTransaction",
        "id": context.store.next_id(),
        "order_id": order["id"],
        "kind_of": kind,
        "status": status,
        "gateway": gateway,
        "amount": value.stored(),
        "parent_id": parent_id,
        "test": more.get("test", False),
        "authorization": more.get("authorization"),
        "payment_id": f"{order['name']}.{len(order['transactions']) + 1}",
        "created_at": moment,
        "processed_at": more.get("processed_at") or moment,
        "final": more.get("final", False),
    }
    order["transactions"].append(transaction)
    context.events.emit("order_transactions/create", transaction)
    return transaction


def link_customer(context, order, given):
    chosen = given.get("customer") or {}
    if given.get("customerId"):
        chosen = {"toAssociate": {"id": given["customerId"]}}
    if chosen.get("toAssociate"):
        customer = associate_customer(context.store, chosen["toAssociate"])
    elif chosen.get("toUpsert"):
        customer = upsert_customer(context.store, chosen["toUpsert"])
    elif order["email"]:
        # Recorded: an e-mail alone makes (or finds) a customer of that e-mail.
        customer = upsert_customer(context.store, {"email": order["email"]})
    else:
        return
    order["customer_id"] = customer["id"]
    order["email"] = order["email"] or customer["email"]


def fulfill_at_once(context, order, given):
    """orderCreate with a fulfillment: every unit is shipped in the same step."""
    from oms.shopify.sandbox.fulfillments import ship_whole_order

    ship_whole_order(context, order, given)
