"""The door for webhooks: whoever cannot sign stays out, whatever is signed is kept as it came."""

import base64
import hashlib
import hmac
import io
import threading

import pytest
from django.db import connection
from django.test import Client

from oms.core.models import InboxMessage
from oms.shopify import webhooks
from oms.shopify.models import Connection
from oms.shopify.wsgi_webhooks import with_webhooks
from tests.cast import make_store

SECRET, OLD_SECRET = "shpss_new", "shpss_old"
BODY = '{"id": 1, "note": "Grüße"}'.encode()
ADDRESS = "/webhooks/shopify/acme/"


@pytest.fixture(autouse=True)
def acme(db):
    webhooks.forget_doors()
    yield Connection.objects.create(
        store=make_store(),
        shop_domain="acme.myshopify.com",
        base_url="http://127.0.0.1:1",
        access_token="shpat_1",
        webhook_secret=SECRET,
        previous_webhook_secret=OLD_SECRET,
    )
    webhooks.forget_doors()


def sign(body: bytes, secret: str = SECRET) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).decode()


def headers(**changed: str | None) -> dict[str, str]:
    """Right headers for BODY, with some changed; None leaves one out."""
    given = {
        "hmac_sha256": sign(BODY),
        "topic": "orders/create",
        "shop_domain": "acme.myshopify.com",
        "api_version": "2026-10",
        "webhook_id": "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043",
        "event_id": "98880550-7158-44d4-b7cd-2c97c8a091b5",
        "triggered_at": "2026-11-20T18:00:27.877041743Z",
        **changed,
    }
    return {
        f"HTTP_X_SHOPIFY_{name.upper()}": value
        for name, value in given.items()
        if value is not None
    }


def by_django(body: bytes = BODY, address: str = ADDRESS, method: str = "POST", **environ) -> int:
    client = Client(enforce_csrf_checks=True)
    answer = client.generic(method, address, body, "application/json", **environ)
    return answer.status_code


def by_wsgi(body: bytes = BODY, address: str = ADDRESS, method: str = "POST", **environ) -> int:
    status = []

    def no_django(environ, start_response):
        raise AssertionError("handed on")

    application = with_webhooks(no_django)
    answer = application(
        {
            "REQUEST_METHOD": method,
            "PATH_INFO": address,
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
            **environ,
        },
        lambda line, headers: status.append(int(line.split()[0])),
    )
    assert b"".join(answer) == b""
    return status[0]


@pytest.fixture(params=[by_django, by_wsgi])
def deliver(request):
    return request.param


def test_a_signed_delivery_is_kept_as_it_came(deliver, acme):
    assert deliver(**headers()) == 200

    message = InboxMessage.objects.get()
    assert bytes(message.body) == BODY
    assert (message.store_id, message.topic, message.state) == (
        acme.store_id,
        "orders/create",
        "new",
    )
    assert message.delivery_id == "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043"
    assert message.event_id == "98880550-7158-44d4-b7cd-2c97c8a091b5"
    assert message.api_version == "2026-10"
    assert message.triggered_at.isoformat() == "2026-11-20T18:00:27.877041+00:00"
    assert message.deliveries == 1


def test_the_same_delivery_again_is_the_same_row_and_counted(deliver):
    assert [deliver(**headers()) for _ in range(3)] == [200, 200, 200]

    assert InboxMessage.objects.get().deliveries == 3


def test_one_event_on_two_topics_is_two_deliveries(deliver):
    deliver(**headers())
    deliver(**headers(topic="orders/updated", webhook_id="another"))

    assert InboxMessage.objects.count() == 2


def test_the_previous_secret_is_accepted_while_it_is_set(deliver, acme):
    assert deliver(**headers(hmac_sha256=sign(BODY, OLD_SECRET))) == 200

    acme.previous_webhook_secret = ""
    acme.save()
    webhooks.forget_doors()
    assert deliver(**headers(hmac_sha256=sign(BODY, OLD_SECRET))) == 401
    # An empty secret signs nothing.
    assert deliver(**headers(hmac_sha256=sign(BODY, ""))) == 401


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\x00\xff\xfe", b'{"note": "\\u0000"}', b"[" * 10_000]
)
def test_a_signed_body_is_kept_whatever_it_is(deliver, body):
    assert deliver(body, **headers(hmac_sha256=sign(body))) == 200

    assert bytes(InboxMessage.objects.get().body) == body


