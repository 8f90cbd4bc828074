"""Where PostgreSQL and Redis answer: from the environment, or from the name of the state folder.

Everything here is cheap and pure. Nothing is started, created or imported from Django, so that the
settings can ask while no server is running.
"""

import hashlib
import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

PROJECT = Path(__file__).resolve().parents[2]
DATABASE = "switchyard"
POSTGRES_PORT = 5432
DATABASE_SCHEMES = ("postgresql", "postgres")
REDIS_SCHEMES = ("redis", "rediss", "unix")


def state_folder() -> Path:
    """The folder that holds everything a running system leaves on disk.

    A test run gets one of its own, so that it never meets a running demo or another test run.
    """
    if named := os.environ.get("SWITCHYARD_STATE"):
        return Path(named).expanduser().absolute()
    if "PYTEST_VERSION" in os.environ:
        return PROJECT / ".state" / f"test-{os.getpid()}"
    return PROJECT / ".state"


def database_settings() -> dict[str, Any]:
    """DATABASES["default"] for DATABASE_URL, or for the embedded server."""
    url = urlsplit(database_url())
    if url.scheme not in DATABASE_SCHEMES:
        raise ValueError(
            f"DATABASE_URL must begin with postgresql://, not {url.scheme or 'nothing'}://: "
            "Switchyard needs PostgreSQL for its row locks, triggers and constraints."
        )
    options = dict(parse_qsl(url.query))
    host = options.pop("host", "") or unquote(url.hostname or "")
    port = options.pop("port", "") or str(url.port or "")
    if not url.path.strip("/"):
        raise ValueError("DATABASE_URL names no database: postgresql://user:password@host/name")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(url.path.strip("/")),
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
        "HOST": host,
        "PORT": port,
        "CONN_MAX_AGE": None,
        "OPTIONS": options,
    }


def database_url() -> str:
    """DATABASE_URL, or the embedded server of this state folder."""
    if url := os.environ.get("DATABASE_URL"):
        return url
    # The port is part of the socket's name; left out, libpq would take it from PGPORT.
    socket = urlencode({"host": str(socket_folder(state_folder())), "port": POSTGRES_PORT})
    return f"postgresql://{DATABASE}@/{DATABASE}?{socket}"


def redis_url() -> str:
    """REDIS_URL, or the embedded server; each test worker has a database number of its own."""
    url = os.environ.get("REDIS_URL") or f"unix://{valkey_socket(state_folder())}?db=0"
    if urlsplit(url).scheme not in REDIS_SCHEMES:
        raise ValueError("REDIS_URL must begin with redis://, rediss:// or unix://.")
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker.startswith("gw"):
        return _with_redis_number(url, 1 + int(worker.removeprefix("gw")))
    return url


def is_database_embedded() -> bool:
    return not os.environ.get("DATABASE_URL")


def is_redis_embedded() -> bool:
    return not os.environ.get("REDIS_URL")


def socket_folder(state: Path) -> Path:
    """A short folder for the sockets of one state folder: a socket path may have 107 characters."""
    return Path("/tmp") / f"switchyard-{fingerprint(state)}"


def valkey_socket(state: Path) -> Path:
    return socket_folder(state) / "valkey.sock"


def fingerprint(state: Path) -> str:
    """Twelve characters that stand for one state folder."""
    return hashlib.sha256(os.path.realpath(state).encode()).hexdigest()[:12]


def _with_redis_number(url: str, add: int) -> str:
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    path, in_path = (parts.path, "") if parts.scheme == "unix" else ("", parts.path.strip("/"))
    number = int(query.get("db") or in_path or 0) + add
    return f"{parts.scheme}://{parts.netloc}{path}?{urlencode({**query, 'db': number})}"
