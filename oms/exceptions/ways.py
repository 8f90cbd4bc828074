"""Ways out of a case: each says what it will do before it does it, by a command of a lower room.

A way is listed under its kind in kinds.py. Its effect always has four lines in one order: stock,
money, date, message; what does not change is written out, since a blank could mean unknown.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from inventory import ledger
from inventory.commands import adjust
from oms.core import inbox, outbox, timers
from oms.core.actor import Actor
from oms.core.errors import Refused
from oms.core.sql import fetch
from oms.exceptions.models import ExceptionCase
from oms.fulfillment.commands import taking_back
from oms.orders import holds, mapping, rerouting
from oms.orders.locks import lock_orders
from oms.orders.words import count_of, listed, money, short

UNCHANGED = "unchanged"
NONE = "none"

Answers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Effect:
    """What a way does, before it is done."""

    stock: str = UNCHANGED
    money: str = ""
    date: str = UNCHANGED
    message: str = NONE


@dataclass(frozen=True, slots=True)
class Way:
    """`ability` is the right it needs, `asks` what a person must say first: (name, question).

    `hindrance` returns why the way is not open for this case, or nothing.
    """

    code: str
    label: str
    ability: str
    preview: Callable[[ExceptionCase], Effect]
    run: Callable[[ExceptionCase, Answers, Actor], str]
    asks: tuple[tuple[str, str], ...] = ()
    hindrance: Callable[[ExceptionCase], str] = lambda case: ""


def _preview_route_again(case: ExceptionCase) -> Effect:
    return Effect(
        stock="reserved where units are free now, else unchanged",
        money=no_money(case),
        date="as soon as a location has the units",
    )


def _route_again(case: ExceptionCase, answers: Answers, actor: Actor) -> str:
    rerouting.route_again(order_id=order_id_of(case), actor=actor)
    return "Routing looks at the order again now."


def _preview_move_on(case: ExceptionCase) -> Effect:
    return Effect(
        stock="reserved where units are free now; planned work is released",
        money=no_money(case),
        date="as soon as a location has the units",
    )


def _move_on(case: ExceptionCase, answers: Answers, actor: Actor) -> str:
    timers.start(store_id=case.store_id, kind="route", subject_ids=[order_id_of(case)])
    timers.start(store_id=case.store_id, kind="release", subject_ids=[order_id_of(case)])
    return "The order is routed and released again now."


def _preview_map_item(case: ExceptionCase) -> Effect:
    lines = 1
    if case.facts["sku"]:
        ((lines,),) = fetch(
            "SELECT count(*) FROM orders_orderline WHERE item_id IS NULL AND ships AND open > 0"
            " AND store_id = %s AND sku = %s",
            [case.store_id, case.facts["sku"]],
        )
    return Effect(
        stock=f"reserved where the item is free, for {count_of(lines, 'line')} with this SKU",
        money=no_money(case),
        date="as soon as a location has the item",
    )


def _map_item(case: ExceptionCase, answers: Answers, actor: Actor) -> str:
    lines = mapping.map_item(line_id=subject_id(case), sku=answers["sku"], actor=actor)
    if not lines:
        raise Refused("The line has an item already; wait for the next check.")
    verb = "means" if lines == 1 else "mean"
    return f"{count_of(lines, 'line')} now {verb} {answers['sku']} and will be routed."


def _preview_correct(case: ExceptionCase) -> Effect:
    facts = case.facts
    return Effect(
        stock=f"{short(facts['location'], 20)} {facts['on_hand']:,} → {facts['reserved']:,}"
        f" × {short(facts['title'] or facts['sku'], 30)}, and told to Shopify",
        money=no_money(case),
    )


def _correct(case: ExceptionCase, answers: Answers, actor: Actor) -> str:
    """What somebody holds was there: the shelf is brought to what is picked, or to nothing."""
    level_id = subject_id(case)
    level = ledger.lock([level_id])[level_id]
    missing = level.reserved - level.on_hand
    if missing != case.facts["missing"]:
        raise Refused("The stock has changed since; wait for the next check.")
    adjust(level_id=level_id, delta=missing, reason=answers["reason"], actor=actor)
    return f"On hand is {level.reserved:,} now: {answers['reason']}"


def _preview_take_back(case: ExceptionCase) -> Effect:
    work = [f"{units} from {name}" for _, _, name, units in _within_reach(case)]
    more = len(work) - 3
    return Effect(
        stock=f"{short(case.facts['location'], 20)} gives back "
        + listed([*work[:3], *([f"{more} more"] if more > 0 else [])]),
        money=no_money(case),
        date="new date from the location that takes over, or a wait for stock",
    )


def _take_back(case: ExceptionCase, answers: Answers, actor: Actor) -> str:
    """Work that is not packed yet is taken back whole, the newest first, until enough is free."""
    work = _within_reach(case)
    if not work:
        raise Refused("These promises have ended meanwhile; wait for the next check.")
    # All orders, then all shelves, before the first piece of work: nobody waits in a circle.
    lock_orders(order_id for _, order_id, _, _ in work)
    ledger.lock(
        level_id
        for (level_id,) in fetch(
            "SELECT r.level_id FROM inventory_reservation r"
            " JOIN fulfillment_fulfillmentorderline f ON f.reservation_id = r.id"
            " WHERE f.fulfillment_order_id = ANY(%s::bigint[])",
            [[work_id for work_id, *_ in work]],
        )
    )
    reason = f"{case.facts['location']} has too few {case.facts['sku']}"
    for work_id, *_ in sorted(work):
        taking_back.cancel(work_id=work_id, reason=reason, actor=actor)
    return f"{count_of(len({order_id for _, order_id, *_ in work}), 'order')} will be routed again."


def _within_reach(case: ExceptionCase) -> list[tuple[int, int, str, int]]:
    """Work that holds the missing units and is not packed: (work, order, its name, units)."""
    rows = fetch(
        """
        SELECT w.id, w.order_id, o.name, sum(r.quantity)::int
        FROM inventory_reservation r
        JOIN fulfillment_fulfillmentorderline f ON f.reservation_id = r.id
        JOIN fulfillment_fulfillmentorder w ON w.id = f.fulfillment_order_id
        JOIN orders_order o ON o.id = w.order_id
        WHERE r.id = ANY(%s::bigint[]) AND r.state = 'pending'
          AND w.state IN ('planned', 'released', 'picking')
        GROUP BY w.id, o.name ORDER BY w.id DESC
        """,
        [[reservation_id for _, _, reservation_id in case.facts.get("holding", [])]],
    )
    missing, chosen = case.facts["missing"], []
    for row in rows:
        if missing > 0:
            chosen.append(row)
            missing -= row[3]
    return chosen


def _not_within_reach(case: ExceptionCase) -> str:
    if not case.facts.get("holding"):
        return "no order was promised these units"
    if not case.facts.get("settled"):
        return "the rule has not chosen yet who loses"
    return "" if _within_reach(case) else "all of it is packed; count the shelf"


def _preview_settle(case: ExceptionCase) -> Effect:
    return Effect(
        stock="missing units lose their promise by the rule: promise, priority, age",
        money=no_money(case),
        date="new date from the location that takes over, or a wait for stock",
    )


def _settle(case: ExceptionCase, answers: Answers, actor: Actor) -> str:
    level_id = subject_id(case)
    timers.stop("shortage", [level_id])
    timers.start(store_id=case.store_id, kind="shortage", subject_ids=[level_id])
    return "The rule takes the missing units now."


def _already_settled(case: ExceptionCase) -> str:
    return "the rule has taken what it may" if case.facts.get("settled", True) else ""


def _preview_send_again(case: ExceptionCase) -> Effect:
    return Effect(money=no_money(case), message="to Shopify, unless it knows it already")


def _send_again(case: ExceptionCase, answers: Answers, actor: Actor) -> str:
    if not outbox.send_again(intent_id=subject_id(case)):
        raise Refused("It is no longer refused: somebody has sent it again.")
    return "Shopify is asked, and told again if it does not know."


def _preview_read_again(case: ExceptionCase) -> Effect:
    return Effect(stock="as the message says", money="as the message says")


def _read_again(case: ExceptionCase, answers: Answers, actor: Actor) -> str:
    if not inbox.read_again(subject_id(case)):
        raise Refused("The message waits in line already.")
    return "The message is read again now."


def _preview_set_aside(case: ExceptionCase) -> Effect:
    return Effect(money=no_money(case))


def _set_aside(case: ExceptionCase, answers: Answers, actor: Actor) -> str:
    message = subject_id(case)
    waiting = fetch(
        "SELECT 1 FROM core_inboxmessage WHERE id = %s AND state = 'quarantined' FOR UPDATE",
        [message],
    )
    if not waiting:
        raise Refused("The message waits in line again: somebody has it read.")
    inbox.ignored([message], [f"{actor.name}: {answers['reason']}"])
    return f"The message is not applied: {answers['reason']}"


def _preview_release_hold(case: ExceptionCase) -> Effect:
    return Effect(
        stock="reserved where units are free, unless another hold is open",
        money=no_money(case),
        date="counts from now",
    )


def _release_hold(case: ExceptionCase, answers: Answers, actor: Actor) -> str:
    holds.release(hold_id=case.facts["hold"], actor=actor)
    return "The hold is released."


def _no_hold(case: ExceptionCase) -> str:
    return "" if case.facts.get("hold") else "the address has to come from Shopify"


def no_money(case: ExceptionCase) -> str:
    return money(Decimal(0), case.order.currency if case.order else case.store.currency)


def subject_id(case: ExceptionCase) -> int:
    return int(case.subject.partition(":")[2])


def order_id_of(case: ExceptionCase) -> int:
    if case.order_id is None:
        raise Refused("This exception is about no single order.")
    return case.order_id


_ROUTE_AGAIN = Way(
    "route_again", "Route it again now", "route_orders", _preview_route_again, _route_again
)
UNROUTABLE = (_ROUTE_AGAIN,)
UNKNOWN_ITEM = (
    Way(
        "map_item",
        "Say which item it is",
        "map_items",
        _preview_map_item,
        _map_item,
        asks=(("sku", "The SKU of the item"),),
    ),
)
STOCK_SHORT = (
    Way(
        "correct",
        "The number is wrong: put it right",
        "adjust_stock",
        _preview_correct,
        _correct,
        asks=(("reason", "How do you know"),),
    ),
    Way(
        "take_back",
        "Take the picked units back from the newest orders",
        "route_orders",
        _preview_take_back,
        _take_back,
        hindrance=_not_within_reach,
    ),
    Way(
        "settle",
        "Let the rule choose who loses, now",
        "route_orders",
        _preview_settle,
        _settle,
        hindrance=_already_settled,
    ),
)
WRITE_BACK_FAILED = (
    Way("send_again", "Send it again", "retry_writes", _preview_send_again, _send_again),
)
QUARANTINED_MESSAGE = (
    Way("read_again", "Read it again", "retry_writes", _preview_read_again, _read_again),
    Way(
        "set_aside",
        "Leave it: it is dealt with",
        "retry_writes",
        _preview_set_aside,
        _set_aside,
        asks=(("reason", "What was done"),),
    ),
)
HOLD = (
    Way(
        "release_hold",
        "Release the hold",
        "hold_orders",
        _preview_release_hold,
        _release_hold,
        hindrance=_no_hold,
    ),
)
STUCK_ORDER = (
    Way("move_on", "Route and release it again now", "route_orders", _preview_move_on, _move_on),
)
