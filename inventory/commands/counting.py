"""Counting: open a list of levels, enter what stands there, submit it, or cancel it all.

Each line speaks of a moment of its own, told by the device or now. What differs from the stock of
that moment is judged and posted in `inventory.commands.count_review`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from inventory import ledger
from inventory.models import CountPolicy, CountSession, Location
from inventory.waiting import wake_soon
from oms.core import clock
from oms.core.actor import Actor
from oms.core.errors import Refused
from oms.core.sql import execute, fetch, ints

State = CountSession.State

MOST_UNITS = 9_999_999
CLOCK_MAY_BE_AHEAD = timedelta(minutes=1)
# What brings on hand to a number that somebody saw. After the moment of a count it may be the very
# difference that the count found: such a line wants a second look, or it would be taken out twice.
CORRECTIONS = ("adjust", "count", "feed", "repair", "short")


@dataclass(slots=True, frozen=True)
class Opened:
    """The new count, how many levels it holds, and how many are in another count already."""

    session_id: int
    lines: int
    elsewhere: int = 0


@dataclass(slots=True, frozen=True)
class Entry:
    """`counted` units of a level stood there at a moment; without one it is now."""

    level_id: int
    counted: int
    counted_at: datetime | None = None


@dataclass(slots=True, frozen=True)
class Submitted:
    """What a submitted count holds: lines counted, differing, to be approved, and not counted."""

    counted: int
    differ: int
    to_approve: int
    dropped: int


@transaction.atomic
def open_count(
    *,
    location_id: int,
    actor: Actor,
    level_ids: Sequence[int] = (),
    skus: Sequence[str] = (),
    everything: bool = False,
    kind: str = CountSession.Kind.CYCLE,
    blind: bool = True,
    freezes: bool = False,
) -> Opened:
    """Open a count of the levels named, of SKUs or barcodes, or of everything at the location.

    A level that is being counted already stays in that count. With `freezes` nothing new is
    promised from these levels until the count ends.
    """
    location = Location.objects.filter(pk=location_id).first()
    if location is None:
        raise Refused("This location does not exist.")
    if everything:
        level_ids = [row[0] for row in fetch(_COUNTABLE, [location_id])]
    elif skus:
        level_ids = _levels_of(location, skus)
    else:
        rows = fetch(_COUNTABLE_OF, [location_id, ints(level_ids)])
        level_ids = [row[0] for row in rows]
    if not level_ids:
        raise Refused(f"There is nothing to count at {location.name}.")

    session = CountSession.objects.create(
        store_id=location.store_id,
        location=location,
        kind=kind,
        blind=blind,
        freezes=freezes,
        created_by=str(actor),
        created_at=clock.now(),
    )
    added = _add_lines(session, level_ids)
    if not added:
        raise Refused("All of these are being counted already.")
    return Opened(session.pk, len(added), len(set(level_ids)) - len(added))


@transaction.atomic
def add_to_count(*, session_id: int, skus: Sequence[str], actor: Actor) -> int:
    """Something else stands there: take its level into an open count. Again is quiet."""
    session = lock_session(session_id)
    _must_be_open(session)
    return len(_add_lines(session, _levels_of(session.location, skus)))


@transaction.atomic
def enter_count(*, session_id: int, entries: Sequence[Entry], actor: Actor) -> int:
    """Write down what was counted; return how many lines changed.

    Until the count is submitted the entry of the latest moment stands: one that a device kept
    while it had no network does not replace a newer one.
    """
    session = lock_session(session_id, share=True)
    _must_be_open(session)
    now = clock.now()
    latest: dict[int, Entry] = {}
    for entry in entries:
        at = entry.counted_at or now
        if not 0 <= entry.counted <= MOST_UNITS:
            raise Refused(f"{entry.counted:,} is not a number of units that can stand there.")
        if at > now + CLOCK_MAY_BE_AHEAD:
            raise Refused("The clock of this device is ahead; set it right and count again.")
        if at < session.created_at:
            raise Refused("This was counted before the count was opened; count it again.")
        known = latest.get(entry.level_id)
        if known is None or at >= (known.counted_at or now):
            latest[entry.level_id] = Entry(entry.level_id, entry.counted, min(at, now))
    lines = fetch(_LOCK_OPEN_LINES, [session_id, ints(latest)])
    if submitted := [sku for _, _, sku, expected in lines if expected is not None]:
        raise Refused(f"{submitted[0]} was submitted already; ask for a recount.")
    if len(lines) < len(latest):
        raise Refused("This item is not in this count; add it first.")
    return execute(
        _ENTER,
        [
            str(actor),
            actor.user_id,
            ints(line[0] for line in lines),
            ints(latest[line[1]].counted for line in lines),
            [latest[line[1]].counted_at for line in lines],
        ],
    )


@transaction.atomic
def submit_count(*, session_id: int, actor: Actor) -> Submitted:
    """Compare what was counted with the stock of each line's moment.

    What nobody counted is dropped and stays as it is. What differs beyond the policy waits for a
    second person, and so does a level that was corrected since it was counted.
    """
    session = lock_session(session_id)
    if session.state != State.OPEN:
        return _submitted(session_id)
    fresh = fetch(_FRESH, [session_id])
    if not fresh and not _submitted(session_id).counted:
        raise Refused("Nothing is counted yet: count something, or cancel the count.")

    expected = ledger.on_hand_when({level_id: at for _, level_id, at in fresh})
    policy = CountPolicy.objects.filter(store_id=session.store_id).first() or CountPolicy()
    execute(
        _COMPARE,
        [
            list(CORRECTIONS),
            policy.approve_units,
            policy.approve_value,
            ints(line_id for line_id, *_ in fresh),
            ints(expected[level_id] for _, level_id, _ in fresh),
        ],
    )
    dropped = [row[0] for row in fetch(_DROP_UNCOUNTED, [session_id])]
    thaw(session, dropped)
    session.state = State.REVIEW
    session.submitted_at, session.submitted_by = clock.now(), str(actor)
    session.save(update_fields=["state", "submitted_at", "submitted_by"])
    return _submitted(session_id)


@transaction.atomic
def cancel_count(*, session_id: int, actor: Actor) -> None:
    """End a count without posting anything. Stock stays as it is, and may be promised again."""
    session = lock_session(session_id)
    if session.state == State.CANCELLED:
        return
    if session.state in (State.POSTING, State.POSTED):
        raise Refused("This count is posted; count again to correct it.")

    thaw(session, [row[0] for row in fetch(_DROP_ALL, [session_id])])
    end(session, State.CANCELLED, actor)


def lock_session(session_id: int, *, share: bool = False) -> CountSession:
    """Lock a count until the transaction ends; those who only enter numbers share it."""
    fetch(_SHARE_SESSION if share else _LOCK_SESSION, [session_id])
    session = CountSession.objects.select_related("location").filter(pk=session_id).first()
    if session is None:
        raise Refused("This count does not exist.")
    return session


def thaw(session: CountSession, level_ids: Iterable[int]) -> None:
    """The count of these levels is over: units may be promised again, and who waits has a turn."""
    level_ids = list(level_ids)
    if not session.freezes or not level_ids:
        return
    frozen = [level for level in ledger.lock(level_ids).values() if level.frozen]
    ledger.freeze([level.id for level in frozen], frozen=False)
    free = [level.item_id for level in frozen if level.on_hand > level.kept]
    wake_soon(session.store_id, free)


def end(session: CountSession, state: str, actor: Actor) -> None:
    session.state, session.ended_at, session.ended_by = state, clock.now(), str(actor)
    session.save(update_fields=["state", "ended_at", "ended_by"])


def _must_be_open(session: CountSession) -> None:
    if session.state == State.OPEN:
        return
    what = {State.POSTED: "posted", State.CANCELLED: "cancelled"}.get(
        State(session.state), "submitted"
    )
    raise Refused(f"This count is {what} already; open a new one, or ask for a recount.")


def _add_lines(session: CountSession, level_ids: Iterable[int]) -> list[int]:
    rows = fetch(_ADD_LINES, [session.pk, ints(sorted(set(level_ids)))])
    added = [row[0] for row in rows]
    if session.freezes and added:
        ledger.freeze(added, frozen=True)
    return added


def _levels_of(location: Location, skus: Sequence[str]) -> list[int]:
    """The levels of SKUs or barcodes; one that stands there for the first time is opened."""
    wanted = [sku for sku in dict.fromkeys(sku.strip() for sku in skus) if sku]
    found: dict[str, int] = {}
    kits = {}
    for item_id, sku, barcode, counts in fetch(_ITEMS, [location.store_id, wanted, wanted]):
        # A SKU that is another item's barcode means the item that carries it as SKU.
        for name in (sku, barcode):
            if name == sku or name not in found:
                found[name] = item_id
        if not counts:
            kits[item_id] = sku
    if unknown := [sku for sku in wanted if sku not in found]:
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        raise Refused(f"No item has the SKU or barcode “{unknown[0][:60]}”{more}.")
    for sku in wanted:
        if found[sku] in kits:
            raise Refused(f"{kits[found[sku]]} has no stock of its own; count what it is made of.")
    pairs = [(location.store_id, found[sku], location.pk) for sku in wanted]
    return sorted(ledger.open_levels(pairs).values())


def _submitted(session_id: int) -> Submitted:
    return Submitted(*fetch(_SUBMITTED, [session_id])[0])


_LOCK_SESSION = "SELECT id FROM inventory_countsession WHERE id = %s FOR UPDATE"
_SHARE_SESSION = "SELECT id FROM inventory_countsession WHERE id = %s FOR SHARE"
# A bundle has no stock of its own, and of what is not tracked nobody knows a number.
_COUNTABLE = """
SELECT v.id FROM inventory_stocklevel v JOIN catalog_item i ON i.id = v.item_id
WHERE v.location_id = %s AND i.tracked
  AND NOT EXISTS (SELECT 1 FROM catalog_bundlepart b WHERE b.bundle_id = i.id)
