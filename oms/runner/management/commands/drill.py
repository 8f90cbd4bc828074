"""`manage.py drill`: kill one process after another while orders come in; the totals must hold."""

import os
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from oms.runner import addresses, drill, faults
from oms.runner.drill import Result
from oms.runner.programs import Ports
from oms.runner.state import CannotStart

MOST_SHOWN = 10


class Command(BaseCommand):
    """Never touches a demo: it runs on a state folder of its own, which it empties first."""

    help = "Run the demo in peace and once with each fault; exit 1 when they do not end the same."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--only",
            nargs="+",
            choices=faults.FAULTS,
            default=list(faults.FAULTS),
            metavar="NAME",
            help=f"some of: {', '.join(faults.FAULTS)}",
        )
        parser.add_argument("--orders", type=int, default=150, metavar="N")
        parser.add_argument("--rate", type=float, default=25.0, metavar="R")
        parser.add_argument("--seed", type=int, default=1, help="when the faults come")
        parser.add_argument(
            "--stop",
            action="store_true",
            help="stop at the first run that does not end as it must, and keep its data",
        )
        parser.add_argument("--port", type=int, default=8320)

    def handle(self, *args: Any, **options: Any) -> None:
        if not (addresses.is_database_embedded() and addresses.is_redis_embedded()):
            raise CommandError("A drill kills its servers: unset DATABASE_URL and REDIS_URL.")
        if options["orders"] < 1 or options["rate"] <= 0:
            raise CommandError("--orders and --rate must be above 0.")
        if addresses.state_folder().name != "drill":
            _begin_again_in_own_folder()
        wishes = drill.Wishes(
            Ports(options["port"], options["port"] + 1),
            options["orders"],
            options["rate"],
            options["seed"],
            options["stop"],
        )
        try:
            results = drill.run(addresses.state_folder(), wishes, options["only"], self._show)
        except CannotStart as reason:
            self.stderr.write(str(reason))
            sys.exit(2)
        failed = [result.name for result in results if result.problems]
        if failed:
            self.stdout.write(f"Not as it must be: {', '.join(failed)}")
            sys.exit(1)
        self.stdout.write(f"All {len(results) - 1} ended in the totals of the run in peace.")
        drill.tidy(addresses.state_folder())

    def _show(self, result: Result) -> None:
        struck = f"struck {', '.join(result.struck)}" if result.struck else ""
        shown = ", ".join(
            f"{result.figures.get(name, '?')} {name.replace('_', ' ')}" for name in drill.SHOWN
        )
        self.stdout.write(f"{result.name:<16} {result.seconds:4.0f} s  {shown}  {struck}")
        for problem in result.problems[:MOST_SHOWN]:
            self.stdout.write(f"    {problem}")
        if (more := len(result.problems) - MOST_SHOWN) > 0:
            self.stdout.write(f"    and {more} more")
        self.stdout.flush()


def _begin_again_in_own_folder() -> None:
    """Settings are read once and name the servers: start over with the drill's own folder."""
    os.environ["SWITCHYARD_STATE"] = str(addresses.PROJECT / ".state" / "drill")
    os.execv(sys.executable, [sys.executable, *sys.argv])