right = sign(BODY)
raw_digest = base64.b64decode(right)
FORGERIES = {
    "missing": None,
    "empty": "",
    "space": " ",
    "other secret": sign(BODY, "guess"),
    "empty secret": sign(BODY, ""),
    "store handle as secret": sign(BODY, "acme"),
    "token as secret": sign(BODY, "shpat_1"),
    "secret with space": sign(BODY, SECRET + " "),
    "secret in capitals": sign(BODY, SECRET.upper()),
    "both secrets joined": sign(BODY, SECRET + OLD_SECRET),
    "of an empty body": sign(b""),
    "of another body": sign(b"{}"),
    "of the body with a line end": sign(BODY + b"\n"),
    "of the body with a space": sign(b" " + BODY),
    "of the body in latin-1": sign(BODY.decode().encode("latin-1")),
    "of the body with a byte order mark": sign(b"\xef\xbb\xbf" + BODY),
    "hex": raw_digest.hex(),
    "hex in capitals": raw_digest.hex().upper(),
    "hex in base64": base64.b64encode(raw_digest.hex().encode()).decode(),
    "double base64": base64.b64encode(right.encode()).decode(),
    "url-safe base64": base64.urlsafe_b64encode(raw_digest).decode() + "_",
    "without padding": right.rstrip("="),
    "more padding": right + "=",
    "cut by one": right[:-2],
    "cut to half": right[: len(right) // 2],
    "one letter": right[0],
    "first letter changed": ("A" if right[0] != "A" else "B") + right[1:],
    "last bits changed": right[:-2] + ("B" if right[-2] != "B" else "C") + "=",
    "case swapped": right.swapcase(),
    "reversed": right[::-1],
    "twice": right * 2,
    "twice with comma": f"{right},{right}",
    "list": f"{sign(BODY, 'guess')}, {right}",
    "quoted": f'"{right}"',
    "with prefix": f"sha256={right}",
    "with scheme": f"HMAC {right}",
    "space before": f" {right}x",
    "inner space": f"{right[:10]} {right[10:]}",
    "tab after": f"{right}\t.",
    "sha1": base64.b64encode(hmac.digest(SECRET.encode(), BODY, "sha1")).decode(),
    "sha512": base64.b64encode(hmac.digest(SECRET.encode(), BODY, "sha512")).decode(),
    "md5": base64.b64encode(hmac.digest(SECRET.encode(), BODY, "md5")).decode(),
    "no hmac": base64.b64encode(hashlib.sha256(BODY).digest()).decode(),
    "secret before body": base64.b64encode(
        hashlib.sha256(SECRET.encode() + BODY).digest()
    ).decode(),
    "key and message exchanged": base64.b64encode(
        hmac.digest(BODY, SECRET.encode(), "sha256")
    ).decode(),
    "zero digest": base64.b64encode(b"\x00" * 32).decode(),
    "the word null": "null",
    "the word true": "true",
    "umlauts": "äöü" * 15,
    "full-width letters": right.translate({65 + i: 0xFF21 + i for i in range(26)}) + "Ａ",
    "emoji": "\U0001f600",
    "invisible": right + "\u200b",
    "nul": right + "\x00",
    "very long": "A" * 60_000,
    "percent": "%s%d%n",
    "sql": "' OR 1=1 --",
}  # fmt: skip


def test_the_forge_suite_has_at_least_fifty_variants():
    assert len(FORGERIES) >= 50
    assert right not in FORGERIES.values()


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_signature_stays_out(deliver, forgery):
    assert deliver(**headers(hmac_sha256=FORGERIES[forgery])) == 401

    assert not InboxMessage.objects.exists()


def test_a_body_changed_by_one_byte_stays_out(deliver):
    assert deliver(BODY.replace(b"1", b"2"), **headers()) == 401
    assert not InboxMessage.objects.exists()


@pytest.mark.parametrize("domain", ["other.myshopify.com", "acme.myshopify.com.evil.example", "x"])
def test_a_body_signed_for_another_shop_stays_out(deliver, domain):
    assert deliver(**headers(shop_domain=domain)) == 401
    assert not InboxMessage.objects.exists()


@pytest.mark.parametrize("domain", [None, "ACME.myshopify.com"])
def test_the_shop_header_may_be_missing_or_in_capitals(deliver, domain):
    assert deliver(**headers(shop_domain=domain)) == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"topic": None},
        {"topic": ""},
        {"topic": "orders"},
        {"topic": "orders/create\n"},
        {"topic": "../../etc"},
        {"topic": "Ä/ö"},
        {"webhook_id": None},
        {"webhook_id": ""},
        {"webhook_id": "x" * 201},
        {"webhook_id": "a b"},
    ],
    ids=str,
)
def test_an_envelope_that_cannot_be_kept_is_a_bad_request(deliver, wrong):
    assert deliver(**headers(**wrong)) == 400
    assert not InboxMessage.objects.exists()


