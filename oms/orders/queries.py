"""Reads of the orders room: where an order stands, in two words."""

from collections.abc import Iterable, Mapping

from oms.core.models import Timer
from oms.orders.models import Hold, OrderLine
from oms.orders.models.order import BUCKETS

Units = Mapping[str, int]


def standing(
    units: Units, *, held: bool = False, unknown: bool = False, in_vain: bool = False
) -> str:
    """What a row of a list says about an order, read off its buckets; the worst comes first.

    `in_vain`: routing looked at it and found no place, so its open units wait like backordered.
    """
    ordered = sum(units.get(bucket, 0) for bucket in BUCKETS)
    ended = sum(units.get(bucket, 0) for bucket in ("shipped", "cancelled", "returned"))
    if not ordered:
        return "Nothing to send"
    if ended == ordered:
        return _ended(units, ordered)
    if held:
        return "Held"
    waiting = units.get("backordered", 0) + (units.get("open", 0) if in_vain else 0)
    if waiting:
        return f"{waiting:,} of {ordered:,} waiting"
    if unknown:
        return "Unknown item"
    if units.get("shipped"):
        return f"{units['shipped']:,} of {ordered:,} shipped"
    if units.get("released"):
        return "On the floor"
    return "Reserved" if units.get("reserved") else "To be routed"


def _ended(units: Units, ordered: int) -> str:
    if units.get("cancelled", 0) == ordered:
        return "Cancelled"
    back = units.get("returned", 0)
    if not back:
        return "Shipped"
    return "Returned" if not units.get("shipped") else f"Shipped, {back:,} came back"


def standings(order_ids: Iterable[int]) -> dict[int, tuple[str, int]]:
    """Per order: its standing and its units that ship. Three queries for any number of orders."""
    ids = list(order_ids)
    units: dict[int, dict[str, int]] = {id_: dict.fromkeys(BUCKETS, 0) for id_ in ids}
    unknown: set[int] = set()
    rows = OrderLine.objects.filter(order_id__in=ids, ships=True).values_list(
        "order_id", "item_id", *BUCKETS
    )
    for order_id, item_id, *counts in rows:
        for bucket, count in zip(BUCKETS, counts, strict=True):
            units[order_id][bucket] += count
        if item_id is None:
            unknown.add(order_id)
    held = set(
        Hold.objects.filter(order_id__in=ids, released_at=None).values_list("order_id", flat=True)
    )
    in_vain = set(
        Timer.objects.filter(kind="route", subject_id__in=ids)
        .exclude(waits_for="")
        .values_list("subject_id", flat=True)
    )
    return {
        id_: (
            standing(counts, held=id_ in held, unknown=id_ in unknown, in_vain=id_ in in_vain),
            sum(counts.values()),
        )
        for id_, counts in units.items()
    }