"""
_COUNTABLE_OF = f"{_COUNTABLE} AND v.id = ANY(%s::bigint[])"
_ITEMS = """
SELECT i.id, i.sku, i.barcode,
       i.tracked AND NOT EXISTS (SELECT 1 FROM catalog_bundlepart b WHERE b.bundle_id = i.id)
FROM catalog_item i
WHERE i.store_id = %s
  AND (i.sku = ANY(%s::text[]) OR i.barcode <> '' AND i.barcode = ANY(%s::text[]))
ORDER BY i.id
"""
_ADD_LINES = """
INSERT INTO inventory_countline (session_id, level_id, attempt, state, counted_by, reason,
                                 approved_by)
SELECT %s, level_id, 1, 'to_count', '', '', ''
FROM unnest(%s::bigint[]) AS t(level_id) ORDER BY level_id
ON CONFLICT DO NOTHING RETURNING level_id
"""
_LOCK_OPEN_LINES = """
SELECT c.id, c.level_id, i.sku, c.expected
FROM inventory_countline c
JOIN inventory_stocklevel v ON v.id = c.level_id JOIN catalog_item i ON i.id = v.item_id
WHERE c.session_id = %s AND c.level_id = ANY(%s::bigint[])
  AND c.state IN ('to_count', 'counted', 'review')
