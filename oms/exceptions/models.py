"""The exception queue: one open row per kind and subject, opened and closed by proof alone."""

import pghistory
from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from oms.core.history import append_only
from oms.core.models import Store
from oms.orders.models import Order


@pghistory.track()
class ExceptionCase(models.Model):
    """Something a person must look at. The sweep opens and closes it; people own, snooze and note.

    `subject` names what is wrong, e.g. line:12; `facts` are the numbers the sentence is made from.
    """

    store = models.ForeignKey(Store, models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=32, help_text="A code of oms.exceptions.kinds.KINDS.")
    subject = models.CharField(max_length=64)
    # No database constraint: the sweep must never wait for a lock that a command holds on an order.
    order = models.ForeignKey(
        Order,
        models.PROTECT,
        null=True,
        blank=True,
        db_constraint=False,
        related_name="exceptions",
        db_index=False,
    )
    facts = models.JSONField(default=dict)
    at_stake = models.DecimalField(max_digits=18, decimal_places=4, null=True, blank=True)
    severity = models.PositiveSmallIntegerField(help_text="1 is worst; sorts equal due times.")
    team = models.ForeignKey(Group, models.PROTECT, related_name="+")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    opened_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField()
    seen_at = models.DateTimeField(db_default=Now(), help_text="When the facts last changed.")
    snoozed_until = models.DateTimeField(null=True, blank=True)
    reopened = models.PositiveIntegerField(db_default=0)
    closed_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(db_default=1, help_text="Refuses a stale save.")
    last_change = models.TextField(
        db_default="", blank=True, help_text="What a person did last, e.g. Sam claimed it."
    )
    last_change_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "exception"
        constraints = [
            models.UniqueConstraint(
                fields=["store", "kind", "subject"],
                name="exception_one_open",
                condition=Q(closed_at__isnull=True),
            ),
        ]
        indexes = [
            # The queue and its tabs; closed rows never slow it down.
            models.Index(
                fields=["store", "due_at", "id"],
                name="exception_queue",
                condition=Q(closed_at__isnull=True),
            ),
            models.Index(
                fields=["owner", "due_at"],
                name="exception_mine",
                condition=Q(closed_at__isnull=True),
            ),
            models.Index(
                fields=["kind", "due_at"],
                name="exception_kind",
                condition=Q(closed_at__isnull=True),
            ),
            models.Index(fields=["order"], name="exception_order"),
            # Whether it was closed before: the count of reopenings and what was noted then.
            models.Index(fields=["store", "kind", "subject"], name="exception_history"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"


class Check(models.Model):
    """When a kind was last checked and what came of it: the time that proves the queue."""

    kind = models.CharField(max_length=32, unique=True)
    checked_at = models.DateTimeField(null=True, blank=True, help_text="Last check that ended.")
    found = models.PositiveIntegerField(db_default=0)
    milliseconds = models.PositiveIntegerField(db_default=0)
    error = models.TextField(db_default="", blank=True, help_text="Why the newest one did not.")

    def __str__(self) -> str:
        return self.kind


class Note(models.Model):
    """What somebody wrote on a case. Kept for good."""

    case = models.ForeignKey(ExceptionCase, models.PROTECT, related_name="notes")
    text = models.TextField()
    author = models.TextField()
    at = models.DateTimeField(db_default=Now())

    class Meta:
        triggers = append_only()

    def __str__(self) -> str:
        return self.text
