"""App entry of the shopify room."""

from django.apps import AppConfig


class ShopifyConfig(AppConfig):
    name = "oms.shopify"
    label = "shopify"
