"""Cases raised from facts, and the story that every kind must live through."""

from collections.abc import Callable
from datetime import timedelta

from oms.core import clock
from oms.exceptions import kinds
from oms.exceptions.models import ExceptionCase
from oms.exceptions.sweep import Swept, sweep
from oms.orders.models import Event
from oms.orders.timeline import sentence

NO_TIME = timedelta(0)


def swept(kind: str, later: timedelta = NO_TIME) -> Swept:
    """Check one kind, as if `later` had passed."""
    result = sweep(kinds=[kind], now=clock.now() + later)[kind]
    assert result.error == ""
    return result


def open_case(kind: str) -> ExceptionCase:
    return ExceptionCase.objects.get(kind=kind, closed_at=None)


def in_words(case: ExceptionCase) -> str:
    return kinds.sentence(case.kind, case.facts)


def proves_itself(
    kind: str,
    *,
    cause: Callable[[], object],
    cure: Callable[[], object],
    again: Callable[[], object] | None = None,
    later: timedelta = NO_TIME,
) -> ExceptionCase:
    """Raised by its facts, quiet when repeated, closed by the cure, reopened with a count."""
    assert swept(kind, later).found == 0

    cause()
    assert (swept(kind, later).opened, ExceptionCase.objects.filter(kind=kind).count()) == (1, 1)
    case = open_case(kind)
    assert (case.reopened, case.due_at) == (0, case.opened_at + kinds.KINDS[kind].due)
    assert (case.team.name, case.severity) == (kinds.KINDS[kind].team, kinds.KINDS[kind].severity)

    quiet = swept(kind, later)
    assert (quiet.found, quiet.opened, quiet.refreshed, quiet.closed) == (1, 0, 0, 0)
    assert open_case(kind).seen_at == case.seen_at

    cure()
    assert swept(kind, later).closed == 1
    assert not ExceptionCase.objects.filter(kind=kind, closed_at=None).exists()

    (again or cause)()
    assert swept(kind, later).opened == 1
    reopened = open_case(kind)
    assert (reopened.subject, reopened.reopened) == (case.subject, 1)
    if case.order_id:
        told = Event.objects.filter(order_id=case.order_id, kind__startswith="exception.")
        words = [sentence(event) for event in told.filter(data__kind=kind).order_by("id")]
        assert words == [
            f"For a person to look at: {in_words(case)}",
            f"No longer so: {in_words(case)}",
            f"For a person to look at: {in_words(reopened)}",
        ], words
    return case
