"""Differences between the shop's stock and ours: recorded with their cause, repaired one way.

A row is open while the two disagree and nobody has decided. `repair` says what is planned for an
open one (wait, ask) and what was done about a closed one (adopted, published).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models.functions import Coalesce

from inventory import ledger
from inventory.ledger import Change
from inventory.models import Drift, StockLevel
from inventory.publishing import TOPIC, tell_levels
from inventory.waiting import wake_soon
from oms.core import timers
from oms.core.actor import Actor
from oms.core.errors import Refused
from oms.core.sql import execute, fetch, ints, json

WAIT, ASK, ADOPTED, PUBLISHED = "wait", "ask", "adopted", "published"
TIMER = "drift"
# From here on a difference is more likely a mistake than news: a person decides.
MOST_UNITS = 50
MOST_TIMES = 5


@dataclass(slots=True)
class Finding:
    """A level where the shop and we disagree.

    `difference` is what somebody else changed in the shop, `ours` and `theirs` are on hand here and
    there. `evidence` holds every number that was seen; those of the basis prove later that nothing
    has moved since.
    """

    store_id: int
    level_id: int
    ours: int
    theirs: int
    difference: int
    cause: str
    repair: str
    evidence: dict[str, Any] = field(default_factory=dict)

    @property
    def is_absurd(self) -> bool:
        """Whether it is more than a sale, a count or a delivery explains."""
        smaller = max(min(self.ours, self.theirs), 0)
        return abs(self.difference) > max(MOST_UNITS, MOST_TIMES * smaller)


def record(findings: Sequence[Finding]) -> list[int]:
    """Open a difference for each, or bring the open one up to date; return the ids in order."""
    if not findings:
        return []
    rows = fetch(
        _RECORD,
        [
            ints(f.store_id for f in findings),
            ints(f.level_id for f in findings),
            ints(f.ours for f in findings),
            ints(f.theirs for f in findings),
            [f.cause for f in findings],
            [f.repair for f in findings],
            [json(f.evidence | {"difference": f.difference}) for f in findings],
        ],
    )
    ids: dict[int, int] = dict(rows)
    return [ids[f.level_id] for f in findings]


def agree(level_ids: Iterable[int], *, actor: Actor) -> int:
    """The shop and we agree again at these levels; return how many differences that ends."""
    return execute(_AGREE, [str(actor), ints(sorted(set(level_ids)))])


@transaction.atomic
def adopt(*, drift_id: int, actor: Actor, why: str = "") -> bool:
    """Take the shop's number over; what is promised beyond it becomes a shortage. False if done.

    Refused when stock has moved since the two numbers were compared.
    """
    drift = _open(drift_id)
    if drift is None:
        return False
    _check_basis(drift)
    if drift.evidence.get("bundle"):
        raise Refused("A bundle has no stock of its own: its parts say how many there are.")

    levels = ledger.post(
        [
            Change(
                drift.level_id, "on_hand", drift.evidence["difference"], "sync", f"drift:{drift.pk}"
            )
        ],
        actor=actor,
    )
    _close(drift, ADOPTED, actor, why)
    if drift.evidence["difference"] > 0:
        wake_soon(drift.store_id, [level.item_id for level in levels.values()])
    return True


@transaction.atomic
def publish(*, drift_id: int, actor: Actor, why: str = "") -> bool:
    """Have the shop told our number, whatever it has. False if that was done already.

    Refused when stock has moved since the two numbers were compared.
    """
    drift = _open(drift_id)
    if drift is None:
        return False
    _check_basis(drift)

    # Somebody's change counts as if we had told it: what is told next takes it off again.
    told = Coalesce("published", 0) + drift.evidence["difference"]
    StockLevel.objects.filter(pk=drift.level_id).update(published=told)
    _close(drift, PUBLISHED, actor, why)
    tell_levels([drift.level_id])
    return True


def look_again(*, drift_id: int) -> None:
    """Compare this level with the shop soon, instead of at the next round."""
    drift = Drift.objects.get(pk=drift_id)
    look_at(drift.store_id, [drift.level_id])


def look_at(store_id: int, level_ids: Sequence[int], *, due_at: datetime | None = None) -> None:
    """Compare these levels with the shop soon."""
    timers.start(store_id=store_id, kind=TIMER, subject_ids=sorted(set(level_ids)), due_at=due_at)


def _open(drift_id: int) -> Drift | None:
    drift = Drift.objects.select_for_update(of=("self",)).filter(pk=drift_id).first()
    if drift is None:
        raise Refused("There is no such difference.")
    return drift if drift.state == Drift.State.OPEN else None


def _check_basis(drift: Drift) -> None:
    level = ledger.lock([drift.level_id])[drift.level_id]
    ((told, waits),) = fetch(_BASIS, [f"level:{drift.level_id}", TOPIC, drift.level_id])
    basis = drift.evidence.get("basis", {})
    if waits or (level.on_hand, told) != (basis.get("on_hand"), basis.get("told")):
        raise Refused("Stock has moved since the two numbers were compared; look again first.")


def _close(drift: Drift, repair: str, actor: Actor, why: str) -> None:
    execute(
        """
        UPDATE inventory_drift
        SET state = 'repaired', repair = %s, ended_at = now(), ended_by = %s,
            evidence = evidence || jsonb_build_object('why', %s::text)
        WHERE id = %s
        """,
        [repair, str(actor), why, drift.pk],
    )


_RECORD = """
INSERT INTO inventory_drift AS d
       (store_id, level_id, state, ours, theirs, cause, repair, evidence, ended_by)
SELECT t.store_id, t.level_id, 'open', t.ours, t.theirs, t.cause, t.repair, t.evidence, ''
FROM unnest(%s::bigint[], %s::bigint[], %s::int[], %s::int[], %s::text[], %s::text[], %s::jsonb[])
     AS t(store_id, level_id, ours, theirs, cause, repair, evidence)
ORDER BY t.level_id
ON CONFLICT (level_id) WHERE state = 'open' DO UPDATE
SET ours = excluded.ours, theirs = excluded.theirs, cause = excluded.cause,
    repair = excluded.repair, evidence = excluded.evidence, checked_at = now()
RETURNING d.level_id, d.id
"""
_AGREE = """
UPDATE inventory_drift SET state = 'gone', ended_at = now(), checked_at = now(), ended_by = %s
WHERE level_id = ANY(%s::bigint[]) AND state = 'open'
"""
_BASIS = """
SELECT coalesce(v.published, 0), EXISTS (
    SELECT 1 FROM core_outboxintent i
    WHERE i.store_id = v.store_id AND i.key = %s AND i.topic = %s
      AND i.state IN ('waiting', 'sending', 'unknown'))
FROM inventory_stocklevel v WHERE v.id = %s
"""
