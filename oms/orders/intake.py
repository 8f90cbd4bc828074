"""Orders come in: whole snapshots, many at once, the newest version wins.

A new order gets its lines, its money and a timer for routing. A newer snapshot of a known order is
compared unit by unit; what the shop took off is reported to the caller, who knows what has become
of those units (oms/flow.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from oms.core import timers
from oms.core.actor import Actor
from oms.core.sql import execute, fetch
from oms.orders import money, order_rows, timeline
from oms.orders.locks import lock_orders
from oms.orders.snapshots import LineSnapshot, OrderSnapshot


@dataclass(slots=True, frozen=True)
class Withdrawal:
    """Up to `quantity` units that the shop no longer wants shipped."""

    order_id: int
    line_id: int
    quantity: int


@dataclass(slots=True)
class Intake:
    """What came of a batch: ids of new and changed orders, units to withdraw, old news."""

    new: list[int] = field(default_factory=list)
    changed: list[int] = field(default_factory=list)
    withdrawals: list[Withdrawal] = field(default_factory=list)
    stale: int = 0


@transaction.atomic
def take_in(
    *,
    store_id: int,
    snapshots: Sequence[OrderSnapshot],
    actor: Actor,
    inbox_ids: Sequence[int | None] | None = None,
    placed_event: str = "order.placed",
) -> Intake:
    """Store the snapshots. Repeating one, or sending an older one, changes nothing."""
    result = Intake()
    newest: dict[int, tuple[OrderSnapshot, int | None]] = {}
    for snapshot, inbox_id in zip(snapshots, inbox_ids or [None] * len(snapshots), strict=True):
        held = newest.get(snapshot.remote_id)
        if held and held[0].updated_at >= snapshot.updated_at:
            result.stale += 1
        else:
            result.stale += held is not None
            newest[snapshot.remote_id] = (snapshot, inbox_id)

    # Sorted, so that two batches with the same orders never wait for each other in a circle.
    batch = [newest[remote_id] for remote_id in sorted(newest)]
    customers = order_rows.upsert_customers(store_id, [s.customer for s, _ in batch if s.customer])
    ids = order_rows.insert_orders(store_id, batch, customers)
    fresh = [(ids[s.remote_id], s) for s, _ in batch if s.remote_id in ids]
    known = [s for s, _ in batch if s.remote_id not in ids]
    if fresh:
        order_rows.add_lines(
            store_id, [(order_id, line) for order_id, s in fresh for line in s.lines]
        )
        _post_owed(store_id, fresh, actor)
        timeline.record_many(
            [
                timeline.EventRow(
                    store_id, order_id, placed_event, actor, {"name": s.name}, "placed"
                )
                for order_id, s in fresh
            ]
        )
        timers.start(store_id=store_id, kind="route", subject_ids=[i for i, _ in fresh])
        result.new = [order_id for order_id, _ in fresh]
    if known:
        _apply_newer(store_id, known, customers, actor, result)
    return result


def _post_owed(store_id: int, orders: Sequence[tuple[int, OrderSnapshot]], actor: Actor) -> None:
    """The owed column of new orders, in parts that add up to the total."""
    entries = []
    for order_id, s in orders:
        tax = Decimal(0) if s.taxes_included else s.tax_total
        parts = {
            "items": s.items_total,
            "discount": -s.discount_total,
            "delivery": s.delivery_total,
            "tax": tax,
        }
        # Tips, duties and rounding: whatever else is in the total.
        parts["other"] = s.total - sum(parts.values(), Decimal(0))
        entries += [
            money.Entry(
                store_id, order_id, money.OWED, cause, amount, s.currency, f"placed:{cause}"
            )
            for cause, amount in parts.items()
        ]
    money.post(entries, actor=actor)


def _apply_newer(
    store_id: int,
    snapshots: Sequence[OrderSnapshot],
    customers: dict[int, int],
    actor: Actor,
    result: Intake,
) -> None:
    by_remote = {s.remote_id: s for s in snapshots}
    orders = fetch(
        "SELECT id, remote_id FROM orders_order"
        " WHERE store_id = %s AND remote_id = ANY(%s::bigint[])",
        [store_id, list(by_remote)],
    )
    lock_orders(order_id for order_id, _ in orders)
    # Read the version again: it may have moved on before we had the lock.
    versions: dict[int, datetime] = dict(
        fetch(
            "SELECT id, remote_updated_at FROM orders_order WHERE id = ANY(%s::bigint[])",
            [[order_id for order_id, _ in orders]],
        )
    )
    newer = {
        order_id: by_remote[remote_id]
        for order_id, remote_id in orders
        if versions[order_id] < by_remote[remote_id].updated_at
    }
    result.stale += len(orders) - len(newer)
    if not newer:
        return
    order_rows.overwrite_orders(store_id, list(newer.values()), customers)
    _compare_lines(store_id, newer, actor, result)


def _compare_lines(
    store_id: int, newer: dict[int, OrderSnapshot], actor: Actor, result: Intake
) -> None:
    rows = fetch(
        """
        SELECT order_id, remote_id, id, ordered, wanted, cancelled,
               open + backordered + reserved + released, unit_price
        FROM orders_orderline WHERE order_id = ANY(%s::bigint[])
        """,
        [list(newer)],
    )
    known = {(row[0], row[1]): row[2:] for row in rows}
    added: list[tuple[int, LineSnapshot]] = []
    grown: list[tuple[int, int]] = []
    wanted: list[tuple[int, int]] = []
    owed: list[money.Entry] = []
    changes: dict[int, list[str]] = {}
    for order_id, snapshot in newer.items():
        for line in snapshot.lines:
            held = known.get((order_id, line.remote_id))
            if held is None:
                added.append((order_id, line))
                changes.setdefault(order_id, []).append(f"{line.quantity} x {line.sku} added")
                owed.append(_edit(store_id, order_id, snapshot, line, 0))
                continue
            line_id, ordered, was_wanted, cancelled, outstanding, _ = held
            if line.quantity > ordered:
                grown.append((line_id, line.quantity - ordered))
                changes.setdefault(order_id, []).append(f"{line.sku} {ordered} to {line.quantity}")
                owed.append(_edit(store_id, order_id, snapshot, line, ordered))
            if line.current != was_wanted:
                wanted.append((line_id, line.current))
            # Taken off, and not because it was shipped and came back.
            off = min(
                max(line.quantity, ordered) - cancelled - line.current,
                outstanding + max(line.quantity - ordered, 0) - line.fulfillable,
            )
            if off > 0:
                result.withdrawals.append(Withdrawal(order_id, line_id, off))
                changes.setdefault(order_id, []).append(f"{off} x {line.sku} taken off")
    if added:
        order_rows.add_lines(store_id, added)
    _grow(grown)
    if wanted:
        execute(
            "UPDATE orders_orderline l SET wanted = t.wanted"
            " FROM unnest(%s::bigint[], %s::int[]) AS t(id, wanted) WHERE l.id = t.id",
            [[w[0] for w in wanted], [w[1] for w in wanted]],
        )
    money.post(owed, actor=actor)
    timeline.record_many(
        [
            timeline.EventRow(
                store_id, order_id, "order.changed", actor, {"changes": ", ".join(words)}
            )
            for order_id, words in changes.items()
        ]
    )
    more = {order_id for order_id, _ in added} | {
        row[0] for row in rows if row[2] in {line_id for line_id, _ in grown}
    }
    timers.start(store_id=store_id, kind="route", subject_ids=sorted(more))
    result.changed = list(newer)


def _grow(grown: Sequence[tuple[int, int]]) -> None:
    if grown:
        execute(
            "UPDATE orders_orderline l SET ordered = ordered + t.more, open = open + t.more"
            " FROM unnest(%s::bigint[], %s::int[]) AS t(id, more) WHERE l.id = t.id",
            [[g[0] for g in grown], [g[1] for g in grown]],
        )


def _edit(
    store_id: int, order_id: int, snapshot: OrderSnapshot, line: LineSnapshot, before: int
) -> money.Entry:
    """What an edit adds to the owed column: the units that are new, with their share of tax."""
    share = Decimal(line.quantity - before) / line.quantity
    amount = line.unit_price * (line.quantity - before) + (line.tax - line.discount) * share
    return money.Entry(
        store_id,
        order_id,
        money.OWED,
        "edit",
        amount,
        snapshot.currency,
        f"line:{line.remote_id}:ordered:{line.quantity}",
    )
