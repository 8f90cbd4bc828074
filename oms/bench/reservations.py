"""Reservations a second through the product's own call, beside what PostgreSQL alone can do.

An order has two lines; hot means that the first line of every order wants the same units. Ours
writes two counters, two reservations and two ledger entries an order; the ceiling a whole order:
its row, two lines, two counters, two reservations and an event.
"""

import itertools
import multiprocessing
import random
import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from inventory import ledger, reservations
from inventory.ledger import Change
from inventory.reservations import Promise
from oms.bench.report import Figure
from oms.core.actor import SWITCHYARD
from oms.core.sql import execute, fetch
from oms.runner import binaries

SEED = 1
PROCESSES = (1, 2, 4, 8)
SECONDS = 4.0
BATCH = 100
ITEMS, PLACES, LINES = 10_000, 4, 40_000
PLENTY = 2_000_000_000
# A page that is first touched after a checkpoint is written twice: not what a day looks like.
WARM_UP_SECONDS = 1.0
_SQL = Path(__file__).parent / "sql" / "reserve.sql"


def measure(state: Path) -> list[Figure]:
    """Orders a second, one a call and a hundred a call, spread and hot, by number of processes."""
    _prepare()
    figures = []
    for orders in (1, BATCH):
        for hot in (False, True):
            for processes in PROCESSES:
                raw = _ceiling(state, orders=orders, hot=hot, processes=processes)
                rate, times = _ours(orders=orders, hot=hot, processes=processes)
                name = f"reserve_{'one' if orders == 1 else orders}_{'hot' if hot else 'spread'}"
                times.sort()
                p95 = times[int(len(times) * 0.95)] * 1000
                note = f"{processes} at once; p95 of a call {p95:.1f} ms"
                figures.append(
                    Figure(f"{name}_{processes}", round(rate), "orders/s", SEED, round(raw), note)
                )
    return figures


def _prepare() -> None:
    """Goods in four places without end, and lines to promise them to."""
    for statement in _SETUP:
        execute(statement, [])
    pairs = fetch("SELECT i.store_id, i.id, p.id FROM catalog_item i, inventory_location p")
    levels = sorted(ledger.open_levels(pairs).values())
    ledger.post(
        [Change(id_, "on_hand", PLENTY, "opening", "bench") for id_ in levels], actor=SWITCHYARD
    )
    with connection.cursor() as cursor:
        cursor.execute(_SQL.read_text())
        cursor.execute("RESET search_path")
    execute("VACUUM ANALYZE")
    execute("CHECKPOINT")


