"""Ways out of cases about counts: count again, or say what the cause was."""

from inventory.commands.count_review import settle_difference
from inventory.commands.counting import cancel_count, open_count
from inventory.models import CountLine, CountSession
from inventory.standings import overdue_levels
from oms.core.actor import Actor
from oms.core.errors import Refused
from oms.exceptions.models import ExceptionCase
from oms.exceptions.ways import Answers, Effect, Way, no_money, subject_id
from oms.orders.words import count_of

# What people write, by the first letters of the label or of the code.
_REASONS = {
    word.casefold(): code
    for code, label in CountLine.Reason.choices
    if code != CountLine.Reason.UNKNOWN
    for word in (code, str(label))
}
_ASK = "Why: miscount, misplaced, damaged, theft, receiving or picking?"


def _preview_recount(case: ExceptionCase) -> Effect:
    return Effect(stock="unchanged until the new count is posted", money=no_money(case))


def _recount(case: ExceptionCase, answers: Answers, actor: Actor) -> str:
    opened = open_count(
        location_id=case.facts["location_id"],
        level_ids=[subject_id(case)],
        kind=CountSession.Kind.SPOT,
        actor=actor,
    )
    return f"Count {opened.session_id} is open at {case.facts['location']}."


def _preview_settle(case: ExceptionCase) -> Effect:
    return Effect(stock="as counted; the cause is noted", money=no_money(case))


def _settle(case: ExceptionCase, answers: Answers, actor: Actor) -> str:
    said = answers["reason"].strip().casefold()
    codes = {code for word, code in _REASONS.items() if said and word.startswith(said)}
    if len(codes) != 1:
        raise Refused("Write one of: miscount, misplaced, damaged, theft, receiving, picking.")
    (code,) = codes
    settle_difference(level_id=subject_id(case), reason=code, actor=actor)
    return f"Noted: {CountLine.Reason(code).label.lower()}."


def _preview_count_all(case: ExceptionCase) -> Effect:
    levels = count_of(case.facts["levels"], "level")
    return Effect(stock=f"unchanged; {levels} to be counted", money=no_money(case))


def _count_all(case: ExceptionCase, answers: Answers, actor: Actor) -> str:
    opened = open_count(
        location_id=subject_id(case),
        level_ids=overdue_levels(location_id=subject_id(case)),
        actor=actor,
    )
    return f"Count {opened.session_id} is open with {count_of(opened.lines, 'level')}."


def _preview_cancel(case: ExceptionCase) -> Effect:
    return Effect(stock="unchanged; nothing of it is posted", money=no_money(case))


def _cancel(case: ExceptionCase, answers: Answers, actor: Actor) -> str:
    cancel_count(session_id=subject_id(case), actor=actor)
    return f"Count {subject_id(case)} is cancelled."


COUNT_VARIANCE = (
    Way("recount", "Count it again", "count_stock", _preview_recount, _recount),
    Way(
        "settle",
        "The cause is known",
        "approve_counts",
        _preview_settle,
        _settle,
        asks=(("reason", _ASK),),
    ),
)
COUNT_OVERDUE = (
    Way("count", "Open a count of them", "count_stock", _preview_count_all, _count_all),
)
COUNT_WAITING = (Way("cancel", "Cancel the count", "count_stock", _preview_cancel, _cancel),)
