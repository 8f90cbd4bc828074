"""Payment transactions come in, once each, and move money in the ledger when they succeed."""

from collections.abc import Sequence

from django.db import transaction

from oms.core.actor import Actor
from oms.core.sql import fetch
from oms.orders import money, timeline
from oms.orders.snapshots import TransactionSnapshot

# Which way money goes. An authorization or a void moves none.
DIRECTION = {"sale": 1, "capture": 1, "refund": -1, "change": -1}
SUCCESS = "success"


@transaction.atomic
def record(*, store_id: int, transactions: Sequence[TransactionSnapshot], actor: Actor) -> set[int]:
    """Store transactions of known orders; return the remote ids of orders we do not know.

    A transaction that changes state (pending to success) is stored over and then moves its money.
    """
    known: dict[int, int] = dict(
        fetch(
            "SELECT remote_id, id FROM orders_order"
            " WHERE store_id = %s AND remote_id = ANY(%s::bigint[])",
            [store_id, [t.order_remote_id for t in transactions]],
        )
    )
    # The last one wins when the same transaction comes twice in a batch.
    rows = list({t.remote_id: t for t in transactions if t.order_remote_id in known}.values())
    if not rows:
        return {t.order_remote_id for t in transactions}
    changed = fetch(
        """
        INSERT INTO orders_paymenttransaction AS p
               (store_id, order_id, remote_id, parent_remote_id, refund_remote_id, kind, status,
                gateway, amount, currency, processed_at, error)
        SELECT %s, t.* FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
            %s::text[], %s::text[], %s::text[], %s::numeric[], %s::text[], %s::timestamptz[],
            %s::text[]) AS t
        ON CONFLICT (store_id, remote_id) DO UPDATE
        SET status = excluded.status, error = excluded.error, amount = excluded.amount,
            refund_remote_id = coalesce(excluded.refund_remote_id, p.refund_remote_id)
        WHERE p.status <> 'success'
              AND (p.status, p.amount) IS DISTINCT FROM (excluded.status, excluded.amount)
           OR p.refund_remote_id IS NULL AND excluded.refund_remote_id IS NOT NULL
        RETURNING remote_id
        """,
        [
            store_id,
            [known[t.order_remote_id] for t in rows],
            [t.remote_id for t in rows],
            [t.parent_remote_id for t in rows],
            [t.refund_remote_id for t in rows],
            [t.kind for t in rows],
            [t.status for t in rows],
            [t.gateway for t in rows],
            [t.amount for t in rows],
            [t.currency for t in rows],
            [t.processed_at for t in rows],
            [t.error for t in rows],
        ],
    )
    news = {row[0] for row in changed}
    money.post(
        [
            money.Entry(
                store_id,
                known[t.order_remote_id],
                money.MOVED,
                "refund" if DIRECTION[t.kind] < 0 else "payment",
                t.amount * DIRECTION[t.kind],
                t.currency,
                f"transaction:{t.remote_id}",
            )
            for t in rows
            if t.status == SUCCESS and t.kind in DIRECTION
        ],
        actor=actor,
    )
    timeline.record_many(
        [
            timeline.EventRow(
                store_id,
                known[t.order_remote_id],
                "payment.recorded",
                actor,
                {
                    "kind": t.kind.capitalize(),
                    "amount": str(t.amount),
                    "currency": t.currency,
                    "status": t.status,
                },
                f"transaction:{t.remote_id}:{t.status}",
            )
            for t in rows
            if t.remote_id in news
        ]
    )
    return {t.order_remote_id for t in transactions} - set(known)
