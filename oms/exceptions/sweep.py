"""The sweep opens, refreshes and closes cases by proof alone: one statement a kind.

Two sweeps may run at once: each kind is swept under an advisory lock, and the constraint of one
open row per kind and subject has the last word.
"""

import json
import logging
import time
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import Group
from django.db import DatabaseError, OperationalError, connection, transaction

from oms.core import clock
from oms.core.actor import SWITCHYARD
from oms.core.failpoints import failpoint
from oms.core.sql import execute
from oms.exceptions.detectors import DETECTORS
from oms.exceptions.kinds import KINDS, TEAMS, Kind, sentence
from oms.exceptions.models import Check
from oms.orders import timeline

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Swept:
    """What one check of a kind did. `error` is why it could not be made; the others went on."""

    found: int = 0
    opened: int = 0
    refreshed: int = 0
    closed: int = 0
    milliseconds: int = 0
    error: str = ""


def sweep(*, kinds: Collection[str] | None = None, now: datetime | None = None) -> dict[str, Swept]:
    """Check the kinds (all that are due when none is named) and bring the queue in line."""
    now = now or clock.now()
    teams = _teams()
    result = {}
    for code in _due(now) if kinds is None else [code for code in KINDS if code in kinds]:
        kind = KINDS[code]
        started = time.monotonic()
        try:
            swept = _sweep_kind(code, kind, teams[kind.team], now)
        except OperationalError:
            raise
        except DatabaseError as error:
            # One query that fails must not blind the others; the page of checks shows it.
            log.exception("the check of %s failed", code)
            swept = Swept(error=str(error))
        swept.milliseconds = round((time.monotonic() - started) * 1000)
        _note(code, swept, now)
        result[code] = swept
    return result


@transaction.atomic
def _sweep_kind(code: str, kind: Kind, team_id: int, now: datetime) -> Swept:
    execute(_PREPARE, [str(uuid.uuid4()), code])
    values: dict[str, Any] = {
        "kind": code,
        "now": now,
        "due": now + kind.due,
        "severity": kind.severity,
        "team": team_id,
    }
    with connection.cursor() as cursor:
        cursor.execute(_SWEEP.replace("{detector}", DETECTORS[code]), values)
        rows = cursor.fetchall()
    swept = Swept()
    events = []
    for what, count, store_id, order_id, case_id, facts in rows:
        setattr(swept, what, getattr(swept, what) + count)
        if order_id:
            what_is_wrong = sentence(code, json.loads(facts))
            data = {"kind": code, "case": case_id, "what": what_is_wrong}
            events.append(
                timeline.EventRow(store_id, order_id, f"exception.{what}", SWITCHYARD, data)
            )
    timeline.record_many(events)
    failpoint("exceptions.sweep.before_commit")
    return swept


# Every query starts from a small partial index whose pages are in memory, and is over before it
# could be compiled. The history triggers must find their settings: without them each row ends a
# subtransaction in an error, which costs a look at all rows written before (20,000 rows: 11 s
# against 0.6 s).
_PREPARE = """
SELECT set_config('random_page_cost', '1.1', true), set_config('jit', 'off', true),
       set_config('pgtrigger.ignore', '{}', true),
       set_config('pghistory.context_id', %s, true),
       set_config('pghistory.context_metadata', '{"actor": "sweep"}', true),
       pg_advisory_xact_lock(hashtext('switchyard.sweep'), hashtext(%s))
"""

