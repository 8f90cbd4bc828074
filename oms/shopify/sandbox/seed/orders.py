"""A real sale document becomes an order; a correction becomes a stock adjustment."""

from decimal import Decimal

from oms.shopify.sandbox import totals
from oms.shopify.sandbox.money import Bag
from oms.shopify.sandbox.order_create import add_transaction, make_order
from oms.shopify.sandbox.seed.documents import NOT_GOODS, is_product
from oms.shopify.sandbox.seed.people import address, number, person
from oms.shopify.sandbox.stock import change, quantity

AUTHORIZED_PERCENT = 8
FREE_SHIPPING_FROM = Decimal(75)
HOME_SHIPPING, ABROAD_SHIPPING = Decimal("4.95"), Decimal("19.95")


def place_document(context, document):
    """The order of a sale document. One line a row, as the document has them."""
    store = context.store
    salt = store.meta["salt"]
    key = document.customer or f"guest-{document.invoice}"
    ship_to = address(key, document.country, salt)
    given = {
        "lineItems": [line_input(store, line) for line in sold_lines(document)],
        "shippingAddress": ship_to,
        "billingAddress": ship_to,
        "email": person(key, salt)[2],
        "sourceName": "web",
        "sourceIdentifier": document.invoice,
    }
    if document.customer:
        first, last, email = person(key, salt)
        customer = {"firstName": first, "lastName": last, "email": email, "addresses": [ship_to]}
        given["customer"] = {"toUpsert": customer}
    given["shippingLines"] = [shipping_input(store, document, given)]
    return place(context, given, authorized=number("pay", document.invoice, salt) % 100)


def place(context, given, authorized=100):
    """An order paid in full at once, or only authorized for a small share of orders."""
    order = make_order(
        context, given, claim=True, pay=lambda order: pay(context, order, authorized)
    )
    store = context.store
    store.meta["placed"] += 1
    store.save(store.meta, touch=False)
    return order


def pay(context, order, authorized):
    owed = totals.grand_total(order)
    if owed.shop <= 0:
        order["declared_status"] = "PAID"
        return
    kind = "AUTHORIZATION" if authorized < AUTHORIZED_PERCENT else "SALE"
    add_transaction(
        context,
        order,
        kind,
        Bag(owed.shop, owed.presentment),
        "shopify_payments",
        authorization=f"{order['id'] % 10**8:08d}",
    )


def sold_lines(document):
    return [line for line in document.lines if line.quantity > 0 and line.price >= 0]


def line_input(store, line):
    currency = store.meta["shop"]["currency"]
    given = {
        "title": line.title,
        "quantity": line.quantity,
        "sku": line.code,
        "priceSet": {"shopMoney": {"amount": str(line.price), "currencyCode": currency}},
        "requiresShipping": line.code not in NOT_GOODS and not line.code.startswith("gift_"),
        "giftCard": line.code.startswith("gift_"),
        "taxable": False,
    }
    variant_id = variant_of(store, line.code) if is_product(line.code) else None
    if variant_id:
        given["variantId"] = f"gid://shopify/ProductVariant/{variant_id}"
    return given


def variant_of(store, sku):
    found = store.where("ProductVariant", "sku", sku)
    return found[0]["id"] if found else None


def shipping_input(store, document, given):
    goods = sum(
        Decimal(line["priceSet"]["shopMoney"]["amount"]) * line["quantity"]
        for line in given["lineItems"]
    )
    home = document.country == "US"
    price = HOME_SHIPPING if home else ABROAD_SHIPPING
    if home and goods >= FREE_SHIPPING_FROM:
        price = Decimal(0)
    title = "Standard" if home else "International"
    money = {"amount": str(price), "currencyCode": store.meta["shop"]["currency"]}
    return {
        "title": title,
        "code": title.lower(),
        "source": "shopify",
        "priceSet": {"shopMoney": money},
    }


def correct_stock(context, document):
    """A write-off or a find: available changes where the units lie, as a till or a count would."""
    store = context.store
    moved = 0
    for line in document.lines:
        variant_id = variant_of(store, line.code)
        if variant_id is None:
            continue
        variant = store.get("ProductVariant", variant_id)
        levels = store.where("InventoryLevel", "item_id", variant["item_id"])
        if not levels:
            continue
        level = max(levels, key=lambda each: (quantity(each, "available"), -each["id"]))
        units = max(line.quantity, -max(0, quantity(level, "available")))
        if units:
            change(context, level, available=units)
            moved += abs(units)
    return moved
