"""What is wrong, in one line of at most 62 characters: facts of a case in, a sentence out.

Subject and verb, names people use, a number with its base. Pure functions, one a kind.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from oms.orders.words import count_of, money, short

LONGEST = 62
SHORTEST_NAME = 8

Facts = Mapping[str, Any]


def unroutable(f: Facts) -> str:
    """No location has 2 × Oak stool free; East has 1"""
    goods = {"count": f"{f['line_units']:,}", "goods": f["title"] or f["sku"]}
    if not f["serving"]:
        return f"No location ships to {f['country']}; {count_of(f['units'], 'unit')} wait"
    if f["lines"] > 1:
        more = count_of(f["lines"] - 1, "more line")
        return _fit("No location has {count} × {goods} free; {more} wait", more=more, **goods)
    if f["have"]:
        place, free = f["have"][0]
        if free < f["line_units"]:
            words = "No location has {count} × {goods} free; {place} has {free}"
            return _fit(words, place=place, free=f"{free:,}", **goods)
        return _fit("{place} has {count} × {goods} free now; routing is due", place=place, **goods)
    if f["elsewhere"]:
        place, free = f["elsewhere"][0]
        words = "Only {place} has {goods}; it does not ship to {country}"
        return _fit(words, place=place, country=f["country"], goods=goods["goods"])
    return _fit("No location has {count} × {goods} free", **goods)


def unknown_item(f: Facts) -> str:
    """Line 1 has SKU MUG-OLD-04, and no item carries it"""
    if f["sku"]:
        return _fit(f"Line {f['position']} has SKU {{sku}}, and no item carries it", sku=f["sku"])
    return _fit(f"Line {f['position']} has no SKU; Shopify shows “{{title}}”", title=f["title"])


def stock_short(f: Facts) -> str:
    """Reading has 1 × Lamp, 2 are picked or packed"""
    names = {"place": f["location"], "goods": f["title"] or f["sku"]}
    on_hand = f"{f['on_hand']:,}".replace("-", "−")
    if not f["reserved"]:
        if f["crossed_by"]:
            words = f"{{place}} is {-f['on_hand']:,} short of {{goods}} since {{order}} was sold"
            return _fit(words, order=f["crossed_by"], **names)
        return _fit(f"{{place}} is {-f['on_hand']:,} short of {{goods}}", **names)
    verb = "is" if f["reserved"] == 1 else "are"
    kept = f"{verb} picked or packed" if f["settled"] else f"{verb} promised"
    return _fit(f"{{place}} has {on_hand} × {{goods}}, {f['reserved']:,} {kept}", **names)


def stock_drift(f: Facts) -> str:
    """East has 10 × Mug, Shopify says 100"""
    names = {"place": f["location"], "goods": f["title"] or f["sku"]}
    ours, theirs = (f"{f[name]:,}".replace("-", "−") for name in ("ours", "theirs"))
    return _fit(f"{{place}} has {ours} × {{goods}}, Shopify says {theirs}", **names)


def write_back_failed(f: Facts) -> str:
    """Shopify refused the shipment: fulfillment order is closed"""
    what = TOLD.get(f["topic"], str(f["topic"]))
    return _fit("Shopify refused {what}: {reason}", what=what, reason=f["reason"])


def write_back_late(f: Facts) -> str:
    """312 shipments wait for Shopify since Fri 20 Nov 09:10"""
    told = TOLD.get(f["topic"], str(f["topic"])).removeprefix("the ")
    verb = "waits" if f["writes"] == 1 else "wait"
    what = count_of(f["writes"], told)
    return _fit("{what} {verb} for Shopify since {since}", what=what, verb=verb, since=f["since"])


def supply_late(f: Facts) -> str:
    """PO-2041 is 3 days late: 12 units, 5 orders wait"""
    names = {"number": f["number"], "units": count_of(f["units"], "unit")}
    words = f"{{number}} is {count_of(f['days'], 'day')} late: {{units}}"
    if not f["orders"]:
        return _fit(words, **names)
    wait = "1 order waits" if f["orders"] == 1 else f"{f['orders']:,} orders wait"
    return _fit(f"{words}, {wait}", **names)


def promise_slipped(f: Facts) -> str:
    """PO-2041 slipped to Fri 27 Nov: 5 customers to be told"""
    customers = count_of(f["orders"], "customer")
    words = f"{{number}} slipped to {f['expected']}: {customers} to be told"
    return _fit(words, number=f["number"])


def count_variance(f: Facts) -> str:
    """East counted 8 × Mug, not 10"""
    names = {"place": f["location"], "goods": f["title"] or f["sku"]}
    expected = f"{f['expected']:,}".replace("-", "−")
    return _fit(f"{{place}} counted {f['counted']:,} × {{goods}}, not {expected}", **names)


def count_overdue(f: Facts) -> str:
    """East: 12 A items not counted for more than 45 days"""
    what = f"{count_of(f['levels'], 'A item')} not counted for more than {f['days']:,} days"
    return _fit(f"{{place}}: {what}", place=f["location"])


def count_waiting(f: Facts) -> str:
    """A count at East waits for approval since Fri 20 Nov 09:10"""
    names = {"place": f["location"], "since": f["since"]}
    if f["state"] == "open":
        levels = count_of(f["levels"], "level")
        return _fit(f"{{place}}: {levels} frozen by a count since {{since}}", **names)
    return _fit("A count at {place} waits for approval since {since}", **names)


def refund_differs(f: Facts) -> str:
    """Refund is £18.00 short: the payment provider refused it"""
    difference = Decimal(f["difference"])
    amount = money(abs(difference), f["currency"])
    if difference < 0:
        return f"Refunded {amount} more than the lines say"
    if f["failed"]:
        return _fit("Refund is {amount} short: {reason}", amount=amount, reason=f["failed"])
    refunded = Decimal(f["refunded"])
    if not refunded:
        return f"{amount} to give back, and nothing is on its way"
    return f"Refund is {amount} short; {money(refunded, f['currency'])} went back"


def refund_waiting(f: Facts) -> str:
    """Refund of £18.00 waits for approval since Fri 20 Nov"""
    amount = money(Decimal(f["owed"]), f["currency"])
    return f"Refund of {amount} waits for approval since {f['since']}"


def quarantined_message(f: Facts) -> str:
    """An order change could not be read: quantity is -1"""
    if f["topic"] not in MESSAGES:
        return short(f["reason"], LONGEST)
    words = "{what} could not be read: {reason}"
    return _fit(words, what=MESSAGES[f["topic"]], reason=f["reason"])


def address_missing(f: Facts) -> str:
    """Address cannot be used: no street"""
    return _fit("Address cannot be used: {reason}", reason=f["reason"])


def hold_open(f: Facts) -> str:
    """Held since Fri 20 Nov: card and delivery 410 miles apart"""
    what = f"{HOLDS.get(f['kind'], 'Held')} since {f['since']}"
    return _fit("{what}: {reason}", what=what, reason=f["reason"])


def work_late(f: Facts) -> str:
    """East has not picked EST-7719 since Fri 20 Nov 09:10"""
    names = {"place": f["location"], "code": f["code"], "since": f["since"]}
    if f["state"] == "packed":
        return _fit("{code} stands packed at {place} since {since}", **names)
    if f["picked"]:
        words = f"{{place}} picked {f['picked']:,} of {f['units']:,} for {{code}} since {{since}}"
        return _fit(words, **names)
    return _fit("{place} has not picked {code} since {since}", **names)


def parcel_silent(f: Facts) -> str:
    """No scan since Sat 14 Nov; last seen at Warrington (Evri)"""
    names = {"carrier": f["carrier"], "since": f["since"]}
    if f["state"] == "labelled":
        return _fit("Label made {since}, parcel never handed to {carrier}", **names)
    if f["place"]:
        words = "No scan since {since}; last seen at {place} ({carrier})"
        return _fit(words, place=f["place"], **names)
    return _fit("No scan since {since}; {carrier} has not said where it is", **names)


def return_differs(f: Facts) -> str:
    """RET-3310 brought 1 of 2 stoneware bowls"""
    names = {"number": f["number"], "goods": f["title"] if f["lines"] == 1 else "units"}
    if f["extra"]:
        words = f"{{number}} brought {f['extra']:,} × {{goods}} that nobody asked for"
        return _fit(words, **names)
    came = f["declared"] - f["missing"] if f["missing"] else f["received"]
    return _fit(f"{{number}} brought {came:,} of {f['declared']:,} × {{goods}}", **names)


def cancelled_after_ship(f: Facts) -> str:
    """Cancelled in Shopify, but 2 units had already left"""
    return f"Cancelled in Shopify, but {count_of(f['units'], 'unit')} had already left"


def stuck_order(f: Facts) -> str:
    """2 units wait, and nothing is set to move them on"""
    one = f["units"] == 1
    verb, them = ("waits", "it") if one else ("wait", "them")
    return f"{count_of(f['units'], 'unit')} {verb}, and nothing is set to move {them} on"


def _fit(words: str, **names: str) -> str:
    """Fill in the names, the longest ones cut until the line fits."""
    room = LONGEST - len(words.format(**dict.fromkeys(names, "")))
    limits = {name: len(value) for name, value in names.items()}
    while sum(limits.values()) > room and max(limits.values()) > SHORTEST_NAME:
        limits[max(limits, key=limits.__getitem__)] -= 1
    return words.format(**{name: short(value, limits[name]) for name, value in names.items()})


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
    "inventory.publish": "the stock number",
    "presell.set": "the switch for preselling",
    "order.fetch": "the order request",
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
