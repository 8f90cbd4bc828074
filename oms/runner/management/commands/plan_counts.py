"""`manage.py plan_counts`: classes, trust and next counts of every level, now and not at night."""

import time
from typing import Any

from django.core.management.base import BaseCommand

from inventory import standings
from oms.core.models import Store


class Command(BaseCommand):
    """Safe at any time: the nightly job does the same, in each shop's own time."""

    help = "Work out what is to be counted when, and how far each level is trusted."

    def handle(self, *args: Any, **options: Any) -> None:
        for store in Store.objects.order_by("pk"):
            began = time.monotonic()
            done = standings.refresh_store(store_id=store.pk)
            self.stdout.write(
                f"{store.name}: {done.levels:,} level{'s'[: done.levels != 1]} in "
                f"{time.monotonic() - began:.1f} s, {done.pulled:,} to be counted early, "
                f"{done.buffers:,} buffers changed"
            )
