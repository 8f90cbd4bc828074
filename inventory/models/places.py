"""Where stock can be."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from oms.core.models import Store


class Location(models.Model):
    """A warehouse or shop that holds stock and may ship."""

    store = models.ForeignKey(Store, models.PROTECT, related_name="+", db_index=False)
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
    pickup = models.BooleanField(default=False, help_text="Customers may collect orders here.")

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
