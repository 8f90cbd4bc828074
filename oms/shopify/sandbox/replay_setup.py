"""Furnishes a fresh store with what existed before a recording began: places, goods, currency."""

import re
from collections import Counter

from oms.shopify.sandbox.assigning import assign_order
from oms.shopify.sandbox.customers import add_customer
from oms.shopify.sandbox.events import Events
from oms.shopify.sandbox.execute import Context
from oms.shopify.sandbox.faults import Faults
from oms.shopify.sandbox.idempotency import Keys
from oms.shopify.sandbox.ids import split_gid
from oms.shopify.sandbox.locations import add_location
from oms.shopify.sandbox.order_create import make_order
from oms.shopify.sandbox.stock import connect_level

GID_TEXT = re.compile(r"gid://shopify/(\w+)/(\d+)")
READS = ("inventoryItem", "inventoryItems", "inventoryLevel")


def furnish(store, recording, exchanges):
    """Seeds by the recorded ids themselves, so that no translation is needed for them."""
    facts = Facts()
    for exchange in exchanges:
        facts.read(exchange.variables)
        facts.read(exchange.answer)
        facts.texts.append(exchange.query)
        if any(root.startswith("inventory") and root not in READS for root in exchange.roots):
            facts.managed |= {
                number for kind, number in gids(exchange.variables) if kind == "InventoryItem"
            }
    facts.read(recording.get("metadata") if isinstance(recording, dict) else None)
    with store.transaction():
        store.meta["shop"]["currency"] = facts.currency() or "USD"
        seed_locations(store, facts)
        seed_goods(store, facts, exchanges)
        seed_orders(store, facts, exchanges)
        store.save(store.meta, touch=False)


class Facts:
    """Everything a recording says about an object, by its gid."""

    def __init__(self):
        self.objects = {}
        self.mentioned = {}
        self.currencies: Counter = Counter()
        self.assigned: Counter = Counter()
        self.texts = []
        self.managed = set()

    def read(self, node):
        if isinstance(node, list):
            for each in node:
                self.read(each)
        elif isinstance(node, dict):
            if isinstance(node.get("id"), str) and split_gid(node["id"]):
                self.objects.setdefault(node["id"], {}).update(
                    {key: each for key, each in node.items() if each is not None}
                )
            if isinstance(node.get("currencyCode"), str):
                self.currencies[node["currencyCode"]] += 1
            place = (node.get("assignedLocation") or {}) if isinstance(node, dict) else {}
            if isinstance(place, dict) and isinstance(place.get("location"), dict):
                self.assigned[place["location"].get("id")] += 1
            for each in node.values():
                self.read(each)
        elif isinstance(node, str):
            for kind, number in GID_TEXT.findall(node):
                self.mentioned.setdefault(kind, {})[int(number)] = f"gid://shopify/{kind}/{number}"

    def currency(self):
        return self.currencies.most_common(1)[0][0] if self.currencies else None

    def numbers(self, kind):
        """Ids of a type that look real; made-up ones like 999999999999 stay unknown."""
        return {
            number: gid
            for number, gid in self.mentioned.get(kind, {}).items()
            if number > 9 and not re.fullmatch(r"9+|0+|1234567890*", str(number))
        }


def seed_locations(store, facts):
    for number, gid in sorted(facts.numbers("Location").items()):
        said = facts.objects.get(gid, {})
        place = add_location(
            store,
            said.get("name") or f"Location {number}",
            {},
            rank=-facts.assigned[gid],
            id=number,
            fulfills_online_orders=said.get("fulfillsOnlineOrders", True),
        )
        place["active"] = said.get("isActive", True)
        place["is_service"] = said.get("isFulfillmentService", False)
    if not store.all("Location"):
        add_location(store, "Shop location", {})


def seed_goods(store, facts, exchanges):
    """Variants and items a request names before any answer made them."""
    made = set()
    for exchange in exchanges:
        asked = set(GID_TEXT.findall(f"{exchange.variables}{exchange.query}"))
        used = succeeded(exchange)
        if used:
            seed_customers(store, facts, asked)
        for kind, number in sorted(asked):
            if kind in ("ProductVariant", "InventoryItem") and (kind, number) not in made:
                made |= seed_variant(store, facts, kind, int(number), used)


def succeeded(exchange):
    """A mutation without user errors: whatever it named existed."""
    data = exchange.answer.get("data") or {}
    return any(isinstance(each, dict) and each.get("userErrors") == [] for each in data.values())


def seed_orders(store, facts, exchanges):
    """Orders that were there before: as their first full reading shows them."""
    made = set()
    for exchange in exchanges:
        if exchange.creates:
            made |= {number for kind, number in gids(exchange.answer) if kind == "Order"}
    for exchange in exchanges:
        for kind, number in sorted(gids(exchange.variables)):
            said = facts.objects.get(f"gid://shopify/{kind}/{number}", {})
            if kind == "Order" and number not in made and "lineItems" in said:
                made.add(number)
                seed_order(store, said, int(number))


def gids(value):
    return set(GID_TEXT.findall(str(value)))


