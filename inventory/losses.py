"""Who loses when units vanish: exactly the missing ones, by one rule, each with its reason.

Carts, drafts and quotes give way first, then transfers, then orders: those without a promised date
before those with one, a later date before an earlier, a lower priority before a higher, a younger
order before an older, and work that is least far. What is picked or packed is in somebody's hands
and never loses: if the shelf says less than that, a person has to look (detectors.STOCK_SHORT).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from oms.core.sql import fetch, ints

SOFT = "soft"
# How far the work is, the least far first. The room above knows it: fulfillment.queries.progress.
STAGES = ("", "planned", "released", "picking", "packed")


@dataclass(slots=True, frozen=True)
class Progress:
    """How far the work on a promise is, and how many of its units somebody holds in hands."""

    stage: str = ""
    in_hand: int = 0


@dataclass(slots=True, frozen=True)
class Claim:
    """A pending promise that takes `each` units of the level for every unit it promises."""

    reservation_id: int
    quantity: int
    each: int = 1
    kind: str = "firm"
    holder: str = ""
    order_id: int | None = None
    name: str = ""
    priority: int = 50
    placed_at: datetime | None = None
    promised_for: date | None = None
    progress: Progress = field(default_factory=Progress)


@dataclass(slots=True, frozen=True)
class Short:
    """A level with fewer units on hand than are promised, and what made it so."""

    level_id: int
    sku: str
    place: str
    on_hand: int
    promised: int
    cause: str
    document: str
    claims: Sequence[Claim]

    @property
    def missing(self) -> int:
        return max(self.promised - max(self.on_hand, 0), 0)


@dataclass(slots=True, frozen=True)
class Loss:
    """`units` of a promise that are not there, and why it is this one."""

    level_id: int
    reservation_id: int
    order_id: int | None
    name: str
    units: int
    reason: str
    document: str


def choose(shorts: Sequence[Short]) -> list[Loss]:
    """The losers of these levels. A bundle that loses for one part frees its other parts too."""
    lost: dict[int, int] = {}
    losses = []
    for short in shorts:
        freed = sum(lost.get(c.reservation_id, 0) * c.each for c in short.claims)
        found = _losers(short, short.missing - freed, lost)
        for loss in found:
            lost[loss.reservation_id] = lost.get(loss.reservation_id, 0) + loss.units
        losses += found
    return losses


def _losers(short: Short, missing: int, lost: Mapping[int, int]) -> list[Loss]:
    units: dict[int, int] = {}
    kept: Claim | None = None
    queue = sorted(short.claims, key=_key)
    for claim in queue:
        may_lose = claim.quantity - claim.progress.in_hand - lost.get(claim.reservation_id, 0)
        if may_lose <= 0:
            continue
        if missing <= 0:
            kept = claim
            break
        # Whole bundles lose: -(-a // b) rounds up.
        taken = min(may_lose, -(-missing // claim.each))
        units[claim.reservation_id] = taken
        missing -= taken * claim.each
    return [
        Loss(
            short.level_id,
            claim.reservation_id,
            claim.order_id,
            claim.name,
            units[claim.reservation_id],
            f"{_what(short)}; {_why(claim, kept, units[claim.reservation_id])}.",
            short.document,
        )
        for claim in queue
        if claim.reservation_id in units
    ]


def _what(short: Short) -> str:
    have = f"{max(short.on_hand, 0):,} of {short.promised:,} promised {short.sku}"
    return f"{short.place} has {have}" + (f" {short.cause}" if short.cause else "")


def _why(loser: Claim, kept: Claim | None, units: int) -> str:
    if kept is None:
        stays = loser.quantity - units
        if loser.progress.in_hand and stays == loser.progress.in_hand:
            return "only what is picked stays"
        return "nobody else there can give way" if stays else "nothing of it is left there"
    for key, words in _RULE:
        if key(loser) != key(kept):
            return words(loser)
    return "the other promise is older"


def _give_way(loser: Claim) -> str:
    if loser.kind == SOFT:
        return "carts, drafts and quotes give way to orders"
    return "a transfer gives way to customers"


def _rank(claim: Claim) -> int:
    if claim.order_id is not None:
        return 2
    return 0 if claim.kind == SOFT else 1


# What is compared, the first loses first, and why it was this one.
_RULE: tuple[tuple[Callable[[Claim], Any], Callable[[Claim], str]], ...] = (
    (_rank, _give_way),
    (lambda c: c.promised_for is not None, lambda c: "no date was promised for it"),
    (
        lambda c: -c.promised_for.toordinal() if c.promised_for else 0,
        lambda c: f"it was promised for a later day, {c.promised_for:%d %b %Y}",
    ),
    (lambda c: -c.priority, lambda c: "orders of a higher priority keep theirs"),
    (
        lambda c: -c.placed_at.timestamp() if c.placed_at else 0,
        lambda c: "older orders keep theirs",
    ),
    (lambda c: STAGES.index(c.progress.stage), lambda c: "its work was the least far"),
)


def _key(claim: Claim) -> tuple[Any, ...]:
    return *(key(claim) for key, _ in _RULE), -claim.reservation_id


def read(
    level_ids: Sequence[int],
    *,
    progress: Callable[[Sequence[int]], Mapping[int, Progress]],
    on_hand: Mapping[int, int] | None = None,
) -> list[Short]:
    """The facts about these levels, by key; with `on_hand` as if so many stood there.

    `progress` tells how far the work on reservations is: inventory does not know of work.
    """
    ids = sorted(set(level_ids))
    rows = fetch(_CLAIMS, [ints(ids), ints(ids)])
    far = progress([row[1] for row in rows])
    claims: dict[int, list[Claim]] = {}
    for level_id, *told in rows:
        claim = Claim(*[*told, far.get(told[0], Progress())])
        claims.setdefault(level_id, []).append(claim)
    shorts = []
    for level_id, sku, place, units, promised, cause, document, order in fetch(
        _LEVELS, [ints(ids)]
    ):
        if on_hand is not None and level_id in on_hand:
            units, words, document = on_hand[level_id], "", ""
        else:
            words = cause_words(cause, order)
        held = claims.get(level_id, [])
        shorts.append(Short(level_id, sku, place, units, promised, words, document, held))
    return shorts


def without(short: Short, reservation_id: int, units: int) -> Short:
    """As if so many units of one promise had been given back before anybody has to lose."""
    claims, given_back = [], 0
    for claim in short.claims:
        if claim.reservation_id == reservation_id:
            given_back += units * claim.each
            claim = replace(claim, quantity=claim.quantity - units)
        claims.append(claim)
    return replace(short, claims=claims, promised=short.promised - given_back)


def cause_words(cause: str, order: str) -> str:
    """Since when there are too few, as the end of a sentence: `after a count`."""
    words = _CAUSES.get(cause, "")
    return f"{words} ({order})" if words and order else words


_CAUSES = {
    "opening": "at the opening",
    "sync": "after Shopify told its number",
    "adjust": "after an adjustment",
    "count": "after a count",
    "sale": "after a sale at the till",
    "feed": "after another system told its number",
    "transfer": "after a transfer left",
    "short": "after a pick found too few",
    "repair": "after a repair",
}

# The entry that took a level below what is promised there; failing that, the last that took units.
CROSSED = """
LATERAL (
    SELECT e.cause, e.document, e.actor, e.at, o.name AS order_name
    FROM (
        (SELECT 1 AS choice, * FROM inventory_stockentry e
         WHERE e.level_id = v.id AND e.bucket = 'on_hand' AND e.delta < 0
           AND e.before >= v.reserved + v.soft AND e.after < v.reserved + v.soft
         ORDER BY e.id DESC LIMIT 1)
        UNION ALL
        (SELECT 2, * FROM inventory_stockentry e
         WHERE e.level_id = v.id AND e.bucket = 'on_hand' AND e.delta < 0
         ORDER BY e.id DESC LIMIT 1)
    ) e
    LEFT JOIN orders_order o
      ON o.id = CASE WHEN e.document ~ '^order:[0-9]{1,18}$'
                     THEN split_part(e.document, ':', 2)::bigint END
    ORDER BY e.choice LIMIT 1
)
"""
_LEVELS = f"""
SELECT v.id, coalesce(nullif(i.sku, ''), i.title), p.name, v.on_hand, v.reserved + v.soft,
       coalesce(crossed.cause, ''), coalesce(crossed.document, ''),
       coalesce(crossed.order_name, '')
