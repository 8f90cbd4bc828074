"""The order lock: always first, always sorted by key, one statement."""

from collections.abc import Iterable

from oms.core.sql import fetch


def lock_orders(order_ids: Iterable[int]) -> None:
    """Lock these orders until the transaction ends. Every command takes this lock first."""
    fetch(
        "SELECT id FROM orders_order WHERE id = ANY(%s::bigint[]) ORDER BY id FOR UPDATE",
        [sorted(set(order_ids))],
    )


def lock_free_orders(order_ids: Iterable[int]) -> list[int]:
    """Lock those of these orders that nobody else holds; return which. For batch jobs."""
    rows = fetch(
        "SELECT id FROM orders_order WHERE id = ANY(%s::bigint[]) ORDER BY id"
        " FOR UPDATE SKIP LOCKED",
        [sorted(set(order_ids))],
    )
    return [row[0] for row in rows]
