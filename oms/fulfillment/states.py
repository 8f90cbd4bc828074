"""Which way work and parcels may go, as plain tables."""

from collections.abc import Iterable
from datetime import datetime

from oms.core.states import Transitions
from oms.fulfillment.models import FulfillmentOrder, Parcel

Work = FulfillmentOrder.State
OnRoad = Parcel.State

WORK: Transitions = {
    Work.PLANNED: frozenset({Work.RELEASED, Work.CANCELLED}),
    Work.RELEASED: frozenset({Work.PICKING, Work.CANCELLED}),
    Work.PICKING: frozenset({Work.PACKED, Work.CANCELLED}),
    Work.PACKED: frozenset({Work.SHIPPED}),
    Work.SHIPPED: frozenset(),
    Work.CANCELLED: frozenset(),
}

# Delivered is the end. A parcel that comes back ends with us, whatever is scanned on the way.
PARCEL: Transitions = {
    OnRoad.LABELLED: frozenset(OnRoad) - {OnRoad.LABELLED},
    OnRoad.IN_TRANSIT: frozenset(
        {OnRoad.OUT_FOR_DELIVERY, OnRoad.DELIVERED, OnRoad.FAILED, OnRoad.RETURNING}
    ),
    OnRoad.OUT_FOR_DELIVERY: frozenset(
        {OnRoad.IN_TRANSIT, OnRoad.DELIVERED, OnRoad.FAILED, OnRoad.RETURNING}
    ),
    OnRoad.FAILED: frozenset(
        {OnRoad.IN_TRANSIT, OnRoad.OUT_FOR_DELIVERY, OnRoad.DELIVERED, OnRoad.RETURNING}
    ),
    OnRoad.RETURNING: frozenset({OnRoad.DELIVERED}),
    OnRoad.DELIVERED: frozenset(),
}


def parcel_state(scans: Iterable[tuple[datetime, str]]) -> str:
    """The state that these scans (time, state) add up to, in whatever order they reached us.

    They are told in the order they happened. A delivery counts even when another scan carries a
    later time: clocks of depots differ, and a parcel is not delivered twice.
    """
    told = sorted(scans)
    if any(state == OnRoad.DELIVERED for _, state in told):
        return OnRoad.DELIVERED
    current: str = OnRoad.LABELLED
    for _, state in told:
        if state in PARCEL[current]:
            current = state
    return current
