"""Drift: the answer, both sides with their numbers, why, and what may be done by whom."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inventory import drifts
from inventory.drifts import Finding
from inventory.models import Drift, StockLevel
from oms.core import streams
from oms.core.actor import SHOPIFY, SWITCHYARD
from oms.core.models import OutboxIntent, Timer
from tests.cast import make_item, make_location, make_store, stock
from tests.console.people import signed_in, words_of

pytestmark = pytest.mark.django_db

THERE = {
    "available": 90, "committed": 5, "reserved": 3, "safety_stock": 2, "damaged": 1,
    "quality_control": 0, "incoming": 7, "on_hand": 101,
}  # fmt: skip


@pytest.fixture
def mugs() -> StockLevel:
    return stock(make_item("mug"), make_location("east"), 10)


def differs(
    level: StockLevel,
    *,
    theirs: int = 100,
    repair: str = "ask",
    cause: str = "foreign_write",
    **more,
) -> Drift:
    evidence = {
        "there": THERE,
        "here": {"on_hand": 10, "promised": 4, "kept": {"safety": 2}, "not_told": 0},
        "basis": {"on_hand": 10, "told": 0},
        "bundle": False,
        "changed_there_at": "2026-11-21T06:30:00+00:00",
        "told_at": None,
        "incoming_here": 0,
    }
    found = Finding(
        level.store_id, level.pk, 10, theirs, theirs - 10, cause, repair, evidence | more
    )
    (pk,) = drifts.record([found])
    return Drift.objects.get(pk=pk)


def compared(**facts: int) -> None:
    numbers = {"looked_at": 40_312, "changed": 0} | facts
    streams.succeeded(make_store().pk, "stock", facts=numbers)


def test_before_the_first_comparison_the_page_says_so():
    make_store()
    assert "Stock was never compared with Shopify yet." in words_of(signed_in("ops").get("/drift/"))


def test_when_nothing_differs_the_page_says_how_much_was_looked_at():
    compared()
    said = words_of(signed_in("ops").get("/drift/"))
    assert "Shopify and we have the same at all 40,312 levels." in said
    assert "Nothing differs" in said


def test_the_largest_to_be_decided_comes_first_with_both_sides_and_the_evidence(mugs: StockLevel):
    compared()
    differs(mugs)
    differs(
        stock(make_item("shirt"), make_location("west"), 10), theirs=300, repair="wait",
        cause="refused", refused={"write": 7, "reason": "Somebody else changes this stock."},
    )  # fmt: skip
    said = words_of(signed_in("ops").get("/drift/"))
    assert "2 of 40,312 levels differ; 1 to be decided." in said
    assert said.index("Mug") < said.index("Shirt")
    assert "Somebody else changed it in Shopify" in said
    for row in (
        "On hand 10 100",
        "In orders 4 5",
        "Kept back 2 2",
        "Available 4 90",
        "Incoming 0 7",
    ):
        assert row in said
    for line in (
        "1 unit of orders that Shopify has are not promised here.",
        "2 kept back: safety stock.",
        "Shopify expects 7 more than our supplies",
        "3 are reserved there by somebody else.",
        "We never told it anything.",
    ):
        assert line in said
    assert "On hand here: 10 → 100" in said


def test_what_waits_says_why_and_cannot_be_repaired(mugs: StockLevel):
    compared()
    found = differs(
        mugs, repair="wait", cause="refused", refused={"write": 7, "reason": "It is a bundle."}
    )
    said = words_of(signed_in("ops").get(f"/drift/?one={found.pk}"))
    assert "Shopify refused our change" in said
    assert "Shopify said: It is a bundle." in said
    assert "Take over Shopify's number: something of ours is still under way" in said.replace(
        "&#x27;", "'"
    )


@pytest.mark.parametrize(("way", "on_hand", "told"), [("adopt", 100, None), ("publish", 10, 90)])
def test_a_person_of_ops_repairs_it(mugs: StockLevel, way, on_hand, told):
    found = differs(mugs)
    answer = signed_in("ops").post(f"/drift/{found.pk}/{way}/")
    assert answer.status_code == 302
    mugs.refresh_from_db()
    found.refresh_from_db()
    assert (mugs.on_hand, mugs.published, found.state) == (on_hand, told, "repaired")
    assert found.ended_by == "user:Olga"
    assert OutboxIntent.objects.count() == (way == "publish")


def test_comparing_again_starts_a_timer(mugs: StockLevel):
    found = differs(mugs)
    signed_in("ops").post(f"/drift/{found.pk}/look/")
    assert Timer.objects.filter(kind="drift", subject_id=mugs.pk).exists()


def test_a_refusal_stands_beside_its_button_and_changes_nothing(mugs: StockLevel):
    found = differs(mugs)
    stock(mugs.item, mugs.location, 11)
    answer = signed_in("ops").post(f"/drift/{found.pk}/adopt/")
    assert answer.status_code == 409
    assert "look again first" in words_of(answer)
    mugs.refresh_from_db()
    assert mugs.on_hand == 11


@pytest.mark.parametrize("role", ["support", "finance"])
def test_others_see_no_button_and_are_refused(mugs: StockLevel, role):
    compared()
    found = differs(mugs)
    browser = signed_in(role)
    shown = browser.get("/drift/")
    assert f"/drift/{found.pk}/adopt/" not in words_of(shown)
    assert browser.post(f"/drift/{found.pk}/adopt/").status_code == 403
    mugs.refresh_from_db()
    assert mugs.on_hand == 10


def test_what_was_repaired_stays_with_who_and_why(mugs: StockLevel):
    compared()
    found = differs(mugs, theirs=8)
    drifts.adopt(drift_id=found.pk, actor=SHOPIFY, why="Shopify is believed here")
    differs(mugs, theirs=9)
    drifts.agree([mugs.pk], actor=SWITCHYARD)
    said = words_of(signed_in("ops").get(f"/drift/?tab=repaired&one={found.pk}"))
    assert "Taken over here" in said
    assert "Shopify is believed here" in said
    assert "−1 , Somebody else changed it in Shopify Agrees again" in said
    assert "Agrees again" in words_of(signed_in("ops").get("/drift/?tab=gone"))


def test_an_address_that_makes_no_sense_shows_the_list(mugs: StockLevel):
    compared()
    differs(mugs)
    browser = signed_in("ops")
    for query in ("one=x", "one=999", "tab=%00", "before=abc", f"before={'9' * 30}", "one=%F0%9F"):
        assert browser.get(f"/drift/?{query}").status_code == 200
    assert browser.post("/drift/1/explode/").status_code == 404
    assert browser.post("/drift/999999/adopt/").status_code == 404


def test_hostile_names_are_text(mugs: StockLevel):
    compared()
    mugs.item.title = "<script>alert(1)</script>" + "x" * 300
    mugs.item.save()
    differs(mugs)
    html = signed_in("ops").get("/drift/").content.decode()
    assert "<script>alert" not in html


def test_the_page_asks_the_same_number_of_queries_however_much_differs(mugs: StockLevel):
    compared()
    differs(mugs)
    browser = signed_in("ops")
    browser.get("/drift/")
    with CaptureQueriesContext(
        connection,
    ) as few:
        browser.get("/drift/")
    for number in range(60):
        differs(stock(make_item(f"item-{number}"), make_location("east"), 10))
    with CaptureQueriesContext(connection) as many:
        browser.get("/drift/")
    assert len(few) == len(many) <= 14
