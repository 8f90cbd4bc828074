"""The parts of an order as GraphQL shows them: lines, shipping lines, addresses, transactions."""

from oms.shopify.sandbox import totals
from oms.shopify.sandbox.money import bag, decimal_text, money_bag, money_v2, total
from oms.shopify.sandbox.orders import order_of, tax_line
from oms.shopify.sandbox.registry import absent, field, keys, node, plain

node("LineItem")
keys(
    "LineItem",
    title="title",
    name="name",
    sku="sku",
    vendor="vendor",
    quantity="quantity",
    variantTitle="variant_title",
    requiresShipping="requires_shipping",
    taxable="taxable",
    isGiftCard="gift_card",
    customAttributes="properties",
)
absent("LineItem", "contract image sellingPlan staffMember lineItemGroup")
absent("LineItem", "duties discountAllocations", list)
absent("LineItem", "merchantEditable restockable", True)
plain("Weight", "unit value")
node("OrderTransaction")
keys(
    "OrderTransaction",
    kind="kind_of",
    status="status",
    gateway="gateway",
    formattedGateway="gateway",
    test="test",
    createdAt="created_at",
    processedAt="processed_at",
    authorizationCode="authorization",
    paymentId="payment_id",
)
absent("OrderTransaction", "errorCode location device user paymentDetails paymentIcon")
absent("OrderTransaction", "amountRoundingSet accountNumber authorizationExpiresAt")
absent("OrderTransaction", "settlementCurrency settlementCurrencyRate shopifyPaymentsSet")
absent("OrderTransaction", "currencyExchangeAdjustment")
absent("OrderTransaction", "fees", list)
plain(
    "MailingAddress",
    "id address1 address2 city company country countryCode countryCodeV2 firstName lastName "
    "latitude longitude name phone province provinceCode zip coordinatesValidated timeZone "
    "formattedArea",
)


@field("LineItem", "currentQuantity")
def current_quantity(line, info):
    return totals.current_quantity(line)


@field("LineItem", "refundableQuantity")
def refundable_quantity(line, info):
    return totals.current_quantity(line)


@field("LineItem", "unfulfilledQuantity", "fulfillableQuantity")
def unfulfilled_quantity(line, info):
    return totals.unfulfilled_quantity(line)


@field("LineItem", "nonFulfillableQuantity")
def non_fulfillable_quantity(line, info):
    return line["removed"]


@field("LineItem", "fulfillmentStatus")
def fulfillment_status(line, info):
    if not line["fulfilled"]:
        return "unfulfilled"
    return "fulfilled" if totals.unfulfilled_quantity(line) <= 0 else "partial"


@field("LineItem", "product")
def product(line, info):
    return line["product_id"] and info.context.store.get("Product", line["product_id"])


@field("LineItem", "variant")
def variant(line, info):
    return line["variant_id"] and info.context.store.get("ProductVariant", line["variant_id"])


@field("LineItem", "weight")
def weight(line, info):
    return {"unit": "KILOGRAMS", "value": line["grams"] / 1000}


@field("LineItem", "taxLines")
def tax_lines(line, info, first=None):
    order = order_of(line, info)
    return [tax_line(each, order) for each in line["tax_lines"]][:first]


def unit_net(line, order):
    return totals.line_net(order, line, 1)


LINE_AMOUNTS = {
    "originalUnitPriceSet": lambda line, order: bag(line["price"]),
    "originalTotalSet": lambda line, order: totals.line_price(line),
    "totalDiscountSet": lambda line, order: totals.line_discount(line),
    "discountedTotalSet": lambda line, order: totals.line_price(line) - totals.line_discount(line),
    "discountedUnitPriceSet": unit_net,
    "discountedUnitPriceAfterAllDiscountsSet": unit_net,
    "unfulfilledOriginalTotalSet": lambda line, order: bag(line["price"]).times(
        totals.unfulfilled_quantity(line)
    ),
    "unfulfilledDiscountedTotalSet": lambda line, order: totals.line_net(
        order, line, totals.unfulfilled_quantity(line)
    ),
}
for _name, _amount in LINE_AMOUNTS.items():
    field("LineItem", _name)(
        lambda line, info, amount=_amount, **_: money_bag(
            amount(line, order_of(line, info)), order_of(line, info)
        ),
    )


