"""From the raw bytes of a webhook to typed snapshots: pure, strict, and quick.

Every function takes bytes and returns a snapshot, or raises BadPayload with a reason in words.
Unknown fields are passed over, so a newer version may add some; an unknown SKU is no error here.
"""

from decimal import Decimal
from typing import Any

from oms.core.errors import BadPayload
from oms.orders.snapshots import (
    AddressSnapshot,
    CustomerSnapshot,
    LineSnapshot,
    OrderSnapshot,
    RefundLineSnapshot,
    RefundSnapshot,
    TransactionSnapshot,
)
from oms.shopify import reading

MOST_LINES = 10_000
RESTOCK_TYPES = ("cancel", "return", "no_restock", "legacy_restock")
TILL, B2B = "pos", "b2b"
NOTHING = Decimal(0)


def parse_order(body: bytes) -> OrderSnapshot:
    """A whole order: the body of every orders/* topic but edited, delete and risk."""
    order = reading.document(body)
    rows = reading.mappings(order, "line_items")
    if len(rows) > MOST_LINES:
        raise BadPayload(f"The order has {len(rows)} lines; {MOST_LINES} is the most.")
    taxes_included = reading.boolean(order, "taxes_included")
    lines = [_line(row, position, taxes_included) for position, row in enumerate(rows, start=1)]
    if len({line.remote_id for line in lines}) < len(lines):
        raise BadPayload("Two lines of the order carry the same id.")
    deliveries = reading.mappings(order, "shipping_lines")
    address = order.get("shipping_address")
    customer = order.get("customer")
    return OrderSnapshot(
        remote_id=reading.identifier(order, "id"),
        name=reading.text(order, "name", 64) or f"#{reading.identifier(order, 'id')}",
        updated_at=reading.moment(order, "updated_at"),
        placed_at=reading.moment_or_none(order, "processed_at")
        or reading.moment(order, "created_at"),
        cancelled_at=reading.moment_or_none(order, "cancelled_at"),
        channel=_channel(order),
        currency=reading.currency(order, "currency"),
        total=reading.money(order, "total_price"),
        items_total=reading.money(order, "total_line_items_price"),
        delivery_total=_delivery_total(order, deliveries),
        tax_total=reading.money(order, "total_tax"),
        discount_total=reading.money(order, "total_discounts"),
        email=reading.text(order, "email", 320) or reading.text(order, "contact_email", 320),
        phone=reading.text(order, "phone", 64),
        note=reading.text(order, "note", 5000),
        test=reading.boolean(order, "test"),
        taxes_included=taxes_included,
        financial_status=reading.text(order, "financial_status", 32),
        shipping_method=reading.text(deliveries[0], "title") if deliveries else "",
        cart=_cart(order),
        sold_at_remote_id=_sold_at(order, lines),
        recorded_at=reading.moment_or_none(order, "created_at"),
        tags=_tags(order),
        address=AddressSnapshot() if address is None else _address(order),
        customer=None if customer is None else _customer(order),
        lines=lines,
    )


def parse_transaction(body: bytes) -> TransactionSnapshot:
    """order_transactions/create."""
    return _transaction(reading.document(body), currency="")


def parse_refund(body: bytes) -> RefundSnapshot:
    """refunds/create, with the transactions that carry its money."""
    refund = reading.document(body)
    remote_id = reading.identifier(refund, "id")
    rows = reading.mappings(refund, "refund_line_items")
    # The transactions of a refund often carry no currency; the amounts beside them do.
    currency = _currency_of([*(row.get("subtotal_set") for row in rows)]) or _currency_of(
        [refund.get("total_duties_set")]
    )
    snapshot = RefundSnapshot(
        remote_id=remote_id,
        order_remote_id=reading.identifier(refund, "order_id"),
        created_at=reading.moment(refund, "created_at"),
        note=reading.text(refund, "note", 5000),
        lines=[_refund_line(row, position) for position, row in enumerate(rows, start=1)],
        transactions=[
            _transaction(row, currency=currency, refund_remote_id=remote_id)
            for row in reading.mappings(refund, "transactions")
        ],
        adjustment=_adjustment(refund),
    )
    if any(t.order_remote_id != snapshot.order_remote_id for t in snapshot.transactions):
        raise BadPayload("A transaction of the refund belongs to another order.")
    return snapshot


