"""The supervisor: what dies comes back, what is stopped is gone, and nothing is left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from oms.runner import addresses, leftovers, processes
from oms.runner import state as states
from oms.runner.processes import Program, Supervisor
from oms.runner.state import CannotStart

ONLY_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's /proc and prctl")
SLEEP = "import time; time.sleep(600)"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    states.prepare(tmp_path)
    return tmp_path


@pytest.fixture
def supervisor(state: Path) -> Iterator[Supervisor]:
    supervisor = Supervisor(state)
    yield supervisor
    supervisor.stop()


def python(name: str, code: str, **options) -> Program:
    return Program(name=name, command=(sys.executable, "-c", code), **options)


def wait_until(question, within_seconds: float = 15) -> None:
    give_up_at = time.monotonic() + within_seconds
    while not question():
        assert time.monotonic() < give_up_at, "waited in vain"
        time.sleep(0.02)


def test_a_program_that_is_killed_is_started_again(supervisor):
    supervisor.start(python("sleeper", SLEEP))
    first = supervisor.running[0].process.pid
    said = []
    supervisor.say = said.append

    os.kill(first, signal.SIGKILL)
    wait_until(lambda: supervisor.watch() or supervisor.running[0].process.pid != first)

    assert said == ["sleeper was killed by SIGKILL; starting it again"]
    assert supervisor.running[0].process.poll() is None


def test_a_program_that_keeps_dying_is_given_up_with_the_end_of_its_log(supervisor, monkeypatch):
    monkeypatch.setattr(processes, "QUICK_DEATHS_ALLOWED", 2)
    supervisor.start(python("broken", "print('cannot find the spoon'); raise SystemExit(3)"))

    with pytest.raises(CannotStart) as raised:
        wait_until(lambda: supervisor.watch())

    assert "broken ended with exit code 3 3 times in a row" in str(raised.value)
    assert "cannot find the spoon" in str(raised.value)


def test_a_program_that_dies_before_it_is_ready_is_reported_at_once(supervisor):
    with pytest.raises(CannotStart, match=r"broken ended with exit code 1 while starting.*log"):
        supervisor.start(python("broken", "raise SystemExit(1)", is_ready=lambda: False))


def test_a_program_that_never_answers_is_reported(supervisor):
    mute = python("mute", SLEEP, is_ready=lambda: False, ready_within_seconds=0.3)

    with pytest.raises(CannotStart, match="mute did not answer within"):
        supervisor.start(mute)


def test_a_full_disk_in_a_program_is_told_as_a_full_disk(supervisor):
    full = "import sys; sys.exit('could not extend file: No space left on device')"

    with pytest.raises(CannotStart, match=r"The disk that holds .* is full\. Free some room"):
        supervisor.start(python("full", full, is_ready=lambda: False))


def test_stages_stop_in_reverse_order(supervisor, state):
    told = state / "told"
    code = (
        "import signal, sys, time\n"
        "def end(*_):\n"
        "    open({told!r}, 'a').write({name!r} + ' '); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end); open({ready!r}, 'w').close()\n"
        "time.sleep(600)\n"
    )
    for name in ("database", "web", "worker"):
        ready = state / f"{name}.ready"
        text = code.format(told=str(told), name=name, ready=str(ready))
        supervisor.start(python(name, text, is_ready=ready.exists))

    supervisor.stop()

    assert told.read_text() == "worker web database "
    assert supervisor.running == []
    assert not list((state / "run").glob("*.pid"))


def test_a_program_that_ignores_the_request_to_stop_is_killed(supervisor, state):
    ready = state / "ready"
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"open({str(ready)!r}, 'w').close(); time.sleep(600)"
    )
    supervisor.start(python("deaf", deaf, is_ready=ready.exists, stop_within_seconds=0.3))
    pid = supervisor.running[0].process.pid

    supervisor.stop()

    assert leftovers.command_of(pid) == ""


@ONLY_LINUX
def test_the_children_of_a_killed_program_do_not_outlive_it(supervisor, state):
    note = state / "grandchild"
    parent = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-c', {SLEEP!r}], start_new_session=True)\n"
        f"open({str(note)!r}, 'w').write(str(child.pid)); time.sleep(600)"
    )
    supervisor.start(python("parent", parent, is_ready=lambda: note.exists() and note.read_text()))
    grandchild = int(note.read_text())

    supervisor.stop()

    wait_until(lambda: leftovers.command_of(grandchild) == "")


@ONLY_LINUX
def test_a_killed_supervisor_leaves_nothing_that_its_successor_does_not_end(state):
    note, family = state / "pids", state / "family.py"
    family.write_text(
        "import os, subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-c', {SLEEP!r}])\n"
        f"print(os.getpid(), child.pid, file=open({str(note)!r}, 'w'), flush=True)\n"
        "time.sleep(600)\n"
    )
    script = (
        "import sys, time; from pathlib import Path\n"
        "from oms.runner.processes import Program, Supervisor\n"
        f"state, note = Path({str(state)!r}), Path({str(note)!r})\n"
        "ready = lambda: note.exists() and note.read_text().endswith('\\n')\n"
        f"family = Program('family', (sys.executable, {str(family)!r}), is_ready=ready)\n"
        "Supervisor(state).start(family)\n"
        "print('up', flush=True); time.sleep(600)\n"
    )
    killed = subprocess.Popen(
        [sys.executable, "-c", script], cwd=addresses.PROJECT, stdout=subprocess.PIPE
    )
    assert killed.stdout.readline() == b"up\n"
    child, grandchild = (int(pid) for pid in note.read_text().split())

    killed.kill()
    killed.communicate()
    wait_until(lambda: leftovers.command_of(child) == "")
    leftovers.end_leftovers(state)

    wait_until(lambda: leftovers.command_of(grandchild) == "")
    assert list(leftovers.strays(state)) == []
    assert not list((state / "run").glob("*.pid"))


def test_a_pid_that_now_belongs_to_someone_else_is_left_alone(state):
    stranger = subprocess.Popen([sys.executable, "-c", SLEEP])
    try:
        note = state / "run" / "worker.pid"
        leftovers.remember(note, stranger.pid, "manage.py rqworker", signal.SIGTERM)

        assert leftovers.end_leftovers(state) == []

        assert stranger.poll() is None
        assert not note.exists()
    finally:
        stranger.kill()
        stranger.wait()


def test_a_log_holds_this_run_and_the_one_before(supervisor, state):
    for line in ("first", "second", "third"):
        supervisor.start(python("talker", f"print('{line}')"))
        supervisor.running[0].process.wait()
        supervisor.stop()

    assert (state / "logs" / "talker.log").read_text() == "third\n"
    assert (state / "logs" / "talker.log.1").read_text() == "second\n"


def test_a_log_that_has_grown_too_long_is_emptied_while_the_program_goes_on(
    supervisor, monkeypatch
):
    monkeypatch.setattr(processes, "LOG_LIMIT_BYTES", 100)
    talk = (
        "import time\nwhile True:\n    print('a line of some length', flush=True); time.sleep(.01)"
    )
    supervisor.start(python("talker", talk))
    log = supervisor.log_path(supervisor.running[0].program)

    wait_until(lambda: log.stat().st_size > 100)
    supervisor.watch()
    assert log.stat().st_size <= 100

    wait_until(lambda: log.stat().st_size > 100)


def test_an_unwritable_folder_is_told_in_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(
        CannotStart, match=r"Cannot write to .*: not a directory\. .*SWITCHYARD_STATE"
    ):
        states.prepare(tmp_path / "file" / "state")


def test_a_nearly_full_disk_is_told_before_anything_is_started(tmp_path, monkeypatch):
    monkeypatch.setattr(states, "NEEDED_MB", 10**9)

    with pytest.raises(CannotStart, match=r"nearly full: \d+ MB free, 1000000000 MB needed"):
        states.prepare(tmp_path)
