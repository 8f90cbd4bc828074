"""Ways out: the effect shown before the click is what happens; a stale click is refused."""

from datetime import timedelta

import pytest
from django.db.models import Sum

from inventory.commands import adjust
from inventory.models import StockLevel
from oms.core import clock, inbox, outbox, timers
from oms.core.errors import Refused
from oms.core.models import InboxMessage, OutboxIntent, Timer
from oms.exceptions import commands, queries
from oms.exceptions.models import ExceptionCase, Note
from oms.exceptions.queries import Offer
from oms.fulfillment import commands as floor
from oms.fulfillment.models import FulfillmentOrder
from oms.orders import holds
from oms.orders.models import Event, Order, OrderLine
from oms.orders.timeline import sentence
from oms.shortages import settle_shortages
from returns import refunds
from returns.models import RMA, Refund
from routing.commands import route_due
from tests.cast import OLGA, SAM, line, make_item, make_location, make_order, make_store, stock
from tests.exceptions.queue import open_case, swept
from tests.exceptions.test_message_kinds import quarantined
from tests.exceptions.test_money_kinds import SOON, take_in
from tests.exceptions.test_stock_and_floor_kinds import counted
from tests.fulfillment.floor import packed, picking, routed, routed_order, shelf
from tests.returns.goods import (
    approved_refund,
    columns,
    fay,
    inspected,
    outside,
    received,
    shipped_order,
)

pytestmark = pytest.mark.django_db


def offers(case: ExceptionCase) -> dict[str, Offer]:
    return {offer.way.code: offer for offer in queries.panel(case.pk).ways}


def take(case: ExceptionCase, way: str, actor=OLGA, **answers) -> str:
    return commands.take_way(
        case_id=case.pk,
        way=way,
        version=case.version,
        seen_at=case.seen_at,
        actor=actor,
        answers=answers,
    )


def four_lines(case: ExceptionCase, way: str) -> tuple[str, str, str, str]:
    effect = offers(case)[way].effect
    return effect.stock, effect.money, effect.date, effect.message


def test_an_unroutable_order_is_routed_again_at_once():
    mug, east = make_item("mug"), make_location("east")
    order = routed(make_order(line("mug", 2)))
    swept("unroutable")
    case = open_case("unroutable")
    assert four_lines(case, "route_again") == (
        "reserved where units are free now, else unchanged",
        "$0.00",
        "as soon as a location has the units",
        "none",
    )

    assert take(case, "route_again") == "Routing looks at the order again now."

    assert Timer.objects.get(kind="route", subject_id=order.pk).due_at <= clock.now()
    assert Note.objects.get().text == "Route it again now. Routing looks at the order again now."
    stock(mug, east, 2)
    route_due(limit=10)
    assert swept("unroutable").closed == 1


def test_the_second_person_hears_what_the_first_chose():
    make_item("mug")
    make_location("east")
    routed(make_order(line("mug", 2)))
    swept("unroutable")
    case = open_case("unroutable")
    take(case, "route_again")
    at = ExceptionCase.objects.get().last_change_at

    with pytest.raises(Refused) as refusal:
        take(case, "route_again", actor=SAM)

    assert refusal.value.sentence == f"Olga Ops chose “Route it again now” at {at:%H:%M}."
    assert Note.objects.count() == 1


def test_a_way_is_refused_when_the_facts_have_changed_since_they_were_shown():
    picked(routed_order(quantity=5, on_hand=5))
    counted(4)
    swept("stock_short")
    case = open_case("stock_short")
    counted(2)
    swept("stock_short")

    with pytest.raises(Refused, match="found new facts at"):
        take(case, "take_back")

    assert shelf()["reserved"] == 5


def picked(order: Order) -> FulfillmentOrder:
    """All units are in somebody's hands, none is packed."""
    work = picking(order)
    floor.pick_all(work_ids=[work.pk], actor=OLGA).or_refuse()
    return work


def test_a_shortage_takes_picked_units_back_from_the_newest_order_and_routes_it_again():
    stock(make_item("mug"), make_location("east"), 5)
    first, second, third = (routed(make_order(line("mug", n))) for n in (2, 2, 1))
    stock(make_item("mug"), make_location("west"), 5)
    for order in (first, second, third):
        picked(order)
    counted(3)
    swept("stock_short")
    case = open_case("stock_short")
    assert offers(case)["take_back"].effect.stock == (
        f"East gives back 1 from {third.name} and 2 from {second.name}"
    )
    assert offers(case)["settle"].hindrance == "the rule has taken what it may"

    assert take(case, "take_back") == "2 orders will be routed again."

    assert swept("stock_short").closed == 1
    route_due(limit=10)
    assert first.fulfillment_orders.get().location.name == "East"
    assert shelf()["reserved"] <= 3
    places = OrderLine.objects.aggregate(reserved=Sum("reserved"), released=Sum("released"))
    assert places == {"reserved": 3, "released": 2}


