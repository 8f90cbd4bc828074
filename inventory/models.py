"""Where stock is, how much, who may count on it, and every entry that made it so."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from oms.catalog.models import Item
from oms.core.history import append_only
from oms.core.models import Store
from oms.orders.models import OrderLine


class Location(models.Model):
    """A warehouse or shop that holds stock and may ship."""

    store = models.ForeignKey(Store, models.PROTECT, related_name="+")
    name = models.CharField(max_length=120)
    code = models.CharField(max_length=12, help_text="Short code on work and labels, e.g. LDS.")
    remote_id = models.BigIntegerField(null=True, blank=True)
    address = models.TextField(blank=True, default="")
    city = models.CharField(max_length=120, blank=True, default="")
    province = models.CharField(max_length=64, blank=True, default="")
    postal_code = models.CharField(max_length=32, blank=True, default="")
    country = models.CharField(max_length=2)
    latitude = models.FloatField(null=True, blank=True)
    longitude = models.FloatField(null=True, blank=True)
    timezone = models.CharField(max_length=64, default="UTC")
    ships_to = ArrayField(
        models.CharField(max_length=2), default=list, blank=True, help_text="Countries served."
    )
    active = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["store", "code"], name="location_code_once"),
            models.UniqueConstraint(
                fields=["store", "remote_id"],
                name="location_remote_once",
                condition=Q(remote_id__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class StockLevel(models.Model):
    """Counters of one item at one location. Written by `inventory.ledger` and nobody else.

    Available = on hand - reserved - safety. On hand may fall below reserved when the world says so
    (a shop sale, a count); that opens an exception for exactly the missing units.
    """

    store = models.ForeignKey(Store, models.PROTECT, db_constraint=False, related_name="+")
    item = models.ForeignKey(Item, models.PROTECT, related_name="levels")
    location = models.ForeignKey(Location, models.PROTECT, related_name="levels")
    on_hand = models.IntegerField(db_default=0)
    reserved = models.IntegerField(db_default=0)
    safety = models.IntegerField(db_default=0)
    damaged = models.IntegerField(db_default=0)
    published = models.IntegerField(null=True, blank=True, help_text="Last told to Shopify.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["item", "location"], name="level_once"),
            models.CheckConstraint(
                name="level_reserved_not_negative", condition=Q(reserved__gte=0)
            ),
            models.CheckConstraint(name="level_safety_not_negative", condition=Q(safety__gte=0)),
            models.CheckConstraint(name="level_damaged_not_negative", condition=Q(damaged__gte=0)),
        ]
        indexes = [
            # The shortage detector: few rows, found without reading the table.
            models.Index(
                fields=["store"], name="level_short", condition=Q(reserved__gt=F("on_hand"))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.item_id} at {self.location_id}"


class StockEntry(models.Model):
    """One change of one counter: cause, actor, document, before and after."""

    class Bucket(models.TextChoices):
        ON_HAND = "on_hand", "On hand"
        RESERVED = "reserved", "Reserved"
        SAFETY = "safety", "Safety"
        DAMAGED = "damaged", "Damaged"

    class Cause(models.TextChoices):
        OPENING = "opening", "Opening stock"
        SYNC = "sync", "Reported by Shopify"
        RESERVE = "reserve", "Reserved for an order"
        RELEASE = "release", "Reservation given back"
        SHIP = "ship", "Left with a parcel"
        RETURN = "return", "Came back"
        ADJUST = "adjust", "Adjusted by a person"
        COUNT = "count", "Counted"

    store = models.ForeignKey(Store, models.PROTECT, db_constraint=False, related_name="+")
    level = models.ForeignKey(
        StockLevel, models.PROTECT, db_constraint=False, related_name="entries"
    )
    bucket = models.CharField(max_length=8, choices=Bucket)
    delta = models.IntegerField()
    before = models.IntegerField()
    after = models.IntegerField()
    cause = models.CharField(max_length=8, choices=Cause)
    actor = models.TextField()
    document = models.TextField(help_text="What caused it, e.g. order:17 or inbox:42.")
    at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="entry_adds_up", condition=Q(after=F("before") + F("delta"))
            ),
        ]
        indexes = [models.Index(fields=["level", "id"], name="entry_level")]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.bucket} {self.delta:+d}"


class Reservation(models.Model):
    """Units of one line promised from one stock level: pending once, then one of three ends."""

    class State(models.TextChoices):
        PENDING = "pending", "promised"
        CONSUMED = "consumed", "shipped"
        RELEASED = "released", "given back"
        EXPIRED = "expired", "ran out"

    store = models.ForeignKey(Store, models.PROTECT, db_constraint=False, related_name="+")
    line = models.ForeignKey(OrderLine, models.PROTECT, related_name="reservations")
    level = models.ForeignKey(StockLevel, models.PROTECT, related_name="reservations")
    quantity = models.PositiveIntegerField()
    state = models.CharField(max_length=8, choices=State, db_default=State.PENDING)
    created_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="reservation_not_empty", condition=Q(quantity__gt=0)),
        ]
        indexes = [
            models.Index(fields=["line"], name="reservation_line"),
            models.Index(
                fields=["level"], name="reservation_pending", condition=Q(state="pending")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} ({self.state})"
