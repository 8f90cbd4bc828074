"""How to reach a Shopify store and how to know that a webhook is its own."""

from django.db import models

from oms.core.models import Store


class Connection(models.Model):
    """Address, token and signing secrets of one store. Two secrets, so that one can be rotated."""

    store = models.OneToOneField(Store, models.PROTECT, related_name="shopify")
    shop_domain = models.CharField(max_length=255, unique=True, help_text="name.myshopify.com")
    base_url = models.URLField(help_text="https://name.myshopify.com, or the local store.")
    api_version = models.CharField(max_length=16, default="2026-10")
    access_token = models.TextField()
    webhook_secret = models.TextField()
    previous_webhook_secret = models.TextField(blank=True, default="")
    active = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.shop_domain
