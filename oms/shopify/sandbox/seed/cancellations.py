"""Real C documents matched to the earlier sales they take back."""

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache

from oms.shopify.sandbox.seed.documents import documents, is_product
from oms.shopify.sandbox.seed.orders import sold_lines


@dataclass
class TakeBack:
    """What one C document takes back from one sale: (position of the line, units)."""

    number: int
    position: int
    invoice: str
    sale: str
    lines: list = field(default_factory=list)


@dataclass
class Plan:
    take_backs: list
    lines_matched: int = 0
    lines_unmatched: int = 0
    units_matched: int = 0
    units_unmatched: int = 0


@cache
def take_backs():
    """All that can be matched: same customer, same code, latest earlier sale first."""
    sold = defaultdict(list)  # (customer, code) -> [sale, line position, units left]
    plan = Plan([])
    for document in documents():
        if not document.customer:
            continue
        if document.kind == "sale":
            for position, line in enumerate(sold_lines(document)):
                if is_product(line.code):
                    entry = [document.invoice, position, line.quantity]
                    sold[document.customer, line.code].append(entry)
        elif document.kind == "cancellation":
            match_document(plan, document, sold)
    return plan


def match_document(plan, document, sold):
    made: dict = {}
    for line in document.lines:
        wanted = -line.quantity
        if wanted <= 0 or not is_product(line.code):
            continue
        left = wanted
        for entry in reversed(sold[document.customer, line.code]):
            units = min(left, entry[2])
            if not units:
                continue
            entry[2] -= units
            left -= units
            take_back = made.get(entry[0])
            if take_back is None:
                take_back = TakeBack(
                    len(plan.take_backs) + 1, document.position, document.invoice, entry[0]
                )
                made[entry[0]] = take_back
                plan.take_backs.append(take_back)
            take_back.lines.append((entry[1], units))
        plan.units_matched += wanted - left
        plan.units_unmatched += left
        if left < wanted:
            plan.lines_matched += 1
        else:
            plan.lines_unmatched += 1
