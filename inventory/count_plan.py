"""What to count when: classes by the value that leaves, due dates by class and by doubt.

`inventory.standings` writes what is decided here; `plan` reads it as the list of a day.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from inventory.models import CountPolicy
from inventory.trust import DOUBTED, Facts, Part, day
from oms.core.sql import fetch

LEFT_DAYS = 90
A_SHARE, B_SHARE = 0.80, 0.95
# A count that found the number right answers a doubt for so long.
QUIET_DAYS = 7
# Spreads the first counts of a shop over the days that their class allows.
_SPREAD = 2_654_435_761


@dataclass(slots=True, frozen=True)
class Due:
    """When a level is to be counted and why; `pulled` when earlier than its class asks."""

    on: date | None = None
    reason: str = ""
    pulled: bool = False


@dataclass(slots=True, frozen=True)
class Planned:
    """One line of a day's list, with everything a person wants to know before walking there."""

    level_id: int
    item_id: int
    sku: str
    title: str
    abc: str
    trust: int
    on_hand: int
    due_on: date
    reason: str
    pulled: bool


def plan(*, location_id: int, on: date, limit: int) -> list[Planned]:
    """The levels to count by that day: what is in doubt first, then A before B before C.

    Levels that are being counted already are left out.
    """
    return [Planned(*row) for row in fetch(_PLAN, [location_id, on, limit])]


def due_counts(*, store_id: int, on: date) -> dict[int, int]:
    """How many levels each location has to count by that day."""
    return dict(fetch(_DUE_COUNTS, [store_id, on]))


def classes(*, store_id: int, now: datetime) -> tuple[dict[int, str], int]:
    """The levels of class A and B, all others being C; and the units that left in the window.

    By location: A makes the first 80 % of the value that left it in 90 days, B the next 15 %.
    """
    rows = fetch(
        _CLASSES,
        {
            "store": store_id,
            "since": now - timedelta(days=LEFT_DAYS),
            "a": A_SHARE,
            "b": B_SHARE,
        },
    )
    return {level: abc for level, abc, _ in rows if abc != "C"}, sum(row[2] for row in rows)


def days_of(store_id: int) -> dict[str, int]:
    """Days between two counts of a level, by class."""
    policy = CountPolicy.objects.filter(store_id=store_id).first() or CountPolicy()
    return {"A": policy.a_days, "B": policy.b_days, "C": policy.c_days}


def due(
    facts: Facts,
    *,
    level_id: int,
    abc: str,
    trust: int,
    parts: list[Part],
    known: Due,
    holds: bool,
) -> Due:
    """When to count next. Pure. `holds` is whether anything stands there or is promised.

    A day that is known and earlier stays: what is due does not run away from who counts it.
    """
    by_class = _by_class(facts, level_id, abc, known, holds)
    if reason := _doubt(facts, trust, parts):
        tomorrow = facts.today + timedelta(days=1)
        earlier = [d.on for d in (known, by_class) if d.on and d.on < tomorrow]
        return Due(min(earlier, default=tomorrow), reason, pulled=True)
    return by_class


def _doubt(facts: Facts, trust: int, parts: list[Part]) -> str:
    """Why the level is to be counted before its class asks, or nothing."""
    by_name: Mapping[str, str] = {name: why for name, _, why in parts}
    if facts.shorts and not facts.shorts[0].counted_since:
        return by_name.get("short", "Not found when picked")
    if facts.on_hand < 0:
        return by_name["negative"]
    counted = facts.counted_on
    if trust < DOUBTED and (counted is None or (facts.today - counted).days >= QUIET_DAYS):
        return f"Trust {trust} of 100: {parts[0][2]}"
    return ""


def _by_class(facts: Facts, level_id: int, abc: str, known: Due, holds: bool) -> Due:
    if facts.counted_on:
        every = f"{abc} item, every {facts.days} days; last counted"
        reason = f"{every} {day(facts.counted_on, facts.today)}"
        return Due(facts.counted_on + timedelta(days=facts.days), reason)
    if abc == "C" and not holds:
        return Due()
    latest = facts.today + timedelta(days=facts.days)
    first = facts.today + timedelta(days=level_id * _SPREAD % 2**32 % facts.days)
    on = known.on if known.on and not known.pulled and known.on <= latest else first
    return Due(on, f"{abc} item, never counted")


_OPEN = """
NOT EXISTS (SELECT 1 FROM inventory_countline c WHERE c.level_id = v.id
            AND c.state IN ('to_count', 'counted', 'review'))
"""
_PLAN = f"""
SELECT v.id, v.item_id, i.sku, i.title, s.abc, s.trust, v.on_hand, s.count_due_on, s.due_reason,
       s.pulled
FROM inventory_standing s
JOIN inventory_stocklevel v ON v.id = s.level_id
JOIN catalog_item i ON i.id = v.item_id
WHERE v.location_id = %s AND s.count_due_on <= %s AND {_OPEN}
ORDER BY NOT s.pulled, CASE WHEN s.pulled THEN s.trust ELSE 0 END, s.abc, s.count_due_on, i.sku
LIMIT %s
"""  # noqa: S608  (text of our own)
_DUE_COUNTS = f"""
SELECT v.location_id, count(*)
FROM inventory_standing s JOIN inventory_stocklevel v ON v.id = s.level_id
WHERE s.store_id = %s AND s.count_due_on <= %s AND {_OPEN}
GROUP BY v.location_id
"""  # noqa: S608  (text of our own)
# The most valuable level of a location is of class A even when it is alone more than 80 %.
_CLASSES = """
SELECT level_id, CASE WHEN before < %(a)s * total THEN 'A' WHEN before < %(b)s * total THEN 'B'
                      ELSE 'C' END, units
FROM (
    SELECT level_id, units, value, sum(value) OVER place AS total,
           sum(value) OVER (PARTITION BY location_id ORDER BY value DESC, level_id
                            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) - value AS before
    FROM (
        SELECT v.id AS level_id, v.location_id, gone.units,
               gone.units * coalesce(i.price, 0) AS value
        FROM (
            SELECT e.level_id, -sum(e.delta) AS units FROM inventory_stockentry e
            WHERE e.store_id = %(store)s AND e.at > %(since)s AND e.bucket = 'on_hand'
              AND e.cause IN ('ship', 'sale', 'kit')
            GROUP BY e.level_id HAVING sum(e.delta) < 0
        ) gone
        JOIN inventory_stocklevel v ON v.id = gone.level_id
        JOIN catalog_item i ON i.id = v.item_id
    ) valued
    WINDOW place AS (PARTITION BY location_id)
) ranked
WHERE value > 0
"""
