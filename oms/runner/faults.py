"""What can happen to a running demo from outside: killed, frozen, emptied, cut off."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from oms.runner import addresses, leftovers, programs, servers
from oms.runner.processes import tie_to_parent
from oms.runner.programs import Ports
from oms.shopify.push import LEASE_SECONDS

PROGRAMS = (
    "postgres",
    "valkey",
    "store",
    "web",
    "worker-intake",
    "worker-outbound",
    "worker-sweep",
    "scheduler",
    "crew",
)
CUTS, CUT_EVERY_SECONDS = 5, 2.0


@dataclass
class Place:
    """The demo that a fault comes over."""

    state: Path
    ports: Ports
    demo_pid: int
    is_demo_gone: bool = False


# Whether it found what it is meant for.
Strike = Callable[[Place], bool]


def kill(name: str) -> Strike:
    """kill -9 of one program. The supervisor starts it again."""

    def strike(place: Place) -> bool:
        pid = leftovers.pid_of(place.state, name)
        if pid is None:
            return False
        os.kill(pid, signal.SIGKILL)
        return True

    return strike


def kill_demo(place: Place) -> bool:
    """kill -9 of the supervisor: all goes down with it, and somebody starts it again."""
    os.kill(place.demo_pid, signal.SIGKILL)
    place.is_demo_gone = True
    return True


def empty_valkey(place: Place) -> bool:
    """FLUSHALL."""
    client = servers.redis_client(f"unix://{addresses.valkey_socket(place.state)}")
    with client:
        return bool(client.flushall())


def cut_sessions(place: Place) -> bool:
    """Every session of PostgreSQL is ended from its side, again and again."""
    address = make_conninfo(
        host=str(addresses.socket_folder(place.state)),
        port=addresses.POSTGRES_PORT,
        user=addresses.DATABASE,
        dbname="postgres",
    )
    for _ in range(CUTS):
        # The demo may have come to its end meanwhile, and the server with it.
        with suppress(psycopg.OperationalError), psycopg.connect(address, autocommit=True) as wire:
            wire.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )
        time.sleep(CUT_EVERY_SECONDS)
    return True


def freeze_outbound(place: Place) -> bool:
    """The worker that writes to Shopify stands still past its lease, wakes up, and goes on.

    Meanwhile another one takes over what it held.
    """
    pid = leftovers.pid_of(place.state, "worker-outbound")
    if pid is None:
        return False
    os.kill(pid, signal.SIGSTOP)
    try:
        other = subprocess.Popen(
            [sys.executable, "manage.py", *programs.worker_command("outbound")],
            cwd=addresses.PROJECT,
            env=programs.environment(place.state, place.ports),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=tie_to_parent(signal.SIGKILL),
        )
        time.sleep(LEASE_SECONDS + 5)
    finally:
        os.kill(pid, signal.SIGCONT)
    time.sleep(2)
    other.terminate()
    other.wait()
    return True


FAULTS: dict[str, tuple[Strike, ...]] = {
    **{name: (kill(name), kill(name)) for name in PROGRAMS},
    "workers": (kill("worker-intake"), kill("worker-outbound")),
    "demo": (kill_demo, kill_demo),
    "empty-valkey": (empty_valkey, empty_valkey),
    "cut-sessions": (cut_sessions,),
    "frozen-outbound": (freeze_outbound,),
}
