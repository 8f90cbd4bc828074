"""The tiny store, a receiver of webhooks, and short ways to ask both."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from oms.shopify.sandbox.server import SandboxServer
from tests.shopify.sandbox.asking import Asking


@pytest.fixture
def store(tmp_path):
    with SandboxServer(tmp_path / "state", seed="tiny", time_factor=100_000) as server:
        yield server


@pytest.fixture
def ask(store):
    return Asking(store)


class Receiver:
    """An endpoint that keeps what it is sent and answers with `status`."""

    def __init__(self):
        receiver = self
        self.received = []
        self.status = 200
        self.arrival = threading.Condition()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with receiver.arrival:
                    receiver.received.append((dict(self.headers), body))
                    receiver.arrival.notify_all()
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/hooks"

    def wait_for(self, count, seconds=10):
        with self.arrival:
            self.arrival.wait_for(lambda: len(self.received) >= count, seconds)
            return list(self.received)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.close()
