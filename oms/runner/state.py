"""The state folder: made, locked, checked for room, and wiped."""

import contextlib
import errno
import fcntl
import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from oms.runner import addresses

SERVER_ACCOUNT = "nobody"
NEEDED_MB = 300
# Everything we ever make in a state folder. Wiping removes these by name and nothing else, so that
# a state folder set to a place with other files in it costs nobody those files.
CONTENTS = ("postgres", "postgres.new", "valkey", "store", "logs", "run", "bin", "feed.json")
# Those of them that a system cannot make anew.
DATA = ("postgres", "valkey", "store", "secret_key")


class CannotStart(Exception):
    """A reason not to start, as one sentence a person can act on."""


def prepare(state: Path) -> None:
    """Make the state folder and be sure that it can be written and has room."""
    try:
        for folder in (state, state / "logs", state / "run"):
            folder.mkdir(parents=True, exist_ok=True)
        probe = state / "run" / "probe"
        probe.write_bytes(b"0" * 4096)
        probe.unlink()
    except OSError as error:
        raise explain(error, state) from error
    free_mb = shutil.disk_usage(state).free // 2**20
    if free_mb < NEEDED_MB:
        raise CannotStart(
            f"The disk that holds {state} is nearly full: {free_mb} MB free, "
            f"{NEEDED_MB} MB needed. "
            "Free some room, or set SWITCHYARD_STATE to a folder on another disk."
        )


def explain(error: OSError, state: Path) -> CannotStart:
    """The sentence for a file that could not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full(state)
    reason = (error.strerror or "unknown reason").lower()
    return CannotStart(
        f"Cannot write to {error.filename or state}: {reason}. "
        "Make it writable, or set SWITCHYARD_STATE to a folder that is."
    )


def disk_full(state: Path) -> CannotStart:
    return CannotStart(
        f"The disk that holds {state} is full. "
        "Free some room, or set SWITCHYARD_STATE to a folder on another disk, then start again."
    )


@contextlib.contextmanager
def owned(state: Path) -> Iterator[bool]:
    """Be the one process that runs this state folder; False when another process already is.

    The kernel drops the lock with the process that holds it, however that process ends.
    """
    with (state / "run" / "owner").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield True


def owner_pid(state: Path) -> int | None:
    """The process that runs this state folder, if one does."""
    try:
        file = (state / "run" / "owner").open("r+")
    except FileNotFoundError:
        return None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return int(file.read() or 0)
    return None


def wipe(state: Path) -> None:
    """Remove everything a system left in this state folder."""
    if pid := owner_pid(state):
        raise CannotStart(f"Switchyard is running on {state} (process {pid}). End it first.")
    for folder in dict.fromkeys((state, server_folder(state))):
        for name in (*CONTENTS, "secret_key"):
            path = folder / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # other people's files are in it, or it was never made
            folder.rmdir()
    shutil.rmtree(addresses.socket_folder(state), ignore_errors=True)


def keep_copy(state: Path, copy: Path) -> None:
    """Copy the data of a system that does not run, so that another run can begin from it."""
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir(mode=0o700, parents=True)
    for name in DATA:
        _copy_as_it_is(_data_folder(state, name) / name, copy / name)


def put_back(state: Path, copy: Path) -> None:
    """Begin from a kept copy: the state folder is empty but for its logs."""
    make_server_folders(state)
    for name in DATA:
        target = _data_folder(state, name) / name
        if target.is_dir():
            target.rmdir()
        _copy_as_it_is(copy / name, target)


def wipe_abandoned_test_runs() -> None:
    """Remove the state of test runs that were killed before they could do it themselves."""
    for state in (addresses.PROJECT / ".state").glob("test-*"):
        an_hour_ago = time.time() - 3600
        if owner_pid(state) is None and state.stat().st_mtime < an_hour_ago:
            wipe(state)


def server_account() -> str | None:
    """The account the servers run under: PostgreSQL refuses to run as root."""
    return SERVER_ACCOUNT if os.geteuid() == 0 else None


def server_folder(state: Path) -> Path:
    """Where the servers keep their data: the state folder, unless their account cannot enter it."""
    if server_account() is None:
        return state
    elsewhere = Path("/var/tmp") / f"switchyard-{addresses.fingerprint(state)}"
    if elsewhere.exists() or not _anyone_may_enter(state):
        return elsewhere
    return state


def make_server_folders(state: Path) -> None:
    """Make the folders of the servers, closed to everyone else."""
    home = server_folder(state)
    if home != state:
        _make_private(home, owner=None)
        home.chmod(0o711)
    for folder in (home / "valkey", addresses.socket_folder(state)):
        _make_private(folder, owner=server_account())


def make_empty_server_folder(path: Path) -> None:
    if path.exists():
        shutil.rmtree(path)
    _make_private(path, owner=server_account())


def _make_private(folder: Path, owner: str | None) -> None:
    uid = pwd.getpwnam(owner).pw_uid if owner else os.geteuid()
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        os.chown(folder, uid, -1)
    found = folder.lstat()
    # Names under /tmp can be guessed: a folder that someone else made first is not to be trusted.
    if folder.is_symlink() or found.st_uid not in (uid, os.geteuid()):
        raise CannotStart(
            f"{folder} belongs to another user. "
            "Remove it, or set SWITCHYARD_STATE to another folder."
        )
    os.chown(folder, uid, -1)
    folder.chmod(0o700)


def _data_folder(state: Path, name: str) -> Path:
    return server_folder(state) if name in ("postgres", "valkey") else state


def _copy_as_it_is(source: Path, target: Path) -> None:
    # The servers' files belong to their account and are closed to everyone else.
    made = subprocess.run(["cp", "-a", source, target], capture_output=True, text=True, check=False)
    if made.returncode:
        raise CannotStart(f"{source} could not be copied: {made.stderr.strip()}")


def _anyone_may_enter(folder: Path) -> bool:
    real = Path(os.path.realpath(folder))
    return all(path.stat().st_mode & 0o001 for path in (real, *real.parents) if path.exists())
