"""The inbox: what came from outside, kept as it came, read in batches, refused with a reason."""

from collections.abc import Sequence
from dataclasses import dataclass

from oms.core.sql import execute, fetch

MAX_ATTEMPTS = 5


@dataclass(slots=True, frozen=True)
class Message:
    """A claimed delivery: raw bytes and what the envelope said."""

    id: int
    store_id: int
    topic: str
    body: bytes
    attempts: int


def claim(limit: int) -> list[Message]:
    """Lock up to `limit` waiting messages for this transaction, oldest first."""
    rows = fetch(
        """
        SELECT id, store_id, topic, body, attempts FROM core_inboxmessage
        WHERE state = 'new' AND due_at <= statement_timestamp()
        ORDER BY due_at, id LIMIT %s FOR UPDATE SKIP LOCKED
        """,
        [limit],
    )
    return [Message(row[0], row[1], row[2], bytes(row[3]), row[4]) for row in rows]


def any_due() -> bool:
    """Whether a message waits, for the scheduler that rings the bell."""
    return bool(
        fetch(
            "SELECT 1 FROM core_inboxmessage"
            " WHERE state = 'new' AND due_at <= statement_timestamp() LIMIT 1"
        )
    )


def done(ids: Sequence[int]) -> None:
    """The messages were applied."""
    _end(ids, "done", [""] * len(ids))


def ignored(ids: Sequence[int], reasons: Sequence[str]) -> None:
    """The messages were understood and need nothing; the reason says why."""
    _end(ids, "ignored", reasons)


def quarantined(ids: Sequence[int], reasons: Sequence[str]) -> None:
    """The messages cannot be applied; the raw bytes stay and the queue shows the reason."""
    _end(ids, "quarantined", reasons)


def later(ids: Sequence[int], *, seconds: float, reason: str) -> None:
    """Read them again later, e.g. when their order is not known yet; too often is quarantine."""
    if ids:
        execute(
            """
            UPDATE core_inboxmessage
            SET attempts = attempts + 1, reason = %s,
                state = CASE WHEN attempts + 1 >= %s THEN 'quarantined' ELSE 'new' END,
                due_at = now() + make_interval(secs => %s * power(2, attempts))
            WHERE id = ANY(%s::bigint[])
            """,
            [reason, MAX_ATTEMPTS, seconds, list(ids)],
        )


def read_again(message_id: int) -> bool:
    """Put a quarantined message back in line, e.g. after its cause was mended."""
    return bool(
        execute(
            """
            UPDATE core_inboxmessage
            SET state = 'new', attempts = 0, due_at = now(), reason = '', done_at = NULL
            WHERE id = %s AND state = 'quarantined'
            """,
            [message_id],
        )
    )


def _end(ids: Sequence[int], state: str, reasons: Sequence[str]) -> None:
    if ids:
        execute(
            """
            UPDATE core_inboxmessage m SET state = %s, reason = t.reason, done_at = now()
            FROM unnest(%s::bigint[], %s::text[]) AS t(id, reason) WHERE m.id = t.id
            """,
            [state, list(ids), list(reasons)],
        )
