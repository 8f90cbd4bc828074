"""The raw limit: the same webhook bodies claimed, parsed and reserved by plain SQL, no product.

A whole batch is reserved in one statement from one place per SKU; there is no routing, no choice,
no ledger, no history and no outbox. What the product reaches is given as a share of it.
"""

import json
import multiprocessing
import time
from collections.abc import Sequence
from typing import Any

import psycopg

BATCH = 100
PROCESSES = 2

_TABLES = """
DROP SCHEMA IF EXISTS ceiling CASCADE;
CREATE SCHEMA ceiling;
CREATE TABLE ceiling.inbox (id bigserial PRIMARY KEY, body bytea NOT NULL, done_at timestamptz);
ALTER TABLE ceiling.inbox ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE INDEX ON ceiling.inbox (id) WHERE done_at IS NULL;
CREATE TABLE ceiling.stock (sku text PRIMARY KEY, on_hand int NOT NULL, reserved int NOT NULL)
    WITH (fillfactor = 50);
CREATE TABLE ceiling.orders (id bigint PRIMARY KEY, email text, total numeric);
CREATE TABLE ceiling.line (id bigserial PRIMARY KEY, order_id bigint, sku text, units int);
CREATE TABLE ceiling.reservation (id bigserial PRIMARY KEY, order_id bigint, sku text, units int);
CREATE TABLE ceiling.event (id bigserial PRIMARY KEY, order_id bigint, kind text);
"""
_CLAIM = """
SELECT id, body FROM ceiling.inbox WHERE done_at IS NULL ORDER BY id LIMIT %s
FOR UPDATE SKIP LOCKED
"""
# Rows are locked in key order; the running demand of the batch decides which lines fit.
_RESERVE = """
WITH line AS (
    SELECT * FROM unnest(%s::bigint[], %s::text[], %s::int[]) AS t(order_id, sku, units)
), held AS (
    SELECT sku, on_hand - reserved AS free FROM ceiling.stock
    WHERE sku IN (SELECT sku FROM line) ORDER BY sku FOR UPDATE
), fit AS (
    SELECT line.*, sum(units) OVER (PARTITION BY sku ORDER BY order_id) <= free AS ok
    FROM line JOIN held USING (sku)
), taken AS (
    UPDATE ceiling.stock s SET reserved = s.reserved + d.units
    FROM (SELECT sku, sum(units)::int AS units FROM fit WHERE ok GROUP BY sku) d
    WHERE s.sku = d.sku
), lines AS (
    INSERT INTO ceiling.line (order_id, sku, units) SELECT order_id, sku, units FROM line
), promised AS (
    INSERT INTO ceiling.reservation (order_id, sku, units)
    SELECT order_id, sku, units FROM fit WHERE ok
)
INSERT INTO ceiling.event (order_id, kind) SELECT DISTINCT order_id, 'reserved' FROM line
"""


def measure(connection: dict[str, Any], bodies: Sequence[bytes]) -> float:
    """Orders per second that plain SQL reaches with two processes on this machine."""
    with psycopg.connect(autocommit=True, **connection) as db:
        db.execute(_TABLES)
        skus = {row["sku"] for body in bodies for row in json.loads(body)["line_items"]}
        with db.cursor().copy("COPY ceiling.stock (sku, on_hand, reserved) FROM STDIN") as copy:
            for sku in sorted(skus):
                copy.write_row((sku, 2_000_000_000, 0))
        with db.cursor().copy("COPY ceiling.inbox (body) FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["bytea"])
            for body in bodies:
                copy.write_row((body,))
        db.execute("VACUUM ANALYZE ceiling.inbox")
        db.execute("VACUUM ANALYZE ceiling.stock")
        db.execute("CHECKPOINT")
    context = multiprocessing.get_context("spawn")
    start, began = context.Barrier(PROCESSES + 1), 0.0
    workers = [context.Process(target=_work, args=(connection, start)) for _ in range(PROCESSES)]
    for worker in workers:
        worker.start()
    start.wait(timeout=60)
    began = time.perf_counter()
    for worker in workers:
        worker.join()
    seconds = time.perf_counter() - began
    with psycopg.connect(autocommit=True, **connection) as db:
        (left,) = db.execute("SELECT count(*) FROM ceiling.inbox WHERE done_at IS NULL").fetchone()  # type: ignore[misc]
        db.execute("DROP SCHEMA ceiling CASCADE")
    if left:
        raise RuntimeError(f"the raw run left {left} messages behind")
    return len(bodies) / seconds


def _work(connection: dict[str, Any], start: Any) -> None:
    with psycopg.connect(autocommit=True, **connection) as db:
        start.wait(timeout=60)
        while True:
            with db.transaction():
                rows = db.execute(_CLAIM, [BATCH], prepare=True, binary=True).fetchall()
                if not rows:
                    return
                orders = [json.loads(body) for _, body in rows]
                lines = [
                    (order["id"], entry["sku"], entry["quantity"])
                    for order in orders
                    for entry in order["line_items"]
                ]
                db.execute(
                    "INSERT INTO ceiling.orders (id, email, total)"
                    " SELECT * FROM unnest(%s::bigint[], %s::text[], %s::numeric[])",
                    [
                        [order["id"] for order in orders],
                        [order["email"] or "" for order in orders],
                        [order["total_price"] for order in orders],
                    ],
                    prepare=True,
                )
                db.execute(_RESERVE, [list(c) for c in zip(*lines, strict=True)], prepare=True)
                db.execute(
                    "UPDATE ceiling.inbox SET done_at = now() WHERE id = ANY(%s)",
                    [[row[0] for row in rows]],
                    prepare=True,
                )
