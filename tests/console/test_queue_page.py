"""The exception queue: what is shown, what changes, and what is refused with nothing changed."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from oms.core import clock
from oms.exceptions.models import ExceptionCase, Note
from oms.exceptions.sweep import sweep
from oms.orders import holds
from oms.orders.models import Hold, Order, OrderLine
from tests.cast import OLGA, line, make_item, make_order, make_store, make_user
from tests.console.people import signed_in, words_of

pytestmark = pytest.mark.django_db
# Session, person, two for permissions; store, counts of the menu, role; stamp; tabs, money tab and
# groups with their midnights, the rows with theirs; locations; the panel's four, whom to hand to.
QUERIES = 22


def open_case(sku: str = "UNKNOWN", **order) -> ExceptionCase:
    """A case that the sweep opened: nobody knows this SKU."""
    placed = make_order(line(sku))
    if order:
        Order.objects.filter(pk=placed.pk).update(**order)
    sweep(kinds=["unknown_item"])
    return ExceptionCase.objects.get(order=placed)


def due(case: ExceptionCase, **ago) -> None:
    ExceptionCase.objects.filter(pk=case.pk).update(due_at=clock.now() - timedelta(**ago))


def act(client: Client, case: ExceptionCase, verb: str, **words):
    case.refresh_from_db()
    return client.post(
        f"/queue/{case.pk}/{verb}/",
        {"version": case.version, "seen_at": case.seen_at.isoformat(), **words},
        headers={"X-Part": "panel"},
    )


def refused(client: Client, case: ExceptionCase, verb: str, **words) -> str:
    """What stands beside the button; the case and its notes are as they were."""
    before = ExceptionCase.objects.values().get(pk=case.pk)
    answer = client.post(f"/queue/{case.pk}/{verb}/", words, headers={"X-Part": "panel"})
    assert ExceptionCase.objects.values().get(pk=case.pk) == before
    assert not Note.objects.exists()
    return re.search(r'panel-said refused" role="status">([^<]+)<', answer.content.decode())[1]


def test_rows_stand_in_groups_with_their_sentence_order_and_owner():
    late, later = open_case("LATE"), open_case("LATER")
    due(late, minutes=48)
    due(later, days=-3)
    words = words_of(signed_in("ops").get("/queue/"))
    assert "Overdue 1 row" in words
    assert "Line 1 has SKU LATE, and no item carries it" in words
    assert f"{late.order.name} $10.00 unclaimed 48 min late" in words
    assert words.index("Later 1 row") > words.index("Overdue 1 row")


def held_case() -> ExceptionCase:
    """A case with a way out: somebody has to look at a risk."""
    order = make_order()
    holds.place(order_id=order.pk, kind="risk", reason="card and delivery differ", actor=OLGA)
    sweep(kinds=["hold_open"])
    return ExceptionCase.objects.get(kind="hold_open")


def test_the_panel_shows_the_failing_check_its_facts_and_the_ways_out():
    case = held_case()
    words = words_of(signed_in("ops").get(f"/queue/?case={case.pk}"))
    assert "The order is held, and nobody has released the hold." in words
    assert "Reason card and delivery differ" in words
    effect = words[words.index("Ways out") :]
    heads = [effect.index(f" {head} ") for head in ("Stock", "Money", "Date", "Message")]
    assert heads == sorted(heads)
    assert "Money $0.00" in effect
    assert "Nobody has it yet." in words


def test_a_kind_without_a_way_out_says_how_it_closes():
    team = Group.objects.get(name="ops")
    case = ExceptionCase.objects.create(
        store=make_store(), kind="work_late", subject="work:1", severity=1, team=team,
        due_at=clock.now(), facts={},
    )  # fmt: skip
    words = words_of(signed_in("ops").get(f"/queue/?case={case.pk}"))
    assert "Late on the floor" in words
    assert "it closes by itself when the check no longer finds it" in words


def test_taking_a_way_out_does_what_it_says_and_notes_it():
    case = held_case()
    said = words_of(act(signed_in("support"), case, "way/release_hold"))
    assert "The hold is released." in said
    assert not Hold.objects.filter(released_at=None).exists()
    assert Note.objects.get().author == "Sam"


def test_the_number_of_queries_does_not_grow(django_assert_num_queries):
    client = signed_in("ops")
    case = held_case()
    with django_assert_num_queries(QUERIES):
        client.get(f"/queue/?case={case.pk}")
    for number in range(30):
        make_order(line(f"MORE-{number}"))
    sweep(kinds=["unknown_item"])
    with django_assert_num_queries(QUERIES):
        client.get(f"/queue/?tab=unclaimed&q=MORE&case={case.pk}")


def test_a_poll_is_answered_with_nothing_until_something_changes():
    case = open_case()
    client = signed_in("ops")
    page = client.get("/queue/").content.decode()
    stamp = re.search(r'data-stamp="([^"]+)"', page)[1]
    assert client.get(f"/queue/rows/?stamp={stamp}").status_code == 204

    act(signed_in("support"), case, "claim")

    fresh = client.get(f"/queue/rows/?stamp={stamp}")
    assert fresh.status_code == 200
    assert "<html" not in fresh.content.decode()
    assert "Sam" in words_of(fresh)


def test_claiming_makes_it_yours_and_the_second_hears_who_was_first():
    case = open_case()
    olga, sam = signed_in("ops"), signed_in("support")
    assert "It is yours" in words_of(act(olga, case, "claim"))
    assert refused(sam, case, "claim", version=1).startswith("Olga claimed it at ")
    case.refresh_from_db()
    assert case.owner.username == "olga"


def test_without_the_script_an_action_leads_back_to_the_same_list():
    case = open_case()
    client = signed_in("ops")
    back = f"/queue/?tab=unclaimed&case={case.pk}"
    answer = client.post(f"/queue/{case.pk}/claim/", {"version": 1, "next": back})
    assert (answer.status_code, answer.url) == (302, back)
    assert "It is yours." in words_of(client.get(back))


@pytest.mark.parametrize("address", ["https://evil.example/", "//evil.example", "javascript:a()"])
def test_an_action_never_leads_to_another_site(address):
    case = open_case()
    answer = signed_in("ops").post(f"/queue/{case.pk}/claim/", {"version": 1, "next": address})
    assert answer.url == f"/queue/?case={case.pk}"


def test_claim_next_takes_what_is_due_first_and_says_when_there_is_none():
    late = open_case("A")
    due(late, hours=2)
    open_case("B")
    client = signed_in("ops")
    assert client.post("/queue/claim-next/").url == f"/queue/?tab=mine&case={late.pk}"
    client.post("/queue/claim-next/")
    client.post("/queue/claim-next/")
    assert "there is nothing to claim" in words_of(client.get("/queue/"))


def test_handing_over_needs_a_person_and_a_word_on_where_it_stands():
    case = open_case()
    sam = make_user("sam", "support")
    client = signed_in("ops")
    assert refused(client, case, "hand-over", version=1, note="x") == "Choose who takes it."
    assert "Say where it stands" in refused(client, case, "hand-over", version=1, to=sam.pk)
    act(client, case, "hand-over", to=sam.pk, note="Asked the shop, they answer by noon.")
    case.refresh_from_db()
    assert case.owner == sam
    assert Note.objects.get().text == "Asked the shop, they answer by noon."


def test_a_snoozed_case_leaves_the_queue_stays_in_its_tab_and_can_be_woken():
    case = open_case()
    client = signed_in("ops")
    until = (clock.now() + timedelta(hours=1)).isoformat()
    act(client, case, "snooze", until=until)
    assert "No exception is open." in words_of(client.get("/queue/"))
    assert "Line 1 has SKU UNKNOWN" in words_of(client.get("/queue/?tab=snoozed"))
    act(client, case, "wake")
    assert "Line 1 has SKU UNKNOWN" in words_of(client.get("/queue/"))


@pytest.mark.parametrize("until", ["", "soon", "2020-01-01T00:00:00+00:00"])
def test_a_snooze_needs_a_moment_to_come(until):
    assert refused(signed_in("ops"), open_case(), "snooze", version=1, until=until)


def test_a_note_is_kept_and_an_empty_one_refused():
    case = open_case()
    client = signed_in("support")
    assert refused(client, case, "note", text="  ") == "Write something first."
    assert "Called the shop." in words_of(act(client, case, "note", text="Called the shop.\0"))


def test_a_way_out_is_locked_for_a_role_without_the_right_and_refused_if_posted():
    case = held_case()
    client = signed_in("finance")
    words = words_of(client.get(f"/queue/?case={case.pk}"))
    assert "Release the hold Ops, Support or Admin may do this" in words
    seen = case.seen_at.isoformat()
    said = refused(client, case, "way/release_hold", version=1, seen_at=seen)
    assert said == "Your role may not do this; ask Ops, Support or Admin."
    assert Hold.objects.filter(released_at=None).count() == 1


def test_a_way_out_that_the_kind_does_not_have_is_refused():
    case = held_case()
    seen = case.seen_at.isoformat()
    said = refused(signed_in("ops"), case, "way/nonsense", version=1, seen_at=seen)
    assert said == "This way out does not exist for this kind."


def test_a_stale_page_is_refused_with_what_happened_since():
    case = open_case()
    act(signed_in("ops"), case, "claim")
    said = refused(signed_in("ops"), case, "put-back", version=1)
    assert said.startswith("Olga claimed it at ")


def test_a_form_without_its_version_does_nothing():
    said = refused(signed_in("ops"), open_case(), "claim")
    assert said == "Load the page again; it did not say what you were looking at."


def test_a_case_that_proved_itself_fixed_says_so_and_offers_nothing():
    case = open_case()
    OrderLine.objects.update(item=make_item("mug"))
    sweep(kinds=["unknown_item"])
    words = words_of(signed_in("ops").get(f"/queue/{case.pk}/panel/"))
    assert "no longer found it. Nothing is left to do." in words
    assert "Ways out" not in words


@pytest.mark.parametrize("verb", ["claim", "put-back", "hand-over", "snooze", "note", "way/x"])
def test_looking_at_an_action_does_nothing(verb):
    case = open_case()
    assert signed_in("ops").get(f"/queue/{case.pk}/{verb}/").status_code == 405


def test_a_role_without_the_ability_neither_sees_nor_acts():
    case = open_case()
    client = signed_in("warehouse")
    assert client.get("/queue/").status_code == 403
    assert client.post(f"/queue/{case.pk}/claim/", {"version": 1}).status_code == 403
    case.refresh_from_db()
    assert case.owner_id is None


def test_hostile_text_is_escaped_and_kept_apart():
    open_case("<img src=x onerror=alert(1)>", ship_name="</script><b>‮evil" + "A" * 300)
    text = signed_in("ops").get("/queue/").content.decode()
    assert "<img src=x" not in text
    assert "&lt;img src=x" in text
    assert "</script><b>" not in text
    assert "<bdi" in text


@pytest.mark.parametrize(
    "query",
    [
        "case=999999",
        "case=99999999999999999999999",
        "tab=nonsense",
        "owner=x",
        "location=%00",
        "q=%00%27%22",
        "after=2026-13-99_1_1",
        "after=2026-11-20T00:00:00%2B00:00_1_99999999999999999999999",
        "kind=%F0%9F%98%80",
        "owner=²",
    ],
)
def test_nonsense_in_the_address_is_no_error(query):
    open_case()
    assert signed_in("ops").get(f"/queue/?{query}").status_code == 200


def test_a_filter_that_leaves_nothing_names_itself_and_can_be_dropped():
    open_case()
    words = words_of(signed_in("ops").get("/queue/?q=nothing-has-this"))
    assert "Nothing matches this filter. Drop the filter" in words
