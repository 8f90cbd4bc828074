"""Hand-over to the carrier: boxes leave, promises are kept, Shopify is told."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db import IntegrityError, transaction

from inventory import reservations
from oms.core import outbox
from oms.core.actor import Actor
from oms.core.clock import now
from oms.core.errors import Refused
from oms.core.sql import Row, copy_in, execute, fetch, next_ids
from oms.fulfillment.commands.handling import (
    Work,
    WorkLine,
    lines_of,
    lock_work,
    set_state,
    sort_out,
)
from oms.fulfillment.models import Shipment
from oms.fulfillment.states import Work as State
from oms.orders import timeline, units


@dataclass(slots=True, frozen=True)
class Box:
    """One parcel to be. `lines` maps work line to units; left out, it holds all of the work."""

    carrier: str
    tracking_number: str
    tracking_url: str = ""
    lines: dict[int, int] | None = None


@dataclass(slots=True, frozen=True)
class HandOver:
    """The boxes in which one piece of work leaves."""

    work_id: int
    boxes: Sequence[Box]
    request_key: str | None = None


@dataclass(slots=True)
class Shipped:
    """Shipment id by work id, for what left now or had left before; or the reason it did not."""

    done: dict[int, int] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)


def ship(
    *, work_id: int, boxes: Sequence[Box], actor: Actor, request_key: str | None = None
) -> Shipment:
    """Hand packed work over in these boxes; together they hold exactly what was picked."""
    shipped = ship_many(hand_overs=[HandOver(work_id, boxes, request_key)], actor=actor)
    if work_id in shipped.refused:
        raise Refused(shipped.refused[work_id])
    return Shipment.objects.get(pk=shipped.done[work_id])


@transaction.atomic
def ship_many(*, hand_overs: Sequence[HandOver], actor: Actor) -> Shipped:
    """Hand over many at once. One that is refused does not hold the others.

    Work that left before in the same boxes is quiet; in other boxes it is refused.
    """
    asked = {h.work_id: h for h in hand_overs}
    work = lock_work(asked)

    movable, outcome = sort_out(asked, work, to=State.SHIPPED, done_in=(State.SHIPPED,))
    result = Shipped(refused=outcome.refused)
    _repeats(outcome.done, asked, work, result)
    lines = lines_of(w.id for w in movable)
    taken = _tracking_taken([asked[w.id] for w in movable], work)
    leaving: list[tuple[Work, list[Box]]] = []
    for w in movable:
        try:
            boxes = _full_boxes(asked[w.id].boxes, lines.get(w.id, []), w)
            _must_be_free(boxes, w, taken)
        except Refused as refusal:
            result.refused[w.id] = refusal.sentence
        else:
            leaving.append((w, boxes))
    if not leaving:
        return result

    result.done |= hand_over(leaving, lines, actor=actor)

    timeline.record_many(
        [event_of(w, boxes, "work.shipped", actor, asked[w.id].request_key) for w, boxes in leaving]
    )
    outbox.publish_many(
        [
            outbox.Publication(
                w.store_id,
                "fulfillment.create",
                f"shipment:{result.done[w.id]}",
                w.order_id,
                {"shipment_id": result.done[w.id]},
            )
            for w, _ in leaving
        ]
    )
    return result


def hand_over(
    leaving: Sequence[tuple[Work, list[Box]]], lines: dict[int, list[WorkLine]], *, actor: Actor
) -> dict[int, int]:
    """Write shipments, parcels, stock and units for work whose boxes were checked.

    Returns shipment id by work id. The caller holds the order locks.
    """
    at = now()
    shipment_ids = next_ids("fulfillment_shipment", len(leaving))
    parcel_ids = iter(next_ids("fulfillment_parcel", sum(len(boxes) for _, boxes in leaving)))
    shipments: list[Row] = []
    parcels: list[Row] = []
    contents: list[Row] = []
    for shipment_id, (w, boxes) in zip(shipment_ids, leaving, strict=True):
        shipments.append((shipment_id, w.store_id, w.id, at, str(actor)))
        for box in boxes:
            parcel_id = next(parcel_ids)
            parcels.append(
                (
                    parcel_id,
                    w.store_id,
                    shipment_id,
                    box.carrier,
                    box.tracking_number,
                    box.tracking_url,
                )
            )
            contents += [
                (w.store_id, parcel_id, line_id, quantity)
                for line_id, quantity in (box.lines or {}).items()
            ]

    work_ids = [w.id for w, _ in leaving]
    reservations.consume(
        [
            (line.reservation_id, line.quantity, f"shipment:{shipment_id}")
            for shipment_id, work_id in zip(shipment_ids, work_ids, strict=True)
            for line in lines[work_id]
        ],
        actor=actor,
    )
    units.move(
        units.Move(line.line_id, "released", "shipped", line.quantity)
        for work_id in work_ids
        for line in lines[work_id]
    )
    execute(
        "UPDATE fulfillment_fulfillmentorderline SET shipped = quantity"
        " WHERE fulfillment_order_id = ANY(%s::bigint[])",
        [work_ids],
    )
    set_state(work_ids, State.SHIPPED, at)
    try:
        with transaction.atomic():
            copy_in("fulfillment_shipment", _SHIPMENT, shipments)
            copy_in("fulfillment_parcel", _PARCEL, parcels)
            copy_in("fulfillment_parcelline", _CONTENT, contents)
    except IntegrityError as error:
        raise Refused(
            "A tracking number was used for another parcel a moment ago; check the labels."
        ) from error
    return dict(zip(work_ids, shipment_ids, strict=True))


def event_of(
    w: Work, boxes: Sequence[Box], kind: str, actor: Actor, request_key: str | None
) -> timeline.EventRow:
    """The event of one hand-over: how many units, from where, in which parcels."""
    return timeline.EventRow(
        w.store_id,
        w.order_id,
        kind,
        actor,
        {
            "work_id": w.id,
            "code": w.code,
            "place": w.place,
            "units": sum(sum((box.lines or {}).values()) for box in boxes),
            "parcels": ", ".join(f"{box.carrier} {box.tracking_number}" for box in boxes),
        },
        request_key,
    )


def _full_boxes(boxes: Sequence[Box], lines: list[WorkLine], w: Work) -> list[Box]:
    """The boxes with their contents written out, once they hold exactly what was picked."""
    if not boxes:
        raise Refused(f"{w.code} needs at least one parcel with a tracking number.")
    picked = Counter({line.id: line.quantity for line in lines})
    if len(boxes) == 1 and boxes[0].lines is None:
        only = boxes[0]
        boxes = [Box(only.carrier, only.tracking_number, only.tracking_url, dict(picked))]
    held: Counter[int] = Counter()
    for box in boxes:
        if not box.lines:
            raise Refused(f"Say what is in parcel {box.tracking_number}; an empty one cannot ship.")
        if any(quantity < 1 for quantity in box.lines.values()):
            raise Refused(f"Parcel {box.tracking_number} holds a quantity below one.")
        held.update(box.lines)
    if foreign := held.keys() - picked.keys():
        raise Refused(f"Line {min(foreign)} is no part of {w.code}; take it out of the parcel.")
    for line in lines:
        if held[line.id] != line.quantity:
            raise Refused(
                f"{w.code}: {line.quantity} {line.sku} were picked,"
                f" {held[line.id]} are in the parcels; they must agree."
            )
    return list(boxes)


def _must_be_free(boxes: Sequence[Box], w: Work, taken: set[tuple[int, str, str]]) -> None:
    """Refuse blank or used tracking numbers; note these as used for the rest of the batch."""
    fresh = set()
    for box in boxes:
        if not box.carrier.strip() or not box.tracking_number.strip():
            raise Refused(f"{w.code}: every parcel needs a carrier and a tracking number.")
        if len(box.carrier) > 64 or len(box.tracking_number) > 64:
            raise Refused(f"{w.code}: carrier and tracking number have at most 64 characters.")
        label = (w.store_id, box.carrier, box.tracking_number)
        if label in taken or label in fresh:
            raise Refused(
                f"{box.carrier} {box.tracking_number} is on another parcel; check the label."
            )
        fresh.add(label)
    taken |= fresh


def _tracking_taken(
    hand_overs: Sequence[HandOver], work: dict[int, Work]
) -> set[tuple[int, str, str]]:
    labels = [
        (work[h.work_id].store_id, box.carrier, box.tracking_number)
        for h in hand_overs
        for box in h.boxes
    ]
    rows = fetch(
        """
        SELECT p.store_id, p.carrier, p.tracking_number FROM fulfillment_parcel p
        JOIN unnest(%s::bigint[], %s::text[], %s::text[])
             AS t(store_id, carrier, tracking_number)
          ON p.store_id = t.store_id AND p.carrier = t.carrier
             AND p.tracking_number = t.tracking_number
        """,
        [[label[i] for label in labels] for i in range(3)],
    )
    return set(rows)


def _repeats(
    work_ids: Iterable[int],
    asked: dict[int, HandOver],
    work: dict[int, Work],
    result: Shipped,
) -> None:
    """Sort work that left before into repeats, which are quiet, and second labels, refused."""
    for work_id, shipment_id, carriers, numbers in fetch(
        """
        SELECT s.fulfillment_order_id, s.id, array_agg(p.carrier::text ORDER BY p.id),
               array_agg(p.tracking_number::text ORDER BY p.id)
        FROM fulfillment_shipment s JOIN fulfillment_parcel p ON p.shipment_id = s.id
        WHERE s.fulfillment_order_id = ANY(%s::bigint[]) GROUP BY s.id ORDER BY s.id
        """,
        [list(work_ids)],
    ):
        labels = list(zip(carriers, numbers, strict=True))
        if {(b.carrier, b.tracking_number) for b in asked[work_id].boxes} == set(labels):
            result.done[work_id] = shipment_id
        else:
            left_with = ", ".join(f"{carrier} {number}" for carrier, number in labels)
            result.refused[work_id] = f"{work[work_id].code} left already with {left_with}."


_SHIPMENT = ("id", "store_id", "fulfillment_order_id", "shipped_at", "shipped_by")
_PARCEL = ("id", "store_id", "shipment_id", "carrier", "tracking_number", "tracking_url")
_CONTENT = ("store_id", "parcel_id", "work_line_id", "quantity")
