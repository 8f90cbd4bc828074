"""The bell: a job says that there is work and carries nothing that matters.

A job may run never, twice or late. It drains rows until there are none, and ends; the scheduler
rings again as long as rows are due (oms/wiring.py says when).
"""

import logging
import time

import django_rq
from django.db import close_old_connections
from redis.exceptions import RedisError

from inventory import backorders, expiry, presell, shop_numbers, standings, waiting
from inventory.commands import count_review
from inventory.feeds import applying
from oms import flow, shortages, wiring
from oms.core.actor import SWITCHYARD
from oms.exceptions import sweep
from oms.fulfillment import commands as fulfillment
from oms.shopify import drift, push, reconcile, subscriptions
from routing import commands as routing

log = logging.getLogger(__name__)

BATCH = 100
DRAIN_SECONDS = 50
JOB_SECONDS = 120
FEED_SECONDS = 20
BELL_SECONDS = 30


def drain_intake() -> int:
    """Read the inbox, settle shortages, route, release, promise supply, until nothing is left."""
    began, count = _answer("drain_intake"), 0
    while time.monotonic() - began < DRAIN_SECONDS:
        read = flow.drain_inbox(wiring.HANDLERS, limit=BATCH)
        settled = shortages.settle_shortages(BATCH)
        woken = waiting.wake_arrived()
        routed = routing.route_due(limit=BATCH).orders
        released = len(fulfillment.release_due(BATCH).done)
        promised = backorders.settle_due(BATCH)
        done = read + settled + woken + routed + released + promised
        if not done:
            break
        count += done
    return count


def push_outbox() -> int:
    """Tell Shopify what it has to know, until nothing is due."""
    began, count = _answer("push_outbox"), 0
    while time.monotonic() - began < DRAIN_SECONDS:
        sent = push.drain(wiring.OUTBOX, limit=BATCH)
        if not sent:
            break
        count += sent
    return count


def sweep_exceptions() -> None:
    """Open, refresh and close the rows of the exception queue."""
    _answer("sweep_exceptions")
    sweep.sweep()


def reconcile_orders() -> None:
    """Ask Shopify what changed lately, and take in what no message told us."""
    _answer("reconcile_orders")
    reconcile.reconcile_all()


def apply_feeds() -> int:
    """Apply stock feeds, a while at a time: the queue has others to serve."""
    _answer("apply_feeds")
    return applying.drain(FEED_SECONDS)


def review_presell() -> None:
    """Promise what dated supply has room for; turn preselling on or off where facts changed."""
    _answer("review_presell")
    backorders.look_around()
    presell.review(actor=SWITCHYARD)


def end_promises() -> None:
    """End what was kept for a cart or a channel only for a time."""
    began = _answer("end_promises")
    while expiry.end_what_is_over() and time.monotonic() - began < DRAIN_SECONDS:
        continue


def check_stock() -> None:
    """Compare stock with Shopify where nothing is under way."""
    _answer("check_stock")
    drift.check_all()


def look_at_stock() -> None:
    """Compare the levels that a message or a person pointed at."""
    _answer("look_at_stock")
    drift.look_due()


def tell_bundles() -> None:
    """Have Shopify told how many bundles the free parts make now."""
    _answer("tell_bundles")
    shop_numbers.tell_bundles()


def mend_subscriptions() -> None:
    """Create webhook subscriptions again that Shopify dropped."""
    _answer("mend_subscriptions")
    subscriptions.mend()


def plan_counts() -> None:
    """Work out classes, trust and next counts of the shops whose night has begun."""
    _answer("plan_counts")
    for store_id in standings.stores_due():
        standings.refresh_store(store_id=store_id)


def keep_counts() -> int:
    """Go on with counts that are being posted, and work out the trust in doubted levels."""
    began, count = _answer("keep_counts"), 0
    while time.monotonic() - began < DRAIN_SECONDS:
        done = count_review.post_due(BATCH) + standings.refresh_due(BATCH)
        if not done:
            break
        count += done
    return count


def ring(name: str) -> bool:
    """Put a job in its queue unless one waits there already. A silent Redis costs only time."""
    queue = django_rq.get_queue(wiring.JOBS[name].queue)
    try:
        if not queue.connection.set(_bell(name), "1", nx=True, ex=BELL_SECONDS):
            return False
        queue.enqueue(f"oms.jobs.{name}", job_timeout=JOB_SECONDS, result_ttl=0, failure_ttl=3600)
    except RedisError as error:
        log.warning("the bell for %s did not ring: %s", name, error)
        return False
    return True


def _answer(name: str) -> float:
    """Let the bell be rung again from here on: rows that come now may need another job.

    A worker has no requests, so nobody else asks whether PostgreSQL still is at the other end.
    """
    close_old_connections()
    try:
        django_rq.get_queue(wiring.JOBS[name].queue).connection.delete(_bell(name))
    except RedisError as error:
        log.warning("the bell for %s could not be cleared: %s", name, error)
    return time.monotonic()


def _bell(name: str) -> str:
    return f"switchyard:bell:{name}"
