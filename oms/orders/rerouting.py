"""Asking routing to look at an order again, before its next turn."""

from django.db import transaction
from django.db.models import Q

from oms.core import timers
from oms.core.actor import Actor
from oms.core.errors import Refused
from oms.orders import timeline
from oms.orders.locks import lock_orders
from oms.orders.models import Order


@transaction.atomic
def route_again(*, order_id: int, actor: Actor, request_key: str | None = None) -> None:
    """Put the order's units without a place before routing now. Refused when none wait."""
    lock_orders([order_id])
    order = Order.objects.get(pk=order_id)

    if timeline.was_recorded(order_id, request_key):
        return
    if order.holds.filter(released_at=None).exists():
        raise Refused(f"{order.name} is held; release the hold, and it is routed by itself.")
    waiting = order.lines.filter(Q(open__gt=0) | Q(backordered__gt=0), ships=True)
    if not waiting.exists():
        raise Refused(f"No unit of {order.name} waits for a place.")
    if not waiting.filter(item__isnull=False).exists():
        raise Refused("No item carries the SKU of these lines; say first which item is meant.")

    timers.start(store_id=order.store_id, kind="route", subject_ids=[order_id])

    timeline.record(
        store_id=order.store_id,
        order_id=order_id,
        kind="routing.asked",
        actor=actor,
        request_key=request_key,
    )
