"""The embedded servers: made, started, used by others, and recovered after a hard death."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from oms.runner import addresses, leftovers, servers
from oms.runner import state as states
from oms.runner.processes import Supervisor
from oms.runner.servers import embedded_servers
from oms.runner.state import CannotStart


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    state = tmp_path / "state"
    monkeypatch.setenv("SWITCHYARD_STATE", str(state))
    yield state
    states.wipe(state)


def pid_of(state: Path, name: str) -> int:
    return json.loads((state / "run" / f"{name}.pid").read_text())["pid"]


def wait_until_gone(pid: int) -> None:
    give_up_at = time.monotonic() + 20
    while leftovers.command_of(pid):
        assert time.monotonic() < give_up_at, f"{leftovers.command_of(pid)} is still there"
        time.sleep(0.02)


def write_one_row_and_one_key() -> None:
    with psycopg.connect(addresses.database_url()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
    redis.Redis.from_url(addresses.redis_url()).set("kept", "1")


def assert_both_are_there() -> None:
    with psycopg.connect(addresses.database_url()) as connection:
        assert connection.execute("SELECT n FROM kept").fetchall() == [(1,)]
    assert redis.Redis.from_url(addresses.redis_url()).get("kept") == b"1"


def test_a_new_folder_gets_both_servers_and_a_second_start_keeps_the_data(state):
    with embedded_servers(state):
        write_one_row_and_one_key()
        pids = [pid_of(state, name) for name in ("postgres", "valkey")]

    assert not any(leftovers.command_of(pid) for pid in pids)
    assert not list((state / "run").glob("*.pid"))

    with embedded_servers(state):
        assert_both_are_there()


def test_postgresql_is_set_up_as_the_house_needs_it(state):
    with embedded_servers(state), psycopg.connect(addresses.database_url()) as connection:

        def show(name: str) -> str:
            return connection.execute(f"SHOW {name}").fetchone()[0]

        assert show("fsync") == "on"
        assert show("synchronous_commit") == "on"
        assert show("jit") == "off"
        assert show("timezone") == "UTC"
        assert show("listen_addresses") == ""
        assert show("server_encoding") == "UTF8"
        assert connection.execute("SELECT 'ÉCOLE' ILIKE 'école'").fetchone() == (True,)


def test_valkey_never_evicts_and_writes_to_disk(state):
    with embedded_servers(state):
        client = redis.Redis.from_url(addresses.redis_url(), decode_responses=True)

        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("appendonly") == {"appendonly": "yes"}


def test_nobody_else_may_enter_the_data_or_the_sockets(state):
    with embedded_servers(state):
        home = states.server_folder(state)
        for folder in (home / "postgres", home / "valkey", addresses.socket_folder(state)):
            assert folder.stat().st_mode & 0o077 == 0


def test_a_second_user_of_the_folder_shares_the_servers_and_leaves_them_running(state):
    with embedded_servers(state):
        first = pid_of(state, "postgres")

        with embedded_servers(state):
            assert pid_of(state, "postgres") == first

        write_one_row_and_one_key()
        assert_both_are_there()


def test_servers_killed_together_with_their_starter_come_back_with_everything_committed(state):
    script = (
        "from oms.runner.servers import embedded_servers\n"
        "with embedded_servers():\n"
        "    print('up', flush=True); input()\n"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=addresses.PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert starter.stdout.readline() == b"up\n"
    write_one_row_and_one_key()
    pids = [pid_of(state, name) for name in ("postgres", "valkey")]

    for pid in (starter.pid, *pids):
        os.kill(pid, signal.SIGKILL)
    starter.communicate()
    for pid in pids:
        wait_until_gone(pid)

    with embedded_servers(state):
        with psycopg.connect(addresses.database_url()) as connection:
            assert connection.execute("SELECT n FROM kept").fetchall() == [(1,)]
        assert redis.Redis.from_url(addresses.redis_url()).ping()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_a_killed_starter_takes_its_servers_with_it(state):
    script = (
        "from oms.runner.servers import embedded_servers\n"
        "with embedded_servers():\n"
        "    print('up', flush=True); input()\n"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=addresses.PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert starter.stdout.readline() == b"up\n"
    pids = [pid_of(state, name) for name in ("postgres", "valkey")]

    starter.kill()
    starter.communicate()

    for pid in pids:
        wait_until_gone(pid)


@pytest.mark.parametrize("victim", ["postgres", "valkey"])
def test_a_killed_server_is_started_again_and_clients_reconnect(state, victim):
    states.prepare(state)
    supervisor = Supervisor(state)
    try:
        supervisor.start(*servers.server_programs(state))
        write_one_row_and_one_key()
        time.sleep(1.1)  # Valkey writes its log to disk every second

        os.kill(pid_of(state, victim), signal.SIGKILL)

        check = servers.is_postgres_ready if victim == "postgres" else servers.is_valkey_ready
        give_up_at = time.monotonic() + 30
        while check(state):  # until the death is seen
            assert time.monotonic() < give_up_at
        while not check(state):
            supervisor.watch()
            assert time.monotonic() < give_up_at
            time.sleep(0.05)
        assert_both_are_there()
    finally:
        supervisor.stop()


def test_a_cluster_that_was_half_made_is_made_anew(state):
    states.prepare(state)
    states.make_server_folders(state)
    half = states.server_folder(state) / "postgres.new"
    states.make_empty_server_folder(half)
    (half / "PG_VERSION").write_text("18")

    with embedded_servers(state):
        write_one_row_and_one_key()

    assert not half.exists()


def test_servers_named_by_the_environment_are_left_to_their_owner(state, monkeypatch):
    states.prepare(state)
    monkeypatch.setenv("DATABASE_URL", "postgresql://oms@db.example/orders")

    assert [program.name for program in servers.server_programs(state)] == ["valkey"]

    monkeypatch.setenv("REDIS_URL", "redis://cache.example")
    with embedded_servers(state):
        assert not list((state / "run").iterdir())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to run the servers as another account")
def test_root_keeps_the_servers_where_their_account_can_reach_them(state, monkeypatch):
    closed = state.parent / "closed"
    closed.mkdir(mode=0o700)
    inside = closed / "state"
    monkeypatch.setenv("SWITCHYARD_STATE", str(inside))

    with embedded_servers(inside):
        write_one_row_and_one_key()
        assert states.server_folder(inside).parent == Path("/var/tmp")
        assert closed.stat().st_mode & 0o077 == 0

    elsewhere = states.server_folder(inside)
    states.wipe(inside)
    assert not elsewhere.exists()
    assert not inside.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_socket_folder_that_someone_else_made_is_refused(state):
    states.prepare(state)
    folder = addresses.socket_folder(state)
    folder.mkdir()
    os.chown(folder, 12345, -1)
    try:
        with pytest.raises(CannotStart, match="belongs to another user"), embedded_servers(state):
            pass
    finally:
        os.chown(folder, 0, -1)


def test_wiping_removes_what_is_ours_and_nothing_else(state):
    with embedded_servers(state):
        (state / "secret_key").write_text("x")
        (state / "letter.txt").write_text("someone else's")
        with pytest.raises(CannotStart, match=f"process {os.getpid()}"):
            states.wipe(state)

    states.wipe(state)

    assert [path.name for path in state.iterdir()] == ["letter.txt"]
    assert not addresses.socket_folder(state).exists()
