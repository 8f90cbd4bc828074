"""Policies that people edit in versions, and the decision that each order got from one."""

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from oms.core.history import append_only
from oms.core.models import Store
from oms.orders.models import Order


@pghistory.track()
class Policy(models.Model):
    """A named way of choosing locations. What it does stands in its versions."""

    store = models.ForeignKey(Store, models.PROTECT, related_name="+")
    name = models.CharField(max_length=120)
    position = models.PositiveSmallIntegerField(default=0, help_text="The first that fits decides.")

    class Meta:
        verbose_name_plural = "policies"
        constraints = [models.UniqueConstraint(fields=["store", "name"], name="policy_name_once")]

    def __str__(self) -> str:
        return self.name


@pghistory.track()
class PolicyVersion(models.Model):
    """One version of a policy. Only a draft may change; one version is active."""

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        ACTIVE = "active", "Active"
        RETIRED = "retired", "Retired"

    policy = models.ForeignKey(Policy, models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=8, choices=State, default=State.DRAFT)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    activated_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["policy", "number"], name="policy_version_once"),
            models.UniqueConstraint(
                fields=["policy"], name="policy_one_active", condition=Q(state="active")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.policy} v{self.number}"


@pghistory.track()
class PolicyStep(models.Model):
    """One step of a version: a code from routing.steps.STEPS and its parameters."""

    version = models.ForeignKey(PolicyVersion, models.CASCADE, related_name="steps")
    position = models.PositiveSmallIntegerField()
    code = models.CharField(max_length=40)
    params = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["version", "position"], name="policy_step_position"),
        ]

    def __str__(self) -> str:
        return self.code


class Decision(models.Model):
    """Where an order went and why, with the facts it was decided on, so that it can be replayed."""

    class Outcome(models.TextChoices):
        ROUTED = "routed", "Every unit has a place"
        PARTLY = "partly", "Some units wait for stock"
        WAITS = "waits", "No unit could be placed"

    store = models.ForeignKey(
        Store, models.PROTECT, db_constraint=False, related_name="+", db_index=False
    )
    order = models.ForeignKey(Order, models.PROTECT, related_name="decisions", db_index=False)
    version = models.ForeignKey(
        PolicyVersion, models.PROTECT, db_constraint=False, related_name="+"
    )
    decided_at = models.DateTimeField(db_default=Now())
    outcome = models.CharField(max_length=8, choices=Outcome)
    parcels = models.PositiveSmallIntegerField()
    facts = models.JSONField(help_text="Demand, destination and stock seen; input of the planner.")
    trace = models.JSONField(help_text="Per location: chosen, or the step that removed it and why.")

    class Meta:
        indexes = [models.Index(fields=["order", "-id"], name="decision_newest")]
        triggers = append_only()

    def __str__(self) -> str:
        return f"decision {self.pk} of order {self.order_id}"
