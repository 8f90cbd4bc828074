"""A small map of where an order ships from and to, drawn on the server from coordinates alone.

Equirectangular, true to scale at the middle latitude. The land is Natural Earth's 1:50m outline
(public domain), thinned to about 3 km: `data/land.json` holds one polygon a line as deltas of
hundredths of a degree, longitude first.
"""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

WIDTH, HEIGHT, MARGIN = 200, 236, 26
# The scale bar stands below everything else.
FOOT = 20
# Never closer than this many degrees of latitude, or two places in one town would fill the map.
NEAREST = 0.6
# Points a degree: below it, coasts are specks, and the table says more.
SMALLEST_SCALE = 1.4
KM_PER_DEGREE = 111.195
LETTER, LINE = 5.6, 12

Point = tuple[float, float]


@dataclass(slots=True, frozen=True)
class Place:
    """A location or the customer. `role`: ships, waits (goods still come from there) or lost."""

    name: str
    latitude: float
    longitude: float
    role: str = "lost"
    note: str = ""


@dataclass(slots=True)
class Mark:
    """A place as drawn; an empty label found no room, the tooltip still names it."""

    x: float
    y: float
    role: str
    title: str
    label: str = ""
    label_x: float = 0
    label_y: float = 0
    anchor: str = "start"


@dataclass(slots=True)
class Sketch:
    """Everything the template writes into the SVG."""

    land: str
    marks: list[Mark]
    target: Mark
    ways: list[tuple[str, str]] = field(default_factory=list)
    bar_x: float = 8
    bar_width: float = 0
    bar_words: str = ""
    width: int = WIDTH
    height: int = HEIGHT


def draw(places: Sequence[Place], target: Place) -> Sketch | None:
    """The map of one decision; None without coordinates, or when it would be half the earth."""
    if not places:
        return None
    frame = _Frame.around(_worth_showing(places, target), target)
    if frame.scale < SMALLEST_SCALE:
        return None
    chosen = [place for place in places if place.role != "lost"]
    marks = [
        Mark(*frame.at(place.latitude, place.longitude), place.role, _title(place))
        for place in (*chosen, *(place for place in places if place.role == "lost"))
    ]
    end = Mark(*frame.at(target.latitude, target.longitude), "target", _title(target))
    inside = [mark for mark in marks if 0 <= mark.x <= WIDTH and 0 <= mark.y <= HEIGHT]
    sketch = Sketch(land=frame.land(), marks=inside, target=end)
    sketch.bar_width, sketch.bar_words = frame.scale_bar()
    bows = [(_bow(mark, end), mark.role) for mark in inside if mark.role in ("ships", "waits")]
    sketch.ways = [(_path(bow), role) for bow, role in bows]
    _label([end, *inside], [point for bow, _ in bows for point in _along(bow)])
    return sketch


def _title(place: Place) -> str:
    return f"{place.name}: {place.note}" if place.note else place.name


def _worth_showing(places: Sequence[Place], target: Place) -> list[Place]:
    """The places that ship, and of the others those up to twice as far."""
    shipping = [place for place in places if place.role != "lost"] or list(places)
    reach = max((_degrees(place, target) for place in shipping), default=0.0)
    return [
        place
        for place in places
        if place.role != "lost" or _degrees(place, target) <= max(reach * 2, 3 * NEAREST)
    ]


def _degrees(place: Place, target: Place) -> float:
    across = _turn(place.longitude - target.longitude) * math.cos(math.radians(target.latitude))
    return math.hypot(across, place.latitude - target.latitude)


def _turn(longitude: float) -> float:
    """The short way round the earth, in degrees."""
    return (longitude + 180) % 360 - 180


@dataclass(slots=True, frozen=True)
class _Frame:
    """Where the middle is, and how many points of the picture a degree of latitude takes."""

    latitude: float
    longitude: float
    scale: float

    @classmethod
    def around(cls, places: Iterable[Place], target: Place) -> "_Frame":
        everything = [target, *places]
        across = [_turn(place.longitude - target.longitude) for place in everything]
        up = [place.latitude for place in everything]
        latitude = (min(up) + max(up)) / 2
        longitude = target.longitude + (min(across) + max(across)) / 2
        squeeze = math.cos(math.radians(latitude))
        high = max(max(up) - min(up), NEAREST)
        wide = max((max(across) - min(across)) * squeeze, NEAREST)
        # Names stand beside their places, so the sides need more room than top and bottom.
        scale = min((HEIGHT - FOOT - 2 * MARGIN) / high, (WIDTH - 3 * MARGIN) / wide)
        return cls(latitude, longitude, scale)

    def at(self, latitude: float, longitude: float) -> Point:
        squeeze = math.cos(math.radians(self.latitude))
        x = WIDTH / 2 + _turn(longitude - self.longitude) * squeeze * self.scale
        y = (HEIGHT - FOOT) / 2 - (latitude - self.latitude) * self.scale
        return round(x, 1), round(y, 1)

    def land(self) -> str:
        """The coast inside the frame as the path of an SVG."""
        high = (HEIGHT + FOOT) / 2 / self.scale
        wide = WIDTH / 2 / self.scale / math.cos(math.radians(self.latitude))
        # Half the earth each way at most, or the other side would be drawn over this one.
        wide = min(wide, 179.9)
        box = (-wide, self.latitude - high, wide, self.latitude + high)
        parts = []
        for west, south, east, north, ring in _land():
            if north < box[1] or south > box[3]:
                continue
            shift = _turn((west + east) / 2 - self.longitude) - (west + east) / 2
            if east + shift < box[0] or west + shift > box[2]:
                continue
            kept = _clip([(x + shift, y) for x, y in ring], box)
            if kept:
                points = (self.at(y, x + self.longitude) for x, y in _thinned(kept, self.scale))
                parts.append("M" + "L".join(f"{x:g} {y:g}" for x, y in points) + "Z")
        return "".join(parts)

    def scale_bar(self) -> tuple[float, str]:
        """The longest round distance that fits a third of the picture, and its words."""
        widest = WIDTH / 3 / self.scale * KM_PER_DEGREE
        power = 10 ** math.floor(math.log10(widest))
        length = max(step * power for step in (1, 2, 5) if step * power <= widest)
        return round(length / KM_PER_DEGREE * self.scale, 1), f"{length:,g} km"


