"""Streams: what is silent is red, what is only quiet is not."""

from datetime import timedelta

import pytest

from oms.console.streams import stream_rows
from oms.core import clock, streams
from oms.core.models import InboxMessage, OutboxIntent, StreamMark
from tests.cast import make_store
from tests.console.people import signed_in, words_of

pytestmark = pytest.mark.django_db


def rows() -> dict[str, tuple[str, bool]]:
    return {row.name: (row.says, row.silent) for row in stream_rows(make_store())}


def test_before_anything_ran_there_is_no_stream():
    make_store()
    assert "No stream has reported yet." in words_of(signed_in("ops").get("/streams/"))


def test_a_check_that_ran_says_what_it_found():
    streams.succeeded(
        make_store().pk, "orders", facts={"looked_at": 1284, "missing": 2, "healed": 2, "open": []}
    )
    assert rows() == {"Gap check of orders": ("1,284 compared, 2 missing, 2 healed", False)}


def test_a_check_that_stopped_is_silent_and_one_that_runs_once_is_not():
    store = make_store()
    streams.succeeded(store.pk, "orders", facts={})
    streams.succeeded(store.pk, "subscriptions", facts={"made_last": ["A", "B"]})
    StreamMark.objects.update(last_success_at=clock.now() - timedelta(hours=2))
    assert rows()["Gap check of orders"][1]
    assert rows()["Webhook subscriptions"] == ("2 made again", False)


def test_a_failure_shows_its_reason_until_it_works_again():
    store = make_store()
    streams.succeeded(store.pk, "stock", facts={"changed": 3})
    streams.failed(store.pk, "stock", "Shopify answered 502")
    assert rows()["Stock check"] == ("Shopify answered 502", True)
    streams.succeeded(store.pk, "stock", facts={"changed": 0})
    assert rows()["Stock check"] == ("0 corrected", False)


def test_a_stream_of_an_unknown_name_is_shown_as_it_is():
    streams.succeeded(make_store().pk, "carrier_scans", facts={"x": [1]})
    assert rows() == {"Carrier scans": ("", False)}


def test_messages_and_write_backs_that_stand_are_silent_and_a_quiet_shop_is_not():
    store = make_store()
    InboxMessage.objects.create(store=store, delivery_id="d", topic="t", body=b"", state="done")
    OutboxIntent.objects.create(store=store, topic="x.y", key="k", params={})
    assert rows() == {
        "Messages from Shopify": ("0 waiting", False),
        "Write-backs to Shopify": ("1 waiting", False),
    }
    OutboxIntent.objects.update(created_at=clock.now() - timedelta(minutes=6))
    assert rows()["Write-backs to Shopify"] == ("1 waiting", True)
    assert "1 of 2 is silent" in words_of(signed_in("ops").get("/"))