FROM inventory_stocklevel v
JOIN catalog_item i ON i.id = v.item_id
JOIN inventory_location p ON p.id = v.location_id
LEFT JOIN {CROSSED} crossed ON true
WHERE v.id = ANY(%s::bigint[]) ORDER BY v.id
"""  # noqa: S608  (our own SQL)
# What a holder names as order:<id> is kept for that order until it is routed.
ORDER_OF = """
coalesce(l.order_id, CASE WHEN r.holder ~ '^order:[0-9]{1,18}$'
                          THEN split_part(r.holder, ':', 2)::bigint END)
"""
# A bundle claims the levels of its parts, not its own. The date is what the customer was told.
_CLAIMS = f"""
SELECT t.level_id, r.id, r.quantity, t.each, r.kind, r.holder, o.id,
       coalesce(o.name, r.holder), coalesce(o.priority, 0), o.placed_at,
       (SELECT min(s.promised_for)
        FROM orders_orderline told JOIN inventory_supplypromise s ON s.line_id = told.id
        WHERE told.order_id = o.id AND s.state IN ('pending', 'kept')
          AND CASE WHEN r.line_id IS NULL THEN told.item_id = v.item_id
                   ELSE told.id = r.line_id END)
FROM (
    SELECT level_id, id, 1 AS each FROM inventory_reservation
    WHERE level_id = ANY(%s::bigint[]) AND state = 'pending' AND parts IS NULL
    UNION ALL
    SELECT (part ->> 0)::bigint, b.id, (part ->> 1)::int
    FROM inventory_reservation b CROSS JOIN LATERAL jsonb_array_elements(b.parts) AS part
    WHERE b.state = 'pending' AND b.parts IS NOT NULL AND (part ->> 0)::bigint = ANY(%s::bigint[])
) t
JOIN inventory_reservation r USING (id)
JOIN inventory_stocklevel v ON v.id = r.level_id
LEFT JOIN orders_orderline l ON l.id = r.line_id
LEFT JOIN orders_order o ON o.id = {ORDER_OF}
ORDER BY t.level_id, r.id
"""  # noqa: S608  (our own SQL)
