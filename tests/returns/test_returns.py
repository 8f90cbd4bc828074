"""Returns: only what left may come back, once, and the shelf changes when somebody has looked."""

import threading

import pytest
from django.db import connection

from inventory.models import StockEntry
from inventory.waiting import wake_arrived
from oms.core.actor import SHOPIFY
from oms.core.errors import Refused
from oms.fulfillment.models import Shipment
from returns import commands
from returns.commands import Asked
from returns.models import RMA, Inspection
from tests.cast import OLGA, SAM, line, make_item, make_location, make_order, stock
from tests.fulfillment.floor import (
    assert_sound,
    buckets,
    footprint,
    packed,
    routed,
    routed_order,
    sentences,
    shelf,
    told,
)
from tests.returns.goods import approved, inspected, received, requested, shipped_order

pytestmark = pytest.mark.django_db


def inspect(rma, quantity, disposition, **fields):
    return commands.inspect(
        rma_line_id=rma.lines.get().pk,
        quantity=quantity,
        disposition=disposition,
        actor=OLGA,
        **fields,
    )


def test_a_request_names_units_and_reason_and_moves_nothing():
    order = shipped_order(3)

    rma = requested(order, 2)

    assert (rma.state, rma.number) == ("requested", f"RET-{rma.pk}")
    (asked,) = rma.lines.all()
    assert (asked.quantity, asked.reason) == (2, "colour differs")
    assert buckets(order) == {"shipped": 3}
    assert sentences(order, "return.") == [f"Return RET-{rma.pk} asked for: 2 units"]
    assert commands.returnable(order.pk) == {order.lines.get().pk: 1}
    assert_sound()


def test_asking_again_with_the_same_key_finds_the_same_return():
    order = shipped_order(3)
    first = requested(order, 1, request_key="form-1")
    before = footprint()

    assert requested(order, 1, request_key="form-1").pk == first.pk

    assert footprint() == before
    assert RMA.objects.count() == 1


def test_a_unit_can_be_in_one_return_only():
    order = shipped_order(3)
    requested(order, 2)
    before = footprint()

    with pytest.raises(Refused) as refusal:
        requested(order, 2)

    assert refusal.value.sentence == (
        "1 of mug can come back, not 2: the rest has not shipped or is in another return."
    )
    assert footprint() == before
    assert RMA.objects.count() == 1


