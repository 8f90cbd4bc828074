"""Stream marks: when a stream last succeeded, where it goes on, what it found."""

from typing import Any

from oms.core.sql import execute, fetch, json


def succeeded(
    store_id: int, stream: str, *, cursor: str | None = None, facts: dict[str, Any] | None = None
) -> None:
    """Note a success; `cursor` and `facts` replace the old ones when given."""
    execute(
        """
        INSERT INTO core_streammark (store_id, stream, cursor, last_success_at, last_error, facts)
        VALUES (%s, %s, coalesce(%s, ''), now(), '', coalesce(%s, '{}'::jsonb))
        ON CONFLICT (store_id, stream) DO UPDATE
        SET last_success_at = now(), last_error = '',
            cursor = coalesce(%s, core_streammark.cursor),
            facts = coalesce(%s, core_streammark.facts)
        """,
        [store_id, stream, *[cursor, json(facts) if facts is not None else None] * 2],
    )


def failed(store_id: int, stream: str, error: str) -> None:
    """Note a failure; the last success and the cursor stay."""
    execute(
        """
        INSERT INTO core_streammark (store_id, stream, cursor, last_error_at, last_error, facts)
        VALUES (%s, %s, '', now(), %s, '{}')
        ON CONFLICT (store_id, stream) DO UPDATE
        SET last_error_at = now(), last_error = excluded.last_error
        """,
        [store_id, stream, error],
    )


def cursor(store_id: int, stream: str) -> str:
    """Where the stream goes on; empty when it never ran."""
    rows = fetch(
        "SELECT cursor FROM core_streammark WHERE store_id = %s AND stream = %s",
        [store_id, stream],
    )
    return rows[0][0] if rows else ""
