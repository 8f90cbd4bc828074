"""What Shopify says about refunds: ours find their answer, others are taken for what they are."""

from decimal import Decimal

import pytest

from inventory.models import StockEntry
from oms.core.actor import SHOPIFY
from oms.core.errors import NotYet, Refused
from oms.orders.models import PaymentTransaction
from returns import commands, refunds, settlement
from returns.models import Refund
from returns.settlement import record_remote_refund
from tests.cast import FAY, OLGA, line, make_item, make_location, make_order, make_store
from tests.fulfillment.floor import assert_sound, buckets, footprint, sentences, shelf
from tests.returns.goods import (
    approved,
    approved_refund,
    cancelled,
    columns,
    outside,
    received,
    settled,
    shipped_order,
    units,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def mug():
    return make_item("mug")


def take_in(snapshot):
    return record_remote_refund(store_id=make_store().pk, snapshot=snapshot, actor=SHOPIFY)


def test_our_refund_is_known_by_the_key_in_its_note():
    order = shipped_order(3)
    refund = approved_refund(order, 1)

    answer = settled(refund, "10.00")

    assert (answer.pk, answer.state) == (refund.pk, "submitted")
    assert answer.remote_id and answer.submitted_at
    assert Refund.objects.count() == 1
    assert columns(order) == (Decimal("25.00"), Decimal("25.00"))
    assert sentences(order, "refund.submitted") == ["Refund of $10.00 accepted by Shopify"]
    assert_sound()


def test_the_echo_after_the_answer_changes_nothing():
    order = shipped_order(3)
    refund = settled(approved_refund(order, 1), "10.00")
    before = footprint()

    take_in(outside(order, remote_id=refund.remote_id, note="edited by hand"))

    assert footprint() == before
    assert Refund.objects.count() == 1


def test_a_copied_note_on_a_second_refund_is_not_ours():
    order = shipped_order(3)
    refund = settled(approved_refund(order, 1), "10.00")

    twin = take_in(outside(order, "10.00", note=settlement.note_of(refund)))

    assert twin.pk != refund.pk
    assert (twin.origin, twin.owed) == ("outside", Decimal(0))


def test_a_note_that_names_a_refund_of_another_order_is_not_believed():
    refund = approved_refund(shipped_order(3), 1)
    other = shipped_order(1)

    twin = take_in(outside(other, "5.00", note=settlement.note_of(refund)))

    assert (twin.order_id, twin.origin) == (other.pk, "outside")
    refund.refresh_from_db()
    assert refund.state == "approved"


@pytest.mark.parametrize("note", ["[Switchyard refund ]", f"[Switchyard refund {'9' * 40}]"])
def test_a_broken_key_is_only_a_note(note):
    assert take_in(outside(shipped_order(1), "5.00", note=note)).origin == "outside"


def test_a_refund_of_an_order_we_do_not_know_comes_again_later():
    order = make_order()
    snapshot = outside(order, "5.00")
    snapshot.order_remote_id = 999_999

    with pytest.raises(NotYet) as later:
        take_in(snapshot)

    assert later.value.order_remote_id == 999_999
    assert not Refund.objects.exists()


@pytest.mark.parametrize("told_first", ["the order", "the refund"])
def test_cancelled_units_are_owed_back_once_whatever_is_told_first(told_first):
    order = make_order(line("mug", 3))
    snapshot = outside(order, "20.00", lines=[units(order, 2, "20.00", "cancel")])
    if told_first == "the refund":
        refund = take_in(snapshot)
        cancelled(order, 2)
    else:
        cancelled(order, 2)
        refund = take_in(snapshot)

    assert (refund.origin, refund.state, refund.owed) == ("cancel", "submitted", Decimal("20.00"))
    assert columns(order) == (Decimal("15.00"), Decimal("15.00"))
    assert sentences(order, "refund.") == ["Refund of $20.00 for 2 cancelled units"]


def test_the_whole_order_taken_off_takes_its_delivery_with_it():
    order = make_order(line("mug", 3))

    refund = take_in(cancelled(order, 3, amounts=("35.00",), adjustment="5.00"))

    assert refund.owed == Decimal("35.00")
    assert columns(order) == (Decimal(0), Decimal(0))
    assert_sound()


def test_delivery_beside_a_part_of_the_order_is_not_owed():
    order = make_order(line("mug", 3))

    refund = take_in(cancelled(order, 2, amounts=("25.00",), adjustment="5.00"))

    assert refund.owed == Decimal("20.00")
    assert columns(order) == (Decimal("15.00"), Decimal("10.00"))


def test_an_unpaid_order_that_is_cancelled_owes_no_delivery_back():
    order = make_order(line("mug", 1), paid=False)

    take_in(cancelled(order, 1, adjustment="5.00"))

    assert columns(order)[0] == Decimal("5.00")


def test_money_without_a_reason_is_outside_until_a_person_accepts_it():
    order = shipped_order(3)
    refund = take_in(outside(order, "7.00", note="sorry"))
    assert (refund.origin, refund.owed) == ("outside", Decimal(0))
    assert columns(order) == (Decimal("35.00"), Decimal("28.00"))

    with pytest.raises(Refused, match="Say why"):
        settlement.accept_outside(refund_id=refund.pk, reason="", actor=FAY)
    settlement.accept_outside(refund_id=refund.pk, reason="scratched", actor=FAY)
    before = footprint()
    settlement.accept_outside(refund_id=refund.pk, reason="scratched", actor=FAY)

    assert columns(order) == (Decimal("28.00"), Decimal("28.00"))
    assert footprint() == before
    assert sentences(order, "refund.accepted") == [
        "Refund made outside is accepted: $7.00 more is owed; scratched"
    ]
    assert_sound()


def test_a_refund_of_ours_cannot_be_accepted_as_outside():
    refund = approved_refund(shipped_order(3), 1)

    with pytest.raises(Refused, match="was made here"):
        settlement.accept_outside(refund_id=refund.pk, reason="x", actor=FAY)


def test_units_that_shopify_restocked_are_back_once():
    order = shipped_order(3)
    place = make_location("east").remote_id
    snapshot = outside(
        order,
        "10.00",
        lines=[units(order, 1, "10.00", "return", location_remote_id=place)],
    )

    refund = take_in(snapshot)
    take_in(snapshot)

    assert refund.owed == Decimal("10.00")
    assert buckets(order) == {"shipped": 2, "returned": 1}
    assert shelf() == {"on_hand": 98}
    assert StockEntry.objects.filter(document=f"refund:{refund.pk}").count() == 1
    assert_sound()


def test_goods_of_a_return_of_ours_wait_for_the_inspection_even_if_shopify_restocked_them():
    order = shipped_order(3)
    rma = received(order, 1)
    place = make_location("east").remote_id

    refund = take_in(
        outside(
            order,
            "10.00",
            lines=[units(order, 1, "10.00", "return", location_remote_id=place)],
        )
    )

    assert (refund.rma_id, refund.origin, refund.owed) == (rma.pk, "return", Decimal("10.00"))
    assert shelf() == {"on_hand": 97}
    commands.inspect(rma_line_id=rma.lines.get().pk, quantity=1, disposition="restock", actor=OLGA)
    assert shelf() == {"on_hand": 98}
    assert_sound()


def test_a_return_refunded_in_shopify_is_not_refunded_again_here():
    order = shipped_order(3)
    rma = approved(order, 2)
    take_in(outside(order, "20.00", lines=[units(order, 2, "20.00")]))

    with pytest.raises(Refused, match="is left to refund"):
        refunds.propose(rma_id=rma.pk, actor=FAY, in_advance=True)

    assert refunds.left_to_refund(order.pk) == Decimal("15.00")
    assert_sound()


def test_the_transactions_of_a_refund_come_in_with_it():
    order = shipped_order(3)

    refund = take_in(outside(order, "6.00", "4.00"))

    moved = PaymentTransaction.objects.filter(refund_remote_id=refund.remote_id)
    assert sorted(t.amount for t in moved) == [Decimal("4.00"), Decimal("6.00")]
    assert settlement.moved_by(refund) == Decimal("10.00")


def test_units_cancelled_before_they_were_paid_do_not_count_against_the_cap():
    order = make_order(line("mug", 2), paid=False)
    take_in(cancelled(order, 1))

    assert refunds.left_to_refund(order.pk) == Decimal(0)
    assert columns(order) == (Decimal("15.00"), Decimal(0))
