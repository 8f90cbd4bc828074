"""The verbs of the fulfillment room, by what they are about."""

from oms.fulfillment.commands.handling import Outcome
from oms.fulfillment.commands.losing import Settled, lose_missing, would_lose
from oms.fulfillment.commands.missing import Why, short_pick, would_lose_pick
from oms.fulfillment.commands.parcels import Scan, record_scan, record_scans
from oms.fulfillment.commands.picking import pack, pick, pick_all, start_picking
from oms.fulfillment.commands.releasing import release, release_due
from oms.fulfillment.commands.shipping import Box, HandOver, Shipped, ship, ship_many
from oms.fulfillment.commands.taking_back import Withdrawn, cancel, withdraw

__all__ = [
    "Box",
    "HandOver",
    "Outcome",
    "Scan",
    "Settled",
    "Shipped",
    "Why",
    "Withdrawn",
    "cancel",
    "lose_missing",
    "pack",
    "pick",
    "pick_all",
    "record_scan",
    "record_scans",
    "release",
    "release_due",
    "ship",
    "ship_many",
    "short_pick",
    "start_picking",
    "withdraw",
    "would_lose",
    "would_lose_pick",
]
