"""The tenant and the three tables that remember work: inbox, outbox, timers.

PostgreSQL remembers, RQ only rings the bell: a job may run never, twice or late, the rows decide.
"""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Store(models.Model):
    """A shop whose orders we manage. Every table that grows is keyed by it first."""

    handle = models.SlugField(unique=True)
    name = models.CharField(max_length=120)
    currency = models.CharField(max_length=3)
    timezone = models.CharField(max_length=64, default="UTC")
    grace_minutes = models.PositiveIntegerField(
        default=0, help_text="Minutes between the routing decision and the release to the floor."
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return self.name


class InboxMessage(models.Model):
    """One delivery from outside, stored as raw bytes before anybody reads it."""

    class State(models.TextChoices):
        NEW = "new", "waits to be read"
        DONE = "done", "applied"
        IGNORED = "ignored", "accepted, nothing to do"
        QUARANTINED = "quarantined", "cannot be applied, see reason"

    store = models.ForeignKey(Store, models.PROTECT, related_name="+", db_index=False)
    delivery_id = models.TextField(help_text="X-Shopify-Webhook-Id: unique per delivery.")
    event_id = models.TextField(db_default="", blank=True)
    topic = models.TextField()
    api_version = models.TextField(db_default="", blank=True)
    triggered_at = models.DateTimeField(null=True, blank=True)
    body = models.BinaryField()
    received_at = models.DateTimeField(db_default=Now())
    deliveries = models.PositiveIntegerField(db_default=1)
    state = models.CharField(max_length=12, choices=State, db_default=State.NEW)
    attempts = models.PositiveSmallIntegerField(db_default=0)
    due_at = models.DateTimeField(db_default=Now())
    done_at = models.DateTimeField(null=True, blank=True)
    reason = models.TextField(db_default="", blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["store", "delivery_id"], name="inbox_delivery_once"),
        ]
        indexes = [
            # The drain and the scheduler look only at rows that still wait.
            models.Index(fields=["due_at", "id"], name="inbox_waiting", condition=Q(state="new")),
            models.Index(
                fields=["store", "-id"], name="inbox_quarantine", condition=Q(state="quarantined")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.topic} {self.delivery_id}"


class OutboxIntent(models.Model):
    """Something to be told to the outside, once: yes, no, or unknown until it is read back."""

    class State(models.TextChoices):
        WAITING = "waiting", "waits to be sent"
        SENDING = "sending", "being sent"
        UNKNOWN = "unknown", "sent, answer lost; read back first"
        APPLIED = "applied", "accepted by the other side"
        REJECTED = "rejected", "refused, see reason"
        SUPERSEDED = "superseded", "no longer needed"

    OPEN_STATES = (State.WAITING, State.SENDING, State.UNKNOWN)

    store = models.ForeignKey(Store, models.PROTECT, related_name="+", db_index=False)
    topic = models.TextField(help_text="What to say, e.g. fulfillment.create; see oms/wiring.py.")
    key = models.TextField(help_text="What it is about; one waiting row per topic and key.")
    order_id = models.BigIntegerField(null=True, blank=True)
    params = models.JSONField(default=dict, blank=True)
    state = models.CharField(max_length=12, choices=State, db_default=State.WAITING)
    priority = models.PositiveSmallIntegerField(db_default=50, help_text="Lower goes first.")
    attempts = models.PositiveSmallIntegerField(db_default=0)
    due_at = models.DateTimeField(db_default=Now())
    lease_until = models.DateTimeField(null=True, blank=True)
    lease_token = models.BigIntegerField(null=True, blank=True)
    request = models.JSONField(null=True, blank=True)
    answer = models.JSONField(null=True, blank=True)
    remote_id = models.TextField(db_default="", blank=True)
    reason = models.TextField(db_default="", blank=True)
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            # A second publish of the same thing before the first is taken changes nothing.
            models.UniqueConstraint(
                fields=["store", "topic", "key"],
                name="outbox_one_waiting",
                condition=Q(state="waiting"),
            ),
        ]
        indexes = [
            models.Index(
                fields=["priority", "due_at", "id"],
                name="outbox_open",
                condition=Q(state__in=["waiting", "sending", "unknown"]),
            ),
            models.Index(fields=["order_id"], name="outbox_order"),
            models.Index(
                fields=["store", "id"], name="outbox_rejected", condition=Q(state="rejected")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.topic} {self.key}"


class Timer(models.Model):
    """Work that is due at a moment, or when what it waits for happens. One per kind and subject."""

    store = models.ForeignKey(Store, models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=24, help_text="route, release, ...; see oms/wiring.py.")
    subject_id = models.BigIntegerField()
    due_at = models.DateTimeField(db_default=Now())
    waits_for = models.TextField(
        db_default="", blank=True, help_text="The retry condition in words; empty means: its turn."
    )
    attempts = models.PositiveIntegerField(db_default=0)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "subject_id"], name="timer_one_per_subject"),
        ]
        indexes = [
            models.Index(fields=["kind", "due_at"], name="timer_due"),
            # Exceptions: work that was tried and could not be done.
            models.Index(
                fields=["kind", "subject_id"], name="timer_postponed", condition=Q(attempts__gt=0)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject_id}"


class StreamMark(models.Model):
    """How far a stream has come and when it last succeeded, to resume it and to show it."""

    store = models.ForeignKey(Store, models.PROTECT, related_name="+", db_index=False)
    stream = models.CharField(max_length=48)
    cursor = models.TextField(blank=True, default="")
    last_success_at = models.DateTimeField(null=True, blank=True)
    last_error_at = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True, default="")
    facts = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["store", "stream"], name="stream_mark_once"),
        ]

    def __str__(self) -> str:
        return self.stream
