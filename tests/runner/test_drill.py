"""What the drill stands on: jobs that outlive their PostgreSQL, copies of data, refusals."""

import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from django.db import connection

from oms import jobs
from oms.runner import addresses, faults, leftovers
from oms.runner import state as states


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("job", ["drain_intake", "push_outbox", "sweep_exceptions"])
def test_a_job_finds_postgresql_again_after_its_session_was_ended(job: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [pid])

    getattr(jobs, job)()


def test_a_copy_of_the_data_is_put_back_as_it_was(tmp_path: Path) -> None:
    state, copy = tmp_path / "state", tmp_path / "copy"
    states.prepare(state)
    states.make_server_folders(state)
    servers = states.server_folder(state)
    (servers / "postgres").mkdir(mode=0o700)
    (servers / "valkey" / "appendonly").write_text("bells")
    (state / "store").mkdir()
    (state / "store" / "shop").write_text("orders")
    (state / "secret_key").write_text("secret")

    states.keep_copy(state, copy)
    states.wipe(state)
    states.prepare(state)
    states.put_back(state, copy)

    assert (states.server_folder(state) / "valkey" / "appendonly").read_text() == "bells"
    assert (state / "store" / "shop").read_text() == "orders"
    assert (states.server_folder(state) / "postgres").stat().st_mode & 0o777 == 0o700
    states.wipe(state)


def test_a_program_is_known_by_its_note_only_while_it_runs(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    sleeper = subprocess.Popen(
        [sys.executable, "-c", "import time; print(flush=True); time.sleep(60)"],
        stdout=subprocess.PIPE,
    )
    assert sleeper.stdout and sleeper.stdout.readline()  # before that it has no name of its own
    leftovers.remember(tmp_path / "run" / "crew.pid", sleeper.pid, "sleep(60)", signal.SIGTERM)
    assert leftovers.pid_of(tmp_path, "crew") == sleeper.pid

    sleeper.kill()
    sleeper.wait()
    assert leftovers.pid_of(tmp_path, "crew") is None
    assert leftovers.pid_of(tmp_path, "web") is None


def test_a_drill_on_servers_of_your_own_is_refused() -> None:
    run = subprocess.run(
        [sys.executable, "manage.py", "drill", "--only", *faults.FAULTS],
        cwd=addresses.PROJECT,
        env={"DATABASE_URL": "postgresql://oms@127.0.0.1:1/orders", "SECRET_KEY": "x"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 1
    assert "A drill kills its servers: unset DATABASE_URL and REDIS_URL." in run.stderr
