"""Counts on their pages: the day's list with why, a blind count, a second person's look."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from inventory import ledger, standings
from inventory.commands.counting import Entry, enter_count, open_count, submit_count
from inventory.ledger import Change
from inventory.models import CountLine, CountPolicy, CountSession, Standing, StockLevel
from oms.core import clock
from oms.core.actor import of_user
from tests.cast import make_item, make_location, make_store, make_user, stock
from tests.console.people import signed_in, words_of

pytestmark = pytest.mark.django_db

HOSTILE = '=1+1"><script>alert(1)</script>'


@pytest.fixture
def mugs() -> StockLevel:
    item = make_item("mug", price=Decimal("9"), barcode="4006381333931", title="Stoneware mug")
    return stock(item, make_location("east"), 8731)


@pytest.fixture
def olga() -> Client:
    return signed_in("ops")


def otto() -> Client:
    client = Client()
    client.force_login(make_user("otto", "ops"))
    return client


def opened(*levels: StockLevel, **wishes: object) -> CountSession:
    actor = of_user(make_user("olga", "ops"))
    count = open_count(
        location_id=levels[0].location_id,
        level_ids=[level.pk for level in levels],
        actor=actor,
        **wishes,  # type: ignore[arg-type]
    )
    return CountSession.objects.get(pk=count.session_id)


def submitted(level: StockLevel, units: int) -> CountSession:
    """Counted and submitted by Olga."""
    session, actor = opened(level), of_user(make_user("olga", "ops"))
    enter_count(session_id=session.pk, entries=[Entry(level.pk, units)], actor=actor)
    submit_count(session_id=session.pk, actor=actor)
    return session


def test_before_anything_there_is_the_page_says_so(olga: Client) -> None:
    assert "No store is connected yet" in words_of(olga.get("/counts/"))
    make_store()
    assert "No location is open" in words_of(olga.get("/counts/"))
    make_location("east")
    said = words_of(olga.get("/counts/"))
    assert "Nothing is due at East today." in said
    assert "The first plan is worked out within a minute" in said


def test_the_list_of_tomorrow_says_why_and_a_count_starts_from_it(
    olga: Client, mugs: StockLevel
) -> None:
    for _ in range(2):
        short = Change(mugs.pk, "on_hand", -1, "short", "work:1")
        ledger.post([short], actor=of_user(make_user("olga", "ops")))
    standings.refresh_store(store_id=mugs.store_id)

    assert "East has 1 level to count tomorrow." in words_of(olga.get("/counts/?day=tomorrow"))
    shown = words_of(olga.get("/counts/?day=tomorrow"))
    assert "Not found when picked 2 times in 90 days" in shown
    answer = olga.post(
        "/counts/start/",
        {"what": "plan", "location": mugs.location_id, "day": "tomorrow", "limit": "5",
         "blind": "on"},
    )  # fmt: skip

    session = CountSession.objects.get()
    assert answer["Location"] == f"/counts/{session.pk}/"
    assert (session.blind, session.freezes, session.kind) == (True, False, "cycle")
    assert session.lines.get().level == mugs
    trust = words_of(olga.get("/counts/?tab=trust"))
    assert "−60 Not found when picked 2 times" in trust
    assert "−10 Never counted" in trust


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"what": "skus", "skus": ""}, "Write the SKUs or barcodes"),
        ({"what": "skus", "skus": HOSTILE}, "No item has the SKU or barcode"),
        ({"what": "plan"}, "Nothing is due at East"),
        ({"what": "plan", "limit": "many"}, "“many” is not a number"),
        ({}, "Say what is to be counted"),
    ],
)
def test_a_count_of_nothing_is_refused_where_it_was_asked(
    olga: Client, mugs: StockLevel, form: dict[str, str], sentence: str
) -> None:
    answer = olga.post("/counts/start/", {"location": mugs.location_id, **form})

    assert answer.status_code == 409
    assert not CountSession.objects.exists()
    if form:
        assert sentence in words_of(answer).replace("&lt;", "<")
    assert "<script>alert" not in answer.content.decode()


def test_a_blind_count_shows_no_number_of_ours_anywhere_in_the_page(
    olga: Client, mugs: StockLevel
) -> None:
    session = opened(mugs)
    line = session.lines.get()
    pages = [
        olga.get(f"/counts/{session.pk}/"),
        olga.get(f"/counts/{session.pk}/?line={line.pk}"),
        olga.post(f"/counts/{session.pk}/scan/", {"code": "mug"}, follow=True),
        olga.post(f"/counts/{session.pk}/scan/", {"code": "nothing"}),
        olga.get("/counts/"),
    ]
    for answer in pages:
        assert not re.search("8,?731", answer.content.decode())

    CountSession.objects.update(blind=False)
    assert "8,731 expected" in words_of(olga.get(f"/counts/{session.pk}/?line={line.pk}"))


def test_a_scan_opens_the_line_and_its_number_is_written_down(
    olga: Client, mugs: StockLevel
) -> None:
    session = opened(mugs)
    line = session.lines.get()
    at = f"/counts/{session.pk}/"

    found = olga.post(f"{at}scan/", {"code": "4006381333931"})
    assert found["Location"] == f"{at}?line={line.pk}"
    olga.post(f"{at}enter/", {"line": line.pk, "counted": "12"})
    wrong = olga.post(f"{at}enter/", {"line": line.pk, "counted": "a dozen"})
    assert wrong.status_code == 409
    assert "“a dozen” is not a number of units." in words_of(wrong)

    line.refresh_from_db()
    assert (line.counted, line.counted_by) == (12, "user:Olga")
    assert "East : 1 of 1 counted" in words_of(olga.get(at))
    assert "Stoneware mug : 12" in words_of(olga.get(f"{at}?done={line.pk}"))


def test_what_is_scanned_and_not_on_the_list_can_be_added(olga: Client, mugs: StockLevel) -> None:
    session = opened(mugs)
    make_item("shirt", title="Linen shirt")
    at = f"/counts/{session.pk}/"

    stray = olga.post(f"{at}scan/", {"code": "shirt"})
    assert "Linen shirt is not in this count" in words_of(stray)
    assert "Not known: x&lt;b&gt;" in words_of(olga.post(f"{at}scan/", {"code": "x<b>\x00"}))
    added = olga.post(f"{at}add/", {"sku": "shirt"})

    line = CountLine.objects.get(level__item__sku="shirt")
    assert added["Location"] == f"{at}?line={line.pk}"


def test_a_count_that_agrees_is_posted_at_once_and_says_what_was_left(
    olga: Client, mugs: StockLevel
) -> None:
    shirts = stock(make_item("shirt"), make_location("east"), 5)
    session = opened(mugs, shirts)
    line = session.lines.get(level=mugs)
    olga.post(f"/counts/{session.pk}/enter/", {"line": line.pk, "counted": "8731"})

    answer = olga.post(f"/counts/{session.pk}/submit/", follow=True)

    said = words_of(answer)
    assert "1 level counted, all as expected; the count is posted. 1 level not counted" in said
    assert f"Count {session.pk} is posted: 0 of 1 differed." in said


def test_a_second_person_approves_and_the_first_cannot(olga: Client, mugs: StockLevel) -> None:
    session = submitted(mugs, 8700)
    line = session.lines.get()
    at = f"/counts/{session.pk}/"
    shown = words_of(olga.get(at))
    assert "1 of 1 lines waits for a second person." in shown
    assert "8,731 8,700 −31" in shown
    assert "You submitted this count, so somebody else approves what differs." in shown

    form = {"do": "approve", "line": line.pk, f"reason-{line.pk}": "damaged"}
    own = olga.post(f"{at}decide/", form)
    assert own.status_code == 409
    line.refresh_from_db()
    assert (line.state, line.approved_by) == ("review", "")
    assert otto().post(f"{at}decide/", form).status_code == 302
    assert "Ready to post: 1 of 1 change." in words_of(olga.get(at))
    olga.post(f"{at}decide/", {"do": "post"})

    line.refresh_from_db()
    mugs.refresh_from_db()
    assert (line.state, line.reason, line.approved_by) == ("posted", "damaged", "user:Otto")
    assert mugs.on_hand == 8700


def test_all_lines_at_once_are_counted_again(olga: Client, mugs: StockLevel) -> None:
    session = submitted(mugs, 1)

    none = otto().post(f"/counts/{session.pk}/decide/", {"do": "recount"})
    assert "Tick the lines first." in words_of(none)
    otto().post(f"/counts/{session.pk}/decide/", {"do": "recount", "all": "on"})

    assert list(session.lines.order_by("attempt").values_list("attempt", "state")) == [
        (1, "recount"), (2, "to_count"),
    ]  # fmt: skip
    again = olga.get(f"/counts/{session.pk}/")
    assert "1 to be counted again" in words_of(again)
    assert not re.search("8,?731", again.content.decode())


def test_later_moves_and_promises_that_would_be_lost_are_shown(
    olga: Client, mugs: StockLevel
) -> None:
    session = submitted(mugs, 8700)
    CountLine.objects.update(counted_at=clock.now() - timedelta(hours=1))
    session.lines.update(expected=8731)
    make_user("olga", "ops")
    StockLevel.objects.filter(pk=mugs.pk).update(reserved=8710)

    shown = words_of(olga.get(f"/counts/{session.pk}/"))

    assert "+8,731 opening stock" in shown
    assert "8,731 → 8,700 10 promised lost" in shown


def test_who_may_not_count_sees_why(mugs: StockLevel) -> None:
    session = opened(mugs)
    sam = signed_in("support")
    for path in ("/counts/", f"/counts/{session.pk}/"):
        assert sam.get(path).status_code == 403
    for verb in ("submit", "cancel", "decide", "enter", "scan", "add"):
        assert sam.post(f"/counts/{session.pk}/{verb}/").status_code == 403
    assert sam.post("/counts/start/", {"what": "all"}).status_code == 403
    assert sam.post("/counts/policy/", {}).status_code == 403
    session.refresh_from_db()
    assert session.state == "open"


def test_the_policy_is_changed_and_nonsense_is_refused(olga: Client) -> None:
    make_location("east")
    form = {"a_days": 14, "b_days": 60, "c_days": 120, "alert_percent": 5, "approve_units": 3,
            "approve_value": "99.50"}  # fmt: skip
    assert olga.post("/counts/policy/", form).status_code == 302
    refused = olga.post("/counts/policy/", form | {"a_days": 90})
    assert "A is counted at least as often as B" in words_of(refused)
    assert olga.post("/counts/policy/", form | {"c_days": "soon"}).status_code == 409

    policy = CountPolicy.objects.get()
    assert (policy.a_days, policy.approve_value) == (14, Decimal("99.50"))


def test_hostile_names_are_shown_as_text(olga: Client) -> None:
    level = stock(make_item(HOSTILE, title=HOSTILE * 5), make_location("east"), 5)
    Standing.objects.create(
        level=level, store_id=level.store_id, count_due_on=clock.now().date(), trust=20,
        due_reason=HOSTILE, parts=[["short", 80, HOSTILE]],
    )  # fmt: skip
    session = opened(level)
    for path in ("/counts/", "/counts/?tab=trust", f"/counts/{session.pk}/"):
        assert "<script>alert" not in olga.get(path).content.decode()


def test_the_pages_ask_a_fixed_number_of_queries(olga: Client, mugs: StockLevel) -> None:
    def asked(path: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            olga.get(path)
        return len(captured)

    standings.refresh_store(store_id=mugs.store_id)
    session = submitted(mugs, 8700)
    paths = ["/counts/", "/counts/?tab=trust", "/counts/?tab=ended", f"/counts/{session.pk}/"]
    before = [asked(path) for path in paths]
    for n in range(12):
        level = stock(make_item(f"sku-{n}"), make_location("east"), 50)
        submitted(level, 1)
    standings.refresh_store(store_id=mugs.store_id)

    assert [asked(path) for path in paths] == before
    assert max(before) <= 15
