"""`manage.py demo`: start the whole system with a local store, on this machine."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from oms.runner import addresses, demo
from oms.runner.programs import Ports
from oms.runner.state import CannotStart


class Command(BaseCommand):
    help = "Start the whole system with a local store; Ctrl-C ends it and keeps the data."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--orders", type=int, metavar="N", help="let N orders come in")
        parser.add_argument("--rate", type=float, default=5.0, metavar="R", help="orders a second")
        parser.add_argument(
            "--exit-when-settled",
            action="store_true",
            help="end when each order is finished, waiting or in the queue; 0 if none is lost",
        )
        parser.add_argument("--json", action="store_true", help="print the summary as JSON")
        parser.add_argument("--port", type=int, default=8000, help="where the pages answer")
        parser.add_argument("--store-port", type=int, help="where the local store answers")
        parser.add_argument(
            "--patience",
            type=float,
            default=180,
            metavar="S",
            help="give up waiting after S seconds in which nothing moved",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["rate"] <= 0 or (options["orders"] or 0) < 0:
            raise CommandError("--rate must be above 0 and --orders not below it.", returncode=2)
        port = options["port"]
        wishes = demo.Wishes(
            ports=Ports(web=port, store=options["store_port"] or port + 1),
            orders=options["orders"],
            rate=options["rate"],
            pace="fast" if options["exit_when_settled"] else "day",
            exit_when_settled=options["exit_when_settled"],
            patience_seconds=options["patience"],
            as_json=options["json"],
        )
        try:
            sys.exit(demo.run(addresses.state_folder(), wishes))
        except CannotStart as reason:
            self.stderr.write(str(reason))
            sys.exit(2)
