"""Told to Shopify about stock: only what Shopify cannot know by itself.

Orders, moves and fulfillments change Shopify's numbers on their own, and some of those orders are
still on their way to us. So we never send a total of ours. What happened on our side alone is a
change to the number Shopify has at that moment, compared and set: if an order comes between,
Shopify refuses and the number is read again. `StockLevel.published` is how much of it was told.

What we keep back stands there as safety stock. That is a total, since nobody else has a say in it:
it is read, and the difference is moved to or from available, both compared. A repeat finds nothing
left to move, and an answer that was lost needs nothing but another look.
"""

import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from json import loads
from typing import Any

from django.db import transaction
from django.db.models.functions import Coalesce, Now

from inventory import shop_numbers
from inventory.models import StockLevel
from inventory.shop_numbers import ShopNumbers
from oms.core import outbox
from oms.core.failpoints import failpoint
from oms.core.outbox import Intent
from oms.core.sql import execute, fetch, json
from oms.shopify.client import Client, payload_of
from oms.shopify.documents import document
from oms.shopify.gids import gid
from oms.shopify.outcomes import Answer, CallFailed, OutcomeUnknown, Rejected
from oms.shopify.push import hold_one, settle
from oms.shopify.remote_stock import RemoteLevel, read_some

# The number had changed; or it had when this was sent before, and that answer was lost.
NOT_WRITTEN = {"CHANGE_FROM_QUANTITY_STALE", "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"}
MOST_RACES = 10
_SET, _MOVE = "inventorySetQuantities", "inventoryMoveQuantities"


@dataclass(slots=True, frozen=True)
class Step:
    """What is about to be sent and the numbers it was computed on, written down before.

    From `available` and `safety` as Shopify has them: what happened here (`before` to `after`, as
    told in all) changes available, then what is kept back comes to `keeps`. `basis` is why.
    """

    before: int
    after: int
    available: int
    number: int
    safety: int = 0
    keeps: int = 0
    basis: dict[str, int] | None = None

    @property
    def told(self) -> int:
        return self.after - self.before

    @property
    def moved(self) -> int:
        return self.keeps - self.safety

    @property
    def shows(self) -> int:
        """What is on offer in Shopify afterwards."""
        return self.available + self.told - self.moved


def publish_levels(client: Client, intents: Sequence[Intent]) -> None:
    """inventory.publish: params {"level_id": …}; what was not told yet is told."""
    due = []
    for intent in intents:
        if is_under_way(intent):
            outbox.retry(intent, reason="The change before this one runs.", retry_in_seconds=2)
        else:
            due.append(intent)
    if not due:
        return
    # Read only now: the change before this one may have ended a moment ago.
    levels = _numbers(due)
    ready = []
    for intent in due:
        level = levels[_level_id(intent)]
        if level.item is None or level.location is None:
            outbox.rejected(intent, reason="Shopify does not know this item or location.")
        else:
            ready.append((intent, level))
    remote = read_some(client, [_place(level) for _, level in ready])
    for intent, level in ready:
        try:
            _publish(client, intent, level, remote.get(_place(level)))
        except CallFailed as failure:
            settle(intent, failure)


def _publish(client: Client, intent: Intent, level: ShopNumbers, there: RemoteLevel | None) -> None:
    step = _step_under_way(intent)
    if step is not None:
        if step.told and step.before == level.told:
            # Sent as it was, its key makes it count once, whether it had arrived or not.
            _send_set(client, intent, level, step)
        level, there = _look(client, intent)
    # No attempt uses the keys of another one: its numbers are other numbers.
    first = intent.attempts * 100
    for number in range(first, first + MOST_RACES):
        if there is None:
            raise Rejected("Shopify does not stock this item at this location.")
        step = _next_step(level, there, number)
        if not (step.told or step.moved):
            _ended(intent, level, "nothing to tell")
            return
        _write_down(intent, step)
        failpoint("shopify.stock.before_send")
        if _send(client, intent, level, step):
            failpoint("shopify.stock.after_send")
            _ended(intent, level, {"available": step.shows, "safety_stock": step.keeps})
            return
        level, there = _look(client, intent)
    raise Rejected("Somebody else changes this stock all the time.")


def _ended(intent: Intent, level: ShopNumbers, answer: Any) -> None:
    with transaction.atomic():
        if outbox.applied(intent, answer=answer):
            StockLevel.objects.filter(pk=level.id).update(published_at=Now())


def _next_step(level: ShopNumbers, there: RemoteLevel, number: int) -> Step:
    told = level.own - level.told
    return Step(
        before=level.told,
        after=level.own,
        available=there.available,
        number=number,
        safety=there.safety_stock,
        keeps=level.keeps(free=there.free + told),
        basis={
            "on_hand": level.on_hand,
            "promised": level.firm,
            "committed_there": there.committed,
            **{f"kept_{name}": units for name, units in level.kept.items() if units},
        },
    )


