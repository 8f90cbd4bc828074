"""App entry of the exceptions room."""

from django.apps import AppConfig


class ExceptionsConfig(AppConfig):
    name = "oms.exceptions"
    label = "exceptions"