def test_a_wrong_number_is_put_right_with_a_reason_and_told_to_the_shop():
    packed(routed_order(quantity=2, on_hand=2))
    counted(1)
    swept("stock_short")
    case = open_case("stock_short")
    assert four_lines(case, "correct")[0] == "East 1 → 2 × Mug, and told to Shopify"

    with pytest.raises(Refused):
        take(case, "correct")
    assert shelf()["on_hand"] == 1
    assert take(case, "correct", reason="both are in the box") == (
        "On hand is 2 now: both are in the box"
    )

    assert shelf() == {"on_hand": 2, "reserved": 2}
    assert OutboxIntent.objects.filter(topic="inventory.publish").exists()
    assert swept("stock_short").closed == 1


def test_a_number_is_not_put_right_twice():
    packed(routed_order(quantity=2, on_hand=2))
    counted(1)
    swept("stock_short")
    case = open_case("stock_short")
    counted(2)

    with pytest.raises(Refused, match="has changed since"):
        take(case, "correct", reason="both are in the box")

    assert shelf() == {"on_hand": 2, "reserved": 2}


def test_an_unknown_sku_is_mapped_on_every_open_line_that_carries_it():
    stock(make_item("mug"), make_location("east"), 5)
    first, second = (make_order(line("MUG-OLD", n, variant_id=None)) for n in (1, 2))
    other = make_order(line("SHIRT-OLD", variant_id=None))
    for order in (first, second, other):
        routed(order)
    swept("unknown_item")
    case = ExceptionCase.objects.get(order=first)
    assert four_lines(case, "map_item")[0] == (
        "reserved where the item is free, for 2 lines with this SKU"
    )
    with pytest.raises(Refused, match="No item has the SKU mugg"):
        take(case, "map_item", sku="mugg")
    assert Note.objects.count() == 0

    assert take(case, "map_item", sku="mug") == "2 lines now mean mug and will be routed."

    assert swept("unknown_item").closed == 2
    route_due(limit=10)
    assert shelf()["reserved"] == 3
    told = Event.objects.filter(order=second, kind="order.item_mapped")
    assert [sentence(event) for event in told] == ["Line 1: SKU MUG-OLD is now known as mug"]
    assert open_case("unknown_item").order == other


def test_packed_units_are_not_taken_back():
    packed(routed_order(quantity=2, on_hand=2))
    counted(1)
    swept("stock_short")
    case = open_case("stock_short")

    assert offers(case)["take_back"].hindrance == "all of it is packed; count the shelf"
    with pytest.raises(Refused):
        take(case, "take_back")

    assert shelf()["reserved"] == 2


def test_a_shortage_that_waits_for_the_rule_is_settled_on_demand():
    order = routed_order(quantity=2, on_hand=2)
    adjust(level_id=StockLevel.objects.get().pk, delta=-1, reason="broken", actor=OLGA)
    timers.postpone(kind="shortage", waits=[(StockLevel.objects.get().pk, 900, "refused")])
    swept("stock_short")
    case = open_case("stock_short")
    assert offers(case)["take_back"].hindrance == "the rule has not chosen yet who loses"

    assert take(case, "settle") == "The rule takes the missing units now."

    assert settle_shortages(10) == 1
    assert swept("stock_short").closed == 1
    assert order.lines.get().open == 1


def test_a_shortage_that_hits_no_order_has_nothing_to_take_back():
    counted(-1)
    swept("stock_short")
    case = open_case("stock_short")

    assert offers(case)["take_back"].hindrance == "no order was promised these units"
    with pytest.raises(Refused, match="Not possible: no order was promised these units"):
        take(case, "take_back")


def test_a_refused_write_is_read_back_and_sent_again():
    routed_order()
    (intent,) = outbox.claim(limit=1, lease_seconds=60)
    outbox.rejected(intent, reason="locked")
    swept("write_back_failed")
    case = open_case("write_back_failed")

    take(case, "send_again")

    assert OutboxIntent.objects.get().state == "unknown"
    (again,) = outbox.claim(limit=1, lease_seconds=60)
    assert again.was_unknown
    with pytest.raises(Refused, match="no longer refused"):
        take(ExceptionCase.objects.get(), "send_again")


def test_a_message_is_read_again_or_left_with_a_reason():
    message = quarantined("orders/create", "unknown currency")
    swept("quarantined_message")
    take(open_case("quarantined_message"), "read_again")
    assert InboxMessage.objects.get().state == "new"
    assert swept("quarantined_message").closed == 1

    inbox.quarantined([message.pk], ["unknown currency"])
    swept("quarantined_message")
    case = open_case("quarantined_message")
    with pytest.raises(Refused, match="What was done is missing"):
        take(case, "set_aside", reason=" ")
    assert InboxMessage.objects.get().state == "quarantined"

    take(case, "set_aside", reason="entered by hand")

    message.refresh_from_db()
    assert (message.state, message.reason) == ("ignored", "Olga Ops: entered by hand")
    assert swept("quarantined_message").closed == 1