def _send(client: Client, intent: Intent, level: ShopNumbers, step: Step) -> bool:
    """True when Shopify has it all; False when its numbers had changed meanwhile: read again."""
    if not step.moved:
        return _send_set(client, intent, level, step)
    # A fresh key each time: the comparison is what makes it count once.
    move = {"input": _move_input(level, step), "key": str(uuid.uuid4())}
    if not step.told:
        return _went_through(client.execute(document("inventory_move"), move), _MOVE)
    # Both in one call, one right after the other: what is kept back is not on offer in between.
    answer = client.execute(
        document("inventory_set_and_move"),
        {
            "set": _set_input(level, step),
            "setKey": _key(intent, step),
            "move": move["input"],
            "moveKey": move["key"],
        },
    )
    if not _went_through(answer, "set"):
        return False
    _note_told(intent, level, step)
    return _went_through(answer, "move")


def _send_set(client: Client, intent: Intent, level: ShopNumbers, step: Step) -> bool:
    answer = client.execute(
        document("inventory_set"), {"input": _set_input(level, step), "key": _key(intent, step)}
    )
    if not _went_through(answer, _SET):
        return False
    _note_told(intent, level, step)
    return True


def _went_through(answer: Answer, root: str) -> bool:
    """False when Shopify's number had changed and nothing was written."""
    try:
        payload_of(answer, root, answer.data.get(root))
    except Rejected as failure:
        if failure.codes & NOT_WRITTEN:
            return False
        raise
    return True


def _note_told(intent: Intent, level: ShopNumbers, step: Step) -> None:
    # Whoever slept past the lease finds that its successor sent the same step, and noted it.
    hold_one(intent)
    StockLevel.objects.annotate(told=Coalesce("published", 0)).filter(
        pk=level.id, told=step.before
    ).update(published=step.after)


def _set_input(level: ShopNumbers, step: Step) -> dict[str, Any]:
    return {
        "name": "available",
        "reason": "correction",
        "referenceDocumentUri": f"switchyard://stock-level/{level.id}/{step.after}",
        "quantities": [
            {
                "inventoryItemId": gid("InventoryItem", level.item or 0),
                "locationId": gid("Location", level.location or 0),
                "quantity": step.available + step.told,
                "changeFromQuantity": step.available,
            }
        ],
    }


def _move_input(level: ShopNumbers, step: Step) -> dict[str, Any]:
    """To or from safety stock; `available` as the first half of the step leaves it."""
    location = gid("Location", level.location or 0)
    document_uri = f"switchyard://stock-level/{level.id}/kept-back"
    available = {
        "locationId": location,
        "name": "available",
        "changeFromQuantity": step.available + step.told,
    }
    safety = {
        "locationId": location,
        "name": "safety_stock",
        "changeFromQuantity": step.safety,
        "ledgerDocumentUri": document_uri,
    }
    keeps_more = step.moved > 0
    return {
        "reason": "safety_stock",
        "referenceDocumentUri": document_uri,
        "changes": [
            {
                "inventoryItemId": gid("InventoryItem", level.item or 0),
                "quantity": abs(step.moved),
                "from": available if keeps_more else safety,
                "to": safety if keeps_more else available,
            }
        ],
    }


def _key(intent: Intent, step: Step) -> str:
    return f"{intent.idempotency_key}/{step.number}"


def is_under_way(intent: Intent) -> bool:
    """Whether an earlier intent about the same thing has not ended: the older might land last."""
    return bool(
        fetch(
            """
            SELECT 1 FROM core_outboxintent
            WHERE store_id = %s AND topic = %s AND key = %s AND id < %s
              AND state IN ('waiting', 'sending', 'unknown') LIMIT 1
            """,
            [intent.store_id, intent.topic, intent.key, intent.id],
        )
    )


def _look(client: Client, intent: Intent) -> tuple[ShopNumbers, RemoteLevel | None]:
    level = _numbers([intent])[_level_id(intent)]
    return level, read_some(client, [_place(level)]).get(_place(level))


def _numbers(intents: Sequence[Intent]) -> dict[int, ShopNumbers]:
    return shop_numbers.of_levels(
        store_id=intents[0].store_id, level_ids=[_level_id(intent) for intent in intents]
    )


def _level_id(intent: Intent) -> int:
    return int(intent.params["level_id"])


def _place(level: ShopNumbers) -> tuple[int, int]:
    return level.item or 0, level.location or 0


def _step_under_way(intent: Intent) -> Step | None:
    """The step of an attempt whose end nobody knows."""
    if not intent.was_unknown:
        return None
    [(request,)] = fetch("SELECT request FROM core_outboxintent WHERE id = %s", [intent.id])
    return Step(**loads(request)) if request else None


def _write_down(intent: Intent, step: Step) -> None:
    written = execute(
        """
        UPDATE core_outboxintent SET request = %s
        WHERE id = %s AND lease_token = %s AND state = 'sending'
        """,
        [json(asdict(step)), intent.id, intent.lease_token],
    )
    if not written:
        raise OutcomeUnknown("Somebody else has taken over.")
