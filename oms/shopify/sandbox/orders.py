"""Orders as GraphQL shows them."""

from datetime import UTC, datetime, timedelta

from oms.shopify.sandbox import totals
from oms.shopify.sandbox.connections import connect
from oms.shopify.sandbox.lookup import by_gid
from oms.shopify.sandbox.money import ZERO, bag, decimal_text, money_bag, rest_text
from oms.shopify.sandbox.registry import absent, empty_page, field, keys, node, plain
from oms.shopify.sandbox.search import searched

node("Order", legacy=True)
keys(
    "Order",
    name="name",
    number="number",
    createdAt="created_at",
    updatedAt="updated_at",
    processedAt="processed_at",
    closedAt="closed_at",
    cancelledAt="cancelled_at",
    cancelReason="cancel_reason",
    email="email",
    phone="phone",
    note="note",
    poNumber="po_number",
    tags="tags",
    test="test",
    currencyCode="currency",
    presentmentCurrencyCode="presentment_currency",
    sourceName="source_name",
    sourceIdentifier="source_identifier",
    taxesIncluded="taxes_included",
    discountCodes="discount_codes",
    customAttributes="attributes",
    shippingAddress="shipping_address",
    billingAddress="billing_address",
    displayAddress="shipping_address",
)
absent("Order", "app paymentTerms publication staffMember clientIp confirmationNumber")
absent("Order", "merchantOfRecordApp shopifyProtect customerLocale purchasingEntity")
absent("Order", "currentTotalAdditionalFeesSet originalTotalAdditionalFeesSet")
absent("Order", "currentTotalDutiesSet originalTotalDutiesSet checkoutToken")
absent("Order", "additionalFees disputes alerts merchantEditableErrors", list)
absent("Order", "estimatedTaxes edited hasTimelineComment productNetwork taxExempt", False)
absent("Order", "dutiesIncluded customerAcceptsMarketing", False)
absent("Order", "confirmed", True)
absent("Order", "metafield")
absent(
    "Order", "metafields discountApplications localizedFields localizationExtensions", empty_page
)
plain("MoneyBag", "shopMoney presentmentMoney")
plain("MoneyV2", "amount currencyCode")
plain("Attribute", "key value")
plain("PageInfo", "hasNextPage hasPreviousPage startCursor endCursor")
plain("OrderCancellation", "staffNote")

AMOUNTS = {
    "subtotalPriceSet": totals.subtotal,
    "currentSubtotalPriceSet": totals.current_subtotal,
    "totalPriceSet": totals.grand_total,
    "originalTotalPriceSet": totals.grand_total,
    "currentTotalPriceSet": totals.current_total,
    "totalShippingPriceSet": totals.shipping,
    "currentShippingPriceSet": lambda order: (
        totals.shipping(order) - totals.shipping_refunded(order)
    ),
    "totalRefundedShippingSet": totals.shipping_refunded,
    "totalTaxSet": totals.tax,
    "currentTotalTaxSet": totals.current_tax,
    "totalDiscountsSet": totals.discounts,
    "currentTotalDiscountsSet": totals.current_discounts,
    "totalOutstandingSet": totals.outstanding,
    "totalReceivedSet": totals.received,
    "totalRefundedSet": totals.refunded,
    "totalCapturableSet": totals.capturable,
    "netPaymentSet": lambda order: totals.received(order) - totals.refunded(order),
    "totalTipReceivedSet": lambda order: ZERO,
    "cartDiscountAmountSet": totals.discounts,
    "currentCartDiscountAmountSet": totals.current_discounts,
}
for _name, _amount in AMOUNTS.items():
    field("Order", _name)(
        lambda order, info, amount=_amount: money_bag(amount(order), order),
    )


# The older fields without Set: the shop's amount alone.
for _name in (
    "totalPrice",
    "totalCapturable",
    "totalReceived",
    "totalRefunded",
    "totalShippingPrice",
    "totalTax",
    "totalDiscounts",
    "subtotalPrice",
    "netPayment",
):
    field("Order", _name)(
        lambda order, info, amount=AMOUNTS[f"{_name}Set"]: rest_text(
            amount(order).shop, order["currency"]
        ),
    )


