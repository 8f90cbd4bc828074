"""The sentence of the order page, one case after the other, word for word."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from oms.orders.answer import Duty, Facts, Held, Line, Promised, Sent, Waits, Work, answer

NOW = datetime(2026, 11, 20, 14, 32, tzinfo=UTC)
LONDON = ZoneInfo("Europe/London")
MUG = Line(1, "Stoneware mug", sku="MUG")


def facts(*lines: Line, **more) -> Facts:
    return Facts(now=NOW, zone=LONDON, lines=lines, **more)


def line(position: int = 1, title: str = "Shirt", **buckets) -> Line:
    return Line(position, title, **buckets)


def ago(**delta) -> datetime:
    return NOW - timedelta(**delta)


def test_an_order_that_just_came_in_is_about_to_be_routed():
    assert answer(facts(line(open=3))) == (
        "All 3 units are about to be routed. Nothing for you to do."
    )


def test_units_of_a_till_were_sold_over_the_counter_and_the_rest_is_sent_home():
    assert answer(facts(line(shipped=2), at_till=True)) == (
        "All 2 units were sold over the counter. Nothing for you to do."
    )
    text = answer(
        facts(line(shipped=1, reserved=1), works=[Work("Leeds", "planned", 1)], at_till=True)
    )
    assert text.startswith("1 of 2 units was sold over the counter; 1 is reserved at Leeds")


def test_a_single_unit_is_called_the_only_one():
    assert answer(facts(line(open=1))) == (
        "The only unit is about to be routed. Nothing for you to do."
    )


def test_a_held_order_says_since_when_and_why():
    held = Held("flat number missing", ago(days=2))
    assert answer(facts(line(open=3), holds=[held])) == (
        "Held since Wed 18 Nov 14:32: flat number missing; all 3 units are not routed yet. "
        "It goes on when the hold is released."
    )


def test_two_holds_are_both_named_with_the_older_date():
    holds = [Held("flat number missing", ago(hours=1)), Held("card name differs", ago(hours=2))]
    assert answer(facts(line(open=1), holds=holds)).startswith(
        "Held since today 12:32: flat number missing and card name differs; the only unit is"
    )


def test_a_hold_on_units_that_are_reserved_already():
    text = answer(
        facts(
            line(reserved=2),
            holds=[Held("risk", ago(minutes=2))],
            works=[Work("Leeds", "planned", 2)],
        )
    )
    assert text == (
        "Held since today 14:30: risk; all 2 units are reserved at Leeds. "
        "It goes on when the hold is released."
    )


def test_no_item_for_a_sku_is_said_with_the_sku():
    assert answer(facts(line(open=1, known=False, sku="MUG-OLD-04"))) == (
        "Line 1 has SKU MUG-OLD-04, and no item carries it. Nothing for you to do."
    )


def test_a_line_without_a_sku_is_said_so():
    text = answer(facts(line(open=2, known=False), line(2, open=1, known=False)))
    assert text.startswith("Line 1 has no SKU (1 more line). ")


def test_known_lines_wait_for_the_unknown_one():
    text = answer(facts(line(open=1, known=False, sku="X"), line(2, open=2)))
    assert text.startswith(
        "Line 1 has SKU X, and no item carries it; 2 of 3 units wait for that line."
    )


def test_units_without_stock_say_what_they_wait_for_and_since_when():
    waits = Waits(ago(days=2), "no free stock")
    assert answer(facts(line(backordered=2), waits=waits)) == (
        "All 2 units wait since Wed 18 Nov: no free stock. Nothing for you to do."
    )


def test_a_wait_without_a_reason_is_for_stock():
    assert answer(facts(line(backordered=2), waits=Waits(ago(days=2)))) == (
        "All 2 units wait for stock since Wed 18 Nov. Nothing for you to do."
    )


def test_without_a_timer_units_wait_for_stock():
    assert answer(facts(line(backordered=1))) == (
        "The only unit waits for stock. Nothing for you to do."
    )


def test_open_units_that_were_planned_in_vain_say_why():
    waits = Waits(ago(days=2), "no open location ships to JP")
    assert answer(facts(line(open=2), waits=waits)).startswith(
        "All 2 units wait since Wed 18 Nov: no open location ships to JP."
    )


def test_reserved_units_say_where_and_when_picking_starts():
    due = NOW + timedelta(minutes=28)
    assert answer(facts(line(reserved=3), works=[Work("Leeds", "planned", 3, due)])) == (
        "All 3 units are reserved at Leeds, picking starts 15:00. Nothing for you to do."
    )


def test_a_start_that_has_passed_is_not_promised():
    text = answer(facts(line(reserved=3), works=[Work("Leeds", "planned", 3, ago(minutes=5))]))
    assert text.startswith("All 3 units are reserved at Leeds. ")


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("released", "wait to be picked at Leeds"),
        ("picking", "are being picked at Leeds"),
        ("packed", "are packed at Leeds"),
    ],
)
def test_units_on_the_floor_say_how_far_they_are(state, words):
    text = answer(facts(line(released=3), works=[Work("Leeds", state, 3)]))
    assert text == f"All 3 units {words}. Nothing for you to do."


def test_two_pieces_of_work_in_one_state_at_one_place_are_one_number():
    works = [Work("Leeds", "picking", 1), Work("Leeds", "picking", 2), Work("York", "packed", 1)]
    assert answer(facts(line(released=4), works=works)).startswith(
        "3 of 4 units are being picked at Leeds; 1 is packed at York."
    )


def test_part_shipped_and_the_rest_waits():
    text = answer(
        facts(
            line(1, "Linen throw", shipped=2),
            line(2, "Stoneware mug", backordered=1),
            sent=[Sent("Leeds", 2, ago(days=1))],
            waits=Waits(ago(days=2), "no free stock"),
        )
    )
    assert text == (
        "2 of 3 units left Leeds yesterday; 1 waits since Wed 18 Nov: no free stock "
        "(Stoneware mug). Nothing for you to do."
    )


def test_two_parcels_of_one_place_and_day_are_one_clause():
    sent = [Sent("Leeds", 1, ago(days=2, hours=3)), Sent("Leeds", 2, ago(days=2))]
    assert answer(facts(line(shipped=3), sent=sent)).startswith(
        "All 3 units left Leeds Wed 18 Nov."
    )


def test_days_are_those_of_the_shop():
    late = datetime(2026, 7, 19, 23, 30, tzinfo=UTC)  # half past midnight on the 20th in London
    text = answer(
        Facts(
            now=datetime(2026, 7, 20, 8, 0, tzinfo=UTC),
            zone=LONDON,
            lines=[line(shipped=1)],
            sent=[Sent("Leeds", 1, late)],
        )
    )
    assert text.startswith("The only unit left Leeds today.")


def test_delivered_units_say_the_day():
    sent = [Sent("Leeds", 2, ago(days=3), "delivered", ago(days=1))]
    assert answer(facts(line(shipped=2), sent=sent)) == (
        "All 2 units were delivered yesterday. Nothing for you to do."
    )


def test_one_parcel_delivered_and_one_on_the_road():
    sent = [
        Sent("Leeds", 2, ago(days=3), "delivered", ago(days=1)),
        Sent("Reading", 1, ago(days=1), "in_transit", ago(hours=9)),
    ]
    assert answer(facts(line(shipped=3), sent=sent)).startswith(
        "2 of 3 units were delivered yesterday; 1 left Reading yesterday."
    )


def test_a_parcel_out_for_delivery_failed_or_coming_back():
    sent = [
        Sent("Leeds", 1, ago(days=3), "out_for_delivery", ago(hours=6)),
        Sent("Leeds", 1, ago(days=3), "failed", ago(days=1)),
        Sent("Leeds", 1, ago(days=3), "returning", ago(days=1)),
    ]
    assert answer(facts(line(shipped=3), sent=sent)).startswith(
        "1 of 3 units is out for delivery today; 1 could not be delivered yesterday; "
        "1 is coming back to Leeds."
    )


def test_units_fulfilled_elsewhere_are_not_forgotten():
    assert answer(facts(line(shipped=2))).startswith(
        "All 2 units were sent without a tracking number."
    )


def test_more_parcels_than_a_listener_can_hold_are_summed_up():
    sent = [Sent(place, 1, ago(days=1)) for place in ("Bath", "Leeds", "Reading", "Rye", "York")]
    assert answer(facts(line(shipped=5), sent=sent)).startswith(
        "1 of 5 units left Bath yesterday; 1 left Leeds yesterday; 1 left Reading yesterday; "
        "2 more in other parcels."
    )


def test_a_cancelled_order_says_that_nothing_was_sent():
    assert answer(facts(line(cancelled=3), cancelled_at=ago(days=2))) == (
        "All 3 units were cancelled Wed 18 Nov; nothing was sent. Nothing for you to do."
    )


def test_a_unit_cancelled_after_the_others_left():
    text = answer(facts(line(shipped=2, cancelled=1), sent=[Sent("Leeds", 2, ago(days=1))]))
    assert text.startswith("2 of 3 units left Leeds yesterday; 1 was cancelled. ")


def test_returned_units_were_sent_before_they_came_back():
    sent = [Sent("Leeds", 3, ago(days=9), "delivered", ago(days=8))]
    assert answer(facts(line(shipped=2, returned=1), sent=sent)).startswith(
        "All 3 units were delivered Thu 12 Nov; 1 came back."
    )


def test_a_single_unit_is_called_it_the_second_time():
    sent = [Sent("Leeds", 1, ago(days=9), "delivered", ago(days=8))]
    assert answer(facts(line(returned=1), sent=sent)).startswith(
        "The only unit was delivered Thu 12 Nov; it came back."
    )


def test_money_still_owed_to_the_customer_is_said():
    text = answer(facts(line(cancelled=1), owed=Decimal(0), moved=Decimal("18")))
    assert text == (
        "The only unit was cancelled; nothing was sent. £18.00 is still to be paid back."
    )


def test_money_not_paid_yet_is_said():
    text = answer(facts(line(open=1), owed=Decimal("114.95"), moved=Decimal(0)))
    assert text == "The only unit is about to be routed. £114.95 is not paid yet."


def test_an_open_exception_names_who_must_act_and_by_when():
    duties = [Duty(NOW + timedelta(hours=1), "Sam Okafor"), Duty(NOW + timedelta(days=1), "Mei")]
    assert answer(facts(line(backordered=1), duties=duties)).endswith(
        "Sam Okafor must act by 15:32."
    )


def test_an_overdue_exception_without_an_owner_names_the_team():
    assert answer(facts(line(open=1), duties=[Duty(ago(hours=1), team="ops")])).endswith(
        "Ops should have acted by 13:32."
    )


def test_an_order_of_gift_cards_has_nothing_to_send():
    assert answer(facts(line(open=1, ships=False))) == (
        "Nothing here is sent in a parcel: 1 unit of services or gift cards. Nothing for you to do."
    )


def test_gift_cards_do_not_count_as_units_to_send():
    text = answer(
        facts(line(shipped=1), line(2, open=1, ships=False), sent=[Sent("Leeds", 1, ago(days=1))])
    )
    assert text.startswith("The only unit left Leeds yesterday. ")


def test_an_order_without_lines_says_so():
    assert answer(facts()) == "This order has no lines. Nothing for you to do."


def test_hostile_names_stay_on_their_line_and_in_their_direction():
    evil = "\u202eevil\n<script>alert(1)</script>" + "x" * 200
    text = answer(
        facts(line(1, evil, backordered=1), line(2, "שלום", shipped=1), holds=[Held(evil, NOW)])
    )
    assert "\u202e" not in text
    assert "\n" not in text
    assert len(text) < 300


def test_right_to_left_names_are_isolated():
    text = answer(facts(line(1, "قدح", backordered=1), line(2, "Mug", backordered=0, open=1)))
    assert "(\u2068قدح\u2069)" in text


def test_thousands_are_separated():
    assert answer(facts(line(open=12000))).startswith("All 12,000 units are about to be routed.")


def test_units_promised_from_a_dated_supply_have_a_day_and_the_others_wait():
    soon = NOW.date() + timedelta(days=7)
    text = answer(
        facts(
            line(backordered=5),
            promised=[Promised(2, soon), Promised(1, soon), Promised(1, NOW.date())],
        )
    )
    on = f"{soon:%a} {soon.day} {soon:%b}"
    assert text.startswith(
        "1 of 5 units is promised for today, when new stock is due;"
        f" 3 are promised for {on}, when new stock is due; 1 waits for stock."
    )


def test_all_units_promised_for_a_day_leave_nothing_waiting_without_one():
    text = answer(facts(line(backordered=1), promised=[Promised(1, NOW.date() + timedelta(1))]))
    assert text.startswith("The only unit is promised for tomorrow, when new stock is due.")
