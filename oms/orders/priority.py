"""Whose turn is first, when units are few: a number per order, the lower the sooner."""

from oms.orders.snapshots import OrderSnapshot

USUAL = 50
BY_TAG = {"vip": 10, "priority": 20, "urgent": 20}
FAST_METHOD, FAST_WORDS = 30, ("express", "next day", "overnight", "same day")


def priority_of(snapshot: OrderSnapshot) -> int:
    """10 for a VIP, 20 for an urgent order, 30 for a fast delivery, 50 for everybody else."""
    ranks = [BY_TAG[tag.lower()] for tag in snapshot.tags if tag.lower() in BY_TAG]
    method = snapshot.shipping_method.lower()
    if any(word in method for word in FAST_WORDS):
        ranks.append(FAST_METHOD)
    return min(ranks, default=USUAL)
