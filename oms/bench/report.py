"""A figure, and the page that keeps the figures with their commit and command."""

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from oms.runner import addresses

PAGE = addresses.PROJECT / "docs" / "BENCHMARKS.md"


INTRODUCTION = """\
Written by `make bench`. Machines differ, so the ratio to the ceiling measured in the same run is
what carries over. Load generator, application and database share the machine. The orders are the
real ones of `oms/shopify/sandbox/README.md`, with far more lines than a usual shop's."""


@dataclass(slots=True, frozen=True)
class Figure:
    """One measured value. `ceiling` is the raw limit of the same run, in the same unit."""

    name: str
    value: float
    unit: str
    seed: int
    ceiling: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        return round(self.value / self.ceiling, 3) if self.ceiling else None


def commit() -> str:
    """The commit the figures belong to; a plus sign means that files were changed since."""
    try:
        head = _git("rev-parse", "--short", "HEAD")
        return head + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def line(figure: Figure, at: str) -> str:
    """The figure as one line of JSON."""
    return json.dumps({**asdict(figure), "ratio": figure.ratio, "commit": at})


def write_page(figures: Sequence[Figure], at: str, page: Path = PAGE) -> None:
    """Write the page anew from one whole run."""
    rows = [
        f"| {f.name} | {f.value:,g} {f.unit} | {f'{f.ceiling:,g}' if f.ceiling else ''} "
        f"| {f.ratio if f.ratio is not None else ''} | {f.note} |"
        for f in figures
    ]
    page.write_text(
        "\n".join(
            [
                "# Benchmarks",
                "",
                *INTRODUCTION.splitlines(),
                "",
                f"Commit {at}, Python {platform.python_version()}, {os.cpu_count()} cores,"
                f" seed {figures[0].seed if figures else 0}.",
                "",
                "| figure | value | ceiling | ratio | what it is |",
                "| --- | ---: | ---: | ---: | --- |",
                *rows,
                "",
            ]
        )
    )


def _git(*arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=addresses.PROJECT, check=True, capture_output=True, text=True
    ).stdout.strip()
