"""Not asking for more than the store gives: the leaky bucket and the circuit breaker."""

import threading
import time
from collections.abc import Callable

from oms.shopify.outcomes import Cost

FIRST_GUESS = 20.0


class Bucket:
    """Our view of the store's leaky bucket: one per process, store and token.

    Every answer corrects it, so that other processes and apps are seen as well.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._available = 1000.0
        self._maximum = 1000.0
        self._rate = 50.0
        self._seen = clock()
        self._in_flight = 0.0
        self._prices: dict[str, float] = {}

    def take(self, document: str) -> tuple[float, float]:
        """Reserve what the document is known to cost: (points, seconds to wait before sending)."""
        with self._lock:
            self._refill()
            points = self._prices.get(document, FIRST_GUESS)
            self._available -= points
            self._in_flight += points
            return points, max(0.0, -self._available / self._rate)

    def put_back(self, points: float) -> None:
        """Nothing was sent, or nothing is known of what it cost."""
        with self._lock:
            self._refill()
            self._available = min(self._maximum, self._available + points)
            self._in_flight -= points

    def learn(self, document: str, points: float, cost: Cost) -> None:
        """An answer came: believe it, less what other threads have out at this moment."""
        with self._lock:
            self._in_flight -= points
            self._maximum, self._rate = cost.maximum, max(1.0, cost.restore_rate)
            self._available = cost.available - self._in_flight
            self._seen = self._clock()
            self._prices[document] = cost.requested

    def throttled(self, document: str, points: float, cost: Cost | None) -> float:
        """The store said no for lack of points; seconds until it will have them."""
        with self._lock:
            self._in_flight -= points
            self._seen = self._clock()
            if cost is None:
                self._available = 0.0
                return 1.0
            self._maximum, self._rate = cost.maximum, max(1.0, cost.restore_rate)
            self._available = cost.available - self._in_flight
            self._prices[document] = cost.requested
            return max(0.1, (cost.requested - self._available) / self._rate)

    def _refill(self) -> None:
        now = self._clock()
        gained = max(0.0, now - self._seen) * self._rate
        self._available = min(self._maximum, self._available + gained)
        self._seen = now


class Breaker:
    """Stops calling a store that does not answer; lets one call through now and then to see.

    Only transport counts: an answer that says no is an answer.
    """

    def __init__(
        self,
        *,
        failures: int = 5,
        open_seconds: float = 15.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most = failures
        self._open_seconds = open_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._open_until = 0.0

    def wait_seconds(self) -> float:
        """0 when a call may go out, else how long to leave the store alone.

        When the time is over the first to ask may try; the others wait for what it finds.
        """
        with self._lock:
            if self._failures < self._most:
                return 0.0
            now = self._clock()
            if now >= self._open_until:
                self._open_until = now + self._open_seconds
                return 0.0
            return self._open_until - now

    def answered(self) -> None:
        with self._lock:
            self._failures = 0

    def failed(self) -> None:
        with self._lock:
            self._failures += 1
            if self._failures >= self._most:
                self._open_until = self._clock() + self._open_seconds
