"""What is kept only for a time ends when that is over: soft promises and fences."""

from django.db import transaction

from inventory import reservations
from inventory.commands.fences import end_due_fences
from inventory.publishing import tell_shop
from oms.core.actor import SWITCHYARD, Actor


def end_what_is_over(limit: int = 500, *, actor: Actor = SWITCHYARD) -> int:
    """End up to `limit` soft promises and fences past their time; return how many levels it freed.

    Their units are free again and the orders that wait for them have their turn.
    """
    with transaction.atomic():
        levels = reservations.expire(limit, actor=actor)
        tell_shop(levels.values(), actor=actor)
    return len(levels) + end_due_fences(limit, actor=actor)
