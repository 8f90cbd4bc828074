"""App entry of the core room."""

from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "oms.core"
    label = "core"
    verbose_name = "Platform"

    def ready(self) -> None:
        from oms.core import checks  # noqa: F401  (registers the system checks)
