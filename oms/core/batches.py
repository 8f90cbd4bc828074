"""Work in batches without letting one bad row hold the others."""

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from django.db import DatabaseError, OperationalError, transaction

from oms.core.errors import BadPayload, NotYet, Refused

T = TypeVar("T")
log = logging.getLogger(__name__)

# What a row may do to its batch. Anything else is a defect of the process and ends the job.
EXPECTED = (BadPayload, NotYet, Refused)
POISON = (DatabaseError, ArithmeticError, LookupError, RuntimeError, TypeError, ValueError)


def halve(
    rows: Sequence[T], work: Callable[[Sequence[T]], None], poison: Callable[[T, Exception], None]
) -> None:
    """Run `work` on the rows in a savepoint; on failure on each half; the last goes to `poison`.

    A lost connection or a deadlock is not the row's fault and goes up to the caller.
    """
    if not rows:
        return
    try:
        with transaction.atomic():
            work(rows)
    except OperationalError:
        raise
    except (*EXPECTED, *POISON) as error:
        if len(rows) == 1:
            if not isinstance(error, EXPECTED):
                log.exception("a row could not be worked on")
            poison(rows[0], error)
            return
        middle = len(rows) // 2
        halve(rows[:middle], work, poison)
        halve(rows[middle:], work, poison)
