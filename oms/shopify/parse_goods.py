"""From raw bytes to snapshots of everything that is not an order: goods, places, returns.

These are hints: most say only which thing changed, and the newest state is read from the store.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from oms.core.errors import BadPayload
from oms.shopify import reading


@dataclass(slots=True)
class TrackingSnapshot:
    """One parcel of a fulfillment."""

    number: str
    company: str
    url: str


@dataclass(slots=True)
class FulfillmentSnapshot:
    """Units that left, as the store recorded them; `lines` are (order line id, units)."""

    remote_id: int
    order_remote_id: int
    status: str
    location_remote_id: int | None
    updated_at: datetime
    tracking: list[TrackingSnapshot]
    lines: list[tuple[int, int]]


@dataclass(slots=True)
class FulfillmentEventSnapshot:
    """A carrier's message about a fulfillment."""

    remote_id: int
    fulfillment_remote_id: int
    order_remote_id: int
    status: str
    message: str
    place: str
    happened_at: datetime


@dataclass(slots=True)
class ReturnSnapshot:
    """Which return changed and into which state; its lines are read from the store."""

    remote_id: int
    order_remote_id: int | None
    status: str


@dataclass(slots=True)
class InventoryLevelSnapshot:
    """What the store says is available of one item at one location; None: not stocked there."""

    inventory_item_id: int
    location_remote_id: int
    available: int | None
    updated_at: datetime | None


@dataclass(slots=True)
class RiskSnapshot:
    """What somebody thinks of the risk of an order: low, medium, high, none or pending."""

    order_remote_id: int
    level: str


@dataclass(slots=True)
class VariantSnapshot:
    """One sellable thing of a product."""

    variant_id: int
    inventory_item_id: int | None
    sku: str
    title: str
    barcode: str
    price: Decimal
    grams: int | None


@dataclass(slots=True)
class ProductSnapshot:
    """A product and those of its variants that the body carries (the first hundred)."""

    remote_id: int
    variants: list[VariantSnapshot]
    more_variants: bool


@dataclass(slots=True)
class LocationSnapshot:
    """A place of the store."""

    remote_id: int
    name: str
    address: str
    city: str
    province: str
    postal_code: str
    country: str
    active: bool


@dataclass(slots=True)
class InventoryItemSnapshot:
    """What the store says of one stock-keeping thing."""

    remote_id: int
    sku: str
    tracked: bool


def parse_fulfillment(body: bytes) -> FulfillmentSnapshot:
    """fulfillments/create and fulfillments/update."""
    row = reading.document(body)
    company = reading.text(row, "tracking_company", 64)
    numbers = _texts(row, "tracking_numbers", 64) or _text_list(row, "tracking_number", 64)
    urls = _texts(row, "tracking_urls", 2000) or _text_list(row, "tracking_url", 2000)
    lines: dict[int, int] = {}
    for line in reading.mappings(row, "line_items"):
        line_id = reading.identifier(line, "id")
        lines[line_id] = lines.get(line_id, 0) + reading.quantity(line, "quantity")
    return FulfillmentSnapshot(
        remote_id=reading.identifier(row, "id"),
        order_remote_id=reading.identifier(row, "order_id"),
        status=reading.text(row, "status", 24).lower(),
        location_remote_id=reading.identifier_or_none(row, "location_id"),
        updated_at=reading.moment(row, "updated_at"),
        tracking=[
            TrackingSnapshot(number, company, urls[place] if place < len(urls) else "")
            for place, number in enumerate(numbers)
        ],
        lines=sorted(lines.items()),
    )


def parse_fulfillment_event(body: bytes) -> FulfillmentEventSnapshot:
    """fulfillment_events/create."""
    row = reading.document(body)
    places = (reading.text(row, key, 120) for key in ("city", "province", "country"))
    return FulfillmentEventSnapshot(
        remote_id=reading.identifier(row, "id"),
        fulfillment_remote_id=reading.identifier(row, "fulfillment_id"),
        order_remote_id=reading.identifier(row, "order_id"),
        status=reading.text(row, "status", 32).lower(),
        message=reading.text(row, "message", 1000),
        place=", ".join(place for place in places if place),
        happened_at=reading.moment(row, "happened_at"),
    )


