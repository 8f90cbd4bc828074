"""Units that somebody may count on: reservations, and stock kept apart for a channel."""

import pghistory
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from inventory.models.places import Location
from inventory.models.stock import StockLevel
from oms.catalog.models import Item
from oms.core.models import Store
from oms.orders.models import OrderLine


class RingFence(models.Model):
    """Units of a level kept for the orders of one channel; what is promised leaves the fence.

    The level's `fenced` counter is the sum of `units` over its open fences. With `overflow` the
    channel may also use the common stock once its own is gone; others never use the fence.
    """

    store = models.ForeignKey(
        Store, models.PROTECT, db_constraint=False, related_name="+", db_index=False
    )
    level = models.ForeignKey(StockLevel, models.PROTECT, related_name="fences")
    channel = models.CharField(max_length=64)
    units = models.PositiveIntegerField(help_text="Units still kept and not promised.")
    overflow = models.BooleanField(default=True)
    until = models.DateField(null=True, blank=True, help_text="Given back after this day.")
    created_by = models.TextField()
    created_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["level", "channel"],
                name="fence_one_open",
                condition=Q(ended_at__isnull=True),
            ),
        ]
        indexes = [
            # Each batch of orders asks whether its channels have any.
            models.Index(
                fields=["store", "channel"],
                name="fence_open",
                condition=Q(ended_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.units} for {self.channel}"


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class ChannelThreshold(models.Model):
    """Units not offered in a channel, though free. The most exact rule wins: item and location,
    item, location, channel."""

    store = models.ForeignKey(Store, models.PROTECT, related_name="+", db_index=False)
    channel = models.CharField(max_length=64)
    item = models.ForeignKey(Item, models.CASCADE, null=True, blank=True, related_name="+")
    location = models.ForeignKey(Location, models.CASCADE, null=True, blank=True, related_name="+")
    units = models.PositiveIntegerField(help_text="Kept back at each location.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["store", "channel", "item", "location"],
                name="threshold_once",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.units} kept back from {self.channel}"


class Reservation(models.Model):
    """Units promised from one stock level: pending once, then one of five ends.

    A firm promise is to an order line, or to a transfer named in `holder`; a soft one is to a
    cart, draft or quote named in `holder` and runs out. For a bundle, `level` is the bundle's own
    and `parts` says what is really kept: [[level id of the part, units per bundle], ...].
    """

    class Kind(models.TextChoices):
        FIRM = "firm", "firm"
        SOFT = "soft", "soft"

    class State(models.TextChoices):
        PENDING = "pending", "promised"
        CONSUMED = "consumed", "shipped"
        RELEASED = "released", "given back"
        EXPIRED = "expired", "ran out"
        LOST = "lost", "lost: the unit is not there"
        MOVED = "moved", "moved to another location"

    store = models.ForeignKey(
        Store, models.PROTECT, db_constraint=False, related_name="+", db_index=False
    )
    # Nothing that is promised can be deleted (no_delete there), so no key is checked row by row.
    line = models.ForeignKey(
        OrderLine,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="reservations",
        db_index=False,
        db_constraint=False,
    )
    level = models.ForeignKey(
        StockLevel,
        models.PROTECT,
        related_name="reservations",
        db_index=False,
        db_constraint=False,
    )
    quantity = models.IntegerField()
    kind = models.CharField(max_length=4, choices=Kind, db_default=Kind.FIRM)
    state = models.CharField(max_length=8, choices=State, db_default=State.PENDING)
    holder = models.TextField(db_default="", blank=True, help_text="e.g. cart:abc, transfer:12.")
    expires_at = models.DateTimeField(null=True, blank=True)
    fence = models.ForeignKey(
        RingFence, models.PROTECT, null=True, blank=True, db_index=False, related_name="+"
    )
    fenced = models.IntegerField(db_default=0, help_text="Units taken from the fence.")
    parts = models.JSONField(null=True, blank=True)
    reason = models.TextField(db_default="", blank=True, help_text="Why it was lost or moved.")
    created_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            # One check: each is read anew with every statement that writes.
            models.CheckConstraint(
                name="reservation_holds_up",
                condition=Q(quantity__gt=0)
                & Q(fenced__gte=0)
                & Q(fenced__lte=F("quantity"))
                & (Q(line__isnull=False) | ~Q(holder=""))
                & (Q(kind="firm") | Q(expires_at__isnull=False)),
            ),
        ]
        indexes = [
            models.Index(fields=["line"], name="reservation_line"),
            models.Index(
                fields=["level"], name="reservation_pending", condition=Q(state="pending")
            ),
            models.Index(
                fields=["expires_at"],
                name="reservation_expiring",
                condition=Q(state="pending", kind="soft"),
            ),
            models.Index(
                fields=["store", "holder"],
                name="reservation_holder",
                condition=Q(state="pending", line__isnull=True),
            ),
            # Who claims a level as a part, when units of it vanish.
            models.Index(
                fields=["store"],
                name="reservation_bundle",
                condition=Q(state="pending", parts__isnull=False),
            ),
            # How many of a bundle are ordered or gone: the shop counts those itself.
            models.Index(
                fields=["level"],
                include=["kind", "state", "quantity"],
                name="reservation_sets",
                condition=Q(parts__isnull=False),
            ),
            # Who lost units of a level, for its page.
            models.Index(fields=["level"], name="reservation_lost", condition=Q(state="lost")),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} ({self.state})"