@lru_cache(maxsize=1)
def _land() -> list[tuple[float, float, float, float, list[Point]]]:
    rings = []
    for deltas in json.loads((Path(__file__).parent / "data" / "land.json").read_text()):
        ring, x, y = [], 0, 0
        for dx, dy in zip(deltas[::2], deltas[1::2], strict=True):
            x, y = x + dx, y + dy
            ring.append((x / 100, y / 100))
        xs, ys = [p[0] for p in ring], [p[1] for p in ring]
        rings.append((min(xs), min(ys), max(xs), max(ys), ring))
    return rings


def _clip(ring: list[Point], box: tuple[float, float, float, float]) -> list[Point]:
    """Cut a polygon to a box, one side after the other (Sutherland and Hodgman)."""
    west, south, east, north = box
    for axis, bound, keep_above in (
        (0, west, True),
        (0, east, False),
        (1, south, True),
        (1, north, False),
    ):
        kept: list[Point] = []
        for before, after in zip([ring[-1], *ring[:-1]], ring, strict=True):
            was_in = (before[axis] >= bound) == keep_above
            is_in = (after[axis] >= bound) == keep_above
            if was_in != is_in:
                part = (bound - before[axis]) / (after[axis] - before[axis])
                kept.append(
                    (
                        before[0] + part * (after[0] - before[0]),
                        before[1] + part * (after[1] - before[1]),
                    )
                )
            if is_in:
                kept.append(after)
        if not kept:
            return []
        ring = kept
    return ring


def _thinned(ring: list[Point], scale: float) -> list[Point]:
    """Without the points that would fall on the one before."""
    kept = [ring[0]]
    for point in ring[1:]:
        if math.hypot(point[0] - kept[-1][0], point[1] - kept[-1][1]) * scale >= 0.7:
            kept.append(point)
    return kept


Bow = tuple[Point, Point, Point]


def _bow(start: Mark, end: Mark) -> Bow:
    """A curve from the place to the customer, bent a little so that two do not cover each other."""
    dx, dy = end.x - start.x, end.y - start.y
    bend = 0.16 if dx >= 0 else -0.16
    middle = (round(start.x + dx / 2 + dy * bend, 1), round(start.y + dy / 2 - dx * bend, 1))
    return (start.x, start.y), middle, (end.x, end.y)


def _path(bow: Bow) -> str:
    (x, y), (mx, my), (ex, ey) = bow
    return f"M{x:g} {y:g}Q{mx:g} {my:g} {ex:g} {ey:g}"


def _along(bow: Bow) -> list[Point]:
    """Points on the curve, close enough for a label not to slip between two."""
    (x, y), (mx, my), (ex, ey) = bow
    steps = [step / 12 for step in range(1, 12)]
    return [
        (
            (1 - t) ** 2 * x + 2 * t * (1 - t) * mx + t * t * ex,
            (1 - t) ** 2 * y + 2 * t * (1 - t) * my + t * t * ey,
        )
        for t in steps
    ]


def _label(marks: Sequence[Mark], curves: Sequence[Point]) -> None:
    """Put each name where it covers nothing drawn before; leave it out where there is no room."""
    taken = [(mark.x - 5, mark.y - 5, mark.x + 5, mark.y + 5) for mark in marks]
    taken += [(x - 2, y - 2, x + 2, y + 2) for x, y in curves]
    pin = marks[0]
    taken.append((pin.x - 6, pin.y - 16, pin.x + 6, pin.y))
    taken.append((0, HEIGHT - FOOT - 2, WIDTH / 3 + 10, HEIGHT))
    for mark in marks:
        text = mark.title if len(mark.title) <= 24 else mark.title[:23].rstrip() + "…"
        wide = len(text) * LETTER
        for dx, dy, anchor in (
            (8, 4, "start"),
            (-8, 4, "end"),
            (0, 17, "middle"),
            (0, -9, "middle"),
            (6, 15, "start"),
            (-6, 15, "end"),
        ):
            left = mark.x + dx - {"start": 0, "end": wide, "middle": wide / 2}[anchor]
            box = (left, mark.y + dy - LINE + 3, left + wide, mark.y + dy + 3)
            if box[0] < 2 or box[2] > WIDTH - 2 or box[1] < 2 or box[3] > HEIGHT - 2:
                continue
            if any(_overlap(box, other) for other in taken):
                continue
            taken.append(box)
            mark.label, mark.anchor = text, anchor
            mark.label_x, mark.label_y = round(mark.x + dx, 1), round(mark.y + dy, 1)
            break


def _overlap(
    one: tuple[float, float, float, float], other: tuple[float, float, float, float]
) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
