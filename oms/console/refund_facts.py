"""The facts of one refund from left to right: intent, Shopify, gateway, goods; = or ≠ between."""

from dataclasses import dataclass, field
from decimal import Decimal
from zoneinfo import ZoneInfo

from oms.console.refund_page import ListRow
from oms.orders import words
from oms.orders.models import PaymentTransaction
from returns.models import Inspection, Refund
from returns.reconciliation import Period, Refunded

NOTHING = Decimal(0)


@dataclass(slots=True)
class Fact:
    """One of the facts of a refund; `joint` says whether the one before it agrees."""

    title: str
    question: str
    value: str
    notes: list[tuple[str, bool]] = field(default_factory=list)
    joint: str = ""

    @property
    def broken(self) -> bool:
        return self.joint == "≠"


@dataclass(slots=True)
class Opened:
    """The open row: its facts from left to right, what is wrong, what may be done."""

    key: str
    facts: list[Fact]
    verdict: str
    refund: Refund | None
    can_send_again: bool
    can_accept: bool
    can_give_up: bool


def opened(row: ListRow, period: Period, zone: ZoneInfo) -> Opened:
    """Read the facts of one row. Five queries at most."""
    currency = period.currency
    refund = None
    if row.row.refund_id:
        refund = (
            Refund.objects.select_related("rma", "order")
            .prefetch_related("lines__line")
            .get(pk=row.row.refund_id)
        )
    transactions = _transactions(row.row)
    inspections = (
        list(Inspection.objects.filter(rma_line__rma=refund.rma_id).select_related("location"))
        if refund and refund.rma_id
        else []
    )
    facts = [
        _intent(row.row, refund, period, zone),
        _shopify(row.row, refund, transactions, period, zone),
        _gateway(row.row, transactions, currency),
        _stock(row.row, refund, inspections),
    ]
    return Opened(
        key=row.key,
        facts=facts,
        verdict=verdict(row.row, currency),
        refund=refund,
        can_send_again=bool(refund and refund.state == Refund.State.FAILED),
        can_accept=bool(
            refund and refund.origin in ("outside", "cancel") and row.row.moved > row.row.owed
        ),
        can_give_up=bool(refund and refund.state == Refund.State.FAILED),
    )


def verdict(row: Refunded, currency: str) -> str:
    """What remains to be done about it, in one sentence. Pure."""
    if row.difference > 0:
        return f"{words.money(row.difference, currency)} is still owed to the customer."
    if row.difference < 0:
        return f"{words.money(-row.difference, currency)} moved that nobody owes."
    if row.state == "no_decision":
        return "The money agrees. The goods wait for an inspection."
    if row.on_its_way:
        return f"{words.money(row.on_its_way, currency)} is on its way; nothing to do yet."
    return "All facts agree."


def _transactions(row: Refunded) -> list[PaymentTransaction]:
    if row.transaction_id:
        return list(PaymentTransaction.objects.filter(pk=row.transaction_id))
    if row.remote_id is None:
        return []
    rows = PaymentTransaction.objects.filter(
        order_id=row.order_id, refund_remote_id=row.remote_id, kind="refund"
    )
    return list(rows.order_by("processed_at", "pk"))


def _intent(row: Refunded, refund: Refund | None, period: Period, zone: ZoneInfo) -> Fact:
    currency = period.currency
    fact = Fact("Intent", "What we owe", words.money(row.owed, currency))
    if refund is None:
        fact.notes.append(("Nobody here asked for it", True))
        return fact
    goods = [
        f"{line.quantity} × {words.short(line.line.title or line.line.sku, 30)}"
        for line in refund.lines.all()
    ]
    if goods:
        more = f" and {len(goods) - 2} more" if len(goods) > 2 else ""
        fact.notes.append((f"{', '.join(goods[:2])}{more}", False))
    if refund.shipping:
        fact.notes.append((f"{words.money(refund.shipping, currency)} of delivery", False))
    name = refund.rma.number if refund.rma else refund.get_origin_display()
    at = refund.approved_at or refund.created_at
    done = "approved" if refund.approved_at else "made"
    fact.notes.append((f"{name}, {done} {words.date(at, period.now, zone)}", False))
    if refund.reason and refund.reason != name:
        fact.notes.append((f"“{words.short(refund.reason, 60)}”", False))
    return fact


