"""Saying which system is believed; the database keeps every former rule (pghistory)."""

import json
import re
import uuid
from typing import Any

from django.db import transaction

from inventory.authority import DEFAULTS
from inventory.models import AuthorityRule, Location
from oms.catalog.models import Item
from oms.core.actor import Actor
from oms.core.errors import Refused
from oms.core.sql import execute

# Short and lower case: it stands in addresses and on every screen.
SOURCE = re.compile(r"[a-z][a-z0-9_-]{0,23}")


@transaction.atomic
def believe(
    *,
    store_id: int,
    field: str,
    source: str,
    item_id: int | None = None,
    location_id: int | None = None,
    note: str = "",
    actor: Actor,
) -> AuthorityRule:
    """From now on `source` is believed about `field`: everywhere, of an item, at a location.

    No number changes: the next file, message or check is judged by the new rule.
    """
    source = source_name(source)
    if field not in DEFAULTS:
        raise Refused("Choose what the rule is about: on hand, safety stock or incoming supply.")
    if item_id and not Item.objects.filter(store_id=store_id, pk=item_id).exists():
        raise Refused("This item is not one of this shop.")
    if location_id and not Location.objects.filter(store_id=store_id, pk=location_id).exists():
        raise Refused("This location is not one of this shop.")
    about: dict[str, Any] = {"field": field, "item_id": item_id, "location_id": location_id}
    rule = AuthorityRule.objects.select_for_update().filter(store_id=store_id, **about).first()
    if rule and (rule.source, rule.note) == (source, note):
        return rule

    _say_who(actor)
    rule, _ = AuthorityRule.objects.update_or_create(
        store_id=store_id, **about, defaults={"source": source, "note": note}
    )
    return rule


@transaction.atomic
def forget_rule(*, rule_id: int, actor: Actor) -> None:
    """Take a rule away: the next less exact one holds. Again is quiet."""
    rule = AuthorityRule.objects.select_for_update().filter(pk=rule_id).first()
    if rule is None:
        return

    _say_who(actor)
    rule.delete()


def source_name(text: str) -> str:
    """The name of a system as it is kept; refused when it cannot be one."""
    name = text.strip().lower()
    if not SOURCE.fullmatch(name):
        raise Refused(
            "Name the system in up to 24 letters, digits and dashes, e.g. erp or wms-east."
        )
    return name


def _say_who(actor: Actor) -> None:
    """The history row of this transaction carries who did it."""
    who = {"actor": str(actor)} | ({"user": actor.user_id} if actor.user_id else {})
    execute(
        "SELECT set_config('pghistory.context_id', %s, true),"
        " set_config('pghistory.context_metadata', %s, true)",
        [str(uuid.uuid4()), json.dumps(who)],
    )
