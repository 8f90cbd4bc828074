"""The money ledger of an order: two columns that must agree, and the only door to them.

Owed is what the lines say the customer pays; moved is what transactions did. A sale moves plus, a
refund moves minus; a cancelled or returned unit is owed minus.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from oms.core.actor import Actor
from oms.core.sql import execute, fetch

OWED, MOVED = "owed", "moved"


@dataclass(slots=True, frozen=True)
class Entry:
    """One signed amount; `source` names its document and makes a repeat quiet."""

    store_id: int
    order_id: int
    column: str
    cause: str
    amount: Decimal
    currency: str
    source: str


def post(entries: Sequence[Entry], *, actor: Actor) -> None:
    """Append entries. One that stands already under the same order, column and source is left."""
    entries = [e for e in entries if e.amount]
    if not entries:
        return
    execute(
        """
        INSERT INTO orders_moneyentry
               (store_id, order_id, "column", cause, amount, currency, source, actor)
        SELECT t.*, %s FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[],
                                   %s::numeric[], %s::text[], %s::text[]) AS t
        ON CONFLICT DO NOTHING
        """,
        [
            str(actor),
            [e.store_id for e in entries],
            [e.order_id for e in entries],
            [e.column for e in entries],
            [e.cause for e in entries],
            [e.amount for e in entries],
            [e.currency for e in entries],
            [e.source for e in entries],
        ],
    )


def balances(order_ids: Iterable[int]) -> dict[int, tuple[Decimal, Decimal]]:
    """Per order: (owed, moved). Orders without an entry are absent."""
    rows = fetch(
        """
        SELECT order_id, coalesce(sum(amount) FILTER (WHERE "column" = 'owed'), 0),
               coalesce(sum(amount) FILTER (WHERE "column" = 'moved'), 0)
        FROM orders_moneyentry WHERE order_id = ANY(%s::bigint[]) GROUP BY order_id
        """,
        [list(order_ids)],
    )
    return {row[0]: (row[1], row[2]) for row in rows}
