"""The timeline: one row for every verb that happened to an order."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from oms.core.history import append_only
from oms.core.models import Store
from oms.orders.models.order import Order


class Event(models.Model):
    """Who did what, when, with the numbers. Holds ids and codes, never personal data.

    `kind` picks the sentence (see oms/orders/timeline.py), `data` fills it in.
    """

    store = models.ForeignKey(
        Store, models.PROTECT, db_constraint=False, related_name="+", db_index=False
    )
    order = models.ForeignKey(
        Order, models.PROTECT, db_constraint=False, related_name="events", db_index=False
    )
    at = models.DateTimeField(db_default=Now())
    kind = models.CharField(max_length=40)
    actor = models.TextField()
    data = models.JSONField(default=dict)
    request_key = models.TextField(null=True, blank=True)  # noqa: DJ001  (unique where given)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["order", "request_key"],
                name="event_request_once",
                condition=Q(request_key__isnull=False),
            ),
        ]
        indexes = [models.Index(fields=["order", "id"], name="event_order")]
        triggers = append_only()

    def __str__(self) -> str:
        return self.kind
