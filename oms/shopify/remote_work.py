"""What Shopify thinks has to be shipped from where, and which moves make it agree with us.

Fulfillment orders change their ids with every move, split, hold and merge, so nothing is kept:
they are read again before each write and matched by order line.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from oms.shopify.client import Client
from oms.shopify.documents import document
from oms.shopify.gids import gid, number_of

ORDERS_PER_READ = 10
# Shopify takes no longer lists in one input.
MOST_LINES = 250
LIVE = ("OPEN", "IN_PROGRESS", "ON_HOLD", "SCHEDULED", "INCOMPLETE")
SHIPPABLE = ("OPEN", "IN_PROGRESS", "INCOMPLETE")


@dataclass(slots=True)
class RemoteLine:
    """A line of a fulfillment order; `line` is the order line that all ids hang on."""

    id: str
    line: int
    remaining: int


@dataclass(slots=True)
class RemoteWork:
    """One fulfillment order as it is now."""

    id: str
    status: str
    location: int | None
    lines: list[RemoteLine]


@dataclass(slots=True)
class RemoteOrder:
    """An order's live fulfillment orders."""

    cancelled: bool
    work: list[RemoteWork] = field(default_factory=list)

    def units_at(self, location: int) -> dict[int, int]:
        """Order line to units still to be shipped from a location."""
        units: dict[int, int] = {}
        for work in self.work:
            if work.location == location:
                for line in work.lines:
                    units[line.line] = units.get(line.line, 0) + line.remaining
        return units


@dataclass(slots=True)
class Move:
    """Units of one fulfillment order that have to go to another location."""

    source: str
    location: int
    lines: list[tuple[str, int]]


def read_orders(client: Client, order_ids: Sequence[int]) -> dict[int, RemoteOrder]:
    """Live fulfillment orders by order; an order that Shopify does not know is absent."""
    found: dict[int, RemoteOrder] = {}
    for start in range(0, len(order_ids), ORDERS_PER_READ):
        part = order_ids[start : start + ORDERS_PER_READ]
        answer = client.execute(
            document("order_work"), {"ids": [gid("Order", order_id) for order_id in part]}
        )
        for order_id, node in zip(part, answer.data["nodes"], strict=True):
            if not node:
                continue
            page = node["fulfillmentOrders"]
            rows = page["nodes"]
            if page["pageInfo"]["hasNextPage"]:
                rows = _all_work(client, node["id"])
            found[order_id] = RemoteOrder(
                bool(node["cancelledAt"]),
                [_work(client, row) for row in rows if row["status"] in LIVE],
            )
    return found


def moves_to(remote: RemoteOrder, wanted: Mapping[int, Mapping[int, int]]) -> list[Move]:
    """The moves after which every location holds what we want to ship from there.

    `wanted` is location to order line to units. Units are taken only from where they are not
    wanted; what cannot be found anywhere is left missing, and the caller sees it.
    """
    spare: dict[tuple[int | None, int], int] = {}
    missing: dict[tuple[int, int], int] = {}
    for work in remote.work:
        for line in work.lines:
            key = (work.location, line.line)
            spare[key] = spare.get(key, 0) + line.remaining
    for location, lines in wanted.items():
        for line_id, units in lines.items():
            have = spare.get((location, line_id), 0)
            spare[location, line_id] = max(0, have - units)
            if units > have:
                missing[location, line_id] = units - have

    moves: dict[tuple[str, int], Move] = {}
    for (location, line_id), units in sorted(missing.items()):
        for work in remote.work:
            for line in work.lines:
                if line.line != line_id or work.location == location or units <= 0:
                    continue
                quantity = min(units, line.remaining, spare.get((work.location, line_id), 0))
                if quantity > 0:
                    move = moves.setdefault((work.id, location), Move(work.id, location, []))
                    move.lines.append((line.id, quantity))
                    spare[work.location, line_id] -= quantity
                    line.remaining -= quantity
                    units -= quantity
    return [
        Move(move.source, move.location, move.lines[start : start + MOST_LINES])
        for move in moves.values()
        for start in range(0, len(move.lines), MOST_LINES)
    ]


Part = tuple[str, list[tuple[str, int]]]


def take_from(
    remote: RemoteOrder, location: int, units: Mapping[int, int]
) -> tuple[list[Part], dict[int, int]]:
    """Fulfillment orders at a location, with the lines that make up `units`, and what is short."""
    short = {line_id: quantity for line_id, quantity in units.items() if quantity}
    parts: list[Part] = []
    for work in remote.work:
        if work.location != location or work.status not in SHIPPABLE:
            continue
        taken = []
        for line in work.lines:
            if quantity := min(short.get(line.line, 0), line.remaining):
                taken.append((line.id, quantity))
                short[line.line] -= quantity
        if taken:
            parts.append((work.id, taken))
    return parts, {line_id: quantity for line_id, quantity in short.items() if quantity}


def _work(client: Client, row: dict) -> RemoteWork:
    location = (row["assignedLocation"] or {}).get("location")
    page = row.get("lineItems")
    if page is None or page["pageInfo"]["hasNextPage"]:
        lines = _all_lines(client, row["id"])
    else:
        lines = page["nodes"]
    return RemoteWork(
        row["id"],
        row["status"],
        number_of(location["id"]) if location else None,
        [
            RemoteLine(line["id"], number_of(line["lineItem"]["id"]), line["remainingQuantity"])
            for line in lines
            if line["remainingQuantity"]
        ],
    )


def _all_work(client: Client, order_gid: str) -> list[dict]:
    rows: list[dict] = []
    after = None
    while True:
        answer = client.execute(document("order_work_page"), {"id": order_gid, "after": after})
        page = answer.data["order"]["fulfillmentOrders"]
        rows += page["nodes"]
        if not page["pageInfo"]["hasNextPage"]:
            return rows
        after = page["pageInfo"]["endCursor"]


def _all_lines(client: Client, work_gid: str) -> list[dict]:
    rows: list[dict] = []
    after = None
    while True:
        answer = client.execute(
            document("fulfillment_order_lines"), {"id": work_gid, "after": after}
        )
        page = answer.data["fulfillmentOrder"]["lineItems"]
        rows += page["nodes"]
        if not page["pageInfo"]["hasNextPage"]:
            return rows
        after = page["pageInfo"]["endCursor"]
