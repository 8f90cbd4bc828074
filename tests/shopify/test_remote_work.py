"""Which moves make Shopify's fulfillment orders agree with ours: pure reckoning."""

import random

from oms.shopify.remote_work import RemoteLine, RemoteOrder, RemoteWork, moves_to, take_from

EAST, WEST, SOHO = 1, 2, 3


def work(number: int, location: int, **units: int) -> RemoteWork:
    """units: l7=2 means two units of order line 7."""
    lines = [
        RemoteLine(f"{number}/{name}", int(name[1:]), quantity) for name, quantity in units.items()
    ]
    return RemoteWork(f"fo{number}", "OPEN", location, lines)


def order(*works: RemoteWork) -> RemoteOrder:
    return RemoteOrder(False, list(works))


def as_tuples(moves):
    return [(move.source, move.location, move.lines) for move in moves]


def test_what_is_already_there_is_left_alone():
    assert moves_to(order(work(1, EAST, l7=2)), {EAST: {7: 2}}) == []


def test_a_whole_order_moves():
    moves = moves_to(order(work(1, EAST, l7=2, l8=1)), {WEST: {7: 2, 8: 1}})
    assert as_tuples(moves) == [("fo1", WEST, [("1/l7", 2), ("1/l8", 1)])]


def test_only_the_units_that_are_wanted_elsewhere_move():
    moves = moves_to(order(work(1, EAST, l7=5)), {EAST: {7: 3}, WEST: {7: 2}})
    assert as_tuples(moves) == [("fo1", WEST, [("1/l7", 2)])]


def test_units_are_not_taken_from_where_they_are_wanted():
    remote = order(work(1, EAST, l7=2), work(2, SOHO, l7=2))
    moves = moves_to(remote, {EAST: {7: 2}, WEST: {7: 2}})
    assert as_tuples(moves) == [("fo2", WEST, [("2/l7", 2)])]


def test_what_is_nowhere_is_left_missing():
    assert moves_to(order(work(1, EAST, l7=1)), {EAST: {7: 1}, WEST: {7: 4}}) == []


def test_long_lists_go_in_parts():
    units = {f"l{n}": 1 for n in range(1, 601)}
    moves = moves_to(order(work(1, EAST, **units)), {WEST: dict.fromkeys(range(1, 601), 1)})
    assert [len(move.lines) for move in moves] == [250, 250, 100]


def test_taking_tells_what_is_short():
    remote = order(work(1, EAST, l7=2), work(2, EAST, l7=1, l8=1), work(3, WEST, l8=9))
    parts, short = take_from(remote, EAST, {7: 3, 8: 4})
    assert parts == [("fo1", [("1/l7", 2)]), ("fo2", [("2/l7", 1), ("2/l8", 1)])]
    assert short == {8: 3}


def test_any_order_ends_where_it_is_wanted():
    chance = random.Random(7)
    for _ in range(500):
        places, lines = (EAST, WEST, SOHO), (7, 8, 9)
        have = {(p, n): chance.randint(0, 3) for p in places for n in lines}
        remote = order(
            *(work(p, p, **{f"l{n}": have[p, n] for n in lines if have[p, n]}) for p in places)
        )
        wanted: dict[int, dict[int, int]] = {}
        for n in lines:
            total = sum(have[p, n] for p in places)
            for p in places:
                part = chance.randint(0, total)
                total -= part
                if part:
                    wanted.setdefault(p, {})[n] = part
        for move in moves_to(remote, wanted):
            for line_id, quantity in move.lines:
                line = int(line_id.partition("l")[2])
                have[int(move.source[2:]), line] -= quantity
                have[move.location, line] += quantity
        assert all(have[p, n] >= q for p, units in wanted.items() for n, q in units.items())
        assert all(quantity >= 0 for quantity in have.values())
