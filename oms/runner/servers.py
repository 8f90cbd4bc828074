"""Embedded PostgreSQL and Valkey: made on first use, started, adopted, recovered after a crash."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import redis
from psycopg.conninfo import make_conninfo
from redis.backoff import NoBackoff
from redis.retry import Retry

from oms.runner import addresses, binaries, leftovers
from oms.runner import state as states
from oms.runner.processes import Program, Supervisor
from oms.runner.state import CannotStart

# Sized for one machine that runs everything. Given on the command line, so that an existing
# cluster follows when a line here changes.
POSTGRES_SETTINGS = {
    "listen_addresses": "",
    "port": str(addresses.POSTGRES_PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "on",
    "random_page_cost": "1.1",
    "jit": "off",
    "fsync": "on",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
}
VALKEY_SETTINGS = {
    "port": "0",
    "unixsocketperm": "700",
    "databases": "64",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": "",
    "maxmemory-policy": "noeviction",
    "daemonize": "no",
    "logfile": "",
}
# The servers get a plain environment: a stray PGDATA or a locale that is not installed stays out.
SERVER_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
ADOPT_WITHIN_SECONDS = 60
SESSIONS_END_WITHIN_SECONDS = 15


@contextlib.contextmanager
def embedded_servers(state: Path | None = None, durable: bool = True) -> Iterator[None]:
    """Have the servers of a state folder running for the length of a block.

    What another process already runs is used and left running. A server named by DATABASE_URL or
    REDIS_URL is not ours to start.
    """
    state = state or addresses.state_folder()
    if not (addresses.is_database_embedded() or addresses.is_redis_embedded()):
        yield
        return
    states.prepare(state)
    with states.owned(state) as is_ours:
        if not is_ours:
            _wait_for_running_servers(state)
            yield
            return
        leftovers.end_leftovers(state)
        supervisor = Supervisor(state)
        try:
            supervisor.start(*server_programs(state, durable))
            yield
        finally:
            supervisor.stop()


def server_programs(state: Path, durable: bool = True) -> list[Program]:
    """The servers this state folder needs, made ready to be started by a supervisor."""
    try:
        states.make_server_folders(state)
        programs = []
        if addresses.is_redis_embedded():
            programs.append(valkey(state))
        if addresses.is_database_embedded():
            make_cluster(state, durable)
            clear_dead_locks(state)
            programs.append(postgres(state, durable))
    except OSError as error:
        raise states.explain(error, state) from error
    return programs


def postgres(state: Path, durable: bool = True) -> Program:
    data = states.server_folder(state) / "postgres"
    settings = {
        **POSTGRES_SETTINGS,
        "unix_socket_directories": str(addresses.socket_folder(state)),
        # Without fsync a killed server still loses nothing; only a power cut could.
        **({} if durable else {"fsync": "off", "full_page_writes": "off"}),
    }
    arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return Program(
        name="postgres",
        command=(str(binaries.postgres_program(state, "postgres")), "-D", str(data), *arguments),
        environment=SERVER_ENVIRONMENT,
        account=states.server_account(),
        folder=Path("/"),
        is_ready=lambda: is_postgres_ready(state),
        ready_within_seconds=120,  # a large cluster may have much to recover
        stop_signal=signal.SIGINT,  # end sessions, then write everything out
        orphan_signal=signal.SIGINT,
        stop_within_seconds=20,
        shows=f"-D {data} ",
    )


def valkey(state: Path) -> Program:
    socket = addresses.valkey_socket(state)
    settings = {
        **VALKEY_SETTINGS,
        "unixsocket": str(socket),
        "dir": str(states.server_folder(state) / "valkey"),
    }
    arguments = [part for name, value in settings.items() for part in (f"--{name}", value)]
    return Program(
        name="valkey",
        command=(str(binaries.valkey_program(state)), *arguments),
        environment=SERVER_ENVIRONMENT,
        account=states.server_account(),
        folder=Path("/"),
        is_ready=lambda: is_valkey_ready(state),
        orphan_signal=signal.SIGTERM,
        shows=str(socket),
    )


def make_cluster(state: Path, durable: bool = True) -> None:
    """Make an empty cluster once; renamed last, so that half a cluster is never started."""
    data = states.server_folder(state) / "postgres"
    if data.exists():
        return
    unfinished = data.with_name("postgres.new")
    states.make_empty_server_folder(unfinished)
    made = subprocess.run(
        [
            binaries.postgres_program(state, "initdb"),
            *("--pgdata", unfinished, "--username", addresses.DATABASE, "--auth", "trust"),
            *("--encoding", "UTF8", "--locale", "C", "--no-instructions"),
            # Not the C library's locales: they differ between machines, and may be missing.
            *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
            *(() if durable else ("--no-sync",)),
        ],
        env=SERVER_ENVIRONMENT,
        user=states.server_account(),
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        shutil.rmtree(unfinished, ignore_errors=True)
        if "No space left on device" in made.stderr:
            raise states.disk_full(state)
        raise CannotStart(f"PostgreSQL's files could not be made in {data}: {made.stderr.strip()}")
    unfinished.rename(data)


def clear_dead_locks(state: Path) -> None:
    """Remove the lock files of a killed server, once nothing works in its folder any more.

    PostgreSQL does this itself, but takes a dead process for a living one until its parent has
    noticed the death; in a container without an init process that is never.
    """
    data = states.server_folder(state) / "postgres"
    socket_lock = f".s.PGSQL.{addresses.POSTGRES_PORT}.lock"
    for lock in (data / "postmaster.pid", addresses.socket_folder(state) / socket_lock):
        if not lock.exists() or leftovers.command_of(int(lock.read_text().split()[0])):
            continue
        give_up_at = time.monotonic() + SESSIONS_END_WITHIN_SECONDS
        while leftovers.works_in(data):
            if time.monotonic() > give_up_at:
                raise CannotStart(f"Sessions of a killed PostgreSQL are still at work in {data}.")
            time.sleep(0.05)
        lock.unlink(missing_ok=True)


def is_postgres_ready(state: Path) -> bool:
    """Whether the server answers; makes our database in a new cluster."""
    address = make_conninfo(
        host=str(addresses.socket_folder(state)),
        port=addresses.POSTGRES_PORT,
        user=addresses.DATABASE,
        dbname="postgres",
        connect_timeout=2,
    )
    try:
        with psycopg.connect(address, autocommit=True) as connection:
            named = connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", [addresses.DATABASE]
            )
            if named.fetchone() is None:
                connection.execute(f"CREATE DATABASE {addresses.DATABASE}")
    except psycopg.OperationalError:
        return False
    return True


def is_valkey_ready(state: Path) -> bool:
    client = redis_client(f"unix://{addresses.valkey_socket(state)}")
    try:
        return bool(client.ping())
    except (redis.ConnectionError, redis.TimeoutError):  # BusyLoadingError is one of these
        return False
    finally:
        client.close()


def redis_client(url: str) -> redis.Redis:
    """A client that says at once when nobody answers, instead of trying for many seconds."""
    retry = Retry(NoBackoff(), retries=0)
    return redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2, retry=retry)


def _wait_for_running_servers(state: Path) -> None:
    give_up_at = time.monotonic() + ADOPT_WITHIN_SECONDS
    checks = []
    if addresses.is_database_embedded():
        checks.append(is_postgres_ready)
    if addresses.is_redis_embedded():
        checks.append(is_valkey_ready)
    while not all(check(state) for check in checks):
        if time.monotonic() > give_up_at:
            raise CannotStart(
                f"Process {states.owner_pid(state)} runs {state}, but its servers do not answer. "
                "End that process, then start again."
            )
        time.sleep(0.1)
