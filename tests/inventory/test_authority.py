"""One system is believed about each field of an item at a place; the most exact rule wins."""

import pytest

from inventory.authority import Belief, beliefs, source_for
from inventory.commands.rules import believe, forget_rule
from inventory.models import AuthorityRule, StockEntry
from oms.core.errors import Refused
from oms.core.sql import fetch
from tests.cast import OLGA, make_item, make_location, make_store, stock

pytestmark = pytest.mark.django_db


def test_without_a_rule_shopify_is_believed_about_on_hand_and_people_about_safety() -> None:
    level = stock(make_item("mug"), make_location("east"), 5)

    assert source_for("on_hand", [level.pk]) == {level.pk: "shopify"}
    assert source_for("safety", [level.pk]) == {level.pk: "switchyard"}


def test_the_most_exact_rule_wins() -> None:
    store, mug, shirt = make_store(), make_item("mug"), make_item("shirt")
    east, west = make_location("east"), make_location("west")
    levels = [stock(i, p, 1).pk for i in (mug, shirt) for p in (east, west)]
    for source, item, place in (
        ("erp", None, None),
        ("wms-east", None, east.pk),
        ("pim", mug.pk, None),
        ("scale", mug.pk, east.pk),
    ):
        believe(store_id=store.pk, field="on_hand", source=source, item_id=item,
                location_id=place, actor=OLGA)  # fmt: skip

    told = source_for("on_hand", levels)

    assert [told[pk] for pk in levels] == ["scale", "pim", "wms-east", "erp"]
    assert set(source_for("safety", levels).values()) == {"switchyard"}


def test_the_answer_names_the_rule_and_the_reason_also_where_no_level_is() -> None:
    store, mug, east = make_store(), make_item("mug"), make_location("east")
    rule = believe(store_id=store.pk, field="on_hand", source="wms", location_id=east.pk,
                   note="scanned there", actor=OLGA)  # fmt: skip

    found = beliefs("on_hand", store_id=store.pk, pairs=[(mug.pk, east.pk)])

    assert found == {(mug.pk, east.pk): Belief("wms", rule.pk, False, True, "scanned there")}
    assert found[mug.pk, east.pk].reason == (
        "The rule for this location; there is none for this item."
    )


def test_a_rule_of_another_shop_is_not_asked() -> None:
    level = stock(make_item("mug"), make_location("east"), 5)
    believe(store_id=make_store("other").pk, field="on_hand", source="erp", actor=OLGA)

    assert source_for("on_hand", [level.pk]) == {level.pk: "shopify"}


def test_a_rule_is_changed_in_place_and_every_former_one_is_kept_with_who_did_it() -> None:
    store = make_store()
    believe(store_id=store.pk, field="on_hand", source="erp", actor=OLGA)
    rule = believe(store_id=store.pk, field="on_hand", source="wms", actor=OLGA)
    believe(store_id=store.pk, field="on_hand", source="wms", actor=OLGA)
    forget_rule(rule_id=rule.pk, actor=OLGA)
    forget_rule(rule_id=rule.pk, actor=OLGA)

    assert AuthorityRule.objects.count() == 0
    kept = fetch(
        "SELECT e.pgh_label, e.source, c.metadata->>'actor' FROM inventory_authorityruleevent e"
        " JOIN pghistory_context c ON c.id = e.pgh_context_id ORDER BY e.pgh_id"
    )
    assert kept == [
        ("insert", "erp", "user:Olga Ops"),
        ("update", "wms", "user:Olga Ops"),
        ("delete", "wms", "user:Olga Ops"),
    ]


def test_a_rule_changes_no_number() -> None:
    level = stock(make_item("mug"), make_location("east"), 5)
    before = StockEntry.objects.count()

    believe(store_id=level.store_id, field="on_hand", source="erp", actor=OLGA)

    level.refresh_from_db()
    assert (level.on_hand, StockEntry.objects.count()) == (5, before)


@pytest.mark.parametrize("name", ["", "  ", "ERP 1", "9lives", "e" * 25, "<b>"])
def test_a_name_that_is_none_is_refused_and_no_rule_is_made(name: str) -> None:
    with pytest.raises(Refused):
        believe(store_id=make_store().pk, field="on_hand", source=name, actor=OLGA)

    assert AuthorityRule.objects.count() == 0


def test_a_rule_about_an_item_or_a_place_of_another_shop_is_refused() -> None:
    mug, east = make_item("mug"), make_location("east")
    other = make_store("other")

    for about in ({"item_id": mug.pk}, {"location_id": east.pk}):
        with pytest.raises(Refused, match="not one of this shop"):
            believe(store_id=other.pk, field="on_hand", source="erp", actor=OLGA, **about)

    assert AuthorityRule.objects.count() == 0
