"""Counting what stands on the shelf, and what is known of a level besides its counters."""

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from inventory.models.places import Location
from inventory.models.stock import StockLevel
from oms.core.models import Store


class ABC(models.TextChoices):
    """Class of a level by the value that leaves it: A makes 80 % of it, B the next 15 %."""

    A = "A", "A"
    B = "B", "B"
    C = "C", "C"


class Standing(models.Model):
    """Class, last count and trust of a level: what decides buffer, routing order and next count."""

    level = models.OneToOneField(
        StockLevel, models.PROTECT, primary_key=True, related_name="standing"
    )
    store = models.ForeignKey(
        Store, models.PROTECT, db_constraint=False, related_name="+", db_index=False
    )
    abc = models.CharField(max_length=1, choices=ABC, db_default=ABC.C)
    counted_at = models.DateTimeField(null=True, blank=True)
    count_due_on = models.DateField(null=True, blank=True)
    due_reason = models.TextField(blank=True, default="")
    pulled = models.BooleanField(
        db_default=False, help_text="Due earlier than its class asks, for the reason given."
    )
    trust = models.PositiveSmallIntegerField(db_default=100, help_text="0 to 100.")
    parts = models.JSONField(
        default=list, blank=True, help_text="[[part, points taken off, why], ...]"
    )
    computed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["store", "count_due_on"], name="standing_count_due"),
            # Routing asks at every batch, and few levels are in doubt.
            models.Index(fields=["level"], name="standing_doubted", condition=Q(trust__lt=60)),
        ]

    def __str__(self) -> str:
        return f"{self.trust} ({self.abc})"


@pghistory.track()
class CountPolicy(models.Model):
    """How often each class is counted, and when a difference needs a second look."""

    store = models.OneToOneField(Store, models.PROTECT, related_name="count_policy")
    a_days = models.PositiveSmallIntegerField(default=30)
    b_days = models.PositiveSmallIntegerField(default=90)
    c_days = models.PositiveSmallIntegerField(default=180)
    alert_percent = models.PositiveSmallIntegerField(
        default=10, help_text="An exception when a count differs by more, in percent of the units."
    )
    approve_units = models.PositiveIntegerField(
        default=10, help_text="A difference of more units needs a second person."
    )
    approve_value = models.DecimalField(
        max_digits=18, decimal_places=4, default=250, help_text="Or of more value, in store money."
    )

    class Meta:
        verbose_name_plural = "count policies"

    def __str__(self) -> str:
        return f"counts of {self.store}"


class CountSession(models.Model):
    """A list of levels of one location that somebody counts."""

    class Kind(models.TextChoices):
        CYCLE = "cycle", "Cycle count"
        FULL = "full", "Full count"
        SPOT = "spot", "Spot check"

    class State(models.TextChoices):
        OPEN = "open", "Being counted"
        REVIEW = "review", "To be approved"
        POSTING = "posting", "Being posted"
        POSTED = "posted", "Posted"
        CANCELLED = "cancelled", "Cancelled"

    store = models.ForeignKey(Store, models.PROTECT, related_name="+", db_index=False)
    location = models.ForeignKey(Location, models.PROTECT, related_name="+")
    kind = models.CharField(max_length=5, choices=Kind, default=Kind.CYCLE)
    state = models.CharField(max_length=9, choices=State, default=State.OPEN)
    blind = models.BooleanField(default=True, help_text="The counter does not see our number.")
    freezes = models.BooleanField(
        default=False, help_text="Nothing new is promised from these levels meanwhile."
    )
    created_by = models.TextField()
    created_at = models.DateTimeField(db_default=Now())
    submitted_at = models.DateTimeField(null=True, blank=True)
    submitted_by = models.TextField(blank=True, default="")
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.TextField(blank=True, default="")

    class Meta:
        indexes = [
            models.Index(
                fields=["store", "state"],
                name="count_open",
                condition=Q(state__in=["open", "review", "posting"]),
            ),
        ]

    def __str__(self) -> str:
        return f"count {self.pk}"


class CountLine(models.Model):
    """One level in a count. A recount is a new attempt; the old one stays as it was.

    `expected` is on hand at the moment of the count, `counted_at` that moment: what moved later
    is not undone.
    """

    class State(models.TextChoices):
        TO_COUNT = "to_count", "To count"
        COUNTED = "counted", "Counted"
        REVIEW = "review", "Differs, to be approved"
        RECOUNT = "recount", "To be counted again"
        POSTED = "posted", "Posted"
        DROPPED = "dropped", "Not counted"

    class Reason(models.TextChoices):
        UNKNOWN = "unknown", "Not known"
        MISCOUNT = "miscount", "Miscounted before"
        MISPLACED = "misplaced", "Stood in another place"
        DAMAGED = "damaged", "Damaged"
        THEFT = "theft", "Missing, perhaps stolen"
        RECEIVING = "receiving", "Received wrongly"
        PICKING = "picking", "Picked wrongly"

    session = models.ForeignKey(CountSession, models.PROTECT, related_name="lines", db_index=False)
    level = models.ForeignKey(
        StockLevel, models.PROTECT, related_name="count_lines", db_index=False
    )
    attempt = models.PositiveSmallIntegerField(default=1)
    state = models.CharField(max_length=8, choices=State, default=State.TO_COUNT)
    expected = models.IntegerField(null=True, blank=True)
    counted = models.PositiveIntegerField(null=True, blank=True)
    counted_at = models.DateTimeField(null=True, blank=True)
    counted_by = models.TextField(blank=True, default="")
    counted_by_user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    reason = models.CharField(max_length=9, choices=Reason, blank=True, default="")
    approved_by = models.TextField(blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["session", "level", "attempt"], name="count_line_attempt_once"
            ),
            # Whoever ends a count thaws its levels: two of one level would thaw each other's.
            models.UniqueConstraint(
                fields=["level"],
                name="count_line_one_open",
                condition=Q(state__in=["to_count", "counted", "review"]),
            ),
        ]
        indexes = [
            models.Index(fields=["level", "-counted_at"], name="count_line_level"),
            models.Index(
                fields=["level"],
                name="count_line_differs",
                condition=Q(state="posted") & ~Q(counted=F("expected")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.counted} counted"

    @property
    def variance(self) -> int:
        """Units more than expected, or fewer; none until both are known."""
        if self.counted is None or self.expected is None:
            return 0
        return self.counted - self.expected
