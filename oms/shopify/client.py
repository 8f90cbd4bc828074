"""The Admin GraphQL client: paces itself by cost, keeps partial data, and never guesses.

https://shopify.dev/docs/api/admin-graphql. Every call ends in an Answer or in one of the failures
of oms/shopify/outcomes.py. Only what can be sent twice unharmed is sent twice: queries and
mutations with an idempotency key, and whatever was refused for lack of points.
"""

import json
import random
import threading
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from oms.core.failpoints import failpoint
from oms.shopify.documents import Document
from oms.shopify.models import Connection
from oms.shopify.outcomes import (
    Answer,
    CallFailed,
    Cost,
    NotApplied,
    OutcomeUnknown,
    Rejected,
    StoreClosed,
)
from oms.shopify.pacing import Breaker, Bucket

CONNECT_SECONDS = 3.05
READ_SECONDS = 15.0
WHOLE_CALL_SECONDS = 45.0
LONGEST_WAIT_SECONDS = 10.0
MOST_TRIES = 4
LARGEST_ANSWER = 32 * 1024 * 1024
KEPT_CONNECTIONS = 8

CLOSED = {
    401: "Shopify does not accept the access token (401).",
    402: "The store is frozen for lack of payment (402).",
    403: "Shopify does not let this app in (403).",
    404: "Shopify knows no such store or API version (404).",
    423: "The store is locked (423).",
    430: "Shopify took the calls for an attack (430).",
}
# Codes that say: not carried out, and the same again will not be either.
REFUSED_CODES = {
    "ACCESS_DENIED",
    "BAD_REQUEST",
    "INVALID_FIELD_ARGUMENTS",
    "INVALID_VARIABLE",
    "MAX_COST_EXCEEDED",
    "MAX_INPUT_SIZE_EXCEEDED",
    "NOT_FOUND",
    "RESOURCE_NOT_FOUND",
}


