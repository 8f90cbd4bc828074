"""Timers: work that is due at a moment, one row per kind and subject."""

from collections.abc import Sequence
from datetime import datetime

from oms.core.sql import execute, fetch


def start(
    *,
    store_id: int,
    kind: str,
    subject_ids: Sequence[int],
    due_at: datetime | None = None,
    waits_for: str = "",
) -> None:
    """Make the subjects due at `due_at` (default: now). A timer that is due earlier stays."""
    if not subject_ids:
        return
    execute(
        """
        INSERT INTO core_timer (store_id, kind, subject_id, due_at, waits_for)
        SELECT %s, %s, subject, coalesce(%s::timestamptz, now()), %s
        FROM unnest(%s::bigint[]) AS subject ORDER BY subject
        ON CONFLICT (kind, subject_id) DO UPDATE
        SET due_at = least(core_timer.due_at, excluded.due_at), waits_for = excluded.waits_for
        """,
        [store_id, kind, due_at, waits_for, list(subject_ids)],
    )


def postpone(*, kind: str, waits: Sequence[tuple[int, float, str]]) -> None:
    """Move claimed timers to a later time: (subject id, seconds from now, what it waits for)."""
    if not waits:
        return
    execute(
        """
        UPDATE core_timer SET due_at = now() + make_interval(secs => seconds),
               waits_for = words, attempts = attempts + 1
        FROM unnest(%s::bigint[], %s::float[], %s::text[]) AS t(subject, seconds, words)
        WHERE kind = %s AND subject_id = subject
        """,
        [[w[0] for w in waits], [w[1] for w in waits], [w[2] for w in waits], kind],
    )


def stop(kind: str, subject_ids: Sequence[int]) -> None:
    """Take the timers away: the work is done or no longer needed."""
    if subject_ids:
        execute(
            "DELETE FROM core_timer WHERE kind = %s AND subject_id = ANY(%s::bigint[])",
            [kind, list(subject_ids)],
        )


def claim(kind: str, limit: int) -> list[tuple[int, int]]:
    """Lock up to `limit` due timers for this transaction: (store id, subject id), by subject."""
    rows = fetch(
        """
        SELECT store_id, subject_id FROM core_timer
        WHERE kind = %s AND due_at <= statement_timestamp()
        ORDER BY due_at, subject_id LIMIT %s FOR UPDATE SKIP LOCKED
        """,
        [kind, limit],
    )
    return sorted(rows, key=lambda row: row[1])


def due(kind: str, limit: int) -> list[int]:
    """Up to `limit` subjects that are due, by subject: a look that locks nothing."""
    rows = fetch(
        """
        SELECT subject_id FROM core_timer WHERE kind = %s AND due_at <= statement_timestamp()
        ORDER BY due_at, subject_id LIMIT %s
        """,
        [kind, limit],
    )
    return sorted(row[0] for row in rows)


def any_due(kind: str) -> bool:
    """Whether there is work of this kind, for the scheduler that rings the bell."""
    return bool(
        fetch(
            "SELECT 1 FROM core_timer WHERE kind = %s AND due_at <= statement_timestamp() LIMIT 1",
            [kind],
        )
    )
