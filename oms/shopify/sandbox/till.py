"""A till sells: an order of source `pos`, paid in cash, whose units leave that location at once."""

from oms.shopify.sandbox import totals
from oms.shopify.sandbox.assigning import add_fulfillment_order, assign_order
from oms.shopify.sandbox.fulfillments import ship_units, tracking_of
from oms.shopify.sandbox.ids import gid_of
from oms.shopify.sandbox.order_create import add_transaction, check_order, make_order
from oms.shopify.sandbox.stock import commit


def sell(context, given):
    """`lines` (SKU to units) are taken along, whatever stands there; `send` is sent home."""
    store = context.store
    place = next(
        each for each in store.all("Location") if given["location"] in (each["name"], gid_of(each))
    )
    taken, sent = given.get("lines") or {}, given.get("send") or {}
    order = {
        "lineItems": [wanted(store, *row) for row in (*taken.items(), *sent.items())],
        "sourceName": "pos",
        "sourceIdentifier": given.get("receipt"),
        "retailLocation": place["id"],
        "shippingAddress": given.get("address"),
    }
    check_order(store, order)

    def assign(context, order, claim):
        lines = order["lines"]
        if sent:
            assign_order(context, order, claim, lines[len(taken) :])
        if taken:
            hand_over(context, order, place, lines[: len(taken)])

    return make_order(context, order, claim=True, pay=pay_cash(context), assign=assign)


def wanted(store, sku, units):
    variant = next(each for each in store.all("ProductVariant") if each["sku"] == sku)
    return {"variantId": gid_of(variant), "quantity": int(units), "requiresShipping": True}


def pay_cash(context):
    def pay(order):
        add_transaction(context, order, "SALE", totals.grand_total(order), gateway="cash")

    return pay


def hand_over(context, order, place, lines):
    """These lines leave with the customer: available and on hand fall, below zero if need be."""
    order["claimed"] = True
    units = [(line, line["quantity"]) for line in lines]
    made = add_fulfillment_order(context, order, place["id"], units)
    for line, quantity in units:
        commit(context, line, place["id"], quantity)
    parts = [(part, part["remaining"]) for part in made["lines"]]
    ship_units(context, [(made, parts)], tracking_of({}))
