"""Returns, refunds and cancellations are told once; money above all."""

from decimal import Decimal

import pytest

from oms.core import outbox
from oms.core.actor import SHOPIFY
from oms.orders.models import Order
from oms.shopify import push_money
from returns import commands as returns
from returns import refunds
from returns.models import RMA, Refund
from tests.cast import FAY, OLGA, SAM
from tests.shopify.live import Live, states
from tests.shopify.test_push_work import LOST_ANSWERS, NOTHING_DONE


def shipped_order(live: Live, **units: int) -> Order:
    """An order that has left, on both sides."""
    order = live.bring_in(live.place(**units))
    for number, work in enumerate(live.route(order)):
        live.push_all()
        live.ship(work, tracking=f"1Z{order.pk}{number}")
    live.push_all()
    return order


def approved_return(order: Order, quantity: int = 1) -> RMA:
    line = order.lines.get(sku="mug")
    rma = returns.request(
        order_id=order.pk, lines=[returns.Asked(line.pk, quantity, "chipped")], actor=SAM
    )
    return returns.approve(rma_id=rma.pk, actor=SAM)


def inspected_return(order: Order, quantity: int = 1, disposition: str = "restock") -> RMA:
    rma = approved_return(order, quantity)
    line = rma.lines.get()
    place = order.fulfillment_orders.first().location
    returns.receive(rma_id=rma.pk, quantities={line.pk: quantity}, location_id=place.pk, actor=OLGA)
    returns.inspect(
        rma_line_id=line.pk,
        quantity=quantity,
        disposition=disposition,
        location_id=place.pk,
        actor=OLGA,
    )
    return rma


def approved_refund(order: Order, rma: RMA) -> Refund:
    refund = refunds.propose(rma_id=rma.pk, actor=SAM)
    return refunds.approve(refund_id=refund.pk, actor=FAY)


@pytest.mark.parametrize("fault", [None, *LOST_ANSWERS, *NOTHING_DONE])
def test_a_return_is_opened_once(live: Live, fault):
    order = shipped_order(live, mug=2)
    rma = approved_return(order)
    if fault:
        live.shop.faults.switch_on(fault, count=1, only="returnCreate")

    live.push_all()
    (remote,) = live.remote(order)["returns"]["nodes"]
    rma.refresh_from_db()
    assert remote == {"id": f"gid://shopify/Return/{rma.remote_id}", "status": "OPEN"}
    assert rma.lines.get().remote_id


@pytest.mark.parametrize("fault", [None, *LOST_ANSWERS, *NOTHING_DONE])
def test_money_goes_back_once(live: Live, fault):
    order = shipped_order(live, mug=2)
    refund = approved_refund(order, inspected_return(order))
    if fault:
        live.shop.faults.switch_on(fault, count=1, only="refundCreate")

    live.push_all()
    refund.refresh_from_db()
    (remote,) = live.remote(order)["refunds"]
    assert remote["id"] == f"gid://shopify/Refund/{refund.remote_id}"
    assert Decimal(remote["totalRefundedSet"]["shopMoney"]["amount"]) == refund.owed
    assert refund.state == "submitted"
    assert states()["refund.create"] == "applied"


def test_a_refund_whose_answer_was_lost_for_days_is_found_by_its_note(live: Live):
    order = shipped_order(live, mug=2)
    refund = approved_refund(order, inspected_return(order))
    # The client asks a keyed mutation again by itself; here every answer is lost.
    live.shop.faults.switch_on("html_after", only="refundCreate")
    live.push(2)
    assert states()["refund.create"] == "unknown"
    live.shop.faults.switch_off("html_after")
    # Shopify forgets keys after a day.
    for key in live.shop.store.all("IdempotencyKey"):
        key["created_at"] = "2026-01-01T00:00:00+00:00"

    live.push_all()
    assert len(live.remote(order)["refunds"]) == 1
    refund.refresh_from_db()
    assert refund.state == "submitted"


def test_the_echo_of_our_refund_makes_no_second_one(live: Live):
    order = shipped_order(live, mug=2)
    refund = approved_refund(order, inspected_return(order))
    live.push_all()

    live.bring_in(order.remote_id)
    refund.refresh_from_db()
    assert Refund.objects.get() == refund
    moved = order.transactions.get(kind="refund")
    assert (moved.amount, moved.refund_remote_id) == (refund.owed, refund.remote_id)


def test_a_refund_that_shopify_refuses_has_failed_with_its_words(live: Live):
    order = shipped_order(live, mug=2)
    refund = approved_refund(order, inspected_return(order))
    # Somebody gives everything back in Shopify meanwhile.
    live.run(
        """
        mutation All($input: RefundInput!) {
          refundCreate(input: $input) @idempotent(key: "somebody") { userErrors { message } }
        }
        """,
        input={
            "orderId": f"gid://shopify/Order/{order.remote_id}",
            "transactions": [
                {
                    "orderId": f"gid://shopify/Order/{order.remote_id}",
                    "parentId": f"gid://shopify/OrderTransaction/{order.transactions.get().remote_id}",
                    "kind": "REFUND",
                    "gateway": "bogus",
                    "amount": "25.00",
                }
            ],
        },
    )

    live.push_all()
    refund.refresh_from_db()
    assert refund.state == "failed"
    assert "less than is to be given back" in refund.error
    assert states()["refund.create"] == "rejected"
    assert len(live.remote(order)["refunds"]) == 1


