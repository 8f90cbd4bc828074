"""Orders are routed on bundles, on the fence of their channel and on what their cart kept."""

from datetime import timedelta

import pytest

from inventory import ledger, reservations
from inventory.ledger import Change
from inventory.models import Reservation, RingFence, StockLevel
from inventory.reservations import Promise
from inventory.waiting import wake_arrived
from oms.catalog.models import BundlePart, Item
from oms.core import invariants, timers
from oms.core.clock import now
from oms.core.models import Timer
from oms.orders.models import Order
from oms.wiring import INVARIANTS
from routing import commands, facts, policies, shelves
from routing.explain import explain
from routing.models import Decision
from tests.cast import OLGA, line, make_item, make_location, make_order, make_store, stock

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def policy() -> None:
    policies.ensure_default(store_id=make_store().pk, actor=OLGA)
    make_location("east")
    make_location("west")


@pytest.fixture
def gift() -> Item:
    """A gift is two mugs and a shirt."""
    gift = make_item("gift")
    BundlePart.objects.create(bundle=gift, part=make_item("mug"), quantity=2)
    BundlePart.objects.create(bundle=gift, part=make_item("shirt"), quantity=1)
    return gift


def shelf(place: str, **units: int) -> dict[str, StockLevel]:
    return {sku: stock(make_item(sku), make_location(place), count) for sku, count in units.items()}


def route() -> commands.Routed:
    return commands.route_due(limit=100)


def placed(order: Order) -> list[tuple[str, str, int]]:
    """(place, SKU, units) of what was reserved for an order."""
    held = Reservation.objects.filter(line__order=order, state="pending")
    rows = held.values_list("level__location__code", "level__item__sku", "quantity")
    return sorted(rows)


def keep(level: StockLevel, units: int, channel: str, *, overflow: bool = True) -> RingFence:
    fence = RingFence.objects.create(
        store_id=level.store_id,
        level=level,
        channel=channel,
        units=units,
        overflow=overflow,
        created_by="test",
    )
    ledger.post([Change(level.pk, "fenced", units, "fence", f"fence:{fence.pk}")], actor=OLGA)
    return fence


def cart(level: StockLevel, quantity: int, holder: str = "cart:abc", channel: str = "") -> int:
    (id_,) = reservations.reserve(
        [
            Promise(
                None,
                level.pk,
                quantity,
                holder,
                kind="soft",
                holder=holder,
                expires_at=now() + timedelta(hours=1),
                channel=channel,
            )
        ],
        actor=OLGA,
    )
    return id_


def broken() -> list[str]:
    return [f.name for f in invariants.check(INVARIANTS) if f.count]


def replays() -> bool:
    """Whether the recorded facts lead to the recorded verdicts again."""
    return all(
        [[v.location_id, v.step, v.data] for v in facts.replay(d).verdicts] == d.trace
        for d in Decision.objects.all()
    )


def test_a_bundle_ships_from_the_place_that_has_all_its_parts(gift: Item) -> None:
    shelf("east", mug=9)
    west = shelf("west", mug=4, shirt=2)
    order = make_order(line("gift", 2))

    assert route().routed == 1

    assert placed(order) == [("WST", "gift", 2)]
    assert [(w["mug"].reserved, w["shirt"].reserved) for w in [refreshed(west)]] == [(4, 2)]
    assert explain(Decision.objects.get()).sentence.startswith("West is the nearest place")
    assert replays()
    assert broken() == []


def refreshed(levels: dict[str, StockLevel]) -> dict[str, StockLevel]:
    for level in levels.values():
        level.refresh_from_db()
    return levels


def test_a_bundles_own_shelf_counts_for_nothing(gift: Item) -> None:
    shelf("east", gift=50)
    order = make_order(line("gift", 1))

    assert route().waiting == 1

    assert placed(order) == []
    assert broken() == []


def test_the_parts_of_a_batch_dwindle_for_bundles_and_single_units_alike(gift: Item) -> None:
    shelf("east", mug=5, shirt=5)
    first = make_order(line("gift", 2))
    second = make_order(line("mug", 2))
    third = make_order(line("gift", 1))

    route()

    assert placed(first) == [("EST", "gift", 2)]
    assert placed(second) == [("EST", "mug", 1)]
    assert placed(third) == []
    assert third.lines.get().backordered == 1
    assert replays()
    assert broken() == []


