"""Values that people type into forms, read as they were meant or refused."""

from decimal import Decimal

import pytest

from oms.console.acting import amount_of
from oms.core.errors import Refused


def test_a_comma_in_an_amount_parts_thousands():
    assert amount_of(" 1,234,567.50 ") == Decimal("1234567.50")
    assert amount_of("1000.5") == Decimal("1000.5")
    assert amount_of("") == 0


@pytest.mark.parametrize("typed", ["1,00", "10,5", "1,2345", ",50", "1.000,50", "12,34,567"])
def test_an_amount_that_reads_in_two_ways_is_refused(typed):
    with pytest.raises(Refused, match="two ways"):
        amount_of(typed)


@pytest.mark.parametrize("typed", ["NaN", "Infinity", "abc", "9" * 13, "1 000"])
def test_what_is_no_amount_is_refused(typed):
    with pytest.raises(Refused, match="not an amount"):
        amount_of(typed)
