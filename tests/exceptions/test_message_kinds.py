"""Kinds about what did not get through: write-backs refused or waiting, messages not read."""

from datetime import timedelta

import pytest

from oms.core import inbox, outbox
from oms.core.models import InboxMessage, OutboxIntent
from oms.exceptions.models import ExceptionCase
from tests.cast import make_store
from tests.exceptions.queue import in_words, open_case, proves_itself, swept
from tests.fulfillment.floor import routed_order

pytestmark = pytest.mark.django_db


def refuse(reason: str = "fulfillment order is closed") -> None:
    (intent,) = outbox.claim(limit=10, lease_seconds=60)
    outbox.rejected(intent, reason=reason)


def accept() -> None:
    (intent,) = outbox.claim(limit=10, lease_seconds=60)
    outbox.applied(intent)


def test_a_refused_write_is_shown_until_it_was_sent_again_and_accepted():
    order = routed_order()
    intent = OutboxIntent.objects.get()

    def send_again():
        assert outbox.send_again(intent_id=intent.pk)

    case = proves_itself(
        "write_back_failed",
        cause=refuse,
        cure=lambda: (send_again(), accept()),
        again=lambda: OutboxIntent.objects.update(state="rejected"),
    )

    assert in_words(case) == "Shopify refused the location: fulfillment order is closed"
    assert (case.order_id, case.at_stake) == (order.pk, 15)


def test_a_refusal_is_history_once_a_later_write_of_the_same_was_accepted():
    order = routed_order()
    refuse()
    old = OutboxIntent.objects.get()
    assert swept("write_back_failed").opened == 1

    outbox.publish(store_id=order.store_id, topic=old.topic, key=old.key, order_id=order.pk)
    accept()

    assert swept("write_back_failed").closed == 1


HOUR = timedelta(hours=1)


def test_writes_that_wait_for_shopify_are_one_row_a_topic():
    for _ in range(3):
        routed_order()

    OutboxIntent.objects.update(state="applied")

    case = proves_itself(
        "write_back_late",
        cause=lambda: OutboxIntent.objects.update(state="waiting"),
        cure=lambda: OutboxIntent.objects.update(state="applied"),
        later=HOUR,
    )

    assert case.facts["writes"] == 3
    assert in_words(case).startswith("3 locations wait for Shopify since ")
    assert case.order_id is None


def test_a_write_planned_for_later_is_not_late():
    store = make_store()
    outbox.publish(store_id=store.pk, topic="refund.create", key="refund:1")
    OutboxIntent.objects.update(due_at="2099-01-01T00:00Z")

    assert swept("write_back_late", HOUR).found == 0


def quarantined(topic: str, reason: str) -> InboxMessage:
    message = InboxMessage.objects.create(
        store=make_store(), delivery_id=f"{topic}-1", topic=topic, body=b"{}"
    )
    inbox.quarantined([message.pk], [reason])
    return message


def test_a_message_that_cannot_be_read_is_shown_until_it_is_read():
    def cure():
        (message,) = InboxMessage.objects.all()
        assert inbox.read_again(message.pk)

    case = proves_itself(
        "quarantined_message",
        cause=lambda: quarantined("orders/create", "line 2 has quantity -1"),
        cure=cure,
        again=lambda: InboxMessage.objects.update(state="quarantined", reason="quantity is -1"),
    )

    assert in_words(case) == "A new order could not be read: line 2 has quantity -1"


def test_a_topic_that_only_a_person_can_answer_shows_its_reason():
    quarantined("customers/redact", "A privacy request: answer it by hand within 30 days.")

    swept("quarantined_message")

    assert in_words(open_case("quarantined_message")) == (
        "A privacy request: answer it by hand within 30 days."
    )
    assert ExceptionCase.objects.get().order_id is None
