"""`manage.py drill_oversell`: a million tries for few units, with kills; none may be oversold."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from oms.bench import report as bench_report
from oms.runner import addresses
from oms.runner.state import CannotStart

ATTEMPTS = 1_000_000


class Command(BaseCommand):
    """Never touches a demo: it runs on a state folder of its own, which it empties first."""

    help = (
        "Fight for few units by every path while processes are killed; exit 1 if one is oversold."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--attempts", type=int, default=ATTEMPTS, metavar="N")
        parser.add_argument("--seed", type=int, default=1, help="who is struck, and what is tried")
        parser.add_argument("--report", type=Path, metavar="FILE", help="where to write it as JSON")
        parser.add_argument("--buyer", type=int, help="be one of the buyers; the drill does this")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["buyer"] is not None:
            _buy(options["buyer"], options["attempts"], options["seed"])
            return
        if not (addresses.is_database_embedded() and addresses.is_redis_embedded()):
            raise CommandError("A drill kills its servers: unset DATABASE_URL and REDIS_URL.")
        if options["attempts"] < 1:
            raise CommandError("--attempts must be above 0.")
        if addresses.state_folder().name != "oversell":
            _begin_again_in_own_folder()
        self._run(options)

    def _run(self, options: dict[str, Any]) -> None:
        from oms.runner import oversell

        state = addresses.state_folder()
        try:
            result = oversell.run(
                state,
                tries=options["attempts"],
                seed=options["seed"],
                commit=bench_report.commit(),
                say=self.stdout.write,
            )
        except CannotStart as reason:
            self.stderr.write(str(reason))
            sys.exit(2)
        path = options["report"] or state / "report.json"
        path.write_text(json.dumps(result.as_dict(), indent=2) + "\n")
        self.stdout.write(
            f"{result.promised:,} units promised from shelves that hold"
            f" {result.units_on_shelves:,} in the end; {result.oversold} oversold,"
            f" {result.forgotten} forgotten; struck {result.strikes}; errors {result.errors}"
        )
        self.stdout.write(f"Report: {path}")
        if result.problems:
            self.stdout.write("\n".join(["Not as it must be:", *result.problems]))
            sys.exit(1)


def _buy(number: int, share: int, seed: int) -> None:
    from oms.runner.attempts import Buyer

    log = addresses.state_folder() / "logs" / f"said-{number}"
    Buyer(number=number, seed=seed, share=share, log=log).run()


def _begin_again_in_own_folder() -> None:
    """Settings are read once and name the servers: start over with the drill's own folder."""
    os.environ["SWITCHYARD_STATE"] = str(addresses.PROJECT / ".state" / "oversell")
    os.execv(sys.executable, [sys.executable, *sys.argv])
