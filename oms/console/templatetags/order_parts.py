"""Filters of the order, return and refund pages."""

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

from django import template

from oms.console import words
from oms.orders.words import short
from oms.orders.words import signed_money as signed_money_of

register = template.Library()
MOST_JSON = 20_000


@register.filter
def actor(text: str) -> str:
    """Who it was, without the kind: "user:Sam Okafor" is Sam Okafor."""
    return text.partition(":")[2] or text


@register.filter
def plain(text: object, limit: int) -> str:
    """Somebody's text on one line: no hidden marks, cut at the end, isolated where it needs it."""
    return short(str(text), limit)


@register.filter
def full(at: datetime) -> str:
    """Date, time and zone for a tooltip."""
    return words.full(at)


@register.filter
def signed_money(amount: Decimal, currency: str) -> str:
    """+£86.00, −£24.00, £0.00."""
    return signed_money_of(amount, currency)


@register.filter
def pretty_json(value: Any) -> str:
    """A document as people read it, cut where nobody reads on."""
    text = json.dumps(value, indent=2, ensure_ascii=False, sort_keys=False)
    return text if len(text) <= MOST_JSON else f"{text[:MOST_JSON]}\n… cut here"


@register.filter
def joined(word: str, value: Any) -> str:
    """hold and 12 make hold-12: the name of a form."""
    return f"{word}-{value}"
