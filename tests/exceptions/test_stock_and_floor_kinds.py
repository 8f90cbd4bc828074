"""Kinds about goods: stock short, late on the floor, silent on the road."""

from datetime import timedelta

import pytest

from inventory.commands import Count, adjust, set_on_hand
from inventory.models import StockLevel
from oms.core import invariants
from oms.core.actor import SHOPIFY
from oms.exceptions.invariants import INVARIANTS
from oms.exceptions.sweep import sweep
from oms.fulfillment import commands
from oms.fulfillment.models import FulfillmentOrder, Parcel
from oms.shortages import settle_shortages
from tests.cast import OLGA, line, make_item, make_location, make_order, stock
from tests.exceptions.queue import in_words, open_case, proves_itself, swept
from tests.fulfillment.floor import packed, picking, released, routed, routed_order, shipped

pytestmark = pytest.mark.django_db


def counted(on_hand: int, *, cause: str = "count", document: str = "count:1") -> None:
    """Somebody counts East's mugs, and the rule takes what is missing."""
    mug, east = make_item("mug"), make_location("east")
    set_on_hand(
        store_id=mug.store_id,
        counts=[Count(mug.pk, east.pk, on_hand)],
        cause=cause,
        document=document,
        actor=SHOPIFY,
    )
    settle_shortages(100)


def test_a_count_below_what_is_packed_names_who_holds_the_units():
    stock(make_item("mug"), make_location("east"), 5)
    first, second, third = (routed(make_order(line("mug", n))) for n in (2, 2, 1))
    packed(first)
    packed(second)

    case = proves_itself("stock_short", cause=lambda: counted(3), cure=lambda: counted(5))

    assert in_words(case) == "East has 3 × Mug, 4 are picked or packed"
    assert (case.facts["missing"], case.facts["orders"]) == (1, 2)
    assert [row[:2] for row in case.facts["holding"]] == [[second.name, 2], [first.name, 2]]
    assert (case.facts["cause"], case.facts["document"]) == ("count", "count:1")
    assert third.name not in str(case.facts)
    assert (case.order_id, case.at_stake) == (None, 10)


def test_what_the_rule_can_settle_is_no_exception():
    routed_order(quantity=2, on_hand=2)

    counted(1)

    assert swept("stock_short").found == 0
    assert invariants.check(INVARIANTS)[0].count == 0


def test_one_order_that_holds_the_units_is_the_order_of_the_row():
    order = routed_order(quantity=2, on_hand=2)
    packed(order)
    counted(1)

    swept("stock_short")

    case = open_case("stock_short")
    assert (case.order_id, case.facts["missing"]) == (order.pk, 1)
    assert in_words(case) == "East has 1 × Mug, 2 are picked or packed"


def test_stock_sold_below_zero_with_nothing_promised_is_shown_with_the_sale_that_crossed_it():
    stock(make_item("mug"), make_location("east"), 1)
    first, second, third = (make_order(line("mug")) for _ in range(3))
    for sold, left in ((first, 0), (second, -1), (third, -2)):
        counted(left, cause="sale", document=f"order:{sold.pk}")

    swept("stock_short")

    case = open_case("stock_short")
    assert (case.facts["missing"], case.facts["holding"]) == (2, [])
    assert (case.facts["cause"], case.facts["crossed_by"]) == ("sale", second.name)
    assert in_words(case) == f"East is 2 short of Mug since {second.name} was sold"


def test_stock_below_zero_for_another_reason_is_shown_too():
    counted(-1)

    swept("stock_short")

    assert in_words(open_case("stock_short")) == "East is 1 short of Mug"


def test_a_growing_shortage_refreshes_the_facts_of_the_same_case():
    packed(routed_order(quantity=5, on_hand=5))
    counted(4)
    swept("stock_short")
    case = open_case("stock_short")
    assert invariants.check(INVARIANTS)[0].count == 0

    counted(2)
    assert invariants.check(INVARIANTS)[0].count == 1
    result = swept("stock_short")

    assert (result.opened, result.refreshed, result.closed) == (0, 1, 0)
    assert open_case("stock_short").pk == case.pk
    assert open_case("stock_short").facts["missing"] == 3
    assert open_case("stock_short").seen_at > case.seen_at
    assert invariants.check(INVARIANTS)[0].count == 0


def test_a_shortage_that_the_rule_does_not_settle_is_shown_after_a_minute():
    order = routed_order(quantity=2, on_hand=2)
    adjust(level_id=StockLevel.objects.get().pk, delta=-1, reason="broken", actor=OLGA)
    assert swept("stock_short").found == 0
    assert invariants.check(INVARIANTS)[0].count == 0

    swept("stock_short", timedelta(minutes=2))

    case = open_case("stock_short")
    assert in_words(case) == "East has 1 × Mug, 2 are promised"
    assert (case.order_id, case.facts["settled"]) == (order.pk, False)


DAY = timedelta(hours=25)


def test_released_work_that_nobody_picks_is_late_after_a_day():
    order = routed_order(quantity=2)

    case = proves_itself(
        "work_late",
        cause=lambda: released(order),
        cure=lambda: FulfillmentOrder.objects.update(state="planned"),
        again=lambda: FulfillmentOrder.objects.update(state="released"),
        later=DAY,
    )

    work = FulfillmentOrder.objects.get()
    assert in_words(case).startswith(f"East has not picked {work.code} since ")
    assert (case.order_id, case.at_stake, swept("work_late").found) == (order.pk, 20, 0)


def test_work_half_picked_says_how_far_it_came():
    work = picking(routed_order(quantity=2))
    commands.pick(work_line_id=work.lines.get().pk, quantity=1, actor=OLGA)

    swept("work_late", DAY)

    assert in_words(open_case("work_late")).startswith(f"East picked 1 of 2 for {work.code} since")


def test_a_label_never_handed_over_is_shown_after_three_days():
    order = routed_order()

    case = proves_itself(
        "parcel_silent",
        cause=lambda: shipped(order),
        cure=lambda: Parcel.objects.update(state="delivered"),
        again=lambda: Parcel.objects.update(state="labelled"),
        later=timedelta(days=3, minutes=1),
    )

    assert in_words(case).startswith("Label made ")
    assert "parcel never handed to" in in_words(case)
    assert (case.order_id, case.at_stake) == (order.pk, 10)


def test_every_kind_can_be_checked_on_an_empty_queue():
    assert [kind for kind, result in sweep().items() if result.error or result.found] == []
