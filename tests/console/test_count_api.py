"""A scanner counts over the API: what it counted when, once, and no number of ours if blind."""

import json
from datetime import timedelta

import pytest
from django.test import Client

from inventory.commands.counting import open_count, submit_count
from inventory.models import CountLine, CountSession, StockLevel
from oms.console.api.keys import make_key
from oms.core import clock
from tests.cast import OLGA, make_item, make_location, make_store, stock

pytestmark = pytest.mark.django_db


def caller(*scopes: str, store=None) -> Client:
    _, key = make_key(
        store_id=(store or make_store()).pk, name="Scanner 3",
        scopes=scopes or ["stock.count"], actor=OLGA,
    )  # fmt: skip
    return Client(headers={"authorization": f"Bearer {key}"})


def send(client: Client, session_id: int, *entries: dict[str, object]):
    body = json.dumps({"entries": entries}, default=str)
    return client.post(f"/api/counts/{session_id}/entries/", body, content_type="application/json")


@pytest.fixture
def mugs() -> StockLevel:
    return stock(make_item("mug", barcode="4006381333931"), make_location("east"), 8731)


@pytest.fixture
def session_id(mugs: StockLevel) -> int:
    return open_count(location_id=mugs.location_id, level_ids=[mugs.pk], actor=OLGA).session_id


def test_what_was_counted_without_network_arrives_later_with_its_moment(session_id: int):
    scanner = caller()
    (shown,) = scanner.get("/api/counts/?location=EST").json()["results"]
    assert (shown["count"], shown["lines"], shown["counted"]) == (session_id, 1, 0)
    first, later = clock.now(), clock.now() + timedelta(milliseconds=5)

    answers = [
        send(scanner, session_id, {"sku": "mug", "counted": 9, "counted_at": later}),
        send(scanner, session_id, {"sku": "4006381333931", "counted": 3, "counted_at": first}),
    ]

    assert [answer.json()["changed"] for answer in answers] == [1, 0]
    line = CountLine.objects.get()
    assert (line.counted, line.counted_by) == (9, "partner:Scanner 3")
    assert scanner.get("/api/counts/").json()["results"][0]["counted"] == 1


def test_a_blind_count_has_no_number_of_ours_in_any_answer(session_id: int):
    scanner = caller()
    answer = scanner.get(f"/api/counts/{session_id}/lines/")
    assert answer.json()["results"][0]["sku"] == "mug"
    assert "8731" not in answer.content.decode() + scanner.get("/api/counts/").content.decode()

    CountSession.objects.update(blind=False)

    lines = scanner.get(f"/api/counts/{session_id}/lines/").json()
    assert (lines["after"], lines["results"][0]["on_hand"]) == (None, 8731)


@pytest.mark.parametrize(
    ("entry", "status"),
    [
        ({"sku": "shirt", "counted": 1}, 409), ({"sku": "mug", "counted": -1}, 400),
        ({"sku": "mug", "counted": 1.5}, 400), ({"sku": "mug"}, 400),
        ({"sku": "mug", "counted": 1, "counted_at": "yesterday"}, 400),
        ({"sku": "mug", "counted": 1, "counted_at": "2020-01-01T00:00:00Z"}, 409),
    ],
)  # fmt: skip
def test_what_cannot_be_true_is_refused_and_nothing_is_written(
    session_id: int, entry: dict[str, object], status: int
):
    answer = send(caller(), session_id, {"sku": "mug", "counted": 5}, entry)

    assert answer.status_code == status
    assert CountLine.objects.get().counted is None


def test_a_submitted_count_takes_no_more_numbers(session_id: int):
    scanner = caller()
    send(scanner, session_id, {"sku": "mug", "counted": 5})
    submit_count(session_id=session_id, actor=OLGA)

    answer = send(scanner, session_id, {"sku": "mug", "counted": 6})

    assert answer.status_code == 409
    assert "ask for a recount" in answer.json()["error"]["sentence"]


def test_another_shop_or_another_scope_sees_nothing(session_id: int):
    other, reader = caller(store=make_store("other")), caller("stock.read")
    for path in ("", f"{session_id}/lines/"):
        assert reader.get(f"/api/counts/{path}").status_code == 403
    assert other.get("/api/counts/").json() == {"results": []}
    assert other.get(f"/api/counts/{session_id}/lines/").status_code == 404
    assert send(other, session_id, {"sku": "mug", "counted": 1}).status_code == 404
    assert CountLine.objects.get().counted is None
