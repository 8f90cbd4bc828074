"""What units of a line are worth: price less their share of discount plus their share of tax.

Shares are exact to the smallest unit of the currency: the rounding remainder goes to the last
units, so that all units add up to the value of the line, in whatever portions they are asked.
"""

from decimal import ROUND_DOWN, Decimal

from babel.numbers import get_currency_precision

from oms.orders.models import OrderLine


def line_total(line: OrderLine) -> Decimal:
    """What the customer owes for the whole line."""
    return line.unit_price * line.ordered - line.discount + line.tax


def value_of(line: OrderLine, *, already: int, quantity: int, currency: str) -> Decimal:
    """What the next `quantity` units are worth after `already` units were taken off the line."""
    return _first(line, already + quantity, currency) - _first(line, already, currency)


def _first(line: OrderLine, units: int, currency: str) -> Decimal:
    if units >= line.ordered:
        return line_total(line)
    step = Decimal(1).scaleb(-get_currency_precision(currency))
    return (line_total(line) * units / line.ordered).quantize(step, ROUND_DOWN)
