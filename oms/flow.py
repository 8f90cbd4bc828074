"""What follows what, across the rooms: the inbox is drained here, and changes are carried through.

drain_inbox    raw messages to the handler of their topic, one bad message at a time set apart
orders_changed snapshots into the orders room; what the shop took off is taken off the work, what
               it sold over the counter leaves that shelf
"""

from collections.abc import Callable, Sequence
from decimal import Decimal

from django.db import transaction

from inventory import backorders
from oms import till
from oms.core import batches, inbox, outbox
from oms.core.actor import SHOPIFY, Actor
from oms.core.errors import BadPayload, NotYet, Refused
from oms.core.failpoints import failpoint
from oms.core.inbox import Message
from oms.core.sql import fetch
from oms.fulfillment import commands as fulfillment
from oms.orders import intake, money, pricing, timeline, units
from oms.orders.intake import Intake, Withdrawal
from oms.orders.locks import lock_orders
from oms.orders.models import Order, OrderLine
from oms.orders.snapshots import OrderSnapshot
from oms.shopify import parse, pull
from oms.shopify.topics import TOPICS, Handled, Ignored

Handler = Callable[[int, Sequence[Message]], None]

# An order before what happened to it: within a batch, handlers run in this order.
FIRST = ("orders", "transactions", "refunds", "fulfillments")
READ_AGAIN_SECONDS = 5.0


@transaction.atomic
def drain_inbox(handlers: dict[str, Handler], *, limit: int) -> int:
    """Read up to `limit` messages; return how many. Each ends done, ignored, later or set apart."""
    messages = inbox.claim(limit)
    groups: dict[tuple[int, str], list[Message]] = {}
    ignored: list[tuple[int, str]] = []
    set_apart: list[tuple[int, str]] = []
    for message in messages:
        entry = TOPICS.get(message.topic)
        if isinstance(entry, Handled):
            groups.setdefault((message.store_id, entry.handler), []).append(message)
        elif isinstance(entry, Ignored):
            ignored.append((message.id, entry.reason))
        else:
            reason = entry.reason if entry else f"Switchyard does not know {message.topic}."
            set_apart.append((message.id, reason))

    done = {m.id for group in groups.values() for m in group}
    for (store_id, name), group in sorted(groups.items(), key=_rank):

        def work(part: Sequence[Message], store_id: int = store_id, name: str = name) -> None:
            handlers[name](store_id, part)

        def poison(message: Message, error: Exception) -> None:
            done.discard(message.id)
            if isinstance(error, NotYet):
                _read_later(message, error)
            else:
                set_apart.append((message.id, _reason(error)))

        batches.halve(group, work, poison)
    inbox.done(sorted(done))
    inbox.ignored([i for i, _ in ignored], [reason for _, reason in ignored])
    inbox.quarantined([i for i, _ in set_apart], [reason for _, reason in set_apart])
    failpoint("flow.drain.before_commit")
    return len(messages)


def _rank(entry: tuple[tuple[int, str], list[Message]]) -> tuple[int, int, str]:
    (store_id, name), _ = entry
    return FIRST.index(name) if name in FIRST else len(FIRST), store_id, name


def _read_later(message: Message, error: NotYet) -> None:
    inbox.later([message.id], seconds=READ_AGAIN_SECONDS, reason=error.reason)
    if error.order_remote_id:
        outbox.publish(
            store_id=message.store_id,
            topic="order.fetch",
            key=f"order:{error.order_remote_id}",
            params={"remote_id": error.order_remote_id},
            priority=20,
        )


def _reason(error: Exception) -> str:
    if isinstance(error, BadPayload):
        return error.reason
    if isinstance(error, Refused):
        return error.sentence
    return f"Switchyard could not apply it: {type(error).__name__}: {error}"[:2000]


def orders_changed(store_id: int, messages: Sequence[Message]) -> None:
    """The handler of orders/*: whole orders, new or changed."""
    for event in ("order.placed", "order.imported"):
        part = [m for m in messages if _event_of(m) == event]
        if part:
            take_in_orders(
                store_id=store_id,
                snapshots=[parse.parse_order(message.body) for message in part],
                inbox_ids=[message.id for message in part],
                actor=SHOPIFY,
                placed_event=event,
            )


def _event_of(message: Message) -> str:
    """An order that we had to read ourselves is marked as such, should it turn out to be new."""
    return "order.imported" if message.topic == pull.ORDER_FOUND else "order.placed"


