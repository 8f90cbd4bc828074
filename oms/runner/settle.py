"""Waiting until each order is finished, waiting in a named place, or in the queue."""

import time
from typing import Any

from oms import figures
from oms.runner import store

LOOK_EVERY_SECONDS = 1.0
LOOK_AGAIN_EVERY_SECONDS = 10.0
# What the store has done so far; while these stand still it does nothing.
STORE_WORK = ("placed", "target", "webhooks_pending", "webhooks_delivered", "cancel_jobs")


class Settling:
    """How far the orders of the local store are on their way through the house."""

    def __init__(self, store_url: str) -> None:
        self.store_url = store_url
        self.in_store: dict[str, Any] = {}
        self.in_house: dict[str, Any] = {}
        self.is_placed = False
        self.is_settled = False
        self.looked_at = 0.0
        self.changed_at = time.monotonic()

    def look(self) -> None:
        """Look at both sides; asked often, it looks once a second, and seldom once all is still."""
        pause = LOOK_AGAIN_EVERY_SECONDS if self.is_settled else LOOK_EVERY_SECONDS
        if time.monotonic() - self.looked_at < pause:
            return
        before = self._work()
        self.looked_at = time.monotonic()
        self._look()
        if self._work() != before:
            self.changed_at = self.looked_at

    def line(self) -> str:
        """One line on where things are."""
        house = [f"{count} {name}" for name, count in _counts(self.in_house).items() if count]
        placed = f"{self.in_store.get('placed', 0)} of {self.in_store.get('target', 0)} placed"
        return ", ".join([placed, *house]).replace("_", " ")

    @property
    def seconds_without_change(self) -> float:
        return time.monotonic() - self.changed_at

    def _look(self) -> None:
        # The store is asked before and after the house: only when it did nothing in between does
        # "nothing left to do" hold for both at one moment.
        first = store.status(self.store_url)
        self.in_house = figures.settled()
        self.in_store = store.status(self.store_url)
        self.is_placed = first["placed"] >= first["target"]
        is_quiet = not (first["webhooks_pending"] or first["cancel_jobs"]) and all(
            first[name] == self.in_store[name] for name in STORE_WORK
        )
        self.is_settled = bool(self.is_placed and is_quiet and self.in_house["settled"])

    def _work(self) -> list[Any]:
        return [self.in_house, *(self.in_store.get(name) for name in STORE_WORK)]


def _counts(status: dict[str, Any]) -> dict[str, int]:
    return {
        name: value
        for name, value in status.items()
        if isinstance(value, int) and not isinstance(value, bool)
    }