def _shopify(
    row: Refunded,
    refund: Refund | None,
    transactions: list[PaymentTransaction],
    period: Period,
    zone: ZoneInfo,
) -> Fact:
    """Shopify's refund: the transactions it asked for, or the amount it accepted from us."""
    currency = period.currency
    fact = Fact("Shopify refund", "What Shopify recorded", words.money(NOTHING, currency))
    if refund is None or refund.remote_id is None:
        sent = refund and refund.state == Refund.State.APPROVED
        fact.notes.append(("Sent, no answer yet" if sent else "No refund in Shopify", not sent))
        if refund and refund.error:
            fact.notes.append((f"“{words.short(refund.error, 60)}”", True))
        fact.joint = "=" if not row.owed or sent else "≠"
        return fact
    asked = sum((entry.amount for entry in transactions), NOTHING)
    amount = asked if asked else (refund.owed if refund.approved_at else row.owed)
    fact.value = words.money(amount, currency)
    fact.notes.append((f"Refund {refund.remote_id}", False))
    if refund.submitted_at:
        fact.notes.append((f"Shopify, {words.date(refund.submitted_at, period.now, zone)}", False))
    fact.joint = "=" if amount == row.owed else "≠"
    return fact


def _gateway(row: Refunded, transactions: list[PaymentTransaction], currency: str) -> Fact:
    fact = Fact("Gateway", "What moved", words.money(row.moved, currency))
    told = {"success": "settled", "pending": "pending", "failure": "failed", "error": "failed"}
    for entry in transactions:
        state = told.get(entry.status, entry.status)
        why = f", “{words.short(entry.error, 40)}”" if entry.error else ""
        amount = words.money(entry.amount, currency)
        fact.notes.append(
            (f"{entry.gateway or 'Gateway'}: {amount} {state}{why}", state == "failed")
        )
    if not transactions:
        fact.notes.append(("No transaction", not row.on_its_way and bool(row.owed)))
    if row.on_its_way:
        fact.notes.append((f"{words.money(row.on_its_way, currency)} on its way", False))
    asked = sum((entry.amount for entry in transactions), NOTHING)
    recorded = asked if asked else row.owed
    if row.refund_id is None:
        recorded = NOTHING
    fact.joint = "=" if row.moved + row.on_its_way == recorded else "≠"
    return fact


def _stock(row: Refunded, refund: Refund | None, inspections: list[Inspection]) -> Fact:
    lines = list(refund.lines.all()) if refund else []
    paid = sum(line.quantity for line in lines)
    fact = Fact("Stock effect", "What the goods did", "0 units", joint="=")
    if refund and refund.rma_id:
        decided = sum(entry.quantity for entry in inspections)
        fact.value = words.units(decided)
        for entry in inspections[:3]:
            sign = "+" if entry.disposition == Inspection.Disposition.RESTOCK else ""
            what = entry.get_disposition_display().lower()
            fact.notes.append((f"{entry.location.name} {sign}{entry.quantity}, {what}", False))
        if row.state == "no_decision" or decided < paid:
            fact.joint = "≠"
            fact.notes.append(("Not all units are inspected", True))
        return fact
    restocked = [line for line in lines if line.restock in ("return", "cancel", "legacy_restock")]
    if restocked:
        fact.value = words.units(sum(line.quantity for line in restocked))
        fact.notes.append(
            (
                "Put back by Shopify"
                if restocked[0].restock != "cancel"
                else "Cancelled before they left",
                False,
            )
        )
    else:
        fact.notes.append(("No goods belong to this refund", False))
    return fact
