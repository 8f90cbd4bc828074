"""Saying which item a line means whose SKU no item carries."""

from django.db import transaction

from oms.catalog.models import Item
from oms.core import timers
from oms.core.actor import Actor
from oms.core.errors import Refused
from oms.core.sql import execute, fetch
from oms.orders import timeline
from oms.orders.locks import lock_orders
from oms.orders.models import OrderLine


@transaction.atomic
def map_item(*, line_id: int, sku: str, actor: Actor) -> int:
    """The line means the item with this SKU, and so does every open line of the shop that carries
    the same unknown SKU; they are routed now. Returns how many lines it was.

    A line that has an item already is left as it is.
    """
    line = OrderLine.objects.filter(pk=line_id).first()
    if line is None:
        raise Refused("This line does not exist.")
    lock_orders(order_id for _, order_id, _ in _unknown(line))
    unknown = _unknown(line)

    if line_id not in [id_ for id_, _, _ in unknown]:
        return 0
    item = Item.objects.filter(store_id=line.store_id, sku=sku).first()
    if item is None:
        raise Refused(f"No item has the SKU {sku}; type it as the catalogue has it.")

    execute(
        "UPDATE orders_orderline SET item_id = %s WHERE id = ANY(%s::bigint[])",
        [item.pk, [id_ for id_, _, _ in unknown]],
    )

    timeline.record_many(
        [
            timeline.EventRow(
                line.store_id,
                order_id,
                "order.item_mapped",
                actor,
                {"position": position, "sku": line.sku or line.title, "item": item.sku},
            )
            for _, order_id, position in unknown
        ]
    )
    timers.start(
        store_id=line.store_id,
        kind="route",
        subject_ids=sorted({order_id for _, order_id, _ in unknown}),
    )
    return len(unknown)


def _unknown(line: OrderLine) -> list[tuple[int, int, int]]:
    """(line, order, position) of this line and of open ones with the same SKU, without an item."""
    return [
        (row[0], row[1], row[2])
        for row in fetch(
            """
            SELECT id, order_id, position FROM orders_orderline
            WHERE item_id IS NULL AND ships AND open > 0 AND store_id = %s
              AND (id = %s OR sku = %s AND sku <> '')
            ORDER BY order_id, id
            """,
            [line.store_id, line.pk, line.sku],
        )
    ]
