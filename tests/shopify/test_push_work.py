"""Work and shipments are told to Shopify once, whatever becomes of the answers."""

import pytest

from oms.core import outbox
from oms.core.actor import Actor
from oms.core.clock import now
from oms.core.models import OutboxIntent
from oms.fulfillment.commands import cancel, record_scan
from oms.shopify import push_work, remote_work
from tests.cast import OLGA
from tests.shopify.live import Live, states

CARRIER = Actor("carrier", "UPS")


def test_an_order_goes_all_the_way_through_both_sides(live: Live):
    order = live.bring_in(live.place(mug=2, shirt=1))
    assert order.lines.count() == 2
    assert order.transactions.get().status == "success"

    (work,) = live.route(order)
    live.push_all()
    assert live.places(order) == {work.location.name: {"mug": 2, "shirt": 1}}
    work.refresh_from_db()
    assert work.remote_id
    assert work.remote_assigned_at

    shipment = live.ship(work, tracking="1Z42")
    live.push_all()
    (fulfillment,) = live.remote(order)["fulfillments"]
    assert fulfillment["trackingInfo"] == [{"number": "1Z42", "company": "UPS"}]
    shipment.refresh_from_db()
    assert fulfillment["id"].endswith(f"/{shipment.remote_id}")
    assert states()["fulfillment.create"] == "applied"


# Faults after which nobody knows, and faults after which nothing was done.
LOST_ANSWERS = ["timeout_after", "status_500_after", "html_after"]
NOTHING_DONE = ["status_500_before", "html_answer", "empty_answer", "throttle", "throttle_429"]


@pytest.mark.parametrize("fault", LOST_ANSWERS + NOTHING_DONE)
def test_a_shipment_is_told_once_whatever_becomes_of_the_answer(live: Live, fault):
    order = live.bring_in(live.place(mug=2))
    (work,) = live.route(order)
    live.push_all()
    shipment = live.ship(work)
    live.shop.faults.switch_on(fault, count=1, only="fulfillmentCreate")

    live.push_all()

    assert len(live.remote(order)["fulfillments"]) == 1
    assert states()["fulfillment.create"] == "applied"
    shipment.refresh_from_db()
    assert live.remote(order)["fulfillments"][0]["id"].endswith(f"/{shipment.remote_id}")


@pytest.mark.parametrize("fault", LOST_ANSWERS)
def test_a_lost_answer_leaves_the_intent_unknown_until_it_is_read_back(live: Live, fault):
    order = live.bring_in(live.place(mug=2))
    (work,) = live.route(order)
    live.push_all()
    live.ship(work)
    live.shop.faults.switch_on(fault, count=1, only="fulfillmentCreate")

    live.push()
    assert states()["fulfillment.create"] == "unknown"
    assert len(live.remote(order)["fulfillments"]) == 1

    live.push()
    assert states()["fulfillment.create"] == "applied"
    assert live.intent("fulfillment.create").answer == "found by its tracking number"


def test_a_worker_that_died_after_sending_leaves_no_double(live: Live, monkeypatch):
    order = live.bring_in(live.place(mug=2))
    (work,) = live.route(order)
    live.push_all()
    live.ship(work)

    class Died(BaseException):
        pass

    def die(name):
        if name == "shopify.fulfillment.after_send":
            raise Died

    monkeypatch.setattr(push_work, "failpoint", die)
    with pytest.raises(Died):
        live.push()
    monkeypatch.undo()
    assert states()["fulfillment.create"] == "sending"
    OutboxIntent.objects.filter(state="sending").update(lease_until="2020-01-01T00:00Z")

    live.push_all()
    assert len(live.remote(order)["fulfillments"]) == 1
    assert states()["fulfillment.create"] == "applied"


def move_away(live: Live, order, place: str) -> None:
    """Somebody in Shopify's admin moves the work elsewhere."""
    work = live.remote(order)["fulfillmentOrders"]["nodes"][0]["id"]
    locations = live.run("{ locations(first: 10) { nodes { id name } } }")["locations"]["nodes"]
    target = next(row["id"] for row in locations if row["name"] == place)
    answer = live.run(
        """
        mutation Away($id: ID!, $to: ID!) {
          fulfillmentOrderMove(id: $id, newLocationId: $to) { userErrors { message } }
        }
        """,
        id=work,
        to=target,
    )
    assert not answer["fulfillmentOrderMove"]["userErrors"]


