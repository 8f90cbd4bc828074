"""Goods that come back: what arrived is noted, then decided, and stock follows the decision."""

from collections.abc import Mapping

from django.db import transaction

from inventory.commands import take_back
from inventory.models import Location
from oms.core.actor import Actor
from oms.core.errors import Refused
from oms.core.states import check_move
from oms.orders import timeline, units
from returns.commands.handling import locked, record, set_state, undecided
from returns.models import RMA, Inspection, RMALine
from returns.states import RETURN
from returns.states import Return as State

# Where decided units go. Scrapped and missing ones go on no shelf.
SHELF: dict[str, str] = {
    Inspection.Disposition.RESTOCK: "on_hand",
    Inspection.Disposition.DAMAGED: "damaged",
}


@transaction.atomic
def receive(
    *,
    rma_id: int,
    quantities: Mapping[int, int],
    location_id: int,
    actor: Actor,
    request_key: str | None = None,
) -> RMA:
    """Note what arrived, by return line. Fewer is waited for; more is kept apart as extra.

    May be repeated for a second parcel. Stock does not move: nobody has looked at the goods yet.
    """
    rma = locked(rma_id)

    if timeline.was_recorded(rma.order_id, request_key):
        return rma
    if rma.state != State.RECEIVED:
        check_move(RETURN, current=rma.state, to=State.RECEIVED, what=rma.number)
    place = Location.objects.filter(pk=location_id, store_id=rma.store_id).first()
    if place is None:
        raise Refused("This location does not exist.")
    lines = {line.pk: line for line in rma.lines.select_related("line")}
    if quantities.keys() - lines.keys():
        raise Refused(f"{rma.number} has no such line; look at the return again.")
    if any(quantity < 0 for quantity in quantities.values()) or not sum(quantities.values()):
        raise Refused("Count what arrived: at least one unit, and none below zero.")

    moves = []
    arrived = extra = 0
    for line_id, quantity in quantities.items():
        line = lines[line_id]
        expected = min(quantity, line.quantity - line.received - line.missing)
        line.received += expected
        line.extra += quantity - expected
        arrived += expected
        extra += quantity - expected
        moves.append(units.Move(line.line_id, "shipped", "returned", expected))
    units.move(move for move in moves if move.quantity)
    RMALine.objects.bulk_update(lines.values(), ["received", "extra"])
    if rma.state != State.RECEIVED:
        rma.location = place
        rma.save(update_fields=["location"])
        set_state(rma, State.RECEIVED, "received_at")

    record(
        rma,
        "return.received_extra" if extra else "return.received",
        actor,
        {
            "units": arrived,
            "asked": sum(line.quantity for line in lines.values()),
            "extra": extra,
            "place": place.name,
        },
        request_key,
    )
    return rma


@transaction.atomic
def inspect(
    *,
    rma_line_id: int,
    quantity: int,
    disposition: str,
    actor: Actor,
    location_id: int | None = None,
    note: str = "",
    request_key: str | None = None,
) -> Inspection | None:
    """Decide about units: restock, damaged, scrap, or missing for those that never arrived.

    The shelf changes here and only here. When every unit is decided the return is inspected. A
    repeat with the same key returns nothing and changes nothing.
    """
    line = RMALine.objects.select_related("rma", "line").filter(pk=rma_line_id).first()
    if line is None:
        raise Refused("This return line does not exist.")
    rma = locked(line.rma_id)
    line.refresh_from_db(fields=["received", "inspected", "missing"])

    if timeline.was_recorded(rma.order_id, request_key):
        return None
    place = _checked_place(rma, line, quantity, disposition, location_id)

    if disposition == Inspection.Disposition.MISSING:
        line.missing += quantity
    else:
        line.inspected += quantity
    line.save(update_fields=["missing", "inspected"])
    inspection = Inspection.objects.create(
        rma_line=line,
        quantity=quantity,
        disposition=disposition,
        location=place,
        inspected_by=str(actor),
        note=note,
    )
    item_id = line.line.item_id
    if item_id and (bucket := SHELF.get(disposition)):
        take_back(
            store_id=rma.store_id,
            item_id=item_id,
            location_id=place.pk,
            quantity=quantity,
            bucket=bucket,
            document=f"inspection:{inspection.pk}",
            actor=actor,
        )
    all_decided = not undecided(rma)
    if all_decided and rma.state != State.CLOSED:
        set_state(rma, State.INSPECTED, "inspected_at")

    record(
        rma,
        "return.inspected",
        actor,
        {
            "units": quantity,
            "sku": line.line.sku or line.line.title,
            "disposition": inspection.get_disposition_display().lower(),
            "place": place.name,
        },
        request_key,
    )
    return inspection


def _checked_place(
    rma: RMA, line: RMALine, quantity: int, disposition: str, location_id: int | None
) -> Location:
    """Where the decided units are, once the decision is allowed."""
    if disposition not in Inspection.Disposition.values:
        raise Refused(f"Goods cannot be {disposition!r}.")
    if quantity < 1:
        raise Refused("Decide about at least one unit.")
    missing = disposition == Inspection.Disposition.MISSING
    if rma.state not in (State.RECEIVED, State.CLOSED) and not (
        missing and rma.state == State.APPROVED
    ):
        raise Refused(f"{rma.number} is {rma.state}; only received goods can be inspected.")
    left = (
        line.quantity - line.received - line.missing if missing else line.received - line.inspected
    )
    if quantity > left:
        what = "have not arrived" if missing else "wait for a decision"
        raise Refused(f"{left} of {line.line.sku} {what}, not {quantity}.")
    if disposition in SHELF and line.line.item_id is None:
        raise Refused(f"{line.line.sku} is an unknown item; map it before it goes on a shelf.")
    place_id = location_id or rma.location_id or 0
    place = Location.objects.filter(pk=place_id, store_id=rma.store_id).first()
    if place is None:
        raise Refused("Say at which location the goods are.")
    return place
