"""The client names what happened: an answer, certainly not, no, or nobody knows."""

import logging
import socket
import threading
import traceback
from contextlib import closing, contextmanager

import pytest

from oms.shopify.client import Client
from oms.shopify.documents import Document, document
from oms.shopify.outcomes import Cost, NotApplied, OutcomeUnknown, Rejected, StoreClosed
from oms.shopify.pacing import Breaker, Bucket
from oms.shopify.sandbox.server import SandboxServer

SHOP = document("shop")
CREATE = document("fulfillment_create")
NOTHING = {"fulfillment": {"lineItemsByFulfillmentOrder": []}}


@pytest.fixture
def shop(tmp_path):
    with SandboxServer(tmp_path, seed="tiny") as server:
        yield server


def client_of(shop: SandboxServer, **changed) -> Client:
    given = {
        "base_url": shop.url,
        "api_version": "2026-10",
        "access_token": shop.token,
        "read_seconds": 0.5,
        "sleep": lambda seconds: None,
    }
    return Client(**(given | changed))


@contextmanager
def raw_server(*answers: bytes):
    """A server that reads one request a connection and answers with bytes as given."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def serve():
            for answer in answers:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with closing(connection):
                    connection.recv(65536)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    thread.join(1)


def http(body: bytes, status: str = "200 OK", *headers: str, length: int | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {length or len(body)}", *headers]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body


def test_an_answer_carries_data_and_cost(shop):
    answer = client_of(shop).execute(SHOP)

    assert answer.data["shop"]["myshopifyDomain"] == shop.shop
    assert answer.cost.requested >= 1
    assert answer.cost.restore_rate > 0


@pytest.mark.parametrize(
    "fault", ["throttle", "status_500_before", "html_answer", "empty_answer", "status_500_after"]
)
def test_a_query_is_asked_again(shop, fault):
    shop.faults.switch_on(fault, count=1)

    assert client_of(shop).execute(SHOP).data["shop"]


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ("status_500_before", OutcomeUnknown),
        ("status_500_after", OutcomeUnknown),
        ("html_answer", OutcomeUnknown),
        ("empty_answer", OutcomeUnknown),
        ("timeout_after", OutcomeUnknown),
        ("unauthorized", StoreClosed),
    ],
)
def test_a_mutation_without_a_key_is_sent_once(shop, fault, outcome):
    shop.faults.switch_on(fault)
    before = shop.requests

    with pytest.raises(outcome):
        client_of(shop).execute(CREATE, NOTHING)
    assert shop.requests - before == 1


def test_throttled_is_certainly_not_done_so_even_a_mutation_is_sent_again(shop):
    shop.faults.switch_on("throttle", count=2)
    before = shop.requests

    with pytest.raises(Rejected):
        client_of(shop).mutate(CREATE, NOTHING)
    assert shop.requests - before == 3


def test_too_many_requests_waits_as_long_as_it_is_told(shop):
    shop.faults.switch_on("throttle_429", count=1)
    waits = []

    client_of(shop, sleep=waits.append).execute(SHOP)
    assert 2.0 <= waits[0] <= 2.5


def test_without_a_connection_nothing_was_done():
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    client = Client(
        base_url=f"http://127.0.0.1:{port}",
        api_version="2026-10",
        access_token="t",
        sleep=lambda seconds: None,
    )

    with pytest.raises(NotApplied, match="No connection"):
        client.execute(CREATE, NOTHING)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (b"", OutcomeUnknown),
        (b"HTTP/1.1 200 OK\r\n", OutcomeUnknown),
        (http(b'{"data": {"shop": ', length=500), OutcomeUnknown),
        (http(b'{"data": {"shop": '), OutcomeUnknown),
        (http(b"null"), OutcomeUnknown),
        (http(b"{}"), OutcomeUnknown),
        (http(b"[" * 100_000), OutcomeUnknown),
        (http(b"\xff\xfe"), OutcomeUnknown),
        (http(b"not gzip", "200 OK", "Content-Encoding: gzip"), OutcomeUnknown),
        (http(b"", "301 Moved", "Location: http://127.0.0.1:1/"), Rejected),
        (http(b"", "400 Bad Request"), Rejected),
        (http(b"", "402 Payment Required"), StoreClosed),
        (http(b"", "403 Forbidden"), StoreClosed),
        (http(b"", "423 Locked"), StoreClosed),
        (http(b"", "503 Service Unavailable"), OutcomeUnknown),
        (http(b'{"errors": [{"message": "no such field"}]}'), Rejected),
        (http(b'{"errors": "Unavailable"}'), Rejected),
        (
            http(
                b'{"errors": [{"message": "x", "extensions": {"code": "INTERNAL_SERVER_ERROR"}}]}'
            ),
            OutcomeUnknown,
        ),
        (
            http(b'{"errors": [{"message": "x", "extensions": {"code": "MAX_COST_EXCEEDED"}}]}'),
            Rejected,
        ),
    ],
    ids=lambda value: str(value)[:60],
)
def test_every_strange_answer_has_a_name(answer, outcome):
    with raw_server(answer) as url:
        client = Client(base_url=url, api_version="2026-10", access_token="t", read_seconds=0.5)
        with pytest.raises(outcome):
            client.execute(CREATE, NOTHING)


def test_partial_data_is_kept_beside_its_errors():
    body = (
        b'{"data": {"shop": {"name": "Acme"}, "other": null},'
        b' "errors": [{"message": "denied", "path": ["other"],'
        b' "extensions": {"code": "ACCESS_DENIED"}}]}'
    )
    with raw_server(http(body)) as url:
        answer = Client(base_url=url, api_version="2026-10", access_token="t").execute(SHOP)

    assert answer.data["shop"] == {"name": "Acme"}
    assert answer.error_of("other")["message"] == "denied"


def test_broken_rules_are_a_no_with_their_words(shop):
    with pytest.raises(Rejected) as refusal:
        client_of(shop).mutate(CREATE, NOTHING)

    assert refusal.value.permanent
    assert refusal.value.errors


def test_an_unsound_document_is_a_no(shop):
    with pytest.raises(Rejected, match="nosuch"):
        client_of(shop).execute(Document("x", "query { nosuch }", True))


def test_the_token_is_in_no_exception_and_no_log(shop, caplog):
    caplog.set_level(logging.DEBUG)
    token = "shpat_canary_1234"
    client = client_of(shop, access_token=token)
    shop.faults.switch_on("timeout_after", only="fulfillmentCreate")
    seen = [repr(client)]
    for base_url in (shop.url, "http://127.0.0.1:1"):
        client = client_of(shop, base_url=base_url, access_token=token)
        for call in (SHOP, CREATE):
            try:
                client.execute(call, NOTHING if call is CREATE else None)
            except (NotApplied, OutcomeUnknown, Rejected) as failure:
                seen += traceback.format_exception(failure)
                seen += [repr(failure.__context__), repr(failure.__cause__)]
                assert failure.__context__ is None
    assert len(seen) > 8
    assert token not in "".join(seen)
    assert token not in caplog.text


def test_the_bucket_waits_for_what_does_not_fit():
    clock = [0.0]
    bucket = Bucket(clock=lambda: clock[0])
    points, wait = bucket.take("order")
    assert wait == 0
    bucket.learn("order", points, Cost(50, 50, 1000, 100, 50))

    assert [bucket.take("order")[1] for _ in range(3)] == [0, 0, 1.0]
    clock[0] = 10
    assert bucket.take("order")[1] == 0


def test_the_bucket_believes_the_store_and_not_itself():
    bucket = Bucket(clock=lambda: 0.0)
    points, _ = bucket.take("order")
    # Another app has used it up meanwhile.
    bucket.learn("order", points, Cost(10, 10, 2000, 5, 100))

    assert bucket.take("order")[1] == pytest.approx(0.05)


def test_the_breaker_opens_after_failures_and_lets_one_try_through():
    clock = [0.0]
    breaker = Breaker(failures=3, open_seconds=10, clock=lambda: clock[0])
    for _ in range(3):
        assert breaker.wait_seconds() == 0
        breaker.failed()

    assert breaker.wait_seconds() == 10
    clock[0] = 10
    assert breaker.wait_seconds() == 0
    assert breaker.wait_seconds() == 10
    breaker.answered()
    assert breaker.wait_seconds() == 0


def test_a_store_that_does_not_answer_is_left_alone(shop):
    client = client_of(shop, breaker=Breaker(failures=2, open_seconds=60))
    shop.faults.switch_on("html_answer")
    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            client.execute(CREATE, NOTHING)
    before = shop.requests

    with pytest.raises(NotApplied, match="left alone"):
        client.execute(CREATE, NOTHING)
    assert shop.requests == before


def test_threads_share_one_client(shop):
    client = client_of(shop, read_seconds=10)
    found = []

    def work():
        found.extend(client.execute(SHOP).data["shop"]["name"] for _ in range(20))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["Acme"] * 80


def test_a_question_without_an_answer_has_changed_nothing(shop):
    shop.faults.switch_on("html_answer")

    with pytest.raises(NotApplied, match="not JSON") as failure:
        client_of(shop).execute(SHOP)
    assert failure.value.__context__ is None
