"""`manage.py stock_verify`: prove that every stock counter adds up, or say what does not."""

import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from inventory import verification
from inventory.management.stores import store_id_of
from oms.orders.words import count_of


class Command(BaseCommand):
    """Exit status 1 when something differs."""

    help = "Compare stock counters with their entries, promises, fences and supplies."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--store", default="", help="handle of one shop; default: all")
        parser.add_argument("--json", action="store_true", help="print one JSON list")

    def handle(self, *args: Any, **options: Any) -> None:
        found = verification.differences(store_id=store_id_of(options["store"]))
        if options["json"]:
            self.stdout.write(json.dumps([asdict(d) for d in found], indent=2))
        else:
            for difference in found:
                self.stdout.write(difference.sentence)
                for words in difference.evidence:
                    self.stdout.write(f"    {words}")
                for words in difference.last_entries:
                    self.stdout.write(f"    {words}")
            verb = "does" if len(found) == 1 else "do"
            self.stdout.write(
                f"{count_of(len(found), 'counter')} {verb} not add up; see stock_rebuild."
                if found
                else "Every counter adds up."
            )
        if found:
            sys.exit(1)