def test_a_refused_refund_can_be_sent_again_when_its_cause_is_gone(live: Live):
    order = shipped_order(live, mug=2)
    refund = approved_refund(order, inspected_return(order))
    live.run(
        """
        mutation Update($input: RefundInput!) {
          refundCreate(input: $input) @idempotent(key: "somebody") { userErrors { message } }
        }
        """,
        input={
            "orderId": f"gid://shopify/Order/{order.remote_id}",
            "refundLineItems": [
                {
                    "lineItemId": f"gid://shopify/LineItem/{order.lines.get().remote_id}",
                    "quantity": 2,
                }
            ],
        },
    )
    live.push_all()
    refund.refresh_from_db()
    assert (refund.state, states()["refund.create"]) == ("failed", "rejected")
    assert "purchased" in refund.error

    for stored in live.shop.store.all("Order"):
        stored["lines"][0]["refunded"] = 0
    refunds.send_again(refund_id=refund.pk, actor=FAY)
    live.push_all()
    refund.refresh_from_db()
    assert refund.state == "submitted"


def test_the_amount_is_spread_over_the_payments_that_hold_it():
    def payment(number, kind, amount, parent=None):
        return {
            "id": f"gid://shopify/OrderTransaction/{number}",
            "kind": kind,
            "status": "SUCCESS",
            "gateway": f"g{number}",
            "amountSet": {"shopMoney": {"amount": amount}},
            "parentTransaction": parent and {"id": f"gid://shopify/OrderTransaction/{parent}"},
        }

    rows = push_money.transactions_for(
        Decimal("12.50"),
        "gid://shopify/Order/1",
        [
            payment(1, "SALE", "10.00"),
            payment(2, "AUTHORIZATION", "99.00"),
            payment(3, "CAPTURE", "8.00", 2),
            payment(4, "REFUND", "3.00", 3),
        ],
    )
    assert [(row["parentId"][-1], row["gateway"], row["amount"]) for row in rows] == [
        ("3", "g3", "5.00"),
        ("1", "g1", "7.50"),
    ]


def test_a_return_that_was_asked_for_in_shopify_is_approved_there(live: Live):
    order = shipped_order(live, mug=2)
    remote_id = live.request_return(order)
    outbox.publish(
        store_id=live.store.pk,
        topic="return.fetch",
        key=f"return:{remote_id}",
        params={"remote_id": remote_id},
    )
    live.push_all()
    rma = RMA.objects.get()
    assert (rma.state, rma.remote_id) == ("requested", remote_id)
    assert rma.lines.get().quantity == 1

    returns.approve(rma_id=rma.pk, actor=SAM)
    live.push_all()
    assert live.remote(order)["returns"]["nodes"][0]["status"] == "OPEN"
    assert states()["return.approve"] == "applied"


def test_a_return_is_declined_with_the_reason(live: Live):
    order = shipped_order(live, mug=2)
    remote_id = live.request_return(order)
    line = order.lines.get()
    rma = returns.request(
        order_id=order.pk,
        lines=[returns.Asked(line.pk, 1)],
        actor=SHOPIFY,
        remote_id=remote_id,
    )
    returns.decline(rma_id=rma.pk, reason="Worn for a year", actor=SAM)

    live.push_all()
    assert live.remote(order)["returns"]["nodes"][0]["status"] == "DECLINED"


def test_a_return_is_closed_and_saying_so_again_is_quiet(live: Live):
    order = shipped_order(live, mug=2)
    rma = inspected_return(order)
    live.push_all()
    returns.close(rma_id=rma.pk, actor=SAM)
    live.push_all()
    assert live.remote(order)["returns"]["nodes"][0]["status"] == "CLOSED"

    outbox.publish(
        store_id=live.store.pk,
        topic="return.close",
        key=f"rma:{rma.pk}:close",
        order_id=order.pk,
        params={"rma_id": rma.pk},
    )
    live.push_all()
    assert live.intent("return.close").answer == "already so"


@pytest.mark.parametrize("fault", [None, *LOST_ANSWERS])
def test_a_cancelled_order_is_done_when_shopify_shows_it(live: Live, fault):
    order = live.bring_in(live.place(mug=1))
    outbox.publish(
        store_id=live.store.pk,
        topic="order.cancel",
        key=f"order:{order.pk}",
        order_id=order.pk,
        params={"reason": "CUSTOMER", "refund": True, "note": "asked by phone"},
    )
    if fault:
        live.shop.faults.switch_on(fault, count=1, only="orderCancel")

    live.push()
    assert states()["order.cancel"] == "unknown"
    live.shop.cancel_jobs.finish_all()
    live.push()
    assert states()["order.cancel"] == "applied"
    remote = live.remote(order)
    assert remote["cancelledAt"]
    assert len(remote["refunds"]) == 1
