"""Addresses: from the environment when it names servers, else from the state folder alone."""

from pathlib import Path

import psycopg
import pytest
import redis

from oms.runner import addresses


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("DATABASE_URL", "REDIS_URL", "PYTEST_XDIST_WORKER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SWITCHYARD_STATE", "/srv/switchyard/state")
    return Path("/srv/switchyard/state")


def test_the_same_state_folder_always_gives_the_same_addresses(embedded, monkeypatch):
    before = addresses.database_url(), addresses.redis_url()

    monkeypatch.setenv("PGPORT", "6543")

    assert (addresses.database_url(), addresses.redis_url()) == before
    assert not addresses.socket_folder(embedded).exists()


def test_two_state_folders_never_share_an_address(embedded, monkeypatch):
    first = addresses.database_url(), addresses.redis_url()

    monkeypatch.setenv("SWITCHYARD_STATE", "/srv/switchyard/other")

    assert addresses.database_url() != first[0]
    assert addresses.redis_url() != first[1]


def test_a_deep_state_folder_still_gets_a_socket_path_the_kernel_accepts(embedded, monkeypatch):
    monkeypatch.setenv("SWITCHYARD_STATE", "/srv/" + "deep/" * 60)

    assert len(str(addresses.valkey_socket(addresses.state_folder()))) < 100


def test_psycopg_and_redis_understand_the_embedded_addresses(embedded):
    database = psycopg.conninfo.conninfo_to_dict(addresses.database_url())
    kwargs = redis.Redis.from_url(addresses.redis_url()).connection_pool.connection_kwargs

    folder = str(addresses.socket_folder(embedded))
    assert database == {
        "user": "switchyard",
        "dbname": "switchyard",
        "host": folder,
        "port": "5432",
    }
    assert (kwargs["path"], kwargs["db"]) == (f"{folder}/valkey.sock", 0)


def test_database_url_is_taken_apart_and_its_options_are_kept(embedded, monkeypatch):
    monkeypatch.setenv(
        "DATABASE_URL", "postgresql://oms:p%40ss%2Fword@db.example:5433/orders?sslmode=require"
    )

    settings = addresses.database_settings()

    assert settings["USER"] == "oms"
    assert settings["PASSWORD"] == "p@ss/word"
    assert (settings["HOST"], settings["PORT"]) == ("db.example", "5433")
    assert settings["NAME"] == "orders"
    assert settings["OPTIONS"] == {"sslmode": "require"}


def test_a_socket_host_in_the_query_becomes_the_host_and_not_an_option(embedded, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://oms@/orders?host=/run/pg&port=5434")

    settings = addresses.database_settings()

    assert (settings["HOST"], settings["PORT"], settings["OPTIONS"]) == ("/run/pg", "5434", {})


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("sqlite:///orders.db", "must begin with postgresql://"),
        ("orders", "must begin with postgresql://"),
        ("postgresql://oms@db.example/", "names no database"),
    ],
)
def test_a_database_that_is_not_postgresql_is_refused(embedded, monkeypatch, url, reason):
    monkeypatch.setenv("DATABASE_URL", url)

    with pytest.raises(ValueError, match=reason):
        addresses.database_settings()


def test_a_redis_url_of_another_kind_is_refused(embedded, monkeypatch):
    monkeypatch.setenv("REDIS_URL", "http://cache.example")

    with pytest.raises(ValueError, match="must begin with redis://"):
        addresses.redis_url()


@pytest.mark.parametrize(
    ("url", "number"),
    [
        ("", 3),
        ("redis://:secret@cache.example:6380/4", 7),
        ("redis://cache.example", 3),
        ("unix:///run/redis.sock?db=1", 4),
    ],
)
def test_each_test_worker_has_its_own_redis_database(embedded, monkeypatch, url, number):
    monkeypatch.setenv("REDIS_URL", url)
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw2")

    kwargs = redis.Redis.from_url(addresses.redis_url()).connection_pool.connection_kwargs

    assert kwargs["db"] == number


def test_a_test_run_keeps_its_servers_apart_from_a_demo(embedded, monkeypatch):
    monkeypatch.delenv("SWITCHYARD_STATE")

    in_a_test_run = addresses.state_folder()
    monkeypatch.delenv("PYTEST_VERSION")

    assert addresses.state_folder() == addresses.PROJECT / ".state"
    assert in_a_test_run.parent == addresses.PROJECT / ".state"
