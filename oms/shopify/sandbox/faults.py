"""Faults by name: what Shopify or the network may do, switched on for a count or a time."""

import threading
import time

FAULTS = {
    "throttle": "answers THROTTLED (HTTP 200, no data)",
    "throttle_429": "answers HTTP 429 with Retry-After",
    "status_500_before": "HTTP 500, nothing applied",
    "status_500_after": "applied, then HTTP 500",
    "timeout_after": "applied, then silence until the client gives up",
    "html_answer": "an HTML page with status 200, nothing applied",
    "html_after": "applied, then an HTML page with status 200",
    "empty_answer": "an empty body with status 200, nothing applied",
    "unauthorized": "HTTP 401 as for a revoked token",
    "slow": "waits `seconds` (default 1) before it answers",
    "duplicate_webhooks": "each webhook twice with one Webhook-Id",
    "drop_webhooks": "webhooks vanish for ever",
    "shuffle_webhooks": "webhooks delayed at random up to `seconds` (default 2)",
    "late_webhooks": "webhooks held back for `seconds` (default 2)",
    "bad_signature": "webhooks signed with a wrong secret",
    "frozen": "HTTP 402 as for a frozen shop",
    "forbidden": "HTTP 403 as for a missing scope",
    "locked": "HTTP 423 as for a locked shop",
    "search_lag": "lists with a search text miss what changed in the last `seconds` (default 2)",
    "pos_race": "a till sells one unit just before each inventorySetQuantities",
    "foreign_write": "another app adds one unit just before each inventorySetQuantities",
}


class Faults:
    """Active faults. `count` uses one up each time, `until` ends at a time, neither: stays on."""

    def __init__(self):
        self.lock = threading.Lock()
        self.on = {}

    def switch_on(self, name, count=None, until=None, seconds=None, only=None, **more):
        """`only` limits request faults to documents that contain this text."""
        if name not in FAULTS:
            raise ValueError(f"unknown fault {name}; known: {', '.join(FAULTS)}")
        end = time.monotonic() + float(until) if until is not None else None
        with self.lock:
            self.on[name] = {"count": count, "end": end, "seconds": seconds, "only": only} | more

    def switch_off(self, name=None):
        with self.lock:
            if name is None:
                self.on.clear()
            else:
                self.on.pop(name, None)

    def active(self, name, text=None):
        with self.lock:
            return self._live(name, text) is not None

    def take(self, name, text=None):
        """True when the fault applies now; a counted one is used up by this."""
        with self.lock:
            fault = self._live(name, text)
            if fault is None:
                return False
            if fault["count"] is not None:
                fault["count"] -= 1
                if fault["count"] <= 0:
                    del self.on[name]
            return True

    def setting(self, name, key, default):
        with self.lock:
            fault = self.on.get(name) or {}
            value = fault.get(key)
            return default if value is None else float(value)

    def listed(self):
        with self.lock:
            now = time.monotonic()
            return {
                name: {key: value for key, value in fault.items() if key != "end"}
                | {"seconds_left": None if fault["end"] is None else round(fault["end"] - now, 3)}
                for name, fault in self.on.items()
            }

    def _live(self, name, text=None):
        fault = self.on.get(name)
        if fault is None:
            return None
        if fault["end"] is not None and time.monotonic() > fault["end"]:
            del self.on[name]
            return None
        if fault["only"] and (text is None or fault["only"] not in text):
            return None
        return fault
