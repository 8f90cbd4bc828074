"""How much money one person may send back without a second person."""

from decimal import Decimal

from babel.numbers import get_currency_precision
from django.contrib.auth.models import Group
from django.db.models import Sum

from oms.core.actor import Actor
from oms.core.errors import Refused
from oms.orders import words
from returns.models import Refund

# Per order and all refunds of it that the person both proposed and approved. To change a limit,
# change this table; a role that is not in it cannot approve its own proposals at all.
ALONE_LIMITS = {
    "support": Decimal(50),
    "ops": Decimal(50),
    "finance": Decimal(250),
    "admin": Decimal(250),
}
# The limits are written for currencies with cents; 50 dollars are worth about 5,000 yen.
WITHOUT_CENTS = 100


def check_second_person(refund: Refund, actor: Actor) -> None:
    """Refuse when the approver proposed it and it is above what one person may do alone."""
    if not _same_person(refund, actor):
        return
    limit = alone_limit(actor, refund.currency)
    own = (
        {"proposed_by_user": actor.user_id, "approved_by_user": actor.user_id}
        if actor.user_id
        else {"proposed_by": str(actor), "approved_by": str(actor)}
    )
    before = Refund.objects.filter(order_id=refund.order_id, **own).exclude(pk=refund.pk)
    total = before.exclude(state=Refund.State.CANCELLED).aggregate(total=Sum("owed"))["total"]
    already = total or Decimal(0)
    if already + refund.owed > limit:
        raise Refused(
            f"{actor.name} proposed this refund and may approve up to"
            f" {words.money(limit, refund.currency)} of an order alone"
            f" ({words.money(already, refund.currency)} so far); a second person has to approve it."
        )


def alone_limit(actor: Actor, currency: str) -> Decimal:
    """The largest limit among the roles of this person; somebody without an account has none."""
    if actor.user_id is None:
        return Decimal(0)
    roles = Group.objects.filter(user=actor.user_id).values_list("name", flat=True)
    limit = max((ALONE_LIMITS.get(role, Decimal(0)) for role in roles), default=Decimal(0))
    return limit if get_currency_precision(currency) else limit * WITHOUT_CENTS


def _same_person(refund: Refund, actor: Actor) -> bool:
    """By account where both are known: a name can be changed, and two people can share one."""
    if refund.proposed_by_user_id and actor.user_id:
        return refund.proposed_by_user_id == actor.user_id
    return refund.proposed_by == str(actor)
