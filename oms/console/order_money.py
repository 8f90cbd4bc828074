"""The money of an order in two columns: owed by lines, moved by transactions."""

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Sum

from oms.orders.models import MoneyEntry, Order, PaymentTransaction


@dataclass(slots=True)
class MoneyRow:
    """One amount of a column. `note` says why it did not move; then the amount is not counted."""

    words: str
    amount: Decimal
    note: str = ""


@dataclass(slots=True)
class Money:
    """The two columns, their totals and what is between them."""

    owed: list[MoneyRow]
    moved: list[MoneyRow]
    owed_total: Decimal
    moved_total: Decimal

    @property
    def difference(self) -> Decimal:
        return self.owed_total - self.moved_total

    @property
    def wide(self) -> bool:
        """Whether the amounts are too long for two columns side by side."""
        return max(abs(self.owed_total), abs(self.moved_total)) >= 1_000_000

    @property
    def verdict(self) -> str:
        if not self.difference:
            return "agrees"
        return "not paid yet" if self.difference > 0 else "still to be paid back"


def read_money(order: Order) -> Money:
    sums = {
        (column, cause): amount
        for column, cause, amount in MoneyEntry.objects.filter(order=order)
        .values_list("column", "cause")
        .annotate(Sum("amount"))
        .order_by("column", "cause")
    }
    owed = {cause: amount for (column, cause), amount in sums.items() if column == "owed"}
    rows = [MoneyRow("Items", owed.pop("items", Decimal(0)))]
    rows += [MoneyRow(words, owed.pop(cause)) for cause, words in _OWED.items() if owed.get(cause)]
    rows += [MoneyRow(cause.capitalize(), amount) for cause, amount in owed.items() if amount]
    moved = [
        _moved(transaction) for transaction in order.transactions.order_by("processed_at", "pk")
    ]
    return Money(
        owed=rows,
        moved=moved,
        owed_total=sum((a for (column, _), a in sums.items() if column == "owed"), Decimal(0)),
        moved_total=sum((a for (column, _), a in sums.items() if column == "moved"), Decimal(0)),
    )


_OWED = {
    "delivery": "Delivery",
    "tax": "Tax",
    "discount": "Discount",
    "edit": "Order edits",
    "cancel": "Cancelled units",
    "return": "Returned units",
    "refund": "Refunds",
}
_MOVED = {"sale": "Paid", "capture": "Paid", "refund": "Refunded", "change": "Change given"}


def _moved(row: PaymentTransaction) -> MoneyRow:
    words = f"{_MOVED.get(row.kind, row.kind.capitalize())}, {row.gateway or 'unknown gateway'}"
    if row.status != "success":
        return MoneyRow(words, row.amount, row.error or row.status)
    if row.kind not in _MOVED:
        return MoneyRow(words, row.amount, "moves no money")
    return MoneyRow(words, -row.amount if row.kind in ("refund", "change") else row.amount)
