"""Repair of stock that does not add up: a preview row for each counter, and the same rows done.

First a counter and its entries are made to agree (`ledger.mend`), then both with the promises,
fences and supplies they stand for: an entry of cause `repair` says by how much. Promises are kept
as they are; only one that entries, counter and order line contradict together is set right by them.
Where more is promised afterwards than stands there, the usual timer sees to who loses.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db import transaction

from inventory import ledger, promise_rows, verification
from inventory.ledger import Change, Unlike
from inventory.models import StockEntry
from inventory.promise_rows import Fix
from inventory.publishing import tell_shop
from inventory.verification import STANDS_FOR
from inventory.waiting import wake_soon
from oms.core.actor import Actor
from oms.core.errors import Refused

# (level, bucket, counter, what the rows add up to that it stands for)
Counted = tuple[int, str, int, int]

BATCH = 200
RESERVED = "reserved"
KEPT = ("reserved", "soft", "fenced", "safety", "buffer")


@dataclass(slots=True, frozen=True)
class Repair:
    """What a repair does, or did, to one counter: from `counter` to `after`.

    `entries` is what its entries add up to, `stands` what the rows do that it stands for.
    `sets_counter` without an entry, `adds_entry` with one; both may be needed. `promises` are
    sentences about promises that are set right.
    """

    level_id: int
    sku: str
    location: str
    bucket: str
    counter: int
    entries: int
    stands: int | None
    after: int
    sets_counter: bool
    adds_entry: bool
    promises: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What it does, in words."""
        name = str(StockEntry.Bucket(self.bucket).label).lower()
        if self.after == self.counter:
            done = f"{name} stays {self.counter:,}"
            done += "; an entry makes its history agree" if self.adds_entry else ""
        elif self.stands is not None and self.after == self.stands != self.entries:
            done = (
                f"{name} from {self.counter:,} to {self.after:,}, as its {STANDS_FOR[self.bucket]}"
            )
        else:
            done = f"{name} from {self.counter:,} to {self.after:,}, as its entries say"
        done = "; ".join([done, *self.promises])
        return f"{self.sku} at {self.location}: {done}."

    @property
    def available_change(self) -> int:
        """Units that can be sold afterwards and could not before; below zero: the other way."""
        change = self.after - self.counter
        if self.bucket == "on_hand":
            return change
        return -change if self.bucket in KEPT else 0


def preview(*, store_id: int | None = None, level_ids: Iterable[int] | None = None) -> list[Repair]:
    """What `repair` would do now. Writes nothing."""
    ids = None if level_ids is None else sorted(set(level_ids))
    unlike = ledger.unlike_entries(ids, store_id=store_id)
    rows = verification.unlike_rows(ids, store_id=store_id)
    return _rows(unlike, rows, promise_rows.contradicted(_gaps(unlike, rows)))


def repair(
    *, store_id: int | None = None, level_ids: Iterable[int] | None = None, actor: Actor
) -> list[Repair]:
    """Repair every counter that does not add up; return what was done. Again is quiet.

    In batches, each in a transaction of its own that looks again under lock.
    """
    if not actor.name.strip():
        raise Refused("Say who repairs the stock; every entry names them.")
    wrong = sorted({row.level_id for row in preview(store_id=store_id, level_ids=level_ids)})
    done = []
    for start in range(0, len(wrong), BATCH):
        done += _repair(wrong[start : start + BATCH], actor)
    return done


@transaction.atomic
def _repair(level_ids: list[int], actor: Actor) -> list[Repair]:
    unlike, rows = ledger.unlike_entries(level_ids), verification.unlike_rows(level_ids)
    doubtful = promise_rows.contradicted(_gaps(unlike, rows))
    promise_rows.lock(fix.reservation_id for fixes in doubtful.values() for fix in fixes)
    before = ledger.lock(level_ids)

    rows = verification.unlike_rows(level_ids)
    mended = ledger.mend(level_ids, actor=actor)
    # Nobody changed these meanwhile: what is found now is done only where it was found before.
    fixes = promise_rows.contradicted(_gaps(mended, rows))
    fixes = {id_: found for id_, found in fixes.items() if found == doubtful.get(id_)}
    promise_rows.apply(fix for found in fixes.values() for fix in found)
    ledger.post(
        [
            Change(level_id, bucket, stands - counter, "repair", f"level:{level_id}")
            for level_id, bucket, counter, stands in verification.unlike_rows(level_ids)
        ],
        actor=actor,
    )
    after = ledger.lock(level_ids)
    ledger.see_to_missing(after.values())
    changed = [level for id_, level in after.items() if level != before[id_]]
    tell_shop(changed, actor=actor)
    for level in changed:
        if level.available > before[level.id].available:
            wake_soon(level.store_id, [level.item_id])
    return _rows(mended, rows, fixes)


def _gaps(unlike: list[Unlike], rows: list[Counted]) -> dict[int, int]:
    """Units entered as reserved less those promised, by level, where they differ."""
    gaps = {
        level_id: counter - stands
        for level_id, bucket, counter, stands in rows
        if bucket == RESERVED
    }
    for u in unlike:
        if u.bucket == RESERVED:
            gaps[u.level_id] = gaps.get(u.level_id, 0) + u.mended - u.counter
    return {level_id: gap for level_id, gap in gaps.items() if gap}


def _rows(
    unlike: list[Unlike], rows: list[Counted], fixes: Mapping[int, list[Fix]]
) -> list[Repair]:
    by_entries = {(u.level_id, u.bucket): u for u in unlike}
    by_rows = {(level_id, bucket): (counter, stands) for level_id, bucket, counter, stands in rows}
    keys = sorted({*by_entries, *by_rows})
    names = verification.level_names(level_id for level_id, _ in keys)
    found = []
    for key in keys:
        level_id, bucket = key
        u = by_entries.get(key)
        counter = u.counter if u else by_rows[key][0]
        mended = u.mended if u else counter
        fixed = fixes.get(level_id, ()) if bucket == RESERVED else ()
        stands = None
        if bucket in STANDS_FOR:
            # A counter that is not named agrees with its rows.
            stands = mended if fixed else by_rows.get(key, (counter, counter))[1]
        after = mended if stands is None else stands
        found.append(
            Repair(
                level_id, *names[level_id], bucket, counter, u.entries if u else counter, stands,
                after,
                sets_counter=bool(u and u.believes_entries),
                adds_entry=after != mended or bool(u and not u.believes_entries),
                promises=tuple(fix.sentence for fix in fixed),
            )
        )  # fmt: skip
    return found
