"""App entry of the console room."""

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    name = "oms.console"
    label = "console"
