"""Parcels: every scan kept once, any order of scans gives the same state, delivered is the end."""

import itertools
from datetime import timedelta

import pytest

from oms.core.actor import SHOPIFY, Actor
from oms.core.errors import Refused
from oms.fulfillment import commands
from oms.fulfillment.models import ParcelEvent
from oms.fulfillment.states import parcel_state
from tests.cast import NOON
from tests.fulfillment.floor import (
    assert_sound,
    footprint,
    routed_order,
    sentences,
    shipped,
    told,
)

UPS = Actor("carrier", "UPS")


def scan(parcel, state, hours, **fields):
    return commands.record_scan(
        parcel_id=parcel.pk,
        state=state,
        at=NOON + timedelta(hours=hours),
        remote_id=fields.pop("remote_id", f"{state}-{hours}"),
        actor=fields.pop("actor", UPS),
        **fields,
    )


@pytest.mark.django_db
def test_a_parcel_travels_and_shopify_hears_of_each_step():
    order = routed_order()
    parcel = shipped(order, "1Z1").parcels.get()

    scan(parcel, "in_transit", 1, place="Newark")
    scan(parcel, "out_for_delivery", 20)
    parcel = scan(parcel, "delivered", 25)

    assert parcel.state == "delivered"
    assert parcel.delivered_at == parcel.last_scan_at == NOON + timedelta(hours=25)
    assert sentences(order, "parcel.") == [
        "UPS 1Z1 is on the road, Newark",
        "UPS 1Z1 is out for delivery",
        "UPS 1Z1 was delivered",
    ]
    assert [key for key, _ in told("fulfillment_event.create")] == [
        f"parcel:{parcel.pk}:in_transit",
        f"parcel:{parcel.pk}:out_for_delivery",
        f"parcel:{parcel.pk}:delivered",
    ]
    assert told("fulfillment_event.create")[0][1] == {
        "parcel_id": parcel.pk,
        "state": "in_transit",
        "at": (NOON + timedelta(hours=1)).isoformat(),
    }
    assert_sound()


@pytest.mark.django_db
def test_the_same_scan_twice_is_quiet():
    order = routed_order()
    parcel = shipped(order).parcels.get()
    scan(parcel, "in_transit", 1)
    before = footprint()

    scan(parcel, "in_transit", 1)

    assert footprint() == before
    assert ParcelEvent.objects.count() == 1


@pytest.mark.django_db
def test_another_hub_is_kept_without_a_new_sentence():
    order = routed_order()
    parcel = shipped(order).parcels.get()
    scan(parcel, "in_transit", 1)

    parcel = scan(parcel, "in_transit", 9)

    assert parcel.last_scan_at == NOON + timedelta(hours=9)
    assert len(sentences(order, "parcel.")) == 1


@pytest.mark.django_db
def test_a_late_scan_does_not_undo_a_delivery():
    order = routed_order()
    parcel = shipped(order).parcels.get()
    scan(parcel, "delivered", 25)

    parcel = scan(parcel, "in_transit", 1)
    parcel = scan(parcel, "out_for_delivery", 30)

    assert parcel.state == "delivered"
    assert parcel.delivered_at == NOON + timedelta(hours=25)
    assert parcel.events.count() == 3
    assert len(sentences(order, "parcel.")) == 1
    assert_sound()


@pytest.mark.django_db
def test_what_shopify_told_us_is_not_told_back():
    parcel = shipped(routed_order()).parcels.get()

    scan(parcel, "delivered", 25, actor=SHOPIFY)

    assert told("fulfillment_event.create") == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"state": "lost in space"}, "cannot be 'lost in space'"),
        ({"remote_id": ""}, "the carrier's id"),
        ({"parcel_id": 999_999}, "not known here"),
    ],
)
def test_a_scan_that_makes_no_sense_is_refused(fields, words):
    parcel = shipped(routed_order()).parcels.get()
    before = footprint()
    good = {"parcel_id": parcel.pk, "state": "in_transit", "remote_id": "1", "at": NOON}

    with pytest.raises(Refused, match=words):
        commands.record_scan(**(good | fields), actor=UPS)

    assert footprint() == before
    assert not ParcelEvent.objects.exists()


@pytest.mark.django_db
def test_many_scans_of_many_parcels_in_a_fixed_number_of_queries(django_assert_max_num_queries):
    parcels = [shipped(routed_order()).parcels.get() for _ in range(10)]
    scans = [
        commands.Scan(parcel.pk, state, NOON + timedelta(hours=hours), f"{hours}")
        for parcel in parcels
        for hours, state in enumerate(["in_transit", "out_for_delivery", "delivered"])
    ]

    with django_assert_max_num_queries(10):
        changed = commands.record_scans(scans=scans, actor=UPS)

    assert changed == [parcel.pk for parcel in parcels]
    assert_sound()


def test_any_order_of_scans_adds_up_to_the_same_state():
    scans = [
        (NOON, "in_transit"),
        (NOON + timedelta(hours=1), "out_for_delivery"),
        (NOON + timedelta(hours=2), "failed"),
        (NOON + timedelta(hours=3), "out_for_delivery"),
    ]

    assert {parcel_state(order) for order in itertools.permutations(scans)} == {"out_for_delivery"}
    delivered = [*scans, (NOON - timedelta(minutes=1), "delivered")]
    assert {parcel_state(order) for order in itertools.permutations(delivered)} == {"delivered"}


def test_a_parcel_on_its_way_back_stays_so_until_it_arrives():
    scans = [(NOON, "returning"), (NOON + timedelta(hours=1), "in_transit")]

    assert parcel_state(scans) == "returning"
