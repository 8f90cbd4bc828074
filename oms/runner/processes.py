"""The supervisor: starts programs, restarts those that die, and leaves none behind."""

import contextlib
import ctypes
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from oms.runner import addresses, leftovers
from oms.runner.state import CannotStart, disk_full

QUICK_DEATH_SECONDS = 10
QUICK_DEATHS_ALLOWED = 5
LOG_LIMIT_BYTES = 20 * 2**20
LOG_TAIL_LINES = 12


def never_ready_yet() -> bool:
    return True


@dataclass(frozen=True)
class Program:
    """One program to keep running."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    account: str | None = None
    folder: Path = addresses.PROJECT
    is_ready: Callable[[], bool] = never_ready_yet
    ready_within_seconds: float = 60
    stop_signal: signal.Signals = signal.SIGTERM
    # What the kernel sends when the supervisor itself is killed. Our own programs survive a hard
    # death by design; servers and programs with children of their own are asked politely.
    orphan_signal: signal.Signals = signal.SIGKILL
    stop_within_seconds: float = 8
    # A piece of its command line by which it is known again; the whole of it if left empty.
    shows: str = ""


@dataclass
class Running:
    program: Program
    process: subprocess.Popen[bytes]
    started: float
    quick_deaths: int = 0
    restart_at: float | None = None
    deaths: list[str] = field(default_factory=list)


class Supervisor:
    """Keeps the programs of one state folder running; the caller owns the folder."""

    def __init__(self, state: Path, say: Callable[[str], None] = lambda line: None) -> None:
        self.state = state
        self.say = say
        self.stages: list[list[Running]] = []

    @property
    def running(self) -> list[Running]:
        return [one for stage in self.stages for one in stage]

    def start(self, *programs: Program) -> None:
        """Start one stage of programs together and wait until each of them is ready."""
        self.launch(*programs)
        self.wait_until_ready()

    def launch(self, *programs: Program) -> None:
        """Start one stage of programs; they become ready while the caller does something else."""
        stage: list[Running] = []
        self.stages.append(stage)
        for program in programs:
            rotate_log(self.log_path(program))
            stage.append(Running(program, self._spawn(program), time.monotonic()))

    def wait_until_ready(self) -> None:
        for one in self.running:
            self._wait_until_ready(one)

    def watch(self) -> None:
        """Look once at every program and start again what has died."""
        now = time.monotonic()
        for one in self.running:
            if one.restart_at is not None:
                if now >= one.restart_at:
                    one.process, one.started = self._spawn(one.program), now
                    one.restart_at = None
            elif (code := one.process.poll()) is not None:
                self._bury(one, code, now)
            truncate_log(self.log_path(one.program))

    def stop(self) -> None:
        """Stop everything in reverse order; what does not stop in time is killed."""
        while self.stages:
            stage = self.stages[-1]
            for one in reversed(stage):
                _signal(one.process, one.program.stop_signal)
            for one in reversed(stage):
                self._wait_for_end(one)
                self._pid_path(one.program).unlink(missing_ok=True)
            self.stages.pop()
        leftovers.kill_strays(self.state)

    def log_path(self, program: Program) -> Path:
        return self.state / "logs" / f"{program.name}.log"

    def log_tail(self, program: Program) -> str:
        with contextlib.suppress(FileNotFoundError):
            lines = self.log_path(program).read_text(errors="replace").strip().splitlines()
            return "\n".join(f"    {line}" for line in lines[-LOG_TAIL_LINES:])
        return ""

    def _spawn(self, program: Program) -> subprocess.Popen[bytes]:
        with self.log_path(program).open("ab") as log:
            process = subprocess.Popen(
                program.command,
                env={**program.environment, leftovers.MARK: str(self.state)},
                user=program.account,
                group=_group_of(program.account),
                extra_groups=[] if program.account else None,
                cwd=program.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=tie_to_parent(program.orphan_signal),
            )
        shows = program.shows or " ".join(program.command)
        leftovers.remember(self._pid_path(program), process.pid, shows, program.stop_signal)
        return process

    def _wait_until_ready(self, one: Running) -> None:
        give_up_at = time.monotonic() + one.program.ready_within_seconds
        while not one.program.is_ready():
            if (code := one.process.poll()) is not None:
                raise self._trouble(one, f"{one.program.name} {_ended(code)} while starting")
            if time.monotonic() > give_up_at:
                waited = f"{one.program.ready_within_seconds:.0f} seconds"
                raise self._trouble(one, f"{one.program.name} did not answer within {waited}")
            time.sleep(0.02)

    def _bury(self, one: Running, code: int, now: float) -> None:
        """Note a death, end what the dead left in its group, and set the time of the next start."""
        _kill_group(one.process.pid)
        one.deaths.append(_ended(code))
        one.quick_deaths = one.quick_deaths + 1 if now - one.started < QUICK_DEATH_SECONDS else 0
        if one.quick_deaths > QUICK_DEATHS_ALLOWED:
            raise self._trouble(
                one, f"{one.program.name} {_ended(code)} {one.quick_deaths} times in a row"
            )
        one.restart_at = now + (0 if one.quick_deaths <= 1 else 0.25 * 2**one.quick_deaths)
        self.say(f"{one.program.name} {_ended(code)}; starting it again")

    def _trouble(self, one: Running, what: str) -> CannotStart:
        tail = self.log_tail(one.program)
        if "No space left on device" in tail:
            return disk_full(self.state)
        path = self.log_path(one.program)
        return CannotStart(f"{what}. The end of its log, {path}:\n{tail or '    (empty)'}")

    def _wait_for_end(self, one: Running) -> None:
        try:
            one.process.wait(one.program.stop_within_seconds)
        except subprocess.TimeoutExpired:
            self.say(f"{one.program.name} did not stop in time and was killed")
        _kill_group(one.process.pid)
        one.process.wait()

    def _pid_path(self, program: Program) -> Path:
        return self.state / "run" / f"{program.name}.pid"


def rotate_log(path: Path) -> None:
    """Keep the log of the run before this one, and no more."""
    with contextlib.suppress(FileNotFoundError):
        path.replace(path.with_name(path.name + ".1"))


def truncate_log(path: Path) -> None:
    # The program goes on writing to the same file, opened for appending, so it cannot be renamed.
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > LOG_LIMIT_BYTES:
            os.truncate(path, 0)


def tie_to_parent(orphan_signal: signal.Signals) -> Callable[[], None] | None:
    """Have the kernel end a child when we die, even by kill -9. Only Linux offers this."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()
    set_parent_death_signal = 1

    def before_exec() -> None:
        prctl(set_parent_death_signal, int(orphan_signal))
        if os.getppid() != parent:  # we died in between
            os._exit(1)

    return before_exec


def _group_of(account: str | None) -> int | None:
    return pwd.getpwnam(account).pw_gid if account else None


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    if process.poll() is None:
        process.send_signal(number)


def _kill_group(leader_pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader_pid, signal.SIGKILL)


def _ended(code: int) -> str:
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
