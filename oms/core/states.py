"""Allowed moves of a state as a plain dictionary, checked in one place."""

from collections.abc import Mapping

from oms.core.errors import Refused

Transitions = Mapping[str, frozenset[str]]


def check_move(transitions: Transitions, *, current: str, to: str, what: str) -> None:
    """Raise Refused unless `transitions` lets `what` go from `current` to `to`."""
    if to not in transitions.get(current, frozenset()):
        allowed = ", ".join(sorted(transitions.get(current, ()))) or "nothing"
        raise Refused(f"{what} is {current} and cannot become {to}; from here: {allowed}.")
