"""The planner: a pure function from facts to a plan and the reason of every location that lost.

    filters remove locations, each with a reason
    what nobody holds is short
    the rest is covered by the fewest parcels, then by the shortest way; a place whose numbers
    are in doubt counts as farther away

Preview, replay and the real run call `plan` with the same facts and get the same answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from routing.search import cover
from routing.steps import FILTERS, detour_km

Step = tuple[str, dict[str, Any]]


@dataclass(slots=True, frozen=True)
class Want:
    """Units of one line to be placed."""

    line_id: int
    item_id: int
    quantity: int


@dataclass(slots=True, frozen=True)
class Candidate:
    """A location as seen when deciding: `free` is units available per item, `km` the way.

    `trust` is the least of those of the wanted items, where it is low enough to matter.
    """

    location_id: int
    active: bool
    serves: bool
    km: float | None
    free: dict[int, int]
    trust: int = 100


@dataclass(slots=True, frozen=True)
class Question:
    """Everything a decision about one order rests on."""

    country: str
    wants: Sequence[Want]
    candidates: Sequence[Candidate]


@dataclass(slots=True, frozen=True)
class Parcel:
    """What one location ships: (line id, units)."""

    location_id: int
    units: list[tuple[int, int]]


@dataclass(slots=True, frozen=True)
class Verdict:
    """What became of a location: the step that decided, and the numbers to explain it with."""

    location_id: int
    step: str
    data: dict[str, Any]


@dataclass(slots=True)
class Plan:
    """Parcels to make, units nobody has, and a verdict per location.

    `served` says whether any location could ship there at all, stock aside. `exact` is False
    when the search was cut off and a parcel less might have been possible. `way` is the sum of the
    ways, as far as they count.
    """

    parcels: list[Parcel] = field(default_factory=list)
    short: list[tuple[int, int]] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    served: bool = False
    exact: bool = True
    way: float = 0.0


def plan(question: Question, steps: Sequence[Step]) -> Plan:
    """Decide where the wanted units ship from, by the steps of one policy version."""
    result = Plan()
    kept = list(question.candidates)
    for code, params in steps:
        if (filter_ := FILTERS.get(code)) is None:
            continue
        if code == "has_stock":
            result.served = bool(kept)
        remaining = []
        for candidate in kept:
            if (reason := filter_(candidate, question, params)) is None:
                remaining.append(candidate)
            else:
                result.verdicts.append(Verdict(candidate.location_id, code, reason))
        kept = remaining

    # Nearest first: ties below fall to the shorter way, and then to the older location.
    doubt = next((params for code, params in steps if code == "trusted_first"), None)
    way_of = {c.location_id: _way(c, doubt) for c in kept}
    kept.sort(key=lambda c: (way_of[c.location_id], c.location_id))
    demand: dict[int, int] = {}
    for want in question.wants:
        demand[want.item_id] = demand.get(want.item_id, 0) + want.quantity
    items = list(demand)
    # Lines that share an item are checked on their summed demand.
    caps = [[min(c.free.get(i, 0), demand[i]) for i in items] for c in kept]
    need = [min(demand[i], sum(cap[n] for cap in caps)) for n, i in enumerate(items)]
    ways = [way_of[c.location_id] for c in kept]

    chosen, result.exact = cover(need, caps, ways)
    result.way = sum(ways[n] for n in chosen)
    _allocate(question, result, items, need, caps, [(n, kept[n]) for n in chosen])
    _explain(result, kept, items, demand, caps, set(chosen), doubt)
    result.verdicts.sort(key=lambda v: v.location_id)
    return result


def _allocate(
    question: Question,
    result: Plan,
    items: Sequence[int],
    need: Sequence[int],
    caps: Sequence[Sequence[int]],
    chosen: Sequence[tuple[int, Candidate]],
) -> None:
    """Hand each line its units: from one place when one has them all, nearest place first."""
    left = {(n, item): caps[n][i] for n, _ in chosen for i, item in enumerate(items)}
    placeable = dict(zip(items, need, strict=True))
    units: dict[int, list[tuple[int, int]]] = {c.location_id: [] for _, c in chosen}
    for want in question.wants:
        missing = min(want.quantity, placeable[want.item_id])
        placeable[want.item_id] -= missing
        if want.quantity > missing:
            result.short.append((want.line_id, want.quantity - missing))
        whole = [(n, c) for n, c in chosen if left[n, want.item_id] >= missing]
        for n, candidate in whole[:1] or chosen:
            taken = min(missing, left[n, want.item_id])
            if taken:
                left[n, want.item_id] -= taken
                missing -= taken
                units[candidate.location_id].append((want.line_id, taken))
    result.parcels = [Parcel(location_id, u) for location_id, u in units.items() if u]


def _explain(
    result: Plan,
    kept: Sequence[Candidate],
    items: Sequence[int],
    demand: dict[int, int],
    caps: Sequence[Sequence[int]],
    chosen: set[int],
    doubt: dict[str, Any] | None,
) -> None:
    """A verdict for every location that passed the filters: chosen, or why another was better."""
    wanted = [demand[i] for i in items]
    nearest = min((kept[n].km or 0 for n in chosen), default=0)
    for n, candidate in enumerate(kept):
        lacking = [
            [item, caps[n][i], wanted[i]] for i, item in enumerate(items) if caps[n][i] < wanted[i]
        ]
        facts: dict[str, Any] = {
            "km": candidate.km,
            "lines": len(items) - len(lacking),
            "of": len(items),
        }
        if doubt is not None and (detour := detour_km(candidate, doubt)):
            facts |= {"trust": candidate.trust, "detour": detour}
        if n in chosen:
            step = "chosen"
        elif len(lacking) < len(items) or any(held for _, held, _ in lacking):
            step = "nearest" if not lacking else "fewest_parcels"
            if not lacking and "detour" in facts and (candidate.km or 0) <= nearest:
                step = "trusted_first"
            facts["lacks"] = lacking[:3]
            facts["parcels"] = len(chosen)
            facts["than_km"] = nearest
        result.verdicts.append(Verdict(candidate.location_id, step, facts))


def _way(candidate: Candidate, doubt: dict[str, Any] | None) -> float:
    km = candidate.km if candidate.km is not None else _FAR
    return km if doubt is None else km + detour_km(candidate, doubt)


_FAR = 1e9
