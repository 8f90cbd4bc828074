"""The crew of the demo: plays the warehouses, the carriers and the returns desk.

It calls the same commands as the pages do and has no other way in. Every choice follows from ids,
so that two runs over the same orders do the same.
"""

from dataclasses import dataclass
from datetime import timedelta

from oms.core.actor import Actor
from oms.core.clock import now
from oms.fulfillment import commands as fulfillment
from oms.fulfillment.commands import Box, HandOver, Scan
from oms.fulfillment.models import FulfillmentOrder, FulfillmentOrderLine, Parcel

PICKER = Actor("user", "Tom Ellis, floor")
CARRIER = Actor("carrier", "Parcel Post")

# Of so many pieces of work one has a unit that nobody finds.
SHORT_EVERY = 61
BATCH = 50


@dataclass(slots=True, frozen=True)
class Pace:
    """How long goods stay in each stage, in seconds."""

    pick: float
    pack: float
    ship: float
    scan: float
    deliver: float
    desk: float


PACES = {
    "fast": Pace(0, 0, 0, 0, 0, 0),
    "day": Pace(pick=15, pack=20, ship=20, scan=15, deliver=120, desk=30),
}


def work_floor(pace: Pace) -> int:
    """Move work one stage on at every location; return how many pieces moved."""
    return _ship(pace) + _pick_and_pack(pace) + _start(pace)


def carry(pace: Pace) -> int:
    """Scan parcels on their way: collected first, delivered later."""
    collected = _scan("labelled", "in_transit", "created_at", pace.scan, "Collected")
    return collected + _scan("in_transit", "delivered", "last_scan_at", pace.deliver, "Delivered")


def _start(pace: Pace) -> int:
    work_ids = _work("released", "released_at", pace.pick)
    return len(fulfillment.start_picking(work_ids=work_ids, actor=PICKER).done) if work_ids else 0


def _pick_and_pack(pace: Pace) -> int:
    work_ids = _work("picking", "picking_at", pace.pack)
    for work_id in work_ids:
        if work_id % SHORT_EVERY == 0:
            _miss_one(work_id)
    if not work_ids:
        return 0
    fulfillment.pick_all(work_ids=work_ids, actor=PICKER)
    return len(fulfillment.pack(work_ids=work_ids, actor=PICKER).done)


def _miss_one(work_id: int) -> None:
    """The first line of this work is one short, once."""
    lines = FulfillmentOrderLine.objects.filter(fulfillment_order=work_id, quantity__gt=0)
    if line := lines.order_by("pk").first():
        fulfillment.short_pick(
            work_line_id=line.pk,
            found=line.quantity - 1,
            actor=PICKER,
            request_key=f"crew:{work_id}:short",
        )


def _ship(pace: Pace) -> int:
    work_ids = _work("packed", "packed_at", pace.ship)
    if not work_ids:
        return 0
    shipped = fulfillment.ship_many(
        hand_overs=[
            HandOver(work_id, [Box("Parcel Post", f"PP{work_id:010d}")], f"crew:{work_id}:ship")
            for work_id in work_ids
        ],
        actor=PICKER,
    )
    return len(shipped.done)


def _work(state: str, since: str, seconds: float) -> list[int]:
    """Pieces of work that have been in a stage long enough, oldest first."""
    due = FulfillmentOrder.objects.filter(
        state=state, **{f"{since}__lte": now() - timedelta(seconds=seconds)}
    )
    return list(due.order_by("pk").values_list("pk", flat=True)[:BATCH])


def _scan(state: str, to: str, since: str, seconds: float, message: str) -> int:
    at = now()
    due = Parcel.objects.filter(state=state, **{f"{since}__lte": at - timedelta(seconds=seconds)})
    parcels = list(due.order_by("pk").values_list("pk", flat=True)[:BATCH])
    if parcels:
        fulfillment.record_scans(
            scans=[Scan(pk, to, at, f"{to}:{pk}", message=message) for pk in parcels],
            actor=CARRIER,
        )
    return len(parcels)
