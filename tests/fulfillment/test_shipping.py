"""Hand-over: what was picked leaves in parcels, once, and everything that must know it knows it."""

import threading

import pytest
from django.db import connection

from inventory.models import Reservation, StockEntry
from oms.core.errors import Refused
from oms.fulfillment import commands
from oms.fulfillment.commands import Box, HandOver
from oms.fulfillment.models import Parcel, ParcelLine, Shipment
from oms.fulfillment.queries import floor_list, parcels_by_tracking, work_of_order
from tests.cast import OLGA, SAM, line, make_item, make_location, make_order, make_store, stock
from tests.fulfillment.floor import (
    assert_sound,
    buckets,
    footprint,
    packed,
    picking,
    routed,
    routed_order,
    sentences,
    shelf,
    shipped,
    told,
    work_of,
)

pytestmark = pytest.mark.django_db


def two_line_work():
    for sku in ("mug", "shirt"):
        stock(make_item(sku), make_location("east"), 10)
    return packed(routed(make_order(line("mug", 2), line("shirt", 1))))


def test_shipping_moves_units_stock_and_promises_and_tells_shopify():
    order = routed_order(quantity=2)
    work = packed(order)

    shipment = commands.ship(
        work_id=work.pk, boxes=[Box("UPS", "1Z1", "https://ups.example/1Z1")], actor=OLGA
    )

    work.refresh_from_db()
    assert work.state == "shipped" and work.shipped_at
    assert buckets(order) == {"shipped": 2}
    assert shelf() == {"on_hand": 98}
    assert [r.state for r in Reservation.objects.all()] == ["consumed"]
    assert shipment.shipped_by == "user:Olga Ops"
    parcel = shipment.parcels.get()
    assert (parcel.carrier, parcel.tracking_number, parcel.state) == ("UPS", "1Z1", "labelled")
    assert parcel.tracking_url == "https://ups.example/1Z1"
    assert [(c.work_line_id, c.quantity) for c in parcel.lines.all()] == [(work.lines.get().pk, 2)]
    entries = StockEntry.objects.filter(document=f"shipment:{shipment.pk}").order_by("id")
    assert [(e.bucket, e.delta, e.cause) for e in entries] == [
        ("reserved", -2, "ship"),
        ("on_hand", -2, "ship"),
    ]
    assert told("fulfillment.create") == [(f"shipment:{shipment.pk}", {"shipment_id": shipment.pk})]
    assert sentences(order, "work.shipped") == ["2 units left East with UPS 1Z1"]
    assert_sound()


def test_shipping_again_in_the_same_box_is_quiet():
    work = packed(routed_order())
    first = commands.ship(work_id=work.pk, boxes=[Box("UPS", "1Z1")], actor=OLGA)
    before = footprint()

    again = commands.ship(work_id=work.pk, boxes=[Box("UPS", "1Z1")], actor=SAM)

    assert again.pk == first.pk
    assert footprint() == before
    assert Shipment.objects.count() == 1


def test_a_second_label_for_work_that_left_is_refused():
    work = packed(routed_order())
    commands.ship(work_id=work.pk, boxes=[Box("UPS", "1Z1")], actor=OLGA)
    before = footprint()

    with pytest.raises(Refused, match=rf"{work.code} left already with UPS 1Z1\."):
        commands.ship(work_id=work.pk, boxes=[Box("UPS", "1Z2")], actor=OLGA)

    assert footprint() == before


def test_two_parcels_share_the_units():
    work = two_line_work()
    mug, shirt = work.lines.order_by("id")

    shipment = commands.ship(
        work_id=work.pk,
        boxes=[Box("UPS", "1Z1", "", {mug.pk: 1, shirt.pk: 1}), Box("UPS", "1Z2", "", {mug.pk: 1})],
        actor=OLGA,
    )

    contents = ParcelLine.objects.filter(parcel__shipment=shipment).order_by("id")
    assert [(c.parcel.tracking_number, c.work_line_id, c.quantity) for c in contents] == [
        ("1Z1", mug.pk, 1),
        ("1Z1", shirt.pk, 1),
        ("1Z2", mug.pk, 1),
    ]
    assert sentences(work.order, "work.shipped") == ["3 units left East with UPS 1Z1, UPS 1Z2"]
    assert_sound()


def refusals():
    yield "no parcel", lambda mug, shirt: [], "needs at least one parcel"
    yield (
        "a unit too few",
        lambda mug, shirt: [Box("UPS", "1Z1", "", {mug: 1, shirt: 1})],
        "2 mug were picked, 1 are in the parcels",
    )
    yield (
        "a unit too many",
        lambda mug, shirt: [Box("UPS", "1Z1", "", {mug: 3, shirt: 1})],
        "2 mug were picked, 3 are in the parcels",
    )
    yield (
        "a foreign line",
        lambda mug, shirt: [Box("UPS", "1Z1", "", {mug: 2, shirt: 1, 999: 1})],
        "Line 999 is no part of",
    )
    yield "an empty parcel", lambda mug, shirt: [Box("UPS", "1Z1", "", {})], "Say what is in"
    yield (
        "minus one",
        lambda mug, shirt: [Box("UPS", "1Z1", "", {mug: 2, shirt: -1})],
        "a quantity below one",
    )
    yield "no number", lambda mug, shirt: [Box("UPS", " ")], "a carrier and a tracking number"
    yield "a long number", lambda mug, shirt: [Box("UPS", "1" * 65)], "at most 64 characters"
    yield (
        "one number twice",
        lambda mug, shirt: [
            Box("UPS", "1Z1", "", {mug: 2}),
            Box("UPS", "1Z1", "", {shirt: 1}),
        ],
        "is on another parcel",
    )


