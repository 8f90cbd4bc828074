"""The outbox says things once, under a lease, with three possible outcomes."""

import pytest

from oms.core import outbox
from oms.core.models import OutboxIntent
from oms.core.outbox import Intent
from tests.cast import make_store

pytestmark = pytest.mark.django_db


def publish(key: str = "work:1", order_id: int | None = 1, priority: int = 50) -> None:
    outbox.publish(
        store_id=make_store().pk,
        topic="fulfillment.create",
        key=key,
        order_id=order_id,
        priority=priority,
    )


def claim(limit: int = 10, lease_seconds: int = 60) -> list[Intent]:
    return outbox.claim(limit=limit, lease_seconds=lease_seconds)


def expire() -> None:
    OutboxIntent.objects.update(lease_until="2026-01-01T00:00:00Z")


def test_publishing_the_same_thing_twice_leaves_one_row() -> None:
    publish()
    publish()

    assert OutboxIntent.objects.count() == 1


def test_a_claimed_intent_is_not_handed_out_again() -> None:
    publish()

    (intent,) = claim()

    assert claim() == []
    assert not intent.was_unknown


def test_urgent_intents_go_first() -> None:
    publish("later", order_id=1)
    publish("now", order_id=2, priority=10)

    assert [intent.key for intent in claim(limit=1)] == ["now"]


def test_of_one_order_only_the_oldest_open_intent_is_handed_out() -> None:
    publish("assign")
    publish("ship")

    (first,) = claim()
    assert first.key == "assign"
    outbox.applied(first)
    assert [intent.key for intent in claim()] == ["ship"]


def test_an_applied_intent_keeps_its_answer_and_is_finished() -> None:
    publish()
    (intent,) = claim()

    assert outbox.applied(intent, remote_id="gid://1", request={"q": 1}, answer={"ok": True})

    row = OutboxIntent.objects.get()
    assert (row.state, row.remote_id, row.request, row.answer) == (
        "applied",
        "gid://1",
        {"q": 1},
        {"ok": True},
    )
    assert row.finished_at is not None


def test_an_intent_whose_worker_died_comes_back_as_unknown() -> None:
    publish()
    claim()
    expire()

    (again,) = claim()

    assert again.was_unknown
    assert again.attempts == 2


def test_the_idempotency_key_is_the_same_for_every_attempt() -> None:
    publish()
    (first,) = claim()
    expire()
    (second,) = claim()

    assert first.idempotency_key == second.idempotency_key


def test_a_worker_that_lost_its_lease_writes_nothing() -> None:
    publish()
    (slow,) = claim()
    expire()
    (quick,) = claim()
    assert outbox.applied(quick, remote_id="gid://quick")

    assert not outbox.rejected(slow, reason="too late")
    assert not outbox.retry(slow, reason="too late", retry_in_seconds=0)

    row = OutboxIntent.objects.get()
    assert (row.state, row.remote_id, row.reason) == ("applied", "gid://quick", "")


def test_a_lease_is_held_by_who_has_it_and_by_nobody_else() -> None:
    publish()
    (slow,) = claim()
    expire()
    assert outbox.renew([slow], lease_seconds=60) == {slow.id}
    assert claim() == []

    expire()
    (quick,) = claim()
    assert outbox.renew([slow, quick], lease_seconds=60) == {quick.id}
    assert outbox.applied(quick)
    assert outbox.renew([quick], lease_seconds=60) == set()


def test_an_unknown_outcome_is_due_again_later_and_asks_to_be_read_back() -> None:
    publish()
    (intent,) = claim()
    outbox.unknown(intent, reason="no answer", retry_in_seconds=60)
    assert claim() == []
    OutboxIntent.objects.update(due_at="2026-01-01T00:00:00Z")

    (again,) = claim()

    assert again.was_unknown


def test_what_was_certainly_not_applied_is_simply_sent_again() -> None:
    publish()
    (intent,) = claim()
    outbox.retry(intent, reason="throttled", retry_in_seconds=0)

    (again,) = claim()

    assert not again.was_unknown


def test_a_retry_gives_way_to_a_twin_that_was_published_meanwhile() -> None:
    publish()
    (intent,) = claim()
    publish()

    outbox.retry(intent, reason="throttled", retry_in_seconds=0)

    assert sorted(OutboxIntent.objects.values_list("state", flat=True)) == [
        "superseded",
        "waiting",
    ]


def test_a_rejected_intent_can_be_sent_again_once_by_a_person() -> None:
    publish()
    (intent,) = claim()
    outbox.rejected(intent, reason="Shopify says no")

    assert outbox.send_again(intent_id=intent.id)
    assert not outbox.send_again(intent_id=intent.id)
    (again,) = claim()
    assert again.was_unknown
