"""What Shopify says about refunds: ours find their answer, others are taken in as made outside."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from babel.numbers import get_currency_precision
from django.db import transaction

from inventory.commands import take_back
from inventory.models import Location
from oms.core.actor import Actor
from oms.core.clock import now
from oms.core.errors import NotYet, Refused
from oms.core.sql import fetch
from oms.orders import money, payments, units
from oms.orders.locks import lock_orders
from oms.orders.models import Order, OrderLine
from oms.orders.snapshots import RefundLineSnapshot, RefundSnapshot
from returns.commands import returnable
from returns.models import RMA, Refund, RefundLine
from returns.refunds import NOTHING, mark_submitted, owed_entry, record, refunded_units
from returns.states import Money as State

CANCELLED, RETURNED = "cancel", "return"
_KEY = re.compile(r"\[Switchyard refund (\d+)\]")


@transaction.atomic
def record_remote_refund(*, store_id: int, snapshot: RefundSnapshot, actor: Actor) -> Refund:
    """Take in a refund as Shopify recorded it, with its transactions. A repeat changes nothing.

    One of ours is found by its remote id or by the key in its note. Any other becomes a refund of
    origin outside, cancel or return: it owes what its units cancelled or brought back are worth;
    the rest is money that left without a reason we know, until a person accepts it.
    """
    order = Order.objects.filter(store_id=store_id, remote_id=snapshot.order_remote_id).first()
    if order is None:
        raise NotYet("This refund is for an order we do not know yet.", snapshot.order_remote_id)
    lock_orders([order.pk])

    refund = _ours(order, snapshot)
    if refund is None:
        refund = _take_in(order, snapshot, actor)
    elif refund.state in (State.APPROVED, State.FAILED):
        refund = mark_submitted(refund_id=refund.pk, remote_id=snapshot.remote_id, actor=actor)
    payments.record(store_id=store_id, transactions=snapshot.transactions, actor=actor)
    return refund


@transaction.atomic
def accept_outside(*, refund_id: int, reason: str, actor: Actor) -> Refund:
    """Agree with money that moved outside: what moved beyond what lines owe is owed from now on."""
    refund = Refund.objects.filter(pk=refund_id).first()
    if refund is None:
        raise Refused("This refund does not exist.")
    lock_orders([refund.order_id])
    refund.refresh_from_db()

    if refund.origin not in (Refund.Origin.OUTSIDE, Refund.Origin.CANCEL):
        raise Refused("This refund was made here; approve or cancel it instead.")
    more = moved_by(refund) - refund.owed
    if more <= 0:
        return refund
    if not reason.strip():
        raise Refused("Say why the money that moved outside is right.")

    refund.owed += more
    refund.approved_by = str(actor)
    refund.approved_by_user_id = actor.user_id
    refund.approved_at = now()
    refund.save(update_fields=["owed", "approved_by", "approved_by_user", "approved_at"])
    money.post([owed_entry(refund, -more, f":accepted:{refund.owed}")], actor=actor)

    record(refund, "refund.accepted", actor, {"amount": str(more), "reason": reason})
    return refund


def note_of(refund: Refund) -> str:
    """The note to send with a refund: the reason, and the key that its echo is known by."""
    return f"{refund.reason} [Switchyard refund {refund.pk}]".strip()


def moved_by(refund: Refund) -> Decimal:
    """What the transactions of this refund have moved so far."""
    (row,) = fetch(
        "SELECT coalesce(sum(amount), 0) FROM orders_paymenttransaction"
        " WHERE order_id = %s AND refund_remote_id = %s AND kind = 'refund' AND status = 'success'",
        [refund.order_id, refund.remote_id],
    )
    return Decimal(row[0])


def _ours(order: Order, snapshot: RefundSnapshot) -> Refund | None:
    if known := order.refunds.filter(remote_id=snapshot.remote_id).first():
        return known
    key = _KEY.search(snapshot.note)
    if key is None or len(key[1]) > 18:
        return None
    # Only while it waits for its answer: a copied note on a second refund is not ours.
    waiting = order.refunds.filter(remote_id=None, state__in=(State.APPROVED, State.FAILED))
    return waiting.filter(pk=int(key[1])).first()


def _take_in(order: Order, snapshot: RefundSnapshot, actor: Actor) -> Refund:
    lines = {line.remote_id: line for line in order.lines.all()}
    told = [row for row in snapshot.lines if row.line_remote_id in lines]
    rma = _return_of(order, [(lines[row.line_remote_id], row) for row in told])
    taken_off = _taken_off(order, snapshot, lines, told, rma)

    refund = Refund.objects.create(
        store_id=order.store_id,
        order=order,
        rma=rma,
        remote_id=snapshot.remote_id,
        origin=_origin(told, rma),
        state=State.SUBMITTED,
        owed=taken_off.owed,
        currency=order.currency,
        reason=snapshot.note,
        proposed_by=str(actor),
        created_at=snapshot.created_at,
        submitted_at=snapshot.created_at,
    )
    quantities: Counter[int] = Counter()
    amounts: dict[int, Decimal] = {}
    restocks: dict[int, str] = {}
    for row in told:
        line = lines[row.line_remote_id]
        quantities[line.pk] += row.quantity
        amounts[line.pk] = amounts.get(line.pk, NOTHING) + _amount(line, row)
        restocks[line.pk] = row.restock
    RefundLine.objects.bulk_create(
        RefundLine(
            refund=refund,
            line_id=line_id,
            quantity=quantity,
            amount=amounts[line_id],
            restock=restocks[line_id],
        )
        for line_id, quantity in quantities.items()
    )
    _bring_back(order, refund, lines, told, actor)
    money.post([owed_entry(refund, taken_off.posted - taken_off.owed)], actor=actor)

    cancelled = sum(row.quantity for row in told if row.restock == CANCELLED)
    record(
        refund,
        "refund.cancelled_units" if refund.origin == Refund.Origin.CANCEL else "refund.outside",
        actor,
        {"units": cancelled},
    )
    return refund


def _origin(told: Sequence[RefundLineSnapshot], rma: RMA | None) -> str:
    if told and all(row.restock == CANCELLED for row in told):
        return Refund.Origin.CANCEL
    return Refund.Origin.RETURN if rma else Refund.Origin.OUTSIDE


@dataclass(slots=True)
class _TakenOff:
    """What is owed back because of a refund, and how much of it others have posted already."""

    owed: Decimal = NOTHING
    # Cancelled units leave the owed column when they are cancelled, whoever is told first.
    posted: Decimal = NOTHING


def _taken_off(
    order: Order,
    snapshot: RefundSnapshot,
    lines: dict[int, OrderLine],
    told: Sequence[RefundLineSnapshot],
    rma: RMA | None,
) -> _TakenOff:
    """What the customer gets back for a reason we know: units cancelled, back, or in a return.

    Delivery and other adjustments count only when the whole order was paid and taken off.
    """
    result = _TakenOff()
    taken = Counter(refunded_units(order.pk))
    for row in told:
        line = lines[row.line_remote_id]
        if rma or row.restock in (CANCELLED, RETURNED):
            free = max(line.ordered - taken[line.pk], 0)
            worth = _amount(line, row)
            if free < row.quantity:
                step = Decimal(1).scaleb(-get_currency_precision(order.currency))
                worth = (worth * free / row.quantity).quantize(step, ROUND_DOWN)
            result.owed += worth
            result.posted += worth if row.restock == CANCELLED else NOTHING
        taken[line.pk] += row.quantity
    whole_order = all(taken[line.pk] >= line.ordered for line in lines.values())
    if result.owed and whole_order and snapshot.transactions:
        result.owed = max(result.owed + snapshot.adjustment, result.posted)
    return result


def _return_of(order: Order, told: Sequence[tuple[OrderLine, RefundLineSnapshot]]) -> RMA | None:
    """The return that all these units belong to, as far as no refund has paid for them yet."""
    if not told or any(row.restock == CANCELLED for _, row in told):
        return None
    allowed = order.rmas.exclude(
        state__in=(RMA.State.REQUESTED, RMA.State.DECLINED, RMA.State.CANCELLED)
    )
    for rma in allowed.order_by("pk"):
        paid = refunded_units(order.pk, rma=rma)
        free = {
            line_id: quantity - paid.get(line_id, 0)
            for line_id, quantity in rma.lines.values_list("line_id", "quantity")
        }
        if all(row.quantity <= free.get(line.pk, 0) for line, row in told):
            return rma
    return None


def _bring_back(
    order: Order,
    refund: Refund,
    lines: dict[int, OrderLine],
    told: Sequence[RefundLineSnapshot],
    actor: Actor,
) -> None:
    """Units that Shopify put back on a shelf, unless a return of ours decides about them."""
    free = returnable(order.pk)
    places = dict(Location.objects.filter(store_id=order.store_id).values_list("remote_id", "pk"))
    for row in told:
        line = lines[row.line_remote_id]
        quantity = min(row.quantity, free.get(line.pk, 0))
        if refund.rma_id or row.restock != RETURNED or quantity < 1:
            continue
        free[line.pk] -= quantity
        units.move([units.Move(line.pk, "shipped", "returned", quantity)])
        place_id = places.get(row.location_remote_id)
        if line.item_id and row.location_remote_id and place_id:
            take_back(
                store_id=order.store_id,
                item_id=line.item_id,
                location_id=place_id,
                quantity=quantity,
                bucket="on_hand",
                document=f"refund:{refund.pk}",
                actor=actor,
            )


def _amount(line: OrderLine, row: RefundLineSnapshot) -> Decimal:
    """What Shopify says the units are worth; the tax beside it only when it is not inside."""
    return row.amount + (row.tax if line.tax else NOTHING)
