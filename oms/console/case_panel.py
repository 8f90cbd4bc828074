"""One case as the panel shows it: the failing check, the ways out, the notes. Reads only."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from oms.console.access import may, who_may
from oms.console.words import day, money
from oms.exceptions.models import ExceptionCase
from oms.exceptions.queries import Offer, Panel
from oms.exceptions.sentences import MESSAGES, TOLD
from oms.exceptions.ways import Effect, Way


@dataclass(slots=True)
class WayOut:
    """A way out as this person sees it: open with a preview, locked, or not possible."""

    number: int
    way: Way
    effect: Effect | None = None
    locked_for: str = ""
    hindrance: str = ""


@dataclass(frozen=True, slots=True)
class Nap:
    """A moment to snooze until, on a button."""

    word: str
    until: datetime


def panel_of(shown: Panel, user: User, now: datetime) -> dict[str, Any]:
    """Everything the panel says, for this person. One query: whom to hand it over to."""
    case = shown.case
    ways = [_way_out(number, offer, user) for number, offer in enumerate(shown.ways, 1)]
    people = User.objects.filter(is_active=True, is_staff=True).exclude(pk=case.owner_id or 0)
    return {
        "case": case,
        "shown": shown,
        "currency": case.order.currency if case.order else case.store.currency,
        "fact_rows": fact_rows(case),
        "ways": ways,
        "first_open": next((way for way in ways if way.effect), None),
        "people": people.order_by("first_name", "username")[:200],
        "naps": naps(now),
        "is_mine": case.owner_id == user.pk,
        "asleep": bool(case.snoozed_until and case.snoozed_until > now),
    }


def _way_out(number: int, offer: Offer, user: User) -> WayOut:
    ability = f"console.{offer.way.ability}"
    if may(user, ability):
        return WayOut(number, offer.way, effect=offer.effect, hindrance=offer.hindrance)
    return WayOut(number, offer.way, locked_for=who_may(ability), hindrance=offer.hindrance)


def naps(now: datetime) -> list[Nap]:
    """In an hour, this evening, tomorrow and on Monday at nine: what people choose."""
    local = timezone.localtime(now)
    nine = local.replace(hour=9, minute=0, second=0, microsecond=0)
    tomorrow = nine + timedelta(days=1)
    monday = nine + timedelta(days=7 - local.weekday())
    naps = [Nap("1 hour", now + timedelta(hours=1)), Nap("4 hours", now + timedelta(hours=4))]
    naps.append(Nap(f"{day(tomorrow, now)}, 09:00", tomorrow))
    if monday != tomorrow:
        naps.append(Nap(f"{day(monday, now)}, 09:00", monday))
    return naps


# Which facts are shown, in this order, and what people call them.
FACT_WORDS = {
    "sku": "SKU",
    "title": "Item",
    "position": "Line",
    "location": "Location",
    "on_hand": "On hand",
    "reserved": "Promised",
    "missing": "Missing",
    "units": "Units",
    "line_units": "Units of this item",
    "picked": "Picked",
    "lines": "Lines",
    "serving": "Locations that serve it",
    "have": "Free elsewhere",
    "elsewhere": "Free, does not serve",
    "orders": "Orders hit",
    "names": "Which",
    "losing": "Who loses",
    "holding": "Picked or packed for",
    "crossed_by": "Sold in",
    "country": "Ships to",
    "code": "Work",
    "state": "Stands at",
    "carrier": "Carrier",
    "tracking": "Tracking",
    "place": "Last seen",
    "topic": "About",
    "key": "Key",
    "writes": "Waiting",
    "attempts": "Attempts",
    "reason": "Reason",
    "failed": "Payment",
    "difference": "Difference",
    "owed": "Owed by lines",
    "moved": "Moved",
    "on_its_way": "On its way",
    "refunded": "Refunded",
    "by": "Proposed by",
    "number": "Return",
    "declared": "Declared",
    "received": "Received",
    "since": "Since",
}
_MONEY = {"difference", "owed", "moved", "on_its_way", "refunded"}


def fact_rows(case: ExceptionCase) -> list[tuple[str, str]]:
    """The facts of a case as label and value; an unknown fact is not shown."""
    currency = case.facts.get("currency", "")
    rows = []
    for name, word in FACT_WORDS.items():
        value = case.facts.get(name)
        if value in (None, "", []):
            continue
        rows.append((word, _fact(name, value, currency)))
    return rows


def _fact(name: str, value: Any, currency: str) -> str:
    if name in _MONEY and currency:
        try:
            return money(Decimal(str(value)), currency)
        except InvalidOperation:
            return str(value)
    if name == "topic":
        return TOLD.get(value, MESSAGES.get(value, str(value)))
    if name == "state":
        return str(value).replace("_", " ")
    if isinstance(value, list):
        return ", ".join(_listed(entry) for entry in value)
    return f"{value:,}" if isinstance(value, int) else str(value)


def _listed(entry: Any) -> str:
    """["Reading", 9] reads Reading 9."""
    return f"{entry[0]} {entry[1]}" if isinstance(entry, list) and len(entry) > 1 else str(entry)
