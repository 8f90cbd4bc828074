"""The demo: the whole system on one machine, from an empty folder to orders that ship."""

import json
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis
from django.core.management import call_command
from django.db import InterfaceError, OperationalError, connection, connections

from oms import figures
from oms.exceptions import sweep
from oms.exceptions.kinds import KINDS
from oms.runner import addresses, leftovers, memory, programs, servers, store
from oms.runner import state as states
from oms.runner.processes import Supervisor
from oms.runner.programs import Ports
from oms.runner.progress import Ticker, say, step
from oms.runner.settle import Settling
from oms.runner.state import CannotStart

LOOK_EVERY_SECONDS = 0.1
FIRST_FEED = (200, 5.0)
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Wishes:
    """What the person asked for on the command line."""

    ports: Ports
    orders: int | None
    rate: float
    pace: str
    exit_when_settled: bool
    patience_seconds: float
    as_json: bool


class Stopped(Exception):
    """Somebody asked the demo to end."""


def run(state: Path, wishes: Wishes) -> int:
    """Run the demo on one state folder; the exit code of the command."""
    states.prepare(state)
    with states.owned(state) as is_ours:
        if not is_ours:
            raise CannotStart(
                f"A demo is already running on {state} (process {states.owner_pid(state)}). End it "
                "with Ctrl-C in its window, or set SWITCHYARD_STATE to another folder to run two."
            )
        return Demo(state, wishes).run()


class Demo:
    """One run, by the owner of the state folder."""

    def __init__(self, state: Path, wishes: Wishes) -> None:
        self.state = state
        self.wishes = wishes
        self.feed_note = state / "feed.json"
        self.supervisor = Supervisor(state, say=lambda line: say(f"  {line}"))
        self.settling = Settling(wishes.ports.store_url)
        self.seconds_to_first_page = 0.0

    def run(self) -> int:
        for number in STOP_SIGNALS:
            signal.signal(number, _raise_stopped)
        try:
            self.start()
            return self.stay()
        except Stopped:
            return 130 if self.wishes.exit_when_settled else 0
        except OperationalError as error:
            if "No space left on device" in str(error):
                raise states.disk_full(self.state) from error
            raise CannotStart(f"The database gave up: {error}") from error
        except OSError as error:
            raise states.explain(error, self.state) from error
        finally:
            for number in STOP_SIGNALS:  # the way out is short; it is not left half-way
                signal.signal(number, signal.SIG_IGN)
            if self.supervisor.running:
                say("Stopping.")
            connections.close_all()
            self.supervisor.stop()

    def start(self) -> None:
        """Servers, tables, store, demo data, web and background programs, in this order."""
        began = time.monotonic()
        ports, state = self.wishes.ports, self.state
        os.environ.update(programs.environment(state, ports))
        say(f"Switchyard demo, data in {state}")
        if found := leftovers.end_leftovers(state):
            say(f"  ended what a killed run had left: {', '.join(found)}")
        programs.check_ports(ports)
        with step("Reaching PostgreSQL and Redis"):
            self.supervisor.start(*servers.server_programs(state))
            _check_reachable()
        self.supervisor.launch(programs.local_store(state, ports))
        with step("Bringing the tables up to date"):
            call_command("migrate", interactive=False, verbosity=0)
        with step("Waiting for the local store"):
            self.supervisor.wait_until_ready()
        with step("Filling in the demo's people, products and stock"):
            call_command("seed_demo", stdout=sys.stderr)
        with step("Starting web, workers and scheduler"):
            self.supervisor.start(
                programs.web(state, ports), *programs.background(state, ports, self.wishes.pace)
            )
        self.seconds_to_first_page = time.monotonic() - began
        self._introduce()

    def stay(self) -> int:
        """Keep everything running until asked to end, or until all is settled if that is wished."""
        ticker, is_fed = Ticker(), False
        while True:
            self.supervisor.watch()
            try:
                is_fed = is_fed or self.feed()
                self.settling.look()
                if is_fed and self._is_over():
                    ticker.end()
                    return self.report()
            except (store.StoreAway, OperationalError, InterfaceError):
                # Something has died and is being started again, and the supervisor has said so.
                connections.close_all()
            ticker.show(self.settling.line())
            time.sleep(LOOK_EVERY_SECONDS)

    def feed(self) -> bool:
        """Ask the store for the orders wished for; a first demo gets some without asking."""
        orders, rate = self.wishes.orders, self.wishes.rate
        if orders is None and not self.wishes.exit_when_settled:
            if known := store.unfinished_feed(self.feed_note):
                orders, rate = known.orders, known.rate
            elif store.status(self.wishes.ports.store_url)["target"] == 0:
                orders, rate = FIRST_FEED
        if orders:
            store.begin_feed(self.wishes.ports.store_url, self.feed_note, orders, rate)
            say(f"  {orders} orders come in at {rate:g} a second")
        return True

    def report(self) -> int:
        """Print the summary; 0 only if all is settled, none is lost and every invariant holds."""
        placed = self.settling.in_store["placed"]
        sweep.sweep(kinds=KINDS)  # also those that rest
        figures_now = figures.summary()
        summary = {
            "settled": self.settling.is_settled,
            "orders_placed": placed,
            "orders_lost": placed - figures_now["orders_in"],
            **figures_now,
            "seconds_to_first_page": round(self.seconds_to_first_page, 1),
            "peak_memory_mb": self._peak_memory(),
            "restarts": {
                one.program.name: one.deaths for one in self.supervisor.running if one.deaths
            },
        }
        _print(summary, self.wishes.as_json)
        if not self.settling.is_settled:
            return 1
        store.end_feed(self.feed_note)
        return 1 if summary["orders_lost"] or summary["invariant_violations"] else 0

    def _is_over(self) -> bool:
        if not self.wishes.exit_when_settled:
            if self.settling.is_placed:
                store.end_feed(self.feed_note)
            return False
        if self.settling.seconds_without_change > self.wishes.patience_seconds:
            say(f"  nothing has moved for {self.wishes.patience_seconds:g} s; giving up")
            return True
        return self.settling.is_settled

    def _introduce(self) -> None:
        from oms.console.demo_logins import LOGINS

        say(f"\nSwitchyard is running at {self.wishes.ports.web_url}/\n")
        width = max(len(username) for _, username, *_ in LOGINS)
        for role, username, password, name in LOGINS:
            say(f"  {role:<9} {username:<{width}}  {password}  ({name})")
        say(f"\n  logs in {self.state / 'logs'}; Ctrl-C ends it; `make demo-reset` starts afresh\n")

    def _peak_memory(self) -> dict[str, list[int]]:
        return {
            one.program.name: memory.peaks_mb(one.process.pid) for one in self.supervisor.running
        }


def _check_reachable() -> None:
    """Name the server that does not answer, when it is not one of ours."""
    try:
        connection.ensure_connection()
    except OperationalError as error:
        reason = str(error).splitlines()[0]
        raise CannotStart(f"The database of DATABASE_URL does not answer: {reason}") from error
    try:
        servers.redis_client(addresses.redis_url()).ping()
    except redis.RedisError as error:
        raise CannotStart(f"The Redis of REDIS_URL does not answer: {error}") from error


def _print(summary: dict[str, Any], as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(summary, default=str) + "\n")
    else:
        for name, value in summary.items():
            sys.stdout.write(f"{name.replace('_', ' '):<28} {value}\n")
    sys.stdout.flush()


def _raise_stopped(number: int, frame: object) -> None:
    raise Stopped
