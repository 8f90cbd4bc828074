"""Work in batches without letting one bad row hold the others."""

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from django.db import DatabaseError, OperationalError, transaction

T = TypeVar("T")
log = logging.getLogger(__name__)


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
    except (DatabaseError, ArithmeticError, LookupError, TypeError, ValueError, RuntimeError) as e:
        if len(rows) == 1:
            log.exception("a row could not be worked on: %r", rows[0])
            poison(rows[0], e)
            return
        middle = len(rows) // 2
        halve(rows[:middle], work, poison)
        halve(rows[middle:], work, poison)
