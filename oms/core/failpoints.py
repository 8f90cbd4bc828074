"""Named points where a drill may kill, raise, sleep or stop: FAILPOINT=name:action[,...].

Off unless the environment names them. Points stand where a transaction or a network call begins
or ends.
"""

import os
import signal
import time

STOP_SECONDS = 30


class FailpointHit(RuntimeError):
    """Raised by a failpoint whose action is `raise`."""


def _parse(text: str) -> dict[str, str]:
    pairs = (part.rpartition(":") for part in text.split(",") if part)
    return {name: action for name, _, action in pairs}


_active = _parse(os.environ.get("FAILPOINT", ""))


def failpoint(name: str) -> None:
    """Do what FAILPOINT asks for `name`: kill (SIGKILL), raise, sleep or stop (SIGSTOP)."""
    if not _active or name not in _active:
        return
    action = _active[name]
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif action == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif action == "sleep":
        time.sleep(STOP_SECONDS)
    else:
        raise FailpointHit(name)
