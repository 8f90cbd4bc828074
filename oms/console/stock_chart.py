"""A small chart of the last 30 days: on hand and what was free, as paths of an SVG."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from oms.core.sql import fetch, ints

DAYS = 30
# What one level may have moved in that time before the chart starts later.
MOST_ENTRIES = 20_000
WIDTH, HEIGHT = 760, 150
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 10, 22
KEPT = ("reserved", "soft", "fenced", "safety", "buffer")

Series = list[tuple[date, int, int]]


@dataclass(slots=True)
class Chart:
    """Paths and words for the template; `days` are the same numbers for a table."""

    on_hand: str
    free: str
    nought: float
    lines: list[tuple[float, str]] = field(default_factory=list)
    days: list[tuple[float, str]] = field(default_factory=list)
    says: str = ""
    since: date | None = None
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT


def draw(
    level_ids: Sequence[int], *, on_hand: int, free: int, now: datetime, zone: ZoneInfo
) -> Chart | None:
    """The chart of some levels together; None while nothing has ever moved. One query."""
    series = read(level_ids, on_hand=on_hand, free=free, now=now, zone=zone)
    return paths(series) if len(series) > 1 else None


def read(
    level_ids: Sequence[int], *, on_hand: int, free: int, now: datetime, zone: ZoneInfo
) -> Series:
    """(day, on hand, free) at the end of each day, from today backwards along the entries."""
    today = now.astimezone(zone).date()
    first = today - timedelta(days=DAYS - 1)
    since = datetime.combine(first, time(), tzinfo=zone)
    rows = fetch(_MOVED, [ints(level_ids), since, MOST_ENTRIES + 1, str(zone)])
    moved: dict[date, tuple[int, int]] = {}
    for day, bucket, delta, entries, oldest in rows:
        if entries > MOST_ENTRIES:
            # The whole of its first day was not read.
            first = max(first, oldest.astimezone(zone).date() + timedelta(days=1))
        shelf, loose = moved.get(day, (0, 0))
        is_shelf = bucket == "on_hand"
        moved[day] = (shelf + delta * is_shelf, loose + (delta if is_shelf else -delta))
    if not moved:
        return []
    series = []
    day = today
    while day >= first:
        series.append((day, on_hand, free))
        shelf, loose = moved.get(day, (0, 0))
        on_hand, free, day = on_hand - shelf, free - loose, day - timedelta(days=1)
    return series[::-1]


def paths(series: Series) -> Chart:
    """Steps for on hand, a line for what was free, round numbers at the side."""
    numbers = [units for _, shelf, free in series for units in (shelf, free)]
    step = round_step(max(*numbers, 0) - min(*numbers, 0))
    low, high = min(*numbers, 0) // step * step, -(-max(*numbers, 1) // step) * step
    across = (WIDTH - LEFT - RIGHT) / max(len(series) - 1, 1)

    def x(place: int) -> float:
        return round(LEFT + place * across, 1)

    def y(units: float) -> float:
        return round(TOP + (high - units) * (HEIGHT - TOP - BOTTOM) / (high - low), 1)

    def stairs(heights: Sequence[int]) -> str:
        path = f"M{x(0)} {y(heights[0])}"
        for place, units in enumerate(heights[1:], start=1):
            path += f"H{x(place)}V{y(units)}"
        return path

    (_, shelf0, free0), (_, shelf1, free1) = series[0], series[-1]
    return Chart(
        on_hand=stairs([shelf for _, shelf, _ in series]),
        free=stairs([free for *_, free in series]),
        nought=y(0),
        lines=[(y(units), f"{units:,}".replace("-", "−")) for units in range(low, high + 1, step)],
        days=[
            (x(place), f"{day.day} {day:%b}")
            for place, (day, _, _) in enumerate(series)
            if (len(series) - 1 - place) % 7 == 0
        ],
        says=f"From {series[0][0].day} {series[0][0]:%b} to today, on hand went from {shelf0:,} to "
        f"{shelf1:,} and what was free from {free0:,} to {free1:,}.",
        since=series[0][0],
    )


def round_step(spread: int) -> int:
    """A step of 1, 2 or 5 times a power of ten that makes three or four lines."""
    rough = max(spread, 1) / 4
    power = 1
    while power * 10 <= rough:
        power *= 10
    return next((power * of for of in (1, 2, 5) if power * of >= rough), power * 10)


_MOVED = f"""
SELECT (e.at AT TIME ZONE zone.name)::date, e.bucket, sum(e.delta)::int, max(e.place)::int,
       min(e.at)
FROM (SELECT %s::bigint[] AS ids, %s::timestamptz AS since, %s::int AS most, %s AS name) AS zone
CROSS JOIN unnest(zone.ids) AS level(id)
CROSS JOIN LATERAL (
    SELECT at, bucket, delta, row_number() OVER (ORDER BY id DESC) AS place
    FROM inventory_stockentry
    WHERE level_id = level.id AND at >= zone.since
      AND bucket IN ('on_hand', {", ".join(f"'{bucket}'" for bucket in KEPT)})
    ORDER BY id DESC LIMIT zone.most
) AS e
GROUP BY 1, 2
"""  # noqa: S608  (names of our own columns)
