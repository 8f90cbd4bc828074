"""Makes .venv and installs a lock file into it: `python3 oms/runner/install.py requirements.lock`.

Runs before anything is installed, and perhaps on a Python that is too old to run the rest: the
standard library only, and no syntax younger than Python 3.6.
"""

import contextlib
import fcntl
import hashlib
import os
import subprocess
import sys
import time

PROJECT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VENV = os.path.join(PROJECT, ".venv")
VENV_PYTHON = os.path.join(VENV, "bin", "python")
OLDEST, NEWEST = (3, 11), (3, 13)
SAY_EVERY_SECONDS = 3

OFFLINE = "The package index cannot be reached. Check the network or pip's settings and try again."
FULL = "The disk is full: .venv needs about 700 MB. Free some room and try again."
# What venv or pip prints, and what it means for the person who typed `make`.
TROUBLES = (
    ("No space left on device", FULL),
    ("Disk quota exceeded", FULL),
    (
        "Permission denied",
        f"Cannot write to {VENV}: permission denied. Make the project folder writable.",
    ),
    ("Read-only file system", f"Cannot write to {VENV}: the file system is read-only."),
    (
        "ensurepip is not",
        "This Python cannot make virtual environments. On Debian and Ubuntu, "
        "`apt install python3-venv` adds that.",
    ),
    (
        "DO NOT MATCH THE HASHES",
        "A downloaded package is not the one that was locked, so nothing was installed. Try again; "
        "if it stays so, ask whoever runs your package mirror.",
    ),
    ("Temporary failure in name resolution", OFFLINE),
    ("Failed to establish a new connection", OFFLINE),
    (
        "No matching distribution",
        "A package has no ready-made wheel for this machine, and nothing is compiled here. "
        "Linux and macOS on x86-64 or ARM64 with Python 3.11, 3.12 or 3.13 have them all.",
    ),
)


def main(lock_name: str) -> None:
    """Bring .venv up to one lock file; quick when it already is."""
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        version = ".".join(str(part) for part in sys.version_info[:3])
        sys.exit(
            f"Switchyard needs Python 3.11, 3.12 or 3.13, and {sys.executable} is Python {version}."
            " Name another: make demo PYTHON=/path/to/python3.11"
        )
    lock_path = os.path.join(PROJECT, lock_name)
    stamp_path = os.path.join(VENV, "installed-" + lock_name)
    wanted = hashlib.sha256(read(lock_path)).hexdigest().encode()
    with one_at_a_time():
        usable = is_usable()
        if usable and read(stamp_path) == wanted:
            return
        if not usable:
            make_venv()
        install(lock_path)
        with open(stamp_path, "wb") as stamp:
            stamp.write(wanted)


def make_venv() -> None:
    say("Making .venv")
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", VENV],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if made.returncode:
        sys.exit(sentence(made.stdout.decode(errors="replace")))


def install(lock_path: str) -> None:
    """Run pip, and show how far it is."""
    say(f"Installing what {os.path.basename(lock_path)} lists")
    total = read(lock_path).count(b"==")
    command = [VENV_PYTHON, "-m", "pip", "install", "--require-hashes", "--only-binary", ":all:"]
    command += ["--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
    began = told = time.monotonic()
    seen, is_unpacking = 0, False
    output = []
    pip = subprocess.Popen(
        [*command, "-r", lock_path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert pip.stdout is not None
    for raw in pip.stdout:
        line = raw.decode(errors="replace")
        output.append(line)
        seen += line.startswith(("Collecting ", "Requirement already satisfied"))
        if line.startswith("Installing collected packages"):
            say("  unpacking")
            is_unpacking = True
        elif not is_unpacking and time.monotonic() - told > SAY_EVERY_SECONDS:
            say(f"  {seen} of {total} fetched")
            told = time.monotonic()
    if pip.wait():
        sys.exit(sentence("".join(output)))
    say(f"  done in {time.monotonic() - began:.0f} s")


def sentence(output: str) -> str:
    """One clear sentence for what went wrong; the end of the output when we know none."""
    for sign, meaning in TROUBLES:
        if sign in output:
            return meaning
    lines = [line for line in output.splitlines() if line.strip()]
    return "Installing failed. It ended with:\n    " + "\n    ".join(lines[-8:])


def is_usable() -> bool:
    """Whether .venv holds a Python that runs, has the right age and has pip."""
    check = f"import pip, sys; sys.exit(not {OLDEST} <= sys.version_info[:2] <= {NEWEST})"
    if not os.path.exists(VENV_PYTHON):
        return False
    return subprocess.call([VENV_PYTHON, "-c", check], stderr=subprocess.DEVNULL) == 0


@contextlib.contextmanager
def one_at_a_time():
    """Let a second `make` wait for the first. The lock is on the project folder itself."""
    folder = os.open(PROJECT, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""


def say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except OSError as error:
        sys.exit(sentence(f"{error.strerror}: {error.filename}"))
    except KeyboardInterrupt:
        sys.exit("Stopped; run the same command again to go on.")
