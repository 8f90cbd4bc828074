"""What carriers say about parcels: each scan kept once, the state read off all of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from oms.core import outbox
from oms.core.actor import Actor
from oms.core.errors import Refused
from oms.core.sql import execute, fetch
from oms.fulfillment.models import Parcel
from oms.fulfillment.states import parcel_state
from oms.orders import timeline
from oms.orders.locks import lock_orders

DELIVERED = Parcel.State.DELIVERED


@dataclass(slots=True, frozen=True)
class Scan:
    """One scan or message of a carrier. `remote_id` is the carrier's own id of it."""

    parcel_id: int
    state: str
    at: datetime
    remote_id: str
    place: str = ""
    message: str = ""


@dataclass(slots=True, frozen=True)
class _Heard:
    """A parcel as read under the lock of its order."""

    id: int
    store_id: int
    order_id: int
    carrier: str
    tracking_number: str
    state: str


def record_scan(
    *,
    parcel_id: int,
    state: str,
    at: datetime,
    remote_id: str,
    actor: Actor,
    place: str = "",
    message: str = "",
) -> Parcel:
    """Keep one scan and bring the parcel to the state that all its scans add up to."""
    record_scans(scans=[Scan(parcel_id, state, at, remote_id, place, message)], actor=actor)
    return Parcel.objects.get(pk=parcel_id)


@transaction.atomic
def record_scans(*, scans: Sequence[Scan], actor: Actor) -> list[int]:
    """Keep scans, each once, in whatever order they come; return the parcels that changed state.

    Shopify is told about the change unless it was Shopify that told us.
    """
    parcels = _locked({scan.parcel_id for scan in scans})

    for scan in scans:
        if scan.parcel_id not in parcels:
            raise Refused("This parcel is not known here.")
        if scan.state not in Parcel.State.values:
            raise Refused(f"A parcel cannot be {scan.state!r}.")
        if not scan.remote_id:
            raise Refused("A scan needs the carrier's id, so that a repeat can be told.")

    fresh = _keep(scans, parcels)
    changed = _bring_up_to_date([parcels[id_] for id_ in sorted(fresh)])

    timeline.record_many(
        [
            timeline.EventRow(
                parcel.store_id,
                parcel.order_id,
                f"parcel.{state}",
                actor,
                {
                    "parcel_id": parcel.id,
                    "carrier": parcel.carrier,
                    "tracking": parcel.tracking_number,
                    "at_place": f", {place}" if place else "",
                    "scanned_at": at.isoformat(),
                },
            )
            for parcel, state, at, place in changed
        ]
    )
    if actor.kind != "shopify":
        outbox.publish_many(
            [
                outbox.Publication(
                    parcel.store_id,
                    "fulfillment_event.create",
                    f"parcel:{parcel.id}:{state}",
                    parcel.order_id,
                    {"parcel_id": parcel.id, "state": state, "at": at.isoformat()},
                )
                for parcel, state, at, _ in changed
            ]
        )
    return [parcel.id for parcel, *_ in changed]


def _locked(parcel_ids: set[int]) -> dict[int, _Heard]:
    read = (
        """
        SELECT p.id, p.store_id, w.order_id, p.carrier, p.tracking_number, p.state
        FROM fulfillment_parcel p
        JOIN fulfillment_shipment s ON s.id = p.shipment_id
        JOIN fulfillment_fulfillmentorder w ON w.id = s.fulfillment_order_id
        WHERE p.id = ANY(%s::bigint[])
        """,
        [sorted(parcel_ids)],
    )
    lock_orders(row[2] for row in fetch(*read))
    return {row[0]: _Heard(*row) for row in fetch(*read)}


def _keep(scans: Sequence[Scan], parcels: dict[int, _Heard]) -> set[int]:
    """Store scans that are new; return the parcels they are about."""
    rows = fetch(
        """
        INSERT INTO fulfillment_parcelevent
               (store_id, parcel_id, at, state, place, message, remote_id)
        SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[], %s::text[],
                             %s::text[], %s::text[], %s::text[])
        ON CONFLICT DO NOTHING RETURNING parcel_id
        """,
        [
            [parcels[s.parcel_id].store_id for s in scans],
            [s.parcel_id for s in scans],
            [s.at for s in scans],
            [s.state for s in scans],
            [s.place for s in scans],
            [s.message for s in scans],
            [s.remote_id for s in scans],
        ],
    )
    return {row[0] for row in rows}


def _bring_up_to_date(parcels: Sequence[_Heard]) -> list[tuple[_Heard, str, datetime, str]]:
    """Read the state off all scans; return (parcel, new state, when, where) of those that moved."""
    scans: dict[int, list[tuple[datetime, str, str]]] = {}
    for parcel_id, at, state, place in fetch(
        "SELECT parcel_id, at, state, place FROM fulfillment_parcelevent"
        " WHERE parcel_id = ANY(%s::bigint[]) ORDER BY at, id",
        [[p.id for p in parcels]],
    ):
        scans.setdefault(parcel_id, []).append((at, state, place))
    rows = []
    changed = []
    for parcel in parcels:
        told = scans[parcel.id]
        state = parcel_state((at, was) for at, was, _ in told)
        delivered_at = min((at for at, was, _ in told if was == DELIVERED), default=None)
        rows.append((parcel.id, state, max(at for at, *_ in told), delivered_at))
        if state != parcel.state:
            at, _, place = next(t for t in reversed(told) if t[1] == state)
            changed.append((parcel, state, at, place))
    execute(
        """
        UPDATE fulfillment_parcel p
        SET state = t.state, last_scan_at = t.last_scan_at, delivered_at = t.delivered_at
        FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[], %s::timestamptz[])
             AS t(id, state, last_scan_at, delivered_at)
        WHERE p.id = t.id
        """,
        [[row[i] for row in rows] for i in range(4)],
    )
    return changed