ORDER BY c.id FOR UPDATE OF c
"""
_ENTER = """
UPDATE inventory_countline c
SET state = 'counted', counted = t.counted, counted_at = t.at, counted_by = %s,
    counted_by_user_id = %s
FROM unnest(%s::bigint[], %s::int[], %s::timestamptz[]) AS t(id, counted, at)
WHERE c.id = t.id AND (c.counted_at IS NULL OR c.counted_at <= t.at)
"""
_FRESH = """
SELECT id, level_id, counted_at FROM inventory_countline
WHERE session_id = %s AND state = 'counted' AND expected IS NULL ORDER BY id
"""
_COMPARE = """
UPDATE inventory_countline c SET expected = t.expected, state = CASE
    WHEN c.counted = t.expected THEN 'counted'
    WHEN EXISTS (SELECT 1 FROM inventory_stockentry e
                 WHERE e.level_id = c.level_id AND e.bucket = 'on_hand'
                   AND e.cause = ANY(%s::text[]) AND e.at > c.counted_at) THEN 'review'
    WHEN abs(c.counted - t.expected) > %s THEN 'review'
    WHEN abs(c.counted - t.expected) * coalesce(i.price, 0) > %s THEN 'review'
    ELSE 'counted' END
FROM unnest(%s::bigint[], %s::int[]) AS t(id, expected), inventory_stocklevel v, catalog_item i
WHERE c.id = t.id AND v.id = c.level_id AND i.id = v.item_id
"""
_DROP_UNCOUNTED = """
UPDATE inventory_countline SET state = 'dropped' WHERE session_id = %s AND state = 'to_count'
RETURNING level_id
"""
_DROP_ALL = """
UPDATE inventory_countline SET state = 'dropped'
WHERE session_id = %s AND state IN ('to_count', 'counted', 'review') RETURNING level_id
"""
_SUBMITTED = """
SELECT count(*) FILTER (WHERE expected IS NOT NULL AND state IN ('counted', 'review', 'posted')),
       count(*) FILTER (WHERE counted <> expected AND state IN ('counted', 'review', 'posted')),
       count(*) FILTER (WHERE state = 'review'),
       count(*) FILTER (WHERE state = 'dropped' AND counted IS NULL)
FROM inventory_countline WHERE session_id = %s
"""