def test_what_has_not_left_cannot_come_back():
    order = routed_order(quantity=2)
    packed(order)
    before = footprint()

    with pytest.raises(Refused, match="0 of mug can come back"):
        requested(order, 1)

    assert footprint() == before
    assert Shipment.objects.count() == 0


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (lambda line: [], "Choose at least one line"),
        (lambda line: [Asked(line, 0)], "At least one unit"),
        (lambda line: [Asked(line, -2)], "At least one unit"),
        (lambda line: [Asked(line, 1), Asked(line, 1)], "stands twice"),
        (lambda line: [Asked(999_999, 1)], "has no such line"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(asked, words):
    order = shipped_order(3)
    before = footprint()

    with pytest.raises(Refused, match=words):
        commands.request(order_id=order.pk, lines=asked(order.lines.get().pk), actor=SAM)

    assert footprint() == before
    assert not RMA.objects.exists()


def test_a_declined_or_cancelled_return_frees_its_units():
    order = shipped_order(2)
    commands.decline(rma_id=requested(order, 2).pk, reason="worn", actor=SAM)
    commands.cancel(rma_id=approved(order, 2).pk, reason="kept it", actor=SAM)

    assert requested(order, 2).state == "requested"
    assert sentences(order, "return.declined") == [
        f"Return {RMA.objects.earliest('pk').number} declined: worn"
    ]


def test_a_return_of_ours_is_opened_in_shopify_when_it_is_approved():
    order = shipped_order(2)

    rma = approved(order)
    before = footprint()
    commands.approve(rma_id=rma.pk, actor=SAM)

    assert rma.state == "approved" and rma.approved_at
    assert told("return.create") == [(f"rma:{rma.pk}:create", {"rma_id": rma.pk})]
    assert footprint() == before
    assert_sound()


def test_a_return_asked_for_in_shopify_is_approved_there():
    order = shipped_order(2)
    rma = requested(order, 1, remote_id=55, number="#1001-R1")

    commands.approve(rma_id=rma.pk, actor=SAM)

    assert told("return.approve") == [(f"rma:{rma.pk}:approve", {"rma_id": rma.pk})]
    assert requested(order, 1, remote_id=55).pk == rma.pk


def test_what_shopify_decided_is_not_told_back():
    order = shipped_order(2)
    rma = requested(order, 1, remote_id=55)

    commands.approve(rma_id=rma.pk, actor=SHOPIFY)
    commands.close(rma_id=rma.pk, actor=SHOPIFY)

    assert not told("return.approve") and not told("return.close")


def test_the_echo_of_our_own_return_is_not_a_second_one():
    order = shipped_order(3)
    rma = approved(order, 2)
    line_id = order.lines.get().pk

    echo = commands.request(
        order_id=order.pk,
        lines=[Asked(line_id, 2, remote_id=771)],
        actor=SHOPIFY,
        remote_id=77,
    )

    assert (echo.pk, echo.remote_id) == (rma.pk, 77)
    assert echo.lines.get().remote_id == 771
    assert RMA.objects.count() == 1


def test_a_decline_goes_to_shopify_with_its_reason():
    rma = requested(shipped_order(1), 1, remote_id=55)

    with pytest.raises(Refused, match="Say why"):
        commands.decline(rma_id=rma.pk, reason=" ", actor=SAM)
    with pytest.raises(Refused, match="501 characters; Shopify takes 500"):
        commands.decline(rma_id=rma.pk, reason="x" * 501, actor=SAM)
    commands.decline(rma_id=rma.pk, reason="final sale", actor=SAM)

    assert told("return.decline") == [
        (f"rma:{rma.pk}:decline", {"rma_id": rma.pk, "reason": "final sale"})
    ]


def test_receiving_moves_units_but_not_the_shelf():
    order = shipped_order(3)

    rma = received(order, 2)

    assert rma.state == "received" and rma.received_at
    assert rma.location == make_location("east")
    assert buckets(order) == {"shipped": 1, "returned": 2}
    assert shelf() == {"on_hand": 97}
    assert sentences(order, "return.received") == [
        f"Return {rma.number}: 2 of 2 units arrived at East"
    ]
    assert_sound()


def test_two_parcels_add_up_and_a_repeated_one_does_not():
    order = shipped_order(3)
    rma = approved(order, 3)
    line_id = rma.lines.get().pk
    for key, count in (("p1", 1), ("p1", 1), ("p2", 2)):
        commands.receive(
            rma_id=rma.pk,
            quantities={line_id: count},
            location_id=make_location("east").pk,
            actor=OLGA,
            request_key=key,
        )

    assert rma.lines.get().received == 3
    assert buckets(order) == {"returned": 3}
    assert_sound()


def test_more_than_asked_is_kept_as_extra():
    order = shipped_order(3)

    rma = received(order, 1, arrived=2)

    (row,) = rma.lines.all()
    assert (row.received, row.extra) == (1, 1)
    assert buckets(order) == {"shipped": 2, "returned": 1}
    assert sentences(order, "return.received") == [
        f"Return {rma.number}: 1 of 1 unit and 1 that nobody asked for arrived at East"
    ]
    assert_sound()


@pytest.mark.parametrize(("count", "words"), [(0, "at least one unit"), (-1, "none below zero")])
def test_nothing_cannot_arrive(count, words):
    order = shipped_order(3)
    rma = approved(order, 1)
    before = footprint()

    with pytest.raises(Refused, match=words):
        commands.receive(
            rma_id=rma.pk,
            quantities={rma.lines.get().pk: count},
            location_id=make_location("east").pk,
            actor=OLGA,
        )

    assert footprint() == before
    assert buckets(order) == {"shipped": 3}


def test_goods_of_a_return_that_is_not_approved_cannot_be_received():
    order = shipped_order(3)
    rma = requested(order, 1)

    with pytest.raises(Refused, match="is requested and cannot become received"):
        commands.receive(
            rma_id=rma.pk,
            quantities={rma.lines.get().pk: 1},
            location_id=make_location("east").pk,
            actor=OLGA,
        )

    assert buckets(order) == {"shipped": 3}


@pytest.mark.parametrize(
    ("disposition", "counters"),
    [
        ("restock", {"on_hand": 98}),
        ("damaged", {"on_hand": 97, "damaged": 1}),
        ("scrap", {"on_hand": 97}),
    ],
)
def test_the_shelf_follows_the_decision(disposition, counters):
    order = shipped_order(3)

    rma = inspected(order, 1, disposition)

    assert shelf() == counters
    assert rma.state == "inspected" and rma.inspected_at
    (inspection,) = Inspection.objects.all()
    assert (inspection.quantity, inspection.inspected_by) == (1, "user:Olga Ops")
    entries = StockEntry.objects.filter(document=f"inspection:{inspection.pk}")
    assert [(e.delta, e.cause) for e in entries] == (
        [] if disposition == "scrap" else [(1, "return")]
    )
    assert_sound()


def test_units_may_have_different_fates_in_different_places():
    order = shipped_order(3)
    rma = received(order, 3)

    inspect(rma, 1, "restock", location_id=make_location("west").pk)
    inspect(rma, 1, "damaged")
    assert RMA.objects.get(pk=rma.pk).state == "received"
    inspect(rma, 1, "scrap", note="broken handle")

    assert RMA.objects.get(pk=rma.pk).state == "inspected"
    assert shelf("mug", "west") == {"on_hand": 1}
    assert shelf("mug", "east") == {"on_hand": 97, "damaged": 1}
    assert sentences(order, "return.inspected") == [
        f"Return {rma.number}: 1 x mug back on sale, West",
        f"Return {rma.number}: 1 x mug damaged, kept apart, East",
        f"Return {rma.number}: 1 x mug thrown away, East",
    ]
    assert_sound()


def test_the_same_decision_twice_restocks_once():
    order = shipped_order(3)
    rma = received(order, 2)

    inspect(rma, 1, "restock", request_key="scan-1")
    assert inspect(rma, 1, "restock", request_key="scan-1") is None

    assert shelf() == {"on_hand": 98}
    assert Inspection.objects.count() == 1


def test_no_unit_is_decided_twice():
    order = shipped_order(3)
    rma = inspected(order, 1)
    commands.close(rma_id=rma.pk, actor=SAM)
    before, on_shelf = footprint(), shelf()

    with pytest.raises(Refused, match="0 of mug wait for a decision, not 1"):
        inspect(rma, 1, "restock")

    assert (footprint(), shelf()) == (before, on_shelf)
    assert_sound()


@pytest.mark.parametrize(
    ("quantity", "disposition", "words"),
    [
        (2, "restock", "1 of mug wait for a decision, not 2"),
        (0, "restock", "at least one unit"),
        (1, "eaten", "cannot be 'eaten'"),
        (1, "missing", "0 of mug have not arrived, not 1"),
    ],
)
def test_a_decision_that_makes_no_sense_is_refused(quantity, disposition, words):
    rma = received(shipped_order(3), 1)
    before, on_shelf = footprint(), shelf()

    with pytest.raises(Refused, match=words):
        inspect(rma, quantity, disposition)

    assert (footprint(), shelf()) == (before, on_shelf)
    assert not Inspection.objects.exists()


def test_an_unknown_item_does_not_go_on_a_shelf():
    order = shipped_order(1)
    rma = received(order, 1)
    order.lines.update(item=None)

    with pytest.raises(Refused, match="unknown item"):
        inspect(rma, 1, "restock")
    inspect(rma, 1, "scrap")

    assert not StockEntry.objects.filter(cause="return").exists()


def test_units_that_never_arrived_are_decided_as_missing_and_stay_with_the_customer():
    order = shipped_order(3)
    rma = received(order, 2, arrived=1)
    inspect(rma, 1, "restock")
    inspect(rma, 1, "missing")

    assert RMA.objects.get(pk=rma.pk).state == "inspected"
    assert buckets(order) == {"shipped": 2, "returned": 1}
    assert commands.returnable(order.pk) == {order.lines.get().pk: 2}
    assert_sound()


def test_a_parcel_that_never_came_ends_its_return():
    rma = approved(shipped_order(3), 2)

    inspect(rma, 2, "missing", location_id=make_location("east").pk)

    assert commands.close(rma_id=rma.pk, actor=SAM).state == "closed"
    assert_sound()


def test_a_return_is_closed_when_every_unit_is_decided():
    order = shipped_order(3)
    rma = received(order, 2)
    inspect(rma, 1, "restock")
    with pytest.raises(Refused, match="1 units are not decided"):
        commands.close(rma_id=rma.pk, actor=SAM)
    inspect(rma, 1, "scrap")

    commands.close(rma_id=rma.pk, actor=SAM)
    before = footprint()
    commands.close(rma_id=rma.pk, actor=SAM)

    assert RMA.objects.get(pk=rma.pk).closed_at
    assert footprint() == before
    assert_sound()


def test_shopify_may_close_a_return_whose_goods_are_not_decided_yet():
    order = shipped_order(3)
    rma = received(order, 1)

    commands.close(rma_id=rma.pk, actor=SHOPIFY)
    inspect(rma, 1, "restock")

    assert RMA.objects.get(pk=rma.pk).state == "closed"
    assert shelf() == {"on_hand": 98}
    assert_sound()


def test_goods_that_arrived_cannot_be_called_off():
    rma = received(shipped_order(3), 1)

    with pytest.raises(Refused, match="is received and cannot become cancelled"):
        commands.cancel(rma_id=rma.pk, reason="kept it", actor=SAM)


def test_restocked_units_go_to_orders_that_wait_for_them():
    order = shipped_order(3)
    stock(make_item("mug"), make_location("east"), 0)
    waiting = routed(make_order(line("mug", 1)))
    assert buckets(waiting) == {"backordered": 1}

    inspected(order, 1)
    wake_arrived()
    routed(waiting)

    assert buckets(waiting) == {"reserved": 1}
    assert_sound()


@pytest.mark.django_db(transaction=True)
def test_two_requests_for_the_last_unit_have_one_winner():
    order = shipped_order(1)
    answers: list[str] = []
    start = threading.Barrier(2)

    def ask() -> None:
        try:
            start.wait(timeout=10)
            requested(order, 1)
            answers.append("return")
        except Refused:
            answers.append("refused")
        finally:
            connection.close()

    people = [threading.Thread(target=ask) for _ in range(2)]
    for person in people:
        person.start()
    for person in people:
        person.join()

    assert sorted(answers) == ["refused", "return"]
    assert RMA.objects.count() == 1
    assert_sound()
