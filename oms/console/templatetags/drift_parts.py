"""Filters of the page of differences to Shopify."""

from django import template

from inventory.models import Drift
from oms.console import drift_words

register = template.Library()

register.filter("cause", drift_words.cause)
register.filter("outcome", drift_words.outcome)


@register.filter
def units(number: int | None) -> str:
    """1,284 and −3; a number that one side does not have is a dash."""
    return "—" if number is None else f"{number:,}".replace("-", "−")


@register.filter
def off_by(drift: Drift) -> str:
    """By how much Shopify's number is off ours, with its sign."""
    return f"{drift.theirs - drift.ours:+,}".replace("-", "−")
