"""Units of a level kept for the orders of one channel: set, changed, ended, ended by date."""

from collections.abc import Sequence
from datetime import date
from zoneinfo import ZoneInfo

from django.db import transaction

from inventory import ledger
from inventory.commands.thresholds import checked_channel
from inventory.ledger import Change
from inventory.models import RingFence, StockLevel
from inventory.publishing import tell_shop
from inventory.waiting import wake_soon
from oms.core.actor import SWITCHYARD, Actor
from oms.core.clock import now
from oms.core.errors import Refused
from oms.core.sql import execute, fetch, ints
from oms.orders.words import count_of


@transaction.atomic
def set_fence(
    *,
    level_id: int,
    channel: str,
    units: int,
    overflow: bool = True,
    until: date | None = None,
    actor: Actor,
) -> RingFence:
    """Keep `units` that nobody was promised for the channel's orders, instead of what was kept.

    With `overflow` the channel may use the common stock too. After the day `until` the units are
    free again. Refused when fewer are free than are to be added. The same again is quiet.
    """
    channel = checked_channel(channel)
    level = StockLevel.objects.select_related("store").filter(pk=level_id).first()
    if level is None:
        raise Refused("This stock level does not exist.")
    if units < 1:
        raise Refused("Keep at least one unit, or end the fence.")
    if until and until < now().astimezone(ZoneInfo(level.store.timezone)).date():
        raise Refused(f"{until:%d %b %Y} is over; choose a day to come, or none.")

    # Made empty first: whoever sets the same fence at this moment waits here, before any level.
    [[fence_id]] = fetch(_OPEN, [level.store_id, level_id, channel, overflow, until, str(actor)])
    fence = RingFence.objects.get(pk=fence_id)
    before = ledger.lock([level_id])[level_id]
    added = units - fence.units
    if added > max(before.available, 0):
        free = count_of(max(before.available, 0), "unit")
        counted = " while the shelf is counted" if before.frozen else ""
        raise Refused(f"Only {free} more can be kept here{counted}.")

    fence.units, fence.overflow, fence.until = units, overflow, until
    fence.save(update_fields=["units", "overflow", "until"])
    changes = [Change(level_id, "fenced", added, "fence", f"fence:{fence_id}")]
    tell_shop(ledger.post(changes, actor=actor).values(), actor=actor)
    # More for one or less for the others: either may be what an order waits for.
    wake_soon(before.store_id, [before.item_id])
    return fence


@transaction.atomic
def end_fence(*, fence_id: int, actor: Actor) -> RingFence:
    """Give the units back to everybody; what the channel was promised stays. Repeating is quiet."""
    fence = RingFence.objects.select_for_update().filter(pk=fence_id).first()
    if fence is None:
        raise Refused("This fence does not exist.")
    if fence.ended_at is None:
        _end([(fence.pk, fence.level_id, fence.units)], actor)
        fence.refresh_from_db()
    return fence


@transaction.atomic
def end_due_fences(limit: int = 500, *, actor: Actor = SWITCHYARD) -> int:
    """End fences whose last day is over where their shop is; return how many it were."""
    due = [(fence_id, level_id, units) for fence_id, level_id, units in fetch(_DUE, [now(), limit])]
    if due:
        _end(due, actor)
    return len(due)


def _end(fences: Sequence[tuple[int, int, int]], actor: Actor) -> None:
    execute(
        "UPDATE inventory_ringfence SET ended_at = now() WHERE id = ANY(%s::bigint[])",
        [ints(fence_id for fence_id, _, _ in fences)],
    )
    # Two channels may keep units of one level: each entry names its fence.
    changes = [Change(level, "fenced", -units, "fence", f"fence:{f}") for f, level, units in fences]
    levels = ledger.post(changes, actor=actor)
    tell_shop(levels.values(), actor=actor)
    for level in levels.values():
        wake_soon(level.store_id, [level.item_id])


_OPEN = """
INSERT INTO inventory_ringfence (store_id, level_id, channel, units, overflow, until, created_by)
VALUES (%s, %s, %s, 0, %s, %s, %s)
ON CONFLICT (level_id, channel) WHERE ended_at IS NULL
DO UPDATE SET units = inventory_ringfence.units
RETURNING id
"""
# The day ends where the shop is, not in Greenwich.
_DUE = """
SELECT f.id, f.level_id, f.units FROM inventory_ringfence f
WHERE f.ended_at IS NULL AND f.until IS NOT NULL
      AND f.until < (%s::timestamptz AT TIME ZONE (SELECT s.timezone FROM core_store s
                                                  WHERE s.id = f.store_id))::date
ORDER BY f.id LIMIT %s FOR UPDATE SKIP LOCKED
"""
