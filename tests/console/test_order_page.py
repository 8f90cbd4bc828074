"""The order page: the answer first, the evidence, what each role may do, and nothing else."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext

from oms.core.actor import SHOPIFY
from oms.core.models import OutboxIntent, Store
from oms.fulfillment import commands
from oms.fulfillment.models import Parcel
from oms.orders import holds
from oms.orders.models import Event, Hold, Order
from returns.models import RMA, Refund
from routing.models import Decision
from tests.cast import (
    NOON,
    OLGA,
    line,
    make_item,
    make_location,
    make_order,
    make_user,
    stock,
)
from tests.console.people import signed_in, words_of
from tests.fulfillment.floor import routed, routed_order, shipped
from tests.returns.goods import approved_refund, inspected

pytestmark = pytest.mark.django_db

EVIL = '\u202e<script>alert("x")</script>\u200b=cmd|calc ' + "x" * 200


def page_of(order: Order, role: str = "support", query: str = ""):
    return signed_in(role).get(f"/orders/{order.pk}/{query}")


def part_shipped() -> Order:
    """Two mugs left East yesterday, one shirt has no stock; West and Soho lost."""
    make_item("shirt")
    make_location("west", ships_to=["CA"])
    make_location("soho_store")
    stock(make_item("mug"), make_location("east"), 10)
    order = routed(make_order(line("mug", 2), line("shirt", 1)))
    shipped(order, "1Z999")
    return order


def test_the_first_line_answers_where_the_units_are():
    words = words_of(page_of(part_shipped()))
    assert re.search(
        r"2 of 3 units left East today; 1 waits since .*: no free stock \(Shirt\)", words
    )


@pytest.mark.parametrize("role", ["ops", "support", "finance", "admin"])
def test_every_role_can_read_an_order(role):
    response = page_of(part_shipped(), role)
    assert response.status_code == 200
    assert "default-src 'self'" in response["Content-Security-Policy"]


def test_each_losing_place_has_its_reason_and_what_would_change_it():
    words = words_of(page_of(part_shipped()))
    assert "Why East" in words
    assert "West Does not ship to US location filter" in words
    assert "Soho store Nothing free" in words
    assert "Add US to the countries that West ships to." in words


def test_the_map_has_the_way_from_the_place_to_the_customer():
    html = page_of(part_shipped()).content.decode()
    assert 'class="way ships"' in html
    assert "East: 2 sent" in html


def test_the_seven_buckets_stand_with_their_zeros():
    html = page_of(part_shipped()).content.decode()
    found = re.findall(r'<dt>(\w+)</dt><dd class="mid">([\d,]+)</dd>', html)
    assert found == [
        ("Open", "0"),
        ("Reserved", "0"),
        ("Backordered", "1"),
        ("Released", "0"),
        ("Shipped", "2"),
        ("Cancelled", "0"),
        ("Returned", "0"),
    ]


def test_money_stands_in_two_columns_with_their_difference():
    words = words_of(page_of(part_shipped()))
    assert "Items $30.00 Delivery $5.00 Total $35.00" in words
    assert "Paid, bogus $35.00 Total $35.00" in words
    assert "Difference $0.00" in words


def test_an_unpaid_order_says_what_is_missing():
    words = words_of(page_of(make_order(paid=False)))
    assert "$15.00 is not paid yet." in words
    assert "Difference not paid yet +$15.00" in words


def test_a_parcel_shows_its_last_scan():
    order = part_shipped()
    parcel = Parcel.objects.get()
    commands.record_scan(
        parcel_id=parcel.pk,
        state="in_transit",
        at=NOON,
        remote_id="scan-1",
        actor=SHOPIFY,
        place="Newark hub",
    )
    words = words_of(page_of(order))
    assert "Parcel 1 · 2 × Mug" in words
    assert "UPS 1Z999" in words
    assert "on the road, Newark hub" in words


def test_a_tracking_address_that_is_no_web_page_is_not_a_link():
    order = part_shipped()
    Parcel.objects.update(tracking_url="javascript:alert(1)")
    assert "javascript:" not in page_of(order).content.decode()


def test_the_number_of_queries_is_fixed():
    make_user("olga", "ops")
    east = make_location("east")
    make_location("west")
    small = routed_order("mug", 2)
    shipped(small)
    for number in range(300):
        stock(make_item(f"bulk-{number}"), east, 10)
    large = routed(make_order(*[line(f"bulk-{number}") for number in range(300)]))
    shipped(large)

    client = signed_in("ops")
    counts = []
    for order in (small, large):
        with CaptureQueriesContext(connection) as queries:
            assert client.get(f"/orders/{order.pk}/").status_code == 200
        counts.append(len(queries))

    assert counts[0] == counts[1]
    assert counts[0] <= 38


def test_an_order_of_300_lines_is_folded_by_place():
    east = make_location("east")
    for number in range(60):
        stock(make_item(f"bulk-{number}"), east, 10)
    make_item("rare")
    order = routed(make_order(*[line(f"bulk-{number}") for number in range(60)], line("rare", 4)))
    words = words_of(page_of(order))
    assert "60 units on 60 lines · $600.00" in words
    assert "4 units on 1 lines" not in words
    assert "4 units on 1 line ·" in words


def test_hostile_text_is_shown_as_text_and_cut():
    make_item("mug")
    order = make_order(line("mug", title=EVIL), name="#<b>1</b>", note=EVIL, tags=[EVIL])
    Order.objects.filter(pk=order.pk).update(ship_name=EVIL, ship_city=EVIL, ship_address1=EVIL)
    holds.place(order_id=order.pk, kind="manual", reason=EVIL, actor=OLGA)
    html = page_of(order).content.decode()
    assert "<script>alert" not in html
    assert "<b>1</b>" not in html.replace("&lt;b&gt;1&lt;/b&gt;", "")
    body = re.sub(r'(title|data-copy|value)="[^"]*"', "", html)
    assert "\u202e" not in body
    assert "x" * 201 not in body


def test_an_order_without_lines_and_without_anything_opens():
    order = make_order()
    Order.objects.filter(pk=order.pk).update(
        ship_name="", ship_city="", ship_country="", ship_latitude=None, ship_longitude=None
    )
    response = page_of(order)
    assert response.status_code == 200
    assert "not routed yet" in words_of(response)


def test_an_older_decision_can_be_read():
    order = part_shipped()
    stock(make_item("shirt"), make_location("soho_store"), 5)
    routed(order)
    older, newest = Decision.objects.filter(order=order).order_by("pk")
    assert "Why Soho store" in words_of(page_of(order))
    assert "Why East" in words_of(page_of(order, query=f"?decision={older.pk}"))
    assert "Why Soho store" in words_of(page_of(order, query="?decision=999999999999999999"))
    assert "Decided 2 times" in words_of(page_of(order, query=f"?decision={newest.pk}"))


def test_unknown_and_foreign_orders_are_not_found():
    client = signed_in("support")
    order = make_order()
    other = Store.objects.create(handle="zeta", name="Zeta", currency="USD")
    foreign = make_order(store=other)
    assert client.get(f"/orders/{order.pk}/").status_code == 200
    assert client.get(f"/orders/{foreign.pk}/").status_code == 404
    assert client.get("/orders/999999999999999999999999/").status_code == 404


def test_without_a_login_the_page_asks_for_one(client):
    response = client.get(f"/orders/{make_order().pk}/")
    assert response.status_code == 302
    assert "/login/" in response["Location"]


# What people do from it.


def test_what_a_role_may_not_do_is_locked_with_whom_to_ask():
    make_user("olga", "ops")
    words = words_of(page_of(part_shipped(), "support"))
    assert re.search(r"Try routing again (admin or )?ops; ask Olga", words)


def test_a_hold_is_placed_and_released():
    order = make_order()
    client = signed_in("support")
    response = client.post(f"/orders/{order.pk}/hold/", {"reason": "flat number missing"})
    assert response.status_code == 302
    hold = Hold.objects.get()
    assert (hold.reason, hold.placed_by) == ("flat number missing", "user:Sam")
    assert "Held since" in words_of(client.get(f"/orders/{order.pk}/"))

    client.post(f"/orders/{order.pk}/holds/{hold.pk}/release/")
    hold.refresh_from_db()
    assert hold.released_by == "user:Sam"


def test_a_double_click_places_one_hold():
    order = make_order()
    client = signed_in("support")
    for _ in range(2):
        client.post(f"/orders/{order.pk}/hold/", {"reason": "flat number missing"})
    assert Hold.objects.count() == 1


def test_a_hold_without_a_reason_is_refused_beside_its_button():
    order = make_order()
    response = signed_in("support").post(f"/orders/{order.pk}/hold/", {"reason": " \x00 "})
    assert response.status_code == 409
    assert "Say why the order is held" in words_of(response)
    assert not Hold.objects.exists()


def test_a_role_without_the_right_changes_nothing():
    order = make_order()
    response = signed_in("finance").post(f"/orders/{order.pk}/hold/", {"reason": "no"})
    assert response.status_code == 403
    assert not Hold.objects.exists()
    assert signed_in("support").post(f"/orders/{order.pk}/route/").status_code == 403
    assert not Event.objects.filter(kind="routing.asked").exists()


def test_actions_are_not_done_by_reading_an_address():
    order = make_order()
    client = signed_in("ops")
    for path in ("hold", "route", "returns", "refunds"):
        assert client.get(f"/orders/{order.pk}/{path}/").status_code == 405


def test_routing_is_asked_once_for_one_form():
    order = part_shipped()
    client = signed_in("ops")
    for _ in range(2):
        client.post(f"/orders/{order.pk}/route/", {"action_key": "abc123"})
    assert Event.objects.filter(order=order, kind="routing.asked").count() == 1


def test_a_hold_of_another_order_cannot_be_released_from_here():
    order, other = make_order(), make_order()
    hold = holds.place(order_id=other.pk, kind="manual", reason="call back", actor=OLGA)
    response = signed_in("ops").post(f"/orders/{order.pk}/holds/{hold.pk}/release/")
    assert response.status_code == 404
    hold.refresh_from_db()
    assert hold.released_at is None


def test_a_return_is_opened_once_for_one_form():
    order = part_shipped()
    mug = order.lines.get(sku="mug")
    client = signed_in("support")
    form = {f"units-{mug.pk}": "1", "reason": "too big", "action_key": "abc123"}
    first = client.post(f"/orders/{order.pk}/returns/", form)
    again = client.post(f"/orders/{order.pk}/returns/", form)
    rma = RMA.objects.get()
    assert first["Location"] == again["Location"] == f"/returns/{rma.pk}/"
    assert [(row.line_id, row.quantity, row.reason) for row in rma.lines.all()] == [
        (mug.pk, 1, "too big")
    ]


@pytest.mark.parametrize("units", ["3", "-1", "1.5", "many", "9999999", ""])
def test_a_return_of_impossible_units_is_refused(units):
    order = part_shipped()
    form = {f"units-{order.lines.get(sku='mug').pk}": units}
    response = signed_in("support").post(f"/orders/{order.pk}/returns/", form)
    assert response.status_code == 409
    assert 'class="refusal"' in response.content.decode()
    assert not RMA.objects.exists()


def test_goodwill_is_proposed_and_nothing_is_sent():
    order = make_order()
    form = {"amount": "2.50", "reason": "late", "action_key": "k1"}
    client = signed_in("support")
    for _ in range(2):
        client.post(f"/orders/{order.pk}/refunds/", form)
    refund = Refund.objects.get()
    assert (str(refund.owed), refund.state, refund.origin) == ("2.5000", "proposed", "goodwill")
    assert not OutboxIntent.objects.filter(topic="refund.create").exists()


@pytest.mark.parametrize("amount", ["NaN", "-1", "1e99", "12,34,5x", "15.01", "0", "0.001"])
def test_an_impossible_refund_is_refused(amount):
    order = make_order()
    response = signed_in("support").post(
        f"/orders/{order.pk}/refunds/", {"amount": amount, "reason": "late"}
    )
    assert response.status_code == 409
    assert not Refund.objects.exists()


def test_write_backs_show_request_and_answer_to_those_who_may():
    order = part_shipped()
    OutboxIntent.objects.filter(order_id=order.pk, topic="fulfillment.create").update(
        state="rejected", reason="closed", request={"query": "<b>"}, answer={"errors": ["closed"]}
    )
    assert "Told to Shopify" not in words_of(page_of(order, "support"))
    words = words_of(page_of(order, "ops"))
    assert "refused, see reason: closed" in words
    assert "Send it again" in words


def test_a_refused_write_back_is_sent_again_from_its_own_order_only():
    order, other = part_shipped(), make_order()
    intent = OutboxIntent.objects.filter(order_id=order.pk).first()
    OutboxIntent.objects.filter(pk=intent.pk).update(state="rejected")
    client = signed_in("ops")
    assert client.post(f"/orders/{other.pk}/writes/{intent.pk}/again/").status_code == 404
    client.post(f"/orders/{order.pk}/writes/{intent.pk}/again/")
    intent.refresh_from_db()
    assert intent.state == "unknown"
    again = client.post(f"/orders/{order.pk}/writes/{intent.pk}/again/")
    assert again.status_code == 409
    assert "no longer refused" in words_of(again)


def test_returns_and_refunds_of_the_order_are_listed():
    order = routed_order("mug", 3)
    shipped(order)
    refund = approved_refund(order)
    rma = inspected(order)
    words = words_of(page_of(order))
    assert "2 returns, 1 refund" in words
    assert rma.number in words
    assert refund.get_state_display() in words


def test_the_timeline_is_newest_first_with_who_did_it():
    words = words_of(page_of(part_shipped()))
    assert words.index("left East") < words.index("Placed #")
    assert "Olga Ops" in words


def test_a_long_timeline_says_that_it_is_cut():
    order = make_order()
    Event.objects.bulk_create(
        Event(
            store_id=order.store_id,
            order=order,
            kind="routing.asked",
            actor="user:Olga",
            at=NOON + timedelta(seconds=number),
        )
        for number in range(230)
    )
    assert "200 events, the newest" in words_of(page_of(order))


def test_people_without_a_role_read_but_cannot_act():
    make_user("olga", "ops")
    user = get_user_model().objects.create(username="nobody", is_staff=True)
    from django.test import Client

    client = Client()
    client.force_login(user)
    order = make_order()
    assert client.get(f"/orders/{order.pk}/").status_code == 200
    assert client.post(f"/orders/{order.pk}/hold/", {"reason": "x"}).status_code == 403
    assert not Hold.objects.exists()
