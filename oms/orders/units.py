"""Units of order lines move between buckets, many at once; the buckets always add up."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import IntegrityError, transaction

from oms.core.errors import Refused
from oms.core.sql import execute, ints
from oms.orders.models.order import BUCKETS


@dataclass(slots=True, frozen=True)
class Move:
    """`quantity` units of a line leave bucket `source` and enter bucket `target`."""

    line_id: int
    source: str
    target: str
    quantity: int


def move(moves: Iterable[Move]) -> None:
    """Move the units. Refused, with nothing moved, when a bucket does not hold that many.

    The caller holds the lock on the orders of these lines.
    """
    deltas: dict[int, list[int]] = {}
    for m in moves:
        line = deltas.get(m.line_id)
        if line is None:
            line = deltas[m.line_id] = [0] * len(BUCKETS)
        line[_POSITION[m.source]] -= m.quantity
        line[_POSITION[m.target]] += m.quantity
    if not deltas:
        return
    ids = sorted(deltas)
    columns = zip(*(deltas[i] for i in ids), strict=True)
    try:
        with transaction.atomic():
            execute(_UPDATE, [ints(ids), *map(ints, columns)])
    except IntegrityError as error:
        raise Refused(
            "Some of these units have moved on meanwhile; look at the order again and retry."
        ) from error


_POSITION = {bucket: position for position, bucket in enumerate(BUCKETS)}
_UPDATE = """
UPDATE orders_orderline l SET
    open = l.open + t.open, reserved = l.reserved + t.reserved,
    backordered = l.backordered + t.backordered, released = l.released + t.released,
    shipped = l.shipped + t.shipped, cancelled = l.cancelled + t.cancelled,
    returned = l.returned + t.returned
FROM unnest(%s::bigint[], %s::int[], %s::int[], %s::int[], %s::int[], %s::int[], %s::int[],
            %s::int[])
     AS t(id, open, reserved, backordered, released, shipped, cancelled, returned)
WHERE l.id = t.id
"""
