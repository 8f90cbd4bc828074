"""Which shop a command means."""

from django.core.management.base import CommandError

from oms.core.models import Store


def store_id_of(handle: str) -> int | None:
    """The shop with this handle; none for all shops."""
    if not handle:
        return None
    store = Store.objects.filter(handle=handle).first()
    if store is None:
        raise CommandError(f"There is no shop {handle}.")
    return store.pk