def order_id_of(body: bytes) -> int:
    """The order that a message is about, when the message says no more than that."""
    row = reading.document(body)
    if isinstance(row.get("order_edit"), dict):
        row = row["order_edit"]
    return reading.identifier(row, "order_id" if "order_id" in row else "id")


def _channel(order: dict[str, Any]) -> str:
    """Where it was bought; an order of a company is b2b, whatever it was bought in."""
    company = order.get("company")
    if isinstance(company, dict) and company.get("id"):
        return B2B
    return reading.text(order, "source_name", 64)


def _cart(order: dict[str, Any]) -> str:
    """What units were kept for before it was an order."""
    token = reading.text(order, "cart_token", 180)
    return f"cart:{token}" if token and not any(map(str.isspace, token)) else ""


def _sold_at(order: dict[str, Any], lines: list[LineSnapshot]) -> int | None:
    """The till's location, when any unit has left over the counter: it is no longer to be sent.

    An order taken at the till that is sent home whole has all its units to be sent.
    """
    if reading.text(order, "source_name", 64) != TILL:
        return None
    location_id = reading.identifier_or_none(order, "location_id")
    return location_id if any(line.fulfillable < line.current for line in lines) else None


def _line(row: dict[str, Any], position: int, taxes_included: bool) -> LineSnapshot:
    try:
        units = reading.quantity(row, "quantity")
        current = units
        if row.get("current_quantity") is not None:
            current = reading.quantity(row, "current_quantity", least=0)
        if current > units:
            raise BadPayload(f"current_quantity is {current}, more than the {units} ordered.")
        fulfillable = current
        if row.get("fulfillable_quantity") is not None:
            fulfillable = reading.quantity(row, "fulfillable_quantity", least=0)
        gift_card = reading.boolean(row, "gift_card")
        return LineSnapshot(
            remote_id=reading.identifier(row, "id"),
            sku=reading.text(row, "sku"),
            title=reading.text(row, "name", 500) or reading.text(row, "title", 500),
            variant_id=reading.identifier_or_none(row, "variant_id"),
            quantity=units,
            current=current,
            fulfillable=fulfillable,
            ships=reading.boolean(row, "requires_shipping", True) and not gift_card,
            unit_price=reading.money(row, "price"),
            discount=_line_discount(row),
            # Where prices include the tax, it is owed with the price and not a second time.
            tax=NOTHING if taxes_included else _sum(reading.mappings(row, "tax_lines"), "price"),
        )
    except BadPayload as bad:
        raise BadPayload(f"Line {position}: {bad.reason}") from bad


def _line_discount(row: dict[str, Any]) -> Decimal:
    shares = reading.mappings(row, "discount_allocations")
    if not shares:
        return reading.money(row, "total_discount") if row.get("total_discount") else NOTHING
    return _sum(shares, "amount")


def _sum(rows: list[dict[str, Any]], key: str) -> Decimal:
    return sum((reading.money(row, key) for row in rows), NOTHING)


def _delivery_total(order: dict[str, Any], deliveries: list[dict[str, Any]]) -> Decimal:
    if order.get("total_shipping_price_set") is not None:
        return reading.money_in_shop(order, "total_shipping_price_set")
    return _sum(deliveries, "price")


def _tags(order: dict[str, Any]) -> list[str]:
    words = (word.strip() for word in reading.text(order, "tags", 65_000).split(","))
    return [word[:255] for word in words if word]


