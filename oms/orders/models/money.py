"""Money facts: what payments did at the gateway, and the two-column ledger of an order."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from oms.core.history import append_only
from oms.core.models import Store
from oms.orders.models.order import Order


class PaymentTransaction(models.Model):
    """One transaction as the shop reports it: positive amounts, the kind gives the direction."""

    store = models.ForeignKey(Store, models.PROTECT, related_name="+", db_index=False)
    order = models.ForeignKey(Order, models.PROTECT, related_name="transactions", db_index=False)
    remote_id = models.BigIntegerField()
    parent_remote_id = models.BigIntegerField(null=True, blank=True)
    refund_remote_id = models.BigIntegerField(null=True, blank=True)
    kind = models.CharField(max_length=24, help_text="authorization, sale, capture, refund, void")
    status = models.CharField(max_length=24)
    gateway = models.TextField(blank=True, default="")
    amount = models.DecimalField(max_digits=18, decimal_places=4)
    currency = models.CharField(max_length=3)
    processed_at = models.DateTimeField()
    error = models.TextField(blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["store", "remote_id"], name="transaction_remote_once"),
        ]
        indexes = [models.Index(fields=["order"], name="transaction_order")]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount} {self.currency}"


class MoneyEntry(models.Model):
    """One signed amount in one of the two columns: owed by lines, or moved by transactions.

    The columns agree when the customer has paid (or got back) exactly what the lines say.
    Only `oms.orders.money` writes here.
    """

    class Column(models.TextChoices):
        OWED = "owed", "Owed by lines"
        MOVED = "moved", "Moved by transactions"

    store = models.ForeignKey(
        Store, models.PROTECT, db_constraint=False, related_name="+", db_index=False
    )
    order = models.ForeignKey(
        Order, models.PROTECT, db_constraint=False, related_name="money", db_index=False
    )
    column = models.CharField(max_length=5, choices=Column)
    cause = models.CharField(
        max_length=24, help_text="items, delivery, tax, discount, edit, refund, payment"
    )
    amount = models.DecimalField(max_digits=18, decimal_places=4, help_text="Signed.")
    currency = models.CharField(max_length=3)
    source = models.TextField(help_text="The document it comes from, e.g. transaction:123.")
    actor = models.TextField()
    at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["order", "column", "source"], name="money_source_once"),
            models.CheckConstraint(name="money_not_zero", condition=~Q(amount=0)),
        ]
        indexes = [
            # Exceptions: only an order of which something was taken back can owe a refund.
            models.Index(
                fields=["order"],
                name="money_taken_back",
                condition=Q(amount__lt=0) & ~Q(cause__in=["discount", "other"]),
            ),
        ]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.column} {self.amount} {self.currency}"
