"""The oversell drill: buyers fight for few units while processes are killed; nothing is oversold.

Buyers are processes that use every path to a unit (oms/runner/attempts.py). Meanwhile buyers,
sessions, PostgreSQL and Valkey are killed or emptied. In the end counters, entries, promises and
what each buyer was told must agree, and no shelf has promised more than stands on it.
"""

import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psycopg
from django.core.management import call_command
from django.db import connection

from inventory.invariants import INVARIANTS
from oms.core import invariants
from oms.core.sql import fetch
from oms.runner import addresses, attempts, leftovers, programs, servers, shelves
from oms.runner import state as states
from oms.runner.processes import Supervisor
from oms.runner.programs import Ports

BUYERS = 8
CHECKED = ("I1", "I1b", "I3", "I3c")
# What comes over the run, by weight. A process that has just begun is left alone.
STRIKES = {"buyer": 60, "session": 30, "postgres": 5, "valkey": 5}
EVERY_SECONDS = (0.3, 1.2)
LEFT_ALONE_SECONDS = 11
LOOK_EVERY_SECONDS = 0.1


@dataclass
class Report:
    """What a drill did and found. `oversold` and every list of problems must be empty or 0."""

    commit: str
    seed: int
    attempts: int = 0
    promised: int = 0
    units_on_shelves: int = 0
    seconds: float = 0.0
    strikes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STRIKES, 0))
    errors: dict[str, int] = field(default_factory=dict)
    oversold: int = 0
    forgotten: int = 0
    problems: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def run(state: Path, *, tries: int, seed: int, commit: str, say: Callable[[str], None]) -> Report:
    """Let the buyers try `tries` times in all, strike meanwhile, and compare in the end."""
    report = Report(commit, seed)
    states.wipe(state)
    states.prepare(state)
    began = time.monotonic()
    supervisor = Supervisor(state)
    try:
        supervisor.start(*servers.server_programs(state))
        call_command("migrate", interactive=False, verbosity=0)
        shelves.fill()
        connection.close()
        logs = [state / "logs" / f"said-{number}" for number in range(BUYERS)]
        supervisor.launch(
            *(
                programs.django_program(
                    f"buyer-{number}",
                    ("drill_oversell", "--buyer", str(number), "--attempts", str(tries // BUYERS),
                     "--seed", str(seed)),
                    state,
                    Ports(0, 0),
                )
                for number in range(BUYERS)
            )
        )  # fmt: skip
        _strike_until_done(supervisor, state, random.Random(seed), report)
        _compare(logs, report)
        say(f"{report.attempts:,} attempts in {time.monotonic() - began:.0f} s")
    finally:
        connection.close()
        supervisor.stop()
    report.seconds = round(time.monotonic() - began, 1)
    return report


def _strike_until_done(
    supervisor: Supervisor, state: Path, chance: random.Random, report: Report
) -> None:
    next_at = time.monotonic() + 2
    while True:
        buyers = [one for one in supervisor.running if one.program.name.startswith("buyer-")]
        done = [one for one in buyers if one.process.poll() == 0]
        if len(done) == len(buyers):
            return
        for one in done:
            # It has had its share: not to be started again.
            for stage in supervisor.stages:
                if one in stage:
                    stage.remove(one)
        supervisor.watch()
        if time.monotonic() >= next_at:
            name = chance.choices(list(STRIKES), list(STRIKES.values()))[0]
            report.strikes[name] += _strike(name, supervisor, state, chance)
            next_at = time.monotonic() + chance.uniform(*EVERY_SECONDS)
        time.sleep(LOOK_EVERY_SECONDS)


def _strike(name: str, supervisor: Supervisor, state: Path, chance: random.Random) -> int:
    """Let one fault come; 1 when it found somebody."""
    if name == "session":
        return _end_a_session(chance)
    if name == "valkey":
        with servers.redis_client(f"unix://{addresses.valkey_socket(state)}") as client:
            return int(bool(client.flushall()))
    old = time.monotonic() - LEFT_ALONE_SECONDS
    found = [
        one.process
        for one in supervisor.running
        if one.program.name.startswith(name) and one.started < old and one.process.poll() is None
    ]
    if not found:
        return 0
    pid = chance.choice(found).pid
    os.kill(leftovers.pid_of(state, name) or pid if name == "postgres" else pid, signal.SIGKILL)
    return 1


def _end_a_session(chance: random.Random) -> int:
    try:
        with psycopg.connect(**connection.get_connection_params(), autocommit=True) as wire:
            pids = wire.execute(
                "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'"
                " AND pid <> pg_backend_pid() ORDER BY pid"
            ).fetchall()
            if pids:
                wire.execute("SELECT pg_terminate_backend(%s)", [chance.choice(pids)[0]])
            return int(bool(pids))
    except psycopg.OperationalError:  # it is starting again
        return 0


def _compare(logs: list[Path], report: Report) -> None:
    """What the database holds against what it said, and against itself."""
    report.attempts = sum(attempts.attempts(log) for log in logs)
    for log in logs:
        for line in attempts.errors(log):
            name = line.split(" ", 1)[0] + (" deadlock" if "deadlock" in line else "")
            report.errors[name] = report.errors.get(name, 0) + 1
    ((report.oversold, report.units_on_shelves),) = fetch(_OVERSOLD)
    there = {row[0] for row in fetch("SELECT id FROM inventory_reservation")}
    said = {id_: units for log in logs for id_, units in attempts.confirmed(log).items()}
    report.promised = sum(said.values())
    report.forgotten = sum(1 for id_ in said if id_ not in there)
    for finding in invariants.check(i for i in INVARIANTS if i.code in CHECKED):
        if finding.count:
            report.problems.append(
                f"{finding.code} {finding.name}: {finding.count}, first {finding.first}"
            )
    if report.oversold:
        report.problems.append(f"{report.oversold} units oversold")
    if report.forgotten:
        report.problems.append(f"{report.forgotten} confirmed promises are not there")
    if any("deadlock" in name for name in report.errors):
        report.problems.append("two buyers waited for each other")


_OVERSOLD = """
SELECT coalesce(sum(greatest(reserved + soft + fenced - on_hand, 0)), 0)::int, sum(on_hand)::int
FROM inventory_stocklevel
"""
