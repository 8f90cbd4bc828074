"""The counters of an item at a location, and every entry that made them so."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Least, Now
from django.db.models.lookups import GreaterThanOrEqual

from inventory.models.places import Location
from oms.catalog.models import Item
from oms.core.history import append_only, no_delete
from oms.core.models import Store

# What may still be promised. A frozen level promises nothing, but owes what it owes.
FREE = F("on_hand") - F("reserved") - F("soft") - F("fenced") - F("safety") - F("buffer")


class Reason(models.TextChoices):
    """Why somebody changes stock by hand."""

    DAMAGED = "damaged", "Damaged"
    FOUND = "found", "Found"
    LOST = "lost", "Lost"
    THEFT = "theft", "Stolen"
    MISCOUNT = "miscount", "Miscounted before"
    SUPPLIER = "supplier", "Wrong from the supplier"
    REPAIRED = "repaired", "Repaired or passed"
    OTHER = "other", "Other, see the note"


class StockLevel(models.Model):
    """Counters of one item at one location. Written by `inventory.ledger` and nobody else.

    Available = on hand - reserved - soft - fenced - safety - buffer, and nothing while frozen.
    Damaged units and those in quality control are counted apart from on hand. On hand may fall
    below what is promised when the world says so (a shop sale, a count): that is let in, and
    exactly the missing units lose their promise (inventory/losses.py).
    """

    store = models.ForeignKey(
        Store, models.PROTECT, db_constraint=False, related_name="+", db_index=False
    )
    item = models.ForeignKey(Item, models.PROTECT, related_name="levels", db_index=False)
    location = models.ForeignKey(Location, models.PROTECT, related_name="levels")
    on_hand = models.IntegerField(db_default=0, help_text="Units on the shelf that may be sold.")
    reserved = models.IntegerField(db_default=0, help_text="Promised to orders and transfers.")
    soft = models.IntegerField(db_default=0, help_text="Kept for carts, drafts and quotes.")
    fenced = models.IntegerField(db_default=0, help_text="Kept for one channel, not yet promised.")
    safety = models.IntegerField(db_default=0, help_text="Never sold; set by people.")
    buffer = models.IntegerField(db_default=0, help_text="Never sold; set by the trust score.")
    damaged = models.IntegerField(db_default=0)
    quality = models.IntegerField(db_default=0, help_text="In quality control.")
    incoming = models.IntegerField(db_default=0, help_text="Ordered from suppliers.")
    in_transit = models.IntegerField(db_default=0, help_text="On the way from our locations.")
    frozen = models.BooleanField(db_default=False, help_text="Being counted: promises nothing.")
    available = models.GeneratedField(
        expression=Case(When(frozen=True, then=Least(Value(0), FREE)), default=FREE),
        output_field=models.IntegerField(),
        db_persist=True,
    )
    published = models.IntegerField(null=True, blank=True, help_text="Told to Shopify in all.")
    published_at = models.DateTimeField(
        null=True, blank=True, help_text="When Shopify last had everything there was to tell."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["item", "location"], name="level_once"),
            # One check, and a short one: it is read anew with every statement that writes.
            models.CheckConstraint(
                name="level_counters_not_negative",
                condition=GreaterThanOrEqual(
                    Least(
                        "reserved",
                        "soft",
                        "fenced",
                        "safety",
                        "buffer",
                        "damaged",
                        "quality",
                        "incoming",
                        "in_transit",
                    ),
                    0,
                ),
            ),
        ]
        triggers = [no_delete()]

    def __str__(self) -> str:
        return f"{self.item_id} at {self.location_id}"


class StockEntry(models.Model):
    """One change of one counter: cause, actor, document, before and after."""

    class Bucket(models.TextChoices):
        ON_HAND = "on_hand", "On hand"
        RESERVED = "reserved", "Reserved"
        SOFT = "soft", "Kept for carts"
        FENCED = "fenced", "Kept for a channel"
        SAFETY = "safety", "Safety"
        BUFFER = "buffer", "Buffer"
        DAMAGED = "damaged", "Damaged"
        QUALITY = "quality", "Quality control"
        INCOMING = "incoming", "Incoming"
        IN_TRANSIT = "in_transit", "In transit"

    class Cause(models.TextChoices):
        OPENING = "opening", "Opening stock"
        SYNC = "sync", "Reported by Shopify"
        RESERVE = "reserve", "Reserved for an order"
        RELEASE = "release", "Reservation given back"
        SHIP = "ship", "Left with a parcel"
        KIT = "kit", "Left as part of a bundle"
        RETURN = "return", "Came back"
        ADJUST = "adjust", "Adjusted by a person"
        COUNT = "count", "Counted"
        SALE = "sale", "Sold over the counter"
        FEED = "feed", "Told by another system"
        RECEIVE = "receive", "Received"
        TRANSFER = "transfer", "Moved between locations"
        ORDERED = "ordered", "Ordered from a supplier"
        SHORT = "short", "Not found when picked"
        LOST = "lost", "Promise lost"
        EXPIRE = "expire", "Promise ran out"
        FENCE = "fence", "Kept for a channel"
        TRUST = "trust", "Set by the trust score"
        REPAIR = "repair", "Repaired"

    store = models.ForeignKey(
        Store, models.PROTECT, db_constraint=False, related_name="+", db_index=False
    )
    level = models.ForeignKey(
        StockLevel, models.PROTECT, db_constraint=False, related_name="entries", db_index=False
    )
    bucket = models.CharField(max_length=10, choices=Bucket)
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
        indexes = [
            models.Index(fields=["level", "id"], name="entry_level"),
            # What moved since a moment: counts and feeds that speak of an earlier time.
            BrinIndex(fields=["at"], name="entry_at", pages_per_range=16),
            # What is told to the shop: few entries of many, see inventory/shop_numbers.py.
            models.Index(
                fields=["level"],
                include=["delta", "actor"],
                name="entry_own",
                condition=Q(bucket="on_hand") & ~Q(cause__in=["opening", "sync", "ship", "sale"]),
            ),
        ]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.bucket} {self.delta:+d}"
