"""The HTTP face of the local store, and the object that owns all its parts."""

import json
import logging
import socket
import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from oms.shopify.sandbox import roots
from oms.shopify.sandbox.control import Control
from oms.shopify.sandbox.deliveries import Deliverer
from oms.shopify.sandbox.events import Events
from oms.shopify.sandbox.execute import Engine
from oms.shopify.sandbox.faults import Faults
from oms.shopify.sandbox.jobs import CancelJobs
from oms.shopify.sandbox.placing import Placer
from oms.shopify.sandbox.schema import API_VERSION
from oms.shopify.sandbox.seed import plant
from oms.shopify.sandbox.state import Store

log = logging.getLogger(__name__)
ROOMS = roots.ROOMS  # importing them registers their resolvers

GRAPHQL_PATH = f"/admin/api/{API_VERSION}/graphql.json"
LONGEST_BODY = 20 * 1024 * 1024
SILENCE_SECONDS = 60
REFUSALS = (
    ("frozen", 402, "Unavailable Shop"),
    ("forbidden", 403, "[API] This action requires merchant approval for a scope."),
    ("locked", 423, "Locked"),
)
HTML = b"<!DOCTYPE html><html><body><h1>Something went wrong</h1></body></html>"


class SandboxServer:
    """A running store. `with SandboxServer(path, seed="tiny") as shop:` is all a test needs."""

    def __init__(
        self,
        state_dir,
        port=0,
        host="127.0.0.1",
        seed="tiny",
        salt=1,
        plan="enterprise",
        time_factor=60.0,
        delivery_threads=6,
        job_seconds=0.3,
    ):
        self.store = Store(state_dir)
        self.seed, self.salt, self.plan = seed, salt, plan
        if self.store.fresh:
            plant(self.store, seed, salt, plan)
        self.faults = Faults()
        self.events = Events(self.store)
        self.engine = Engine(self.store, self.events, plan, self.faults)
        self.deliverer = Deliverer(self.store, self.faults, time_factor, delivery_threads)
        self.events.deliver = self.deliverer.queue
        self.placer = Placer(self)
        self.cancel_jobs = CancelJobs(self, job_seconds)
        self.log: deque = deque(maxlen=500)
        self.throttled = self.requests = 0
        self.control = Control(self)
        self.http = QuietServer((host, port), Handler)
        self.http.sandbox = self
        self.host, self.port = host, self.http.server_address[1]
        self.thread = None

    @property
    def url(self):
        return f"http://{self.host}:{self.port}"

    @property
    def graphql_url(self):
        return self.url + GRAPHQL_PATH

    @property
    def token(self):
        return self.store.meta["shop"]["token"]

    @property
    def secret(self):
        return self.store.meta["shop"]["secret"]

    @property
    def shop(self):
        return self.store.meta["shop"]["domain"]

    def start(self):
        """Serves in a thread of this process."""
        self.placer.start()
        self.cancel_jobs.start()
        self.thread = threading.Thread(
            target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self.thread.start()
        return self

    def stop(self):
        """Stops the threads; the state stays on disk."""
        self.http.shutdown()
        self.http.drop_connections()
        self.http.server_close()
        self.placer.stop()
        self.cancel_jobs.stop()
        self.deliverer.stop()
        self.store.close()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def graphql(self, query, variables=None):
        """The answer to a document without the wire, for tests and the seeds."""
        return self.engine.answer({"query": query, "variables": variables or {}})

    def reset(self, seed=None):
        """Everything gone but the subscriptions; the seed planted anew."""
        self.placer.halt()
        with self.store.lock:
            kept = self.store.all("WebhookSubscription")
            self.deliverer.clear()
            self.store.wipe()
            plant(self.store, seed or self.seed, self.salt, self.plan)
            with self.store.transaction():
                for subscription in kept:
                    subscription.pop("kind")
                    self.store.add("WebhookSubscription", **subscription)


class QuietServer(ThreadingHTTPServer):
    """Threads per kept connection; knows its open sockets so that a stop is prompt."""

    daemon_threads = True
    request_queue_size = 256
    sandbox: SandboxServer

    def __init__(self, *arguments):
        self.open_sockets = set()
        super().__init__(*arguments)

    def process_request(self, request, client_address):
        self.open_sockets.add(request)
        super().process_request(request, client_address)

    def close_request(self, request):
        self.open_sockets.discard(request)
        super().close_request(request)

    def drop_connections(self):
        for each in list(self.open_sockets):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def handle_error(self, request, client_address):
        log.debug("connection of %s ended", client_address, exc_info=True)


class Handler(BaseHTTPRequestHandler):
    """One connection: the GraphQL path for apps, /sandbox/ for whoever sits at this machine."""

    protocol_version = "HTTP/1.1"
    server: QuietServer
    # Without these every small answer waits for the other side's delayed ACK.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self):
        self.answer("GET")

    def do_POST(self):
        self.answer("POST")

    def do_DELETE(self):
        self.answer("DELETE")

    def answer(self, method):
        body = self.read_body()
        if body is None:
            return
        path = self.path.split("?")[0]
        sandbox = self.server.sandbox
        if path == GRAPHQL_PATH and method == "POST":
            self.answer_graphql(sandbox, body)
        elif path.startswith("/sandbox/"):
            status, payload = sandbox.control.answer(method, self.path, body)
            self.send_json(status, payload)
        elif path.startswith("/admin/api/"):
            self.send_json(404, {"errors": "Not Found"})
        else:
            self.send_json(404, {"error": f"no such path {path}"})

    def read_body(self):
        try:
            length = int(self.headers.get("Content-Length") or 0)
        except ValueError:
            length = -1
        if not 0 <= length <= LONGEST_BODY:
            self.close_connection = True
            self.send_json(413 if length > 0 else 400, {"errors": "bad request"})
            return None
        return self.rfile.read(length)

    def answer_graphql(self, sandbox, body):
        started = time.perf_counter()
        sandbox.requests += 1
        text = body.decode("utf-8", "replace")
        status, payload, headers = self.decide(sandbox, text)
        if status is not None:
            if isinstance(payload, bytes):
                self.send_raw(status, payload, headers)
            else:
                self.send_json(status, payload, headers)
        sandbox.log.append(
            {
                "at": time.time(),
                "milliseconds": round((time.perf_counter() - started) * 1000, 2),
                "status": status,
                "request": text[:20000],
                "answer": payload if isinstance(payload, dict) else None,
            }
        )

    def decide(self, sandbox, text):
        """(status, payload, headers); a status of None means: say nothing at all."""
        faults = sandbox.faults
        if self.headers.get("X-Shopify-Access-Token") != sandbox.token or faults.take(
            "unauthorized", text
        ):
            message = "[API] Invalid API key or access token (unrecognized login or wrong password)"
            return 401, {"errors": message}, {}
        for name, code, message in REFUSALS:
            if faults.take(name, text):
                return code, {"errors": message}, {}
        if faults.take("slow", text):
            time.sleep(faults.setting("slow", "seconds", 1))
        if faults.take("status_500_before", text):
            return 500, {"errors": "Internal Server Error"}, {}
        if faults.take("html_answer", text):
            return 200, HTML, {"Content-Type": "text/html; charset=utf-8"}
        if faults.take("empty_answer", text):
            return 200, b"", {}
        if faults.take("throttle_429", text):
            sandbox.throttled += 1
            return 429, {"errors": "Exceeded rate limit"}, {"Retry-After": "2.0"}
        if faults.take("throttle", text):
            sandbox.throttled += 1
            return 200, sandbox.engine.throttled(), {}
        try:
            request = json.loads(text)
        except ValueError:
            return 400, {"errors": {"query": "Required parameter missing or invalid"}}, {}
        if not isinstance(request, dict):
            return 400, {"errors": {"query": "Required parameter missing or invalid"}}, {}
        if "inventorySetQuantities" in text:
            if faults.take("pos_race", text):
                sandbox.control.change_first(request.get("variables") or {}, units=-1)
            if faults.take("foreign_write", text):
                sandbox.control.change_first(request.get("variables") or {}, units=1)
        payload = sandbox.engine.answer(request)
        if is_throttled(payload):
            sandbox.throttled += 1
        if faults.take("status_500_after", text):
            return 500, {"errors": "Internal Server Error"}, {}
        if faults.take("html_after", text):
            return 200, HTML, {"Content-Type": "text/html; charset=utf-8"}
        if faults.take("timeout_after", text):
            self.wait_for_hang_up(faults.setting("timeout_after", "seconds", SILENCE_SECONDS))
            return None, payload, {}
        return 200, payload, {}

    def wait_for_hang_up(self, seconds):
        """No answer until the client gives up."""
        self.close_connection = True
        self.connection.settimeout(seconds)
        try:
            self.connection.recv(1)
        except OSError:
            return

    def send_json(self, status, payload, headers=None):
        raw = json.dumps(payload, ensure_ascii=False, separators=(",", ":"), default=str).encode()
        self.send_raw(
            status, raw, {"Content-Type": "application/json; charset=utf-8"} | (headers or {})
        )

    def send_raw(self, status, raw, headers):
        try:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)
        except OSError:
            self.close_connection = True

    def log_message(self, form, *arguments):
        log.debug(form, *arguments)


def is_throttled(payload):
    errors = payload.get("errors")
    return (
        isinstance(errors, list)
        and bool(errors)
        and (errors[0].get("extensions") or {}).get("code") == "THROTTLED"
    )
