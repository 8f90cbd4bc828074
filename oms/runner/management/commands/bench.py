"""`manage.py bench`: measure on servers and data of its own, one JSON object a line."""

import os
import sys
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from oms.bench import planner, report
from oms.bench.report import Figure
from oms.runner import addresses, servers
from oms.runner import state as states
from oms.runner.processes import Supervisor
from oms.runner.programs import Ports

BENCHES = ("planner", "reservations", "feed", "orders")


class Command(BaseCommand):
    """Never touches a demo: it runs on a state folder of its own, which it empties first."""

    help = f"Measure {', '.join(BENCHES)}; without a name, all of them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("names", nargs="*", choices=[[], *BENCHES], default=[])
        parser.add_argument("--json", action="store_true", help="one JSON object a line")
        parser.add_argument("--page", action="store_true", help=f"write {report.PAGE.name}")
        parser.add_argument("--port", type=int, default=8310)

    def handle(self, *args: Any, **options: Any) -> None:
        if not addresses.is_database_embedded():
            raise CommandError("A bench empties its database: unset DATABASE_URL to run it.")
        if addresses.state_folder().name != "bench":
            _begin_again_in_own_folder()
        names = options["names"] or BENCHES
        figures = planner.measure() if "planner" in names else []
        ports = Ports(options["port"], options["port"] + 1)
        for name in names:
            if name != "planner":
                figures += _on_fresh_servers(name, ports)
        at = report.commit()
        for figure in figures:
            self.stdout.write(report.line(figure, at) if options["json"] else _words(figure))
        if options["page"]:
            report.write_page(figures, at)


def _on_fresh_servers(name: str, ports: Ports) -> list[Figure]:
    """Each bench has empty tables, so that none pays for the rows of another."""
    from oms.bench import feed, orders, reservations

    state = addresses.state_folder()
    states.wipe(state)
    states.prepare(state)
    supervisor = Supervisor(state)
    try:
        supervisor.start(*servers.server_programs(state))
        call_command("migrate", interactive=False, verbosity=0)
        if name == "orders":
            return orders.measure(state, supervisor, ports)
        return reservations.measure(state) if name == "reservations" else feed.measure()
    finally:
        connection.close()  # the next bench has another server at the same address
        supervisor.stop()


def _begin_again_in_own_folder() -> None:
    """Settings are read once and name the servers: start over with the bench's own folder."""
    os.environ["SWITCHYARD_STATE"] = str(addresses.PROJECT / ".state" / "bench")
    os.execv(sys.executable, [sys.executable, *sys.argv])


def _words(figure: Figure) -> str:
    beside = f" of {figure.ceiling:,g} ({figure.ratio})" if figure.ceiling else ""
    return f"{figure.name:<34} {figure.value:>10,g} {figure.unit}{beside}  {figure.note}"
