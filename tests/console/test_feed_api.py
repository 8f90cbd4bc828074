"""Stock numbers over the API: rows or a file, once for a key, with a reason for each bad row."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from inventory.commands.rules import believe
from inventory.models import StockFeed, StockLevel
from tests.cast import OLGA, make_item, make_location, make_store, stock
from tests.console.test_api import Caller, error_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def level() -> StockLevel:
    believe(store_id=make_store().pk, field="on_hand", source="wms", actor=OLGA)
    return stock(make_item("mug"), make_location("east"), 10)


def body(*rows: Any, **fields: Any) -> dict[str, Any]:
    values = {"source": "wms", "kind": "absolute", "source_time": "2026-11-20T06:00:00Z"}
    return values | {"rows": list(rows)} | fields


GOOD = {"sku": "mug", "location": "EST", "on_hand": 12}


def recent(**fields: Any) -> dict[str, Any]:
    from django.utils import timezone

    return {"source_time": timezone.now().isoformat(), **fields}


def units() -> int:
    return StockLevel.objects.get(item__sku="mug").on_hand


def test_good_rows_are_applied_and_the_others_come_back_with_their_reasons() -> None:
    caller = Caller("stock.feed")

    answer = caller.post("stock-feeds/", body(GOOD, {**GOOD, "sku": "cap"}, **recent()))

    told = answer.json()
    assert answer.status_code == 201
    assert (told["state"], told["counts"]) == ("applied", {"applied": 1, "bad": 1})
    assert [(r["row"], r["reason"]) for r in told["reasons"]] == [(2, "SKU “cap” is not known.")]
    assert units() == 12
    assert caller.get(f"stock-feeds/{told['id']}/").json()["state"] == "applied"
    rows = caller.get(f"stock-feeds/{told['id']}/rows/?outcome=bad").json()
    assert (rows["next"], [row["sku"] for row in rows["results"]]) == (None, ["cap"])


def test_a_check_alone_changes_nothing() -> None:
    answer = Caller("stock.feed").post("stock-feeds/", body(GOOD, apply=False, **recent()))

    assert (answer.json()["state"], answer.json()["counts"]) == ("checked", {"good": 1})
    assert units() == 10


def test_a_repeat_with_the_key_is_quiet_and_other_rows_under_it_are_refused() -> None:
    caller, sent = Caller("stock.feed"), body(GOOD, request_key="n-1", **recent())
    first = caller.post("stock-feeds/", sent).json()

    again = caller.post("stock-feeds/", sent | recent()).json()
    other = caller.post("stock-feeds/", sent | {"rows": [{**GOOD, "on_hand": 13}]})

    assert again["id"] == first["id"]
    assert other.status_code == 409
    assert "used before" in error_of(other)[2]
    assert (units(), StockFeed.objects.count()) == (12, 1)


def test_a_file_goes_the_same_way() -> None:
    caller = Caller("stock.feed")
    file = SimpleUploadedFile("night.csv", b"sku;qty\nmug;13\n")
    fields = {"source": "wms", "kind": "absolute", "location": "East", "file": file, **recent()}

    answer = caller.client.post("/api/stock-feeds/", fields)

    assert answer.json()["counts"] == {"applied": 1}
    assert units() == 13


@pytest.mark.parametrize(
    "sent",
    [
        {},
        [],
        body(GOOD, kind="some"),
        body(GOOD, source_time="2026-11-20T06:00:00"),
        body(GOOD, source_time="soon"),
        body("mug"),
        body(rows="mug"),
        body(),
        body(GOOD, source_time="2999-01-01T00:00:00Z"),
        body(GOOD, source="shopify"),
        body({"name": "mug"}),
    ],
)
def test_what_cannot_be_meant_is_refused_and_leaves_no_feed(sent: Any) -> None:
    answer = Caller("stock.feed").post("stock-feeds/", sent)

    assert answer.status_code in (400, 409)
    assert error_of(answer)[2]
    assert (units(), StockFeed.objects.count()) == (10, 0)


def test_a_key_without_the_scope_or_of_another_shop_sees_nothing() -> None:
    told = Caller("stock.feed").post("stock-feeds/", body(GOOD, **recent())).json()
    elsewhere = Caller("stock.feed", store=make_store("other"))

    assert Caller("stock.read").post("stock-feeds/", body(GOOD)).status_code == 403
    assert elsewhere.get(f"stock-feeds/{told['id']}/").status_code == 404
    assert elsewhere.get(f"stock-feeds/{told['id']}/rows/").status_code == 404
