"""Webhook in to routed and outbox written, over HTTP, with real orders; memory and cold start."""

import base64
import hashlib
import hmac
import http.client
import json
import queue
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.db import connection

from oms.bench import ceiling
from oms.bench.report import Figure
from oms.core.actor import SWITCHYARD
from oms.core.models import Store
from oms.core.sql import fetch
from oms.runner import memory, programs
from oms.runner.processes import Program, Supervisor
from oms.runner.programs import Ports
from oms.shopify.models import Connection
from oms.shopify.sandbox.payloads import order_body
from oms.shopify.sandbox.server import SandboxServer
from oms.shopify.seed import connect_local_store
from routing import policies

SEED = 1
ORDERS = 2000
WARM_UP = 200
PACED = 1000
# Share of the measured rate at which the lag is taken: a busy day, not a flood.
PACE = 0.6
SENDERS = 8
INTAKE_WORKERS = 2
PATIENCE_SECONDS = 60


def measure(state: Path, supervisor: Supervisor, ports: Ports) -> list[Figure]:
    """Feed signed bodies over kept connections and wait until every order has its decision.

    First all at once, for the rate; then at a steady pace below it, for the lag people see.
    """
    bodies = _prepare(state, ports)
    flood, paced = bodies[WARM_UP : WARM_UP + ORDERS], bodies[WARM_UP + ORDERS :]
    shop = Connection.objects.get()
    began = time.monotonic()
    supervisor.start(programs.web(state, ports), *_background(state, ports))
    cold_start = time.monotonic() - began
    _send(ports, shop, bodies[:WARM_UP])
    _wait_until_routed(WARM_UP)

    began_at, first = datetime.now(UTC), time.perf_counter()
    _send(ports, shop, flood)
    accepted = len(flood) / (time.perf_counter() - first)
    _wait_until_routed(WARM_UP + ORDERS)
    rate, _ = _rates(began_at)
    pace = PACE * rate
    began_at = datetime.now(UTC)
    _send(ports, shop, paced, per_second=pace)
    _wait_until_routed(len(bodies))
    _, lags = _rates(began_at)

    raw = ceiling.measure(_database(), flood)
    lines = sum(len(json.loads(body)["line_items"]) for body in flood) / len(flood)
    size = sum(map(len, flood)) // len(flood)
    note = f"{len(flood)} real orders of {lines:.1f} lines, {SENDERS} connections, all at once"
    steady = f"{len(paced)} orders at {pace:.0f} a second; sent to decided"
    return [
        Figure("webhook_to_routed", round(rate), "orders/s", SEED, round(raw), note),
        Figure(
            "webhook_accepted", round(accepted), "requests/s", SEED, note=f"{size:,} bytes each"
        ),
        *(
            Figure(f"webhook_to_routed_{name}", round(lag), "ms", SEED, note=steady)
            for name, lag in zip(("p50", "p95", "p99"), lags, strict=True)
        ),
        Figure("cold_start", round(cold_start, 1), "s", SEED, note="web, workers, first page"),
        *_memory(supervisor),
    ]


def _prepare(state: Path, ports: Ports) -> list[bytes]:
    """Real orders from the local store as webhook bodies, and its goods in our tables."""
    with SandboxServer(state / "store", port=ports.store, seed="real") as shop:
        shop.placer.order_more(WARM_UP + ORDERS + PACED, 0)
        while shop.store.meta["placing"]["remaining"]:
            time.sleep(0.05)
        orders = sorted(shop.store.all("Order"), key=lambda order: int(order["name"][1:]))
        bodies = [json.dumps(order_body(shop.store, order)).encode() for order in orders]
        connect_local_store(url=ports.store_url, webhook_address=ports.web_url)
        policies.ensure_default(store_id=Store.objects.get().pk, actor=SWITCHYARD)
    return bodies


def _background(state: Path, ports: Ports) -> list[Program]:
    kept: dict[str, tuple[str, ...]] = {"scheduler": ("scheduler",)}
    for number in range(INTAKE_WORKERS):
        kept[f"worker-intake-{number}"] = programs.worker_command("intake")
    return [programs.django_program(name, command, state, ports) for name, command in kept.items()]


def _send(
    ports: Ports, shop: Connection, bodies: Sequence[bytes], per_second: float | None = None
) -> None:
    """POST every body once, each sender over one connection; anything but 200 is an error.

    Paced, each body has its moment and is not held back by the answer to the one before.
    """
    path = f"/webhooks/shopify/{shop.store.handle}/"
    secret = shop.webhook_secret.encode()
    began = time.monotonic()
    work: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
    for number, body in enumerate(bodies):
        work.put((began + number / per_second if per_second else began, body))
    failures: list[str] = []

    def sender() -> None:
        wire = http.client.HTTPConnection("127.0.0.1", ports.web, timeout=30)
        while not failures:
            try:
                moment, body = work.get_nowait()
            except queue.Empty:
                return
            time.sleep(max(0.0, moment - time.monotonic()))
            digest = base64.b64encode(hmac.digest(secret, body, hashlib.sha256)).decode()
            number = hashlib.sha256(body).hexdigest()
            headers = {
                "Content-Type": "application/json",
                "X-Shopify-Topic": "orders/create",
                "X-Shopify-Hmac-Sha256": digest,
                "X-Shopify-Shop-Domain": shop.shop_domain,
                "X-Shopify-Webhook-Id": number,
                "X-Shopify-Triggered-At": datetime.now(UTC).isoformat(),
            }
            wire.request("POST", path, body, headers)
            answer = wire.getresponse()
            answer.read()
            if answer.status != 200:
                failures.append(f"the webhook door answered {answer.status}")

    threads = [threading.Thread(target=sender) for _ in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise RuntimeError(failures[0])


def _wait_until_routed(count: int) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        # An order of services alone has no decision: what counts is that nothing is due any more.
        (read, due) = fetch(_PROGRESS)[0]
        if read >= count and not due:
            return
        time.sleep(0.2)
    raise RuntimeError(f"not every order was decided within {PATIENCE_SECONDS} s")


_PROGRESS = """
SELECT (SELECT count(*) FROM core_inboxmessage WHERE state = 'done'),
       (SELECT count(*) FROM core_timer WHERE kind = 'route' AND attempts = 0)
"""


def _rates(began_at: datetime) -> tuple[float, list[float]]:
    """Orders per second, and the lag from sending to decision in ms: p50, p95, p99."""
    rows = fetch(
        """
        SELECT count(*) / extract(epoch FROM max(d.decided_at) - %s::timestamptz),
               percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP
                   (ORDER BY extract(epoch FROM d.decided_at - m.triggered_at) * 1000)
        FROM orders_order o
        JOIN core_inboxmessage m ON m.id = o.inbox_id
        JOIN routing_decision d ON d.order_id = o.id
        WHERE m.triggered_at >= %s
        """,
        [began_at, began_at],
    )
    rate, lags = rows[0]
    return float(rate), [float(lag) for lag in lags]


def _memory(supervisor: Supervisor) -> list[Figure]:
    peaks = [(one.program.name, memory.peaks_mb(one.process.pid)) for one in supervisor.running]
    return [
        Figure(f"peak_memory_{name}", sum(sizes), "MB", SEED, note=f"processes: {sizes}")
        for name, sizes in peaks
    ]


def _database() -> dict[str, str]:
    """Where PostgreSQL answers, in psycopg's words."""
    given = settings.DATABASES["default"]
    named = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD"}
    found = {key: str(given[name]) for key, name in named.items() if given.get(name)}
    return {"dbname": connection.settings_dict["NAME"], **found}