@field("LineItem", "originalUnitPrice")
def original_unit_price(line, info):
    return decimal_text(bag(line["price"]).shop, order_of(line, info)["currency"])


@field("ShippingLine", "id")
def shipping_line_id(line, info):
    return f"gid://shopify/ShippingLine/{line['id']}"


keys("ShippingLine", title="title", code="code", source="source")
absent("ShippingLine", "carrierIdentifier deliveryCategory phone requestedFulfillmentService")
absent("ShippingLine", "shippingRateHandle")
absent("ShippingLine", "custom isRemoved", False)
absent("ShippingLine", "discountAllocations", list)


@field("ShippingLine", "originalPriceSet", "discountedPriceSet")
def shipping_price(line, info):
    return money_bag(bag(line["price"]), order_of(line, info))


@field("ShippingLine", "currentDiscountedPriceSet")
def current_shipping_price(line, info):
    order = order_of(line, info)
    return money_bag(bag(line["price"]) - totals.shipping_refunded(order), order)


@field("ShippingLine", "price")
def shipping_price_text(line, info):
    return decimal_text(bag(line["price"]).shop, order_of(line, info)["currency"])


@field("ShippingLine", "taxLines")
def shipping_tax_lines(line, info):
    return [tax_line(each, order_of(line, info)) for each in line["tax_lines"]]


@field("OrderTransaction", "order")
def transaction_order(transaction, info):
    return order_of(transaction, info)


@field("OrderTransaction", "amountSet")
def transaction_amount(transaction, info):
    return money_bag(bag(transaction["amount"]), order_of(transaction, info))


@field("OrderTransaction", "amount")
def transaction_amount_text(transaction, info):
    return decimal_text(bag(transaction["amount"]).shop, order_of(transaction, info)["currency"])


@field("OrderTransaction", "amountV2")
def transaction_amount_v2(transaction, info):
    return money_v2(bag(transaction["amount"]).shop, order_of(transaction, info)["currency"])


@field("OrderTransaction", "parentTransaction")
def parent_transaction(transaction, info):
    return find_transaction(order_of(transaction, info), transaction["parent_id"])


@field("OrderTransaction", "totalUnsettledSet")
def total_unsettled(transaction, info):
    order = order_of(transaction, info)
    return money_bag(left_to_capture(order, transaction), order)


@field("OrderTransaction", "manuallyCapturable", "multiCapturable")
def manually_capturable(transaction, info):
    if info.field_name == "multiCapturable":
        return False
    return left_to_capture(order_of(transaction, info), transaction).shop > 0


@field("OrderTransaction", "manualPaymentGateway")
def manual_payment_gateway(transaction, info):
    return transaction["gateway"] == "manual"


@field("OrderTransaction", "receiptJson")
def receipt_json(transaction, info):
    return "{}"


@field("OrderTransaction", "maximumRefundableV2")
def maximum_refundable(transaction, info):
    order = order_of(transaction, info)
    if transaction["kind_of"] not in ("SALE", "CAPTURE"):
        return None
    return money_v2(refundable(order, transaction).shop, order["currency"])


def left_to_capture(order, transaction):
    for each, left in totals.open_authorizations(order):
        if each is transaction:
            return left
    return bag(None)


def refundable(order, transaction):
    """What a payment can still give back."""
    given = total(
        bag(each["amount"])
        for each in order["transactions"]
        if each["parent_id"] == transaction["id"]
        and each["kind_of"] == "REFUND"
        and each["status"] == "SUCCESS"
    )
    return bag(transaction["amount"]) - given


def find_transaction(order, number):
    return next((each for each in order["transactions"] if each["id"] == number), None)


def formatted(address, info, withName=False, withCompany=True):
    lines = [
        address["name"] if withName else None,
        address["company"] if withCompany else None,
        address["address1"],
        address["address2"],
        " ".join(
            part for part in (address["city"], address["provinceCode"], address["zip"]) if part
        ),
        address["country"],
    ]
    return [line for line in lines if line]


field("MailingAddress", "formatted")(formatted)
