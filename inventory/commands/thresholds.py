"""Units not offered in a channel though free: rules that people set, the most exact one wins."""

from django.db import transaction

from inventory import shop_numbers
from inventory.models import ChannelThreshold, Location
from inventory.publishing import tell_shop_of
from oms.catalog.models import Item
from oms.core.actor import Actor
from oms.core.errors import Refused
from oms.core.history import say_who

LONGEST_CHANNEL = ChannelThreshold._meta.get_field("channel").max_length


@transaction.atomic
def set_threshold(
    *,
    store_id: int,
    channel: str,
    units: int,
    item_id: int | None = None,
    location_id: int | None = None,
    actor: Actor,
) -> ChannelThreshold:
    """Keep `units` back from the channel at each location the rule names.

    Without an item it holds for all items, without a location for all of them. Zero is a rule too:
    it overrules a wider one. The same rule again is quiet.
    """
    channel = checked_channel(channel)
    if units < 0:
        raise Refused("A threshold cannot be negative.")
    if item_id and not Item.objects.filter(pk=item_id, store_id=store_id).exists():
        raise Refused("This item does not exist in this shop.")
    if location_id and not Location.objects.filter(pk=location_id, store_id=store_id).exists():
        raise Refused("This location does not exist in this shop.")

    say_who(actor)
    about = {"channel": channel, "item_id": item_id, "location_id": location_id}
    rule, made = ChannelThreshold.objects.select_for_update().get_or_create(
        store_id=store_id, **about, defaults={"units": units}
    )
    if not made and rule.units == units:
        return rule
    if not made:
        rule.units = units
        rule.save(update_fields=["units"])
    if channel == shop_numbers.CHANNEL:
        tell_shop_of(store_id=store_id, item_id=item_id, location_id=location_id)
    return rule


@transaction.atomic
def remove_threshold(*, threshold_id: int, actor: Actor) -> None:
    """Take a rule away: the next wider one holds. Repeating it is quiet."""
    say_who(actor)
    rule = ChannelThreshold.objects.select_for_update().filter(pk=threshold_id).first()
    if rule is None:
        return
    rule.delete()
    if rule.channel == shop_numbers.CHANNEL:
        tell_shop_of(store_id=rule.store_id, item_id=rule.item_id, location_id=rule.location_id)


def checked_channel(channel: str) -> str:
    """The name of a channel as orders carry it."""
    channel = channel.strip()
    if not channel:
        raise Refused("Say for which channel, e.g. web.")
    if len(channel) > (LONGEST_CHANNEL or 0):
        raise Refused(f"The name of a channel has at most {LONGEST_CHANNEL} characters.")
    return channel
