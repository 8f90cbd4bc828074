"""The facts a decision rests on: read in a fixed number of queries, kept for the replay."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from json import loads
from typing import Any

from inventory.bundles import Recipe
from oms.core.sql import fetch, ints
from oms.orders import postal
from oms.orders.postal.distance import km_between
from routing.models import Decision
from routing.planner import Candidate, Plan, Question, Step, Want, plan
from routing.steps import DEFAULT_STEPS

# (item, location) -> trust of 100.
Doubts = Mapping[tuple[int, int], int]


@dataclass(slots=True, frozen=True)
class Destination:
    """An order that is due, where it goes, and whether it is held."""

    order_id: int
    store_id: int
    country: str
    latitude: float | None
    longitude: float | None
    held: bool
    waits_for: str
    channel: str = ""
    cart: str = ""

    @property
    def waits_already(self) -> bool:
        """Decided once that it waits; deciding it again is worth no second entry."""
        return bool(self.waits_for)


@dataclass(slots=True, frozen=True)
class OpenLine:
    """Units of a line without a place."""

    line_id: int
    item_id: int
    open: int
    backordered: int


@dataclass(slots=True, frozen=True)
class Place:
    """A location that may ship."""

    id: int
    name: str
    active: bool
    ships_to: frozenset[str]
    latitude: float | None
    longitude: float | None


@dataclass(slots=True, frozen=True)
class Policy:
    """The active version and its steps."""

    version_id: int
    steps: list[Step]


def destinations(order_ids: Sequence[int]) -> list[Destination]:
    """The orders with their coordinates; a missing one comes from the postal code."""
    rows = fetch(
        """
        SELECT o.id, o.store_id, o.ship_country, o.ship_latitude, o.ship_longitude,
               o.ship_postal_code, t.waits_for, o.channel, o.cart,
               EXISTS (SELECT 1 FROM orders_hold h
                       WHERE h.order_id = o.id AND h.released_at IS NULL)
        FROM orders_order o
        LEFT JOIN core_timer t ON t.kind = 'route' AND t.subject_id = o.id
        WHERE o.id = ANY(%s::bigint[]) ORDER BY o.priority, o.placed_at, o.id
        """,
        [list(order_ids)],
    )
    result = []
    for row in rows:
        id_, store_id, country, latitude, longitude, postal_code, waits_for, *rest = row
        channel, cart, held = rest
        if latitude is None or longitude is None:
            latitude, longitude = postal.lookup(country, postal_code) or (None, None)
        result.append(
            Destination(
                id_, store_id, country, latitude, longitude, held, waits_for or "", channel, cart
            )
        )
    return result


def open_lines(order_ids: Sequence[int]) -> dict[int, list[OpenLine]]:
    """Per order the lines that ship, are mapped to an item and have units without a place."""
    rows = fetch(
        """
        SELECT order_id, id, item_id, open, backordered FROM orders_orderline
        WHERE order_id = ANY(%s::bigint[]) AND ships AND item_id IS NOT NULL
              AND open + backordered > 0
        ORDER BY order_id, position, id
        """,
        [list(order_ids)],
    )
    lines: dict[int, list[OpenLine]] = {}
    for order_id, *line in rows:
        lines.setdefault(order_id, []).append(OpenLine(*line))
    return lines


def places(store_id: int) -> dict[int, Place]:
    """Every location of the store, closed ones too: they get a reason like the others."""
    rows = fetch(
        "SELECT id, name, active, ships_to, latitude, longitude FROM inventory_location"
        " WHERE store_id = %s ORDER BY id",
        [store_id],
    )
    return {
        id_: Place(id_, name, active, frozenset(ships_to), latitude, longitude)
        for id_, name, active, ships_to, latitude, longitude in rows
    }


def active_policy(store_id: int) -> Policy:
    """The active version of the store's first policy."""
    rows = fetch(
        """
        SELECT v.id, s.code, s.params::text FROM routing_policyversion v
        JOIN routing_policy p ON p.id = v.policy_id
        JOIN routing_policystep s ON s.version_id = v.id
        WHERE v.state = 'active' AND p.id = (
            SELECT first.id FROM routing_policy first
            JOIN routing_policyversion fv ON fv.policy_id = first.id AND fv.state = 'active'
            WHERE first.store_id = %s ORDER BY first.position, first.id LIMIT 1)
        ORDER BY s.position
        """,
        [store_id],
    )
    if not rows:
        raise LookupError("This store has no active routing policy; activate one under Routing.")
    return Policy(rows[0][0], [(code, loads(params)) for _, code, params in rows])


