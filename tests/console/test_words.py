"""How the console says numbers, money and times."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from oms.console import words

NOW = datetime(2026, 11, 20, 14, 32, tzinfo=UTC)


@pytest.mark.parametrize(
    ("minutes", "said", "colour"),
    [
        (-48, "48 min late", "late"),
        (-212, "3 h 32 late", "late"),
        (-3 * 24 * 60, "3 d late", "late"),
        (38, "in 38 min", "soon"),
        (60, "15:32", ""),
        (120, "16:32", ""),
        (24 * 60, "Sat 21 Nov", ""),
        (60 * 24 * 60, "Tue 19 Jan 2027", ""),
    ],
)
def test_a_due_time_is_said_as_people_say_it(minutes, said, colour):
    at = NOW + timedelta(minutes=minutes)
    assert (words.due(at, NOW), words.due_class(at, NOW)) == (said, colour)


def test_money_has_its_sign_its_zero_and_its_dash():
    assert words.money(Decimal("1390.8"), "GBP") == "£1,390.80"
    assert words.money(Decimal("-24"), "GBP") == "−£24.00"
    assert words.money(Decimal("0"), "GBP") == "£0.00"
    assert words.money(None, "GBP") == "—"
    assert words.money(Decimal("123456789"), "JPY") == "¥123,456,789"


def test_a_column_leaves_the_currency_to_its_heading():
    assert words.bare(Decimal("86"), "GBP") == "86.00"
    assert words.signed(Decimal("86"), "GBP") == "+86.00"
    assert words.signed(Decimal("-24"), "GBP") == "−24.00"
    assert words.signed(Decimal("0"), "GBP") == "0.00"


def test_a_span_is_as_short_as_it_stays_true():
    spans = [2, 600, 5 * 3600 + 22 * 60, 8 * 86400]
    assert [words.span(timedelta(seconds=s)) for s in spans] == ["2 s", "10 min", "5 h 22", "8 d"]


def test_counts_carry_their_noun():
    assert words.plural(1, "order") == "1 order"
    assert words.plural(1284, "order") == "1,284 orders"
    assert words.plural(2, "person", "people") == "2 people"
