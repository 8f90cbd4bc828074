"""kill -9 loses nothing: same ids, same keys, same deliveries, the same orders to place."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time

import pytest
import requests

from oms.shopify.sandbox.server import SandboxServer
from tests.shopify.sandbox.asking import Asking


class Process:
    """The store as a process of its own."""

    def __init__(self, state, *more):
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "oms.shopify.sandbox",
                *("--port", "0", "--state", str(state), "--time-factor", "100000"),
                *more,
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url = re.search(r"http://\S+", self.process.stdout.readline())[0]

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(20) == 0
        self.process.stdout.close()


def test_a_killed_store_knows_its_orders_its_keys_and_its_pending_deliveries(tmp_path, receiver):
    with SandboxServer(tmp_path, time_factor=100_000) as store:
        ask = Asking(store)
        ask.subscribe("ORDERS_CREATE", receiver.url)
        receiver.status = 500
        gid = ask.place_order(mug=2)
        transaction = ask.order(gid)["transactions"][0]["id"]
        given = {
            "orderId": gid,
            "transactions": [
                {
                    "orderId": gid,
                    "parentId": transaction,
                    "kind": "REFUND",
                    "gateway": "x",
                    "amount": "5.00",
                }
            ],
        }
        first = ask.refund(given, "key")
        order = ask.order(gid)
        # What a killed process would leave: nothing is closed, nothing is flushed.
        (sent, *_) = receiver.wait_for(1)
        pending = store.store.db.execute("select id, body from delivery").fetchall()
    assert len(pending) == 1
    receiver.status = 200
    with SandboxServer(tmp_path, time_factor=100_000) as store:
        ask = Asking(store)
        assert ask.order(gid) == order
        assert ask.refund(given, "key") == first
        assert ask.order(gid)["totalRefundedSet"]["shopMoney"]["amount"] == "5.0"
        deadline = time.monotonic() + 10
        while store.deliverer.pending():
            assert time.monotonic() < deadline
            time.sleep(0.02)
    last = receiver.received[-1]
    assert last[0]["X-Shopify-Webhook-Id"] == sent[0]["X-Shopify-Webhook-Id"]
    assert last[1] == sent[1]


def test_kill_9_in_the_middle_of_placing_orders_ends_in_the_same_orders(tmp_path):
    store = Process(tmp_path)
    requests.post(f"{store.url}/sandbox/orders", json={"count": 120, "rate": 0}, timeout=10)
    deadline = time.monotonic() + 30
    while status(store)["placed"] < 20:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    store.kill()
    store = Process(tmp_path)
    deadline = time.monotonic() + 60
    while status(store)["placed"] < 120:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    rows = requests.get(f"{store.url}/sandbox/export?type=orders", timeout=30).json()["orders"]
    store.end()
    assert [row["name"] for row in rows] == [f"#{1001 + n}" for n in range(120)]
    assert len({row["invoice"] for row in rows}) == 120
    with sqlite3.connect(tmp_path / "sandbox.sqlite3") as file:
        assert file.execute("pragma integrity_check").fetchone() == ("ok",)


def status(store):
    return requests.get(f"{store.url}/sandbox/status", timeout=10).json()


def test_a_port_in_use_is_one_clear_sentence(tmp_path):
    with SandboxServer(tmp_path / "one") as store:
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "oms.shopify.sandbox",
                *("--port", str(store.port), "--state", str(tmp_path / "two"), "--shop", "tiny"),
            ],
            capture_output=True,
            text=True,
            timeout=30,
            env=os.environ,
        )
    assert done.returncode == 1
    assert done.stderr.startswith("The local store cannot listen on 127.0.0.1:")
    assert "Traceback" not in done.stderr


def test_a_step_that_fails_half_way_leaves_nothing(tmp_path):
    with SandboxServer(tmp_path) as store:
        ask = Asking(store)
        level = store.store.all("InventoryLevel")[0]
        before = level["quantities"]["available"]
        with pytest.raises(RuntimeError), store.store.transaction():
            level["quantities"]["available"] = -99
            store.store.save(level)
            store.store.add("Product", title="ghost")
            raise RuntimeError("half way")
        assert level["quantities"]["available"] == before
        assert all(row["title"] != "ghost" for row in store.store.all("Product"))
        assert ask.place_order(mug=1)
