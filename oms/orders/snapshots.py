"""An order as a channel tells it, in plain values: what parsing produces and intake takes."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal


@dataclass(slots=True)
class LineSnapshot:
    """One line: `current` is `quantity` less removals and refunds, `fulfillable` is to ship."""

    remote_id: int
    sku: str
    title: str
    variant_id: int | None
    quantity: int
    current: int
    fulfillable: int
    ships: bool
    unit_price: Decimal
    discount: Decimal
    tax: Decimal


@dataclass(slots=True)
class AddressSnapshot:
    """Where to ship to. Country is the two-letter code, upper case; empty when unknown."""

    name: str = ""
    company: str = ""
    address1: str = ""
    address2: str = ""
    city: str = ""
    province: str = ""
    postal_code: str = ""
    country: str = ""
    latitude: float | None = None
    longitude: float | None = None


@dataclass(slots=True)
class CustomerSnapshot:
    """Who ordered."""

    remote_id: int
    name: str = ""
    email: str = ""
    phone: str = ""


@dataclass(slots=True)
class OrderSnapshot:
    """A whole order at one version (`updated_at`). Amounts are in `currency`, two columns' worth:

    `total` is what the customer owed when placing it; the parts say how it is made up.
    """

    remote_id: int
    name: str
    updated_at: datetime
    placed_at: datetime
    cancelled_at: datetime | None
    channel: str
    currency: str
    total: Decimal
    items_total: Decimal
    delivery_total: Decimal
    tax_total: Decimal
    discount_total: Decimal
    email: str = ""
    phone: str = ""
    note: str = ""
    test: bool = False
    taxes_included: bool = False
    financial_status: str = ""
    shipping_method: str = ""
    cart: str = ""
    # Where it was sold over the counter; None for an order that is to be shipped.
    sold_at_remote_id: int | None = None
    # When the shop stored it: from then on its own stock numbers count it.
    recorded_at: datetime | None = None
    tags: list[str] = field(default_factory=list)
    address: AddressSnapshot = field(default_factory=AddressSnapshot)
    customer: CustomerSnapshot | None = None
    lines: list[LineSnapshot] = field(default_factory=list)


@dataclass(slots=True)
class TransactionSnapshot:
    """One payment transaction; `amount` is positive, `kind` gives the direction."""

    remote_id: int
    order_remote_id: int
    parent_remote_id: int | None
    kind: str
    status: str
    gateway: str
    amount: Decimal
    currency: str
    processed_at: datetime
    error: str = ""
    refund_remote_id: int | None = None


@dataclass(slots=True)
class RefundLineSnapshot:
    """Units of a refund; `restock` is cancel, return, no_restock or legacy_restock."""

    line_remote_id: int
    quantity: int
    restock: str
    location_remote_id: int | None
    amount: Decimal
    tax: Decimal


@dataclass(slots=True)
class RefundSnapshot:
    """A refund as the channel recorded it, with the transactions that carry its money."""

    remote_id: int
    order_remote_id: int
    created_at: datetime
    note: str
    lines: list[RefundLineSnapshot] = field(default_factory=list)
    transactions: list[TransactionSnapshot] = field(default_factory=list)
    adjustment: Decimal = Decimal(0)
