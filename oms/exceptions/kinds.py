"""The kinds of exceptions, one row each: name, team, urgency, sentence, check and ways out.

The query that finds a kind stands near the data it reads, in the `detectors.py` of its room. What a
case needs for lists is copied into its row when it opens, so an old row keeps its meaning when this
table changes. How to add a kind: README.md.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from oms.exceptions import count_ways, drift_ways, money_ways, sentences, supply_ways, ways
from oms.exceptions.sentences import Facts
from oms.exceptions.ways import Way

OPS, SUPPORT, FINANCE = "ops", "support", "finance"
TEAMS = (OPS, SUPPORT, FINANCE)


@dataclass(frozen=True, slots=True)
class Kind:
    """`severity` 1 is worst. `due` counts from the opening. `check` says what the query reads.

    `every` is the least time between two checks, for a query that costs more than a moment.
    """

    label: str
    team: str
    severity: int
    due: timedelta
    sentence: Callable[[Facts], str]
    check: str
    ways: tuple[Way, ...] = ()
    every: timedelta = timedelta(0)


KINDS: dict[str, Kind] = {
    "stock_short": Kind(
        label="Stock short",
        team=OPS,
        severity=1,
        due=timedelta(hours=2),
        sentence=sentences.stock_short,
        check="More units are picked or packed from this shelf than stood on it, or it is below 0.",
        ways=ways.STOCK_SHORT,
    ),
    "unroutable": Kind(
        label="No location can ship",
        team=OPS,
        severity=2,
        due=timedelta(hours=24),
        sentence=sentences.unroutable,
        check="Units wait because no location that ships there has them free.",
        ways=ways.UNROUTABLE,
    ),
    "supply_late": Kind(
        label="Supply late",
        team=OPS,
        severity=2,
        due=timedelta(hours=24),
        sentence=sentences.supply_late,
        check="The day on which the supply was expected has passed, and units are still to come.",
        ways=supply_ways.SUPPLY_LATE,
    ),
    "promise_slipped": Kind(
        label="Customers to be told",
        team=SUPPORT,
        severity=3,
        due=timedelta(hours=24),
        sentence=sentences.promise_slipped,
        check="Units come later than the customers were told.",
        ways=supply_ways.PROMISE_SLIPPED,
    ),
    "count_variance": Kind(
        label="Count differs",
        team=OPS,
        severity=3,
        due=timedelta(hours=24),
        sentence=sentences.count_variance,
        check="The newest count differs by more than the policy allows, and nobody knows why.",
        ways=count_ways.COUNT_VARIANCE,
        every=timedelta(seconds=30),
    ),
    "count_overdue": Kind(
        label="Counts overdue",
        team=OPS,
        severity=3,
        due=timedelta(hours=48),
        sentence=sentences.count_overdue,
        check="Items of class A were not counted in one and a half times their days.",
        ways=count_ways.COUNT_OVERDUE,
        every=timedelta(minutes=10),
    ),
    "count_waiting": Kind(
        label="Count waits",
        team=OPS,
        severity=2,
        due=timedelta(hours=8),
        sentence=sentences.count_waiting,
        check="It was submitted, or has frozen its shelves, more than a day ago.",
        ways=count_ways.COUNT_WAITING,
        every=timedelta(minutes=1),
    ),
    "unknown_item": Kind(
        label="Unknown item",
        team=OPS,
        severity=2,
        due=timedelta(hours=8),
        sentence=sentences.unknown_item,
        check="No item of the catalogue carries the SKU of this line.",
        ways=ways.UNKNOWN_ITEM,
    ),
    "address_missing": Kind(
        label="Address cannot be used",
        team=SUPPORT,
        severity=2,
        due=timedelta(hours=8),
        sentence=sentences.address_missing,
        check="The order names no place that a parcel can go to.",
        ways=ways.HOLD,
    ),
    "hold_open": Kind(
        label="Hold open too long",
        team=SUPPORT,
        severity=2,
        due=timedelta(hours=8),
        sentence=sentences.hold_open,
        check="The order is held, and nobody has released the hold.",
        ways=ways.HOLD,
    ),
    "work_late": Kind(
        label="Late on the floor",
        team=OPS,
        severity=2,
        due=timedelta(hours=4),
        sentence=sentences.work_late,
        check="The work has not gone on for 24 hours.",
    ),
    "parcel_silent": Kind(
        label="Parcel silent",
        team=SUPPORT,
        severity=3,
        due=timedelta(hours=24),
        sentence=sentences.parcel_silent,
        check="The carrier has not scanned the parcel for 5 days, or never since 3 days.",
    ),
    "stock_drift": Kind(
        label="Shopify differs",
        team=OPS,
        severity=2,
        due=timedelta(hours=8),
        sentence=sentences.stock_drift,
        check="Shopify has another number than we, too far off to be a sale or a count.",
        ways=drift_ways.STOCK_DRIFT,
    ),
    "write_back_failed": Kind(
        label="Write-back failed",
        team=OPS,
        severity=1,
        due=timedelta(hours=4),
        sentence=sentences.write_back_failed,
        check="Shopify refused it, and no later try was accepted.",
        ways=ways.WRITE_BACK_FAILED,
    ),
    "write_back_late": Kind(
        label="Write-backs wait",
        team=OPS,
        severity=1,
        due=timedelta(hours=1),
        sentence=sentences.write_back_late,
        check="Shopify has not answered for more than 30 minutes.",
    ),
    "quarantined_message": Kind(
        label="Message not read",
        team=OPS,
        severity=2,
        due=timedelta(hours=4),
        sentence=sentences.quarantined_message,
        check="The message is kept as it came, and could not be applied.",
        ways=ways.QUARANTINED_MESSAGE,
    ),
    "cancelled_after_ship": Kind(
        label="Cancelled after it left",
        team=SUPPORT,
        severity=1,
        due=timedelta(hours=4),
        sentence=sentences.cancelled_after_ship,
        check="The order is cancelled in Shopify, its goods have left, and no return is open.",
        ways=money_ways.CANCELLED_AFTER_SHIP,
        every=timedelta(seconds=30),
    ),
    "return_differs": Kind(
        label="Return differs",
        team=SUPPORT,
        severity=3,
        due=timedelta(hours=24),
        sentence=sentences.return_differs,
        check="Other units came back than the return declares.",
        ways=money_ways.RETURN_DIFFERS,
    ),
    "refund_differs": Kind(
        label="Refund differs",
        team=FINANCE,
        severity=2,
        due=timedelta(hours=24),
        sentence=sentences.refund_differs,
        check="Owed by lines and moved by payments differ by more than is on its way.",
        ways=money_ways.REFUND_DIFFERS,
        every=timedelta(minutes=1),
    ),
    "refund_waiting": Kind(
        label="Refund not approved",
        team=FINANCE,
        severity=3,
        due=timedelta(hours=24),
        sentence=sentences.refund_waiting,
        check="The refund was proposed more than a day ago, and nobody has decided.",
        ways=money_ways.REFUND_WAITING,
    ),
    # Last, because it looks for orders that none of the kinds above shows.
    "stuck_order": Kind(
        label="Stuck order",
        team=OPS,
        severity=1,
        due=timedelta(hours=1),
        sentence=sentences.stuck_order,
        check="Units wait, and no timer, hold or other exception will move them.",
        ways=ways.STUCK_ORDER,
        every=timedelta(minutes=1),
    ),
}


def label(code: str) -> str:
    """The kind in words; a code that is no longer known is shown as it is."""
    return KINDS[code].label if code in KINDS else code


def sentence(code: str, facts: Facts) -> str:
    """The case in one line. Facts of an older shape fall back to the label."""
    if code not in KINDS:
        return code
    try:
        return KINDS[code].sentence(facts)
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return KINDS[code].label
