"""Units leave one location and arrive at another; on the way they are in transit only."""

import pytest

from inventory import reservations
from inventory.commands import Count, adjust, receiving, set_on_hand, transfers
from inventory.commands.receiving import Arrived
from inventory.models import Reservation, Supply
from inventory.reservations import Promise
from oms.core.errors import Refused
from tests.cast import OLGA, make_item, make_location, make_store, stock
from tests.inventory.goods import SOON, broken, house, level, route, waiting_order

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _house(db: None) -> None:
    house()
    make_location("west")
    stock(make_item("mug"), make_location("west"), 10)


def planned(units: int = 6, *, number: str = "TR-1", sku: str = "mug") -> Supply:
    return transfers.plan(
        store_id=make_store().pk,
        number=number,
        origin_id=make_location("west").pk,
        destination_id=make_location("east").pk,
        units={make_item(sku).pk: units},
        expected_on=SOON,
        actor=OLGA,
    )


def counts(place: str) -> tuple[int, int, int, int]:
    at = level(place)
    return at.on_hand, at.reserved, at.in_transit, at.available


def arrive(one: Supply, good: int, *, key: str = "r1", **more: object) -> None:
    receiving.receive(
        supply_id=one.pk,
        arrived=[Arrived(make_item("mug").pk, good, **more)],  # type: ignore[arg-type]
        request_key=key,
        actor=OLGA,
    )


def test_a_planned_transfer_keeps_its_units_at_the_origin() -> None:
    one = planned(6)

    assert counts("west") == (10, 6, 0, 4)
    assert counts("east") == (0, 0, 0, 0)
    held = Reservation.objects.get()
    assert (held.holder, held.line_id, held.kind) == (f"transfer:{one.pk}", None, "firm")
    assert broken() == []


def test_more_than_is_free_cannot_be_planned() -> None:
    with pytest.raises(Refused, match="Only 10 of 11 units are free"):
        planned(11)

    assert Supply.objects.count() == 0
    assert counts("west") == (10, 0, 0, 10)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"destination_id": "west"}, "another location"),
        ({"units": {}}, "which items"),
        ({"number": ""}, "number"),
        ({"units": {"mug": 0}}, "between 1 and"),
    ],
)
def test_a_transfer_that_makes_no_sense_is_refused(change: dict, why: str) -> None:
    values = {"number": "TR-1", "destination_id": "east", "units": {"mug": 1}} | change

    with pytest.raises(Refused, match=why):
        transfers.plan(
            store_id=make_store().pk,
            number=values["number"],
            origin_id=make_location("west").pk,
            destination_id=make_location(values["destination_id"]).pk,
            units={make_item(sku).pk: units for sku, units in values["units"].items()},
            actor=OLGA,
        )

    assert Supply.objects.count() == 0


def test_shipped_units_are_in_transit_until_they_arrive() -> None:
    one = planned(6)

    transfers.ship(supply_id=one.pk, actor=OLGA)
    transfers.ship(supply_id=one.pk, actor=OLGA)

    assert counts("west") == (4, 0, 0, 4)
    assert counts("east") == (0, 0, 6, 0)
    causes = set(level("west").entries.filter(delta=-6).values_list("bucket", "cause"))
    assert causes == {("on_hand", "transfer"), ("reserved", "transfer")}
    assert broken() == []

    arrive(one, 6)
    assert counts("east") == (6, 0, 0, 6)
    one.refresh_from_db()
    assert one.state == Supply.State.CLOSED
    assert broken() == []


def test_a_part_leaves_first_and_the_rest_later() -> None:
    one = planned(6)

    transfers.ship(supply_id=one.pk, units={make_item("mug").pk: 2}, actor=OLGA)
    assert counts("west") == (8, 4, 0, 4)
    arrive(one, 2)
    one.refresh_from_db()
    assert one.state == Supply.State.SHIPPED
    transfers.ship(supply_id=one.pk, units={make_item("mug").pk: 4}, actor=OLGA)
    arrive(one, 4, key="r2")

    assert counts("west") == (4, 0, 0, 4)
    assert counts("east") == (6, 0, 0, 6)
    one.refresh_from_db()
    assert one.state == Supply.State.CLOSED
    assert broken() == []


def test_more_than_is_kept_cannot_leave() -> None:
    one = planned(6)

    with pytest.raises(Refused, match="Only 6 × mug are kept for TR-1"):
        transfers.ship(supply_id=one.pk, units={make_item("mug").pk: 7}, actor=OLGA)

    assert counts("west") == (10, 6, 0, 4)


