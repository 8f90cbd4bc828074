"""Availability in words: what each term is called, and a formula that can be read out."""

from collections.abc import Iterable, Sequence

from inventory.availability import ItemTerms, LevelTerms

TERMS = {
    "on_hand": "on hand",
    "firm": "promised to orders and transfers",
    "soft": "kept for carts, drafts and quotes",
    "safety": "safety stock",
    "buffer": "buffer set by the trust score",
    "fenced_for_others": "kept for other channels",
    "beyond_fence": "common stock that this channel may not use",
    "threshold": "not offered in this channel",
    "counting": "not promised while being counted",
    "sets": "sets that the parts make",
    "uncovered": "of these kept back where nothing stands",
    "waiting": "for orders waiting to be routed",
    "part_waiting": "for others who wait for the parts",
}
BUCKETS = {
    "on_hand": "On hand",
    "reserved": "Promised",
    "soft": "Kept for carts",
    "fenced": "Kept for channels",
    "safety": "Safety",
    "buffer": "Buffer",
    "damaged": "Damaged",
    "quality": "Quality control",
    "incoming": "Incoming",
    "in_transit": "In transit",
}
# Spaces as wide as a digit and as a comma: numbers stand below each other in any text.
_DIGIT_SPACE, _COMMA_SPACE = "\u2007", "\u2008"


# A question about no channel in particular has none of these.
OF_A_CHANNEL = ("beyond_fence", "threshold")


def asked_for(terms: Iterable[tuple[str, int]], channel: str) -> list[tuple[str, int]]:
    """The terms that the question has; every one of them, zeros too."""
    return [(name, units) for name, units in terms if channel or units or name not in OF_A_CHANNEL]


def words_of(name: str, channel: str) -> str:
    if name == "fenced_for_others" and not channel:
        return "kept for channels of their own"
    return TERMS[name]


def formula(head: str, terms: Sequence[tuple[str, int]], available: int, channel: str) -> str:
    """Every term on a line of its own, the sum last; zeros too, since together they prove it."""
    terms = asked_for(terms, channel)
    widest = max((f"{abs(units):,}" for _, units in (*terms, ("", available))), key=len)
    lines = [head]
    for number, (name, units) in enumerate(terms):
        sign = "−" if units < 0 or (number and not units) else ("+" if number else _DIGIT_SPACE)
        lines.append(f"{sign} {padded(abs(units), widest)}  {words_of(name, channel)}")
    sold = f"can be sold in {channel}" if channel else "can be sold"
    below = ", less than nothing" if available < 0 else ""
    sign = "= −" if available < 0 else "="
    lines.append(f"{sign} {padded(abs(available), widest)}  {sold}{below}")
    return "\n".join(lines)


def padded(units: int, widest: str) -> str:
    """The number, with as much room before it as the widest one takes."""
    text = f"{units:,}"
    room = widest[: len(widest) - len(text)]
    return "".join(_COMMA_SPACE if char == "," else _DIGIT_SPACE for char in room) + text


def number(units: int) -> str:
    """1,284 and −3."""
    return f"{units:,}".replace("-", "−")


def flags(terms: LevelTerms) -> list[tuple[str, str]]:
    """What is odd about a level: (shape, word), the worst first."""
    found = []
    if terms.on_hand < 0:
        found.append(("negative", "negative"))
    if terms.missing:
        found.append(("short", f"short {terms.missing:,}"))
    if terms.frozen:
        found.append(("frozen", "counting"))
    if terms.safety and terms.on_hand - terms.firm - terms.soft < terms.safety and not found:
        found.append(("low", "low"))
    return found


def head_sentence(item: ItemTerms, on_hand: int) -> str:
    """ "42 can be sold: 60 on hand, 12 promised to orders and transfers, 6 safety stock." """
    parts = [
        f"{abs(units):,} {words_of(name, item.channel)}"
        for name, units in item.terms
        if units or name in ("on_hand", "sets")
    ]
    free = max(item.available, 0)
    start = f"{number(free)} can be sold" + (f" in {item.channel}" if item.channel else "")
    if item.available < 0:
        start = f"Nothing can be sold, and {-item.available:,} more are waited for than are there"
    return f"{start}: {', '.join(parts)}."


def signed(terms: Iterable[tuple[str, int]], channel: str) -> list[tuple[str, str, int, str]]:
    """(sign, units as written, units, words) of every term, for a list on a page."""
    rows = []
    for place, (name, units) in enumerate(asked_for(terms, channel)):
        sign = "−" if units < 0 or (place and not units) else ("+" if place else "")
        rows.append((sign, f"{abs(units):,}", units, words_of(name, channel)))
    return rows
