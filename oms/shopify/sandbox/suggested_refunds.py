"""What an order suggests to refund, before anybody does."""

from oms.shopify.sandbox import totals
from oms.shopify.sandbox.money import ZERO, Bag, decimal_text, money_bag, total
from oms.shopify.sandbox.order_parts import refundable
from oms.shopify.sandbox.refunds import checked_row, shipping_amount
from oms.shopify.sandbox.registry import field, plain

plain(
    "SuggestedRefund",
    "amountSet subtotalSet discountedSubtotalSet maximumRefundableSet totalTaxSet "
    "totalCartDiscountAmountSet totalDutiesSet refundDuties refundLineItems shipping "
    "suggestedTransactions amount maximumRefundable subtotal totalTaxes",
)
plain("ShippingRefund", "amountSet maximumRefundableSet taxSet amount maximumRefundable tax")
plain(
    "SuggestedOrderTransaction",
    "amountSet gateway formattedGateway kind maximumRefundableSet parentTransaction amount "
    "accountNumber paymentDetails maximumRefundable",
)


@field("Order", "suggestedRefund")
def suggested_refund(
    order,
    info,
    refundLineItems=None,
    refundShipping=None,
    shippingAmount=None,
    suggestFullRefund=False,
    refundDuties=None,
    refundMethodAllocation=None,
):
    store = info.context.store
    if suggestFullRefund:
        rows = [
            (line, totals.current_quantity(line), "NO_RESTOCK", None)
            for line in order["lines"]
            if totals.current_quantity(line)
        ]
    else:
        given = refundLineItems or []
        rows = [checked_row(store, order, n, row) for n, row in enumerate(given)]
    left = totals.shipping(order) - totals.shipping_refunded(order)
    shipping = left if refundShipping or suggestFullRefund else ZERO
    if shippingAmount is not None:
        shipping = shipping_amount(order, {"amount": shippingAmount})
    goods = total(totals.line_net(order, line, units) for line, units, *_ in rows)
    tax = total(
        totals.share(order, totals.line_tax(line), units, line["quantity"])
        for line, units, *_ in rows
    )
    free = totals.received(order) - totals.refunded(order)
    owed = goods + shipping + totals.tax_on_top(order, tax)
    amount = Bag(min(owed.shop, free.shop), min(owed.presentment, free.presentment))

    def show(value):
        return money_bag(value, order)

    discount = total(
        totals.share(order, totals.line_discount(line), units, line["quantity"])
        for line, units, *_ in rows
    )
    return {
        "amountSet": show(amount),
        "amount": decimal_text(amount.shop, order["currency"]),
        "subtotalSet": show(goods),
        "subtotal": decimal_text(goods.shop, order["currency"]),
        "discountedSubtotalSet": show(goods),
        "maximumRefundableSet": show(free),
        "maximumRefundable": decimal_text(free.shop, order["currency"]),
        "totalTaxSet": show(tax),
        "totalTaxes": decimal_text(tax.shop, order["currency"]),
        "totalCartDiscountAmountSet": show(discount),
        "totalDutiesSet": show(ZERO),
        "refundDuties": [],
        "refundLineItems": [
            {
                "id": None,
                "order_id": order["id"],
                "line_id": line["id"],
                "quantity": units,
                "restock_type": kind,
                "restocked": False,
                "location_id": location_id,
                "subtotal": totals.line_net(order, line, units).stored(),
                "tax": totals.share(order, totals.line_tax(line), units, line["quantity"]).stored(),
            }
            for line, units, kind, location_id in rows
        ],
        "shipping": {
            "amountSet": show(shipping),
            "amount": decimal_text(shipping.shop, order["currency"]),
            "maximumRefundableSet": show(left),
            "maximumRefundable": decimal_text(left.shop, order["currency"]),
            "taxSet": show(ZERO),
            "tax": "0.0",
        },
        "suggestedTransactions": suggested_transactions(order, amount),
    }


def suggested_transactions(order, amount):
    """Where the money would go back to, oldest payment first."""
    rows = []
    for payment in order["transactions"]:
        if payment["kind_of"] not in ("SALE", "CAPTURE") or payment["status"] != "SUCCESS":
            continue
        free = refundable(order, payment)
        part = Bag(min(free.shop, amount.shop), min(free.presentment, amount.presentment))
        amount = amount - part
        rows.append(
            {
                "amountSet": money_bag(part, order),
                "amount": decimal_text(part.shop, order["currency"]),
                "gateway": payment["gateway"],
                "formattedGateway": payment["gateway"],
                "kind": "SUGGESTED_REFUND",
                "maximumRefundableSet": money_bag(free, order),
                "maximumRefundable": decimal_text(free.shop, order["currency"]),
                "parentTransaction": payment,
                "accountNumber": None,
                "paymentDetails": None,
            }
        )
    return rows
