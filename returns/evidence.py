"""The facts behind a row of the reconciliation: intent, Shopify refund, gateway, goods.

A fixed number of queries for however many rows are shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.db.models import Q, QuerySet

from oms.orders.models import PaymentTransaction
from returns.models import RMA, Inspection, Refund, RefundLine, RMALine
from returns.reconciliation import Refunded

NOT_SUBMITTED = (Refund.State.APPROVED, Refund.State.FAILED)


@dataclass(slots=True, frozen=True)
class PaidUnits:
    """Units that a refund pays for, and what Shopify did with them if it said so."""

    sku: str
    quantity: int
    amount: Decimal
    restock: str


@dataclass(slots=True, frozen=True)
class Moved:
    """One transaction at the gateway."""

    gateway: str
    amount: Decimal
    status: str
    processed_at: datetime
    error: str


@dataclass(slots=True, frozen=True)
class Decided:
    """What became of units that came back."""

    sku: str
    quantity: int
    disposition: str
    place: str
    by: str
    at: datetime


@dataclass(slots=True)
class Evidence:
    """What each side says about one refund. An empty part means that side has said nothing."""

    refund: Refund | None = None
    rma: RMA | None = None
    intent: list[PaidUnits] = field(default_factory=list)
    gateway: list[Moved] = field(default_factory=list)
    goods: list[Decided] = field(default_factory=list)
    undecided: int = 0

    @property
    def broken_joint(self) -> str:
        """Where the chain intent, shopify, gateway, goods breaks first; empty when it holds."""
        if self.refund is None:
            return "shopify"
        if self.refund.state in NOT_SUBMITTED:
            return "shopify"
        moved = sum((t.amount for t in self.gateway if t.status == "success"), Decimal(0))
        if moved != self.refund.owed:
            return "gateway"
        return "goods" if self.undecided else ""


def evidence(rows: Sequence[Refunded]) -> list[Evidence]:
    """The facts of each row, in the order of the rows: six queries."""
    refunds = Refund.objects.select_related("rma").in_bulk(
        [row.refund_id for row in rows if row.refund_id]
    )
    facts = []
    for row in rows:
        refund = refunds.get(row.refund_id) if row.refund_id else None
        facts.append(Evidence(refund=refund, rma=refund.rma if refund else None))
    _add_intent(facts)
    _add_gateway(rows, facts)
    _add_goods(facts)
    return facts


def _add_intent(facts: list[Evidence]) -> None:
    lines = RefundLine.objects.filter(refund__in=[f.refund.pk for f in facts if f.refund])
    of_refund: dict[int, list[PaidUnits]] = {}
    for line in lines.select_related("line").order_by("line__position", "pk"):
        paid = PaidUnits(line.line.sku or line.line.title, line.quantity, line.amount, line.restock)
        of_refund.setdefault(line.refund_id, []).append(paid)
    for fact in facts:
        if fact.refund:
            fact.intent = of_refund.get(fact.refund.pk, [])


def _add_gateway(rows: Sequence[Refunded], facts: list[Evidence]) -> None:
    """Transactions of a refund, or the single one that has none. Two of a refund stay apart."""
    remote_ids = [f.refund.remote_id for f in facts if f.refund and f.refund.remote_id]
    alone = [row.transaction_id for row in rows if row.transaction_id]
    moved = PaymentTransaction.objects.filter(
        Q(order__in={row.order_id for row in rows}, refund_remote_id__in=remote_ids)
        | Q(pk__in=alone)
    )
    by_refund: dict[int, list[Moved]] = {}
    by_id: dict[int, Moved] = {}
    for t in moved.order_by("processed_at", "pk"):
        seen = Moved(t.gateway, t.amount, t.status, t.processed_at, t.error)
        by_id[t.pk] = seen
        if t.refund_remote_id:
            by_refund.setdefault(t.refund_remote_id, []).append(seen)
    for row, fact in zip(rows, facts, strict=True):
        if row.transaction_id:
            fact.gateway = [by_id[row.transaction_id]]
        elif fact.refund and fact.refund.remote_id:
            fact.gateway = by_refund.get(fact.refund.remote_id, [])


def _add_goods(facts: list[Evidence]) -> None:
    rma_ids = {f.rma.pk for f in facts if f.rma}
    decided: dict[int, list[Decided]] = {}
    for i in _inspections(rma_ids):
        units = Decided(
            i.rma_line.line.sku or i.rma_line.line.title,
            i.quantity,
            i.get_disposition_display(),
            i.location.name,
            i.inspected_by,
            i.at,
        )
        decided.setdefault(i.rma_line.rma_id, []).append(units)
    undecided: dict[int, int] = {}
    for line in RMALine.objects.filter(rma__in=rma_ids):
        left = line.quantity - line.inspected - line.missing
        undecided[line.rma_id] = undecided.get(line.rma_id, 0) + left
    for fact in facts:
        if fact.rma:
            fact.goods = decided.get(fact.rma.pk, [])
            fact.undecided = undecided.get(fact.rma.pk, 0)


def _inspections(rma_ids: set[int]) -> QuerySet[Inspection]:
    return (
        Inspection.objects.filter(rma_line__rma__in=rma_ids)
        .select_related("rma_line__line", "location")
        .order_by("at", "pk")
    )