def _ceiling(state: Path, *, orders: int, hot: bool, processes: int) -> float:
    """What PostgreSQL's own load generator reaches with one function call an order or a batch."""
    script = state / "ceiling.sql"
    script.write_text(_ONE if orders == 1 else _MANY)
    database = settings.DATABASES["default"]
    answer = subprocess.run(
        [
            str(binaries.postgres_program(state, "pgbench")),
            *("-h", database["HOST"] or database["OPTIONS"].get("host", "")),
            *("-p", str(database["PORT"] or "5432"), "-U", database["USER"]),
            *("-n", "-M", "prepared", "-c", str(processes), "-j", "2", "-T", f"{SECONDS:.0f}"),
            *("-D", f"hot={int(hot)}", "-D", f"n={orders}", "-f", str(script)),
            database["NAME"],
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    (rate,) = re.findall(r"tps = ([\d.]+)", answer)
    return float(rate) * orders


def _ours(*, orders: int, hot: bool, processes: int) -> tuple[float, list[float]]:
    """Orders a second over all processes, and the seconds each call took."""
    levels = [row[0] for row in fetch("SELECT id FROM inventory_stocklevel ORDER BY id")]
    lines = [row[0] for row in fetch("SELECT id FROM orders_orderline ORDER BY id")]
    context = multiprocessing.get_context("spawn")
    start, answers = context.Barrier(processes), context.Queue()
    workers = [
        context.Process(target=_work, args=(number, start, answers, orders, hot, levels, lines))
        for number in range(processes)
    ]
    for worker in workers:
        worker.start()
    found = [answers.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join()
    rate = sum(len(times) * orders / seconds for seconds, times in found)
    return rate, [each for _, times in found for each in times]


def _work(
    number: int,
    start: Any,
    answers: Any,
    orders: int,
    hot: bool,
    levels: Sequence[int],
    lines: Sequence[int],
) -> None:
    """One process: the product's call again and again, each a transaction of its own."""
    import django

    django.setup()
    wanted = _orders(random.Random(SEED * 1000 + number), hot, levels, lines)
    calls = [[p for _ in range(orders) for p in next(wanted)] for _ in range(4000 // orders)]
    times: list[float] = []
    start.wait(timeout=60)
    for seconds in (WARM_UP_SECONDS, SECONDS):
        times.clear()
        began = last = time.perf_counter()
        while last - began < seconds:
            reservations.reserve(calls[len(times) % len(calls)], actor=SWITCHYARD)
            now = time.perf_counter()
            times.append(now - last)
            last = now
    answers.put((last - began, times))


def _orders(
    chance: random.Random, hot: bool, levels: Sequence[int], lines: Sequence[int]
) -> Iterator[list[Promise]]:
    """Orders without end: lines in their order, as they come in, one of each half of the goods."""
    half = len(levels) // 2
    for place in itertools.cycle(range(chance.randrange(0, len(lines), 2), len(lines), 2)):
        first = levels[0] if hot else levels[chance.randrange(half)]
        second = levels[half + chance.randrange(half)]
        yield [
            Promise(lines[place], first, chance.randint(1, 3), "order:1"),
            Promise(lines[place + 1], second, chance.randint(1, 3), "order:1"),
        ]


_ONE = """
\\set item1 random(1, 5000)
\\set item2 random(5001, 10000)
\\set place1 random(1, 4)
\\set place2 random(1, 4)
\\set units random(1, 3)
\\if :hot = 1
\\set item1 1
\\set place1 1
\\endif
SELECT ceiling.reserve_one('c@example.com', ARRAY[:item1, :item2]::int[],
                           ARRAY[:place1, :place2]::int[], ARRAY[:units, 1]::int[]);
"""
_MANY = "SELECT ceiling.reserve_many(:n, :hot);"
_SETUP = (
    "INSERT INTO core_store (handle, name, currency, timezone, grace_minutes)"
    " VALUES ('bench', 'Bench', 'USD', 'UTC', 0)",
    f"""
    INSERT INTO inventory_location (store_id, name, code, address, city, province, postal_code,
                                    country, timezone, ships_to, active, pickup)
    SELECT s.id, 'Place ' || n, 'P' || n, '', '', '', '', 'US', 'UTC', '{{US}}', true, false
    FROM core_store s, generate_series(1, {PLACES}) n
    """,  # noqa: S608  (numbers of our own)
    f"""
    INSERT INTO catalog_item (store_id, sku, title, barcode, tracked)
    SELECT s.id, 'SKU-' || n, 'Thing', '', true FROM core_store s, generate_series(1, {ITEMS}) n
    """,  # noqa: S608  (numbers of our own)
    f"""
    INSERT INTO orders_order (store_id, remote_id, name, remote_updated_at, placed_at, channel,
        email, phone, currency, total, ship_name, ship_company, ship_address1, ship_address2,
        ship_city, ship_province, ship_postal_code, ship_country, shipping_method, tags, note, test)
    SELECT s.id, n, '#' || n, now(), now(), '', '', '', 'USD', 1, '', '', '', '', '', '', '', 'US',
           '', '{{}}', '', false
    FROM core_store s, generate_series(1, {LINES // 2}) n
    """,  # noqa: S608  (numbers of our own)
    """
    INSERT INTO orders_orderline (store_id, order_id, remote_id, position, sku, title, ships,
                                  unit_price, discount, tax, ordered, wanted, open)
    SELECT store_id, id, id * 10 + n, n, '', '', true, 1, 0, 0, 1000000, 1000000, 1000000
    FROM orders_order, generate_series(1, 2) n
    """,
)
