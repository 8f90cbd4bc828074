"""Goods on their way to a location: purchase orders and transfers, receipts, dated promises."""

import pghistory
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from inventory.models.places import Location
from oms.catalog.models import Item
from oms.core.history import append_only
from oms.core.models import Store
from oms.orders.models import OrderLine


@pghistory.track()
class Supply(models.Model):
    """A purchase order or a transfer: goods that a location expects on a day."""

    class Kind(models.TextChoices):
        PURCHASE = "purchase", "Purchase order"
        TRANSFER = "transfer", "Transfer"

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        OPEN = "open", "Ordered"
        SHIPPED = "shipped", "On the way"
        CLOSED = "closed", "Closed"
        CANCELLED = "cancelled", "Cancelled"

    store = models.ForeignKey(Store, models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=8, choices=Kind)
    number = models.CharField(max_length=64, help_text="What people call it, e.g. PO-2041.")
    supplier = models.CharField(max_length=120, blank=True, default="")
    origin = models.ForeignKey(
        Location, models.PROTECT, null=True, blank=True, related_name="+", help_text="Transfers."
    )
    destination = models.ForeignKey(Location, models.PROTECT, related_name="+")
    expected_on = models.DateField(null=True, blank=True)
    state = models.CharField(max_length=9, choices=State, default=State.DRAFT)
    source = models.CharField(max_length=24, default="switchyard", help_text="Who told us.")
    note = models.TextField(blank=True, default="")
    created_by = models.TextField()
    created_at = models.DateTimeField(db_default=Now())
    shipped_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "supplies"
        constraints = [
            models.UniqueConstraint(fields=["store", "number"], name="supply_number_once"),
            models.CheckConstraint(
                name="supply_transfer_has_origin",
                condition=Q(kind="purchase") | Q(origin__isnull=False),
            ),
            models.CheckConstraint(
                name="supply_goes_elsewhere",
                condition=Q(origin__isnull=True) | ~Q(origin=F("destination")),
            ),
        ]
        indexes = [
            models.Index(
                fields=["store", "expected_on"],
                name="supply_expected",
                condition=Q(state__in=["open", "shipped"]),
            ),
        ]

    def __str__(self) -> str:
        return self.number


class SupplyLine(models.Model):
    """Units of one item in a supply. Received counts damaged ones too, short what never came.

    Incoming at the destination is what is still to come of open purchases, in transit what left
    the origin of a transfer and has not arrived (inventory/invariants.py).
    """

    store = models.ForeignKey(
        Store, models.PROTECT, db_constraint=False, related_name="+", db_index=False
    )
    supply = models.ForeignKey(Supply, models.PROTECT, related_name="lines", db_index=False)
    item = models.ForeignKey(Item, models.PROTECT, related_name="+", db_index=False)
    ordered = models.PositiveIntegerField()
    shipped = models.PositiveIntegerField(db_default=0, help_text="Left the origin of a transfer.")
    received = models.PositiveIntegerField(db_default=0)
    damaged = models.PositiveIntegerField(db_default=0, help_text="Of those received.")
    short = models.PositiveIntegerField(db_default=0, help_text="Closed as never coming.")
    expected_on = models.DateField(null=True, blank=True, help_text="When not the supply's day.")
    presell_cap = models.PositiveIntegerField(
        db_default=0, help_text="Units that may be promised before they arrive."
    )
    promised = models.PositiveIntegerField(
        db_default=0, help_text="Units promised to order lines and not arrived."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["supply", "item"], name="supply_line_item_once"),
            models.CheckConstraint(
                name="supply_line_not_empty", condition=Q(ordered__gt=0) | Q(received__gt=0)
            ),
            models.CheckConstraint(
                name="supply_line_damaged_within", condition=Q(damaged__lte=F("received"))
            ),
            models.CheckConstraint(
                name="supply_line_promised_within_cap", condition=Q(promised__lte=F("presell_cap"))
            ),
        ]
        indexes = [models.Index(fields=["item"], name="supply_line_item")]

    def __str__(self) -> str:
        return f"{self.ordered} x {self.item_id}"

    @property
    def to_come(self) -> int:
        """Units still expected."""
        return max(self.ordered - self.received - self.short, 0)

    @property
    def on_the_way(self) -> int:
        """Units of a transfer that left and have not arrived."""
        return max(self.shipped - self.received - self.short, 0)


class SupplyPromise(models.Model):
    """Units of an order line that wait for a dated supply."""

    class State(models.TextChoices):
        PENDING = "pending", "waits for the supply"
        KEPT = "kept", "the units came"
        RELEASED = "released", "given back"

    store = models.ForeignKey(
        Store, models.PROTECT, db_constraint=False, related_name="+", db_index=False
    )
    supply_line = models.ForeignKey(SupplyLine, models.PROTECT, related_name="promises")
    line = models.ForeignKey(
        OrderLine, models.PROTECT, related_name="supply_promises", db_index=False
    )
    quantity = models.PositiveIntegerField()
    promised_for = models.DateField(null=True, blank=True, help_text="When they are expected now.")
    told_for = models.DateField(
        null=True, blank=True, help_text="The day the customer was told; moves when told again."
    )
    state = models.CharField(max_length=8, choices=State, db_default=State.PENDING)
    created_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="supply_promise_not_empty", condition=Q(quantity__gt=0)),
            models.UniqueConstraint(
                fields=["supply_line", "line"],
                name="supply_promise_one_pending",
                condition=Q(state="pending"),
            ),
        ]
        indexes = [models.Index(fields=["line"], name="supply_promise_line")]

    def __str__(self) -> str:
        return f"{self.quantity} of line {self.line_id}"


class Receipt(models.Model):
    """Goods taken in at one time. A repeat with the same key is quiet."""

    store = models.ForeignKey(Store, models.PROTECT, related_name="+", db_index=False)
    supply = models.ForeignKey(Supply, models.PROTECT, related_name="receipts")
    request_key = models.CharField(max_length=64)
    received_by = models.TextField()
    received_at = models.DateTimeField(db_default=Now())
    note = models.TextField(blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["store", "request_key"], name="receipt_once"),
        ]
        triggers = append_only()

    def __str__(self) -> str:
        return f"receipt {self.pk}"


class ReceiptLine(models.Model):
    """Units of one item of a receipt: good ones to the shelf, damaged ones apart."""

    receipt = models.ForeignKey(Receipt, models.PROTECT, related_name="lines")
    supply_line = models.ForeignKey(SupplyLine, models.PROTECT, related_name="receipts")
    good = models.PositiveIntegerField()
    damaged = models.PositiveIntegerField(default=0)
    quality = models.PositiveIntegerField(default=0, help_text="Put into quality control.")

    class Meta:
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.good} good, {self.damaged} damaged"


class Presell(models.Model):
    """Whether an item may be sold before it arrives, as Shopify was last asked to show it."""

    store = models.ForeignKey(Store, models.PROTECT, related_name="+")
    item = models.OneToOneField(Item, models.PROTECT, related_name="presell")
    on = models.BooleanField(default=False)
    reason = models.TextField(blank=True, default="")
    changed_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.item_id} {'on' if self.on else 'off'}"
