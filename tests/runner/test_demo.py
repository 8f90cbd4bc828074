"""The demo's command line: each reason not to start is one sentence and exit code 2."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from oms.runner import addresses, install, settle, store
from oms.runner import state as states

PYTHON = sys.executable


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    state = tmp_path / "state"
    yield state
    states.wipe(state)


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as other_program:
        other_program.bind(("127.0.0.1", 0))
        other_program.listen()
        yield other_program.getsockname()[1]


def demo(state: Path, *arguments: str, command: str = "demo", **environment: str):
    return subprocess.run(
        [PYTHON, "manage.py", command, *arguments],
        cwd=addresses.PROJECT,
        env={**os.environ, "SWITCHYARD_STATE": str(state), **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def assert_refused(run: subprocess.CompletedProcess[str], sentence: str) -> None:
    assert run.returncode == 2
    assert run.stdout == ""
    assert run.stderr.splitlines()[-1] == sentence
    assert "Traceback" not in run.stderr


def test_a_taken_port_is_named_with_the_way_to_choose_another(state, taken_port):
    run = demo(state, "--port", str(taken_port))

    assert_refused(
        run,
        f"Port {taken_port} is in use by another program. "
        f'Choose another: make demo ARGS="--port {taken_port + 10}"',
    )
    assert not (state / "postgres").exists()


def test_a_taken_port_of_the_store_is_named_too(state, taken_port):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        web_port = free.getsockname()[1]

    run = demo(state, "--port", str(web_port), "--store-port", str(taken_port))

    assert_refused(
        run,
        f"Port {taken_port} is in use by another program. "
        f'Choose another: make demo ARGS="--store-port {taken_port + 10}"',
    )


def test_a_second_demo_on_one_folder_is_refused_and_so_is_a_reset(state):
    states.prepare(state)
    with states.owned(state):
        second = demo(state)
        reset = demo(state, command="demo_reset")

    assert_refused(
        second,
        f"A demo is already running on {state} (process {os.getpid()}). End it with Ctrl-C in its "
        "window, or set SWITCHYARD_STATE to another folder to run two.",
    )
    assert_refused(
        reset, f"Switchyard is running on {state} (process {os.getpid()}). End it first."
    )


def test_a_folder_that_cannot_be_made_is_named(state, tmp_path):
    file = tmp_path / "file"
    file.write_text("")

    run = demo(file / "state")

    assert_refused(
        run,
        f"Cannot write to {file / 'state'}: not a directory. "
        "Make it writable, or set SWITCHYARD_STATE to a folder that is.",
    )


def test_a_database_that_does_not_answer_is_named(state):
    run = demo(state, DATABASE_URL="postgresql://oms@127.0.0.1:1/orders", SECRET_KEY="x")

    assert run.returncode == 2
    assert "The database of DATABASE_URL does not answer: " in run.stderr.splitlines()[-1]


def test_orders_that_make_no_sense_are_refused(state):
    assert demo(state, "--rate", "0").returncode == 2
    assert demo(state, "--orders", "-1").returncode == 2


def test_a_reset_removes_everything_the_demo_made(state):
    states.prepare(state)
    (state / "store").mkdir()
    (state / "feed.json").write_text("{}")

    run = demo(state, command="demo_reset")

    assert run.returncode == 0
    assert not state.exists()


def test_a_feed_is_known_again_after_a_kill_until_it_has_ended(tmp_path):
    note = tmp_path / "feed.json"
    assert store.unfinished_feed(note) is None

    note.write_text('{"orders": 60, "rate": 20.0, "target_before": 200}')
    assert store.unfinished_feed(note) == store.Feed(60, 20.0, 200)

    store.end_feed(note)
    assert store.unfinished_feed(note) is None


def test_a_store_that_is_away_says_so():
    with pytest.raises(store.StoreAway):
        store.status("http://127.0.0.1:1")


def test_the_line_shown_while_waiting_names_only_what_is_left():
    settling = settle.Settling("http://127.0.0.1:1")
    settling.in_store = {"placed": 3, "target": 60}
    settling.in_house = {"settled": False, "inbox_waiting": 2, "outbox_waiting": 0}

    assert settling.line() == "3 of 60 placed, 2 inbox waiting"


@pytest.mark.parametrize(
    ("output", "beginning"),
    [
        ("ERROR: Could not install: [Errno 28] No space left on device", "The disk is full"),
        ("PermissionError: [Errno 13] Permission denied: '/x/.venv'", "Cannot write to "),
        ("ERROR: No matching distribution found for granian==2.8.7", "A package has no ready-made"),
        ("The virtual environment ... ensurepip is not available.", "This Python cannot make"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "A downloaded package is not the one"),
        ("something new", "Installing failed. It ended with:\n    something new"),
    ],
)
def test_what_goes_wrong_while_installing_becomes_one_sentence(output, beginning):
    assert install.sentence(output).startswith(beginning)


def test_a_python_that_is_too_old_is_told_which_ones_will_do(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 9, 18))

    with pytest.raises(SystemExit, match=r"needs Python 3\.11, 3\.12 or 3\.13, and .* 3\.9\.18"):
        install.main("requirements.lock")