@field("Order", "displayFinancialStatus")
def display_financial_status(order, info):
    return totals.financial_status(order)


@field("Order", "displayFulfillmentStatus")
def display_fulfillment_status(order, info):
    return totals.fulfillment_status(info.context.store, order)


@field("Order", "returnStatus")
def return_status(order, info):
    return totals.return_status(info.context.store, order)


@field("Order", "closed")
def is_closed(order, info):
    return order["closed_at"] is not None


@field("Order", "cancellation")
def cancellation(order, info):
    return {"staffNote": order["cancel_note"]} if order["cancelled_at"] else None


@field("Order", "retailLocation")
def retail_location(order, info):
    """The till's location; none for orders that were bought elsewhere."""
    place_id = order.get("location_id")
    return place_id and info.context.store.get("Location", place_id)


@field("Order", "cartToken")
def cart_token(order, info):
    return order.get("cart_token")


@field("Order", "capturable")
def is_capturable(order, info):
    return bool(totals.open_authorizations(order))


@field("Order", "canMarkAsPaid")
def can_mark_as_paid(order, info):
    return totals.financial_status(order) in (None, "PENDING", "AUTHORIZED", "PARTIALLY_PAID")


@field("Order", "fullyPaid")
def is_fully_paid(order, info):
    return totals.outstanding(order).shop <= 0 and not totals.open_authorizations(order)


@field("Order", "unpaid")
def is_unpaid(order, info):
    return not is_fully_paid(order, info)


@field("Order", "refundable")
def is_refundable(order, info):
    return any(totals.current_quantity(line) > 0 for line in order["lines"])


@field("Order", "restockable")
def is_restockable(order, info):
    return is_refundable(order, info)


@field("Order", "fulfillable")
def is_fulfillable(order, info):
    return any(totals.unfulfilled_quantity(line) > 0 for line in order["lines"])


@field("Order", "requiresShipping")
def requires_shipping(order, info):
    return any(line["requires_shipping"] for line in order["lines"])


@field("Order", "merchantEditable")
def merchant_editable(order, info):
    return order["cancelled_at"] is None


@field("Order", "canNotifyCustomer")
def can_notify_customer(order, info):
    return bool(order["email"] or order["phone"])


@field("Order", "billingAddressMatchesShippingAddress")
def addresses_match(order, info):
    return order["billing_address"] == order["shipping_address"]


@field("Order", "discountCode")
def discount_code(order, info):
    return order["discount_codes"][0] if order["discount_codes"] else None


@field("Order", "paymentGatewayNames")
def payment_gateway_names(order, info):
    return list(dict.fromkeys(each["gateway"] for each in order["transactions"]))


@field("Order", "customer")
def customer(order, info):
    return order["customer_id"] and info.context.store.get("Customer", order["customer_id"])


@field("Order", "totalWeight", "currentTotalWeight")
def total_weight(order, info):
    units = "quantity" if info.field_name == "totalWeight" else None
    return str(
        sum(
            line["grams"] * (line["quantity"] if units else totals.current_quantity(line))
            for line in order["lines"]
        )
    )


@field("Order", "subtotalLineItemsQuantity")
def subtotal_quantity(order, info):
    return sum(line["quantity"] for line in order["lines"])


@field("Order", "currentSubtotalLineItemsQuantity")
def current_quantity(order, info):
    return sum(totals.current_quantity(line) for line in order["lines"])


@field("Order", "lineItems")
def line_items(order, info, **page):
    return connect(order["lines"], **page)


@field("Order", "nonFulfillableLineItems")
def non_fulfillable_line_items(order, info, **page):
    return connect([line for line in order["lines"] if not totals.current_quantity(line)], **page)


@field("Order", "shippingLines")
def shipping_lines(order, info, includeRemovals=False, **page):
    return connect(order["shipping_lines"], **page)


@field("Order", "shippingLine")
def shipping_line(order, info):
    return order["shipping_lines"][0] if order["shipping_lines"] else None


@field("Order", "taxLines", "currentTaxLines")
def order_tax_lines(order, info):
    listed = [*order["lines"], *order["shipping_lines"], order]
    return [tax_line(each, order) for line in listed for each in line["tax_lines"]]


