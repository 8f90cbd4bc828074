"""The drain of the outbox: poison stands alone, threads share the work, outages lose nothing."""

import threading

import pytest

from oms import wiring
from oms.core import outbox
from oms.core.models import OutboxIntent
from oms.shopify import push
from tests.shopify.live import Live, live_store, states


def test_one_that_breaks_the_handler_stands_alone_and_the_others_go(live: Live):
    orders = [live.place(mug=1) for _ in range(3)]
    for number, remote_id in enumerate([*orders[:2], "poison", orders[2]]):
        outbox.publish(
            store_id=live.store.pk,
            topic="order.fetch",
            key=f"order:{number}",
            params={"remote_id": remote_id} if remote_id != "poison" else {"wrong": 1},
        )

    push.drain(wiring.OUTBOX, limit=100, threads=1)
    found = dict(OutboxIntent.objects.values_list("key", "state"))
    assert found == {
        "order:0": "applied",
        "order:1": "applied",
        "order:2": "rejected",
        "order:3": "applied",
    }
    assert "KeyError" in OutboxIntent.objects.get(key="order:2").reason


def test_what_was_settled_before_the_poison_is_not_sent_again(live: Live):
    sent = []

    def handler(client, intents):
        for intent in intents:
            if intent.key == "poison":
                raise ValueError("broken")
            sent.append(intent.key)
            outbox.applied(intent)

    for key in ("first", "poison", "last"):
        outbox.publish(store_id=live.store.pk, topic="order.fetch", key=key)
    push.drain({"order.fetch": handler}, limit=100, threads=1)

    assert sent == ["first", "last"]
    assert OutboxIntent.objects.get(key="poison").state == "rejected"


def test_an_outage_while_reading_rejects_nothing(live: Live):
    order = live.bring_in(live.place(mug=1))
    live.route(order)
    live.shop.faults.switch_on("status_500_before")
    for _ in range(30):
        live.push()
    assert states()["fulfillment_order.assign"] == "waiting"

    live.shop.faults.switch_off("status_500_before")
    live.client._breaker.answered()
    live.push_all()
    assert states()["fulfillment_order.assign"] == "applied"


def test_an_intent_whose_lease_was_lost_writes_nothing(live: Live):
    def slow_handler(client, intents):
        OutboxIntent.objects.update(lease_token=1)
        assert outbox.applied(intents[0]) is False

    outbox.publish(store_id=live.store.pk, topic="order.fetch", key="slow")
    push.drain({"order.fetch": slow_handler}, limit=1, threads=1)

    assert OutboxIntent.objects.get().state == "sending"


@pytest.mark.django_db(transaction=True)
def test_two_drains_with_four_threads_each_tell_every_shipment_once(tmp_path):
    from django.db import connection

    with live_store(tmp_path / "store") as live:
        orders = [live.bring_in(live.place(mug=1)) for _ in range(12)]
        works = [work for order in orders for work in live.route(order)]
        live.push_all()
        for number, work in enumerate(works):
            live.ship(work, tracking=f"1Z{number}")
        live.hurry()

        def drain():
            try:
                while push.drain(wiring.OUTBOX, limit=5):
                    pass
            finally:
                connection.close()

        threads = [threading.Thread(target=drain) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        live.push_all()
        assert [len(live.remote(order)["fulfillments"]) for order in orders] == [1] * 12
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            )
            assert cursor.fetchone()[0] == 1
