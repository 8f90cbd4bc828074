"""What becomes of a submitted count: reasons, a second person's approval, recounts, posting.

Posted is the difference to the stock of the moment when it was counted, so what moved later stays
moved. Posting goes in pieces, each whole: killed in between, it goes on where it stopped.
"""

from collections.abc import Mapping, Sequence

from django.db import transaction

from inventory import ledger, standings
from inventory.commands.counting import CORRECTIONS, State, end, lock_session, thaw
from inventory.ledger import Change
from inventory.models import CountLine, CountSession
from inventory.publishing import tell_shop
from inventory.waiting import wake_soon
from oms.core import timers
from oms.core.actor import Actor
from oms.core.errors import Refused
from oms.core.failpoints import failpoint
from oms.core.sql import execute, fetch, ints
from oms.orders.words import count_of

Line = CountLine.State

TIMER = "count"
PIECE = 500


@transaction.atomic
def explain_lines(*, session_id: int, reasons: Mapping[int, str], actor: Actor) -> None:
    """Say why lines differ: {line id: a code of CountLine.Reason}."""
    session = lock_session(session_id)
    _must_be_in_review(session)
    if unknown := set(reasons.values()) - set(CountLine.Reason.values):
        raise Refused(f"“{min(unknown)[:40]}” is no reason for a difference.")
    lines = _lines(session, reasons, (Line.COUNTED, Line.REVIEW))
    for line in lines:
        line.reason = reasons[line.pk]
    CountLine.objects.bulk_update(lines, ["reason"], batch_size=PIECE)


@transaction.atomic
def approve_lines(
    *, session_id: int, line_ids: Sequence[int], actor: Actor, reason: str = ""
) -> int:
    """A second person accepts what differs; return how many lines were accepted now.

    Whoever counted a line or submitted the count cannot. `reason` stands where none was given.
    """
    session = lock_session(session_id)
    _must_be_in_review(session)
    lines = _lines(session, line_ids, (Line.COUNTED, Line.REVIEW))
    waiting = [line for line in lines if not line.approved_by and line.variance]
    _must_be_somebody_else(session, waiting, actor, "approve")
    if reason and reason not in CountLine.Reason.values:
        raise Refused(f"“{reason[:40]}” is no reason for a difference.")
    for line in waiting:
        line.reason = line.reason or reason
        if not line.reason:
            raise Refused("Say why it differs before you approve it.")
        line.state, line.approved_by = Line.COUNTED, str(actor)
    CountLine.objects.bulk_update(waiting, ["state", "approved_by", "reason"], batch_size=PIECE)
    return len(waiting)


@transaction.atomic
def drop_lines(*, session_id: int, line_ids: Sequence[int], actor: Actor) -> int:
    """A second person does not accept these counts: our number stays, and nothing is posted."""
    session = lock_session(session_id)
    _must_be_in_review(session)
    lines = _lines(session, line_ids, (Line.COUNTED, Line.REVIEW, Line.DROPPED))
    open_lines = [line for line in lines if line.state != Line.DROPPED]
    _must_be_somebody_else(session, open_lines, actor, "refuse")
    _set_state(open_lines, Line.DROPPED)
    thaw(session, [line.level_id for line in open_lines])
    if not session.lines.filter(state__in=[Line.COUNTED, Line.REVIEW, Line.TO_COUNT]).exists():
        end(session, State.CANCELLED, actor)
    return len(open_lines)


@transaction.atomic
def recount_lines(*, session_id: int, line_ids: Sequence[int], actor: Actor) -> int:
    """Have lines counted again: a new attempt each; the old one stays as it was."""
    session = lock_session(session_id)
    if session.state not in (State.OPEN, State.REVIEW):
        raise Refused("This count has ended; open a new one.")
    lines = _lines(session, line_ids, (Line.COUNTED, Line.REVIEW, Line.RECOUNT))
    again = [line for line in lines if line.state != Line.RECOUNT and line.expected is not None]
    if not again:
        return 0
    _set_state(again, Line.RECOUNT)
    CountLine.objects.bulk_create(
        [
            CountLine(session=session, level_id=line.level_id, attempt=line.attempt + 1)
            for line in again
        ],
        batch_size=PIECE,
    )
    CountSession.objects.filter(pk=session.pk).update(state=State.OPEN)
    return len(again)


@transaction.atomic
def settle_difference(*, level_id: int, reason: str, actor: Actor) -> None:
    """Somebody else than the counter knows why the newest posted count of a level differed."""
    if reason not in CountLine.Reason.values or reason == CountLine.Reason.UNKNOWN:
        raise Refused("Say what the cause was.")
    line = (
        CountLine.objects.select_for_update(of=("self",))
        .select_related("session")
        .filter(level_id=level_id, state=Line.POSTED)
        .order_by("-counted_at", "-pk")
        .first()
    )
    if line is None or not line.variance:
        raise Refused("The newest count of this level does not differ.")
    if line.approved_by and line.reason == reason:
        return
    _must_be_somebody_else(line.session, [line], actor, "settle")
    line.reason, line.approved_by = reason, str(actor)
    line.save(update_fields=["reason", "approved_by"])


