"""Filters and tags for templates: money, times, icons, links that keep the other filters."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from oms.console import words
from oms.core import clock
from oms.exceptions import kinds

register = template.Library()

DOT = mark_safe('<span class="dot">·</span>')


@register.simple_tag
def icon(name: str, extra: str = "") -> SafeString:
    """A picture for a word that stands beside it; screen readers skip it."""
    return format_html('<span class="icon {}" aria-hidden="true">{}</span>', extra, name)


@register.filter
def money(amount: Decimal | None, currency: str) -> str:
    return words.money(amount, currency)


@register.filter
def bare(amount: Decimal | None, currency: str) -> str:
    return words.bare(amount, currency)


@register.filter
def signed(amount: Decimal | None, currency: str) -> str:
    return words.signed(amount, currency)


@register.filter
def symbol(currency: str) -> str:
    return words.symbol(currency)


@register.filter
def when(at: datetime | None) -> SafeString | str:
    """A moment with its full form in the tooltip; a dash when it has not happened."""
    if at is None:
        return "—"
    return _time(at, words.moment(at, clock.now()))


@register.filter
def day(at: datetime | None) -> SafeString | str:
    return "—" if at is None else _time(at, words.day(at, clock.now()))


@register.filter
def due(at: datetime) -> SafeString:
    """A due time, coloured: late red, within the hour amber."""
    now = clock.now()
    return _time(at, words.due(at, now), words.due_class(at, now))


@register.filter
def clock_time(at: datetime | None) -> SafeString | str:
    return "—" if at is None else _time(at, f"{timezone.localtime(at):%H:%M:%S}")


@register.filter
def ago(at: datetime | None) -> str:
    """2 s, 10 min, 5 h 22: the age of something."""
    return "—" if at is None else words.span(clock.now() - at)


@register.filter
def day_clock(at: datetime) -> str:
    """Fri 20 Nov, 14:32"""
    local = timezone.localtime(at)
    return f"{local:%a} {local.day} {local:%b}, {local:%H:%M}"


@register.filter
def sentence(case: Any) -> str:
    """What is wrong, made from the facts of an exception."""
    return kinds.sentence(case.kind, case.facts)


@register.filter
def first_word(text: str) -> str:
    """Sam, for Sam Okafor."""
    return text.split(" ", 1)[0]


@register.filter
def kind_word(code: str) -> str:
    return kinds.label(code)


@register.filter
def counts(number: int) -> str:
    """1,284"""
    return f"{number:,}"


@register.filter
def or_dot(number: int | None) -> SafeString | str:
    """A count in a grid of counts: an empty cell is a dot."""
    return f"{number:,}" if number else DOT


@register.simple_tag(takes_context=True)
def keep(context: Any, **changes: Any) -> str:
    """This page's address with some query words changed; an empty value drops the word."""
    query = context["request"].GET.copy()
    for word, value in changes.items():
        query.pop(word, None)
        if value not in (None, ""):
            query[word] = value
    return f"?{query.urlencode()}"


def _time(at: datetime, text: str, css: str = "") -> SafeString:
    return format_html(
        '<time datetime="{}" title="{}" class="{}">{}</time>',
        at.isoformat(timespec="seconds"),
        words.full(at),
        css,
        text,
    )
