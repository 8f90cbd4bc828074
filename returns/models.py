"""Goods that come back and money that goes back: RMA, its lines, inspections, refunds."""

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from inventory.models import Location
from oms.core.history import append_only
from oms.core.models import Store
from oms.orders.models import Order, OrderLine


@pghistory.track()
class RMA(models.Model):
    """A return the customer may make, from the request to the decision about every unit."""

    class State(models.TextChoices):
        REQUESTED = "requested", "Requested"
        APPROVED = "approved", "Approved, on its way"
        DECLINED = "declined", "Declined"
        RECEIVED = "received", "Received, to be inspected"
        INSPECTED = "inspected", "Inspected, to be refunded"
        CLOSED = "closed", "Closed"
        CANCELLED = "cancelled", "Cancelled"

    store = models.ForeignKey(Store, models.PROTECT, related_name="+", db_index=False)
    order = models.ForeignKey(Order, models.PROTECT, related_name="rmas", db_index=False)
    number = models.CharField(max_length=32, help_text="What people call it, e.g. RET-3310.")
    remote_id = models.BigIntegerField(null=True, blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.REQUESTED)
    location = models.ForeignKey(
        Location,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="Where the goods arrived first.",
    )
    requested_at = models.DateTimeField(db_default=Now())
    approved_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField(null=True, blank=True)
    inspected_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "RMA"
        constraints = [
            models.UniqueConstraint(fields=["store", "number"], name="rma_number_once"),
            models.UniqueConstraint(
                fields=["store", "remote_id"],
                name="rma_remote_once",
                condition=Q(remote_id__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["order"], name="rma_order"),
            # Exceptions: what arrived and is not yet closed.
            models.Index(
                fields=["store"],
                name="rma_arrived",
                condition=Q(state__in=["received", "inspected"]),
            ),
        ]

    def __str__(self) -> str:
        return self.number


class RMALine(models.Model):
    """Units of one order line in one RMA: asked for, arrived, decided."""

    rma = models.ForeignKey(RMA, models.PROTECT, related_name="lines", db_index=False)
    line = models.ForeignKey(OrderLine, models.PROTECT, related_name="return_lines")
    remote_id = models.BigIntegerField(null=True, blank=True)
    quantity = models.PositiveIntegerField(help_text="Units the customer may send back.")
    received = models.PositiveIntegerField(db_default=0)
    inspected = models.PositiveIntegerField(db_default=0, help_text="Of the units received.")
    missing = models.PositiveIntegerField(db_default=0, help_text="Decided: never arrived.")
    extra = models.PositiveIntegerField(db_default=0, help_text="Arrived beyond what was asked.")
    reason = models.TextField(blank=True, default="")

    class Meta:
        verbose_name = "RMA line"
        constraints = [
            models.UniqueConstraint(fields=["rma", "line"], name="rma_line_once"),
            models.CheckConstraint(
                name="rma_received_within_asked",
                condition=Q(quantity__gte=F("received") + F("missing")),
            ),
            models.CheckConstraint(
                name="rma_inspected_within_received", condition=Q(inspected__lte=F("received"))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of line {self.line_id}"


class Inspection(models.Model):
    """What was decided about units that came back. Stock moves here and only here."""

    class Disposition(models.TextChoices):
        RESTOCK = "restock", "Back on sale"
        DAMAGED = "damaged", "Damaged, kept apart"
        SCRAP = "scrap", "Thrown away"
        MISSING = "missing", "Never arrived"

    rma_line = models.ForeignKey(RMALine, models.PROTECT, related_name="inspections")
    quantity = models.PositiveIntegerField()
    disposition = models.CharField(max_length=8, choices=Disposition)
    location = models.ForeignKey(Location, models.PROTECT, related_name="+")
    inspected_by = models.TextField()
    note = models.TextField(blank=True, default="")
    at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(name="inspection_not_empty", condition=Q(quantity__gt=0)),
        ]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.quantity} {self.disposition}"


class Refund(models.Model):
    """Money we owe back, whoever started it, until the transactions show that it moved.

    `owed` is what lines and policy say; what moved is read from the payment transactions.
    """

    class State(models.TextChoices):
        PROPOSED = "proposed", "Proposed"
        APPROVED = "approved", "Approved, being sent"
        SUBMITTED = "submitted", "Accepted by Shopify"
        FAILED = "failed", "Refused by Shopify"
        CANCELLED = "cancelled", "Not made"

    class Origin(models.TextChoices):
        RETURN = "return", "Return"
        CANCEL = "cancel", "Units cancelled"
        GOODWILL = "goodwill", "Goodwill"
        OUTSIDE = "outside", "Made outside Switchyard"

    store = models.ForeignKey(Store, models.PROTECT, related_name="+", db_index=False)
    order = models.ForeignKey(Order, models.PROTECT, related_name="refunds", db_index=False)
    rma = models.ForeignKey(RMA, models.PROTECT, null=True, blank=True, related_name="refunds")
    remote_id = models.BigIntegerField(null=True, blank=True)
    origin = models.CharField(max_length=8, choices=Origin)
    state = models.CharField(max_length=10, choices=State, default=State.PROPOSED)
    owed = models.DecimalField(max_digits=18, decimal_places=4, help_text="Shipping included.")
    shipping = models.DecimalField(max_digits=18, decimal_places=4, default=0)
    currency = models.CharField(max_length=3)
    reason = models.TextField(blank=True, default="")
    error = models.TextField(blank=True, default="", help_text="Why Shopify refused it.")
    proposed_by = models.TextField()
    proposed_by_user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    approved_by = models.TextField(blank=True, default="")
    approved_by_user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())
    approved_at = models.DateTimeField(null=True, blank=True)
    submitted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["store", "remote_id"],
                name="refund_remote_once",
                condition=Q(remote_id__isnull=False),
            ),
            models.CheckConstraint(name="refund_not_negative", condition=Q(owed__gte=0)),
        ]
        indexes = [
            models.Index(fields=["order"], name="refund_order"),
            models.Index(fields=["store", "-created_at"], name="refund_newest"),
            # Exceptions: what waits for somebody to decide.
            models.Index(
                fields=["created_at"], name="refund_proposed", condition=Q(state="proposed")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.owed} {self.currency} ({self.state})"


class RefundLine(models.Model):
    """Units a refund pays for."""

    refund = models.ForeignKey(Refund, models.PROTECT, related_name="lines", db_index=False)
    line = models.ForeignKey(OrderLine, models.PROTECT, related_name="refund_lines")
    quantity = models.PositiveIntegerField()
    amount = models.DecimalField(max_digits=18, decimal_places=4)
    restock = models.CharField(
        max_length=16, blank=True, default="", help_text="What Shopify did with the goods, if told."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["refund", "line"], name="refund_line_once"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of line {self.line_id}"
