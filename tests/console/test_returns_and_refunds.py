"""Returns are worked on and refunds approved on their pages, each by whom it may."""

from decimal import Decimal

import pytest

from oms.orders import money
from returns import refunds
from returns.models import RMA, Inspection, Refund
from tests.cast import SAM, make_location
from tests.console.people import signed_in, words_of
from tests.returns.goods import (
    approved,
    approved_refund,
    inspected,
    received,
    requested,
    settled,
    shipped_order,
)

pytestmark = pytest.mark.django_db


def test_the_list_and_the_page_say_where_the_return_stands() -> None:
    rma = requested(shipped_order())
    client = signed_in("support")

    assert rma.number in words_of(client.get("/returns/"))
    words = words_of(client.get(f"/returns/{rma.pk}/"))
    assert rma.number in words
    assert "colour differs" in words


def test_support_approves_and_declines() -> None:
    order = shipped_order()
    first, second = requested(order), requested(order)
    client = signed_in("support")

    client.post(f"/returns/{first.pk}/approve/")
    client.post(f"/returns/{second.pk}/decline/", {"reason": "Worn"})

    assert list(RMA.objects.order_by("pk").values_list("state", flat=True)) == [
        "approved",
        "declined",
    ]


def test_a_decline_without_a_reason_is_refused_beside_the_button() -> None:
    rma = requested(shipped_order())

    answer = signed_in("support").post(f"/returns/{rma.pk}/decline/", {"reason": " "}, follow=True)

    rma.refresh_from_db()
    assert rma.state == "requested"
    assert "reason" in words_of(answer).lower()


def test_finance_may_not_touch_goods_and_support_may_not_approve_money() -> None:
    rma = received(shipped_order())
    line = rma.lines.get()
    client = signed_in("finance")
    answer = client.post(
        f"/returns/{rma.pk}/lines/{line.pk}/inspect/",
        {"quantity": "1", "disposition": "restock", "location": make_location("east").pk},
    )
    assert answer.status_code == 403
    assert Inspection.objects.count() == 0

    refund = refunds.propose(rma_id=inspected(shipped_order()).pk, actor=SAM)
    answer = signed_in("support").post(f"/refunds/{refund.pk}/approve/")
    assert answer.status_code == 403
    refund.refresh_from_db()
    assert refund.state == "proposed"


def test_finance_approves_a_proposed_refund_once() -> None:
    order = shipped_order()
    refund = refunds.propose(rma_id=inspected(order).pk, actor=SAM)
    client = signed_in("finance")

    client.post(f"/refunds/{refund.pk}/approve/")
    client.post(f"/refunds/{refund.pk}/approve/")

    refund.refresh_from_db()
    assert refund.state == "approved"
    owed, _ = money.balances([order.pk])[order.pk]
    assert owed == order.total - Decimal("10.00")


def test_the_refund_page_adds_up_and_the_odd_one_stands_out() -> None:
    settled(approved_refund(shipped_order()), "10.00")
    refused = approved_refund(shipped_order())
    settled(refused, "10.00", status="failure")

    words = words_of(signed_in("finance").get("/refunds/"))

    assert refused.order.name in words
    assert "Nothing moved" in words


def test_roles_that_may_not_see_refunds_are_refused_and_strangers_sign_in(client) -> None:
    assert signed_in("ops").get("/refunds/").status_code == 403
    assert client.get("/refunds/").status_code == 302


@pytest.mark.parametrize(
    "path", ["/refunds/?month=junk", "/refunds/?tab=junk&page=-1", "/returns/?q=%00"]
)
def test_odd_addresses_are_answered_calmly(path: str) -> None:
    assert signed_in("admin").get(path).status_code == 200


def test_an_approved_return_waits_for_goods_and_says_so() -> None:
    rma = approved(shipped_order())

    words = words_of(signed_in("ops").get(f"/returns/{rma.pk}/"))

    assert rma.number in words
    assert Refund.objects.count() == 0
