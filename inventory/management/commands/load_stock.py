"""`manage.py load_stock FILE`: check a stock file of any size, and apply it when asked to."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from inventory.feeds import applying, checking, deciding, report
from inventory.models import StockFeed
from oms.core.actor import Actor
from oms.core.errors import Refused
from oms.core.models import Store

SECONDS = 24 * 3600
REASONS_SHOWN = 20


class Command(BaseCommand):
    """Without --apply nothing changes: the report says what would."""

    help = "Check a CSV or XLSX stock file row by row; --apply lets the good rows through."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--source", required=True, help="the system that speaks, e.g. erp")
        parser.add_argument("--kind", choices=StockFeed.Kind.values, default="absolute")
        parser.add_argument(
            "--at", required=True, help="the moment the numbers speak of, e.g. 2026-11-20T06:00"
        )
        parser.add_argument("--location", default="", help="for a file without such a column")
        parser.add_argument("--store", default="", help="handle; needed where there are several")
        parser.add_argument("--apply", action="store_true")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        actor = Actor("job", "load_stock")
        store = store_named(options["store"])
        try:
            with options["file"].open("rb") as file:
                feed = checking.check_file(
                    store_id=store.pk,
                    file=file,
                    name=options["file"].name,
                    source=options["source"],
                    kind=options["kind"],
                    source_time=_moment(options["at"]),
                    place=options["location"],
                    actor=actor,
                )
            if options["apply"] and feed.state == StockFeed.State.CHECKED:
                deciding.apply(feed_id=feed.pk, actor=actor)
            if options["apply"]:
                applying.drain(SECONDS, store_id=store.pk)
                feed.refresh_from_db()
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be read: {error.strerror}") from error
        except Refused as refusal:
            raise CommandError(refusal.sentence) from refusal
        self._say(feed, options["json"])

    def _say(self, feed: StockFeed, as_json: bool) -> None:
        counts = report.counts(feed)
        if as_json:
            told = {"id": feed.pk, "state": feed.state, "rows": feed.rows, "counts": counts}
            self.stdout.write(json.dumps(told | {"reason": feed.reason}))
            return
        self.stdout.write(f"Feed {feed.pk}: {feed.get_state_display()}. {feed.rows:,} rows.")
        for outcome, count in counts.items():
            self.stdout.write(f"  {report.WORDS[outcome]:<28} {count:>12,}")
        for row in report.rows(feed, "bad")[:REASONS_SHOWN]:
            self.stdout.write(f"  row {row.number}: {row.reason}")
        if feed.reason:
            self.stdout.write(feed.reason)


def store_named(handle: str) -> Store:
    """The shop with this handle, or the only one there is."""
    stores = list(Store.objects.filter(handle=handle) if handle else Store.objects.all()[:2])
    if len(stores) != 1:
        raise CommandError("Name the shop with --store." if not handle else f"No shop {handle}.")
    return stores[0]


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"“{text}” is not a moment; write 2026-11-20T06:00+00:00.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
