"""The drill: the demo runs once in peace, then once per fault, and must end with the same totals.

Each run begins from the same copy of a filled demo, and is the demo's own command, watched from
outside: a process is killed while orders are in flight, and once more later.
"""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import connection

from oms import agreement
from oms.runner import addresses, faults, programs, servers, store
from oms.runner import state as states
from oms.runner.processes import Supervisor, tie_to_parent
from oms.runner.programs import Ports
from oms.runner.state import CannotStart

# Shares of the orders that are placed when a fault comes.
FIRST, SECOND = (0.15, 0.5), (0.6, 0.95)
# What was killed has to be at work again before it is killed again.
BETWEEN_SECONDS = (3.0, 6.0)
PATIENCE_SECONDS = 120
FRESH = "fresh"
LOOK_EVERY_SECONDS = 0.05
MUST_NOT_DIFFER = ("orders_placed", "orders_in", "work_left")
# What may differ: timing decides which order gets the last unit, and where from.
SHOWN = ("orders_in", "routed", "split", "backordered", "shipped", "units_shipped")


@dataclass(frozen=True)
class Wishes:
    """What the person asked for on the command line."""

    ports: Ports
    orders: int
    rate: float
    seed: int
    stops: bool = False


@dataclass
class Result:
    """How one run ended."""

    name: str
    seconds: float = 0.0
    struck: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    totals: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def run(
    state: Path, wishes: Wishes, names: Sequence[str], show: Callable[[Result], None]
) -> list[Result]:
    """The run in peace and one run per name; `show` sees each as it ends."""
    drill = Drill(state, wishes)
    drill.make_fresh()
    peace = drill.run("peace", ())
    results = [peace]
    show(peace)
    for name in names:
        if wishes.stops and results[-1].problems:
            break
        results.append(drill.run(name, faults.FAULTS[name]))
        results[-1].problems += _against(peace, results[-1])
        show(results[-1])
    return results


def tidy(state: Path) -> None:
    """Leave nothing, now that there is nothing to look into."""
    shutil.rmtree(state / FRESH, ignore_errors=True)
    states.wipe(state)


