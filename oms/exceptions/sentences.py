"""What is wrong, in one line of at most 62 characters: facts of a case in, a sentence out.

Subject and verb, names people use, a number with its base. Pure functions, one a kind.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from oms.orders.words import count_of, money, short

LONGEST = 62

Facts = Mapping[str, Any]


def unroutable(f: Facts) -> str:
    """No location has 2 × Oak stool free; East has 1"""
    more = f" (and {count_of(f['lines'] - 1, 'line')} more)" if f["lines"] > 1 else ""
    goods = _goods(f, f["line_units"], 22 if more else 28)
    if not f["serving"]:
        where = f["country"] or "an unknown country"
        return f"No location ships to {where}; {count_of(f['units'], 'unit')} wait"
    if f["have"]:
        place, free = f["have"][0]
        if free >= f["line_units"]:
            return f"{short(place, 14)} has {goods} free; routing waits{more}"
        return f"No location has {goods} free; {short(place, 10)} has {free}{more}"
    if f["elsewhere"]:
        place, _ = f["elsewhere"][0]
        return f"{short(place, 12)} has {goods} but ships not to {f['country']}{more}"
    return f"No location has {goods} free{more}"


def unknown_item(f: Facts) -> str:
    """Line 1 has SKU MUG-OLD-04, and no item carries it"""
    if f["sku"]:
        return f"Line {f['position']} has SKU {short(f['sku'], 24)}, and no item carries it"
    return f"Line {f['position']} has no SKU; Shopify shows “{short(f['title'], 24)}”"


def stock_short(f: Facts) -> str:
    """Reading has 3 × Lamp, 5 are promised: 2 orders lose one"""
    goods = _goods(f, f["on_hand"], 18)
    place = short(f["location"], 12)
    if not f["reserved"]:
        return f"{place} has {goods}: more was sold than was there"
    verb = "is" if f["reserved"] == 1 else "are"
    loses = "1 order loses" if f["orders"] == 1 else f"{f['orders']} orders lose"
    return f"{place} has {goods}, {f['reserved']} {verb} promised: {loses}"


def write_back_failed(f: Facts) -> str:
    """Shopify refused the shipment: fulfillment order is closed"""
    what = f"Shopify refused {TOLD.get(f['topic'], f['topic'])}"
    return f"{what}: {short(f['reason'], max(LONGEST - len(what) - 2, 16))}"


def write_back_late(f: Facts) -> str:
    """312 shipments wait for Shopify since Fri 20 Nov 09:10"""
    told = TOLD.get(f["topic"], str(f["topic"])).removeprefix("the ")
    verb = "waits" if f["writes"] == 1 else "wait"
    return f"{count_of(f['writes'], told)} {verb} for Shopify since {f['since']}"


def refund_differs(f: Facts) -> str:
    """Refund is £18.00 short: the payment provider refused it"""
    difference = Decimal(f["difference"])
    amount = money(abs(difference), f["currency"])
    if difference < 0:
        return f"Refunded {amount} more than the lines say"
    if f["failed"]:
        return f"Refund is {amount} short: {short(f['failed'], 32)}"
    if not Decimal(f["refunded"]):
        return f"{amount} to give back, and nothing is on its way"
    return f"Refund is {amount} short; {money(Decimal(f['refunded']), f['currency'])} went back"


def refund_waiting(f: Facts) -> str:
    """£18.00 waits for approval since Fri 20 Nov"""
    amount = money(Decimal(f["owed"]), f["currency"])
    return f"Refund of {amount} waits for approval since {f['since']}"


def quarantined_message(f: Facts) -> str:
    """Order change could not be read: quantity is -1"""
    if f["topic"] not in MESSAGES:
        return short(f["reason"], LONGEST)
    what = f"{MESSAGES[f['topic']]} could not be read"
    return f"{what}: {short(f['reason'], max(LONGEST - len(what) - 2, 16))}"


def address_missing(f: Facts) -> str:
    """Address cannot be used: no street"""
    return f"Address cannot be used: {short(f['reason'], LONGEST - 24)}"


def hold_open(f: Facts) -> str:
    """Held since Fri 20 Nov: card and delivery 410 miles apart"""
    what = f"{HOLDS.get(f['kind'], 'Held')} since {f['since']}"
    return f"{what}: {short(f['reason'], LONGEST - len(what) - 2)}"


def work_late(f: Facts) -> str:
    """East has not picked EST-7719 since Fri 20 Nov 09:10"""
    place = short(f["location"], 14)
    if f["state"] == "packed":
        return f"{f['code']} stands packed at {place} since {f['since']}"
    if f["picked"]:
        return f"{place} picked {f['picked']} of {f['units']} for {f['code']} since {f['since']}"
    return f"{place} has not picked {f['code']} since {f['since']}"


def parcel_silent(f: Facts) -> str:
    """No scan since Sat 14 Nov; last seen at Warrington (Evri)"""
    carrier = short(f["carrier"], 14)
    if f["state"] == "labelled":
        return f"Label made {f['since']}, parcel never handed to {carrier}"
    if f["place"]:
        return f"No scan since {f['since']}; last seen at {short(f['place'], 18)} ({carrier})"
    return f"No scan since {f['since']}; {carrier} has not said where it is"


def return_differs(f: Facts) -> str:
    """RET-3310 brought 1 of 2 units"""
    goods = f" of {short(f['title'], 22)}" if f["lines"] == 1 else " units"
    if f["missing"]:
        return f"{f['number']} brought {f['declared'] - f['missing']} of {f['declared']}{goods}"
    return f"{f['number']}: {f['received']} of {f['declared']}{goods} arrived"


def cancelled_after_ship(f: Facts) -> str:
    """Cancelled in Shopify, but 2 units had already left"""
    return f"Cancelled in Shopify, but {count_of(f['units'], 'unit')} had already left"


def stuck_order(f: Facts) -> str:
    """2 units wait, and nothing will move them"""
    verb = "waits" if f["units"] == 1 else "wait"
    return f"{count_of(f['units'], 'unit')} {verb}, and nothing is set to move it on"


def _goods(f: Facts, count: int, limit: int) -> str:
    return f"{count:,} × {short(f['title'] or f['sku'], limit)}"


# What each outbox topic tells Shopify, and what each message told us, in words people use.
TOLD = {
    "fulfillment_order.assign": "the location",
    "fulfillment.create": "the shipment",
    "fulfillment_event.create": "the parcel news",
    "return.approve": "the return",
    "return.decline": "the declined return",
    "return.process": "the received return",
    "return.close": "the closed return",
    "refund.create": "the refund",
    "order.cancel": "the cancellation",
    "inventory.set": "the stock number",
    "order.fetch": "the question for an order",
}
MESSAGES = {
    "orders/create": "A new order",
    "orders/updated": "An order change",
    "orders/edited": "An order edit",
    "orders/cancelled": "A cancellation",
    "orders/fulfilled": "An order change",
    "orders/partially_fulfilled": "An order change",
    "orders/paid": "A payment note",
    "order_transactions/create": "A payment",
    "refunds/create": "A refund",
    "returns/request": "A return request",
    "returns/update": "A return change",
    "inventory_levels/update": "A stock number",
    "products/create": "A new product",
    "products/update": "A product change",
    "fulfillments/create": "A shipment",
    "fulfillments/update": "A shipment change",
    "fulfillment_events/create": "Parcel news",
}
HOLDS = {"risk": "Risk hold", "payment": "Waits for payment", "manual": "Held"}