# `found` is what is wrong now, `known` what the queue says; a full join can only be hashed or
# merged, so it stays cheap whatever the planner believes about them. A case that was closed before
# keeps its owner and counts the reopening; the sort has all that looked up before the first row is
# written. Only rows whose facts changed are refreshed: cases that stay as they are cost one join.
_SWEEP = """
WITH found AS MATERIALIZED (
    SELECT store_id, subject::text AS subject, order_id, facts, at_stake FROM (
{detector}
    ) AS detector (store_id, subject, order_id, facts, at_stake)
), known AS MATERIALIZED (
    SELECT id, store_id, subject, order_id, facts, at_stake FROM exceptions_exceptioncase
    WHERE kind = %(kind)s AND closed_at IS NULL
), compared AS MATERIALIZED (
    SELECT k.id, f.store_id, f.subject, f.order_id, f.facts, f.at_stake,
           CASE WHEN k.id IS NULL THEN 'opened' WHEN f.subject IS NULL THEN 'closed'
                ELSE 'refreshed' END AS what
    FROM found f FULL JOIN known k ON k.store_id = f.store_id AND k.subject = f.subject
    WHERE k.id IS NULL OR f.subject IS NULL
       OR (k.facts, k.at_stake, k.order_id) IS DISTINCT FROM (f.facts, f.at_stake, f.order_id)
), opening AS MATERIALIZED (
    SELECT n.*, before.owner_id, before.reopened
    FROM compared n
    CROSS JOIN LATERAL (
        SELECT coalesce(max(p.reopened) + 1, 0) AS reopened,
               (array_agg(u.id ORDER BY p.id DESC))[1] AS owner_id
        FROM exceptions_exceptioncase p
        LEFT JOIN auth_user u ON u.id = p.owner_id AND u.is_active
        WHERE p.store_id = n.store_id AND p.kind = %(kind)s AND p.subject = n.subject
    ) before
    WHERE n.what = 'opened'
    ORDER BY n.store_id, n.subject
), opened AS (
    INSERT INTO exceptions_exceptioncase AS c
           (store_id, kind, subject, order_id, facts, at_stake, severity, team_id, owner_id,
            opened_at, due_at, seen_at, reopened, last_change)
    SELECT store_id, %(kind)s, subject, order_id, facts, at_stake, %(severity)s, %(team)s,
           owner_id, %(now)s, %(due)s, %(now)s, reopened, ''
    FROM opening
    ON CONFLICT (store_id, kind, subject) WHERE closed_at IS NULL DO NOTHING
    RETURNING c.store_id, c.order_id, c.id, c.facts
), refreshed AS (
    UPDATE exceptions_exceptioncase c
    SET facts = n.facts, at_stake = n.at_stake, order_id = n.order_id, seen_at = %(now)s
    FROM compared n WHERE c.id = n.id AND n.what = 'refreshed'
    RETURNING c.id
), closed AS (
    UPDATE exceptions_exceptioncase c SET closed_at = %(now)s
    FROM compared n WHERE c.id = n.id AND n.what = 'closed'
    RETURNING c.store_id, c.order_id, c.id, c.facts
)
SELECT 'opened', 1, store_id, order_id, id, facts FROM opened
UNION ALL SELECT 'closed', 1, store_id, order_id, id, facts FROM closed
UNION ALL SELECT 'refreshed', count(*), NULL, NULL, NULL, NULL FROM refreshed
UNION ALL SELECT 'found', count(*), NULL, NULL, NULL, NULL FROM found
"""


def _due(now: datetime) -> list[str]:
    """All kinds, but not those that cost more and were checked a moment ago."""
    checked = dict(Check.objects.values_list("kind", "checked_at"))

    def rests(code: str, kind: Kind) -> bool:
        last = checked.get(code)
        return last is not None and last <= now < last + kind.every

    return [code for code, kind in KINDS.items() if not rests(code, kind)]


def _teams() -> dict[str, int]:
    teams = dict(Group.objects.filter(name__in=TEAMS).values_list("name", "id"))
    for name in TEAMS:
        if name not in teams:
            teams[name] = Group.objects.get_or_create(name=name)[0].pk
    return teams


def _note(code: str, swept: Swept, now: datetime) -> None:
    execute(
        """
        INSERT INTO exceptions_check AS c (kind, checked_at, found, milliseconds, error)
        VALUES (%s, CASE WHEN %s = '' THEN %s END, %s, %s, %s)
        ON CONFLICT (kind) DO UPDATE
        SET checked_at = coalesce(excluded.checked_at, c.checked_at), found = excluded.found,
            milliseconds = excluded.milliseconds, error = excluded.error
        """,
        [code, swept.error, now, swept.found, swept.milliseconds, swept.error],
    )
