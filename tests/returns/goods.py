"""Returns and refunds brought to a stage, through the same commands that the product uses."""

import itertools
from datetime import timedelta
from decimal import Decimal

from oms import flow
from oms.core.actor import SHOPIFY, of_user
from oms.orders import payments
from oms.orders.intake import Withdrawal
from oms.orders.models import Order
from oms.orders.money import balances
from oms.orders.snapshots import RefundLineSnapshot, RefundSnapshot, TransactionSnapshot
from returns import commands, refunds
from returns.commands import Asked
from returns.models import RMA, Refund
from returns.settlement import note_of, record_remote_refund
from tests.cast import NOON, OLGA, SAM, line, make_item, make_location, make_order, make_user, stock
from tests.fulfillment.floor import routed, shipped

_remote_ids = itertools.count(80_001)


def shipped_order(quantity: int = 3, *, currency: str = "USD", **line_fields) -> Order:
    """An order of one line of mugs that has left East."""
    stock(make_item("mug"), make_location("east"), 100)
    order = make_order(line("mug", quantity, **line_fields), currency=currency)
    shipped(routed(order))
    return order


def cancelled(order: Order, quantity: int, **fields) -> RefundSnapshot:
    """Units taken off in Shopify before they left: the order lets go of them, a refund follows."""
    line = order.lines.get()
    flow.withdraw(
        order_id=order.pk,
        withdrawals=[Withdrawal(order.pk, line.pk, quantity)],
        actor=SHOPIFY,
    )
    amount = str(line.unit_price * quantity)
    return outside(order, lines=[units(order, quantity, amount, "cancel")], **fields)


def requested(order: Order, quantity: int = 1, **fields) -> RMA:
    asked = [Asked(order.lines.first().pk, quantity, "colour differs")]
    return commands.request(order_id=order.pk, lines=asked, actor=SAM, **fields)


def approved(order: Order, quantity: int = 1, **fields) -> RMA:
    return commands.approve(rma_id=requested(order, quantity, **fields).pk, actor=SAM)


def received(order: Order, quantity: int = 1, arrived: int | None = None) -> RMA:
    rma = approved(order, quantity)
    return commands.receive(
        rma_id=rma.pk,
        quantities={rma.lines.get().pk: quantity if arrived is None else arrived},
        location_id=make_location("east").pk,
        actor=OLGA,
    )


def inspected(order: Order, quantity: int = 1, disposition: str = "restock") -> RMA:
    rma = received(order, quantity)
    commands.inspect(
        rma_line_id=rma.lines.get().pk, quantity=quantity, disposition=disposition, actor=OLGA
    )
    return RMA.objects.get(pk=rma.pk)


def approved_refund(order: Order, quantity: int = 1) -> Refund:
    """Proposed by Sam, approved by Fay."""
    refund = refunds.propose(rma_id=inspected(order, quantity).pk, actor=sam())
    return refunds.approve(refund_id=refund.pk, actor=fay())


def settled(refund: Refund, *amounts: str, status: str = "success") -> Refund:
    """Shopify's word on a refund of ours: accepted, with transactions of these amounts."""
    remote_id = refund.remote_id or next(_remote_ids)
    snapshot = outside(
        refund.order, *amounts, remote_id=remote_id, note=note_of(refund), status=status
    )
    return record_remote_refund(store_id=refund.store_id, snapshot=snapshot, actor=SHOPIFY)


def outside(
    order: Order,
    *moved: str,
    amounts: tuple[str, ...] = (),
    lines: list[RefundLineSnapshot] | None = None,
    remote_id: int | None = None,
    note: str = "",
    status: str = "success",
    adjustment: str = "0",
    hours: int = 1,
) -> RefundSnapshot:
    """A refund as Shopify reports it."""
    remote_id = remote_id or next(_remote_ids)
    at = NOON + timedelta(hours=hours)
    return RefundSnapshot(
        remote_id=remote_id,
        order_remote_id=order.remote_id,
        created_at=at,
        note=note,
        lines=lines or [],
        transactions=[
            gateway(order, amount, remote_id, status=status) for amount in (moved or amounts)
        ],
        adjustment=Decimal(adjustment),
    )


def gateway(
    order: Order,
    amount: str,
    refund_remote_id: int | None,
    *,
    status: str = "success",
    hours: int = 1,
) -> TransactionSnapshot:
    return TransactionSnapshot(
        remote_id=next(_remote_ids) + 5_000_000,
        order_remote_id=order.remote_id,
        parent_remote_id=order.remote_id + 1_000_000,
        kind="refund",
        status=status,
        gateway="bogus",
        amount=Decimal(amount),
        currency=order.currency,
        processed_at=NOON + timedelta(hours=hours),
        error="card is disabled" if status == "failure" else "",
        refund_remote_id=refund_remote_id,
    )


def at_the_gateway(order: Order, amount: str, **fields) -> None:
    """Money moved back at the gateway with no refund in Shopify."""
    transactions = [gateway(order, amount, None, **fields)]
    payments.record(store_id=order.store_id, transactions=transactions, actor=SHOPIFY)


def units(order: Order, quantity: int, amount: str, restock: str = "no_restock", **fields):
    """One line of a refund as Shopify reports it."""
    values = {
        "line_remote_id": order.lines.first().remote_id,
        "quantity": quantity,
        "restock": restock,
        "location_remote_id": None,
        "amount": Decimal(amount),
        "tax": Decimal(0),
    }
    return RefundLineSnapshot(**(values | fields))


def columns(order: Order) -> tuple[Decimal, Decimal]:
    return balances([order.pk])[order.pk]


def sam():
    return of_user(make_user("sam", "support"))


def fay():
    return of_user(make_user("fay", "finance"))