@pytest.mark.parametrize(
    ("boxes", "words"), [r[1:] for r in refusals()], ids=[r[0] for r in refusals()]
)
def test_boxes_that_do_not_agree_are_refused_and_nothing_leaves(boxes, words):
    work = two_line_work()
    mug, shirt = work.lines.order_by("id").values_list("pk", flat=True)
    before, on_shelf = footprint(), shelf()

    with pytest.raises(Refused, match=words):
        commands.ship(work_id=work.pk, boxes=boxes(mug, shirt), actor=OLGA)

    work.refresh_from_db()
    assert work.state == "packed"
    assert (footprint(), shelf()) == (before, on_shelf)
    assert not Parcel.objects.exists()


def test_a_tracking_number_of_another_parcel_is_refused():
    shipped(routed_order(), "1Z1")
    work = packed(routed_order())

    with pytest.raises(Refused, match="UPS 1Z1 is on another parcel"):
        commands.ship(work_id=work.pk, boxes=[Box("UPS", "1Z1")], actor=OLGA)

    work.refresh_from_db()
    assert work.state == "packed"


def test_work_that_is_not_packed_cannot_leave():
    work = picking(routed_order())
    before = footprint()

    with pytest.raises(Refused, match="is picking and cannot become shipped"):
        commands.ship(work_id=work.pk, boxes=[Box("UPS", "1Z1")], actor=OLGA)

    assert footprint() == before


def test_many_leave_at_once_and_one_refusal_does_not_hold_the_others():
    works = [packed(routed_order(quantity=n + 1)) for n in range(3)]
    unpacked = picking(routed_order())

    result = commands.ship_many(
        hand_overs=[HandOver(w.pk, [Box("DHL", f"JD{w.pk}")]) for w in [*works, unpacked]],
        actor=OLGA,
    )

    assert set(result.done) == {w.pk for w in works}
    assert list(result.refused) == [unpacked.pk]
    assert shelf() == {"on_hand": 94, "reserved": 1}
    assert [key for key, _ in told("fulfillment.create")] == [
        f"shipment:{result.done[w.pk]}" for w in works
    ]
    assert_sound()


def test_stock_that_vanished_meanwhile_does_not_stop_goods_that_are_in_the_box():
    order = routed_order(quantity=2, on_hand=2)
    work = packed(order)
    stock(make_item("mug"), make_location("east"), 1)

    commands.ship(work_id=work.pk, boxes=[Box("UPS", "1Z1")], actor=OLGA)

    assert shelf() == {"on_hand": -1}
    assert_sound()


@pytest.mark.django_db(transaction=True)
def test_two_people_ship_the_same_work_and_it_leaves_once():
    work = packed(routed_order(quantity=2))
    answers: list[str] = []
    start = threading.Barrier(2)

    def hand_over(number: str) -> None:
        try:
            start.wait(timeout=10)
            commands.ship(work_id=work.pk, boxes=[Box("UPS", number)], actor=OLGA)
            answers.append("left")
        except Refused:
            answers.append("refused")
        finally:
            connection.close()

    people = [threading.Thread(target=hand_over, args=(number,)) for number in ("1Z1", "1Z2")]
    for person in people:
        person.start()
    for person in people:
        person.join()

    assert sorted(answers) == ["left", "refused"]
    assert Shipment.objects.count() == Parcel.objects.count() == 1
    assert shelf() == {"on_hand": 98}
    assert_sound()


def test_the_work_of_an_order_reads_in_six_queries(django_assert_num_queries):
    order = routed_order(quantity=2)
    shipped(order, "1Z1")

    with django_assert_num_queries(6):
        (work,) = work_of_order(order.pk)
        words = [
            (content.work_line.line.sku, content.quantity, parcel.tracking_number)
            for shipment in work.shipments.all()
            for parcel in shipment.parcels.all()
            for content in parcel.lines.all()
        ]
        assert [w.line.sku for w in work.lines.all()] == ["mug"]

    assert words == [("mug", 2, "1Z1")]


def test_the_floor_sees_its_own_open_work_and_pages_by_id():
    first, second = picking(routed_order(quantity=2)), picking(routed_order())
    shipped(routed_order())
    east = make_location("east")

    page = list(floor_list(east.pk, limit=1))
    rest = list(floor_list(east.pk, after_id=page[-1].pk))

    assert [(w.code, w.asked, w.picked) for w in page] == [(first.code, 2, 0)]
    assert [w.code for w in rest] == [second.code]
    assert list(floor_list(make_location("west").pk)) == []


def test_a_parcel_is_found_by_its_tracking_number():
    order = routed_order()
    shipped(order, "1Z999")

    (parcel,) = parcels_by_tracking(make_store().pk, " 1Z999 ")

    assert parcel.shipment.fulfillment_order == work_of(order)
    assert not parcels_by_tracking(make_store().pk, "1Z99")
