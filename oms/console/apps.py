"""App entries of the console room: the room itself, and Django's admin with our site in it."""

from typing import Any

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps
from django.db.models.signals import post_migrate


class ConsoleConfig(AppConfig):
    default = True
    name = "oms.console"
    label = "console"

    def ready(self) -> None:
        # Permissions exist only after migrate has made them, so the roles follow the same moment.
        post_migrate.connect(_write_roles, sender=self)


class ConsoleAdminConfig(admin_apps.AdminConfig):
    default = False
    default_site = "oms.console.site.ConsoleSite"


def _write_roles(sender: Any, using: str, **kwargs: Any) -> None:
    from oms.console.roles import write_roles

    write_roles(using=using)
