"""The outbox: publish an intent with the change that causes it, send it once, keep the answer.

Three outcomes: applied, rejected, or unknown. Unknown is read back before anything is sent again.
Every ending compares the lease token, so a worker that woke up too late writes nothing.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from json import loads
from typing import Any

from oms.core.sql import execute, fetch, json

_NAMESPACE = uuid.UUID("6d0a3a54-6a3c-4a0e-9a57-1f0f7f2f3c11")


@dataclass(slots=True, frozen=True)
class Publication:
    """What `publish_many` takes: one intent for the outside."""

    store_id: int
    topic: str
    key: str
    order_id: int | None = None
    params: dict[str, Any] | None = None
    priority: int = 50
    due_at: datetime | None = None


@dataclass(slots=True)
class Intent:
    """A claimed intent. `was_unknown` asks the handler to read back before it sends."""

    id: int
    store_id: int
    topic: str
    key: str
    order_id: int | None
    params: dict[str, Any]
    attempts: int
    was_unknown: bool
    lease_token: int

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt at this intent, also after a restore."""
        return str(uuid.uuid5(_NAMESPACE, f"{self.store_id}/{self.topic}/{self.key}/{self.id}"))


def publish(
    *,
    store_id: int,
    topic: str,
    key: str,
    order_id: int | None = None,
    params: dict[str, Any] | None = None,
    priority: int = 50,
    due_at: datetime | None = None,
) -> None:
    """Ask for one thing to be told to the outside, in the caller's transaction."""
    publish_many([Publication(store_id, topic, key, order_id, params, priority, due_at)])


def publish_many(publications: Sequence[Publication]) -> None:
    """As `publish`, for many. A row that already waits under the same key is left as it is."""
    if not publications:
        return
    execute(
        """
        INSERT INTO core_outboxintent (store_id, topic, key, order_id, params, priority, due_at)
        SELECT store_id, topic, key, order_id, params, priority, coalesce(due_at, now())
        FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::bigint[], %s::jsonb[],
                    %s::smallint[], %s::timestamptz[])
             AS t(store_id, topic, key, order_id, params, priority, due_at)
        ON CONFLICT DO NOTHING
        """,
        [
            [p.store_id for p in publications],
            [p.topic for p in publications],
            [p.key for p in publications],
            [p.order_id for p in publications],
            [json(p.params or {}) for p in publications],
            [p.priority for p in publications],
            [p.due_at for p in publications],
        ],
    )


def claim(*, limit: int, lease_seconds: int, topics: Iterable[str] | None = None) -> list[Intent]:
    """Take up to `limit` intents that are due, urgent ones first.

    A row whose lease ran out comes back as unknown: its worker may have sent it before it died.
    Of one order only the oldest open intent is given out, so that its steps arrive in order.
    """
    rows = fetch(
        """
        WITH due AS (
            SELECT id, state FROM core_outboxintent o
            WHERE state IN ('waiting', 'sending', 'unknown')
              AND due_at <= statement_timestamp()
              AND (lease_until IS NULL OR lease_until < now())
              AND (%s::text[] IS NULL OR topic = ANY(%s::text[]))
              AND NOT EXISTS (
                  SELECT 1 FROM core_outboxintent earlier
                  WHERE earlier.order_id = o.order_id AND earlier.id < o.id
                    AND earlier.state IN ('waiting', 'sending', 'unknown'))
            ORDER BY priority, due_at, id
            LIMIT %s
            FOR UPDATE SKIP LOCKED
        )
        UPDATE core_outboxintent o
        SET state = 'sending', attempts = attempts + 1, lease_token = o.id * 100000 + attempts + 1,
            lease_until = now() + make_interval(secs => %s)
        FROM due WHERE o.id = due.id
        RETURNING o.id, o.store_id, o.topic, o.key, o.order_id, o.params, o.attempts,
                  due.state <> 'waiting', o.lease_token
        """,
        [*[list(topics) if topics is not None else None] * 2, limit, lease_seconds],
    )
    # Django's connection hands jsonb over as text.
    return [
        Intent(id_, store_id, topic, key, order_id, loads(params), attempts, was_unknown, token)
        for id_, store_id, topic, key, order_id, params, attempts, was_unknown, token in sorted(
            rows, key=lambda row: row[0]
        )
    ]


