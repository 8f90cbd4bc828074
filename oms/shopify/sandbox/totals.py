"""What an order adds up to: every amount and status derived from lines, refunds, transactions."""

from oms.shopify.sandbox.money import ZERO, Bag, bag, rounded, total


def line_price(line):
    """Price of all units as sold, before discounts."""
    return bag(line["price"]).times(line["quantity"])


def line_discount(line):
    return bag(line["discount"])


def line_tax(line):
    return total(bag(tax["price"]) for tax in line["tax_lines"])


def share(order, whole, units, of_units):
    """The part of a line's amount that falls on some of its units, in whole cents."""
    if not of_units:
        return ZERO
    return Bag(
        rounded(whole.shop * units / of_units, order["currency"]),
        rounded(whole.presentment * units / of_units, order["presentment_currency"]),
    )


def line_net(order, line, units):
    """Discounted price of some units, tax aside."""
    return share(order, line_price(line) - line_discount(line), units, line["quantity"])


def current_quantity(line):
    return line["quantity"] - line["refunded"]


def unfulfilled_quantity(line):
    return line["quantity"] - line["fulfilled"] - line["removed"]


def subtotal(order):
    return total(line_price(line) - line_discount(line) for line in order["lines"])


def shipping(order):
    return total(bag(line["price"]) for line in order["shipping_lines"])


def shipping_refunded(order):
    return total(bag(refund["shipping"]) for refund in order["refunds"])


def tax(order):
    listed = [*order["lines"], *order["shipping_lines"], order]
    return total(bag(each["price"]) for line in listed for each in line["tax_lines"])


def discounts(order):
    return total(line_discount(line) for line in order["lines"])


def tax_on_top(order, amount):
    return ZERO if order["taxes_included"] else amount


def grand_total(order):
    return subtotal(order) + shipping(order) + tax_on_top(order, tax(order))


def current_subtotal(order):
    return total(line_net(order, line, current_quantity(line)) for line in order["lines"])


def current_tax(order):
    refunded = total(bag(row["tax"]) for refund in order["refunds"] for row in refund["lines"])
    return tax(order) - refunded


def current_total(order):
    kept_shipping = shipping(order) - shipping_refunded(order)
    return current_subtotal(order) + kept_shipping + tax_on_top(order, current_tax(order))


def current_discounts(order):
    return total(
        share(order, line_discount(line), current_quantity(line), line["quantity"])
        for line in order["lines"]
    )


def received(order):
    return moved(order, "SALE", "CAPTURE")


def refunded(order):
    return moved(order, "REFUND")


def moved(order, *kinds):
    return total(
        bag(each["amount"])
        for each in order["transactions"]
        if each["kind_of"] in kinds and each["status"] == "SUCCESS"
    )


def open_authorizations(order):
    """(transaction, amount still to capture) of every live authorization."""
    found = []
    for each in order["transactions"]:
        if each["kind_of"] != "AUTHORIZATION" or each["status"] != "SUCCESS":
            continue
        children = [
            child
            for child in order["transactions"]
            if child["parent_id"] == each["id"] and child["status"] == "SUCCESS"
        ]
        if any(child["kind_of"] == "VOID" or child.get("final") for child in children):
            continue
        captured = total(bag(c["amount"]) for c in children if c["kind_of"] == "CAPTURE")
        left = bag(each["amount"]) - captured
        if left.shop > 0:
            found.append((each, left))
    return found


def capturable(order):
    return total(left for _, left in open_authorizations(order))


def outstanding(order):
    return current_total(order) - (received(order) - refunded(order)) - capturable(order)


def financial_status(order):
    """displayFinancialStatus; None for an order made without any transaction."""
    money_in, money_out = received(order).shop, refunded(order).shop
    if money_in > 0:
        if money_out >= money_in:
            return "REFUNDED"
        if money_out > 0:
            return "PARTIALLY_REFUNDED"
        return "PAID" if outstanding(order).shop <= 0 else "PARTIALLY_PAID"
    if capturable(order).shop > 0:
        return "AUTHORIZED"
    kinds = {each["kind_of"] for each in order["transactions"]}
    if "VOID" in kinds:
        return "VOIDED"
    if any(each["status"] == "PENDING" for each in order["transactions"]):
        return "PENDING"
    return order["declared_status"]


def fulfillment_status(store, order):
    """displayFulfillmentStatus."""
    left = sum(unfulfilled_quantity(line) for line in order["lines"])
    done = sum(line["fulfilled"] for line in order["lines"])
    if done and left <= 0:
        return "FULFILLED"
    if done:
        return "PARTIALLY_FULFILLED"
    statuses = {each["status"] for each in store.where("FulfillmentOrder", "order_id", order["id"])}
    for status in ("ON_HOLD", "IN_PROGRESS", "SCHEDULED"):
        if status in statuses:
            return status
    return "UNFULFILLED"


def return_status(store, order):
    statuses = {each["status"] for each in store.where("Return", "order_id", order["id"])}
    if "REQUESTED" in statuses:
        return "RETURN_REQUESTED"
    if "OPEN" in statuses:
        return "IN_PROGRESS"
    return "RETURNED" if "CLOSED" in statuses else "NO_RETURN"
