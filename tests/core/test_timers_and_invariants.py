"""Timers fire once, invariants find what must not exist, and the command says so."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone

from inventory.models import StockLevel
from oms.core import streams, timers
from oms.core.errors import Refused
from oms.core.models import StreamMark, Timer
from oms.core.states import check_move
from tests.cast import make_item, make_location, make_store, stock

pytestmark = pytest.mark.django_db


def start(*subjects: int, minutes: float = 0, words: str = "") -> None:
    timers.start(
        store_id=make_store().pk,
        kind="route",
        subject_ids=subjects,
        due_at=timezone.now() + timedelta(minutes=minutes),
        waits_for=words,
    )


def test_one_timer_a_kind_and_subject_and_the_earlier_time_wins() -> None:
    start(1, minutes=60)
    start(1, minutes=-1)
    start(1, minutes=60)

    assert Timer.objects.get().due_at < timezone.now()


def test_only_due_timers_are_claimed() -> None:
    start(1, minutes=-1)
    start(2, minutes=60)

    assert [subject for _, subject in timers.claim("route", 10)] == [1]
    assert timers.any_due("route")
    assert not timers.any_due("release")


def test_a_postponed_timer_names_what_it_waits_for() -> None:
    start(1, minutes=-1)

    timers.postpone(kind="route", waits=[(1, 600, "no free stock")])

    timer = Timer.objects.get()
    assert (timer.waits_for, timer.attempts, timers.any_due("route")) == ("no free stock", 1, False)


def test_a_stream_keeps_its_last_success_when_it_fails() -> None:
    store = make_store()
    streams.succeeded(store.pk, "orders", cursor="7", facts={"missing": 0})
    succeeded = StreamMark.objects.get().last_success_at

    streams.failed(store.pk, "orders", "Shopify is away")

    mark = StreamMark.objects.get()
    assert (mark.last_success_at, mark.cursor, mark.last_error) == (
        succeeded,
        "7",
        "Shopify is away",
    )


def test_a_move_that_the_table_does_not_allow_is_refused_with_what_is_allowed() -> None:
    table = {"open": frozenset({"closed"}), "closed": frozenset[str]()}
    check_move(table, current="open", to="closed", what="RET-1")

    with pytest.raises(Refused, match="RET-1 is closed and cannot become open; from here: nothing"):
        check_move(table, current="closed", to="open", what="RET-1")


def test_check_invariants_names_each_and_ends_well_when_all_hold() -> None:
    stock(make_item("mug"), make_location("east"), 5)
    out = StringIO()

    call_command("check_invariants", "--json", stdout=out)

    findings = json.loads(out.getvalue())
    assert len(findings) > 20
    assert {f["count"] for f in findings} == {0}


def test_check_invariants_ends_with_one_and_shows_the_first_offenders() -> None:
    level = stock(make_item("mug"), make_location("east"), 5)
    StockLevel.objects.update(on_hand=6)
    out = StringIO()

    with pytest.raises(SystemExit) as end:
        call_command("check_invariants", stdout=out)

    assert end.value.code == 1
    assert f"BROKEN by 1 every stock counter equals the sum of its entries: {level.pk} on_hand" in (
        " ".join(out.getvalue().split())
    )
