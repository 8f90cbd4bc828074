"""Negative controls: with one lock, constraint or condition taken away, a test has to fail.

A green suite proves something only if it turns red when what it guards is gone. Each control copies
the project, takes one thing away and runs the tests that are to miss it:

    make drill-controls                     all of them
    make drill-controls ARGS="fence cap"    those with one of the words in their name
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Control:
    """`text` of `file` becomes `instead`, and one of `tests` has to fail."""

    name: str
    file: str
    text: str
    instead: str
    tests: tuple[str, ...]


RACES = "tests/inventory/test_last_unit.py"
CONTROLS = [
    Control(
        "lock of the levels in a plain promise",
        "inventory/sql/reserve.sql",
        "WHERE v.id = ANY(levels) ORDER BY v.id FOR UPDATE;",
        "WHERE v.id = ANY(levels);",
        (RACES,),
    ),
    Control(
        "condition that enough is free, in a plain promise",
        "inventory/sql/reserve.sql",
        "WHERE a.upto > a.available GROUP",
        "WHERE false GROUP",
        ("tests/inventory/test_ledger.py",),
    ),
    Control(
        "sum of the demand on a level within a call",
        "inventory/sql/reserve.sql",
        "sum(t.quantity) OVER (PARTITION BY t.level_id ORDER BY t.n) AS upto",
        "t.quantity AS upto",
        ("tests/inventory/test_ledger.py", "tests/inventory/test_reservations.py"),
    ),
    Control(
        "lock of the levels in a promise of parts or to a cart",
        "inventory/sql/reserve_special.sql",
        "WHERE v.id = ANY(source || levels) ORDER BY v.id FOR UPDATE;",
        "WHERE v.id = ANY(source || levels);",
        (RACES,),
    ),
    Control(
        "condition that units kept for a channel are free for nobody else",
        "inventory/sql/reserve_special.sql",
        "OR asked.units - asked.fenced > greatest(v.available, 0)",
        "OR false",
        ("tests/inventory/test_fences_core.py",),
    ),
    Control(
        "condition that a frozen level promises nothing from its fence",
        "inventory/sql/reserve_special.sql",
        "WHERE v.frozen OR asked.only_fence",
        "WHERE asked.only_fence",
        ("tests/inventory/test_fences_core.py",),
    ),
    Control(
        "a fence without overflow is all the channel has",
        "inventory/sql/reserve_special.sql",
        "WHERE v.frozen OR asked.only_fence",
        "WHERE v.frozen",
        ("tests/inventory/test_fences_core.py",),
    ),
    Control(
        "lock of the levels where counters change",
        "inventory/sql/post.sql",
        "WHERE v.id = ANY(levels) ORDER BY v.id FOR UPDATE;",
        "WHERE v.id = ANY(levels);",
        (RACES, "tests/inventory/test_ledger.py"),
    ),
    Control(
        "lock of the promises that end",
        "inventory/reservations.py",
        "WHERE id = ANY(%s::bigint[]) AND state = 'pending' ORDER BY id FOR UPDATE",
        "WHERE id = ANY(%s::bigint[]) AND state = 'pending' ORDER BY id",
        (RACES,),
    ),
    Control(
        "condition that only a pending promise ends",
        "inventory/reservations.py",
        "WHERE id = ANY(%s::bigint[]) AND state = 'pending' ORDER BY id FOR UPDATE",
        "WHERE id = ANY(%s::bigint[]) ORDER BY id FOR UPDATE",
        ("tests/inventory/test_ledger.py",),
    ),
    Control(
        "one transaction around what ends a promise",
        "inventory/reservations.py",
        "@together()\ndef _end(",
        "def _end(",
        ("tests/inventory/test_whole_or_nothing.py",),
    ),
    Control(
        "timer of a shortage",
        "inventory/ledger.py",
        "    see_to_missing(levels[id_] for id_ in fell)\n",
        "",
        ("tests/stories/test_units_vanish.py",),
    ),
    Control(
        "history that refuses to be edited",
        "inventory/migrations/0002_initial.py",
        'operation="UPDATE OR DELETE",',
        'operation="DELETE",',
        ("tests/house/test_doors.py",),
    ),
    Control(
        "one receipt a key",
        "inventory/commands/receiving.py",
        "    if again:\n",
        "    if again and False:\n",
        ("tests/inventory/test_receiving.py",),
    ),
    Control(
        "a number of a source is never replaced by an older one",
        "inventory/feeds/weighing.py",
        "m.source_time > %(at)s::timestamptz",
        "false",
        ("tests/inventory/test_feeds.py",),
    ),
    Control(
        "nobody approves a count of their own",
        "inventory/commands/count_review.py",
        "if lines and session.submitted_by == str(actor):",
        "if False:",
        ("tests/inventory/test_counting.py",),
    ),
]


def main(words: list[str]) -> int:
    """Run the controls whose names have one of the words; 1 when a suite stayed green."""
    chosen = [c for c in CONTROLS if not words or any(word in c.name for word in words)]
    green = []
    for control in chosen:
        red = is_red(control)
        sys.stdout.write(f"{'red  ' if red else 'GREEN'} without: {control.name}\n")
        sys.stdout.flush()
        if not red:
            green.append(control.name)
    sys.stdout.write(f"{len(chosen) - len(green)} of {len(chosen)} turn the suite red.\n")
    return 1 if green or not chosen else 0


def is_red(control: Control) -> bool:
    """Whether a test fails, of a copy of the project without what the control takes away."""
    with tempfile.TemporaryDirectory(prefix="switchyard-control-") as folder:
        copy = Path(folder) / "project"
        for name in _files():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, copy / name)
        path = copy / control.file
        path.write_text(path.read_text().replace(control.text, control.instead))
        run = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", *_present(copy, control.tests)],
            cwd=copy,
            env={k: v for k, v in os.environ.items() if k != "SWITCHYARD_STATE"},
            capture_output=True,
            text=True,
            check=False,
        )
        # 1: tests failed. Anything else would be an accident, not a proof.
        if run.returncode not in (0, 1):
            raise RuntimeError(f"{control.name}: pytest ended with {run.returncode}\n{run.stdout}")
        return run.returncode == 1 and bool(re.search(r"\d+ (failed|error)", run.stdout))


def _files() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=PROJECT, check=True, capture_output=True, text=True
    )
    return [name for name in listed.stdout.splitlines() if (PROJECT / name).exists()]


def _present(copy: Path, tests: tuple[str, ...]) -> list[str]:
    return [test for test in tests if (copy / test).exists()]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
