"""What people may say about items: so far, what a bundle is made of."""

from collections.abc import Mapping

from django.db import transaction

from oms.catalog.models import BundlePart, Item
from oms.core import timers
from oms.core.actor import Actor
from oms.core.errors import Refused
from oms.core.history import say_who


@transaction.atomic
def set_parts(*, item_id: int, parts: Mapping[int, int], actor: Actor) -> None:
    """Say how many units of which items make one unit of this one; of none, it is no bundle.

    What was promised keeps the parts it was promised with. Orders that wait for the item have
    their turn.
    """
    # Locked together with its parts: none of them becomes a bundle meanwhile.
    items = {
        item.pk: item
        for item in Item.objects.select_for_update().filter(pk__in=[item_id, *parts]).order_by("pk")
    }

    bundle = check_parts(item_id, parts, items)
    before = dict(bundle.parts.values_list("part_id", "quantity"))
    if before == dict(parts):
        return

    say_who(actor)
    bundle.parts.exclude(part_id__in=parts).delete()
    for part_id, quantity in sorted(parts.items()):
        if before.get(part_id) != quantity:
            BundlePart.objects.update_or_create(
                bundle=bundle, part_id=part_id, defaults={"quantity": quantity}
            )

    timers.start(store_id=bundle.store_id, kind="arrived", subject_ids=[item_id])


def check_parts(item_id: int, parts: Mapping[int, int], items: Mapping[int, Item]) -> Item:
    """The item, when these may be its parts; refused when not. `items` are it and its parts."""
    bundle = items.get(item_id)
    if bundle is None:
        raise Refused("This item does not exist.")
    if any(part_id not in items or items[part_id].store_id != bundle.store_id for part_id in parts):
        raise Refused("A part has to be an item of the same shop.")
    if item_id in parts:
        raise Refused(f"{bundle.sku} cannot be a part of itself.")
    for part_id, quantity in parts.items():
        if quantity < 1:
            raise Refused(f"Say how many of {items[part_id].sku} make one, at least one.")
    nested = BundlePart.objects.filter(bundle_id__in=parts).select_related("bundle").first()
    if nested:
        raise Refused(f"{nested.bundle.sku} is a bundle itself: list what it is made of instead.")
    outer = BundlePart.objects.filter(part_id=item_id).select_related("bundle").first()
    if parts and outer:
        raise Refused(
            f"{bundle.sku} is a part of {outer.bundle.sku}, and a bundle cannot hold bundles."
        )
    return bundle
