"""A decision in plain words: why here, why not there, and what would change it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inventory.models import Location
from oms.catalog.models import Item
from routing.models import Decision


@dataclass(slots=True, frozen=True)
class Row:
    """One location: chosen or not, the reason in a few words, the facts, the way to change it."""

    location_id: int
    name: str
    chosen: bool
    headline: str
    detail: str
    would_change: str


@dataclass(slots=True, frozen=True)
class Explanation:
    """What support reads out: a sentence, then a row per location, the chosen ones first."""

    sentence: str
    rows: list[Row]


def explain(decision: Decision) -> Explanation:
    """Put the stored trace into words. Two queries, whatever the size of the decision."""
    names = dict(
        Location.objects.filter(pk__in=[row[0] for row in decision.trace]).values_list("pk", "name")
    )
    item_ids = {want[1] for want in decision.facts["wants"]}
    skus = dict(Item.objects.filter(pk__in=item_ids).values_list("pk", "sku"))
    rows = [
        _row(location_id, step, data, names, skus) for location_id, step, data in decision.trace
    ]
    rows.sort(key=lambda row: (not row.chosen, row.name))
    chosen = [row.name for row in rows if row.chosen]
    return Explanation(_sentence(decision, chosen), rows)


def _sentence(decision: Decision, chosen: list[str]) -> str:
    wanted = sum(want[2] for want in decision.facts["wants"])
    if not chosen:
        if any(step == "has_stock" for _, step, _ in decision.trace):
            return (
                f"No open location that ships there has any of the {_count(wanted, 'unit')} free."
            )
        return f"No open location ships to {decision.facts['country'] or 'an unknown country'}."
    places = " and ".join(chosen)
    rest = "" if decision.outcome == Decision.Outcome.ROUTED else "; what nobody holds waits"
    if len(chosen) == 1 and any(step == "trusted_first" for _, step, _ in decision.trace):
        why = "the stock of a nearer place is in doubt"
        return f"{places} covers the order in one parcel; {why}{rest}."
    if len(chosen) == 1:
        return f"{places} is the nearest place that covers the order in one parcel{rest}."
    return f"{places} together cover it in {len(chosen)} parcels, the fewest possible{rest}."


def _row(
    location_id: int,
    step: str,
    data: Mapping[str, Any],
    names: Mapping[int, str],
    skus: Mapping[int, str],
) -> Row:
    name = names.get(location_id, "A location that was deleted")
    headline, detail, change = _WORDS[step](data, skus) if step in _WORDS else (step, "", "")
    return Row(location_id, name, step == "chosen", headline, detail, change.format(name=name))


def _chosen(data: Mapping[str, Any], skus: Mapping[int, str]) -> tuple[str, str, str]:
    return (
        "Every line" if data["lines"] == data["of"] else f"{data['lines']} of {data['of']} lines",
        f"free at that moment{_away(data['km'])}{_doubted(data)}",
        "",
    )


def _closed(data: Mapping[str, Any], skus: Mapping[int, str]) -> tuple[str, str, str]:
    return "Closed", "not open for business", "Open {name} for shipping."


def _country(data: Mapping[str, Any], skus: Mapping[int, str]) -> tuple[str, str, str]:
    country = data["country"] or "an unknown country"
    return (
        f"Does not ship to {country}",
        "location filter",
        f"Add {country} to the countries that {{name}} ships to.",
    )


def _too_far(data: Mapping[str, Any], skus: Mapping[int, str]) -> tuple[str, str, str]:
    return (
        "Too far",
        f"{data['km']:,.0f} km, the limit is {data['limit']:,.0f} km",
        "Raise the distance limit of the policy.",
    )


def _no_stock(data: Mapping[str, Any], skus: Mapping[int, str]) -> tuple[str, str, str]:
    return "Nothing free", f"0 of the wanted units free{_away(data['km'])}", ""


def _more_parcels(data: Mapping[str, Any], skus: Mapping[int, str]) -> tuple[str, str, str]:
    item, held, wanted = data["lacks"][0]
    sku = skus.get(item, "an item that was deleted")
    lacking = data["of"] - data["lines"]
    others = f" and {_count(lacking - 1, 'line')} more" if lacking > 1 else ""
    change = (
        f"{wanted - held} more {sku} free at {{name}} would make it a choice."
        if lacking == 1
        else ""
    )
    return (
        f"Short of {sku}{others}",
        f"{data['lines']} of {data['of']} lines free, of {sku} {held} of {wanted}"
        f"{_away(data['km'])}",
        change,
    )


def _farther(data: Mapping[str, Any], skus: Mapping[int, str]) -> tuple[str, str, str]:
    if data["km"] is None:
        return "Distance unknown", "every line free; the place has no coordinates", ""
    return (
        "Longer way",
        f"every line free; {data['km']:,.0f} km instead of {data['than_km']:,.0f} km",
        "",
    )


def _trusted_less(data: Mapping[str, Any], skus: Mapping[int, str]) -> tuple[str, str, str]:
    return (
        "Trusted less",
        f"every line free{_away(data['km'])}; trust {data['trust']} of 100 counts as"
        f" {data['detour']:,.0f} km more",
        "Count the stock at {name}: what is found right is trusted again.",
    )


_WORDS = {
    "chosen": _chosen,
    "is_active": _closed,
    "serves_country": _country,
    "within_distance": _too_far,
    "has_stock": _no_stock,
    "fewest_parcels": _more_parcels,
    "trusted_first": _trusted_less,
    "nearest": _farther,
}


def _doubted(data: Mapping[str, Any]) -> str:
    return f"; trust {data['trust']} of 100" if "trust" in data else ""


def _away(km: float | None) -> str:
    return "" if km is None else f"; {km:,.0f} km"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
