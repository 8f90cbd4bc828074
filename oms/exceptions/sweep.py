"""The sweep opens, refreshes and closes cases by proof alone: one statement a kind.

Two sweeps may run at once: each kind is swept under an advisory lock, and the constraint of one
open row per kind and subject has the last word.
"""

import json
import logging
import time
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
    """Check the kinds (all when none are named) and bring the queue in line with the facts."""
    now = now or clock.now()
    teams = _teams()
    result = {}
    for code, kind in KINDS.items():
        if kinds is not None and code not in kinds:
            continue
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
    execute("SELECT pg_advisory_xact_lock(hashtext('switchyard.sweep'), hashtext(%s))", [code])
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
        if what == "found":
            swept.found = count
            continue
        setattr(swept, what, getattr(swept, what) + 1)
        if order_id and what != "refreshed":
            what_is_wrong = sentence(code, json.loads(facts))
            data = {"kind": code, "case": case_id, "what": what_is_wrong}
            events.append(
                timeline.EventRow(store_id, order_id, f"exception.{what}", SWITCHYARD, data)
            )
    timeline.record_many(events)
    failpoint("exceptions.sweep.before_commit")
    return swept


# `found` is what is wrong now, `known` what the queue says. A case that was closed before keeps its
# owner and counts the reopening. Refreshing writes only rows whose facts changed: 20,000 cases that
# stay as they are cost one join.
_SWEEP = """
WITH found AS MATERIALIZED (
    SELECT store_id, subject::text AS subject, order_id, facts, at_stake FROM (
{detector}
    ) AS detector (store_id, subject, order_id, facts, at_stake)
), known AS MATERIALIZED (
    SELECT id, store_id, subject, order_id, facts, at_stake FROM exceptions_exceptioncase
    WHERE kind = %(kind)s AND closed_at IS NULL
), opened AS (
    INSERT INTO exceptions_exceptioncase AS c
           (store_id, kind, subject, order_id, facts, at_stake, severity, team_id, owner_id,
            opened_at, due_at, seen_at, reopened, last_change)
    SELECT f.store_id, %(kind)s, f.subject, f.order_id, f.facts, f.at_stake, %(severity)s, %(team)s,
           last.owner_id, %(now)s, %(due)s, %(now)s, coalesce(last.reopened + 1, 0), ''
    FROM found f
    LEFT JOIN known k ON k.store_id = f.store_id AND k.subject = f.subject
    LEFT JOIN LATERAL (
        SELECT p.reopened, u.id AS owner_id FROM exceptions_exceptioncase p
        LEFT JOIN auth_user u ON u.id = p.owner_id AND u.is_active
        WHERE p.store_id = f.store_id AND p.kind = %(kind)s AND p.subject = f.subject
        ORDER BY p.id DESC LIMIT 1
    ) last ON true
    WHERE k.id IS NULL
    ON CONFLICT (store_id, kind, subject) WHERE closed_at IS NULL DO NOTHING
    RETURNING c.store_id, c.order_id, c.id, c.facts
), refreshed AS (
    UPDATE exceptions_exceptioncase c
    SET facts = f.facts, at_stake = f.at_stake, order_id = f.order_id, seen_at = %(now)s
    FROM found f JOIN known k ON k.store_id = f.store_id AND k.subject = f.subject
    WHERE c.id = k.id
      AND (k.facts, k.at_stake, k.order_id) IS DISTINCT FROM (f.facts, f.at_stake, f.order_id)
    RETURNING c.store_id, c.order_id, c.id, c.facts
), closed AS (
    UPDATE exceptions_exceptioncase c SET closed_at = %(now)s
    FROM known k LEFT JOIN found f ON f.store_id = k.store_id AND f.subject = k.subject
    WHERE c.id = k.id AND f.subject IS NULL
    RETURNING c.store_id, c.order_id, c.id, c.facts
)
SELECT 'found', count(*), NULL, NULL, NULL, NULL FROM found
UNION ALL SELECT 'opened', 1, store_id, order_id, id, facts FROM opened
UNION ALL SELECT 'refreshed', 1, store_id, order_id, id, NULL FROM refreshed
UNION ALL SELECT 'closed', 1, store_id, order_id, id, facts FROM closed
"""


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
