"""The planner finds the fewest parcels and the shortest way, and says why others lost."""

import itertools
import random

import pytest

from routing.planner import Candidate, Plan, Question, Want, plan
from routing.search import cover
from routing.steps import DEFAULT_STEPS

STEPS = [(code, {}) for code in DEFAULT_STEPS]
EAST, WEST, SOHO = 1, 2, 3
MUG, SHIRT = 11, 12


def ask(*candidates: Candidate, wants: list[Want] | None = None, country: str = "US") -> Plan:
    return plan(Question(country, wants or [Want(1, MUG, 2)], candidates), STEPS)


def at(location_id: int, km: float, serves: bool = True, **free: int) -> Candidate:
    stock = {{"mug": MUG, "shirt": SHIRT}[name]: quantity for name, quantity in free.items()}
    return Candidate(location_id, True, serves, km, stock)


def verdicts(answer: Plan) -> dict[int, str]:
    return {v.location_id: v.step for v in answer.verdicts}


def test_the_nearest_place_that_has_everything_ships() -> None:
    answer = ask(at(EAST, 900, mug=5), at(WEST, 40, mug=2), at(SOHO, 10, mug=1))

    assert [(p.location_id, p.units) for p in answer.parcels] == [(WEST, [(1, 2)])]
    assert verdicts(answer) == {EAST: "nearest", WEST: "chosen", SOHO: "fewest_parcels"}


def test_a_place_that_does_not_serve_the_country_is_out_with_that_reason() -> None:
    answer = ask(at(EAST, 5, serves=False, mug=9), country="NO")

    assert answer.parcels == []
    assert answer.short == [(1, 2)]
    assert not answer.served
    assert verdicts(answer) == {EAST: "serves_country"}


def test_one_parcel_beats_two_nearer_ones() -> None:
    wants = [Want(1, MUG, 1), Want(2, SHIRT, 1)]

    answer = ask(
        at(EAST, 1, mug=1), at(SOHO, 2, shirt=1), at(WEST, 4000, mug=1, shirt=1), wants=wants
    )

    assert [p.location_id for p in answer.parcels] == [WEST]


def test_a_line_is_split_only_when_no_place_has_it_whole() -> None:
    answer = ask(at(EAST, 1, mug=1), at(WEST, 2, mug=1), wants=[Want(1, MUG, 2)])

    assert sorted((p.location_id, p.units) for p in answer.parcels) == [
        (EAST, [(1, 1)]),
        (WEST, [(1, 1)]),
    ]


def test_what_nobody_holds_is_short_and_the_rest_ships() -> None:
    answer = ask(at(EAST, 1, mug=1), wants=[Want(1, MUG, 3), Want(2, SHIRT, 1)])

    assert [(p.location_id, p.units) for p in answer.parcels] == [(EAST, [(1, 1)])]
    assert answer.short == [(1, 2), (2, 1)]
    assert answer.served


def test_lines_that_share_an_item_are_checked_on_their_summed_demand() -> None:
    answer = ask(at(EAST, 1, mug=3), wants=[Want(1, MUG, 2), Want(2, MUG, 2)])

    assert [(p.location_id, p.units) for p in answer.parcels] == [(EAST, [(1, 2), (2, 1)])]
    assert answer.short == [(2, 1)]


def test_every_location_gets_a_verdict() -> None:
    closed = Candidate(SOHO, False, True, 1.0, {MUG: 9})

    answer = ask(at(EAST, 1, mug=2), at(WEST, 2), closed)

    assert verdicts(answer) == {EAST: "chosen", WEST: "has_stock", SOHO: "is_active"}


@pytest.mark.parametrize("seed", range(40))
def test_the_search_agrees_with_trying_every_set_of_locations(seed: int) -> None:
    rnd = random.Random(seed)
    for _ in range(50):
        locations, lines = rnd.randint(2, 7), rnd.randint(1, 5)
        caps = [[rnd.choice((0, 0, 1, 2, 3)) for _ in range(lines)] for _ in range(locations)]
        need = [min(rnd.randint(1, 4), sum(cap[i] for cap in caps)) for i in range(lines)]
        ways = [rnd.choice((1.0, 2.0, 5.0, 9.0)) for _ in range(locations)]

        chosen, exact = cover(need, caps, ways)

        assert exact
        best = min(
            (size, sum(ways[n] for n in places))
            for size in range(locations + 1)
            for places in itertools.combinations(range(locations), size)
            if all(sum(caps[n][i] for n in places) >= need[i] for i in range(lines))
        )
        assert (len(chosen), sum(ways[n] for n in chosen)) == best
