"""The first line of the order page: where every unit is and who must act, fit to be read out loud.

A pure function from plain facts to one or two sentences. It promises nothing that is not recorded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from decimal import Decimal

from oms.orders import words

# How many places or parcels a sentence can name before nobody listens any more.
NAMED = 3


@dataclass(slots=True, frozen=True)
class Line:
    """One line of the order and where its units are."""

    position: int
    title: str
    sku: str = ""
    ships: bool = True
    known: bool = True
    open: int = 0
    reserved: int = 0
    backordered: int = 0
    released: int = 0
    shipped: int = 0
    cancelled: int = 0
    returned: int = 0

    @property
    def ordered(self) -> int:
        return sum(getattr(self, bucket) for bucket in _BUCKETS)


_BUCKETS = ("open", "reserved", "backordered", "released", "shipped", "cancelled", "returned")


@dataclass(slots=True, frozen=True)
class Work:
    """Units that a place has to send. `due_at`: when a planned one goes to the floor."""

    place: str
    state: str
    units: int
    due_at: datetime | None = None


@dataclass(slots=True, frozen=True)
class Sent:
    """Units in a parcel, as the carrier last told it."""

    place: str
    units: int
    left_at: datetime
    state: str = "in_transit"
    told_at: datetime | None = None


@dataclass(slots=True, frozen=True)
class Held:
    """An open hold."""

    reason: str
    since: datetime


@dataclass(slots=True, frozen=True)
class Waits:
    """Since when units have no place, and why."""

    since: datetime
    reason: str = ""


@dataclass(slots=True, frozen=True)
class Promised:
    """Of the units that wait, those that a dated supply will bring."""

    units: int
    day: date


@dataclass(slots=True, frozen=True)
class Duty:
    """An open exception: who has it and until when. No owner means the team has it."""

    due_at: datetime
    owner: str = ""
    team: str = ""


@dataclass(slots=True, frozen=True)
class Facts:
    """Everything the answer is made from."""

    now: datetime
    zone: tzinfo
    currency: str = "GBP"
    lines: Sequence[Line] = ()
    holds: Sequence[Held] = ()
    works: Sequence[Work] = ()
    sent: Sequence[Sent] = ()
    waits: Waits | None = None
    promised: Sequence[Promised] = ()
    cancelled_at: datetime | None = None
    at_till: bool = False
    duties: Sequence[Duty] = ()
    owed: Decimal = Decimal(0)
    moved: Decimal = Decimal(0)

    def total(self, bucket: str) -> int:
        """Units of lines that ship in one bucket."""
        return sum(getattr(line, bucket) for line in self.lines if line.ships)

    @property
    def ordered(self) -> int:
        return sum(line.ordered for line in self.lines if line.ships)


def answer(facts: Facts) -> str:
    """Say where the units are, what is missing, what is owed, and whether anybody must act."""
    where = _where(facts)
    money = _money(facts)
    return " ".join(part for part in (where, money, _duty(facts, settled=not money)) if part)


def _where(facts: Facts) -> str:
    if not facts.lines:
        return "This order has no lines."
    if not facts.ordered:
        digital = sum(line.ordered for line in facts.lines)
        return (
            f"Nothing here is sent in a parcel: {words.units(digital)} of services or gift cards."
        )
    clauses = [
        *_held(facts),
        *_sent(facts),
        *_on_the_floor(facts),
        *_backordered(facts),
        *_open(facts),
        *_cancelled(facts),
        *_returned(facts),
    ]
    counted = _Counted(facts.ordered)
    text = "; ".join(counted.say(clause) for clause in clauses)
    # Each clause starts with a number or a name; only a hold starts with a word of ours.
    return text[:1].upper() + text[1:] + "."


@dataclass(slots=True, frozen=True)
class _Clause:
    """What happened to some units: `one` and `many` are the verb; no units means plain text."""

    units: int
    one: str
    many: str = ""


@dataclass(slots=True)
class _Counted:
    """Gives the first number its base: "2 of 3 units" or "all 3 units"; then "1" is enough."""

    ordered: int
    said: bool = False

    def say(self, clause: _Clause) -> str:
        if not clause.units:
            return clause.one
        verb = clause.one if clause.units == 1 else clause.many or clause.one
        if self.ordered == 1:
            subject = "it" if self.said else "the only unit"
        elif clause.units >= self.ordered:
            subject = f"all {self.ordered:,}" + ("" if self.said else " units")
        else:
            subject = f"{clause.units:,}" + ("" if self.said else f" of {self.ordered:,} units")
        self.said = True
        return f"{subject} {verb}"


def _held(facts: Facts) -> list[_Clause]:
    if not facts.holds:
        return []
    first = min(facts.holds, key=lambda hold: hold.since)
    reasons = words.listed([words.short(hold.reason, 80) for hold in facts.holds[:NAMED]])
    since = words.day_and_clock(first.since, facts.now, facts.zone)
    return [_Clause(0, f"held since {since}: {reasons}")]


def _sent(facts: Facts) -> list[_Clause]:
    groups: dict[tuple[str, str, str], int] = {}
    for parcel in sorted(facts.sent, key=lambda parcel: (parcel.left_at, parcel.place)):
        left = words.day(parcel.left_at, facts.now, facts.zone)
        told = words.day(parcel.told_at, facts.now, facts.zone) if parcel.told_at else left
        key = {
            "delivered": ("delivered", "", told),
            "out_for_delivery": ("out", "", told),
            "failed": ("failed", "", told),
            "returning": ("returning", parcel.place, ""),
        }.get(parcel.state, ("left", parcel.place, left))
        groups[key] = groups.get(key, 0) + parcel.units
    clauses = [
        _Clause(units, *_SENT[phase](words.short(place), on))
        for (phase, place, on), units in groups.items()
    ]
    # Units that left without a parcel of ours: sold at a till, or fulfilled in Shopify.
    unseen = facts.total("shipped") + facts.total("returned") - sum(groups.values())
    if unseen > 0:
        clauses.append(_Clause(unseen, *(_SOLD if facts.at_till else _SENT_UNSEEN)))
    return _first_few(clauses, "more in other parcels")


_SENT_UNSEEN = "was sent without a tracking number", "were sent without a tracking number"
_SOLD = "was sold over the counter", "were sold over the counter"
_SENT = {
    "delivered": lambda place, on: (f"was delivered {on}", f"were delivered {on}"),
    "out": lambda place, on: (f"is out for delivery {on}", f"are out for delivery {on}"),
    "failed": lambda place, on: (f"could not be delivered {on}", f"could not be delivered {on}"),
    "returning": lambda place, on: (f"is coming back to {place}", f"are coming back to {place}"),
    "left": lambda place, on: (f"left {place} {on}", f"left {place} {on}"),
}


def _on_the_floor(facts: Facts) -> list[_Clause]:
    groups: dict[tuple[str, str], int] = {}
    for work in facts.works:
        state, place = work.state, words.short(work.place)
        if state == "planned" and work.due_at and work.due_at > facts.now:
            due = words.day_and_clock(work.due_at, facts.now, facts.zone)
            state = f"planned until {due.removeprefix('today ')}"
        groups[state, place] = groups.get((state, place), 0) + work.units
    clauses = [
        _Clause(units, *_floor_words(state, place)) for (state, place), units in groups.items()
    ]
    return _first_few(clauses, "more at other places")


def _floor_words(state: str, place: str) -> tuple[str, str]:
    match state:
        case "packed":
            return f"is packed at {place}", f"are packed at {place}"
        case "picking":
            return f"is being picked at {place}", f"are being picked at {place}"
        case "released":
            return f"waits to be picked at {place}", f"wait to be picked at {place}"
        case "planned":
            return f"is reserved at {place}", f"are reserved at {place}"
    due = state.removeprefix("planned until ")
    tail = f"reserved at {place}, picking starts {due}"
    return f"is {tail}", f"are {tail}"


def _backordered(facts: Facts) -> list[_Clause]:
    waiting = [line for line in facts.lines if line.ships and line.backordered]
    if not waiting:
        return []
    units = sum(line.backordered for line in waiting)
    clauses: list[_Clause] = []
    for day in sorted({promise.day for promise in facts.promised}):
        dated = min(sum(p.units for p in facts.promised if p.day == day), units)
        if dated:
            on = words.calendar_day(day, facts.now, facts.zone)
            tail = f"promised for {on}, when new stock is due"
            clauses.append(_Clause(dated, f"is {tail}", f"are {tail}"))
            units -= dated
    if not units:
        return clauses
    name = f" ({words.short(waiting[0].title)})" if len(waiting) == 1 < len(facts.lines) else ""
    tail = f"{_why_waiting(facts) or ' for stock'}{name}"
    return [*clauses, _Clause(units, f"waits{tail}", f"wait{tail}")]


def _why_waiting(facts: Facts) -> str:
    """Since when and why, as far as it is recorded, to stand after "wait"."""
    if facts.waits is None:
        return ""
    since = f" since {words.date(facts.waits.since, facts.now, facts.zone)}"
    reason = words.short(facts.waits.reason, 80)
    return f"{since}: {reason}" if reason else f" for stock{since}"


def _open(facts: Facts) -> list[_Clause]:
    loose = [line for line in facts.lines if line.ships and line.open]
    unknown = [line for line in loose if not line.known]
    clauses: list[_Clause] = []
    if unknown:
        line = unknown[0]
        sku = f"SKU {words.short(line.sku)}, and no item carries it" if line.sku else "no SKU"
        others = f" ({words.count_of(len(unknown) - 1, 'more line')})" if len(unknown) > 1 else ""
        clauses.append(_Clause(0, f"line {line.position} has {sku}{others}"))
    units = sum(line.open for line in loose if line.known)
    if units and facts.holds:
        clauses.append(_Clause(units, "is not routed yet", "are not routed yet"))
    elif units and unknown:
        clauses.append(_Clause(units, "waits for that line", "wait for that line"))
    elif units and facts.waits and facts.waits.reason:
        tail = _why_waiting(facts)
        clauses.append(_Clause(units, f"waits{tail}", f"wait{tail}"))
    elif units:
        clauses.append(_Clause(units, "is about to be routed", "are about to be routed"))
    return clauses


def _cancelled(facts: Facts) -> list[_Clause]:
    units = facts.total("cancelled")
    if not units:
        return []
    at = facts.cancelled_at
    when = f" {words.day(at, facts.now, facts.zone)}" if at else ""
    nothing = "; nothing was sent" if units == facts.ordered else ""
    return [_Clause(units, f"was cancelled{when}{nothing}", f"were cancelled{when}{nothing}")]


def _returned(facts: Facts) -> list[_Clause]:
    units = facts.total("returned")
    return [_Clause(units, "came back", "came back")] if units else []


def _first_few(clauses: list[_Clause], rest: str) -> list[_Clause]:
    if len(clauses) <= NAMED:
        return clauses
    others = sum(clause.units for clause in clauses[NAMED:])
    return [*clauses[:NAMED], _Clause(0, f"{others:,} {rest}")]


def _money(facts: Facts) -> str:
    difference = facts.owed - facts.moved
    if difference > 0:
        return f"{words.money(difference, facts.currency)} is not paid yet."
    if difference < 0:
        return f"{words.money(-difference, facts.currency)} is still to be paid back."
    return ""


def _duty(facts: Facts, *, settled: bool) -> str:
    if facts.duties:
        duty = min(facts.duties, key=lambda duty: duty.due_at)
        due = words.day_and_clock(duty.due_at, facts.now, facts.zone).removeprefix("today ")
        who = words.short(duty.owner) or (words.short(duty.team) or "Nobody").capitalize()
        if duty.due_at < facts.now:
            return f"{who} should have acted by {due}."
        return f"{who} must act by {due}."
    if facts.holds:
        return "It goes on when the hold is released."
    return "Nothing for you to do." if settled else ""
