"""Strict readers for JSON from outside: each takes a value or refuses with a reason in words."""

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NoReturn

from oms.core.errors import BadPayload

BIGGEST_ID = 2**63 - 1
MOST_UNITS = 1_000_000

# Four digits after the point is what the database keeps, three is the most a currency has.
_MONEY = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,4})?", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
# What PostgreSQL text or UTF-8 cannot hold: NUL and half a surrogate pair.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_MARKS = (b"\x00", b"\\u0000", b"\\ud", b"\\uD")


def document(body: bytes) -> dict[str, Any]:
    """The JSON object in a raw body, with unstorable characters cleaned out of its texts."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadPayload(f"The body is not UTF-8 (byte {error.start}).") from error
    try:
        # Python's reader would let NaN and floats in; numbers stay exact and finite here.
        value = json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise BadPayload("The JSON is nested too deep.") from error
    except ValueError as error:
        # Broken JSON, or an integer with more digits than Python agrees to read.
        raise BadPayload(f"The body is not JSON: {error}.") from error
    if not isinstance(value, dict):
        raise BadPayload("The body is not a JSON object.")
    if any(mark in body for mark in _MARKS):
        _clean(value)
    return value


def identifier(row: dict[str, Any], key: str) -> int:
    """A positive 64-bit id that must be there."""
    value = row.get(key)
    if type(value) is not int or not 0 < value <= BIGGEST_ID:
        _refuse(key, value, "an id")
    return value


def identifier_or_none(row: dict[str, Any], key: str) -> int | None:
    """As `identifier`, but may be missing or null."""
    return None if row.get(key) is None else identifier(row, key)


def gid_number(row: dict[str, Any], key: str, kind: str) -> int:
    """The number in gid://shopify/<kind>/<number>, with or without ?parameters behind it."""
    value = row.get(key)
    head, _, tail = value.rpartition("/") if isinstance(value, str) else ("", "", "")
    digits = tail.partition("?")[0]
    if head != f"gid://shopify/{kind}" or not (digits.isascii() and digits.isdigit()):
        _refuse(key, value, f"the id of a {kind}")
    number = int(digits[:20])
    if not 0 < number <= BIGGEST_ID:
        _refuse(key, value, f"the id of a {kind}")
    return number


def quantity(row: dict[str, Any], key: str, *, least: int = 1) -> int:
    """Units: a whole number within reason. 1.5, "3", null, true and 2**31 are refused."""
    value = row.get(key)
    if type(value) is not int or not least <= value <= MOST_UNITS:
        _refuse(key, value, f"a whole number from {least} to {MOST_UNITS}")
    return value


def money(row: dict[str, Any], key: str) -> Decimal:
    """An amount: a decimal string, never an exponent, never a float."""
    value = row.get(key)
    if type(value) is not str or not _MONEY.fullmatch(value):
        _refuse(key, value, "an amount")
    return Decimal(value)


def money_in_shop(row: dict[str, Any], key: str) -> Decimal:
    """The shop-currency side of a `…_set`; zero when the set is missing or null."""
    bag = row.get(key)
    if bag is None:
        return Decimal(0)
    return money(mapping(mapping(row, key), "shop_money"), "amount")


def currency(row: dict[str, Any], key: str) -> str:
    """A three-letter currency code."""
    value = row.get(key)
    if type(value) is not str or not _CURRENCY.fullmatch(value):
        _refuse(key, value, "a currency code")
    return value


def moment(row: dict[str, Any], key: str) -> datetime:
    """An ISO time with an offset, as UTC."""
    value = moment_or_none(row, key)
    if value is None:
        _refuse(key, None, "a time")
    return value


def moment_or_none(row: dict[str, Any], key: str) -> datetime | None:
    """As `moment`, but may be missing or null."""
    value = row.get(key)
    if value is None:
        return None
    try:
        when = datetime.fromisoformat(value)
        return when.astimezone(UTC) if when.tzinfo else _refuse(key, value, "a time with an offset")
    except (TypeError, ValueError, OverflowError):
        _refuse(key, value, "a time with an offset")


def text(row: dict[str, Any], key: str, most: int = 255) -> str:
    """A text, empty when missing or null, cut at what its column or its index can hold."""
    value = row.get(key)
    if value is None:
        return ""
    if type(value) is not str:
        _refuse(key, value, "a text")
    return value if len(value) <= most else value[:most]


def boolean(row: dict[str, Any], key: str, default: bool = False) -> bool:
    """A true or false; `default` when missing or null."""
    value = row.get(key)
    if value is None:
        return default
    if type(value) is not bool:
        _refuse(key, value, "true or false")
    return value


def degrees(row: dict[str, Any], key: str, most: float) -> float | None:
    """A coordinate; None when missing or not on earth, because routing can do without."""
    value = row.get(key)
    if not isinstance(value, int | Decimal) or not -most <= value <= most:
        return None
    return float(value)


def mapping(row: dict[str, Any], key: str) -> dict[str, Any]:
    """An object that must be there."""
    value = row.get(key)
    if type(value) is not dict:
        _refuse(key, value, "an object")
    return value


def mappings(row: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """A list of objects, empty when missing or null."""
    value = row.get(key)
    if value is None:
        return []
    if type(value) is not list:
        _refuse(key, value, "a list")
    for entry in value:
        if type(entry) is not dict:
            _refuse(key, entry, "an object in a list")
    return value


def _refuse(key: str, value: Any, wanted: str) -> NoReturn:
    if value is None:
        raise BadPayload(f"{key} is missing; it must be {wanted}.")
    # The reason is shown to people: short, and never a whole document.
    shown = f'"{value[:40]}"' if isinstance(value, str) else _shown(value)
    raise BadPayload(f"{key} is {shown}; it must be {wanted}.")


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "a number of more than 40 digits" if abs(value) >= 10**40 else str(value)


def _refuse_constant(name: str) -> NoReturn:
    raise BadPayload(f"The body holds {name}, which is not a JSON number.")


def _clean(document: dict[str, Any]) -> None:
    # A list of its own instead of recursion: the depth is the sender's choice.
    waiting: list[Any] = [document]
    while waiting:
        node = waiting.pop()
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            if isinstance(value, str):
                if _UNSTORABLE.search(value):
                    node[key] = _UNSTORABLE.sub("�", value.replace("\x00", ""))
            elif isinstance(value, dict | list):
                waiting.append(value)
