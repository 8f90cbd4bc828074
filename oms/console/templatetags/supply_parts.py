"""Filters of the supply, receiving and transfer pages."""

from datetime import date
from typing import Any

from django import template
from django.utils.timezone import get_current_timezone

from oms.core import clock
from oms.orders import words

register = template.Library()

_WORDS = {
    ("purchase", "open"): "Ordered",
    ("transfer", "open"): "Planned",
    ("transfer", "shipped"): "On the way",
}
_ENDS = {"draft": "Draft", "closed": "Closed", "cancelled": "Cancelled"}


@register.filter
def short_day(day: date | None) -> str:
    """today, tomorrow, Fri 27 Nov; with the year when it is another one."""
    return "" if day is None else words.calendar_day(day, clock.now(), get_current_timezone())


@register.filter
def state_word(supply: Any) -> str:
    """Where a supply is: Ordered, Planned, On the way, Closed."""
    return _WORDS.get((supply.kind, supply.state)) or _ENDS.get(supply.state, supply.state)


@register.filter
def of_item(units: dict[int, int], item_id: int) -> int:
    """How many units of an item, from {item id: units}."""
    return units.get(item_id, 0)