@transaction.atomic
def post_count(*, session_id: int, actor: Actor) -> CountSession:
    """Post a count that is explained and approved. Twice, or two at once, it is posted once.

    A long one goes on in the background; a count below what is promised is accepted, and who
    loses is decided by rule.
    """
    session = lock_session(session_id)
    if session.state in (State.POSTING, State.POSTED):
        return session
    _must_be_in_review(session)
    ((waiting, unexplained),) = fetch(_NOT_READY, [session_id])
    if waiting:
        raise Refused(f"{count_of(waiting, 'line')} to approve first, by somebody else.")
    if unexplained:
        raise Refused(f"Say why first: {count_of(unexplained, 'line')} without a reason.")
    if corrected := fetch(_CORRECTED, [session_id, list(CORRECTIONS)]):
        more = f" and {len(corrected) - 1} more" if len(corrected) > 1 else ""
        raise Refused(
            f"Somebody else corrected {corrected[0][0]}{more} since it was counted:"
            " approve the difference, or count again."
        )

    end(session, State.POSTING, actor)
    timers.start(store_id=session.store_id, kind=TIMER, subject_ids=[session_id])
    _post_piece(session, actor)
    return session


def post_due(limit: int) -> int:
    """Go on with counts that are being posted, a piece of each; return how many pieces."""
    session_ids = timers.due(TIMER, limit)
    for session_id in session_ids:
        with transaction.atomic():
            session = lock_session(session_id)
            kind, _, name = session.ended_by.partition(":")
            _post_piece(session, Actor(kind, name))
    return len(session_ids)


def _post_piece(session: CountSession, actor: Actor) -> None:
    """Post the next lines of a locked count; after the last one the count has ended."""
    if session.state == State.POSTING:
        rows = fetch(_PIECE, [session.pk, PIECE])
        document = f"count:{session.pk}"
        differing = {level_id: delta for _, level_id, delta in rows if delta}
        level_ids = [level_id for _, level_id, _ in rows]
        ledger.lock(level_ids)
        after = ledger.post(
            [
                Change(level_id, "on_hand", delta, "count", document)
                for level_id, delta in differing.items()
            ],
            actor=actor,
        )
        execute(_POSTED, [ints(line_id for line_id, *_ in rows)])
        thaw(session, level_ids)
        standings.refresh(store_id=session.store_id, level_ids=level_ids)
        tell_shop(after.values(), actor=actor)
        more = [after[level_id].item_id for level_id, delta in differing.items() if delta > 0]
        wake_soon(session.store_id, more)
        if len(rows) < PIECE:
            session.state = State.POSTED
            session.save(update_fields=["state"])
        failpoint("inventory.count.before_commit")
    if session.state != State.POSTING:
        timers.stop(TIMER, [session.pk])


def _lines(
    session: CountSession, line_ids: Sequence[int] | Mapping[int, str], states: Sequence[str]
) -> list[CountLine]:
    """Lines of this count, locked; refused when one is not there or is past that."""
    lines = list(
        CountLine.objects.select_for_update()
        .filter(session=session, pk__in=list(line_ids))
        .order_by("pk")
    )
    if len(lines) < len(set(line_ids)) or any(line.state not in states for line in lines):
        raise Refused("Some of these lines have changed meanwhile; look at the count again.")
    return lines


def _set_state(lines: Sequence[CountLine], state: str) -> None:
    CountLine.objects.filter(pk__in=[line.pk for line in lines]).update(state=state)


def _must_be_in_review(session: CountSession) -> None:
    if session.state == State.OPEN:
        raise Refused("This count is not submitted yet.")
    if session.state != State.REVIEW:
        raise Refused("This count has ended; count again to correct it.")


def _must_be_somebody_else(
    session: CountSession, lines: Sequence[CountLine], actor: Actor, verb: str
) -> None:
    for line in lines:
        own = actor.user_id is not None and line.counted_by_user_id == actor.user_id
        if own or line.counted_by == str(actor):
            raise Refused(f"You counted this yourself; ask somebody else to {verb} it.")
    if lines and session.submitted_by == str(actor):
        raise Refused(f"You submitted this count; ask somebody else to {verb} it.")


_NOT_READY = """
SELECT count(*) FILTER (WHERE state = 'review'),
       count(*) FILTER (WHERE state = 'counted' AND counted <> expected AND reason = '')
FROM inventory_countline WHERE session_id = %s
"""
_CORRECTED = """
SELECT i.sku FROM inventory_countline c
JOIN inventory_stocklevel v ON v.id = c.level_id JOIN catalog_item i ON i.id = v.item_id
WHERE c.session_id = %s AND c.state = 'counted' AND c.counted <> c.expected
  AND c.approved_by = ''
  AND EXISTS (SELECT 1 FROM inventory_stockentry e
              WHERE e.level_id = c.level_id AND e.bucket = 'on_hand'
                AND e.cause = ANY(%s::text[]) AND e.at > c.counted_at)
ORDER BY i.sku
"""
_PIECE = """
SELECT id, level_id, counted - expected FROM inventory_countline
WHERE session_id = %s AND state = 'counted' ORDER BY level_id LIMIT %s FOR UPDATE
"""
_POSTED = "UPDATE inventory_countline SET state = 'posted' WHERE id = ANY(%s::bigint[])"
