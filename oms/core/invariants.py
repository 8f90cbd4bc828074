"""Invariants: each is one SQL query that finds what must not exist."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from oms.core.sql import fetch

SHOWN = 5


@dataclass(slots=True, frozen=True)
class Invariant:
    """`sql` returns the offenders, the column to show first. `code` is the number in the docs."""

    code: str
    name: str
    sql: str


@dataclass(slots=True, frozen=True)
class Finding:
    """The outcome of one invariant: how many offenders and the first few."""

    code: str
    name: str
    count: int
    first: list[Any]


def check(invariants: Iterable[Invariant]) -> list[Finding]:
    """Run every query and report each, broken or not."""
    findings = []
    for invariant in invariants:
        (row,) = fetch(
            f"SELECT count(*), (array_agg(shown::text))[1:{SHOWN}]"  # noqa: S608  (our own SQL)
            f" FROM ({invariant.sql}) AS offender(shown)"
        )
        findings.append(Finding(invariant.code, invariant.name, row[0], row[1] or []))
    return findings


INVARIANTS = [
    Invariant(
        "I6",
        "every inbox message is waiting, applied, ignored or quarantined with a reason",
        """
        SELECT id FROM core_inboxmessage
        WHERE (state = 'quarantined' AND reason = '') OR (state IN ('done', 'ignored')
              AND done_at IS NULL)
        """,
    ),
    Invariant(
        "I9",
        "every finished outbox intent says when, and a refused one says why",
        """
        SELECT id FROM core_outboxintent
        WHERE (state IN ('applied', 'rejected', 'superseded') AND finished_at IS NULL
               AND state <> 'superseded')
           OR (state = 'rejected' AND reason = '')
        """,
    ),
]