@pytest.mark.parametrize("fault", [None, *LOST_ANSWERS, *NOTHING_DONE])
def test_work_is_moved_to_where_we_ship_it_from_once(live: Live, fault):
    order = live.bring_in(live.place(mug=2))
    (work,) = live.route(order)
    elsewhere = "west" if work.location.name != "west" else "east"
    if live.places(order) == {work.location.name: {"mug": 2}}:
        move_away(live, order, elsewhere)
    if fault:
        live.shop.faults.switch_on(fault, count=1, only="fulfillmentOrderMove")

    live.push_all()

    assert live.places(order) == {work.location.name: {"mug": 2}}
    assert states()["fulfillment_order.assign"] == "applied"
    work.refresh_from_db()
    here = [
        row["id"]
        for row in live.remote(order)["fulfillmentOrders"]["nodes"]
        if row["status"] == "OPEN"
    ]
    assert here == [f"gid://shopify/FulfillmentOrder/{work.remote_id}"]


def test_an_order_that_ships_from_two_places_is_split_by_unit(live: Live):
    order = live.bring_in(live.place(mug=14))
    works = live.route(order)
    assert len(works) == 2

    live.push_all()
    assert live.places(order) == {
        work.location.name: {"mug": work.lines.get().quantity} for work in works
    }
    for number, work in enumerate(works):
        live.ship(work, tracking=f"1Z{number}")
    live.push_all()
    remote = live.remote(order)
    assert len(remote["fulfillments"]) == 2
    assert remote["displayFulfillmentStatus"] == "FULFILLED"


def test_goods_that_left_from_elsewhere_are_moved_first(live: Live):
    order = live.bring_in(live.place(mug=1))
    (work,) = live.route(order)
    live.push_all()
    move_away(live, order, "west" if work.location.name != "west" else "east")
    live.ship(work)

    live.push_all()
    assert states()["fulfillment.create"] == "applied"
    assert live.remote(order)["displayFulfillmentStatus"] == "FULFILLED"


def test_goods_moved_between_reading_and_telling_are_read_again(live: Live, monkeypatch):
    order = live.bring_in(live.place(mug=1))
    (work,) = live.route(order)
    live.push_all()
    live.ship(work)
    read, moved = remote_work.read_orders, []

    def read_and_be_overtaken(client, remote_ids):
        found = read(client, remote_ids)
        if not moved:
            moved.append(move_away(live, order, "west" if work.location.name != "west" else "east"))
        return found

    monkeypatch.setattr(remote_work, "read_orders", read_and_be_overtaken)

    live.push_all()
    assert states()["fulfillment.create"] == "applied"
    assert live.remote(order)["displayFulfillmentStatus"] == "FULFILLED"


def test_what_shopify_will_not_ship_is_refused_with_the_reason(live: Live):
    order = live.bring_in(live.place(mug=1))
    (work,) = live.route(order)
    live.push_all()
    live.ship(work)
    remote_work = live.remote(order)["fulfillmentOrders"]["nodes"][0]["id"]
    live.run(
        """
        mutation Hold($id: ID!) {
          fulfillmentOrderHold(id: $id, fulfillmentHold: {reason: OTHER}) {
            userErrors { message }
          }
        }
        """,
        id=remote_work,
    )

    live.push_all()
    intent = live.intent("fulfillment.create")
    assert intent.state == "rejected"
    assert "less to ship from there" in intent.reason
    assert live.remote(order)["fulfillments"] == []


@pytest.mark.parametrize("fault", [None, *LOST_ANSWERS, "throttle"])
def test_what_a_carrier_said_is_told_once(live: Live, fault):
    order = live.bring_in(live.place(mug=1))
    (work,) = live.route(order)
    parcel = live.ship(work).parcels.get()
    live.push_all()
    record_scan(parcel_id=parcel.pk, state="delivered", at=now(), remote_id="scan-1", actor=CARRIER)
    if fault:
        live.shop.faults.switch_on(fault, count=1, only="fulfillmentEventCreate")

    live.push_all()
    (fulfillment,) = live.remote(order)["fulfillments"]
    assert [row["status"] for row in fulfillment["events"]["nodes"]] == ["DELIVERED"]
    assert states()["fulfillment_event.create"] == "applied"