def parse_return(body: bytes) -> ReturnSnapshot:
    """returns/*. An update carries only a gid, the others an id, a status and the order."""
    row = reading.document(body)
    if row.get("id") is not None:
        remote_id = reading.identifier(row, "id")
    else:
        remote_id = reading.gid_number(row, "admin_graphql_api_id", "Return")
    order = reading.mapping(row, "order") if row.get("order") is not None else {}
    order_id = reading.identifier_or_none(row, "order_id")
    return ReturnSnapshot(
        remote_id=remote_id,
        order_remote_id=order_id or reading.identifier_or_none(order, "id"),
        status=reading.text(row, "status", 24).lower(),
    )


def parse_inventory_level(body: bytes) -> InventoryLevelSnapshot:
    """inventory_levels/connect, update and disconnect."""
    row = reading.document(body)
    available = row.get("available")
    # Oversold shops go far below zero; only nonsense is refused.
    if available is not None and (type(available) is not int or abs(available) > 10**9):
        raise BadPayload(f"available is {str(available)[:40]}; it must be a whole number.")
    return InventoryLevelSnapshot(
        inventory_item_id=reading.identifier(row, "inventory_item_id"),
        location_remote_id=reading.identifier(row, "location_id"),
        available=available,
        updated_at=reading.moment_or_none(row, "updated_at"),
    )


def parse_product(body: bytes) -> ProductSnapshot:
    """products/create and products/update."""
    row = reading.document(body)
    title = reading.text(row, "title")
    variants = [_variant(variant, title) for variant in reading.mappings(row, "variants")]
    return ProductSnapshot(
        remote_id=reading.identifier(row, "id"),
        variants=variants,
        more_variants=len(reading.mappings(row, "variant_gids")) > len(variants),
    )


def parse_location(body: bytes) -> LocationSnapshot:
    """locations/create, update, activate and deactivate."""
    row = reading.document(body)
    street = (reading.text(row, key) for key in ("address1", "address2"))
    return LocationSnapshot(
        remote_id=reading.identifier(row, "id"),
        name=reading.text(row, "name", 120),
        address=", ".join(part for part in street if part),
        city=reading.text(row, "city", 120),
        province=reading.text(row, "province_code", 64) or reading.text(row, "province", 64),
        postal_code=reading.text(row, "zip", 32),
        country=reading.text(row, "country_code", 2).upper(),
        active=reading.boolean(row, "active", True),
    )


def parse_inventory_item(body: bytes) -> InventoryItemSnapshot:
    """inventory_items/create and inventory_items/update."""
    row = reading.document(body)
    return InventoryItemSnapshot(
        remote_id=reading.identifier(row, "id"),
        sku=reading.text(row, "sku", 120).strip(),
        tracked=reading.boolean(row, "tracked", True),
    )


def parse_risk(body: bytes) -> RiskSnapshot:
    """orders/risk_assessment_changed."""
    row = reading.document(body)
    if row.get("order_id") is not None:
        order_id = reading.identifier(row, "order_id")
    else:
        order_id = reading.gid_number(row, "admin_graphql_api_order_id", "Order")
    return RiskSnapshot(order_id, reading.text(row, "risk_level", 24).lower())


def parse_id(body: bytes) -> int:
    """The topics that carry an id and no more: deletes and app/uninstalled."""
    return reading.identifier(reading.document(body), "id")


def _variant(row: dict, product_title: str) -> VariantSnapshot:
    own = reading.text(row, "title")
    grams = row.get("grams")
    return VariantSnapshot(
        variant_id=reading.identifier(row, "id"),
        inventory_item_id=reading.identifier_or_none(row, "inventory_item_id"),
        sku=reading.text(row, "sku", 120).strip(),
        title=product_title if own in ("", "Default Title") else f"{product_title} - {own}",
        barcode=reading.text(row, "barcode", 64),
        price=reading.money(row, "price"),
        grams=grams if type(grams) is int and 0 <= grams < 2**31 else None,
    )


def _texts(row: dict, key: str, most: int) -> list[str]:
    values = row.get(key)
    if values is None:
        return []
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise BadPayload(f"{key} is not a list of texts.")
    return [value[:most] for value in values if value]


def _text_list(row: dict, key: str, most: int) -> list[str]:
    value = reading.text(row, key, most)
    return [value] if value else []