@field("Order", "transactions")
def transactions(order, info, first=None, capturable=None, manuallyResolvable=None):
    rows = order["transactions"]
    if capturable is not None:
        live = {each["id"] for each, _ in totals.open_authorizations(order)}
        rows = [each for each in rows if (each["id"] in live) == capturable]
    return rows[:first] if first is not None else rows


@field("Order", "transactionsCount")
def transactions_count(order, info):
    return {"count": len(order["transactions"]), "precision": "EXACT"}


@field("Order", "refunds")
def refunds(order, info, first=None):
    return order["refunds"][:first] if first is not None else order["refunds"]


@field("Order", "fulfillments")
def fulfillments(order, info, first=None, query=None):
    rows = info.context.store.where("Fulfillment", "order_id", order["id"])
    return rows[:first] if first is not None else rows


@field("Order", "fulfillmentsCount")
def fulfillments_count(order, info):
    rows = info.context.store.where("Fulfillment", "order_id", order["id"])
    return {"count": len(rows), "precision": "EXACT"}


@field("Order", "fulfillmentOrders")
def fulfillment_orders(order, info, displayable=False, query=None, **page):
    rows = info.context.store.where("FulfillmentOrder", "order_id", order["id"])
    return connect(searched(info, rows, query, {"status": "status", "id": "id"}), **page)


@field("Order", "returns")
def returns(order, info, query=None, **page):
    rows = info.context.store.where("Return", "order_id", order["id"])
    return connect(searched(info, rows, query, {"status": "status", "id": "id"}), **page)


@field("QueryRoot", "order")
def order_root(root, info, id):
    return by_gid(info.context.store, "Order", id)


ORDER_SORTS = {
    "PROCESSED_AT": lambda row: (row["processed_at"], row["id"]),
    "UPDATED_AT": lambda row: (row["updated_at"], row["id"]),
    "CREATED_AT": lambda row: (row["created_at"], row["id"]),
    "ORDER_NUMBER": lambda row: (row["number"], row["id"]),
}


def found_orders(info, query):
    store = info.context.store
    fields = {
        "id": "id",
        "name": "name",
        "email": "email",
        "tag": "tags",
        "test": "test",
        "created_at": "created_at",
        "updated_at": "updated_at",
        "processed_at": "processed_at",
        "customer_id": "customer_id",
        "source_name": "source_name",
        "financial_status": totals.financial_status,
        "fulfillment_status": lambda row: totals.fulfillment_status(store, row),
        "return_status": lambda row: totals.return_status(store, row),
        "status": status_words,
        "sku": lambda row: [line["sku"] for line in row["lines"]],
    }
    text = ("name", "email", "note")
    return searched(info, indexed(info, store.all("Order"), query), query, fields, text)


def indexed(info, rows, query):
    """The search index may lag behind writes; a list without a search text does not."""
    faults = info.context.faults
    if not query or not faults.active("search_lag"):
        return rows
    seconds = faults.setting("search_lag", "seconds", 2)
    seen = (datetime.now(UTC) - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return [row for row in rows if row["updated_at"] < seen]


@field("QueryRoot", "orders")
def orders_root(root, info, query=None, sortKey="PROCESSED_AT", savedSearchId=None, **page):
    return connect(found_orders(info, query), key=ORDER_SORTS.get(sortKey), **page)


@field("QueryRoot", "ordersCount")
def orders_count(root, info, query=None, limit=10000, savedSearchId=None):
    count = len(found_orders(info, query))
    if limit is not None and count > limit:
        return {"count": limit, "precision": "AT_LEAST"}
    return {"count": count, "precision": "EXACT"}


def status_words(order):
    if order["cancelled_at"]:
        return ["cancelled", "any"]
    return ["closed", "any"] if order["closed_at"] else ["open", "any", "not_closed"]


def tax_line(stored, order):
    return {
        "title": stored["title"],
        "rate": stored["rate"],
        "ratePercentage": stored["rate"] * 100,
        "priceSet": money_bag(bag(stored["price"]), order),
        "price": decimal_text(bag(stored["price"]).shop, order["currency"]),
        "channelLiable": None,
        "source": None,
    }


plain("TaxLine", "title rate ratePercentage priceSet price channelLiable source")


def order_of(part, info):
    return info.context.store.get("Order", part["order_id"])
