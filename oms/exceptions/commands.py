"""What people may do with a case: claim, hand over, snooze, annotate, take a way out.

Nobody opens or closes one by hand: that is the sweep's, by proof. Every change names the version it
was made on, so that two people who act at once do not undo each other unseen.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.contrib.auth import get_user_model
from django.db import transaction

from oms.core import clock
from oms.core.actor import Actor
from oms.core.errors import Refused
from oms.exceptions.kinds import KINDS
from oms.exceptions.models import ExceptionCase, Note
from oms.exceptions.queries import awake
from oms.exceptions.ways import Answers, Way
from oms.orders.locks import lock_orders
from oms.orders.words import clock as clock_time


@transaction.atomic
def claim(*, case_id: int, version: int, actor: Actor) -> ExceptionCase:
    """Make the case yours. Claiming your own again is quiet."""
    case = _lock(case_id)

    _must_be_open(case)
    if case.owner_id == _person(actor):
        return case
    _must_be_unchanged(case, version)
    if case.owner_id:
        raise Refused(f"{_name(case.owner)} has it; ask for a hand-over.")

    case.owner_id = actor.user_id
    return _changed(case, f"{actor.name} claimed it", "owner")


@transaction.atomic
def claim_next(*, store_id: int, actor: Actor, team: str = "") -> ExceptionCase | None:
    """Claim the case that is due first and nobody has; nothing when there is none.

    Two people who ask at once get two cases.
    """
    waiting = ExceptionCase.objects.filter(awake(clock.now()), store_id=store_id, owner=None)
    if team:
        waiting = waiting.filter(team__name=team)
    case = (
        waiting.order_by("due_at", "severity", "id")
        .select_for_update(of=("self",), skip_locked=True)
        .first()
    )
    if case is None:
        return None

    case.owner_id = _person(actor)
    return _changed(case, f"{actor.name} claimed it", "owner")


@transaction.atomic
def hand_over(
    *, case_id: int, version: int, to_user_id: int, note: str, actor: Actor
) -> ExceptionCase:
    """Give the case to somebody, with a word on where it stands."""
    case = _lock(case_id)

    _must_be_open(case)
    if case.owner_id == to_user_id:
        return case
    _must_be_unchanged(case, version)
    if not note.strip():
        raise Refused("Say where it stands, so that the next person need not start again.")
    to = get_user_model().objects.filter(pk=to_user_id, is_active=True).first()
    if to is None:
        raise Refused("This person cannot sign in; choose somebody else.")

    case.owner = to
    _changed(case, f"{actor.name} handed it to {_name(to)}", "owner")
    _note(case, note, actor)
    return case


@transaction.atomic
def unclaim(*, case_id: int, version: int, actor: Actor) -> ExceptionCase:
    """Put the case back for anybody to claim."""
    case = _lock(case_id)

    _must_be_open(case)
    if case.owner_id is None:
        return case
    _must_be_unchanged(case, version)

    case.owner = None
    return _changed(case, f"{actor.name} put it back", "owner")


@transaction.atomic
def snooze(*, case_id: int, version: int, until: datetime, actor: Actor) -> ExceptionCase:
    """Hide the case from the queue until a moment. It stays open, and its due time stays."""
    case = _lock(case_id)

    _must_be_open(case)
    if case.snoozed_until == until:
        return case
    _must_be_unchanged(case, version)
    if until <= clock.now():
        raise Refused("Choose a moment in the future.")

    case.snoozed_until = until
    return _changed(case, f"{actor.name} snoozed it", "snoozed_until")


@transaction.atomic
def wake(*, case_id: int, version: int, actor: Actor) -> ExceptionCase:
    """Show a snoozed case in the queue again."""
    case = _lock(case_id)

    _must_be_open(case)
    if case.snoozed_until is None:
        return case
    _must_be_unchanged(case, version)

    case.snoozed_until = None
    return _changed(case, f"{actor.name} woke it", "snoozed_until")


@transaction.atomic
def add_note(*, case_id: int, text: str, actor: Actor) -> Note:
    """Write something on a case, open or closed. Notes are kept for good."""
    case = _lock(case_id)

    if not text.strip():
        raise Refused("Write something first.")

    return _note(case, text, actor)


@transaction.atomic
def take_way(
    *,
    case_id: int,
    way: str,
    version: int,
    seen_at: datetime,
    actor: Actor,
    answers: Answers | None = None,
) -> str:
    """Take a way out, as previewed; return what was done. The next check closes the case, or not.

    Refused when somebody changed the case or the check found other facts since it was shown.
    """
    order_id = ExceptionCase.objects.values_list("order_id", flat=True).get(pk=case_id)
    if order_id:
        lock_orders([order_id])
    case = _lock(case_id)

    _must_be_open(case)
    _must_be_unchanged(case, version)
    if case.seen_at != seen_at:
        raise Refused(
            f"The check found new facts at {_time(case, case.seen_at)}; look at it again."
        )
    chosen = _way(case, way)
    if hindrance := chosen.hindrance(case):
        raise Refused(f"Not possible: {hindrance}.")
    answers = {name: (answers or {}).get(name, "").strip() for name, _ in chosen.asks}
    for name, question in chosen.asks:
        if not answers[name]:
            raise Refused(f"{question} is missing.")

    done = chosen.run(case, answers, actor)

    _changed(case, f"{actor.name} chose “{chosen.label}”")
    _note(case, f"{chosen.label}. {done}", actor)
    return done


def _way(case: ExceptionCase, code: str) -> Way:
    kind = KINDS.get(case.kind)
    for way in kind.ways if kind else ():
        if way.code == code:
            return way
    raise Refused("This way out does not exist for this kind.")


def _lock(case_id: int) -> ExceptionCase:
    case = (
        ExceptionCase.objects.select_for_update(of=("self",))
        .select_related("store", "order", "owner")
        .filter(pk=case_id)
        .first()
    )
    if case is None:
        raise Refused("This exception does not exist.")
    return case


def _must_be_open(case: ExceptionCase) -> None:
    if case.closed_at:
        raise Refused(
            f"The check at {_time(case, case.closed_at)} no longer found it; nothing is to be done."
        )


def _must_be_unchanged(case: ExceptionCase, version: int) -> None:
    if case.version != version:
        raise Refused(f"{case.last_change} at {_time(case, case.last_change_at)}.")


def _changed(case: ExceptionCase, what: str, *fields: str) -> ExceptionCase:
    case.version += 1
    case.last_change = what
    case.last_change_at = clock.now()
    case.save(update_fields=[*fields, "version", "last_change", "last_change_at"])
    return case


def _note(case: ExceptionCase, text: str, actor: Actor) -> Note:
    return Note.objects.create(case=case, text=text.strip(), author=actor.name)


def _person(actor: Actor) -> int:
    if actor.user_id is None:
        raise Refused("Only a person can own an exception.")
    return actor.user_id


def _name(user: object) -> str:
    return user.get_full_name() or user.get_username()  # type: ignore[attr-defined]


def _time(case: ExceptionCase, at: datetime | None) -> str:
    return clock_time(at or case.opened_at, ZoneInfo(case.store.timezone))
