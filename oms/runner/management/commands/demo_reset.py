"""`manage.py demo_reset`: remove everything the demo has left in its state folder."""

import sys
from typing import Any

from django.core.management.base import BaseCommand

from oms.runner import addresses, state
from oms.runner.state import CannotStart


class Command(BaseCommand):
    help = (
        "Remove all data of the demo. Servers named by DATABASE_URL and REDIS_URL are not touched."
    )
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        folder = addresses.state_folder()
        try:
            state.wipe(folder)
        except CannotStart as reason:
            self.stderr.write(str(reason))
            sys.exit(2)
        self.stderr.write(f"Removed the data in {folder}.")
        if not (addresses.is_database_embedded() and addresses.is_redis_embedded()):
            self.stderr.write("Data on the servers of DATABASE_URL and REDIS_URL is still there.")
