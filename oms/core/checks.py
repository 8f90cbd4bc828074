"""System checks: refuse a set-up on which the promises of this project cannot hold."""

from typing import Any

from django.conf import settings
from django.core.checks import Error, register


@register("database")
def database_is_postgresql(app_configs: Any, **kwargs: Any) -> list[Error]:
    """SQLite and friends drop row locks and triggers without a word: PostgreSQL only."""
    engine = settings.DATABASES["default"]["ENGINE"]
    if engine == "django.db.backends.postgresql":
        return []
    return [
        Error(
            f"Switchyard needs PostgreSQL 15 or newer; DATABASES uses {engine}.",
            hint="Set DATABASE_URL=postgresql://..., or leave it unset for the embedded server.",
            id="switchyard.E001",
        )
    ]
