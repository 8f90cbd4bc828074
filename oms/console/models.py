"""What a role may do in the console, and the keys with which partners use the API."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from oms.core.models import Store


class Ability(models.Model):
    """Never a row: only a place to hang the permissions on. See oms/console/roles.py."""

    class Meta:
        managed = False
        default_permissions = ()
        verbose_name_plural = "abilities"
        permissions = [
            ("work_exceptions", "Claim, hand over, snooze and annotate exceptions"),
            ("hold_orders", "Put an order on hold and release it"),
            ("route_orders", "Route again and send work to another place"),
            ("work_floor", "Release, pick, pack and ship"),
            ("adjust_stock", "Correct stock"),
            ("count_stock", "Count stock"),
            ("approve_counts", "Approve a count that differs"),
            ("receive_stock", "Order, receive and transfer stock"),
            ("load_feeds", "Load a stock file"),
            ("approve_feeds", "Approve a stock file that was held"),
            ("edit_stock_rules", "Set safety, thresholds, fences and who is believed"),
            ("repair_drift", "Repair a difference to Shopify"),
            ("map_items", "Say which item a line means"),
            ("manage_returns", "Open, approve, decline and close returns"),
            ("inspect_returns", "Receive and inspect returned goods"),
            ("see_refunds", "See refunds and whether they add up"),
            ("propose_refunds", "Propose a refund"),
            ("approve_refunds", "Approve a refund"),
            ("retry_writes", "Send a refused write-back again"),
            ("see_platform", "See streams, messages and write-backs"),
            ("see_jobs", "See and restart background jobs"),
            ("manage_keys", "Make and revoke keys of the API"),
        ]

    def __str__(self) -> str:
        return "ability"


class PartnerKey(models.Model):
    """A key of the API: it opens one store, for the scopes it was made with, until it is revoked.

    The key itself is shown once and stored nowhere; `digest` is its SHA-256. It is 256 random
    bits, so a slow hash would protect nothing more.
    """

    store = models.ForeignKey(Store, models.PROTECT, related_name="+")
    name = models.CharField(max_length=80, help_text="Who uses it, e.g. WMS Leeds.")
    prefix = models.CharField(max_length=12, help_text="How it begins, to tell keys apart.")
    digest = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=24))
    created_by = models.TextField()
    created_at = models.DateTimeField(db_default=Now())
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.TextField(blank=True, default="")
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.name
