"""One buyer of the oversell drill: promises, gives back and ships scarce units by every path.

Each promise that the database has confirmed is written to a log that survives a kill, so that the
end can be compared with what was said. What was under way when the server went is not counted.
"""

import os
import random
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from django.db import DatabaseError, connection

from inventory import reservations
from inventory.commands import adjust
from inventory.reservations import Promise
from oms.core.actor import Actor
from oms.core.clock import now
from oms.core.errors import Refused
from oms.runner.shelves import BATCH, CHANNEL, Shelves

BUYER = Actor("drill", "buyer")
PATHS = {"one": 40, "batch": 12, "cart": 10, "channel": 10, "bundle": 10, "move": 8}
# Against one promise so much is given back or shipped, so that units stay scarce and in motion.
ENDINGS = {"release": 70, "consume": 25, "supply": 5}
MOST_HELD = 12
WAIT_SECONDS = 0.2


class Buyer:
    """A process that tries until its share is done, over its own deaths and the server's."""

    def __init__(self, *, number: int, seed: int, share: int, log: Path) -> None:
        self.share = share
        self.lives, self.tried = _read(log)
        self.chance = random.Random(f"{seed} {number} {self.lives}")
        self.log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._note("life", self.lives + 1)
        # (reservation, units) confirmed and not given back.
        self.held: list[tuple[int, int]] = []
        self.shelves = Shelves()

    def run(self) -> None:
        """Try until the share is used up. Whatever the server does, go on where it stands."""
        paths: dict[str, Callable[[], int]] = {
            "one": self.one,
            "batch": self.batch,
            "cart": self.cart,
            "channel": self.channel,
            "bundle": self.bundle,
            "move": self.move,
        }
        names, weights = list(PATHS), list(PATHS.values())
        while self.tried < self.share:
            try:
                if not self.shelves.levels:
                    self.shelves.read()
                self.end_something()
                self.tried += paths[self.chance.choices(names, weights)[0]]()
            except DatabaseError as error:
                self._survive(error)
            self._note("tried", self.tried)

    def one(self) -> int:
        """An order of one or two lines, in a transaction of its own."""
        return self._promise([self._plain() for _ in range(self.chance.choice((1, 1, 2)))])

    def batch(self) -> int:
        """Several orders in one call, all or none."""
        return self._promise([self._plain() for _ in range(BATCH)])

    def cart(self) -> int:
        """Units kept for a cart for a moment."""
        until = now() + timedelta(seconds=self.chance.uniform(0.2, 3))
        level_id = self.chance.choice(self.shelves.levels)
        holder = f"cart:{os.getpid()}-{self.tried}"
        promise = Promise(
            None, level_id, self._units(), holder, kind="soft", holder=holder, expires_at=until
        )
        return self._promise([promise], keep=False)

    def channel(self) -> int:
        """Units of a channel that has stock of its own kept apart."""
        level_id = self.chance.choice(self.shelves.levels)
        line = self.chance.choice(self.shelves.lines)
        return self._promise([Promise(line, level_id, self._units(), "drill", channel=CHANNEL)])

    def bundle(self) -> int:
        """A bundle and a single unit of one of its parts."""
        level_id, parts = self.chance.choice(self.shelves.bundles)
        line = self.chance.choice(self.shelves.lines)
        return self._promise(
            [
                Promise(line, level_id, 1, "drill", parts=parts),
                Promise(line, parts[0][0], 1, "drill"),
            ]
        )

    def move(self) -> int:
        """What is held is promised from another shelf of the same item instead."""
        if not self.held:
            return 0
        reservation_id, units = self.held.pop(self.chance.randrange(len(self.held)))
        to = self.shelves.elsewhere(reservation_id, self.chance)
        if to is None:
            return 0
        try:
            moved = reservations.move(
                reservation_id=reservation_id,
                to_level_id=to,
                quantity=units,
                actor=BUYER,
                reason="drill",
            )
        except Refused:
            self.held.append((reservation_id, units))
            return 1
        self._confirm(moved, units)
        return 1

    def end_something(self) -> None:
        """Give back or ship something, or let some more units arrive."""
        if len(self.held) < MOST_HELD and self.chance.random() < 0.5:
            return
        ending = self.chance.choices(list(ENDINGS), list(ENDINGS.values()))[0]
        if ending == "supply":
            level_id = self.chance.choice(self.shelves.levels)
            adjust(level_id=level_id, delta=self._units(), reason="found", actor=BUYER)
            return
        if not self.held:
            reservations.expire(limit=20, actor=BUYER)
            return
        reservation_id, units = self.held.pop(self.chance.randrange(len(self.held)))
        part = self.chance.randint(1, units)
        if ending == "release":
            reservations.release([(reservation_id, part)], actor=BUYER, document="drill")
        else:
            reservations.consume([(reservation_id, part, "drill")], actor=BUYER)
        if part < units:
            self.held.append((reservation_id, units - part))

    def _promise(self, promises: list[Promise], *, keep: bool = True) -> int:
        try:
            ids = reservations.reserve(promises, actor=BUYER)
        except Refused:
            return len(promises)
        for id_, promise in zip(ids, promises, strict=True):
            self._note("promised", id_, promise.quantity)
            if keep:
                self.held.append((id_, promise.quantity))
        return len(promises)

    def _confirm(self, reservation_id: int, units: int) -> None:
        self._note("promised", reservation_id, units)
        self.held.append((reservation_id, units))

    def _plain(self) -> Promise:
        line = self.chance.choice(self.shelves.lines)
        return Promise(line, self.shelves.any_level(self.chance), self._units(), "drill")

    def _units(self) -> int:
        return self.chance.choice((1, 1, 1, 2, 3))

    def _survive(self, error: DatabaseError) -> None:
        """The server or our session is gone, or somebody had to give way: begin again."""
        self._note("error", type(error).__name__, str(error).splitlines()[0][:120])
        # Nobody knows what became of the call under way, so nothing of it is held on to.
        self.held.clear()
        connection.close()
        time.sleep(WAIT_SECONDS)

    def _note(self, *words: object) -> None:
        os.write(self.log, (" ".join(map(str, words)) + "\n").encode())


def _read(log: Path) -> tuple[int, int]:
    """How often this buyer has begun, and how much it had tried when it last said so."""
    lives = tried = 0
    if log.exists():
        for line in log.read_text().splitlines():
            name, _, rest = line.partition(" ")
            if name == "life":
                lives = int(rest)
            elif name == "tried" and rest.isdecimal():
                tried = int(rest)
    return lives, tried


def confirmed(log: Path) -> dict[int, int]:
    """Units by reservation, as the database confirmed them to this buyer."""
    said = (line.split() for line in log.read_text().splitlines())
    return {int(w[1]): int(w[2]) for w in said if w[0] == "promised" and len(w) == 3}


def errors(log: Path) -> list[str]:
    """What the buyer was told by a failing database, word for word."""
    lines = log.read_text().splitlines()
    return [line.removeprefix("error ") for line in lines if line.startswith("error ")]


def attempts(log: Path) -> int:
    """Promises this buyer tried to get."""
    return _read(log)[1]
