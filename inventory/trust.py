"""How far a stock level is trusted: facts in, a score with its reasons in words and a buffer out.

Pure. A level starts at 100; each part takes points off and says why. `inventory.standings` reads
the facts and keeps the answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

DOUBTED, BAD = 60, 30
WINDOW_DAYS = 90
COUNTS_LOOKED_AT = 3

SHORT_POINTS, MOST_FOR_SHORTS = 30, 60
# A count since then has put the number right: what was short before it says less.
SHARE_AFTER_COUNT = 1 / 3
VARIANCE_POINTS = 30
# So far off is as bad as it gets, in parts of the larger number.
VARIANCE_WORST = 0.5
AGE_POINTS, NEVER_POINTS = 15, 10
NEGATIVE_POINTS = 30
DRIFT_POINTS = 10

Part = tuple[str, int, str]


@dataclass(slots=True, frozen=True)
class Short:
    """A pick that did not find what the level showed; the day is the shop's."""

    day: date
    counted_since: bool = False


@dataclass(slots=True, frozen=True)
class Counted:
    """A posted count: what was expected at its moment, what stood there."""

    day: date
    expected: int
    counted: int

    @property
    def off(self) -> float:
        """By what part of the larger number it differed, 0 to 1."""
        larger = max(abs(self.expected), self.counted, 1)
        return min(abs(self.counted - self.expected) / larger, 1.0)


@dataclass(slots=True, frozen=True)
class Facts:
    """What is known of a level. `shorts` and `counts` are the newest first."""

    today: date
    on_hand: int
    days: int
    shorts: Sequence[Short] = field(default_factory=tuple)
    counts: Sequence[Counted] = field(default_factory=tuple)
    drift: int = 0
    drift_since: date | None = None

    @property
    def counted_on(self) -> date | None:
        return self.counts[0].day if self.counts else None


def score(facts: Facts) -> tuple[int, list[Part]]:
    """0 to 100, and the parts that took points off, the heaviest first."""
    parts = [
        part
        for part in (_shorts(facts), _variance(facts), _age(facts), _negative(facts), _drift(facts))
        if part and part[1]
    ]
    parts.sort(key=lambda part: -part[1])
    return max(100 - sum(points for _, points, _ in parts), 0), parts


def buffer_units(trust: int, on_hand: int) -> int:
    """Units not sold while the number is in doubt: a tenth, or a quarter when trust is bad.

    At least one, and never more than what stands there.
    """
    if trust >= DOUBTED:
        return 0
    share = on_hand // 4 if trust < BAD else on_hand // 10
    return min(max(share, 1), max(on_hand, 0))


def _shorts(facts: Facts) -> Part | None:
    if not facts.shorts:
        return None
    points = 0.0
    for short in facts.shorts:
        age = (facts.today - short.day).days
        fresh = max(0.0, 1 - age / WINDOW_DAYS)
        points += SHORT_POINTS * fresh * (SHARE_AFTER_COUNT if short.counted_since else 1)
    times, last = len(facts.shorts), day(facts.shorts[0].day)
    why = (
        f"Not found when picked on {last}"
        if times == 1
        else f"Not found when picked {times} times in {WINDOW_DAYS} days, last {last}"
    )
    if facts.shorts[0].counted_since:
        why += "; counted since"
    return "short", min(round(points), MOST_FOR_SHORTS), why


def _variance(facts: Facts) -> Part | None:
    counts = facts.counts[:COUNTS_LOOKED_AT]
    if not counts:
        return None
    # The newest weighs three, the one before two, the one before that one.
    weights = range(COUNTS_LOOKED_AT, COUNTS_LOOKED_AT - len(counts), -1)
    off = sum(
        weight * min(count.off / VARIANCE_WORST, 1.0)
        for weight, count in zip(weights, counts, strict=True)
    ) / sum(weights)
    differing = [count for count in counts if count.off]
    if not differing:
        return None
    newest = differing[0]
    found = f"{newest.counted:,} of {newest.expected:,}".replace("-", "−")
    why = f"Count on {day(newest.day)} found {found}"
    if len(differing) > 1:
        why += f"; {len(differing)} of the last {len(counts)} counts differed"
    return "variance", round(VARIANCE_POINTS * off), why


def _age(facts: Facts) -> Part | None:
    last = facts.counted_on
    if last is None:
        return "age", NEVER_POINTS, "Never counted"
    late = (facts.today - last).days / facts.days - 1
    if late <= 0:
        return None
    why = f"Last counted {day(last, facts.today)}, asked for every {facts.days} days"
    return "age", min(round(AGE_POINTS * late), AGE_POINTS), why


def _negative(facts: Facts) -> Part | None:
    if facts.on_hand >= 0:
        return None
    return "negative", NEGATIVE_POINTS, f"Shows −{-facts.on_hand:,} on hand"


def _drift(facts: Facts) -> Part | None:
    if not facts.drift:
        return None
    than = "more" if facts.drift > 0 else "fewer"
    since = f" since {day(facts.drift_since)}" if facts.drift_since else ""
    return "drift", DRIFT_POINTS, f"Shopify shows {abs(facts.drift):,} {than}{since}"


def day(on: date, today: date | None = None) -> str:
    """Fri 20 Nov, with the year where it is not this one."""
    year = f" {on.year}" if today and on.year != today.year else ""
    return f"{on:%a} {on.day} {on:%b}{year}"
