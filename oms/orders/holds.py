"""Holds: an order is not routed while one is open. Each is placed and released alone."""

from django.db import transaction
from django.utils import timezone

from oms.core import timers
from oms.core.actor import Actor
from oms.core.errors import Refused
from oms.orders import timeline
from oms.orders.locks import lock_orders
from oms.orders.models import Hold, Order


@transaction.atomic
def place(*, order_id: int, kind: str, reason: str, actor: Actor) -> Hold:
    """Hold the order. A hold of the same kind that is open already is returned as it is."""
    lock_orders([order_id])
    order = Order.objects.get(pk=order_id)

    if existing := order.holds.filter(kind=kind, released_at=None).first():
        return existing
    if kind not in Hold.Kind.values:
        raise Refused(f"There is no hold of kind {kind}.")
    if not reason.strip():
        raise Refused("Say why the order is held, so that the next person knows.")

    hold = Hold.objects.create(
        store_id=order.store_id, order=order, kind=kind, reason=reason, placed_by=str(actor)
    )

    timeline.record(
        store_id=order.store_id,
        order_id=order_id,
        kind="hold.placed",
        actor=actor,
        data={"reason": reason, "hold": kind},
    )
    return hold


@transaction.atomic
def release(*, hold_id: int, actor: Actor) -> Hold:
    """Release one hold; the order is routed again when it was the last. Repeating it is quiet."""
    hold = Hold.objects.select_related("order").get(pk=hold_id)
    lock_orders([hold.order_id])
    hold.refresh_from_db()

    if hold.released_at:
        return hold

    hold.released_at = timezone.now()
    hold.released_by = str(actor)
    hold.released_by_user_id = actor.user_id
    hold.save(update_fields=["released_at", "released_by", "released_by_user"])

    timeline.record(
        store_id=hold.store_id,
        order_id=hold.order_id,
        kind="hold.released",
        actor=actor,
        data={"reason": hold.reason, "hold": hold.kind},
    )
    if not hold.order.holds.filter(released_at=None).exists():
        timers.start(store_id=hold.store_id, kind="route", subject_ids=[hold.order_id])
        timers.start(store_id=hold.store_id, kind="release", subject_ids=[hold.order_id])
    return hold
