"""Postal codes as people write them, and the coordinates they stand for."""

import pytest

from oms.orders.postal import lookup


@pytest.mark.parametrize(
    ("country", "written", "table_code"),
    [
        ("US", "2128", "02128"),
        ("US", "77096-1607", "77096"),
        ("US", "770961607", "77096"),
        ("us", " 10001 ", "10001"),
        ("CA", "m5h 2m9", "M5H"),
        ("GB", "SW1A 1AA", "SW1A"),
        ("NL", "1012 AB", "1012"),
        ("IE", "A41 X2Y3", "A41"),
        ("AU", "800", "0800"),
    ],
)
def test_a_code_as_written_finds_the_code_of_the_table(country, written, table_code):
    assert lookup(country, written) == lookup(country, table_code) is not None


def test_coordinates_are_latitude_then_longitude():
    assert lookup("US", "10001") == (40.7484, -73.9967)


@pytest.mark.parametrize(
    ("country", "written"),
    [("JP", "100-0001"), ("US", ""), ("US", "hello"), (None, "10001"), ("US", None)],
)
def test_an_unknown_code_or_country_is_none_and_no_guess(country, written):
    assert lookup(country, written) is None
