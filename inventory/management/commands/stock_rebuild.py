"""`manage.py stock_rebuild`: bring counters, entries and promises together again."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from inventory import repairs
from inventory.management.stores import store_id_of
from oms.core.actor import Actor
from oms.orders.words import count_of


class Command(BaseCommand):
    """Shows what it would do; does it with --apply."""

    help = "Repair stock counters that do not add up. Without --apply nothing is written."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--store", default="", help="handle of one shop; default: all")
        parser.add_argument("--apply", action="store_true", help="repair, do not only show")
        parser.add_argument("--actor", default="", help="who repairs; every entry names them")

    def handle(self, *args: Any, **options: Any) -> None:
        store_id = store_id_of(options["store"])
        if options["apply"]:
            if not options["actor"].strip():
                raise CommandError("Say who repairs: --actor NAME.")
            rows = repairs.repair(store_id=store_id, actor=Actor("user", options["actor"].strip()))
        else:
            rows = repairs.preview(store_id=store_id)
        for row in rows:
            self.stdout.write(row.sentence)
        if not rows:
            self.stdout.write("Every counter adds up; there is nothing to repair.")
        elif options["apply"]:
            self.stdout.write(f"{count_of(len(rows), 'counter')} repaired.")
        else:
            counters = count_of(len(rows), "counter")
            self.stdout.write(f"{counters} to repair: run again with --apply --actor NAME.")
