"""The returns desk of the demo: approves, receives, inspects and refunds."""

from collections.abc import Callable
from datetime import timedelta

from oms.core.actor import Actor
from oms.core.clock import now
from oms.core.errors import Refused
from oms.fulfillment.models import FulfillmentOrder
from returns import commands, refunds
from returns.models import RMA, Inspection, Refund, RMALine

CLERK = Actor("user", "Sam Okafor, returns desk")
CASHIER = Actor("user", "Fay Adeyemi, finance")

# Of so many units that come back one is damaged.
DAMAGED_EVERY = 7
BATCH = 20


def work(seconds: float) -> int:
    """Move each open return one step on, once it has been there for so long; return how many."""
    return (
        _each(RMA.State.REQUESTED, "requested_at", seconds, _approve)
        + _each(RMA.State.APPROVED, "approved_at", seconds, _receive)
        + _each(RMA.State.RECEIVED, "received_at", seconds, _inspect)
        + _each(RMA.State.INSPECTED, "inspected_at", seconds, _refund_and_close)
    )


def _each(state: str, since: str, seconds: float, step: Callable[[RMA], None]) -> int:
    due = RMA.objects.filter(state=state, **{f"{since}__lte": now() - timedelta(seconds=seconds)})
    count = 0
    for rma in due.order_by("pk")[:BATCH]:
        try:
            step(rma)
            count += 1
        except Refused:
            # Somebody at a screen was quicker, or the case needs a person: the queue has it.
            continue
    return count


def _approve(rma: RMA) -> None:
    commands.approve(rma_id=rma.pk, actor=CLERK)


def _receive(rma: RMA) -> None:
    """Everything arrives at the place that shipped the first piece of the order."""
    location_id = (
        FulfillmentOrder.objects.filter(order_id=rma.order_id, state="shipped")
        .order_by("pk")
        .values_list("location_id", flat=True)
        .first()
    )
    if location_id is None:
        raise Refused("Nothing of this order was shipped by us.")
    commands.receive(
        rma_id=rma.pk,
        quantities=dict(rma.lines.values_list("pk", "quantity")),
        location_id=location_id,
        actor=CLERK,
        request_key=f"crew:{rma.pk}:receive",
    )


def _inspect(rma: RMA) -> None:
    for line in rma.lines.order_by("pk"):
        left = line.received - line.inspected
        if left <= 0:
            continue
        damaged = 1 if line.pk % DAMAGED_EVERY == 0 else 0
        _decide(line, damaged, Inspection.Disposition.DAMAGED)
        _decide(line, left - damaged, Inspection.Disposition.RESTOCK)


def _decide(line: RMALine, quantity: int, disposition: str) -> None:
    if quantity > 0:
        commands.inspect(
            rma_line_id=line.pk,
            quantity=quantity,
            disposition=disposition,
            actor=CLERK,
            request_key=f"crew:{line.pk}:{disposition}",
        )


def _refund_and_close(rma: RMA) -> None:
    refund = rma.refunds.exclude(state=Refund.State.CANCELLED).first()
    if refund is None:
        refund = refunds.propose(rma_id=rma.pk, actor=CLERK, request_key=f"crew:{rma.pk}:refund")
    if refund.state == Refund.State.PROPOSED:
        refunds.approve(refund_id=refund.pk, actor=CASHIER)
    commands.close(rma_id=rma.pk, actor=CLERK)
