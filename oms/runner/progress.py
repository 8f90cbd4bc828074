"""What a person sees while waiting: one line a step on stderr, with the time it took."""

import contextlib
import sys
import time
from collections.abc import Iterator

SAY_EVERY_SECONDS = 5


def say(line: str = "") -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


@contextlib.contextmanager
def step(label: str) -> Iterator[None]:
    """Show what is being done before it is done."""
    sys.stderr.write(f"  {label} ... ")
    sys.stderr.flush()
    began = time.monotonic()
    try:
        yield
    except BaseException:
        sys.stderr.write("\n")
        raise
    sys.stderr.write(f"{time.monotonic() - began:.1f} s\n")
    sys.stderr.flush()


class Ticker:
    """One line that says how far a long job is: rewritten on a terminal, repeated in a log."""

    def __init__(self) -> None:
        self.shown = ""
        self.shown_at = 0.0
        self.is_terminal = sys.stderr.isatty()

    def show(self, line: str) -> None:
        due = self.is_terminal or time.monotonic() - self.shown_at >= SAY_EVERY_SECONDS
        if line == self.shown or not due:
            return
        if self.is_terminal:
            sys.stderr.write(f"\r\033[K  {line}")
        else:
            sys.stderr.write(f"  {line}\n")
        sys.stderr.flush()
        self.shown, self.shown_at = line, time.monotonic()

    def end(self) -> None:
        if self.is_terminal and self.shown:
            sys.stderr.write("\n")
        self.shown = ""