def renew(intents: Iterable[Intent], *, lease_seconds: int) -> set[int]:
    """Hold on to claimed intents; the ids of those that nobody has taken over meanwhile."""
    held = list(intents)
    rows = fetch(
        """
        UPDATE core_outboxintent o SET lease_until = now() + make_interval(secs => %s)
        FROM unnest(%s::bigint[], %s::bigint[]) AS t(id, token)
        WHERE o.id = t.id AND o.lease_token = t.token AND o.state = 'sending'
        RETURNING o.id
        """,
        [lease_seconds, [intent.id for intent in held], [intent.lease_token for intent in held]],
    )
    return {row[0] for row in rows}


def any_due() -> bool:
    """Whether an intent waits, for the scheduler that rings the bell."""
    return bool(
        fetch(
            """
            SELECT 1 FROM core_outboxintent
            WHERE state IN ('waiting', 'sending', 'unknown') AND due_at <= statement_timestamp()
              AND (lease_until IS NULL OR lease_until < now()) LIMIT 1
            """
        )
    )


def applied(
    intent: Intent, *, remote_id: str = "", request: Any = None, answer: Any = None
) -> bool:
    """The other side accepted it. False when the lease was lost: then nothing was written."""
    return _finish(intent, "applied", remote_id=remote_id, request=request, answer=answer)


def rejected(intent: Intent, *, reason: str, request: Any = None, answer: Any = None) -> bool:
    """The other side refused it for good; the queue shows it with `reason`."""
    return _finish(intent, "rejected", reason=reason, request=request, answer=answer)


def superseded(intent: Intent, *, reason: str) -> bool:
    """It is no longer needed, because what it was about has changed."""
    return _finish(intent, "superseded", reason=reason)


def unknown(intent: Intent, *, reason: str, retry_in_seconds: float, request: Any = None) -> bool:
    """It was sent and the answer was lost: it comes back with `was_unknown` set."""
    return _again(intent, "unknown", reason, retry_in_seconds, request)


def retry(intent: Intent, *, reason: str, retry_in_seconds: float) -> bool:
    """It was certainly not applied and is sent again later."""
    state = "unknown" if intent.was_unknown else "waiting"
    return _again(intent, state, reason, retry_in_seconds, None)


def send_again(*, intent_id: int) -> bool:
    """Put a rejected intent back in line, to be read back first. False when it is not rejected."""
    return bool(
        execute(
            """
            UPDATE core_outboxintent
            SET state = 'unknown', due_at = now(), lease_until = NULL, finished_at = NULL
            WHERE id = %s AND state = 'rejected'
            """,
            [intent_id],
        )
    )


def _finish(
    intent: Intent,
    state: str,
    *,
    reason: str = "",
    remote_id: str = "",
    request: Any = None,
    answer: Any = None,
) -> bool:
    return bool(
        execute(
            """
            UPDATE core_outboxintent
            SET state = %s, reason = %s, remote_id = %s, request = coalesce(%s, request),
                answer = coalesce(%s, answer), finished_at = now(), lease_until = NULL
            WHERE id = %s AND lease_token = %s AND state = 'sending'
            """,
            [
                state,
                reason,
                remote_id,
                None if request is None else json(request),
                None if answer is None else json(answer),
                intent.id,
                intent.lease_token,
            ],
        )
    )


def _again(intent: Intent, state: str, reason: str, retry_in_seconds: float, request: Any) -> bool:
    # A waiting twin may have been published meanwhile; the constraint allows one, so it wins.
    return bool(
        execute(
            """
            UPDATE core_outboxintent o
            SET state = CASE WHEN %s = 'waiting' AND EXISTS (
                    SELECT 1 FROM core_outboxintent twin
                    WHERE twin.store_id = o.store_id AND twin.topic = o.topic
                      AND twin.key = o.key AND twin.state = 'waiting' AND twin.id <> o.id)
                    THEN 'superseded' ELSE %s END,
                reason = %s, request = coalesce(%s, request), lease_until = NULL,
                due_at = now() + make_interval(secs => %s)
            WHERE id = %s AND lease_token = %s AND state = 'sending'
            """,
            [
                state,
                state,
                reason,
                None if request is None else json(request),
                retry_in_seconds,
                intent.id,
                intent.lease_token,
            ],
        )
    )
