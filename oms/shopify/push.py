"""The outbox goes out: intents are claimed, sent together where Shopify allows it, and settled.

A handler takes a client and intents of one store and topic, never two of one order, and settles
each by applied, rejected, unknown or retry of oms.core.outbox. It runs outside any transaction.
What it raises is settled here for those of its intents that it had not settled itself.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait

from django.db import Error, connection

from oms.core import outbox
from oms.core.errors import Refused
from oms.core.outbox import Intent
from oms.shopify.client import Client, client_for
from oms.shopify.models import Connection
from oms.shopify.outcomes import CallFailed, OutcomeUnknown, Rejected

log = logging.getLogger(__name__)

Handler = Callable[[Client, Sequence[Intent]], None]

TOGETHER = 10
THREADS = 4
# Held on to while a worker lives, so this is how long its intents wait when it was killed. Longer
# than a call waits for its answer: what was on the wire has ended when it is read back.
LEASE_SECONDS = 30
RENEW_EVERY_SECONDS = 8
# What a handler may trip over in facts or an answer that it did not expect.
DEFECTS = (ArithmeticError, AttributeError, LookupError, Refused, TypeError, ValueError)
PAUSED_SECONDS = 300.0


def drain(handlers: Mapping[str, Handler], *, limit: int, threads: int = THREADS) -> int:
    """Send what is due; return how many intents were taken. `threads=1` works in this thread."""
    intents = outbox.claim(limit=limit, lease_seconds=LEASE_SECONDS, topics=list(handlers))
    if not intents:
        return 0
    connections = {
        each.store_id: each
        for each in Connection.objects.filter(store_id__in={i.store_id for i in intents})
    }
    jobs = []
    for part in _parts(intents):
        store = connections.get(part[0].store_id)
        if store is None or not store.active:
            for intent in part:
                reason = "The connection to the store is switched off."
                outbox.retry(intent, reason=reason, retry_in_seconds=PAUSED_SECONDS)
        else:
            jobs.append((handlers[part[0].topic], client_for(store), part))

    if threads == 1:
        for job in jobs:
            _work(*job)
    else:
        with ThreadPoolExecutor(min(threads, len(jobs) or 1)) as pool:
            futures = [pool.submit(_work_and_hang_up, *job) for job in jobs]
            while wait(futures, timeout=RENEW_EVERY_SECONDS).not_done:
                _renew(intents)
            for future in futures:
                future.result()
    return len(intents)


def hold(intents: Sequence[Intent]) -> set[int]:
    """Asked just before something is sent: the ids of those that are still ours to send.

    A worker that stood still past its lease finds that somebody else has told it meanwhile.
    """
    return outbox.renew(intents, lease_seconds=LEASE_SECONDS)


def hold_one(intent: Intent) -> None:
    if not hold([intent]):
        raise OutcomeUnknown("Somebody else has taken over.")


def settle(intent: Intent, failure: CallFailed) -> None:
    """Write down how a failed call leaves its intent."""
    if isinstance(failure, Rejected) and failure.permanent:
        outbox.rejected(intent, reason=failure.reason)
    elif isinstance(failure, OutcomeUnknown):
        outbox.unknown(intent, reason=failure.reason, retry_in_seconds=backoff_seconds(intent))
    else:
        wait = max(failure.retry_in_seconds, backoff_seconds(intent))
        outbox.retry(intent, reason=failure.reason, retry_in_seconds=wait)


def backoff_seconds(intent: Intent) -> float:
    """1, 2, 4 ... seconds, at most a minute."""
    return float(min(60, 2 ** min(6, intent.attempts - 1)))


def _parts(intents: Sequence[Intent]) -> list[list[Intent]]:
    groups: dict[tuple[int, str], list[Intent]] = {}
    for intent in intents:
        groups.setdefault((intent.store_id, intent.topic), []).append(intent)
    return [
        group[start : start + TOGETHER]
        for group in groups.values()
        for start in range(0, len(group), TOGETHER)
    ]


def _renew(intents: Sequence[Intent]) -> None:
    try:
        hold(intents)
    except Error as error:
        # The leases run out, and what is not sent by then is asked for again before it is sent.
        log.warning("the leases could not be renewed: %s", error)
        connection.close()


def _work(handler: Handler, client: Client, part: Sequence[Intent]) -> None:
    held = hold(part)
    part = [intent for intent in part if intent.id in held]
    if not part:
        return
    try:
        handler(client, part)
    except CallFailed as failure:
        # Those that the handler settled before are no longer ours: the lease is over for them.
        for intent in part:
            settle(intent, failure)
    except DEFECTS as error:
        log.exception("%s of %s could not be sent", len(part), part[0].topic)
        _find_poison(handler, client, part, error)


def _find_poison(
    handler: Handler, client: Client, part: Sequence[Intent], error: Exception
) -> None:
    """One of them breaks the handler: each is tried alone, and read back first, for it may have
    been sent. The one that breaks it again goes to a person."""
    if len(part) == 1:
        reason = f"Switchyard could not send it: {type(error).__name__}: {error}"
        outbox.rejected(part[0], reason=reason[:2000])
        return
    held = hold(part)
    for intent in part:
        if intent.id in held:
            intent.was_unknown = True
            _work(handler, client, [intent])


def _work_and_hang_up(handler: Handler, client: Client, part: Sequence[Intent]) -> None:
    try:
        _work(handler, client, part)
    finally:
        connection.close()
