"""A return from the request to its end: asked for, approved or declined, called off, closed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction

from oms.core.actor import Actor
from oms.core.errors import Refused
from oms.core.sql import fetch, next_ids
from oms.core.states import check_move
from oms.orders import timeline
from oms.orders.locks import lock_orders
from oms.orders.models import Order, OrderLine
from returns.commands.handling import locked, record, set_state, tell_shopify, undecided
from returns.models import RMA, RMALine
from returns.states import EXPECTING, RETURN
from returns.states import Return as State

DECLINE_LIMIT = 500


@dataclass(slots=True, frozen=True)
class Asked:
    """Units of an order line that shall come back, and why."""

    line_id: int
    quantity: int
    reason: str = ""
    remote_id: int | None = None


@transaction.atomic
def request(
    *,
    order_id: int,
    lines: Sequence[Asked],
    actor: Actor,
    remote_id: int | None = None,
    number: str = "",
    request_key: str | None = None,
) -> RMA:
    """Ask for units to come back: only shipped ones, and none that another return asks for already.

    A return that the shop told us of before, or that is the echo of our own, is found again.
    """
    lock_orders([order_id])
    order = Order.objects.get(pk=order_id)

    if known := _known(order, lines, remote_id, request_key):
        return known
    _check_asked(order, lines)

    (rma_id,) = next_ids("returns_rma", 1)
    rma = RMA.objects.create(
        pk=rma_id,
        store_id=order.store_id,
        order=order,
        number=number or f"RET-{rma_id}",
        remote_id=remote_id,
    )
    RMALine.objects.bulk_create(
        RMALine(
            rma=rma,
            line_id=asked.line_id,
            quantity=asked.quantity,
            reason=asked.reason,
            remote_id=asked.remote_id,
        )
        for asked in lines
    )

    record(
        rma,
        "return.requested",
        actor,
        {"units": sum(asked.quantity for asked in lines)},
        # The key also lets a repeat find the return it made.
        request_key,
    )
    return RMA.objects.get(pk=rma_id)


@transaction.atomic
def approve(*, rma_id: int, actor: Actor) -> RMA:
    """Let the customer send the units back. Repeating it is quiet."""
    rma = locked(rma_id)

    if rma.approved_at:
        return rma
    check_move(RETURN, current=rma.state, to=State.APPROVED, what=rma.number)

    set_state(rma, State.APPROVED, "approved_at")

    asked = sum(line.quantity for line in rma.lines.all())
    record(rma, "return.approved", actor, {"units": asked})
    # The shop opens an approved return in one step when it does not know it yet.
    tell_shopify(rma, "return.approve" if rma.remote_id else "return.create", actor)
    return rma


@transaction.atomic
def decline(*, rma_id: int, reason: str, actor: Actor) -> RMA:
    """Say no to a return that was asked for, with a reason that the customer reads."""
    rma = locked(rma_id)

    if rma.state == State.DECLINED:
        return rma
    check_move(RETURN, current=rma.state, to=State.DECLINED, what=rma.number)
    if not reason.strip():
        raise Refused("Say why the return is declined; the customer reads it.")
    if len(reason) > DECLINE_LIMIT:
        raise Refused(f"The reason has {len(reason)} characters; Shopify takes {DECLINE_LIMIT}.")

    set_state(rma, State.DECLINED, "closed_at")

    record(rma, "return.declined", actor, {"reason": reason})
    if rma.remote_id:
        tell_shopify(rma, "return.decline", actor, {"reason": reason})
    return rma


@transaction.atomic
def cancel(*, rma_id: int, reason: str, actor: Actor) -> RMA:
    """Call off a return of which nothing has arrived; its units may be asked for again."""
    rma = locked(rma_id)

    if rma.state == State.CANCELLED:
        return rma
    check_move(RETURN, current=rma.state, to=State.CANCELLED, what=rma.number)
    if not reason.strip():
        raise Refused("Say why the return is called off.")
    if rma.lines.filter(missing__gt=0).exists():
        raise Refused(f"{rma.number} has units decided as missing; close it instead.")

    set_state(rma, State.CANCELLED, "closed_at")

    record(rma, "return.cancelled", actor, {"reason": reason})
    if rma.remote_id:
        tell_shopify(rma, "return.cancel", actor)
    return rma


@transaction.atomic
def close(*, rma_id: int, actor: Actor) -> RMA:
    """End a return whose every unit is decided. The shop may close one earlier; then the goods
    that have arrived still wait for their decision."""
    rma = locked(rma_id)

    if rma.state == State.CLOSED:
        return rma
    check_move(RETURN, current=rma.state, to=State.CLOSED, what=rma.number)
    if actor.kind != "shopify" and (left := undecided(rma)):
        raise Refused(
            f"{rma.number}: {left} units are not decided; inspect them or note them as missing."
        )

    set_state(rma, State.CLOSED, "closed_at")

    record(rma, "return.closed", actor, {})
    if rma.remote_id:
        tell_shopify(rma, "return.close", actor)
    return rma


@transaction.atomic
def record_remote(*, rma_id: int, remote_id: int, line_remote_ids: Mapping[int, int]) -> None:
    """Note the ids that Shopify gave to a return of ours, and to its lines by order line."""
    rma = locked(rma_id)
    rma.remote_id = remote_id
    rma.save(update_fields=["remote_id"])
    for line in rma.lines.all():
        if line.line_id in line_remote_ids:
            line.remote_id = line_remote_ids[line.line_id]
            line.save(update_fields=["remote_id"])


def returnable(order_id: int) -> dict[int, int]:
    """Units by order line that may still come back: shipped, and in no return that expects them."""
    return dict(fetch(_RETURNABLE, [list(EXPECTING), order_id]))


def _known(
    order: Order, lines: Sequence[Asked], remote_id: int | None, request_key: str | None
) -> RMA | None:
    """The return that this request made before: by its key, its remote id, or as our own echo."""
    if timeline.was_recorded(order.pk, request_key):
        event = order.events.get(request_key=request_key)
        return RMA.objects.get(pk=event.data["rma_id"])
    if remote_id is None:
        return None
    if rma := order.rmas.filter(remote_id=remote_id).first():
        return rma
    asked = {line.line_id: line.quantity for line in lines}
    for rma in order.rmas.filter(remote_id=None, state=State.APPROVED).order_by("pk"):
        if dict(rma.lines.values_list("line_id", "quantity")) == asked:
            remote_ids = {line.line_id: line.remote_id for line in lines if line.remote_id}
            record_remote(rma_id=rma.pk, remote_id=remote_id, line_remote_ids=remote_ids)
            return RMA.objects.get(pk=rma.pk)
    return None


def _check_asked(order: Order, lines: Sequence[Asked]) -> None:
    if not lines:
        raise Refused("Choose at least one line to come back.")
    if len({asked.line_id for asked in lines}) < len(lines):
        raise Refused("A line stands twice in this return; add its units up.")
    free = returnable(order.pk)
    names = dict(OrderLine.objects.filter(order=order).values_list("pk", "sku"))
    for asked in lines:
        if asked.line_id not in names:
            raise Refused(f"{order.name} has no such line.")
        if asked.quantity < 1:
            raise Refused("At least one unit of a line has to come back.")
        if asked.quantity > free[asked.line_id]:
            raise Refused(
                f"{free[asked.line_id]} of {names[asked.line_id]} can come back,"
                f" not {asked.quantity}: the rest has not shipped or is in another return."
            )


# What left, less what open returns still expect: units that came back have left `shipped`.
_RETURNABLE = """
SELECT l.id, greatest(l.shipped - coalesce(sum(n.quantity - n.received - n.missing), 0), 0)::int
FROM orders_orderline l
LEFT JOIN (returns_rmaline n JOIN returns_rma m
           ON m.id = n.rma_id AND m.state = ANY(%s::text[])) ON n.line_id = l.id
WHERE l.order_id = %s GROUP BY l.id
"""
