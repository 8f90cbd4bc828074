"""A small chart of up to 30 days: on hand and what was free, as paths of an SVG."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from oms.core.sql import fetch, ints

DAYS = 30
FEWEST_POINTS = 3
# What one level may have moved in that time before the chart starts later.
MOST_ENTRIES = 20_000
WIDTH, HEIGHT = 760, 150
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 10, 22
LETTER = 6.4
LABELS = 5

# (the end of a step on the wall clock of the store, on hand, free)
Series = list[tuple[datetime, int, int]]


@dataclass(slots=True)
class Chart:
    """Paths and words for the template."""

    on_hand: str
    free: str
    nought: float
    lines: list[tuple[float, str]]
    days: list[tuple[float, str, str]]
    title: str
    says: str
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT


@dataclass(slots=True, frozen=True)
class Moved:
    """What moved in one step of time."""

    shelf: int = 0
    free: int = 0


@dataclass(slots=True)
class History:
    """Steps of `step` seconds in which something moved, by their number on the wall clock."""

    step: int = 86_400
    first: int = 0
    moved: dict[int, Moved] = field(default_factory=dict)


def draw(
    level_ids: Sequence[int], *, on_hand: int, free: int, now: datetime, zone: ZoneInfo
) -> Chart | None:
    """The chart of some levels together; None while there is too little to draw. One query."""
    history = read(level_ids, now, zone)
    if not history.moved:
        return None
    wall = now.astimezone(zone).replace(tzinfo=None)
    series = backwards(history, wall, on_hand, free)
    return paths(series, history.step) if len(series) >= FEWEST_POINTS else None


def read(level_ids: Sequence[int], now: datetime, zone: ZoneInfo) -> History:
    """What moved: by the day, and by the hour or minute where the whole history is that young."""
    since = now - timedelta(days=DAYS)
    found = History()
    for step, number, shelf, free, first in fetch(
        _MOVED, [ints(level_ids), since, MOST_ENTRIES, str(zone), now]
    ):
        found.step, found.first = step, first
        found.moved[number] = Moved(shelf, free)
    return found


def backwards(history: History, wall: datetime, on_hand: int, free: int) -> Series:
    """From what stands now back to before the first entry that was read."""
    epoch = datetime(1970, 1, 1)  # noqa: DTZ001  (wall clock of the store)
    number = int((wall - epoch).total_seconds()) // history.step
    series = []
    while number >= history.first - 1:
        series.append((epoch + timedelta(seconds=number * history.step), on_hand, free))
        moved = history.moved.get(number, Moved())
        on_hand, free, number = on_hand - moved.shelf, free - moved.free, number - 1
    return series[::-1]


def paths(series: Series, step: int) -> Chart:
    """Steps for on hand, a line for what was free, round numbers at the side."""
    numbers = [units for _, shelf, free in series for units in (shelf, free)]
    rise = round_step(max(*numbers, 0) - min(*numbers, 0))
    low, high = min(*numbers, 0) // rise * rise, -(-max(*numbers, 1) // rise) * rise
    last = len(series) - 1

    left = max(LEFT, 14 + LETTER * max(len(f"{low:,}"), len(f"{high:,}")))

    def x(place: int) -> float:
        return round(left + place * (WIDTH - left - RIGHT) / last, 1)

    def y(units: float) -> float:
        return round(TOP + (high - units) * (HEIGHT - TOP - BOTTOM) / (high - low), 1)

    def stairs(heights: Sequence[int]) -> str:
        path = f"M{x(0)} {y(heights[0])}"
        for place, units in enumerate(heights[1:], start=1):
            path += f"H{x(place)}V{y(units)}"
        return path

    def words(at: datetime) -> str:
        return f"{at.day} {at:%b}" if step == 86_400 else f"{at:%H:%M}"

    (since, shelf0, free0), (_, shelf1, free1) = series[0], series[-1]
    marked = sorted({round(last * part / (LABELS - 1)) for part in range(LABELS)})
    return Chart(
        on_hand=stairs([shelf for _, shelf, _ in series]),
        free=stairs([free for *_, free in series]),
        nought=y(0),
        lines=[(y(units), f"{units:,}".replace("-", "−")) for units in range(low, high + 1, rise)],
        days=[
            (x(at), words(series[at][0]), {0: "start", last: "end"}.get(at, "middle"))
            for at in marked
        ],
        left=round(left),
        title=f"Since {words(since)}" if last < DAYS or step != 86_400 else "The last 30 days",
        says=f"From {words(since)} until now, on hand went from {shelf0:,} to {shelf1:,} and what "
        f"was free from {free0:,} to {free1:,}.",
    )


def round_step(spread: int) -> int:
    """A step of 1, 2 or 5 times a power of ten that makes three or four lines."""
    rough = max(spread, 1) / 4
    power = 1
    while power * 10 <= rough:
        power *= 10
    return next((power * of for of in (1, 2, 5) if power * of >= rough), power * 10)


# A level with more entries than that is read from its newest; what lies before is left out.
_MOVED = """
WITH asked AS (
    SELECT %s::bigint[] AS ids, %s::timestamptz AS since, %s::int AS most, %s::text AS zone,
           %s::timestamptz AS now
), entry AS (
    SELECT e.* FROM asked CROSS JOIN unnest(asked.ids) AS level(id)
    CROSS JOIN LATERAL (
        SELECT at, bucket, delta, row_number() OVER (ORDER BY id DESC) AS place
        FROM inventory_stockentry
        WHERE level_id = level.id AND at >= asked.since
          AND bucket IN ('on_hand', 'reserved', 'soft', 'fenced', 'safety', 'buffer')
        ORDER BY id DESC LIMIT asked.most
    ) AS e
), span AS (
    SELECT greatest(min(at), max(at) FILTER (WHERE place = asked.most)) AS first
    FROM entry, asked GROUP BY asked.most
), step AS (
    SELECT first, CASE WHEN now - first < interval '1 hour' THEN 60
                       WHEN now - first < interval '10 hours' THEN 600
                       WHEN now - first < interval '60 hours' THEN 3600 ELSE 86400 END AS seconds
    FROM span, asked
)
SELECT seconds, floor(extract(epoch FROM at AT TIME ZONE zone) / seconds)::bigint AS number,
       coalesce(sum(delta) FILTER (WHERE bucket = 'on_hand'), 0)::int,
       sum(CASE bucket WHEN 'on_hand' THEN delta ELSE -delta END)::int,
       floor(extract(epoch FROM first AT TIME ZONE zone) / seconds)::bigint
FROM entry, step, asked WHERE at >= first
GROUP BY 1, 2, first, zone
"""
