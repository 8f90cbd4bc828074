"""A feed whose worker dies goes on where it stopped, and two workers apply each row once."""

import io
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from django.db import connection, connections, transaction

from inventory.commands.rules import believe
from inventory.feeds import applying, checking, deciding, staging
from inventory.models import FeedChunk, FeedRow, StockEntry, StockFeed, StockLevel
from oms.core import invariants
from oms.core.clock import now
from oms.wiring import INVARIANTS
from tests.cast import OLGA, make_item, make_location, make_store, stock

pytestmark = pytest.mark.django_db(transaction=True)

PROJECT = Path(__file__).resolve().parents[2]
ROWS = 12


@pytest.fixture
def feed(monkeypatch: pytest.MonkeyPatch) -> StockFeed:
    """Twelve rows in three chunks, each one unit more."""
    monkeypatch.setattr(staging, "CHUNK_ROWS", 4)
    store, east = make_store(), make_location("east")
    believe(store_id=store.pk, field="on_hand", source="erp", actor=OLGA)
    for n in range(ROWS):
        stock(make_item(f"item-{n}"), east, 10)
    text = "sku,location,qty\n" + "".join(f"item-{n},East,11\n" for n in range(ROWS))
    checked = checking.check_file(
        store_id=store.pk, file=io.BytesIO(text.encode()), name="f.csv", source="erp",
        kind="absolute", source_time=now(), actor=OLGA,
    )  # fmt: skip
    return deciding.apply(feed_id=checked.pk, actor=OLGA)


def units() -> list[int]:
    return list(StockLevel.objects.order_by("pk").values_list("on_hand", flat=True))


def fed() -> int:
    return StockEntry.objects.filter(cause="feed").count()


def worker(failpoint: str) -> subprocess.CompletedProcess[bytes]:
    """A process of its own on this test's database, which meets the failpoint."""
    settings = connection.settings_dict
    code = (
        "import django; django.setup()\n"
        "from django.conf import settings\n"
        "from django.db import connection\n"
        f"connection.settings_dict['NAME'] = {settings['NAME']!r}\n"
        "from inventory.feeds import applying\n"
        "floors = {}\n"
        "from oms.core import failpoints\n"
        "from oms.core.models import Store\n"
        "store = Store.objects.get()\n"
        "applying.apply_chunk(store.pk, floors)\n"
        f"failpoints._active.update({{{failpoint!r}: 'kill'}})\n"
        "applying.drain(30)\n"
    )
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "oms.settings"},
        capture_output=True,
        timeout=120,
        check=False,
    )


def test_a_worker_killed_in_the_second_chunk_leaves_the_first_and_nothing_by_halves(
    feed: StockFeed,
) -> None:
    died = worker("feeds.apply.before_commit")

    assert died.returncode == -signal.SIGKILL, died.stderr.decode()[-2000:]
    assert units() == [11] * 4 + [10] * 8
    assert (fed(), FeedChunk.objects.count()) == (4, 2)
    assert FeedRow.objects.filter(feed=feed, outcome="applied").count() == 4
    assert applying.any_due()

    applying.drain(30)

    feed.refresh_from_db()
    assert (feed.state, feed.facts["done"]) == ("applied", {"applied": ROWS, "up": ROWS})
    assert units() == [11] * ROWS
    assert fed() == ROWS
    assert [f.name for f in invariants.check(INVARIANTS) if f.count] == []


def test_two_workers_at_once_apply_each_row_once(feed: StockFeed) -> None:
    begin = threading.Barrier(3)

    def work() -> None:
        begin.wait()
        for _ in range(20):
            applying.drain(10)
        connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    applying.drain(10)

    feed.refresh_from_db()
    assert feed.state == "applied"
    assert units() == [11] * ROWS
    assert fed() == ROWS
    assert feed.facts["done"] == {"applied": ROWS, "up": ROWS}


def test_while_a_worker_holds_the_shop_another_finds_nothing_to_do(feed: StockFeed) -> None:
    taken, done = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_advisory_xact_lock(hashtext('switchyard.feeds'), %s::int)",
                [feed.store_id],
            )
            taken.set()
            done.wait(30)
        connections.close_all()

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait(30)
    count = applying.drain(5)
    done.set()
    thread.join()

    assert count == 0
    assert units() == [10] * ROWS
    applying.drain(30)
    assert units() == [11] * ROWS


def test_a_check_that_dies_leaves_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    stock(make_item("mug"), make_location("east"), 10)

    def die(name: str) -> None:
        raise RuntimeError(name)

    monkeypatch.setattr(checking, "failpoint", die)
    with pytest.raises(RuntimeError):
        checking.check_file(
            store_id=make_store().pk, file=io.BytesIO(b"sku,location,qty\nmug,East,1\n"),
            name="f.csv", source="erp", kind="absolute", source_time=now(), actor=OLGA,
        )  # fmt: skip

    assert (StockFeed.objects.count(), FeedRow.objects.count(), FeedChunk.objects.count()) == (
        0, 0, 0,
    )  # fmt: skip
