"""Numbers and words of a cell as they are meant; what cannot be one gets a plain sentence."""

import re

MOST = 1_000_000_000
LONGEST = 120

# 5.0 and 5,00 are five, 0.000 is nothing. 5.000 is five here and five thousand there: nobody
# guesses.
_WHOLE = re.compile(r"([+-]?)(0+(?=[.,]000$)|\d+)(?:[.,](0|00|0{4,}|(?<=0[.,])000))?")
_TWO_WAYS = re.compile(r"[+-]?\d{1,3}([.,]\d{3})+")
_FRACTION = re.compile(r"[+-]?\d*[.,]\d+")


class Unusable(Exception):
    """A cell cannot be used; the message says why."""


def whole_number(text: str, *, changes: bool) -> int:
    """The units that a cell tells. `changes` may be negative, a shelf cannot."""
    # The ordinary cell: nothing but a few digits.
    if text.isdecimal() and text.isascii() and len(text) <= 9:
        return int(text)
    text = text.strip().replace("\u2212", "-")
    if text.endswith("-") and text[:-1].strip().isdecimal():
        text = f"-{text[:-1].strip()}"
    if not text:
        raise Unusable("No quantity is given.")
    if found := _WHOLE.fullmatch(text) if text.isascii() else None:
        sign, digits, _ = found.groups()
        digits = digits.lstrip("0") or "0"
        if len(digits) > 10 or int(digits) > MOST:
            raise Unusable(f"“{_short(text)}” is more than {MOST:,} units.")
        number = -int(digits) if sign == "-" else int(digits)
        if number < 0 and not changes:
            raise Unusable(f"A shelf cannot hold {number:,} units.")
        return number
    if _TWO_WAYS.fullmatch(text):
        raise Unusable(f"“{_short(text)}” can be read in two ways; write it without a separator.")
    if _FRACTION.fullmatch(text):
        raise Unusable(f"“{_short(text)}” is not a whole number of units.")
    raise Unusable(f"“{_short(text)}” is not a number.")


def word(text: str) -> str:
    """A name or code without what no database takes and without the space around it."""
    return text.replace("\x00", "\ufffd").strip()


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}…"
