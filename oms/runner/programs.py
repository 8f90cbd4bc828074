"""The programs of a running system beside the two servers: one line each says how it is started."""

import os
import signal
import socket
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from oms.runner import store
from oms.runner.processes import Program
from oms.runner.state import CannotStart

QUEUES = ("intake", "outbound", "sweep")
WEB_WORKERS = 2
WEB_THREADS = 4


@dataclass(frozen=True)
class Ports:
    """Where the demo answers, on this machine only."""

    web: int
    store: int

    @property
    def web_url(self) -> str:
        return f"http://127.0.0.1:{self.web}"

    @property
    def store_url(self) -> str:
        return f"http://127.0.0.1:{self.store}"


def local_store(state: Path, ports: Ports) -> Program:
    return Program(
        name="store",
        command=(
            *(sys.executable, "-m", "oms.shopify.sandbox"),
            *("--port", str(ports.store), "--state", str(state / "store")),
        ),
        environment=environment(state, ports),
        is_ready=lambda: store.is_answering(ports.store_url),
    )


def web(state: Path, ports: Ports) -> Program:
    return Program(
        name="web",
        command=(
            *(sys.executable, "-m", "granian", "--interface", "wsgi"),
            *("--host", "127.0.0.1", "--port", str(ports.web)),
            *("--workers", str(WEB_WORKERS), "--blocking-threads", str(WEB_THREADS)),
            *("--respawn-failed-workers", "--respawn-interval", "0.5"),
            *("--workers-kill-timeout", "5", "--no-ws", "--log-level", "warning"),
            "oms.wsgi:application",
        ),
        environment=environment(state, ports),
        is_ready=lambda: does_page_answer(ports.web_url),
        orphan_signal=signal.SIGTERM,  # it has workers to take with it
    )


def background(state: Path, ports: Ports, pace: str) -> list[Program]:
    """Workers, one a queue, the scheduler, and the crew that plays the warehouses of the demo."""
    commands = {f"worker-{queue}": worker_command(queue) for queue in QUEUES}
    commands["scheduler"] = ("scheduler",)
    commands["crew"] = ("crew", "--pace", pace)
    return [django_program(name, command, state, ports) for name, command in commands.items()]


def django_program(name: str, command: tuple[str, ...], state: Path, ports: Ports) -> Program:
    """A management command that runs until it is stopped."""
    return Program(
        name=name,
        command=(sys.executable, "manage.py", *command),
        environment=environment(state, ports),
    )


def worker_command(queue: str) -> tuple[str, ...]:
    # One queue a process: a worker on two can lose a job when it is killed between them. No fork
    # for each job: a job here drains many rows, and a kill costs no more than a late sweep.
    return (
        *("rqworker", queue, "--worker-class", "rq.SimpleWorker", "--worker-ttl", "45"),
        *("--serializer", "rq.serializers.JSONSerializer", "-v", "0"),
    )


def environment(state: Path, ports: Ports) -> dict[str, str]:
    """What every program of the demo, and the filling in of its data, has to know."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "oms.settings",
        "PYTHONUNBUFFERED": "1",
        "SWITCHYARD_STATE": str(state),
        "SWITCHYARD_WEB_URL": ports.web_url,
        "SWITCHYARD_STORE_URL": ports.store_url,
    }


def check_ports(ports: Ports) -> None:
    """Refuse a port that is taken before anything is started, and say how to choose another."""
    for port, option in ((ports.web, "--port"), (ports.store, "--store-port")):
        with socket.socket() as probe:
            # As the servers do it: a port whose last user has just gone is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except PermissionError:
                raise CannotStart(
                    f"Port {port} is for root only. "
                    f'Choose one above 1023: make demo ARGS="{option} {port + 8000}"'
                ) from None
            except OSError:
                raise CannotStart(
                    f"Port {port} is in use by another program. "
                    f'Choose another: make demo ARGS="{option} {port + 10}"'
                ) from None


def does_page_answer(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=30) as page:
            return bool(page.status == 200)
    except urllib.error.HTTPError as error:
        if error.code >= 500:
            raise CannotStart(f"{url} answers {error.code}: see the log of web.") from error
        return True
    except OSError:
        return False