def _address(order: dict[str, Any]) -> AddressSnapshot:
    row = reading.mapping(order, "shipping_address")
    country = reading.text(row, "country_code").upper()
    if country and not (len(country) == 2 and country.isascii() and country.isalpha()):
        raise BadPayload(f'country_code is "{country[:10]}"; it must be two letters.')
    return AddressSnapshot(
        name=_name(row),
        company=reading.text(row, "company"),
        address1=reading.text(row, "address1", 500),
        address2=reading.text(row, "address2", 500),
        city=reading.text(row, "city"),
        province=reading.text(row, "province_code", 64) or reading.text(row, "province", 64),
        postal_code=reading.text(row, "zip", 32).strip(),
        country=country,
        latitude=reading.degrees(row, "latitude", 90),
        longitude=reading.degrees(row, "longitude", 180),
    )


def _customer(order: dict[str, Any]) -> CustomerSnapshot:
    row = reading.mapping(order, "customer")
    return CustomerSnapshot(
        remote_id=reading.identifier(row, "id"),
        name=_name(row),
        email=reading.text(row, "email", 320),
        phone=reading.text(row, "phone", 64),
    )


def _name(row: dict[str, Any]) -> str:
    if name := reading.text(row, "name"):
        return name
    return f"{reading.text(row, 'first_name', 127)} {reading.text(row, 'last_name', 127)}".strip()


def _transaction(
    row: dict[str, Any], *, currency: str, refund_remote_id: int | None = None
) -> TransactionSnapshot:
    if row.get("currency") is not None or not currency:
        currency = reading.currency(row, "currency")
    kind, status = reading.text(row, "kind", 24).lower(), reading.text(row, "status", 24).lower()
    if not kind or not status:
        raise BadPayload("A transaction without kind or status.")
    amount = reading.money(row, "amount")
    if amount < 0:
        raise BadPayload(f"amount is {amount}; the kind gives the direction, not the sign.")
    return TransactionSnapshot(
        remote_id=reading.identifier(row, "id"),
        order_remote_id=reading.identifier(row, "order_id"),
        parent_remote_id=reading.identifier_or_none(row, "parent_id"),
        kind=kind,
        status=status,
        gateway=reading.text(row, "gateway"),
        amount=amount,
        currency=currency,
        processed_at=reading.moment_or_none(row, "processed_at")
        or reading.moment(row, "created_at"),
        error=reading.text(row, "error_code")
        or (reading.text(row, "message") if status != "success" else ""),
        refund_remote_id=refund_remote_id,
    )


def _refund_line(row: dict[str, Any], position: int) -> RefundLineSnapshot:
    try:
        restock = reading.text(row, "restock_type", 24)
        if restock not in RESTOCK_TYPES:
            raise BadPayload(f'restock_type is "{restock}"; it must be one of {RESTOCK_TYPES}.')
        return RefundLineSnapshot(
            line_remote_id=reading.identifier(row, "line_item_id"),
            quantity=reading.quantity(row, "quantity"),
            restock=restock,
            location_remote_id=reading.identifier_or_none(row, "location_id"),
            amount=reading.money_in_shop(row, "subtotal_set"),
            tax=reading.money_in_shop(row, "total_tax_set"),
        )
    except BadPayload as bad:
        raise BadPayload(f"Refund line {position}: {bad.reason}") from bad


def _adjustment(refund: dict[str, Any]) -> Decimal:
    """What went back beyond the lines: delivery, goodwill; negative when less than the lines.

    Shopify writes adjustments from the shop's side: money that leaves has a minus.
    """
    extra = NOTHING
    for row in reading.mappings(refund, "order_adjustments"):
        extra -= reading.money_in_shop(row, "amount_set")
        extra -= reading.money_in_shop(row, "tax_amount_set")
    for row in reading.mappings(refund, "refund_shipping_lines"):
        extra += reading.money_in_shop(row, "subtotal_amount_set")
        extra += reading.money_in_shop(row, "tax_amount_set")
    return extra


def _currency_of(bags: list[Any]) -> str:
    for bag in bags:
        if isinstance(bag, dict) and isinstance(bag.get("shop_money"), dict):
            return reading.currency(bag["shop_money"], "currency_code")
    return ""
