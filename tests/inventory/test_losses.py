"""Who loses when units vanish: exactly the missing ones, by one rule, each with its reason."""

import itertools
import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from inventory.losses import Claim, Progress, Short, choose

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def claim(number: int, quantity: int = 1, **fields) -> Claim:
    """A firm promise to order `number`, the higher the younger."""
    values = {
        "order_id": number,
        "name": f"#{number}",
        "placed_at": NOON + timedelta(minutes=number),
        "progress": Progress("planned"),
    }
    return Claim(number, quantity, **(values | fields))


def cart(number: int, quantity: int = 1) -> Claim:
    return Claim(number, quantity, kind="soft", holder=f"cart:{number}")


def transfer(number: int, quantity: int = 1) -> Claim:
    return Claim(number, quantity, holder=f"transfer:{number}")


def short(on_hand: int, *claims: Claim, level_id: int = 1) -> Short:
    promised = sum(c.quantity * c.each for c in claims)
    return Short(level_id, "mug", "East", on_hand, promised, "after a count", "count:1", claims)


def losers(*shorts: Short) -> list[tuple[int, int]]:
    return [(loss.reservation_id, loss.units) for loss in choose(shorts)]


def reasons(*shorts: Short) -> list[str]:
    return [loss.reason.split("; ")[1] for loss in choose(shorts)]


def test_five_are_promised_and_three_stand_there_so_the_two_youngest_lose_one_each() -> None:
    found = choose([short(3, *(claim(n) for n in (1, 2, 3, 4, 5)))])

    assert [(loss.name, loss.units) for loss in found] == [("#5", 1), ("#4", 1)]
    assert {loss.reason for loss in found} == {
        "East has 3 of 5 promised mug after a count; older orders keep theirs."
    }
    assert {loss.document for loss in found} == {"count:1"}


def test_nothing_is_lost_where_nothing_is_missing() -> None:
    assert losers(short(2, claim(1), claim(2))) == []
    assert losers(short(9, claim(1), claim(2))) == []
    assert losers(short(0)) == []


def test_carts_lose_before_transfers_and_transfers_before_orders() -> None:
    level = short(1, claim(1, 2), transfer(2, 2), cart(3, 2))

    assert losers(level) == [(3, 2), (2, 2), (1, 1)]
    assert losers(replace(level, on_hand=3)) == [(3, 2), (2, 1)]
    assert reasons(replace(level, on_hand=3)) == [
        "carts, drafts and quotes give way to orders.",
        "a transfer gives way to customers.",
    ]


def test_a_dated_promise_is_kept_longer_and_the_later_date_loses_first() -> None:
    early = claim(9, promised_for=date(2026, 12, 1))
    late = claim(1, promised_for=date(2026, 12, 8))
    undated = claim(2)

    assert losers(short(2, early, late, undated)) == [(2, 1)]
    assert reasons(short(2, early, late, undated)) == ["no date was promised for it."]
    assert losers(short(1, early, late)) == [(1, 1)]
    assert reasons(short(1, early, late)) == ["it was promised for a later day, 08 Dec 2026."]


def test_priority_comes_before_age() -> None:
    urgent, usual = claim(9, priority=10), claim(1, priority=50)

    assert losers(short(1, urgent, usual)) == [(1, 1)]
    assert reasons(short(1, urgent, usual)) == ["orders of a higher priority keep theirs."]


def test_of_one_order_the_work_that_is_least_far_loses() -> None:
    stages = ("picking", "released", "planned")
    claims = [
        claim(n, order_id=1, placed_at=NOON, progress=Progress(stage))
        for n, stage in enumerate(stages, start=1)
    ]

    assert losers(short(2, *claims)) == [(3, 1)]
    assert reasons(short(2, *claims)) == ["its work was the least far."]
    assert losers(short(1, *claims)) == [(3, 1), (2, 1)]


def test_what_is_in_somebodys_hands_never_loses() -> None:
    packed = claim(3, 2, progress=Progress("packed", 2))
    half = claim(2, 2, progress=Progress("picking", 1))

    assert losers(short(0, packed, half, claim(1))) == [(2, 1), (1, 1)]
    assert reasons(short(0, packed, half)) == ["only what is picked stays."]
    assert losers(short(-4, packed)) == []


def test_on_hand_below_zero_takes_no_more_than_was_promised() -> None:
    assert losers(short(-7, claim(1, 2), claim(2, 3))) == [(2, 3), (1, 2)]


def test_a_bundle_loses_whole_and_frees_its_other_parts() -> None:
    set_of_two = claim(8, 3, each=2)
    cup = short(3, set_of_two, claim(1))
    saucer = short(4, claim(8, 3, each=2), claim(2), level_id=2)

    # Four of seven cups are missing: two sets. They free four saucers; one set more is not needed.
    assert losers(cup) == [(8, 2)]
    assert losers(cup, saucer) == [(8, 2)]
    assert losers(cup, replace(saucer, on_hand=2)) == [(8, 2), (8, 1)]


def test_whoever_is_asked_first_the_same_ones_lose_and_exactly_as_many_as_are_missing() -> None:
    seed = random.Random(20261120)
    for _ in range(200):
        claims = [
            claim(
                n,
                seed.randint(1, 4),
                priority=seed.choice([10, 50]),
                placed_at=NOON + timedelta(days=seed.randint(0, 3)),
                progress=seed.choice(
                    [Progress("planned"), Progress("released"), Progress("packed", 1)]
                ),
            )
            for n in range(1, 7)
        ]
        on_hand = seed.randint(-3, 20)
        level = short(on_hand, *claims)
        may_lose = sum(c.quantity - c.progress.in_hand for c in claims)

        found = losers(level)

        assert sum(units for _, units in found) == min(level.missing, may_lose)
        assert losers(short(on_hand, *reversed(claims))) == found
        held = {c.reservation_id: c for c in claims}
        assert all(units <= held[id_].quantity - held[id_].progress.in_hand for id_, units in found)
        # One more missing unit never saves anybody.
        more = dict(losers(short(on_hand - 1, *claims)))
        assert all(more[id_] >= units for id_, units in found)


def test_every_order_of_the_claims_gives_the_same_losers() -> None:
    claims = [claim(1, priority=10), cart(2), transfer(3), claim(4, promised_for=date(2026, 12, 1))]

    found = {tuple(losers(short(2, *order))) for order in itertools.permutations(claims)}

    assert found == {((2, 1), (3, 1))}
