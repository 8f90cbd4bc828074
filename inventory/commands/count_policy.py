"""How often is counted, and when a second person looks; the database keeps every former policy."""

from decimal import Decimal

from django.db import transaction

from inventory.models import CountPolicy
from oms.core.actor import Actor
from oms.core.errors import Refused
from oms.core.history import say_who

MOST_DAYS = 3650


@transaction.atomic
def set_count_policy(
    *,
    store_id: int,
    a_days: int,
    b_days: int,
    c_days: int,
    alert_percent: int,
    approve_units: int,
    approve_value: Decimal,
    actor: Actor,
) -> CountPolicy:
    """From the next night on levels are due by these days; counts are judged by it at once."""
    if not 1 <= a_days <= b_days <= c_days <= MOST_DAYS:
        raise Refused("A is counted at least as often as B, and B as C: days from 1 upwards.")
    if approve_value < 0 or not alert_percent:
        raise Refused("Limits are numbers above zero.")
    say_who(actor)
    policy, _ = CountPolicy.objects.update_or_create(
        store_id=store_id,
        defaults={
            "a_days": a_days,
            "b_days": b_days,
            "c_days": c_days,
            "alert_percent": alert_percent,
            "approve_units": approve_units,
            "approve_value": approve_value,
        },
    )
    return policy
