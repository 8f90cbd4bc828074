"""The steps a policy is made of, in one table: code, label, what it does.

A filter is a function (candidate, question, params) that returns None to keep a location, or the
numbers that explain why it is out. To add one: a function, a line in STEPS and FILTERS, a sentence
in routing/explain.py, a test and a row in the README. `trusted_first` filters nothing:
it lengthens the way to places whose numbers are in doubt.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from routing.planner import Candidate, Question

# Of 100; what trusted_first asks for when its parameters do not say.
TRUSTED, KM_PER_POINT = 60, 10

Filter = Callable[["Candidate", "Question", dict[str, Any]], dict[str, Any] | None]


def is_active(candidate: "Candidate", question: "Question", params: dict[str, Any]) -> Any:
    """Keep locations that are open for business."""
    return None if candidate.active else {}


def serves_country(candidate: "Candidate", question: "Question", params: dict[str, Any]) -> Any:
    """Keep locations that ship to the country of the order."""
    return None if candidate.serves else {"country": question.country}


def within_distance(candidate: "Candidate", question: "Question", params: dict[str, Any]) -> Any:
    """Keep locations within `km` of the customer; an unknown distance passes."""
    if candidate.km is None or candidate.km <= params["km"]:
        return None
    return {"km": candidate.km, "limit": params["km"]}


def has_stock(candidate: "Candidate", question: "Question", params: dict[str, Any]) -> Any:
    """Keep locations that hold at least one of the wanted units."""
    if any(candidate.free.get(want.item_id, 0) > 0 for want in question.wants):
        return None
    return {"km": candidate.km}


def detour_km(candidate: "Candidate", params: dict[str, Any]) -> float:
    """How much farther away a location counts, for every point its stock is trusted too little."""
    missing = max(params.get("below", TRUSTED) - candidate.trust, 0)
    return missing * params.get("km_per_point", KM_PER_POINT)


FILTERS: dict[str, Filter] = {
    "is_active": is_active,
    "serves_country": serves_country,
    "within_distance": within_distance,
    "has_stock": has_stock,
}

# code: (label, what it does in a sentence). The last two are the objective and always stand.
STEPS: dict[str, tuple[str, str]] = {
    "is_active": ("Open", "Only locations that are open for business."),
    "serves_country": ("Serves the country", "Only locations that ship to the order's country."),
    "within_distance": ("Near enough", "Only locations within so many km of the customer."),
    "has_stock": ("Has stock", "Only locations that hold at least one of the wanted units."),
    "trusted_first": (
        "Trusted first",
        "Stock that is often not found counts as farther away: km_per_point for each point of"
        " trust below a limit.",
    ),
    "fewest_parcels": ("Fewest parcels", "Of all ways to cover the order, the fewest parcels."),
    "nearest": ("Nearest", "Of those, the shortest way to the customer."),
}

DEFAULT_STEPS = (
    "is_active", "serves_country", "has_stock", "trusted_first", "fewest_parcels", "nearest",
)  # fmt: skip
