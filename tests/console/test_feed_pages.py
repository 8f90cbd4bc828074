"""Stock files on their pages: checked, applied, approved, each by whom it may; who is believed."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from inventory.commands.rules import believe
from inventory.models import AuthorityRule, FeedRow, StockEntry, StockFeed, StockLevel
from oms.console import uploads
from oms.core.actor import SWITCHYARD
from tests.cast import make_item, make_location, make_store, make_user, stock
from tests.console.people import signed_in, words_of

pytestmark = pytest.mark.django_db

HOSTILE = ["=1+1", "<script>alert(1)</script>", "مرحبا", "x" * 120]


@pytest.fixture(autouse=True)
def level() -> StockLevel:
    believe(store_id=make_store().pk, field="on_hand", source="erp", actor=SWITCHYARD)
    return stock(make_item("mug"), make_location("east"), 10)


def send(client: Client, text: str, **fields: str) -> Any:
    values = {
        "source": "erp",
        "kind": "absolute",
        "at": timezone.now().isoformat(),
        "file": SimpleUploadedFile("stock.csv", text.encode()),
    }
    return client.post("/feeds/upload/", values | fields)


def units() -> int:
    return StockLevel.objects.get(item__sku="mug").on_hand


def test_a_file_is_checked_first_and_changes_stock_only_when_it_is_applied() -> None:
    client = signed_in("ops")
    entries = StockEntry.objects.count()

    answer = send(client, "sku,location,qty\nmug,East,12\nmug,Mars,1\n")

    feed = StockFeed.objects.get()
    assert answer["Location"] == f"/feeds/{feed.pk}/"
    assert feed.received_by == "user:Olga"
    words = words_of(client.get(answer["Location"]))
    assert "1 of 2 rows from ERP would change stock" in words
    assert "Location “Mars” is not known." in words
    assert (units(), StockEntry.objects.count()) == (10, entries)

    answer = client.post(f"/feeds/{feed.pk}/apply/", follow=True)

    assert "1 of 2 rows from ERP changed stock" in words_of(answer)
    assert units() == 12
    assert "stock.csv" in words_of(client.get("/feeds/"))


def test_what_was_held_is_approved_by_somebody_else() -> None:
    client = signed_in("ops")
    send(client, "sku,location,qty\nmug,East,900\n")
    feed = StockFeed.objects.get()
    client.post(f"/feeds/{feed.pk}/apply/")
    assert "somebody else approves" in words_of(client.get(f"/feeds/{feed.pk}/"))

    answer = client.post(f"/feeds/{feed.pk}/approve/")

    assert answer.status_code == 409
    assert units() == 10

    other = Client()
    other.force_login(make_user("omar", "ops"))
    assert "Approve what was held" in words_of(other.get(f"/feeds/{feed.pk}/"))
    other.post(f"/feeds/{feed.pk}/approve/")

    feed.refresh_from_db()
    assert (units(), feed.state, feed.decided_by) == (900, "applied", "user:Omar")


def test_a_refusal_needs_a_reason_and_drops_the_file() -> None:
    client = signed_in("ops")
    send(client, "sku,location,qty\nmug,East,12\n")
    feed = StockFeed.objects.get()

    answer = client.post(f"/feeds/{feed.pk}/refuse/", {"reason": " "})
    assert answer.status_code == 409
    assert "Say why" in words_of(answer)
    client.post(f"/feeds/{feed.pk}/refuse/", {"reason": "Of last week"})
    client.post(f"/feeds/{feed.pk}/apply/")

    feed.refresh_from_db()
    assert (feed.state, units()) == ("refused", 10)


@pytest.mark.parametrize(
    ("text", "fields", "sentence"),
    [
        ("hello", {}, "must name the columns"),
        ("sku,location,qty\nmug,East,1\n", {"at": ""}, "which moment"),
        ("sku,location,qty\nmug,East,1\n", {"at": "yesterday"}, "which moment"),
        ("sku,location,qty\nmug,East,1\n", {"at": "2999-01-01T00:00"}, "in the future"),
        ("sku,location,qty\nmug,East,1\n", {"source": "shopify"}, "does not send files"),
    ],
)
def test_what_cannot_be_used_is_said_beside_the_form(
    text: str, fields: dict[str, str], sentence: str
) -> None:
    answer = send(signed_in("ops"), text, **fields)

    assert answer.status_code == 409
    assert sentence in words_of(answer)
    assert StockFeed.objects.count() == 0


def test_a_file_that_is_too_large_is_not_even_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MOST_BYTES", 1000)
    monkeypatch.setattr(uploads, "_AROUND", 1000)

    answer = send(signed_in("ops"), "sku,location,qty\n" + "mug,East,1\n" * 500)

    assert answer.status_code == 413
    assert "load_stock" in answer.content.decode()
    assert StockFeed.objects.count() == 0


def test_hostile_text_is_shown_as_text_and_cannot_run_in_a_spreadsheet() -> None:
    client = signed_in("ops")
    send(client, "sku;location;qty\n" + "".join(f"{text};East;=2+3\n" for text in HOSTILE))
    feed = StockFeed.objects.get()

    page = client.get(f"/feeds/{feed.pk}/").content.decode()
    file = b"".join(client.get(f"/feeds/{feed.pk}/?format=csv")).decode()  # type: ignore[call-overload]

    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
    assert "'=1+1" in file
    assert "'=2+3" in file
    assert len(file.strip().splitlines()) == 5


@pytest.mark.parametrize("rows", [0, 300])
def test_the_pages_ask_a_fixed_number_of_queries(
    rows: int, django_assert_max_num_queries: Any
) -> None:
    client = signed_in("ops")
    send(client, "sku,location,qty\nmug,East,12\n" + "".join(f"x{n},East,1\n" for n in range(rows)))
    feed = StockFeed.objects.get()

    with django_assert_max_num_queries(10):
        client.get(f"/feeds/{feed.pk}/")
    with django_assert_max_num_queries(9):
        client.get("/feeds/")
    with django_assert_max_num_queries(18):
        client.get(f"/authority/?sku=mug&place={make_location('east').pk}")


def test_the_rows_are_paged_and_kept_by_outcome() -> None:
    client = signed_in("ops")
    send(client, "sku,location,qty\nmug,East,12\n" + "".join(f"x{n},East,1\n" for n in range(150)))
    feed = StockFeed.objects.get()

    first = words_of(client.get(f"/feeds/{feed.pk}/?outcome=bad"))
    second = words_of(client.get(f"/feeds/{feed.pk}/?outcome=bad&after=102"))

    assert "x99" in first and "x100 " not in first
    assert "x100" in second and "x99 " not in second
    assert FeedRow.objects.filter(feed=feed).count() == 151


def test_support_sees_the_rules_and_loads_nothing() -> None:
    client = signed_in("support")

    assert client.get("/feeds/").status_code == 403
    assert send(client, "sku,location,qty\nmug,East,1\n").status_code == 403
    assert client.get("/authority/").status_code == 200
    answer = client.post("/authority/believe/", {"field": "on_hand", "source": "wms"})
    assert answer.status_code == 403
    assert (StockFeed.objects.count(), AuthorityRule.objects.count()) == (0, 1)


def test_who_is_believed_is_answered_with_the_reason() -> None:
    client, east = signed_in("ops"), make_location("east")
    client.post(
        "/authority/believe/",
        {"field": "on_hand", "source": "wms", "sku": "mug", "place": east.pk, "note": "scanned"},
    )

    words = words_of(client.get(f"/authority/?sku=mug&place={east.pk}"))

    assert "wms The rule for this item at this location, the most exact there can be." in words
    assert "switchyard No rule speaks of this" in words
    assert "On hand of mug at East believes wms" in words

    rule = AuthorityRule.objects.get(source="wms")
    client.post(f"/authority/{rule.pk}/forget/")
    words = words_of(client.get(f"/authority/?sku=mug&place={east.pk}"))
    assert "erp The rule for everything" in words
    assert "On hand of mug at East no longer believes wms" in words


def test_a_rule_that_cannot_be_is_refused_beside_the_form() -> None:
    client = signed_in("ops")

    for fields in ({"source": "no such name!"}, {"source": "wms", "sku": "ghost"}):
        answer = client.post("/authority/believe/", {"field": "on_hand", **fields})
        assert answer.status_code == 409

    assert AuthorityRule.objects.count() == 1


def test_the_empty_pages_say_what_to_do() -> None:
    AuthorityRule.objects.all().delete()
    client = signed_in("ops")

    assert "No system has told us its stock yet" in words_of(client.get("/feeds/"))
    assert "No rule is made" in words_of(client.get("/authority/"))


def test_a_feed_that_is_being_applied_shows_how_far_it_is() -> None:
    client = signed_in("ops")
    send(client, "sku,location,qty\nmug,East,12\n", at=(timezone.now() - timedelta(1)).isoformat())
    feed = StockFeed.objects.get()
    feed.state = "applying"
    feed.save(update_fields=["state"])

    page = client.get(f"/feeds/{feed.pk}/")

    assert "data-live" in page.content.decode()
    assert "0 of 1 rows gone through" in words_of(page)