@transaction.atomic
def take_in_orders(
    *,
    store_id: int,
    snapshots: Sequence[OrderSnapshot],
    actor: Actor,
    inbox_ids: Sequence[int | None] | None = None,
    placed_event: str = "order.placed",
) -> Intake:
    """Take snapshots in and carry through what they took off: webhooks and gap checks meet here."""
    result = intake.take_in(
        store_id=store_id,
        snapshots=snapshots,
        actor=actor,
        inbox_ids=inbox_ids,
        placed_event=placed_event,
    )
    by_order: dict[int, list[Withdrawal]] = {}
    for withdrawal in result.withdrawals:
        by_order.setdefault(withdrawal.order_id, []).append(withdrawal)
    for order_id in sorted(by_order):
        withdraw(order_id=order_id, withdrawals=by_order[order_id], actor=actor)
    till.hand_over(
        store_id=store_id, snapshots=snapshots, new=result.new, changed=result.changed, actor=actor
    )
    cancelled = {s.remote_id for s in snapshots if s.cancelled_at}
    if cancelled:
        _close_unpaid(store_id, cancelled, actor)
    return result


@transaction.atomic
def withdraw(*, order_id: int, withdrawals: Sequence[Withdrawal], actor: Actor) -> int:
    """Cancel units the shop no longer wants, the least committed first; return how many.

    Units without a place go first, then planned and released work. What is packed or gone stays:
    the queue shows it as cancelled too late.
    """
    lock_orders([order_id])
    order = Order.objects.get(pk=order_id)
    lines = OrderLine.objects.in_bulk([w.line_id for w in withdrawals])

    moves: list[units.Move] = []
    rest: dict[int, int] = {}
    taken: dict[int, int] = {}
    for w in withdrawals:
        line = lines[w.line_id]
        from_open = min(line.open, w.quantity)
        from_backorder = min(line.backordered, w.quantity - from_open)
        moves.append(units.Move(line.pk, "open", "cancelled", from_open))
        moves.append(units.Move(line.pk, "backordered", "cancelled", from_backorder))
        taken[line.pk] = from_open + from_backorder
        rest[line.pk] = w.quantity - taken[line.pk]
    units.move(m for m in moves if m.quantity)
    if any(m.source == "backordered" and m.quantity for m in moves):
        backorders.start({order_id: order.store_id})
    rest = {line_id: quantity for line_id, quantity in rest.items() if quantity}
    left: dict[int, int] = {}
    if rest:
        withdrawn = fulfillment.withdraw(
            order_id=order_id, quantities=rest, reason="no longer wanted in Shopify", actor=actor
        )
        left = withdrawn.left
        for line_id, quantity in withdrawn.taken.items():
            taken[line_id] += quantity

    _post_cancelled(order, lines, taken, actor)
    if total := sum(taken.values()):
        timeline.record(
            store_id=order.store_id,
            order_id=order_id,
            kind="order.units_cancelled",
            actor=actor,
            data={"units": total, "reason": "no longer wanted in Shopify"},
        )
    if too_late := sum(left.values()):
        timeline.record(
            store_id=order.store_id,
            order_id=order_id,
            kind="order.cancel_too_late",
            actor=actor,
            data={"units": too_late},
        )
    return total


def _post_cancelled(
    order: Order, lines: dict[int, OrderLine], taken: dict[int, int], actor: Actor
) -> None:
    """What the cancelled units were worth is owed no more."""
    entries = []
    for line_id, quantity in taken.items():
        if not quantity:
            continue
        line = lines[line_id]
        already = line.cancelled + line.returned
        value = pricing.value_of(line, already=already, quantity=quantity, currency=order.currency)
        entries.append(
            money.Entry(
                order.store_id,
                order.pk,
                money.OWED,
                "cancel",
                -value,
                order.currency,
                f"line:{line_id}:cancelled:{line.cancelled + quantity}",
            )
        )
    money.post(entries, actor=actor)


def _close_unpaid(store_id: int, remote_ids: set[int], actor: Actor) -> None:
    """An order cancelled before anybody paid owes nothing, delivery included."""
    rows = fetch(
        """
        SELECT o.id, o.currency FROM orders_order o
        WHERE o.store_id = %s AND o.remote_id = ANY(%s::bigint[]) AND o.cancelled_at IS NOT NULL
          AND NOT EXISTS (SELECT 1 FROM orders_moneyentry m
                          WHERE m.order_id = o.id AND m."column" = 'moved')
          AND NOT EXISTS (SELECT 1 FROM orders_orderline l
                          WHERE l.order_id = o.id AND l.ordered > l.cancelled)
        ORDER BY o.id FOR UPDATE OF o
        """,
        [store_id, sorted(remote_ids)],
    )
    balances = money.balances(order_id for order_id, _ in rows)
    money.post(
        [
            money.Entry(
                store_id,
                order_id,
                money.OWED,
                "cancel",
                -balances.get(order_id, (Decimal(0), Decimal(0)))[0],
                currency,
                "order:cancelled",
            )
            for order_id, currency in rows
        ],
        actor=actor,
    )
