"""Stock as other systems tell it, who is believed about what, and where shops disagree."""

import pghistory
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from inventory.models.places import Location
from inventory.models.stock import StockLevel
from oms.catalog.models import Item
from oms.core.models import Store


class StockFeed(models.Model):
    """One file or call with stock numbers, as of `source_time`. The same content counts once."""

    class Kind(models.TextChoices):
        FULL = "full", "Full: what is not in it is not there"
        ABSOLUTE = "absolute", "Absolute numbers of some levels"
        DELTA = "delta", "Changes"

    class State(models.TextChoices):
        CHECKED = "checked", "Checked, not applied"
        HELD = "held", "Waits for approval"
        APPLYING = "applying", "Being applied"
        APPLIED = "applied", "Applied"
        REFUSED = "refused", "Refused"

    store = models.ForeignKey(Store, models.PROTECT, related_name="+", db_index=False)
    source = models.CharField(max_length=24, help_text="The system that speaks, e.g. erp, wms.")
    kind = models.CharField(max_length=8, choices=Kind)
    state = models.CharField(max_length=8, choices=State, default=State.CHECKED)
    name = models.TextField(help_text="File name or request key.")
    digest = models.CharField(max_length=64, help_text="SHA-256 of the content.")
    source_time = models.DateTimeField(help_text="The moment the numbers speak of.")
    received_at = models.DateTimeField(db_default=Now())
    received_by = models.TextField()
    received_by_user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    request_key = models.CharField(
        max_length=64, blank=True, db_default="", help_text="A repeat with the same key is quiet."
    )
    decided_by = models.TextField(blank=True, default="")
    decided_at = models.DateTimeField(null=True, blank=True)
    applied_at = models.DateTimeField(null=True, blank=True)
    rows = models.PositiveIntegerField(db_default=0)
    facts = models.JSONField(default=dict, blank=True, help_text="Rows by outcome.")
    reason = models.TextField(blank=True, default="")

    class Meta:
        constraints = [
            # What was refused may be loaded again, e.g. as another kind.
            models.UniqueConstraint(
                fields=["store", "source", "digest", "source_time"],
                name="feed_once",
                condition=~Q(state="refused"),
            ),
            models.UniqueConstraint(
                fields=["store", "source", "request_key"],
                name="feed_request_once",
                condition=~Q(request_key=""),
            ),
        ]
        indexes = [
            models.Index(fields=["store", "-id"], name="feed_newest"),
            models.Index(fields=["id"], name="feed_applying", condition=Q(state="applying")),
        ]

    def __str__(self) -> str:
        return self.name


class FeedRow(models.Model):
    """One row of a feed: what it said, and what came of it. Unchanged rows are only counted."""

    class Outcome(models.TextChoices):
        GOOD = "good", "Will be applied"
        HELD = "held", "Waits for approval"
        APPLIED = "applied", "Applied"
        UNCHANGED = "unchanged", "No change"
        STALE = "stale", "Older than what we know"
        NOT_OURS = "not_ours", "Another system is believed here"
        BAD = "bad", "Cannot be used"
        REFUSED = "refused", "Refused by a person"

    feed = models.ForeignKey(
        StockFeed, models.CASCADE, db_constraint=False, related_name="+", db_index=False
    )
    number = models.PositiveIntegerField(help_text="Row in the file, the heading is 1.")
    sku = models.TextField()
    place = models.TextField()
    said = models.TextField()
    level = models.ForeignKey(
        StockLevel,
        models.PROTECT,
        null=True,
        blank=True,
        db_constraint=False,
        related_name="+",
        db_index=False,
    )
    units = models.IntegerField(null=True, blank=True, help_text="Number or change that was read.")
    delta = models.IntegerField(null=True, blank=True, help_text="Change of on hand it makes.")
    outcome = models.CharField(max_length=9, choices=Outcome)
    reason = models.TextField(blank=True, db_default="")

    class Meta:
        indexes = [
            models.Index(fields=["feed", "outcome", "number"], name="feed_row_outcome"),
        ]

    def __str__(self) -> str:
        return f"row {self.number}: {self.outcome}"


class FeedChunk(models.Model):
    """Rows of a feed that are still to be applied, some thousands side by side in arrays.

    A chunk is applied and taken away in one transaction, so what is left is what is to be done.
    Held chunks wait for a person; approved ones are not asked again whether they are absurd.
    """

    feed = models.ForeignKey(StockFeed, models.CASCADE, related_name="chunks", db_index=False)
    held = models.BooleanField(db_default=False)
    approved = models.BooleanField(db_default=False)
    numbers = ArrayField(models.IntegerField())
    items = ArrayField(models.BigIntegerField())
    locations = ArrayField(models.BigIntegerField())
    units = ArrayField(models.IntegerField(null=True), help_text="Null: not told.")
    safety = ArrayField(models.IntegerField(null=True), help_text="Null: not told.")

    class Meta:
        indexes = [models.Index(fields=["feed", "held", "id"], name="feed_chunk_to_do")]

    def __str__(self) -> str:
        return f"{len(self.numbers)} rows"


class FeedMark(models.Model):
    """How new the newest number is that a source told about a level: an older one never lands."""

    level = models.ForeignKey(
        StockLevel, models.PROTECT, db_constraint=False, related_name="+", db_index=False
    )
    source = models.CharField(max_length=24)
    source_time = models.DateTimeField()
    feed = models.ForeignKey(
        StockFeed, models.CASCADE, db_constraint=False, related_name="+", db_index=False
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["level", "source"], name="feed_mark_once"),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.source_time}"


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class AuthorityRule(models.Model):
    """Which system is believed about a field. The most exact rule wins: item and location, item,
    location, field."""

    class Field(models.TextChoices):
        ON_HAND = "on_hand", "On hand"
        SAFETY = "safety", "Safety stock"
        INCOMING = "incoming", "Incoming supply"

    store = models.ForeignKey(Store, models.PROTECT, related_name="+", db_index=False)
    field = models.CharField(max_length=8, choices=Field)
    item = models.ForeignKey(Item, models.CASCADE, null=True, blank=True, related_name="+")
    location = models.ForeignKey(Location, models.CASCADE, null=True, blank=True, related_name="+")
    source = models.CharField(
        max_length=24, help_text="switchyard, shopify, or the name of a feed's system, e.g. erp."
    )
    note = models.TextField(blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["store", "field", "item", "location"],
                name="authority_once",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_field_display()}: {self.source}"


class Drift(models.Model):
    """A level where Shopify and we disagree: both numbers, the likely cause, the repair."""

    class State(models.TextChoices):
        OPEN = "open", "Differs"
        REPAIRED = "repaired", "Repaired"
        GONE = "gone", "Agrees again"

    store = models.ForeignKey(Store, models.PROTECT, related_name="+", db_index=False)
    level = models.ForeignKey(StockLevel, models.PROTECT, related_name="drifts")
    state = models.CharField(max_length=8, choices=State, default=State.OPEN)
    ours = models.IntegerField(help_text="Our on hand.")
    theirs = models.IntegerField(help_text="Shopify's on hand.")
    cause = models.CharField(max_length=24)
    evidence = models.JSONField(default=dict, blank=True)
    repair = models.CharField(max_length=24, blank=True, default="")
    found_at = models.DateTimeField(db_default=Now())
    checked_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.TextField(blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["level"], name="drift_one_open", condition=Q(state="open")
            ),
        ]
        indexes = [models.Index(fields=["store", "-id"], name="drift_newest")]

    def __str__(self) -> str:
        return f"{self.ours} here, {self.theirs} there"
