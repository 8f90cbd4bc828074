"""Do refunds add up? Owed by lines less moved by transactions less on its way, and what differs.

One statement classifies every refund of a month; the page, its tabs and its rows read from that. A
refund transaction that belongs to no refund is a row of its own: money that moved outside.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

from oms.core.models import Store
from oms.core.sql import Row, fetch

MATCHED, ON_ITS_WAY = "matched", "on_its_way"
STATES = {
    MATCHED: "Matched",
    ON_ITS_WAY: "On its way at the gateway",
    "nothing": "Nothing moved",
    "too_little": "Moved too little",
    "too_much": "Moved too much",
    "twice": "Moved twice",
    "outside": "Moved outside",
    "no_decision": "No decision on the goods",
}
TO_RESOLVE = tuple(state for state in STATES if state not in (MATCHED, ON_ITS_WAY))
AGES = ("0–1 day", "2–5 days", "6–14 days", "over 14")


@dataclass(slots=True, frozen=True)
class Period:
    """Which refunds: of a store and currency, made from `start` until before `end`, seen `now`."""

    store_id: int
    currency: str
    start: datetime
    end: datetime
    now: datetime


@dataclass(slots=True)
class Sums:
    """How many refunds, and their amounts. Difference = owed - moved - on its way."""

    refunds: int = 0
    owed: Decimal = Decimal(0)
    moved: Decimal = Decimal(0)
    on_its_way: Decimal = Decimal(0)

    @property
    def difference(self) -> Decimal:
        return self.owed - self.moved - self.on_its_way

    def add(self, other: "Sums") -> None:
        self.refunds += other.refunds
        self.owed += other.owed
        self.moved += other.moved
        self.on_its_way += other.on_its_way


@dataclass(slots=True)
class Month:
    """The equation of a month, and the same money by state, and refunds by state and age."""

    total: Sums
    by_state: dict[str, Sums]
    # Counts in the order of AGES.
    ages: dict[str, list[int]]

    @property
    def to_resolve(self) -> int:
        return sum(self.by_state[state].refunds for state in TO_RESOLVE)

    @property
    def ages_total(self) -> list[int]:
        return [sum(counts[age] for counts in self.ages.values()) for age in range(len(AGES))]


@dataclass(slots=True, frozen=True)
class Refunded:
    """One row of the list: a refund, or a refund transaction without one (then no refund id)."""

    refund_id: int | None
    transaction_id: int | None
    order_id: int
    order_name: str
    rma_id: int | None
    remote_id: int | None
    origin: str
    state: str
    owed: Decimal
    moved: Decimal
    on_its_way: Decimal
    created_at: datetime
    reason: str
    error: str

    @property
    def difference(self) -> Decimal:
        return self.owed - self.moved - self.on_its_way


def month_of(store: Store, day: date, now: datetime) -> Period:
    """The month that `day` is in, by the clock of the store."""
    zone = ZoneInfo(store.timezone)
    first = day.replace(day=1)
    after = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    start, end = (datetime.combine(d, time(), tzinfo=zone).astimezone(UTC) for d in (first, after))
    return Period(store.pk, store.currency, start, end, now)


def month(period: Period) -> Month:
    """The sums of a month: one statement, whatever the number of refunds."""
    report = Month(
        total=Sums(),
        by_state={state: Sums() for state in STATES},
        ages={state: [0] * len(AGES) for state in STATES},
    )
    for state, age, *sums in fetch(_CLASSIFIED + _BY_STATE_AND_AGE, _params(period)):
        cell = Sums(*sums)
        report.total.add(cell)
        report.by_state[state].add(cell)
        report.ages[state][age] += cell.refunds
    return report


def refunds(
    period: Period, *, states: Sequence[str] = TO_RESOLVE, limit: int = 50, offset: int = 0
) -> list[Refunded]:
    """Refunds in these states, largest difference first."""
    rows = fetch(_CLASSIFIED + _LIST, [*_params(period), list(states), limit, offset])
    return [Refunded(*row) for row in rows]


def orders_in_state(period: Period, state: str) -> list[int]:
    """The orders behind a number of the page."""
    return [row[0] for row in fetch(_CLASSIFIED + _ORDERS, [*_params(period), state])]


def two_columns(order_id: int) -> tuple[list[Row], list[Row], Decimal, Decimal]:
    """The money of an order: entries owed, entries moved, and the two sums that must agree.

    An entry is (cause, amount, currency, source, actor, at).
    """
    rows = fetch(
        'SELECT "column", cause, amount, currency, source, actor, at FROM orders_moneyentry'
        " WHERE order_id = %s ORDER BY id",
        [order_id],
    )
    owed = [row[1:] for row in rows if row[0] == "owed"]
    moved = [row[1:] for row in rows if row[0] == "moved"]
    return (
        owed,
        moved,
        sum((row[1] for row in owed), Decimal(0)),
        sum((row[1] for row in moved), Decimal(0)),
    )


def _params(period: Period) -> list[object]:
    month_and_store = [period.store_id, period.currency, period.start, period.end]
    return [
        period.store_id,
        *month_and_store,
        period.now,
        period.store_id,
        *month_and_store,
        period.now,
    ]


# A refund made outside cannot owe more than the customer has paid beyond what the order owes: units
# cancelled before they were paid give nothing back. Money on its way is believed for three days
# after Shopify accepted it, unless the payment provider has refused a part.
_CLASSIFIED = """
WITH transactions AS (
    SELECT refund_remote_id,
           coalesce(sum(amount) FILTER (WHERE status = 'success'), 0) AS moved,
           count(*) FILTER (WHERE status = 'success') AS successes,
           count(*) FILTER (WHERE status IN ('failure', 'error')) AS failures
    FROM orders_paymenttransaction
    WHERE store_id = %s AND kind = 'refund' AND refund_remote_id IS NOT NULL
    GROUP BY refund_remote_id
), made AS (
    SELECT r.*, coalesce(t.moved, 0) AS moved, coalesce(t.successes, 0) AS successes,
           coalesce(t.failures, 0) AS failures
    FROM returns_refund r LEFT JOIN transactions t ON t.refund_remote_id = r.remote_id
    WHERE r.store_id = %s AND r.currency = %s AND r.created_at >= %s AND r.created_at < %s
      AND r.state IN ('approved', 'submitted', 'failed')
), credits AS (
    SELECT order_id, sum(CASE "column" WHEN 'moved' THEN amount ELSE -amount END) AS credit
    FROM orders_moneyentry
    WHERE order_id IN (SELECT order_id FROM made WHERE approved_at IS NULL AND owed > moved)
    GROUP BY order_id
), owing AS (
    SELECT m.id AS refund_id, NULL::bigint AS transaction_id, m.order_id, m.rma_id, m.remote_id,
           m.origin, m.state AS sent, m.submitted_at, m.created_at, m.reason, m.error, m.moved,
           m.successes, m.failures,
           CASE WHEN m.approved_at IS NULL AND m.owed > m.moved
                THEN least(m.owed, m.moved + greatest(c.credit, 0)) ELSE m.owed END AS owed
    FROM made m LEFT JOIN credits c USING (order_id)
), sent AS (
    SELECT o.*, CASE
        WHEN o.owed > o.moved AND (o.sent = 'approved' OR o.sent = 'submitted' AND o.failures = 0
             AND o.submitted_at > %s::timestamptz - interval '3 days')
        THEN o.owed - o.moved ELSE 0 END AS on_its_way
    FROM owing o
), twins AS (
    SELECT o.refund_id FROM owing o
    JOIN returns_refund other ON other.order_id = o.order_id AND other.id <> o.refund_id
    WHERE o.owed = 0 AND o.moved > 0 AND other.owed = o.moved
      AND other.state IN ('approved', 'submitted')
), classified AS (
    SELECT s.refund_id, s.transaction_id, s.order_id, s.rma_id, s.remote_id, s.origin,
        CASE
            WHEN s.moved > s.owed AND s.owed > 0 AND s.successes > 1 AND s.moved >= 2 * s.owed
                THEN 'twice'
            WHEN s.refund_id IN (SELECT refund_id FROM twins) THEN 'twice'
            WHEN s.moved > s.owed AND s.owed = 0 THEN 'outside'
            WHEN s.moved > s.owed THEN 'too_much'
            WHEN s.on_its_way > 0 THEN 'on_its_way'
            WHEN s.moved < s.owed AND s.moved = 0 THEN 'nothing'
            WHEN s.moved < s.owed THEN 'too_little'
            WHEN s.rma_id IN (
                SELECT n.rma_id FROM returns_rmaline n JOIN returns_rma m ON m.id = n.rma_id
                WHERE m.store_id = %s AND m.state NOT IN ('declined', 'cancelled')
                  AND n.quantity > n.inspected + n.missing)
                THEN 'no_decision'
            ELSE 'matched'
        END AS state,
        s.owed, s.moved, s.on_its_way, s.created_at, s.reason, s.error
    FROM sent s
    UNION ALL
    SELECT NULL, p.id, p.order_id, NULL, p.remote_id, 'outside', 'outside', 0, p.amount, 0,
           p.processed_at, '', p.error
    FROM orders_paymenttransaction p
    WHERE p.store_id = %s AND p.currency = %s AND p.processed_at >= %s AND p.processed_at < %s
      AND p.kind = 'refund' AND p.status = 'success'
      AND NOT EXISTS (SELECT 1 FROM returns_refund r
                      WHERE r.store_id = p.store_id AND r.remote_id = p.refund_remote_id)
), aged AS (
    SELECT c.*, CASE
        WHEN c.created_at > t.now - interval '2 days' THEN 0
        WHEN c.created_at > t.now - interval '6 days' THEN 1
        WHEN c.created_at > t.now - interval '15 days' THEN 2 ELSE 3 END AS age
    FROM classified c, (SELECT %s::timestamptz AS now) t
)
"""
_BY_STATE_AND_AGE = """
SELECT state, age, count(*), sum(owed), sum(moved), sum(on_its_way)
FROM aged GROUP BY state, age
"""
_LIST = """
SELECT a.refund_id, a.transaction_id, a.order_id, o.name, a.rma_id, a.remote_id, a.origin, a.state,
       a.owed, a.moved, a.on_its_way, a.created_at, a.reason, a.error
FROM aged a JOIN orders_order o ON o.id = a.order_id
WHERE a.state = ANY(%s::text[])
ORDER BY abs(a.owed - a.moved - a.on_its_way) DESC, a.created_at, a.refund_id, a.transaction_id
LIMIT %s OFFSET %s
"""
_ORDERS = "SELECT DISTINCT order_id FROM aged WHERE state = %s ORDER BY order_id"
