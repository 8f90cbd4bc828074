"""How people read numbers here: units, money, days and names, in plain values.

Pure functions that pages, sentences and messages share, so a number looks the same everywhere.
"""

import re
import unicodedata
from collections.abc import Sequence
from datetime import date as Date
from datetime import datetime, tzinfo
from decimal import Decimal

from babel.numbers import format_currency

# Marks that could turn the text around them or hide in it; a name never needs them.
_INVISIBLE = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\x00-\x1f\x7f-\x9f]+")


def units(count: int) -> str:
    """1 unit, 2,310 units."""
    return f"{count:,} unit" if count == 1 else f"{count:,} units"


def count_of(count: int, noun: str) -> str:
    """1 parcel, 3 parcels: for nouns that take an s."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def money(amount: Decimal, currency: str) -> str:
    """£1,234.50. The sign stands in front: −£24.00."""
    text = format_currency(abs(amount), currency, locale="en")
    return f"−{text}" if amount < 0 else text


def signed_money(amount: Decimal, currency: str) -> str:
    """A difference: +£86.00, −£24.00, £0.00."""
    return f"+{money(amount, currency)}" if amount > 0 else money(amount, currency)


def day(moment: datetime, now: datetime, zone: tzinfo) -> str:
    """today, yesterday, Thu 19 Nov; with the year when it is another one."""
    local, today = moment.astimezone(zone).date(), now.astimezone(zone).date()
    match (today - local).days:
        case 0:
            return "today"
        case 1:
            return "yesterday"
        case -1:
            return "tomorrow"
    return date(moment, now, zone)


def date(moment: datetime, now: datetime, zone: tzinfo) -> str:
    """Thu 19 Nov; with the year when it is another one."""
    local = moment.astimezone(zone)
    text = f"{local:%a} {local.day} {local:%b}"
    return text if local.year == now.astimezone(zone).year else f"{text} {local.year}"


def calendar_day(day: Date, now: datetime, zone: tzinfo) -> str:
    """today, tomorrow, Fri 27 Nov: a day without a time; with the year when it is another one."""
    today = now.astimezone(zone).date()
    match (day - today).days:
        case 0:
            return "today"
        case 1:
            return "tomorrow"
    text = f"{day:%a} {day.day} {day:%b}"
    return text if day.year == today.year else f"{text} {day.year}"


def clock(moment: datetime, zone: tzinfo) -> str:
    """18:41"""
    return f"{moment.astimezone(zone):%H:%M}"


def day_and_clock(moment: datetime, now: datetime, zone: tzinfo) -> str:
    """today 18:41, Thu 19 Nov 18:41."""
    return f"{day(moment, now, zone)} {clock(moment, zone)}"


def listed(parts: Sequence[str]) -> str:
    """a; a and b; a, b and c."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def short(text: str, limit: int = 48) -> str:
    """A name fit for a sentence: one line, no hidden marks, cut at the end, isolated where needed.

    Text that runs right to left stands between isolating marks: it cannot reorder the sentence.
    """
    text = " ".join(_INVISIBLE.sub(" ", text).split())
    if len(text) > limit:
        text = text[: limit - 1].rstrip() + "…"
    if any(unicodedata.bidirectional(char) in ("R", "AL", "AN") for char in text):
        return f"\u2068{text}\u2069"
    return text
