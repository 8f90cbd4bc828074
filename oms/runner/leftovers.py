"""Processes that a killed supervisor left behind: recognised, then ended."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

# The supervisor sets this for every child, and so for every grandchild; nobody else does.
MARK = "SWITCHYARD_SUPERVISED"
STOP_WITHIN_SECONDS = 15


def end_leftovers(state: Path) -> list[str]:
    """End every process that an earlier supervisor of this state folder left; say which."""
    ended = []
    for path in sorted((state / "run").glob("*.pid")):
        note = json.loads(path.read_text())
        if note["shows"] in command_of(note["pid"]):
            _end(note["pid"], note["shows"], note["stop_signal"])
            ended.append(path.stem)
        path.unlink()
    kill_strays(state)
    return ended


def remember(path: Path, pid: int, shows: str, stop_signal: signal.Signals) -> None:
    """Note a started process and the text by which its command line will be known again."""
    unfinished = path.with_suffix(".new")
    unfinished.write_text(json.dumps({"pid": pid, "shows": shows, "stop_signal": int(stop_signal)}))
    unfinished.replace(path)


def pid_of(state: Path, name: str) -> int | None:
    """The process of a program that runs on this state folder, if it does."""
    try:
        note = json.loads((state / "run" / f"{name}.pid").read_text())
    except FileNotFoundError:
        return None
    return note["pid"] if note["shows"] in command_of(note["pid"]) else None


def kill_strays(state: Path) -> None:
    """Kill what still carries our mark: children of a program that died before its own children."""
    for pid in strays(state):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def strays(state: Path) -> Iterator[int]:
    """Processes that carry the mark of this state folder. Needs Linux's /proc; elsewhere, none."""
    mark = f"{MARK}={state}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # ended meanwhile, or not ours to read
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                yield int(folder.name)


def works_in(folder: Path) -> bool:
    """Whether a process has this folder as its own. Needs Linux's /proc; elsewhere, no."""
    real = folder.resolve()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # ended meanwhile, or not ours to read
            if (process / "cwd").readlink() == real:
                return True
    return False


def command_of(pid: int) -> str:
    """The command line of a process as the system shows it; empty when there is none."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            raw = Path(f"/proc/{pid}/cmdline").read_bytes()
            return raw.replace(b"\0", b" ").decode(errors="replace").strip()
        return ""
    shown = subprocess.run(
        ["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return shown.stdout.strip()


def _end(pid: int, shows: str, stop_signal: int) -> None:
    give_up_at = time.monotonic() + STOP_WITHIN_SECONDS
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, stop_signal)
        while shows in command_of(pid):
            if time.monotonic() > give_up_at:
                os.killpg(pid, signal.SIGKILL)
            time.sleep(0.05)
