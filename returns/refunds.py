"""Money that goes back: proposed from a return or as goodwill, approved in its cap, sent once."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from babel.numbers import get_currency_precision
from django.db import transaction
from django.db.models import Sum

from oms.core import outbox
from oms.core.actor import Actor
from oms.core.clock import now
from oms.core.errors import Refused
from oms.core.sql import fetch
from oms.core.states import check_move
from oms.orders import money, timeline, words
from oms.orders.locks import lock_orders
from oms.orders.models import Order
from oms.orders.pricing import value_of
from returns.limits import check_second_person
from returns.models import RMA, Refund, RefundLine
from returns.states import OPEN_REFUNDS, REFUND
from returns.states import Money as State

NOTHING = Decimal(0)


@dataclass(slots=True, frozen=True)
class Share:
    """What units of a line are worth in a refund."""

    line_id: int
    quantity: int
    amount: Decimal


@transaction.atomic
def propose(
    *,
    rma_id: int,
    actor: Actor,
    shipping: Decimal = NOTHING,
    reason: str = "",
    in_advance: bool = False,
    request_key: str | None = None,
) -> Refund:
    """Propose the refund of a return: its inspected units at what they cost, to the cent.

    Delivery goes back only when asked. `in_advance` also pays for units that nobody has seen yet.
    """
    rma = RMA.objects.filter(pk=rma_id).first()
    if rma is None:
        raise Refused("This return does not exist.")
    lock_orders([rma.order_id])
    order = Order.objects.get(pk=rma.order_id)

    if timeline.was_recorded(order.pk, request_key):
        return _made_by(order, request_key)
    rma.refresh_from_db()
    if rma.state in (RMA.State.REQUESTED, RMA.State.DECLINED, RMA.State.CANCELLED):
        raise Refused(f"{rma.number} is {rma.state}; only an approved return is refunded.")
    shares = shares_of(rma, order.currency, in_advance=in_advance)
    if not shares:
        raise Refused(
            f"Nothing of {rma.number} is left to refund: inspect the goods first,"
            " or look at the refunds it has."
        )
    _check_shipping(order, shipping)
    owed = sum((share.amount for share in shares), NOTHING) + shipping

    return _propose(
        order,
        owed=owed,
        actor=actor,
        reason=reason or rma.number,
        request_key=request_key,
        shares=shares,
        rma=rma,
        origin=Refund.Origin.RETURN,
        shipping=shipping,
    )


@transaction.atomic
def propose_goodwill(
    *, order_id: int, amount: Decimal, reason: str, actor: Actor, request_key: str | None = None
) -> Refund:
    """Propose to send back an amount that no line asks for, with the reason."""
    lock_orders([order_id])
    order = Order.objects.get(pk=order_id)

    if timeline.was_recorded(order_id, request_key):
        return _made_by(order, request_key)
    if not reason.strip():
        raise Refused("Say what the goodwill is for.")
    _check_digits(amount, order.currency)
    if amount <= 0:
        raise Refused("A refund needs an amount above zero.")

    return _propose(
        order,
        owed=amount,
        actor=actor,
        reason=reason,
        request_key=request_key,
        origin=Refund.Origin.GOODWILL,
    )


@transaction.atomic
def approve(*, refund_id: int, actor: Actor) -> Refund:
    """Owe the money and send it. A second person is needed above what one may do alone.

    Never more goes back than was captured, less what has gone back and what is on its way.
    """
    refund = _locked(refund_id)

    if refund.state in OPEN_REFUNDS:
        return refund
    if refund.state == State.FAILED:
        raise Refused("Shopify refused this refund; send it again, or give it up.")
    check_move(REFUND, current=refund.state, to=State.APPROVED, what="The refund")
    check_second_person(refund, actor)
    _check_cap(refund.order_id, refund.owed, refund.currency)

    refund.state = State.APPROVED
    refund.approved_by = str(actor)
    refund.approved_by_user_id = actor.user_id
    refund.approved_at = now()
    refund.save(update_fields=["state", "approved_by", "approved_by_user", "approved_at"])
    money.post([owed_entry(refund, -refund.owed)], actor=actor)

    record(refund, "refund.approved", actor)
    _publish(refund)
    return refund


@transaction.atomic
def send_again(*, refund_id: int, actor: Actor) -> Refund:
    """Try a refund that Shopify refused once more, if the order has that much to give back."""
    refund = _locked(refund_id)

    if refund.state == State.APPROVED:
        return refund
    if refund.state != State.FAILED:
        raise Refused(f"The refund is {refund.state}; only a refused one can be sent again.")
    _check_cap(refund.order_id, refund.owed, refund.currency)

    refund.state = State.APPROVED
    refund.error = ""
    refund.save(update_fields=["state", "error"])

    record(refund, "refund.approved", actor)
    _publish(refund)
    return refund


@transaction.atomic
def cancel(*, refund_id: int, reason: str, actor: Actor) -> Refund:
    """Give a refund up that was only proposed, or that Shopify refused; it is no longer owed."""
    refund = _locked(refund_id)

    if refund.state == State.CANCELLED:
        return refund
    check_move(REFUND, current=refund.state, to=State.CANCELLED, what="The refund")
    if not reason.strip():
        raise Refused("Say why the refund is not made.")

    refund.state = State.CANCELLED
    refund.save(update_fields=["state"])
    if refund.approved_at:
        money.post([owed_entry(refund, refund.owed, ":cancelled")], actor=actor)

    record(refund, "refund.cancelled", actor, {"reason": reason})
    return refund


@transaction.atomic
def mark_submitted(*, refund_id: int, remote_id: int, actor: Actor) -> Refund:
    """Shopify accepted the refund under this id. What has moved is read from its transactions."""
    refund = _locked(refund_id)

    if refund.state == State.SUBMITTED and refund.remote_id == remote_id:
        return refund
    check_move(REFUND, current=refund.state, to=State.SUBMITTED, what="The refund")

    refund.state = State.SUBMITTED
    refund.remote_id = remote_id
    refund.submitted_at = now()
    refund.error = ""
    refund.save(update_fields=["state", "remote_id", "submitted_at", "error"])

    record(refund, "refund.submitted", actor)
    return refund


@transaction.atomic
def mark_failed(*, refund_id: int, reason: str, actor: Actor) -> Refund:
    """Shopify refused the refund. It stays owed until it is sent again or given up."""
    refund = _locked(refund_id)

    if refund.state in (State.FAILED, State.SUBMITTED):
        return refund
    check_move(REFUND, current=refund.state, to=State.FAILED, what="The refund")

    refund.state = State.FAILED
    refund.error = reason
    refund.save(update_fields=["state", "error"])

    record(refund, "refund.failed", actor, {"reason": reason})
    return refund


def shares_of(rma: RMA, currency: str, *, in_advance: bool = False) -> list[Share]:
    """What the units of a return are worth that no refund has paid for yet. Pure reading."""
    asked = rma.lines.select_related("line").order_by("line__position", "pk")
    paid_here = refunded_units(rma.order_id, rma=rma)
    paid = refunded_units(rma.order_id)
    shares = []
    for row in asked:
        seen = row.quantity - row.missing if in_advance else row.inspected
        quantity = seen - paid_here.get(row.line_id, 0)
        quantity = min(quantity, row.line.ordered - paid.get(row.line_id, 0))
        if quantity > 0:
            already = paid.get(row.line_id, 0)
            amount = value_of(row.line, already=already, quantity=quantity, currency=currency)
            shares.append(Share(row.line_id, quantity, amount))
    return shares


def refunded_units(order_id: int, *, rma: RMA | None = None) -> dict[int, int]:
    """Units by line that refunds pay for, given up ones left out."""
    rows = RefundLine.objects.filter(refund__order_id=order_id)
    rows = rows.exclude(refund__state=State.CANCELLED)
    if rma:
        rows = rows.filter(refund__rma=rma)
    return dict(rows.values_list("line_id").annotate(units=Sum("quantity")))


def left_to_refund(order_id: int) -> Decimal:
    """Captured, less what went back and what is on its way back."""
    (row,) = fetch(_LEFT_TO_REFUND, [order_id, order_id, list(OPEN_REFUNDS)])
    return Decimal(row[0])


def owed_entry(refund: Refund, amount: Decimal, step: str = "") -> money.Entry:
    """One amount of the owed column that this refund causes."""
    return money.Entry(
        refund.store_id,
        refund.order_id,
        money.OWED,
        "refund",
        amount,
        refund.currency,
        f"refund:{refund.pk}{step}",
    )


def record(
    refund: Refund,
    kind: str,
    actor: Actor,
    data: dict[str, Any] | None = None,
    request_key: str | None = None,
) -> None:
    """Record one event with the amount of the refund."""
    facts = {"refund_id": refund.pk, "amount": str(refund.owed), "currency": refund.currency}
    timeline.record(
        store_id=refund.store_id,
        order_id=refund.order_id,
        kind=kind,
        actor=actor,
        data=facts | (data or {}),
        request_key=request_key,
    )


def _propose(
    order: Order,
    *,
    owed: Decimal,
    actor: Actor,
    reason: str,
    origin: str,
    request_key: str | None,
    shares: list[Share] | None = None,
    rma: RMA | None = None,
    shipping: Decimal = NOTHING,
) -> Refund:
    _check_cap(order.pk, owed, order.currency)

    refund = Refund.objects.create(
        store_id=order.store_id,
        order=order,
        rma=rma,
        origin=origin,
        owed=owed,
        shipping=shipping,
        currency=order.currency,
        reason=reason,
        proposed_by=str(actor),
        proposed_by_user_id=actor.user_id,
    )
    RefundLine.objects.bulk_create(
        RefundLine(
            refund=refund, line_id=share.line_id, quantity=share.quantity, amount=share.amount
        )
        for share in shares or []
    )

    record(refund, "refund.proposed", actor, {"reason": reason}, request_key)
    return refund


def _made_by(order: Order, request_key: str | None) -> Refund:
    event = order.events.get(request_key=request_key)
    return Refund.objects.get(pk=event.data["refund_id"])


def _locked(refund_id: int) -> Refund:
    order_id = Refund.objects.filter(pk=refund_id).values_list("order_id", flat=True).first()
    if order_id is None:
        raise Refused("This refund does not exist.")
    lock_orders([order_id])
    return Refund.objects.get(pk=refund_id)


def _publish(refund: Refund) -> None:
    outbox.publish(
        store_id=refund.store_id,
        topic="refund.create",
        key=f"refund:{refund.pk}",
        order_id=refund.order_id,
        params={"refund_id": refund.pk},
    )


def _check_cap(order_id: int, owed: Decimal, currency: str) -> None:
    left = left_to_refund(order_id)
    if owed > left:
        raise Refused(
            f"{words.money(max(left, NOTHING), currency)} can go back on this order,"
            f" not {words.money(owed, currency)}: the rest was not captured or has gone back."
        )


def _check_shipping(order: Order, shipping: Decimal) -> None:
    """Delivery goes back at most once, and not above what it cost."""
    _check_digits(shipping, order.currency)
    if shipping < 0:
        raise Refused("Delivery cannot be refunded below zero.")
    if not shipping:
        return
    charged = order.money.filter(column=money.OWED, cause="delivery").aggregate(t=Sum("amount"))[
        "t"
    ]
    given = order.refunds.exclude(state=State.CANCELLED).aggregate(t=Sum("shipping"))["t"]
    left = (charged or NOTHING) - (given or NOTHING)
    if shipping > left:
        raise Refused(
            f"{words.money(max(left, NOTHING), order.currency)} of the delivery can go back,"
            f" not {words.money(shipping, order.currency)}."
        )


def _check_digits(amount: Decimal, currency: str) -> None:
    if not amount.is_finite():
        raise Refused("An amount is a number.")
    if amount != amount.quantize(Decimal(1).scaleb(-get_currency_precision(currency))):
        raise Refused(f"{amount} has more digits than {currency} knows.")


# A refund of ours keeps its amount until its transactions have moved it; a pending one of them
# is part of that. One of a refund made outside counts by itself.
_LEFT_TO_REFUND = """
WITH paid AS (
    SELECT * FROM orders_paymenttransaction WHERE order_id = %s
), way AS (
    SELECT r.remote_id, r.owed - coalesce((
        SELECT sum(p.amount) FROM paid p WHERE p.refund_remote_id = r.remote_id
          AND p.kind = 'refund' AND p.status = 'success'), 0) AS outstanding
    FROM returns_refund r
    WHERE r.order_id = %s AND r.state = ANY(%s::text[]) AND r.approved_at IS NOT NULL
)
SELECT coalesce((SELECT sum(CASE WHEN kind IN ('sale', 'capture') THEN amount ELSE -amount END)
                 FROM paid WHERE status = 'success'
                   AND kind IN ('sale', 'capture', 'refund', 'change')), 0)
     - coalesce((SELECT sum(greatest(outstanding, 0)) FROM way), 0)
     - coalesce((SELECT sum(p.amount) FROM paid p
                 WHERE p.kind = 'refund' AND p.status = 'pending'
                   AND NOT EXISTS (SELECT 1 FROM way WHERE way.remote_id = p.refund_remote_id)), 0)
"""
