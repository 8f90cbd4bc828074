"""After this, that: every connection between the rooms in one place, called by name.

HANDLERS    a topic's handler name (oms/shopify/topics.py) to the function that takes messages
JOBS        what the scheduler rings: the queue, and when there is work
INVARIANTS  every room's invariants
"""

from collections.abc import Callable
from dataclasses import dataclass

from inventory.invariants import INVARIANTS as INVENTORY
from oms import flow
from oms.core import inbox, outbox, timers
from oms.core.invariants import INVARIANTS as CORE
from oms.orders.invariants import INVARIANTS as ORDERS
from routing.invariants import INVARIANTS as ROUTING

HANDLERS: dict[str, flow.Handler] = {
    "orders": flow.orders_changed,
}


@dataclass(slots=True, frozen=True)
class Job:
    """A job in its queue; `is_due` asks the database, `every` rings by the clock, in seconds."""

    queue: str
    is_due: Callable[[], bool] | None = None
    every: float | None = None


JOBS: dict[str, Job] = {
    "drain_intake": Job(
        "intake", lambda: inbox.any_due() or timers.any_due("route") or timers.any_due("release")
    ),
    "push_outbox": Job("outbound", outbox.any_due),
    "sweep_exceptions": Job("sweep", every=5),
    "reconcile_orders": Job("sweep", every=60),
}

INVARIANTS = [*CORE, *ORDERS, *INVENTORY, *ROUTING]
