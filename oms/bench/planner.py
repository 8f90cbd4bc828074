"""How long the planner takes for one order, at the sizes that routing meets."""

import random
import statistics
import time

from oms.bench.report import Figure
from routing.planner import Candidate, Question, Step, Want, plan
from routing.steps import DEFAULT_STEPS

SEED = 7
SIZES = ((8, 18), (20, 8), (50, 12))
INSTANCES = 300


def measure() -> list[Figure]:
    """p50 and p95 of one decision: locations x lines, each location holding a line at 0.3."""
    steps: list[Step] = [(code, {}) for code in DEFAULT_STEPS]
    figures = []
    for locations, lines in SIZES:
        rnd = random.Random(SEED * 1000 + locations)
        times = []
        for _ in range(INSTANCES):
            question = _question(rnd, locations, lines)
            began = time.perf_counter()
            plan(question, steps)
            times.append(1000 * (time.perf_counter() - began))
        cuts = statistics.quantiles(times, n=20)
        size = f"{locations} locations x {lines} lines"
        figures.append(
            Figure(f"plan_{locations}x{lines}_p50", round(cuts[9], 3), "ms", SEED, note=size)
        )
        figures.append(
            Figure(f"plan_{locations}x{lines}_p95", round(cuts[18], 3), "ms", SEED, note=size)
        )
    return figures


def _question(rnd: random.Random, locations: int, lines: int) -> Question:
    wants = [Want(n, n, rnd.choice((1, 1, 1, 2, 3))) for n in range(lines)]
    candidates = [
        Candidate(
            location,
            True,
            True,
            round(rnd.uniform(1, 4000), 1),
            {w.item_id: rnd.choice((1, 2, 3, 5, 20)) for w in wants if rnd.random() < 0.3},
        )
        for location in range(1, locations + 1)
    ]
    return Question("US", wants, candidates)
