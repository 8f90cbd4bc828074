"""Rules about units not offered in a channel: set, changed, removed, with their history."""

from typing import Any

import pytest
from django.apps import apps

from inventory.commands import thresholds
from inventory.models import ChannelThreshold
from oms.core.errors import Refused
from tests.cast import OLGA, make_item, make_location, make_store

pytestmark = pytest.mark.django_db


def keep_back(units: int, channel: str = "web", **scope: Any) -> ChannelThreshold:
    return thresholds.set_threshold(
        store_id=make_store().pk, channel=channel, units=units, actor=OLGA, **scope
    )


def history() -> list[tuple[str, int, str]]:
    events = apps.get_model("inventory", "ChannelThresholdEvent").objects.order_by("pgh_id")
    return [(e.pgh_label, e.units, e.pgh_context.metadata["actor"]) for e in events]


def test_a_rule_is_set_changed_and_removed_each_with_who_did_it() -> None:
    rule = keep_back(3)
    assert keep_back(5).pk == rule.pk
    keep_back(5)

    thresholds.remove_threshold(threshold_id=rule.pk, actor=OLGA)
    thresholds.remove_threshold(threshold_id=rule.pk, actor=OLGA)

    assert ChannelThreshold.objects.count() == 0
    assert history() == [
        ("insert", 3, "user:Olga Ops"),
        ("update", 5, "user:Olga Ops"),
        ("delete", 5, "user:Olga Ops"),
    ]


def test_rules_of_other_scopes_stand_beside_each_other() -> None:
    mug, east = make_item("mug"), make_location("east")

    for scope in ({}, {"item_id": mug.pk}, {"location_id": east.pk}):
        keep_back(1, **scope)
    keep_back(0, item_id=mug.pk, location_id=east.pk)
    keep_back(0, item_id=mug.pk, location_id=east.pk)

    assert ChannelThreshold.objects.count() == 4


def test_what_makes_no_sense_is_refused() -> None:
    other = make_store("other")
    theirs = make_item("mug", store=other)

    with pytest.raises(Refused, match="negative"):
        keep_back(-1)
    with pytest.raises(Refused, match="for which channel"):
        keep_back(1, channel=" ")
    with pytest.raises(Refused, match="does not exist in this shop"):
        keep_back(1, item_id=theirs.pk)
    with pytest.raises(Refused, match="location does not exist"):
        keep_back(1, location_id=make_location("east", store=other).pk)

    assert ChannelThreshold.objects.count() == 0
