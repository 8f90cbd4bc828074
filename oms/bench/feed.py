"""How fast a stock feed goes from file to shelf, and that its memory stays flat."""

import os
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from pathlib import Path

from inventory import ledger
from inventory.commands.rules import believe
from inventory.feeds import applying, checking, deciding
from inventory.models import Location, StockFeed
from oms.bench.report import Figure
from oms.catalog.models import Item
from oms.core.actor import Actor
from oms.core.clock import now
from oms.core.models import Store

SEED = 11
ROWS = 1_000_000
PLACES = 10
ACTOR = Actor("job", "bench")
# Of so many rows of a usual morning's file one tells another number than ours.
CHANGED_EVERY = 10
MOST_SECONDS = 3_600


def measure(rows: int = ROWS) -> list[Figure]:
    """Rows a second of two files of so many rows: one that changes every level, a usual morning's.

    Checked: read, matched, weighed, reported. Applied: posted to the ledger with all that follows.
    """
    store = _shop(rows)
    return [
        *_feed(store, rows, 1, minutes_ago=30, name="all"),
        *_feed(store, rows, CHANGED_EVERY, minutes_ago=10, name="usual"),
        Figure("feed_peak_rss", _peak_mb(), "MB", SEED, note=f"the process that fed {rows:,} rows"),
    ]


def _feed(
    store: Store, rows: int, changed_every: int, *, minutes_ago: int, name: str
) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stock.csv"
        with path.open("w") as text:
            text.writelines(_lines(rows, changed_every))
        size = path.stat().st_size
        began = time.perf_counter()
        with path.open("rb") as file:
            feed = checking.check_file(
                store_id=store.pk,
                file=file,
                name=path.name,
                source="bench",
                kind=StockFeed.Kind.ABSOLUTE,
                source_time=now() - timedelta(minutes=minutes_ago),
                actor=ACTOR,
            )
    checked = time.perf_counter()
    deciding.apply(feed_id=feed.pk, actor=ACTOR)
    applying.drain(MOST_SECONDS, store_id=store.pk)
    applied = time.perf_counter()
    feed.refresh_from_db()
    done = feed.facts["done"]
    if feed.state != StockFeed.State.APPLIED or done["applied"] + done.get("unchanged", 0) != rows:
        raise RuntimeError(f"the feed of the bench ended as {feed.state}: {feed.facts}")
    note = f"{rows:,} rows, {size / 1e6:.0f} MB, {done['applied']:,} levels changed"
    return [
        Figure(f"feed_{name}_checked", round(rows / (checked - began)), "rows/s", SEED, note=note),
        Figure(
            f"feed_{name}_applied", round(rows / (applied - checked)), "rows/s", SEED, note=note
        ),
        Figure(
            f"feed_{name}_whole",
            round(rows / (applied - began)),
            "rows/s",
            SEED,
            note="from the file to the shelf",
        ),
    ]


def _lines(rows: int, changed_every: int) -> Iterator[str]:
    """A file in the order of an ERP: item by item, place by place."""
    rnd = random.Random(SEED)
    yield "sku,location,on_hand\n"
    for n in range(rows):
        more = changed_every > 1 and rnd.randrange(changed_every) == 0
        yield f"BENCH-{n // PLACES:07d},B{n % PLACES},{20 + n % 30 + more}\n"


def _shop(rows: int) -> Store:
    """A shop with so many empty levels, opened through the ledger."""
    store = Store.objects.create(handle="bench-feed", name="Bench", currency="EUR")
    places = [
        Location.objects.create(store=store, code=f"B{n}", name=f"Bench {n}", country="DE").pk
        for n in range(PLACES)
    ]
    believe(store_id=store.pk, field="on_hand", source="bench", actor=ACTOR)
    count = (rows + PLACES - 1) // PLACES
    for first in range(0, count, 1_000):
        items = Item.objects.bulk_create(
            Item(store=store, sku=f"BENCH-{number:07d}")
            for number in range(first, min(first + 1_000, count))
        )
        ledger.open_levels((store.pk, item.pk, place) for item, place in product(items, places))
    return store


def _peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024 if os.uname().sysname == "Linux" else 1 << 20), 1)
