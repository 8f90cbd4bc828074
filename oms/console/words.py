"""Numbers, money and times in the words of the console. Pure: the moment is always given."""

from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from babel.numbers import format_currency, get_currency_symbol
from django.utils import timezone

LOCALE = "en"
SOON = timedelta(hours=1)


def money(amount: Decimal | None, currency: str) -> str:
    """£1,390.80; an amount that does not exist is a dash, a real zero is £0.00."""
    if amount is None:
        return "—"
    return format_currency(amount, currency, locale=LOCALE).replace("-", "−")


def bare(amount: Decimal | None, currency: str) -> str:
    """1,390.80 without the sign of the currency, for a column whose heading carries it."""
    text = money(amount, currency)
    return text.replace(symbol(currency), "").strip()


def signed(amount: Decimal | None, currency: str) -> str:
    """+86.00 still owed, −24.00 too much, 0.00 agrees; for a column."""
    text = bare(amount, currency)
    return f"+{text}" if amount and amount > 0 else text


@lru_cache(maxsize=64)
def symbol(currency: str) -> str:
    return get_currency_symbol(currency, locale=LOCALE)


def due(at: datetime, now: datetime) -> str:
    """48 min late, in 38 min, 15:30, Tue 24 Nov; the full time stands in the tooltip."""
    away = at - now
    if away < timedelta(0):
        return f"{span(-away)} late"
    if away < SOON:
        return f"in {span(away)}"
    same_day = timezone.localtime(at).date() == timezone.localtime(now).date()
    return moment(at, now) if same_day else day(at, now)


def due_class(at: datetime, now: datetime) -> str:
    """The colour of a due time: red when late, amber within the hour, else grey."""
    away = at - now
    if away < timedelta(0):
        return "late"
    return "soon" if away < SOON else ""


def span(length: timedelta) -> str:
    """38 s, 48 min, 3 h 32 min, 8 d: as short as it stays true."""
    seconds = int(length.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    minutes = seconds // 60
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes:02d}"
    return f"{hours // 24} d"


def moment(at: datetime, now: datetime) -> str:
    """15:30 today, else Tue 24 Nov, 15:30 (and the year when it is not this one)."""
    local, today = timezone.localtime(at), timezone.localtime(now)
    if local.date() == today.date():
        return f"{local:%H:%M}"
    year = f" {local.year}" if local.year != today.year else ""
    return f"{local:%a} {local.day} {local:%b}{year}, {local:%H:%M}"


def day(at: datetime, now: datetime) -> str:
    """Tue 24 Nov: what a customer hears."""
    local, today = timezone.localtime(at), timezone.localtime(now)
    year = f" {local.year}" if local.year != today.year else ""
    return f"{local:%a} {local.day} {local:%b}{year}"


def full(at: datetime) -> str:
    """For the tooltip: date, time and zone."""
    local = timezone.localtime(at)
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M:%S %Z}"


def plural(number: int, one: str, many: str = "") -> str:
    """1 order, 2 orders, 1,284 orders."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
