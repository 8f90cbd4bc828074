"""Where stock is, how much, who may count on it, and every entry that made it so."""

from inventory.models.counts import ABC, CountLine, CountPolicy, CountSession, Standing
from inventory.models.feeds import (
    AuthorityRule,
    Drift,
    FeedChunk,
    FeedMark,
    FeedRow,
    StockFeed,
)
from inventory.models.places import Location
from inventory.models.promises import ChannelThreshold, Reservation, RingFence
from inventory.models.stock import Reason, StockEntry, StockLevel
from inventory.models.supply import (
    Presell,
    Receipt,
    ReceiptLine,
    Supply,
    SupplyLine,
    SupplyPromise,
)

__all__ = [
    "ABC",
    "AuthorityRule",
    "ChannelThreshold",
    "CountLine",
    "CountPolicy",
    "CountSession",
    "Drift",
    "FeedChunk",
    "FeedMark",
    "FeedRow",
    "Location",
    "Presell",
    "Reason",
    "Receipt",
    "ReceiptLine",
    "Reservation",
    "RingFence",
    "Standing",
    "StockEntry",
    "StockFeed",
    "StockLevel",
    "Supply",
    "SupplyLine",
    "SupplyPromise",
]
