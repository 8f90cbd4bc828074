"""The catalogue: what can be sold, counted and shipped, by SKU."""

import pghistory
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from oms.core.models import Store


class Item(models.Model):
    """One SKU of one store. Stock, lines and reservations point here, never at a product title."""

    store = models.ForeignKey(Store, models.PROTECT, related_name="+", db_index=False)
    sku = models.CharField(max_length=120)
    title = models.TextField(blank=True, default="")
    barcode = models.CharField(max_length=64, blank=True, default="")
    weight_grams = models.PositiveIntegerField(null=True, blank=True)
    price = models.DecimalField(max_digits=18, decimal_places=4, null=True, blank=True)
    tracked = models.BooleanField(default=True, help_text="Stock is counted for this item.")
    shopify_variant_id = models.BigIntegerField(null=True, blank=True)
    shopify_inventory_item_id = models.BigIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["store", "sku"], name="item_sku_once"),
            models.UniqueConstraint(
                fields=["store", "shopify_variant_id"],
                name="item_variant_once",
                condition=Q(shopify_variant_id__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["store", "shopify_inventory_item_id"],
                name="item_inventory_item_once",
                condition=Q(shopify_inventory_item_id__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.sku


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class BundlePart(models.Model):
    """So many units of a part make one bundle. A bundle has no stock of its own."""

    bundle = models.ForeignKey(Item, models.PROTECT, related_name="parts")
    part = models.ForeignKey(Item, models.PROTECT, related_name="part_of")
    quantity = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bundle", "part"], name="bundle_part_once"),
            models.CheckConstraint(name="bundle_part_not_empty", condition=Q(quantity__gt=0)),
            models.CheckConstraint(name="bundle_is_not_its_part", condition=~Q(bundle=F("part"))),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.part}"
