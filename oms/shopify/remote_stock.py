"""Stock as Shopify has it: the named quantities of an item at a location."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from oms.shopify.client import Client
from oms.shopify.documents import document, repeated
from oms.shopify.gids import gid, number_of


@dataclass(slots=True, frozen=True)
class RemoteLevel:
    """What Shopify has of one item, by its inventory item id, at one location.

    `changed_at` is when `available` last changed; Shopify does not tell who changed it.
    """

    item: int
    available: int
    committed: int = 0
    reserved: int = 0
    damaged: int = 0
    safety_stock: int = 0
    quality_control: int = 0
    incoming: int = 0
    changed_at: datetime | None = None

    @property
    def shelf(self) -> int:
        """Units that may be sold, sold or not: what we call on hand. Damaged ones stand apart."""
        return self.available + self.committed + self.reserved + self.safety_stock

    @property
    def free(self) -> int:
        """Units that no order has: on offer, or kept back as safety stock."""
        return self.available + self.safety_stock

    @property
    def on_hand(self) -> int:
        """On hand as Shopify shows it."""
        return self.shelf + self.damaged + self.quality_control


def read_some(
    client: Client, pairs: Sequence[tuple[int, int]]
) -> dict[tuple[int, int], RemoteLevel]:
    """The levels of these (item, location) in one call; those that Shopify has not are absent."""
    if not pairs:
        return {}
    variables = {}
    for place, (item, location) in enumerate(pairs):
        variables[f"item_{place}"] = gid("InventoryItem", item)
        variables[f"location_{place}"] = gid("Location", location)
    answer = client.execute(repeated("inventory_level", len(pairs)), variables)
    found = {}
    for place, (item, location) in enumerate(pairs):
        row = (answer.data.get(f"m{place}") or {}).get("inventoryLevel")
        if row is not None:
            found[item, location] = _level(item, row["quantities"])
    return found


def read_levels(client: Client, location_id: int) -> Iterator[RemoteLevel]:
    """Every level of a location."""
    after = None
    while True:
        answer = client.execute(
            document("location_levels"), {"id": gid("Location", location_id), "after": after}
        )
        location = answer.data["location"]
        if location is None:
            return
        page = location["inventoryLevels"]
        for row in page["nodes"]:
            yield _level(number_of(row["item"]["id"]), row["quantities"])
        if not page["pageInfo"]["hasNextPage"]:
            return
        after = page["pageInfo"]["endCursor"]


def _level(item: int, quantities: Sequence[dict[str, Any]]) -> RemoteLevel:
    numbers = {each["name"]: each["quantity"] for each in quantities}
    moments = {each["name"]: each["updatedAt"] for each in quantities}
    changed_at = moments["available"]
    return RemoteLevel(
        item, **numbers, changed_at=datetime.fromisoformat(changed_at) if changed_at else None
    )