class Client:
    """Calls one store. Threads share it, its kept connections, its pacing and its breaker."""

    def __init__(
        self,
        *,
        base_url: str,
        api_version: str,
        access_token: str,
        read_seconds: float = READ_SECONDS,
        bucket: Bucket | None = None,
        breaker: Breaker | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url = f"{base_url.rstrip('/')}/admin/api/{api_version}/graphql.json"
        self._session = _new_session(self._url, access_token)
        self._read_seconds = read_seconds
        self._bucket = bucket or Bucket()
        self._breaker = breaker or Breaker()
        self._sleep = sleep

    def __repr__(self) -> str:
        return f"Client({self._url})"

    def execute(self, document: Document, variables: Mapping[str, Any] | None = None) -> Answer:
        """Send a document and return its answer; user errors are the caller's to look at."""
        started = time.monotonic()
        attempt = 0
        while True:
            attempt += 1
            try:
                return self._send(document, variables or {})
            except CallFailed as problem:
                failure = problem
            wait = failure.retry_in_seconds * random.uniform(1.0, 1.2)
            over = time.monotonic() - started + wait > LONGEST_WAIT_SECONDS
            if attempt == MOST_TRIES or over or not _may_repeat(document, failure):
                break
            self._sleep(wait)
        if document.only_reads and isinstance(failure, OutcomeUnknown):
            # Whatever happened to a question, it changed nothing.
            raise NotApplied(failure.reason, retry_in_seconds=failure.retry_in_seconds)
        raise failure

    def mutate(self, document: Document, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Send a mutation of one root and return its payload; raise Rejected on user errors."""
        answer = self.execute(document, variables)
        [(root, payload)] = answer.data.items()
        return payload_of(answer, root, payload)

    def _send(self, document: Document, variables: Mapping[str, Any]) -> Answer:
        wait = self._breaker.wait_seconds()
        if wait:
            raise NotApplied(
                "Shopify does not answer; left alone for a while.", retry_in_seconds=wait
            )
        points, wait = self._bucket.take(document.name)
        if wait > LONGEST_WAIT_SECONDS:
            self._bucket.put_back(points)
            raise NotApplied("The store's API budget is used up.", retry_in_seconds=wait)
        if wait:
            self._sleep(wait)
        try:
            status, headers, body = self._post(document, variables)
        except CallFailed:
            self._bucket.put_back(points)
            self._breaker.failed()
            raise
        return self._read(document, points, status, headers, body)

    def _post(
        self, document: Document, variables: Mapping[str, Any]
    ) -> tuple[int, Mapping[str, str], bytes]:
        request = json.dumps(
            {"query": document.text, "variables": variables}, default=_plain, separators=(",", ":")
        ).encode()
        failpoint("shopify.call.before")
        deadline = time.monotonic() + WHOLE_CALL_SECONDS
        body = bytearray()
        failure: CallFailed | None = None
        try:
            with self._session.post(
                self._url,
                data=request,
                timeout=(CONNECT_SECONDS, self._read_seconds),
                allow_redirects=False,
                stream=True,
            ) as response:
                for chunk in response.iter_content(65536):
                    body += chunk
                    if len(body) > LARGEST_ANSWER or time.monotonic() > deadline:
                        failure = OutcomeUnknown("Shopify's answer did not come to an end.")
                        break
        except requests.exceptions.SSLError:
            failure = NotApplied("No secure connection to Shopify.")
        except requests.exceptions.ConnectionError as error:
            failure = _connection_failure(error)
        except requests.exceptions.Timeout:
            failure = OutcomeUnknown("Shopify did not answer in time.")
        except requests.exceptions.RequestException:
            failure = OutcomeUnknown("Shopify's answer broke off.")
        if failure is not None:
            # Raised out here, so that the library's exception, which holds the request and with
            # it the token, does not hang on to ours.
            raise failure
        failpoint("shopify.call.after")
        return response.status_code, response.headers, bytes(body)

    def _read(
        self,
        document: Document,
        points: float,
        status: int,
        headers: Mapping[str, str],
        body: bytes,
    ) -> Answer:
        if status == 429:
            self._breaker.answered()
            wait = self._bucket.throttled(document.name, points, None)
            seconds = _seconds(headers.get("Retry-After", ""))
            raise NotApplied("Shopify asks for a pause (429).", retry_in_seconds=seconds or wait)
        if status in CLOSED:
            self._breaker.answered()
            self._bucket.put_back(points)
            raise StoreClosed(CLOSED[status], retry_in_seconds=60.0)
        if 300 <= status < 500:
            self._breaker.answered()
            self._bucket.put_back(points)
            raise Rejected(f"Shopify refused the request ({status}).")
        if status != 200:
            self._breaker.failed()
            self._bucket.put_back(points)
            raise OutcomeUnknown(f"Shopify answered with an error ({status}).")

        envelope = _envelope(body)
        if envelope is None:
            self._breaker.failed()
            self._bucket.put_back(points)
            raise OutcomeUnknown("Shopify's answer is not JSON.")
        self._breaker.answered()
        return self._judge(document, points, envelope)

    def _judge(self, document: Document, points: float, envelope: dict[str, Any]) -> Answer:
        cost = _cost(envelope)
        errors = envelope.get("errors") or []
        if not isinstance(errors, list):
            errors = [{"message": str(errors)}]
        codes = {_code(error) for error in errors}
        data = envelope.get("data")

        if "THROTTLED" in codes and not data:
            wait = self._bucket.throttled(document.name, points, cost)
            raise NotApplied("The store's API budget is used up.", retry_in_seconds=wait)
        if cost is None:
            self._bucket.put_back(points)
        else:
            self._bucket.learn(document.name, points, cost)
        if isinstance(data, dict):
            return Answer(data, errors, cost)
        if not errors:
            raise OutcomeUnknown("Shopify's answer holds neither data nor errors.")
        message = "; ".join(str(error.get("message", error)) for error in errors[:3])
        if "INTERNAL_SERVER_ERROR" in codes:
            raise OutcomeUnknown(f"Shopify had an error inside: {message}")
        raise Rejected(message)


_clients: dict[int, tuple[tuple[str, str, str], Client]] = {}
_clients_lock = threading.Lock()


def client_for(connection: Connection) -> Client:
    """The process's client of a store: one, so that pacing and breaker see every call."""
    facts = (connection.base_url, connection.api_version, connection.access_token)
    with _clients_lock:
        kept = _clients.get(connection.store_id)
        if kept is None or kept[0] != facts:
            base_url, api_version, token = facts
            kept = facts, Client(base_url=base_url, api_version=api_version, access_token=token)
            _clients[connection.store_id] = kept
        return kept[1]


def payload_of(answer: Answer, root: str, payload: Any) -> dict[str, Any]:
    """The payload of one root, or the failure that it stands for."""
    if payload is None:
        error = answer.error_of(root) or {}
        message = str(error.get("message", "No answer for this part."))
        if _code(error) in REFUSED_CODES:
            raise Rejected(message)
        raise OutcomeUnknown(message)
    if errors := answer.user_errors.get(root):
        raise Rejected("; ".join(str(error) for error in errors[:3]), errors=errors)
    return payload


def _may_repeat(document: Document, failure: CallFailed) -> bool:
    if isinstance(failure, StoreClosed | Rejected):
        return False
    return document.repeatable or isinstance(failure, NotApplied)


def _connection_failure(error: requests.exceptions.ConnectionError) -> CallFailed:
    reason = getattr(error.args[0], "reason", None) if error.args else None
    # Without a connection nothing can have been sent. Anything else broke on the way.
    if isinstance(error, requests.exceptions.ConnectTimeout) or "NewConnectionError" in repr(
        reason
    ):
        return NotApplied("No connection to Shopify.", retry_in_seconds=2.0)
    if isinstance(error, requests.exceptions.ProxyError):
        return NotApplied("No connection to Shopify through the proxy.", retry_in_seconds=2.0)
    return OutcomeUnknown("The connection to Shopify broke off.", retry_in_seconds=2.0)


def _new_session(url: str, token: str) -> requests.Session:
    session = requests.Session()
    adapter = HTTPAdapter(pool_maxsize=KEPT_CONNECTIONS)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    # No cookies: they are the one thing that threads would share.
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers.update(
        {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "User-Agent": "Switchyard",
            "X-Shopify-Access-Token": token,
        }
    )
    # A proxy set for the internet is not meant for a store on this machine.
    session.trust_env = urlsplit(url).hostname not in ("127.0.0.1", "localhost", "::1")
    return session


def _envelope(body: bytes) -> dict[str, Any] | None:
    try:
        envelope = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return envelope if isinstance(envelope, dict) else None


def _cost(envelope: dict[str, Any]) -> Cost | None:
    try:
        cost = envelope["extensions"]["cost"]
        status = cost["throttleStatus"]
        return Cost(
            float(cost["requestedQueryCost"]),
            None if cost.get("actualQueryCost") is None else float(cost["actualQueryCost"]),
            float(status["maximumAvailable"]),
            float(status["currentlyAvailable"]),
            float(status["restoreRate"]),
        )
    except (KeyError, TypeError, ValueError):
        return None


def _code(error: Any) -> str:
    extensions = error.get("extensions") if isinstance(error, dict) else None
    return str(extensions.get("code", "")) if isinstance(extensions, dict) else ""


def _seconds(header: str) -> float:
    try:
        return min(60.0, max(0.0, float(header)))
    except ValueError:
        return 0.0


def _plain(value: Any) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"{type(value).__name__} cannot be sent")