def test_a_hold_is_released():
    order = routed_order()
    holds.place(order_id=order.pk, kind="risk", reason="card", actor=SAM)
    swept("hold_open")

    take(open_case("hold_open"), "release_hold")

    assert not order.holds.filter(released_at=None).exists()
    assert swept("hold_open").closed == 1


def test_an_address_that_only_the_shop_can_mend_says_so():
    make_item("mug")
    make_location("east")
    order = make_order(line("mug"))
    type(order).objects.update(ship_country="")
    routed(order)
    swept("address_missing")

    hindrance = offers(open_case("address_missing"))["release_hold"].hindrance
    assert hindrance == "the address has to come from Shopify"


def test_a_stuck_order_is_moved_on():
    order = routed_order()
    Timer.objects.all().delete()
    swept("stuck_order")

    take(open_case("stuck_order"), "move_on")

    assert set(Timer.objects.values_list("kind", "subject_id")) == {
        ("route", order.pk),
        ("release", order.pk),
    }
    assert swept("stuck_order").closed == 1


def refused_refund() -> Refund:
    refund = approved_refund(shipped_order())
    OutboxIntent.objects.filter(topic="refund.create").update(state="rejected", reason="no")
    return refunds.mark_failed(refund_id=refund.pk, reason="no", actor=OLGA)


def test_a_refused_refund_is_sent_again_or_given_up_as_previewed():
    refund = refused_refund()
    swept("refund_differs", SOON)
    case = open_case("refund_differs")
    assert four_lines(case, "pay_again")[1] == "$10.00 goes back to the customer, once"
    assert four_lines(case, "give_up")[1] == "nothing moves; $10.00 is no longer owed"
    assert offers(case)["accept"].hindrance == "too little went back, not too much"

    take(case, "pay_again", actor=fay())
    assert Refund.objects.get().state == "approved"
    assert swept("refund_differs", SOON).closed == 1

    refunds.mark_failed(refund_id=refund.pk, reason="no", actor=OLGA)
    OutboxIntent.objects.filter(topic="refund.create").update(state="rejected", reason="no")
    swept("refund_differs", SOON)
    take(open_case("refund_differs"), "give_up", actor=fay(), reason="customer keeps it")
    assert columns(refund.order) == (35, 35)
    assert swept("refund_differs", SOON).closed == 1


def test_money_that_moved_outside_is_accepted_as_previewed():
    order = shipped_order()
    take_in(outside(order, "7.00"))
    swept("refund_differs", SOON)
    case = open_case("refund_differs")
    assert four_lines(case, "accept")[1] == "nothing moves; $7.00 that went back counts as owed"

    take(case, "accept", actor=fay(), reason="broken cup")

    assert columns(order) == (28, 28)
    assert swept("refund_differs", SOON).closed == 1


def test_a_proposal_is_approved_by_somebody_who_may():
    refund = refunds.propose(rma_id=inspected(shipped_order()).pk, actor=SAM)
    Refund.objects.update(created_at=clock.now() - timedelta(hours=25))
    swept("refund_waiting")
    case = open_case("refund_waiting")

    with pytest.raises(Refused):
        take(case, "approve", actor=SAM)
    assert Refund.objects.get().state == "proposed"

    take(case, "approve", actor=fay())
    refund.refresh_from_db()
    assert refund.state == "approved"
    assert swept("refund_waiting").closed == 1


def test_a_return_is_not_closed_before_every_unit_is_decided():
    received(shipped_order(), 1, arrived=2)
    swept("return_differs")

    with pytest.raises(Refused, match="not decided"):
        take(open_case("return_differs"), "close")

    assert RMA.objects.get().state == "received"


def test_goods_of_a_cancelled_order_are_asked_back():
    order = shipped_order(2)
    type(order).objects.update(cancelled_at=clock.now())
    OrderLine.objects.update(wanted=0)
    swept("cancelled_after_ship")
    case = open_case("cancelled_after_ship")
    assert four_lines(case, "ask_back")[:2] == (
        "2 units expected back; on the shelf once inspected",
        "$0.00",
    )

    take(case, "ask_back")

    rma = RMA.objects.get()
    assert (rma.state, rma.lines.get().quantity) == ("approved", 2)
    assert swept("cancelled_after_ship").closed == 1
    assert [sentence(event) for event in Event.objects.filter(kind="exception.closed")] == [
        "No longer so: Cancelled in Shopify, but 2 units had already left"
    ]


def test_a_panel_costs_the_same_number_of_queries_with_its_previews(
    django_assert_max_num_queries,
):
    refused_refund()
    swept("refund_differs", SOON)
    case = open_case("refund_differs")

    with django_assert_max_num_queries(6):
        assert len(queries.panel(case.pk).ways) == 3
    assert make_store().pk == case.store_id
