"""What the commands of a return share: the lock, the state, the event and word to Shopify."""

from typing import Any

from oms.core import outbox
from oms.core.actor import Actor
from oms.core.clock import now
from oms.core.errors import Refused
from oms.core.sql import fetch
from oms.orders import timeline
from oms.orders.locks import lock_orders
from returns.models import RMA


def locked(rma_id: int) -> RMA:
    """Lock the order of the return and read the return."""
    order_id = RMA.objects.filter(pk=rma_id).values_list("order_id", flat=True).first()
    if order_id is None:
        raise Refused("This return does not exist.")
    lock_orders([order_id])
    return RMA.objects.get(pk=rma_id)


def set_state(rma: RMA, state: str, moment: str) -> None:
    """Write the new state and its moment, and nothing else."""
    rma.state = state
    setattr(rma, moment, now())
    rma.save(update_fields=["state", moment])


def record(
    rma: RMA, kind: str, actor: Actor, data: dict[str, Any], request_key: str | None = None
) -> None:
    """Record one event with the number that people call the return by."""
    timeline.record(
        store_id=rma.store_id,
        order_id=rma.order_id,
        kind=kind,
        actor=actor,
        data={"rma_id": rma.pk, "number": rma.number} | data,
        request_key=request_key,
    )


def tell_shopify(rma: RMA, topic: str, actor: Actor, params: dict[str, Any] | None = None) -> None:
    """Publish, unless it was Shopify that told us."""
    if actor.kind != "shopify":
        verb = topic.removeprefix("return.")
        outbox.publish(
            store_id=rma.store_id,
            topic=topic,
            key=f"rma:{rma.pk}:{verb}",
            order_id=rma.order_id,
            params={"rma_id": rma.pk} | (params or {}),
        )


def undecided(rma: RMA) -> int:
    """Units of the return that nobody has decided about: arrived or still expected."""
    (row,) = fetch(
        "SELECT coalesce(sum(quantity - inspected - missing), 0) FROM returns_rmaline"
        " WHERE rma_id = %s",
        [rma.pk],
    )
    return int(row[0])
