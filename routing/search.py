"""Exact cover by the fewest locations, then the shortest way: plain Python, no solver.

Deepen over the number of parcels; branch on the item that fewest remaining locations hold; at the
last level only a location that covers all that is left; cut when the way is no shorter than the
best so far. Demand may be split over locations.
"""

from collections.abc import Sequence

MAX_NODES = 20_000


def cover(
    need: Sequence[int], caps: Sequence[Sequence[int]], ways: Sequence[float]
) -> tuple[list[int], bool]:
    """Choose locations that together hold `need`; each caps[l][i] is at most need[i] or more.

    `need` must be coverable by all locations together. Returns the chosen indexes in order, and
    whether the choice is proved best; the search gives up after MAX_NODES steps and then answers
    with a greedy choice, or with the best it has found.
    """
    active = [i for i, quantity in enumerate(need) if quantity]
    if not active:
        return [], True
    need = [need[i] for i in active]
    caps = [[min(cap[i], need[n]) for n, i in enumerate(active)] for cap in caps]
    useful = [n for n, cap in enumerate(caps) if any(cap)]
    singles = [n for n in useful if caps[n] == need]
    if singles:
        return [min(singles, key=lambda n: (ways[n], n))], True
    suppliers = [[n for n in useful if caps[n][i]] for i in range(len(need))]
    search = _Search(need, caps, ways, suppliers)
    for parcels in range(2, len(useful) + 1):
        search.run(parcels)
        if search.best is not None:
            return sorted(search.best), search.nodes <= MAX_NODES
        if search.nodes > MAX_NODES:
            break
    return sorted(_greedy(need, caps, useful)), False


class _Search:
    """One deepening: the state that the recursion shares."""

    def __init__(
        self,
        need: list[int],
        caps: Sequence[Sequence[int]],
        ways: Sequence[float],
        suppliers: Sequence[Sequence[int]],
    ) -> None:
        self.need, self.caps, self.ways, self.suppliers = need, caps, ways, suppliers
        self.best: list[int] | None = None
        self.best_way = float("inf")
        self.nodes = 0

    def run(self, parcels: int) -> None:
        self._go([], 0.0, list(self.need), parcels, frozenset())

    def _go(
        self, chosen: list[int], way: float, left: list[int], room: int, banned: frozenset[int]
    ) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES or way >= self.best_way:
            return
        pick: list[int] | None = None
        for i, quantity in enumerate(left):
            if not quantity:
                continue
            options = [
                n
                for n in self.suppliers[i]
                if n not in banned and (room > 1 or self.caps[n][i] >= quantity)
            ]
            if not options:
                return
            if pick is None or len(options) < len(pick):
                pick = options
                if len(pick) == 1:
                    break
        if pick is None:
            self.best, self.best_way = chosen, way
            return
        for n in pick:
            cap = self.caps[n]
            rest = [q - c if q > c else 0 for q, c in zip(left, cap, strict=True)]
            # Later branches leave this location out, so that each set is tried once.
            banned = banned | {n}
            if room == 1:
                if not any(rest) and way + self.ways[n] < self.best_way:
                    self.best, self.best_way = [*chosen, n], way + self.ways[n]
            else:
                self._go([*chosen, n], way + self.ways[n], rest, room - 1, banned)


def _greedy(need: Sequence[int], caps: Sequence[Sequence[int]], useful: Sequence[int]) -> list[int]:
    """Take the location that completes most items, then holds most units, until all is covered."""
    left, chosen = list(need), []
    while any(left):
        rest = [n for n in useful if n not in chosen]
        best = max(rest, key=lambda n: _gain(left, caps[n]))
        chosen.append(best)
        left = [max(0, q - c) for q, c in zip(left, caps[best], strict=True)]
    return chosen


def _gain(left: Sequence[int], cap: Sequence[int]) -> tuple[int, int]:
    """How many items a location would complete, and how many units it holds of what is left."""
    held = [min(q, c) for q, c in zip(left, cap, strict=True)]
    whole = sum(1 for q, h in zip(left, held, strict=True) if q and q == h)
    return whole, sum(held)
