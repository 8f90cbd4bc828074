"""After this, that: every connection between the rooms in one place, called by name.

HANDLERS    a topic's handler name (oms/shopify/topics.py) to the function that takes messages
JOBS        what the scheduler rings: the queue, and when there is work
INVARIANTS  every room's invariants
"""

from collections.abc import Callable
from dataclasses import dataclass

from inventory.feeds import applying
from inventory.invariants import INVARIANTS as INVENTORY
from oms import flow
from oms.core import inbox, outbox, timers
from oms.core.invariants import INVARIANTS as CORE
from oms.exceptions.invariants import INVARIANTS as EXCEPTIONS
from oms.fulfillment.invariants import INVARIANTS as FULFILLMENT
from oms.orders.invariants import INVARIANTS as ORDERS
from oms.shopify import (
    handlers,
    pull,
    push,
    push_money,
    push_presell,
    push_returns,
    push_stock,
    push_work,
)
from returns.invariants import INVARIANTS as RETURNS
from routing.invariants import INVARIANTS as ROUTING

HANDLERS: dict[str, flow.Handler] = {
    "orders": flow.orders_changed,
    "transactions": handlers.transactions,
    "refunds": handlers.refunds,
    "order_changed": handlers.order_changed,
    "order_deleted": handlers.order_deleted,
    "risk_changed": handlers.risk_changed,
    "fulfillments": handlers.fulfillments,
    "fulfillment_events": handlers.fulfillment_events,
    "return_changed": handlers.return_changed,
    "inventory_levels": handlers.inventory_levels,
    "inventory_items": handlers.inventory_items,
    "products": handlers.products,
    "locations": handlers.locations,
    "location_deleted": handlers.location_deleted,
    "uninstalled": handlers.uninstalled,
}

OUTBOX: dict[str, push.Handler] = {
    "order.fetch": pull.fetch_orders,
    "return.fetch": pull.fetch_returns,
    "fulfillment_order.assign": push_work.assign,
    "fulfillment.create": push_work.create_fulfillments,
    "fulfillment_event.create": push_work.create_events,
    "refund.create": push_money.create_refunds,
    "order.cancel": push_money.cancel_orders,
    "return.create": push_returns.create_returns,
    "return.approve": push_returns.change_returns,
    "return.decline": push_returns.change_returns,
    "return.cancel": push_returns.change_returns,
    "return.close": push_returns.change_returns,
    "inventory.publish": push_stock.publish_levels,
    "presell.set": push_presell.set_policies,
}


@dataclass(slots=True, frozen=True)
class Job:
    """A job in its queue; `is_due` asks the database, `every` rings by the clock, in seconds."""

    queue: str
    is_due: Callable[[], bool] | None = None
    every: float | None = None


INTAKE_TIMERS = ("shortage", "arrived", "route", "release", "supply")

JOBS: dict[str, Job] = {
    "drain_intake": Job(
        "intake",
        lambda: inbox.any_due() or any(map(timers.any_due, INTAKE_TIMERS)),
    ),
    "push_outbox": Job("outbound", outbox.any_due),
    "sweep_exceptions": Job("sweep", every=5),
    "reconcile_orders": Job("sweep", every=60),
    "check_stock": Job("sweep", every=600),
    "look_at_stock": Job("sweep", every=15),
    "tell_bundles": Job("sweep", every=15),
    "mend_subscriptions": Job("sweep", every=300),
    "plan_counts": Job("sweep", every=60),
    "keep_counts": Job("sweep", lambda: timers.any_due("count") or timers.any_due("trust")),
    "apply_feeds": Job("sweep", applying.any_due),
    "review_presell": Job("sweep", every=30),
    "end_promises": Job("sweep", every=30),
}

INVARIANTS = [
    *CORE,
    *ORDERS,
    *INVENTORY,
    *FULFILLMENT,
    *ROUTING,
    *RETURNS,
    *EXCEPTIONS,
]