def test_what_does_not_stand_on_the_shelf_cannot_leave() -> None:
    one = planned(6)
    adjust(level_id=level("west").pk, delta=-7, reason="Broken", actor=OLGA)

    with pytest.raises(Refused, match="3 × mug stand on the shelf"):
        transfers.ship(supply_id=one.pk, actor=OLGA)

    assert counts("west")[:2] == (3, 6)


def test_a_cancelled_transfer_frees_its_units_and_those_who_wait_get_them() -> None:
    one = planned(10)
    order = waiting_order(2)
    assert order.lines.get().backordered == 2

    transfers.cancel(supply_id=one.pk, reason="Not needed", actor=OLGA)
    transfers.cancel(supply_id=one.pk, reason="Not needed", actor=OLGA)
    route()

    assert order.lines.get().reserved == 2
    assert counts("west") == (10, 2, 0, 8)
    one.refresh_from_db()
    assert one.state == Supply.State.CANCELLED
    assert broken() == []


def test_the_rest_of_a_transfer_that_left_in_part_stays_when_it_is_cancelled() -> None:
    one = planned(6)
    transfers.ship(supply_id=one.pk, units={make_item("mug").pk: 2}, actor=OLGA)

    transfers.cancel(supply_id=one.pk, reason="The van was full", actor=OLGA)

    assert counts("west") == (8, 0, 0, 8)
    assert counts("east") == (0, 0, 2, 0)
    arrive(one, 2)
    one.refresh_from_db()
    assert one.state == Supply.State.CLOSED
    assert one.lines.get().short == 0
    assert broken() == []


def test_what_left_entirely_cannot_be_cancelled() -> None:
    one = planned(6)
    transfers.ship(supply_id=one.pk, actor=OLGA)

    with pytest.raises(Refused, match="Everything has left"):
        transfers.cancel(supply_id=one.pk, reason="Too late", actor=OLGA)

    assert counts("east")[2] == 6


def test_units_lost_on_the_way_are_closed_and_stand_nowhere() -> None:
    one = planned(6)
    transfers.ship(supply_id=one.pk, actor=OLGA)

    receiving.receive(
        supply_id=one.pk,
        arrived=[Arrived(make_item("mug").pk, 4, damaged=1)],
        request_key="r1",
        finish=True,
        actor=OLGA,
    )

    assert counts("east") == (4, 0, 0, 4)
    assert level("east").damaged == 1
    line = one.lines.get()
    assert (line.shipped, line.received, line.short) == (6, 5, 1)
    assert broken() == []


def test_a_transfer_received_twice_counts_once() -> None:
    one = planned(6)
    transfers.ship(supply_id=one.pk, actor=OLGA)

    arrive(one, 6)
    arrive(one, 6)
    with pytest.raises(Refused, match="is closed"):
        arrive(one, 6, key="again")

    assert counts("east") == (6, 0, 0, 6)
    assert broken() == []


def test_a_transfer_that_has_not_left_cannot_arrive() -> None:
    one = planned(6)

    with pytest.raises(Refused, match="has not left"):
        arrive(one, 6)

    assert counts("east") == (0, 0, 0, 0)


def test_units_a_shortage_took_from_a_transfer_cannot_leave() -> None:
    one = planned(6)
    held = Reservation.objects.get()
    set_on_hand(
        store_id=one.store_id,
        counts=[Count(make_item("mug").pk, make_location("west").pk, 4)],
        cause="count",
        document="test",
        actor=OLGA,
    )
    reservations.lose([(held.pk, 2, "counted fewer")], actor=OLGA, document="test")

    transfers.ship(supply_id=one.pk, actor=OLGA)
    assert counts("west") == (0, 0, 0, 0)
    assert counts("east")[2] == 4
    arrive(one, 4)
    receiving.receive(supply_id=one.pk, arrived=[], request_key="r2", finish=True, actor=OLGA)

    assert broken() == []


def test_a_transfer_never_takes_what_an_order_was_promised() -> None:
    order = waiting_order(8)
    assert order.lines.get().reserved == 8

    with pytest.raises(Refused, match="Only 2 of 3 units"):
        planned(3)
    reservations.reserve(
        [Promise(None, level("west").pk, 2, "test", holder="transfer:0")], actor=OLGA
    )

    assert counts("west") == (10, 10, 0, 0)
