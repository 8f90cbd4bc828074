"""App entry of the fulfillment room."""

from django.apps import AppConfig


class FulfillmentConfig(AppConfig):
    name = "oms.fulfillment"
    label = "fulfillment"
