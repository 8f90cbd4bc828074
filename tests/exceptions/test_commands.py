"""What people may do with a case, and what is refused with nothing changed."""

import threading
from datetime import timedelta

import pytest
from django.db import connection

from oms.core import clock
from oms.core.actor import SWITCHYARD, of_user
from oms.core.errors import Refused
from oms.exceptions import commands
from oms.exceptions.models import ExceptionCase, Note
from oms.orders.models import OrderLine
from tests.cast import line, make_item, make_order, make_store, make_user
from tests.exceptions.queue import open_case, swept


@pytest.fixture
def case(db):
    make_order(line("UNKNOWN"))
    swept("unknown_item")
    return open_case("unknown_item")


@pytest.fixture
def sam(db):
    return of_user(make_user("sam", "support"))


@pytest.fixture
def olga(db):
    return of_user(make_user("olga", "ops"))


def refused(case: ExceptionCase, command, **arguments) -> str:
    """The sentence of the refusal; the row and its notes are as they were."""
    before = ExceptionCase.objects.values().get(pk=case.pk)
    notes = Note.objects.count()
    with pytest.raises(Refused) as refusal:
        command(case_id=case.pk, **arguments)
    assert ExceptionCase.objects.values().get(pk=case.pk) == before
    assert Note.objects.count() == notes
    return refusal.value.sentence


def test_claiming_makes_the_case_yours_and_again_is_quiet(case, sam):
    commands.claim(case_id=case.pk, version=1, actor=sam)
    commands.claim(case_id=case.pk, version=1, actor=sam)

    case.refresh_from_db()
    assert (case.owner_id, case.version, case.last_change) == (sam.user_id, 2, "Sam claimed it")


def test_the_second_to_claim_hears_who_was_first_and_when(case, sam, olga):
    commands.claim(case_id=case.pk, version=1, actor=sam)
    at = ExceptionCase.objects.get().last_change_at

    assert refused(case, commands.claim, version=1, actor=olga) == f"Sam claimed it at {at:%H:%M}."
    assert refused(case, commands.claim, version=2, actor=olga) == (
        "Sam has it; ask for a hand-over."
    )


def test_a_job_cannot_own_a_case(case):
    assert refused(case, commands.claim, version=1, actor=SWITCHYARD) == (
        "Only a person can own an exception."
    )


def test_a_case_that_closed_itself_can_only_be_annotated(case, sam):
    OrderLine.objects.update(item=make_item("mug"))
    swept("unknown_item")
    case.refresh_from_db()
    sentence = f"The check at {case.closed_at:%H:%M} no longer found it; nothing is to be done."
    later = clock.now() + timedelta(hours=1)

    assert refused(case, commands.claim, version=1, actor=sam) == sentence
    assert refused(case, commands.snooze, version=1, until=later, actor=sam) == sentence
    commands.add_note(case_id=case.pk, text="Shop typed the SKU wrong.", actor=sam)
    assert (Note.objects.get().text, Note.objects.get().author) == (
        "Shop typed the SKU wrong.",
        "Sam",
    )


def test_handing_over_needs_a_word_and_somebody_who_can_sign_in(case, sam, olga):
    hand_over = {"version": 1, "to_user_id": olga.user_id, "actor": sam}
    assert refused(case, commands.hand_over, note=" ", **hand_over) == (
        "Say where it stands, so that the next person need not start again."
    )
    make_user("gone", "ops").__class__.objects.filter(username="gone").update(is_active=False)
    gone = make_user("gone", "ops")
    assert refused(
        case, commands.hand_over, **hand_over | {"to_user_id": gone.pk, "note": "yours"}
    ) == ("This person cannot sign in; choose somebody else.")

    commands.hand_over(case_id=case.pk, note="Waits for the shop's answer.", **hand_over)

    case.refresh_from_db()
    assert (case.owner_id, case.last_change) == (olga.user_id, "Sam handed it to Olga")
    assert Note.objects.get().text == "Waits for the shop's answer."
    assert refused(
        case, commands.snooze, version=1, until=clock.now() + timedelta(hours=1), actor=sam
    ).startswith("Sam handed it to Olga at ")


def test_a_case_can_be_put_back(case, sam):
    commands.claim(case_id=case.pk, version=1, actor=sam)
    commands.unclaim(case_id=case.pk, version=2, actor=sam)
    commands.unclaim(case_id=case.pk, version=2, actor=sam)

    case.refresh_from_db()
    assert (case.owner_id, case.version) == (None, 3)


def test_a_snoozed_case_is_not_offered_until_it_wakes(case, sam, olga):
    until = clock.now() + timedelta(hours=1)
    assert refused(
        case, commands.snooze, version=1, until=clock.now() - timedelta(hours=1), actor=sam
    ) == ("Choose a moment in the future.")
    commands.snooze(case_id=case.pk, version=1, until=until, actor=sam)
    commands.snooze(case_id=case.pk, version=1, until=until, actor=sam)

    assert commands.claim_next(store_id=case.store_id, actor=olga) is None
    case.refresh_from_db()
    assert (case.version, case.last_change) == (2, "Sam snoozed it")

    commands.wake(case_id=case.pk, version=2, actor=sam)
    assert commands.claim_next(store_id=case.store_id, actor=olga).pk == case.pk


def test_claim_next_gives_the_case_that_is_due_first_of_the_team(case, sam, olga):
    make_order(line("ALSO-UNKNOWN"))
    swept("unknown_item")
    later = ExceptionCase.objects.exclude(pk=case.pk).get()
    ExceptionCase.objects.filter(pk=later.pk).update(due_at=case.due_at + timedelta(hours=1))

    assert commands.claim_next(store_id=case.store_id, actor=sam, team="support") is None
    assert commands.claim_next(store_id=case.store_id, actor=olga, team="ops").pk == case.pk
    assert commands.claim_next(store_id=case.store_id, actor=olga).pk == later.pk
    assert commands.claim_next(store_id=case.store_id, actor=olga) is None


@pytest.mark.django_db(transaction=True)
def test_two_people_who_claim_next_at_once_get_two_cases():
    for number in range(8):
        make_order(line(f"UNKNOWN-{number}"))
    swept("unknown_item")
    store_id = make_store().pk
    people = [of_user(make_user(f"person{number}", "ops")) for number in range(8)]
    barrier = threading.Barrier(len(people))
    got = []

    def run(actor):
        try:
            barrier.wait()
            got.append(commands.claim_next(store_id=store_id, actor=actor).pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[actor]) for actor in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(got)) == 8


def test_what_does_not_exist_is_said_plainly(case, sam):
    with pytest.raises(Refused, match="does not exist"):
        commands.claim(case_id=0, version=1, actor=sam)
    assert refused(
        case, commands.take_way, way="no_such", version=1, seen_at=case.seen_at, actor=sam
    ) == ("This way out does not exist for this kind.")
    assert refused(case, commands.add_note, text=" ", actor=sam) == "Write something first."
