"""Ways out of cases about supply: a new day, and customers who were told."""

from datetime import date
from zoneinfo import ZoneInfo

from inventory.backorders import day_words
from inventory.commands import slips
from oms.core import clock
from oms.core.actor import Actor
from oms.core.errors import Refused
from oms.exceptions.models import ExceptionCase
from oms.exceptions.ways import Answers, Effect, Way, no_money, subject_id
from oms.orders.words import count_of


def _preview_new_day(case: ExceptionCase) -> Effect:
    orders = case.facts["orders"]
    return Effect(
        money=no_money(case),
        date=f"the new day, for {count_of(orders, 'order')} that {_wait(orders)} for it",
        message="none; support sees which customers know an earlier day",
    )


def _new_day(case: ExceptionCase, answers: Answers, actor: Actor) -> str:
    try:
        day = date.fromisoformat(answers["day"].strip())
    except ValueError:
        raise Refused("Write the day as year, month and day: 2026-12-04.") from None
    if day < clock.now().astimezone(ZoneInfo(case.store.timezone)).date():
        raise Refused(f"{day_words(day)} has passed.")
    moved = slips.change_day(supply_id=subject_id(case), expected_on=day, actor=actor)
    orders = len({m.order_id for m in moved})
    return f"It is expected on {day_words(day)}; {count_of(orders, 'order')} moved with it."


def _preview_told(case: ExceptionCase) -> Effect:
    orders = case.facts["orders"]
    return Effect(
        money=no_money(case),
        date=f"{case.facts['expected']} is what {count_of(orders, 'customer')} will have been told",
        message="none is sent: somebody has told them",
    )


def _told(case: ExceptionCase, answers: Answers, actor: Actor) -> str:
    orders = slips.note_told(supply_id=subject_id(case), actor=actor)
    if not orders:
        raise Refused("Every customer knows the day already; wait for the next check.")
    return f"Noted on {count_of(orders, 'order')}."


def _wait(orders: int) -> str:
    return "waits" if orders == 1 else "wait"


SUPPLY_LATE = (
    Way(
        "new_day",
        "Expect it on another day",
        "receive_stock",
        _preview_new_day,
        _new_day,
        asks=(("day", "The new day, e.g. 2026-12-04"),),
    ),
)
PROMISE_SLIPPED = (Way("told", "The customers were told", "work_exceptions", _preview_told, _told),)