class Drill:
    """Runs of the demo on one state folder, each from the same beginning."""

    def __init__(self, state: Path, wishes: Wishes) -> None:
        self.state = state
        self.wishes = wishes
        self.fresh = state / FRESH

    def make_fresh(self) -> None:
        """A demo with its people, goods and no orders, to begin every run from."""
        states.wipe(self.state)
        states.prepare(self.state)
        demo = self._begin(orders=0)
        if code := demo.wait():
            raise CannotStart(f"The demo ended with {code}:\n{self._end_of_log()}")
        states.keep_copy(self.state, self.fresh)

    def run(self, name: str, strikes: Sequence[faults.Strike]) -> Result:
        """One run of the demo, with its faults, and what it ended in."""
        result, began = Result(name), time.monotonic()
        states.wipe(self.state)
        states.prepare(self.state)
        states.put_back(self.state, self.fresh)
        chance = random.Random(f"{self.wishes.seed} {name}")
        demo = self._begin(self.wishes.orders)
        try:
            demo = self._strike(demo, strikes, chance, result)
            demo.wait()
        finally:
            _end(demo)
        result.figures = self._summary(demo, result)
        if result.figures:
            with self._both_sides():
                export = store.export(self.wishes.ports.store_url)
                result.totals = agreement.totals(export)
                result.figures["work_left"] = agreement.work_left()
                result.problems += agreement.differences(export)
        result.seconds = time.monotonic() - began
        return result

    def _strike(
        self,
        demo: subprocess.Popen[bytes],
        strikes: Sequence[faults.Strike],
        chance: random.Random,
        result: Result,
    ) -> subprocess.Popen[bytes]:
        """Let the faults come, each at its moment; the demo may be another one after it."""
        for number, strike in enumerate(strikes):
            share = chance.uniform(*(SECOND if number else FIRST))
            pause = chance.uniform(*BETWEEN_SECONDS) if number else chance.uniform(0, 0.3)
            placed = self._wait_until_placed(demo, share * self.wishes.orders)
            time.sleep(pause)
            if placed is None or demo.poll() is not None:
                break
            place = faults.Place(self.state, self.wishes.ports, demo.pid)
            placed = self._placed() or placed
            if strike(place):
                result.struck.append(f"at {placed}")
            if place.is_demo_gone:
                demo.wait()
                demo = self._begin(self.wishes.orders)
        if strikes and not result.struck:
            result.problems.append("nothing was struck: the run was over before")
        return demo

    def _wait_until_placed(self, demo: subprocess.Popen[bytes], orders: float) -> int | None:
        """Until the store has placed so many orders of this run; None when the demo has ended."""
        while demo.poll() is None:
            placed = self._placed()
            if placed is not None and placed >= orders:
                return placed
            time.sleep(LOOK_EVERY_SECONDS)
        return None

    def _placed(self) -> int | None:
        try:
            return int(store.status(self.wishes.ports.store_url)["placed"])
        except store.StoreAway:
            return None

    def _begin(self, orders: int) -> subprocess.Popen[bytes]:
        arguments = {
            "--port": self.wishes.ports.web,
            "--store-port": self.wishes.ports.store,
            "--orders": orders,
            "--rate": self.wishes.rate,
            "--patience": PATIENCE_SECONDS,
        }
        given = [str(part) for pair in arguments.items() for part in pair]
        with self._answer.open("ab") as answer, self._log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "manage.py", "demo", *given, "--exit-when-settled", "--json"],
                cwd=addresses.PROJECT,
                env={**os.environ, "SWITCHYARD_STATE": str(self.state)},
                stdin=subprocess.DEVNULL,
                stdout=answer,
                stderr=log,
                preexec_fn=tie_to_parent(signal.SIGTERM),
            )

    def _summary(self, demo: subprocess.Popen[bytes], result: Result) -> dict[str, Any]:
        lines = self._answer.read_text().splitlines()
        if not lines:
            result.problems.append(
                f"the demo ended with {demo.returncode} and without a summary:\n"
                f"{self._end_of_log()}"
            )
            return {}
        summary: dict[str, Any] = json.loads(lines[-1])
        if not summary["settled"]:
            result.problems.append("never settled")
        if summary["orders_lost"]:
            result.problems.append(f"{summary['orders_lost']} orders lost")
        result.problems += [
            f"{broken['code']} {broken['name']}: {broken['count']}, first {broken['first']}"
            for broken in summary["invariant_violations"]
        ]
        return summary

    @contextlib.contextmanager
    def _both_sides(self) -> Iterator[None]:
        """PostgreSQL and the local store run, and nothing that could change them."""
        supervisor = Supervisor(self.state)
        with states.owned(self.state):
            try:
                supervisor.start(*servers.server_programs(self.state))
                supervisor.start(programs.local_store(self.state, self.wishes.ports))
                yield
            finally:
                connection.close()
                supervisor.stop()

    @property
    def _answer(self) -> Path:
        return self.state / "logs" / "demo.json"

    @property
    def _log(self) -> Path:
        return self.state / "logs" / "demo.log"

    def _end_of_log(self) -> str:
        return "\n".join(f"    {line}" for line in self._log.read_text().splitlines()[-12:])


def _against(peace: Result, result: Result) -> list[str]:
    """Where a run with faults ended otherwise than the one in peace, and must not."""
    if not result.figures or not peace.figures:
        return []
    found = [
        f"{what}: {result.figures[what]}, in peace {peace.figures[what]}"
        for what in MUST_NOT_DIFFER
        if result.figures[what] != peace.figures[what]
    ]
    for name in sorted(peace.totals.keys() | result.totals.keys()):
        here, there = result.totals.get(name), peace.totals.get(name)
        if here != there:
            found.append(f"{name}: {here}, in peace {there}")
    return found


def _end(demo: subprocess.Popen[bytes]) -> None:
    """Only when the drill itself is ended: otherwise the demo has ended by itself."""
    if demo.poll() is None:
        demo.send_signal(signal.SIGTERM)
        demo.wait()