def doubts(policy: Policy, item_ids: Iterable[int], recipes: Mapping[int, Recipe]) -> Doubts:
    """The trust in stock by (item, location), where it is low and the policy asks for it.

    A bundle is trusted as far as the part that is trusted least.
    """
    if not any(code == "trusted_first" for code, _ in policy.steps):
        return {}
    items = set(item_ids)
    parts = {part_id for item in items for part_id, _ in recipes.get(item, ())}
    rows = fetch(_DOUBTS, [ints(items | parts)])
    found = {(item, location): trust for item, location, trust in rows}
    for bundle in items & recipes.keys():
        for part_id, _ in recipes[bundle]:
            for item, location, trust in rows:
                if item == part_id:
                    known = found.get((bundle, location), trust)
                    found[bundle, location] = min(known, trust)
    return found


def question(
    destination: Destination,
    wanted: Iterable[OpenLine],
    places: dict[int, Place],
    free: dict[int, dict[int, int]],
    doubts: Doubts | None = None,
) -> Question:
    """What the planner is asked about one order."""
    doubts = doubts or {}
    wants = [Want(line.line_id, line.item_id, line.open + line.backordered) for line in wanted]
    items = {want.item_id for want in wants}
    candidates = []
    for place in places.values():
        held = free.get(place.id, {})
        offered = {item: held[item] for item in items if held.get(item, 0) > 0}
        candidates.append(
            Candidate(
                place.id,
                place.active,
                destination.country in place.ships_to,
                _km(place, destination),
                offered,
                min((doubts.get((item, place.id), 100) for item in offered), default=100),
            )
        )
    return Question(destination.country, wants, candidates)


def stored(question: Question) -> dict[str, Any]:
    """The question as kept with the decision."""
    items = list(dict.fromkeys(want.item_id for want in question.wants))
    return {
        "country": question.country,
        "wants": [[w.line_id, w.item_id, w.quantity] for w in question.wants],
        # Units free per item, in the order in which the items are first wanted; then the trust
        # in them, where it is in doubt.
        "candidates": [
            [
                c.location_id,
                int(c.active),
                int(c.serves),
                c.km,
                [c.free.get(i, 0) for i in items],
                *([c.trust] if c.trust < 100 else []),
            ]
            for c in question.candidates
        ],
    }


def restored(stored: dict[str, Any]) -> Question:
    """The question as it was asked."""
    items = list(dict.fromkeys(want[1] for want in stored["wants"]))
    return Question(
        stored["country"],
        [Want(*want) for want in stored["wants"]],
        [
            Candidate(
                location_id,
                bool(active),
                bool(serves),
                km,
                {item: units for item, units in zip(items, free, strict=True) if units},
                *trust,
            )
            for location_id, active, serves, km, free, *trust in stored["candidates"]
        ],
    )


def replay(decision: Decision) -> Plan:
    """Decide again on the recorded facts with the recorded policy version."""
    steps = [(s.code, s.params) for s in decision.version.steps.all()]
    return plan(restored(decision.facts), steps)


def default_steps() -> list[Step]:
    """The steps a new store begins with."""
    return [(code, {}) for code in DEFAULT_STEPS]


# The bound is that of the index on it: routing asks at every batch, and few levels are in doubt.
_DOUBTS = """
SELECT v.item_id, v.location_id, s.trust
FROM inventory_standing s JOIN inventory_stocklevel v ON v.id = s.level_id
WHERE s.trust < 60 AND v.item_id = ANY(%s::bigint[])
"""


def _km(place: Place, destination: Destination) -> float | None:
    if None in (place.latitude, destination.latitude, destination.longitude):
        return None
    return km_between(
        place.latitude,  # type: ignore[arg-type]
        place.longitude,  # type: ignore[arg-type]
        destination.latitude,  # type: ignore[arg-type]
        destination.longitude,  # type: ignore[arg-type]
    )