def test_a_worker_that_stood_still_past_its_lease_tells_nothing_twice(live: Live):
    order = live.bring_in(live.place(mug=1))
    (work,) = live.route(order)
    live.push_all()
    parcel = live.ship(work).parcels.get()
    live.push_all()
    record_scan(parcel_id=parcel.pk, state="delivered", at=now(), remote_id="scan-1", actor=CARRIER)
    (asleep,) = outbox.claim(limit=1, lease_seconds=60)
    OutboxIntent.objects.filter(pk=asleep.id).update(lease_until="2026-01-01T00:00:00Z")
    live.push_all()

    push_work.create_events(live.client, [asleep])

    (fulfillment,) = live.remote(order)["fulfillments"]
    assert [row["status"] for row in fulfillment["events"]["nodes"]] == ["DELIVERED"]


def test_ten_shipments_are_told_in_two_calls(live: Live):
    orders = [live.bring_in(live.place(mug=1)) for _ in range(10)]
    works = [work for order in orders for work in live.route(order)]
    live.push_all()
    for number, work in enumerate(works):
        live.ship(work, tracking=f"1Z{number}")
    before = live.shop.requests

    live.push()
    assert live.shop.requests - before == 2
    assert all(len(live.remote(order)["fulfillments"]) == 1 for order in orders)


def test_work_given_back_before_it_was_told_is_not_told(live: Live):
    order = live.bring_in(live.place(mug=1))
    (work,) = live.route(order)
    cancel(work_id=work.pk, reason="broken", actor=OLGA)

    live.push()
    assert states()["fulfillment_order.assign"] == "superseded"


def test_a_closed_store_is_left_alone_and_nothing_is_lost(live: Live):
    order = live.bring_in(live.place(mug=1))
    live.route(order)
    live.shop.faults.switch_on("unauthorized", count=1)

    live.push()
    intent = live.intent("fulfillment_order.assign")
    assert (intent.state, intent.reason) == (
        "waiting",
        "Shopify does not accept the access token (401).",
    )
    live.push_all()
    assert states()["fulfillment_order.assign"] == "applied"


def test_a_switched_off_connection_sends_nothing(live: Live):
    order = live.bring_in(live.place(mug=1))
    live.route(order)
    live.connected.connection.active = False
    live.connected.connection.save()
    before = live.shop.requests

    live.push()
    assert live.shop.requests == before
    assert states()["fulfillment_order.assign"] == "waiting"


@pytest.mark.parametrize("fault", [None, *LOST_ANSWERS])
def test_a_shipment_of_more_lines_than_shopify_takes_at_once_is_told_in_parts(
    live: Live, monkeypatch, fault
):
    monkeypatch.setattr(remote_work, "MOST_LINES", 1)
    order = live.bring_in(live.place(mug=2, shirt=1))
    (work,) = live.route(order)
    live.push_all()
    shipment = live.ship(work)
    if fault:
        live.shop.faults.switch_on(fault, count=1, only="fulfillmentCreate")

    live.push_all()
    remote = live.remote(order)
    assert len(remote["fulfillments"]) == 2
    assert remote["displayFulfillmentStatus"] == "FULFILLED"
    shipment.refresh_from_db()
    assert remote["fulfillments"][0]["id"].endswith(f"/{shipment.remote_id}")
    assert states()["fulfillment.create"] == "applied"


def test_the_echo_of_the_first_part_does_not_stop_the_second(live: Live, monkeypatch):
    monkeypatch.setattr(remote_work, "MOST_LINES", 1)
    order = live.bring_in(live.place(mug=2, shirt=1))
    (work,) = live.route(order)
    live.push_all()
    shipment = live.ship(work)
    live.shop.faults.switch_on("timeout_after", count=1, only="fulfillmentCreate")
    live.push()
    (first,) = live.remote(order)["fulfillments"]
    shipment.remote_id = int(first["id"].rpartition("/")[2])  # as its webhook does
    shipment.save()

    live.push_all()
    assert live.remote(order)["displayFulfillmentStatus"] == "FULFILLED"
