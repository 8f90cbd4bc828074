"""The door for webhooks: check the signature on the raw bytes, store them, answer. Nothing else.

No parsing, no Redis, no ORM on this path: whatever is wrong with the content is found later, when
the bytes are safe. The answer to a repeat is the same 200, and the row counts it.
"""

import base64
import hashlib
import hmac
import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg
from django.conf import settings
from django.db import Error, InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

log = logging.getLogger(__name__)

CONNECTION_KEPT_SECONDS = 5.0
PREFIX = "/webhooks/shopify/"

_HANDLE = re.compile(r"[-a-zA-Z0-9_]{1,50}", re.ASCII)
_TOPIC = re.compile(r"[a-z_]{1,64}/[a-z_]{1,64}", re.ASCII)
_DELIVERY = re.compile(r"[\x21-\x7e]{1,200}", re.ASCII)

_FIND = """
    SELECT c.store_id, c.shop_domain, c.webhook_secret, c.previous_webhook_secret
    FROM shopify_connection c JOIN core_store s ON s.id = c.store_id WHERE s.handle = %s
"""
_KEEP = """
    INSERT INTO core_inboxmessage
        (store_id, delivery_id, event_id, topic, api_version, triggered_at, body)
    VALUES (%s, %s, %s, %s, %s, %s, %b)
    ON CONFLICT (store_id, delivery_id)
    DO UPDATE SET deliveries = core_inboxmessage.deliveries + 1
"""


@dataclass(frozen=True, slots=True)
class Door:
    """What must be known of a store to let a webhook in."""

    store_id: int
    shop_domain: str
    secrets: tuple[bytes, ...]
    kept_until: float


_doors: dict[str, Door] = {}


def receive(handle: str, header: Callable[[str], str], read: Callable[[int], bytes]) -> int:
    """Take one delivery in and return the HTTP status.

    `header` gives a header by its lower-case name, empty when absent; `read(n)` up to n bytes.
    """
    try:
        return _receive(handle, header, read)
    except (Error, psycopg.Error) as error:
        # Shopify sends it again later; the reconciliation finds it even if it does not.
        log.error("webhook not stored: %s", error)
        connection.close()
        return 503


@csrf_exempt
@require_POST
def shopify_webhook(request: HttpRequest, handle: str) -> HttpResponse:
    """POST /webhooks/shopify/<store handle>/"""
    return HttpResponse(
        status=receive(handle, lambda name: request.headers.get(name, ""), request.read)
    )


def forget_doors() -> None:
    """Forget what was kept of connections, e.g. after a secret was rotated in this process."""
    _doors.clear()


def _receive(handle: str, header: Callable[[str], str], read: Callable[[int], bytes]) -> int:
    door = _door(handle)
    if door is None:
        return 404

    most = settings.WEBHOOK_MAX_BYTES
    length = header("content-length")
    if length.isascii() and length.isdigit() and int(length[:20]) > most:
        return 413
    signature = header("x-shopify-hmac-sha256")
    if not signature:
        return 401
    try:
        body = _read_whole(read, most)
    except OSError:
        return 400
    if len(body) > most:
        return 413

    if not _is_signed(body, signature, door.secrets):
        return 401
    # Headers are not signed. The address says which store it is; a header that names another
    # shop means that somebody replays a body that was signed for that one.
    domain = header("x-shopify-shop-domain")
    if domain and domain.lower() != door.shop_domain:
        return 401
    topic, delivery = header("x-shopify-topic"), header("x-shopify-webhook-id")
    if not _TOPIC.fullmatch(topic) or not _DELIVERY.fullmatch(delivery):
        return 400

    _store(
        (
            door.store_id,
            delivery,
            _short(header("x-shopify-event-id")),
            topic,
            _short(header("x-shopify-api-version")),
            _moment(header("x-shopify-triggered-at")),
            body,
        )
    )
    return 200


def _door(handle: str) -> Door | None:
    door = _doors.get(handle)
    if door is not None and door.kept_until > time.monotonic():
        return door
    if not _HANDLE.fullmatch(handle):
        return None
    row = _run(_FIND, (handle,), fetch=True)
    if row is None:
        _doors.pop(handle, None)
        return None
    store_id, domain, *secrets = row
    # An empty secret would be one that everybody knows.
    door = Door(
        store_id,
        domain.lower(),
        tuple(secret.encode() for secret in secrets if secret),
        time.monotonic() + CONNECTION_KEPT_SECONDS,
    )
    _doors[handle] = door
    return door


def _is_signed(body: bytes, signature: str, secrets: tuple[bytes, ...]) -> bool:
    # Bytes, because comparing text raises on anything that is not ASCII: a 500 for strangers.
    given = signature.encode("utf-8", "surrogatepass")
    good = False
    for secret in secrets:
        wanted = base64.b64encode(hmac.digest(secret, body, hashlib.sha256))
        good |= hmac.compare_digest(wanted, given)
    return good


def _read_whole(read: Callable[[int], bytes], most: int) -> bytes:
    body = read(most + 1)
    while chunk := read(most + 1 - len(body)) if len(body) <= most else b"":
        body += chunk
    return body


def _store(values: tuple[object, ...]) -> None:
    _run(_KEEP, values)


def _run(query: str, params: tuple[object, ...], *, fetch: bool = False) -> tuple | None:
    """One prepared statement on Django's own connection; once more when that had gone stale.

    Both statements may run twice without harm, and asking for the connection's health before each
    delivery would cost as much as storing it.
    """
    try:
        return _run_once(query, params, fetch)
    except (psycopg.OperationalError, psycopg.InterfaceError, OperationalError, InterfaceError):
        if connection.in_atomic_block:
            raise
        connection.close()
    return _run_once(query, params, fetch)


def _run_once(query: str, params: tuple[object, ...], fetch: bool) -> tuple | None:
    connection.ensure_connection()
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(query, params, prepare=True)
        return cursor.fetchone() if fetch else None


def _short(value: str) -> str:
    return value[:200]


def _moment(value: str) -> datetime | None:
    try:
        when = datetime.fromisoformat(value)
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
