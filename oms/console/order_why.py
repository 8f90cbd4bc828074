"""Why an order ships from where it ships: the newest decision in words, and as a map."""

from dataclasses import dataclass
from datetime import datetime

from inventory.models import Location
from oms.console import sketch
from oms.console.order_units import Stock
from oms.orders import postal
from oms.orders.models import Order
from routing.explain import Explanation, explain
from routing.models import Decision


@dataclass(slots=True)
class Why:
    """A decision in words, with the map that shows what the words say."""

    decision: Decision
    policy: str
    title: str
    words: Explanation
    changes: list[str]
    map: sketch.Sketch | None
    others: list[tuple[int, datetime]]


def read_why(order: Order, stock: Stock, decision_id: int | None) -> Why | None:
    others = list(
        Decision.objects.filter(order=order).order_by("-pk").values_list("pk", "decided_at")[:12]
    )
    if not others:
        return None
    wanted = decision_id if decision_id in {pk for pk, _ in others} else others[0][0]
    decision = Decision.objects.select_related("version__policy").get(pk=wanted)
    words = explain(decision)
    chosen = [row.name for row in words.rows if row.chosen]
    changes = list(dict.fromkeys(row.would_change for row in words.rows if row.would_change))
    return Why(
        decision=decision,
        policy=str(decision.version),
        title=f"Why {' and '.join(chosen)}" if chosen else "Why no place",
        words=words,
        changes=changes[:4],
        map=_map(order, decision, stock),
        others=others if len(others) > 1 else [],
    )


def _map(order: Order, decision: Decision, stock: Stock) -> sketch.Sketch | None:
    latitude, longitude = order.ship_latitude, order.ship_longitude
    if latitude is None or longitude is None:
        found = postal.lookup(order.ship_country, order.ship_postal_code)
        if found is None:
            return None
        latitude, longitude = found
    chosen = {location_id for location_id, step, _ in decision.trace if step == "chosen"}
    location_of = {work.pk: work.location_id for work in stock.works}
    sent: dict[int, int] = {}
    for line in stock.work_lines:
        location_id = location_of[line.fulfillment_order_id]
        sent[location_id] = sent.get(location_id, 0) + line.shipped
    places = []
    for row in Location.objects.filter(pk__in=[entry[0] for entry in decision.trace]):
        if row.latitude is None or row.longitude is None:
            continue
        role = "ships" if row.pk in chosen else "lost"
        note = f"{sent[row.pk]} sent" if role == "ships" and sent.get(row.pk) else ""
        places.append(sketch.Place(row.name, row.latitude, row.longitude, role, note))
    target = sketch.Place(order.ship_city or "Customer", latitude, longitude)
    return sketch.draw(places, target)