def seed_order(store, said, number):
    """Lines, shipping and payments under their recorded ids; fulfillments cannot be known."""

    def nodes(field):
        value = said.get(field) or []
        return value.get("nodes") or [] if isinstance(value, dict) else value

    events = Events(store)
    store.before_commit.clear()
    context = Context(store, Keys(store), events, Faults())
    kinds = ("SALE", "AUTHORIZATION")
    payments = [each for each in nodes("transactions") if each.get("kind") in kinds]
    lines = [each for each in nodes("lineItems") if "originalUnitPriceSet" in each]
    if not lines or any("amountSet" not in each for each in payments):
        return
    given = {
        "name": said.get("name"),
        "email": said.get("email"),
        "tags": said.get("tags"),
        "note": said.get("note"),
        "lineItems": [
            {
                "title": line.get("title") or "Recorded line",
                "quantity": line["quantity"],
                "priceSet": line["originalUnitPriceSet"],
                "requiresShipping": True,
                "sku": line.get("sku"),
            }
            for line in lines
        ],
        "shippingLines": [
            {"title": line.get("title") or "Shipping", "priceSet": line["originalPriceSet"]}
            for line in nodes("shippingLines")
            if "originalPriceSet" in line
        ],
        "transactions": [
            {
                "kind": each["kind"],
                "gateway": each.get("gateway") or "manual",
                "amountSet": each["amountSet"],
            }
            for each in payments
        ],
    }
    order = make_order(context, given, claim=False)
    store.remove(order)
    for work in store.where("FulfillmentOrder", "order_id", order["id"]):
        store.remove(work)
    order["id"] = number
    pairs = [*zip(order["lines"], lines, strict=True)]
    pairs += zip(order["transactions"], payments, strict=True)
    for part, recorded in pairs:
        part["id"], part["order_id"] = number_in(recorded) or part["id"], number
    for line in order["shipping_lines"]:
        line["order_id"] = number
    del order["kind"]
    order = store.add("Order", **order)
    assign_order(context, order, claim=False)


def seed_customers(store, facts, asked):
    for kind, number in asked:
        if kind == "Customer" and store.get("Customer", int(number)) is None:
            said = facts.objects.get(f"gid://shopify/Customer/{number}", {})
            customer = add_customer(
                store,
                {
                    "email": said.get("email"),
                    "firstName": said.get("firstName"),
                    "lastName": said.get("lastName"),
                },
            )
            store.remove(customer)
            del customer["kind"]
            store.add("Customer", **customer | {"id": int(number)})


def seed_variant(store, facts, kind, number, used):
    gid = f"gid://shopify/{kind}/{number}"
    if number not in facts.numbers(kind) or store.get(kind, number):
        return set()
    said = facts.objects.get(gid, {})
    if not said and not used:
        return set()  # never shown by the store: it may not exist
    other = said.get("inventoryItem" if kind == "ProductVariant" else "variant") or {}
    variant, item = (said, other) if kind == "ProductVariant" else (other, said)
    variant = facts.objects.get(variant.get("id"), variant)
    item = facts.objects.get(item.get("id"), item)
    product = variant.get("product") or {}
    product = facts.objects.get(product.get("id"), product)
    variant_id = number if kind == "ProductVariant" else number_in(variant) or store.next_id()
    item_id = number if kind == "InventoryItem" else number_in(item) or store.next_id()
    home = store.add(
        "Product",
        id=number_in(product) or store.next_id(),
        title=product.get("title") or "Recorded product",
        handle=product.get("handle") or "recorded-product",
        status=product.get("status") or "ACTIVE",
        vendor=product.get("vendor") or "",
        product_type=product.get("productType") or "",
        tags=product.get("tags") or [],
        description="",
        option_name="Title",
        gift_card=False,
    )
    store.add(
        "ProductVariant",
        id=variant_id,
        product_id=home["id"],
        item_id=item_id,
        title=variant.get("title") or "Default Title",
        sku=variant.get("sku", item.get("sku")),
        barcode=variant.get("barcode"),
        price=str(variant.get("price") or "0.00"),
        position=1,
        taxable=variant.get("taxable", True),
        inventory_policy=variant.get("inventoryPolicy") or "DENY",
    )
    store.add(
        "InventoryItem",
        id=item_id,
        sku=variant.get("sku", item.get("sku")),
        variant_id=variant_id,
        tracked=item.get("tracked", False),
        requires_shipping=item.get("requiresShipping", True),
        grams=0,
    )
    stock(store, facts, item_id, item)
    return {("ProductVariant", str(variant_id)), ("InventoryItem", str(item_id))}


def stock(store, facts, item_id, said):
    """Levels as the recording first shows them; unknown: the first place, with nothing there."""
    shown = (said.get("inventoryLevels") or {}).get("nodes") or []
    if str(item_id) in facts.managed:
        shown = []  # the recording itself fills these levels; they began empty
    for level in shown:
        place = store.get("Location", number_in(level.get("location") or {}))
        if place is None:
            continue
        made = connect_level(store, item_id, place["id"])
        for row in level.get("quantities") or []:
            if row.get("name") in made["quantities"]:
                made["quantities"][row["name"]] = row["quantity"]
    if not shown:
        places = sorted(store.all("Location"), key=lambda place: (place["rank"], place["id"]))
        connect_level(store, item_id, places[0]["id"])


def number_in(said):
    parts = split_gid(said.get("id") or "")
    return parts[1] if parts else None
