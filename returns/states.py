"""Which way returns and refunds may go, as plain tables."""

from oms.core.states import Transitions
from returns.models import RMA, Refund

Return = RMA.State
Money = Refund.State

RETURN: Transitions = {
    Return.REQUESTED: frozenset({Return.APPROVED, Return.DECLINED, Return.CANCELLED}),
    # Straight to inspected when it is decided that nothing ever arrived; the shop may close it.
    Return.APPROVED: frozenset(
        {Return.RECEIVED, Return.INSPECTED, Return.CLOSED, Return.CANCELLED}
    ),
    Return.RECEIVED: frozenset({Return.INSPECTED, Return.CLOSED}),
    Return.INSPECTED: frozenset({Return.CLOSED}),
    Return.CLOSED: frozenset(),
    Return.DECLINED: frozenset(),
    Return.CANCELLED: frozenset(),
}
# Units of these returns are still expected, so that no second return may ask for them.
EXPECTING = (Return.REQUESTED, Return.APPROVED, Return.RECEIVED)

REFUND: Transitions = {
    Money.PROPOSED: frozenset({Money.APPROVED, Money.CANCELLED}),
    Money.APPROVED: frozenset({Money.SUBMITTED, Money.FAILED}),
    # Tried again by a person, given up, or accepted after all by a late answer.
    Money.FAILED: frozenset({Money.APPROVED, Money.SUBMITTED, Money.CANCELLED}),
    Money.SUBMITTED: frozenset(),
    Money.CANCELLED: frozenset(),
}
# Money of these refunds may still move.
OPEN_REFUNDS = (Money.APPROVED, Money.SUBMITTED)
