"""Filters of the stock pages."""

from datetime import date

from django import template
from django.utils import timezone

from oms.console.stock_words import BUCKETS, number

register = template.Library()


@register.filter
def distance(km: float) -> str:
    """0.4 km, 12 km, 1,204 km."""
    return f"{km:.1f} km" if km < 10 else f"{km:,.0f} km"


@register.filter
def signed(units: int) -> str:
    """+12 and −3, for a change."""
    return f"+{units:,}" if units > 0 else number(units)


@register.filter
def whole(units: int) -> str:
    """1,284 and −3, for a number that may be below zero."""
    return number(units)


@register.filter
def bucket(name: str) -> str:
    return BUCKETS.get(name, name)


@register.filter
def item(rows: dict[object, object], key: object) -> object:
    """The row of a key, for a template that has both."""
    return rows.get(key, "")


@register.filter
def is_id(text: object, number: int) -> bool:
    """Whether a field of a form names this row."""
    return str(text) == str(number)


@register.filter
def plain_day(day: date) -> str:
    """Tue 24 Nov; with the year when it is another one."""
    year = f" {day.year}" if day.year != timezone.localdate().year else ""
    return f"{day:%a} {day.day} {day:%b}{year}"