def test_one_order_wants_a_bundle_and_its_part_and_there_is_enough_elsewhere(gift: Item) -> None:
    shelf("east", mug=3, shirt=2)
    shelf("west", mug=2, shirt=2)
    order = make_order(line("mug", 2), line("gift", 1))

    route()

    assert placed(order) == [("EST", "mug", 2), ("WST", "gift", 1)]
    assert replays()
    assert broken() == []


def test_one_order_wants_a_bundle_and_its_part_and_the_part_is_short(gift: Item) -> None:
    shelf("east", mug=3, shirt=2)
    order = make_order(line("gift", 1), line("mug", 2))

    route()

    assert placed(order) == [("EST", "mug", 2)]
    assert Decision.objects.get().outcome == "partly"
    assert replays()
    assert broken() == []


def test_two_bundles_that_share_a_part_are_not_both_promised_the_last(gift: Item) -> None:
    pair = make_item("pair")
    BundlePart.objects.create(bundle=pair, part=make_item("mug"), quantity=2)
    shelf("east", mug=5, shirt=9)
    order = make_order(line("gift", 2), line("pair", 2))

    route()

    assert placed(order) == [("EST", "gift", 2)]
    assert replays()
    assert broken() == []


def test_a_planned_bundle_is_picked_packed_and_shipped_as_its_parts(gift: Item) -> None:
    from oms.fulfillment.commands import cancel
    from oms.fulfillment.models import FulfillmentOrder

    east = shelf("east", mug=4, shirt=2)
    order = make_order(line("gift", 2))
    route()

    cancel(work_id=FulfillmentOrder.objects.get().pk, reason="too heavy", actor=OLGA)

    assert [(v.reserved, v.available) for v in refreshed(east).values()] == [(0, 4), (0, 2)]
    assert placed(order) == []
    assert broken() == []


def test_a_channel_ships_from_its_fence_and_others_do_not() -> None:
    east = shelf("east", mug=6)["mug"]
    fence = keep(east, 4, "wholesale")
    web, market = make_order(line("mug", 3)), make_order(line("mug", 5), channel="wholesale")

    route()

    assert placed(web) == [("EST", "mug", 2)]
    assert placed(market) == [("EST", "mug", 4)]
    fence.refresh_from_db()
    assert fence.units == 0
    assert replays()
    assert broken() == []


def test_a_fence_overflows_into_the_common_stock_unless_it_may_not() -> None:
    east = shelf("east", mug=6)["mug"]
    west = shelf("west", mug=6)["mug"]
    keep(east, 2, "wholesale", overflow=False)
    keep(west, 2, "wholesale")
    order = make_order(line("mug", 9), channel="wholesale")

    route()

    assert placed(order) == [("EST", "mug", 2), ("WST", "mug", 6)]
    assert order.lines.get().backordered == 1
    assert broken() == []


def test_a_bundle_leaves_fences_alone(gift: Item) -> None:
    east = shelf("east", mug=6, shirt=3)
    fence = keep(east["mug"], 2, "wholesale")
    order = make_order(line("gift", 3), line("mug", 2), channel="wholesale")

    route()

    assert placed(order) == [("EST", "gift", 2), ("EST", "mug", 2)]
    fence.refresh_from_db()
    assert fence.units == 0
    assert broken() == []


def test_the_cart_of_an_order_keeps_its_units_for_it_alone() -> None:
    east = shelf("east", mug=5)["mug"]
    kept = cart(east, 4)
    stranger = make_order(line("mug", 2))
    order = make_order(line("mug", 4), cart="cart:abc")

    route()

    assert placed(stranger) == [("EST", "mug", 1)]
    assert placed(order) == [("EST", "mug", 4)]
    east.refresh_from_db()
    assert (east.reserved, east.soft) == (5, 0)
    assert Reservation.objects.get(pk=kept).state == "released"
    assert replays()
    assert broken() == []


