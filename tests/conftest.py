"""What every test shares: real PostgreSQL and Redis, started for this run and removed after it."""

import contextlib
import os
from typing import Any

import pytest
from django.db import connection

from oms.runner import addresses, state
from oms.runner.servers import embedded_servers

servers = contextlib.ExitStack()


def pytest_configure(config: pytest.Config) -> None:
    # The workers of a parallel run, and every process a test starts, share this run's folder.
    os.environ.setdefault("SWITCHYARD_STATE", str(addresses.state_folder()))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    if is_worker(session.config) or session.config.option.collectonly:
        return
    state.wipe_abandoned_test_runs()
    servers.enter_context(embedded_servers(durable=False))


def pytest_unconfigure(config: pytest.Config) -> None:
    if is_worker(config):
        return
    servers.close()
    if addresses.state_folder().name == f"test-{os.getpid()}":
        state.wipe(addresses.state_folder())


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """Tests with real transactions empty the tables after themselves, history tables too."""
    with django_db_blocker.unblock():
        with connection.cursor() as cursor:
            name = connection.ops.quote_name(connection.settings_dict["NAME"])
            cursor.execute(f"ALTER DATABASE {name} SET switchyard.allow_truncate = 'on'")
        connection.close()


def is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")