@pytest.mark.parametrize(
    "when", [None, "", "soon", "2026-99-99T00:00:00Z", "0001-01-01T00:00:00+23"]
)
def test_a_time_that_cannot_be_read_is_left_empty(deliver, when):
    assert deliver(**headers(triggered_at=when)) == 200
    assert InboxMessage.objects.get().triggered_at is None


def test_an_unknown_store_is_not_found(deliver):
    assert deliver(address="/webhooks/shopify/nobody/", **headers()) == 404
    assert deliver(address="/webhooks/shopify/a%00b/", **headers()) == 404
    assert not InboxMessage.objects.exists()


def test_only_post_is_let_in(deliver):
    for method in ("GET", "PUT", "DELETE"):
        assert deliver(method=method, **headers()) == 405


def test_a_body_over_the_cap_is_refused_without_reading_it(settings):
    settings.WEBHOOK_MAX_BYTES = 100

    class Unread(io.BytesIO):
        def read(self, *args):
            raise AssertionError("read")

    environ = {"CONTENT_LENGTH": "101", "wsgi.input": Unread()}
    assert by_wsgi(b"", **headers(), **environ) == 413
    assert not InboxMessage.objects.exists()


def test_a_body_that_hides_its_length_is_read_to_the_cap_and_no_further(settings):
    settings.WEBHOOK_MAX_BYTES = 100
    endless = io.BytesIO(b"x" * 10_000)

    assert by_wsgi(b"", **headers(), CONTENT_LENGTH="", **{"wsgi.input": endless}) == 413
    assert endless.tell() == 101


def test_a_body_that_breaks_off_is_a_bad_request(deliver):
    class Broken(io.BytesIO):
        def read(self, *args):
            raise OSError("reset by peer")

    assert by_wsgi(b"", **headers(), **{"wsgi.input": Broken()}) == 400


def test_a_delivery_costs_one_statement_when_the_store_is_known(django_assert_num_queries):
    by_wsgi(**headers())

    # Raw and prepared: Django's own query log sees nothing of it.
    with django_assert_num_queries(0):
        assert by_wsgi(**headers(webhook_id="second")) == 200
    assert InboxMessage.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_lost_database_connection_is_opened_again(deliver, acme):
    assert deliver(**headers()) == 200
    end_my_connection()

    assert deliver(**headers(webhook_id="after")) == 200
    assert InboxMessage.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_without_a_database_the_sender_is_asked_to_try_again(deliver, acme, monkeypatch):
    assert deliver(**headers()) == 200
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "PORT", "1")
    monkeypatch.setitem(connection.settings_dict, "HOST", "127.0.0.1")

    assert deliver(**headers(webhook_id="lost")) == 503

    monkeypatch.undo()
    connection.close()
    assert InboxMessage.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_same_delivery_a_hundred_times_at_once_is_one_row(acme):
    statuses: list[int] = []

    def work():
        try:
            statuses.extend(by_wsgi(**headers()) for _ in range(25))
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses == [200] * 100
    assert InboxMessage.objects.get().deliveries == 100


def end_my_connection() -> None:
    import psycopg

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    params = connection.get_connection_params()
    wanted = {
        key: params[key] for key in ("dbname", "user", "host", "port", "password") if key in params
    }
    with psycopg.connect(**wanted, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [pid])
