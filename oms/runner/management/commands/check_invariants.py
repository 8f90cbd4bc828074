"""`manage.py check_invariants`: prove that nothing impossible stands in the database."""

import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from oms import wiring
from oms.core import invariants


class Command(BaseCommand):
    """Exit status 1 when an invariant is broken."""

    help = "Run every invariant: name, count and the first offenders of each."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON list")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = invariants.check(wiring.INVARIANTS)
        if options["json"]:
            self.stdout.write(json.dumps([asdict(f) for f in findings], indent=2))
        else:
            for finding in findings:
                state = "holds" if not finding.count else f"BROKEN by {finding.count}"
                first = f": {', '.join(map(str, finding.first))}" if finding.count else ""
                self.stdout.write(f"{finding.code:5} {state:12} {finding.name}{first}")
        if any(f.count for f in findings):
            sys.exit(1)