def test_what_was_shared_out_to_an_order_is_its_own() -> None:
    east = shelf("east", mug=4)["mug"]
    order = make_order(line("mug", 4))
    (kept,) = reservations.reserve(
        [Promise(None, east.pk, 4, "supply:1", holder=f"order:{order.pk}")], actor=OLGA
    )

    assert route().routed == 1

    assert placed(order) == [("EST", "mug", 4)]
    assert Reservation.objects.get(pk=kept).state == "released"
    assert broken() == []


def test_a_cart_that_kept_more_than_was_ordered_frees_the_rest_for_those_who_wait() -> None:
    east = shelf("east", mug=5)["mug"]
    cart(east, 5)
    stranger = make_order(line("mug", 2))
    route()
    assert placed(stranger) == []
    timers.stop("route", [stranger.pk])
    order = make_order(line("mug", 3), cart="cart:abc")

    route()
    assert placed(order) == [("EST", "mug", 3)]
    wake_arrived()
    assert Timer.objects.filter(kind="route", subject_id=stranger.pk).exists()
    route()

    assert placed(stranger) == [("EST", "mug", 2)]
    assert broken() == []


def test_a_cart_that_cannot_be_served_keeps_its_units_until_it_runs_out() -> None:
    east = shelf("east", mug=5)["mug"]
    kept = cart(east, 5)
    make_order(line("mug", 3), cart="cart:abc")
    Order.objects.update(ship_country="NO")

    assert route().waiting == 1

    assert Reservation.objects.get(pk=kept).state == "pending"
    assert broken() == []


def test_a_cart_of_a_channel_kept_units_of_its_fence(gift: Item) -> None:
    east = shelf("east", mug=6)["mug"]
    fence = keep(east, 4, "wholesale", overflow=False)
    cart(east, 3, channel="wholesale")
    order = make_order(line("mug", 4), channel="wholesale", cart="cart:abc")

    route()

    assert placed(order) == [("EST", "mug", 4)]
    fence.refresh_from_db()
    assert fence.units == 0
    assert broken() == []


def test_a_cart_with_a_bundle_keeps_its_parts(gift: Item) -> None:
    east = shelf("east", mug=4, shirt=2)
    own = ledger.open_levels([(gift.store_id, gift.pk, make_location("east").pk)])
    reservations.reserve(
        [
            Promise(
                None,
                own[gift.pk, make_location("east").pk],
                2,
                "cart:abc",
                kind="soft",
                holder="cart:abc",
                expires_at=now() + timedelta(hours=1),
                parts=((east["mug"].pk, 2), (east["shirt"].pk, 1)),
            )
        ],
        actor=OLGA,
    )
    stranger = make_order(line("mug", 1))
    order = make_order(line("gift", 2), cart="cart:abc")

    route()

    assert placed(stranger) == []
    assert placed(order) == [("EST", "gift", 2)]
    assert [(v.reserved, v.soft) for v in refreshed(east).values()] == [(4, 0), (2, 0)]
    assert broken() == []


def test_units_kept_on_a_shelf_that_is_being_counted_wait_for_the_count() -> None:
    east = shelf("east", mug=5)["mug"]
    cart(east, 5)
    StockLevel.objects.update(frozen=True)
    order = make_order(line("mug", 3), cart="cart:abc")

    assert route().waiting == 1

    assert placed(order) == []
    assert broken() == []


def test_a_cart_on_a_shelf_that_lost_units_promises_what_is_left() -> None:
    east = shelf("east", mug=5)["mug"]
    cart(east, 5)
    ledger.post([Change(east.pk, "on_hand", -3, "count", "count:1")], actor=OLGA)
    order = make_order(line("mug", 5), cart="cart:abc")

    assert route().routed == 1

    assert placed(order) == [("EST", "mug", 2)]


def test_a_batch_without_bundles_fences_and_carts_looks_once_more_and_no_further(
    django_assert_num_queries: pytest.FixtureRequest,
) -> None:
    shelf("east", mug=5)
    order = make_order(line("mug", 2))
    wanted = facts.destinations([order.pk])
    mug, east = make_item("mug").pk, make_location("east").pk

    with django_assert_num_queries(2):  # type: ignore[operator]
        special = shelves.specials(order.store_id, wanted, [mug])
        stand = shelves.look(order.store_id, [mug], special)

    assert stand.free == {east: {mug: 5}}
