"""Levels where more is promised than stands there: the missing units lose their promise by rule.

`ledger.post` starts a timer for such a level, whatever took its units: a sale at the till, a count,
a feed. What the rule may not take (picked, packed) stays for a person: the queue shows it.
"""

import logging

from django.db import transaction

from oms.core import timers
from oms.core.actor import SWITCHYARD, Actor
from oms.core.errors import Refused
from oms.core.failpoints import failpoint
from oms.core.sql import fetch
from oms.fulfillment import commands as fulfillment

SHORTAGE = "shortage"
BROKEN_RETRY_SECONDS = 300

log = logging.getLogger(__name__)


def settle_shortages(limit: int, *, actor: Actor = SWITCHYARD) -> int:
    """Settle up to `limit` levels that are due; return how many were.

    A batch that is refused is done level by level, so that one cannot hold the others.
    """
    level_ids = timers.due(SHORTAGE, limit)
    if not level_ids:
        return 0
    try:
        return _settle(level_ids, actor)
    except Refused as refusal:
        if len(level_ids) == 1:
            _set_aside(level_ids[0], refusal)
            return 0
    settled = 0
    for level_id in level_ids:
        try:
            settled += _settle([level_id], actor)
        except Refused as refusal:
            _set_aside(level_id, refusal)
    return settled


@transaction.atomic
def _settle(level_ids: list[int], actor: Actor) -> int:
    """One worker at a time. Timers are not locked first, as elsewhere: whoever posts to a level
    holds it and then wants its timer, so a timer held while waiting for the level would be waiting
    in a circle. Once the level is ours, its timer can neither be set nor be wanted.
    """
    ((mine,),) = fetch("SELECT pg_try_advisory_xact_lock(hashtext('switchyard.shortages'))")
    if not mine:
        return 0
    settled = fulfillment.lose_missing(level_ids=level_ids, actor=actor)
    timers.stop(SHORTAGE, settled.levels)
    failpoint("shortages.settle.before_commit")
    return len(settled.levels)


def _set_aside(level_id: int, refusal: Refused) -> None:
    log.warning("the shortage of level %s could not be settled: %s", level_id, refusal.sentence)
    timers.postpone(kind=SHORTAGE, waits=[(level_id, BROKEN_RETRY_SECONDS, refusal.sentence)])
