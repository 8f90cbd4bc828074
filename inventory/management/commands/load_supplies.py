"""`manage.py load_supplies FILE`: take in the purchase orders of another system."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from inventory.feeds import supplies
from inventory.management.commands.load_stock import store_named
from oms.core.actor import Actor
from oms.core.errors import Refused


class Command(BaseCommand):
    """Each order is taken whole or refused with its reason; the same file again changes nothing."""

    help = "Take in a CSV or XLSX file of purchase orders: number, sku, quantity, location, date."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--source", required=True, help="the system that speaks, e.g. erp")
        parser.add_argument("--store", default="", help="handle; needed where there are several")

    def handle(self, *args: Any, **options: Any) -> None:
        store = store_named(options["store"])
        try:
            with options["file"].open("rb") as file:
                taken = supplies.load_file(
                    store_id=store.pk,
                    file=file,
                    source=options["source"],
                    actor=Actor("job", "load_supplies"),
                )
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be read: {error.strerror}") from error
        except Refused as refusal:
            raise CommandError(refusal.sentence) from refusal
        for one in taken:
            self.stdout.write(
                f"{one.number}: {one.outcome}{'. ' if one.reason else ''}{one.reason}"
            )
