"""Amounts in shop and presentment currency as Decimals, and how Shopify spells them."""

from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

# Currencies whose smallest unit is not a hundredth (ISO 4217).
NO_DECIMALS_WORDS = """
BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF
"""
NO_DECIMALS = frozenset(NO_DECIMALS_WORDS.split())
THREE_DECIMALS = frozenset(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"])


class Bag(NamedTuple):
    shop: Decimal
    presentment: Decimal

    def __add__(self, other):
        return Bag(self.shop + other.shop, self.presentment + other.presentment)

    def __sub__(self, other):
        return Bag(self.shop - other.shop, self.presentment - other.presentment)

    def times(self, factor):
        return Bag(self.shop * factor, self.presentment * factor)

    def stored(self):
        return [str(self.shop), str(self.presentment)]


ZERO = Bag(Decimal(0), Decimal(0))


def bag(stored):
    """A Bag from its stored pair of strings; nothing is zero."""
    return Bag(Decimal(stored[0]), Decimal(stored[1])) if stored else ZERO


def same(amount):
    """A Bag with one amount in both currencies."""
    amount = Decimal(amount)
    return Bag(amount, amount)


def total(bags):
    result = ZERO
    for each in bags:
        result = result + each
    return result


def exponent(currency):
    if currency in NO_DECIMALS:
        return Decimal(1)
    return Decimal("0.001") if currency in THREE_DECIMALS else Decimal("0.01")


def rounded(amount, currency):
    return Decimal(amount).quantize(exponent(currency), ROUND_HALF_UP)


def decimal_text(amount, currency="USD"):
    """GraphQL spelling: trimmed, but at least one decimal ("10.0", "12.5", "12.55")."""
    text = f"{rounded(amount, currency):f}"
    if "." not in text:
        return text + ".0"
    text = text.rstrip("0")
    return text + "0" if text.endswith(".") else text


def rest_text(amount, currency="USD"):
    """Webhook spelling: always the decimals of the currency ("10.00")."""
    return f"{rounded(amount, currency):f}"


def money_v2(amount, currency):
    return {"amount": decimal_text(amount, currency), "currencyCode": currency}


def money_bag(value, order):
    """MoneyBag of an order's amount."""
    return {
        "shopMoney": money_v2(value.shop, order["currency"]),
        "presentmentMoney": money_v2(value.presentment, order["presentment_currency"]),
    }


def rest_bag(value, order):
    """price_set of a webhook body."""
    return {
        "shop_money": {
            "amount": rest_text(value.shop, order["currency"]),
            "currency_code": order["currency"],
        },
        "presentment_money": {
            "amount": rest_text(value.presentment, order["presentment_currency"]),
            "currency_code": order["presentment_currency"],
        },
    }
