"""The find box: any identifier leads to its order; several are listed; none says what to try."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from oms.console.find import Question
from oms.fulfillment.models import FulfillmentOrder
from oms.orders.models import Customer, Order
from tests.cast import make_item, make_order, make_store
from tests.console.people import signed_in, words_of
from tests.fulfillment.floor import routed_order, shipped, work_of
from tests.returns.goods import requested


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("#81614", {"number": "81614"}),
        ("81614", {"number": "81614"}),
        ("  81614\u200b ", {"number": "81614"}),
        ("Hannah@Example.com", {"email": "hannah@example.com"}),
        ("<mailto:a@b.c>", {"email": "a@b.c"}),
        ("+44 7700 900123", {"phone": "700900123"}),
        ("07700900123", {"phone": "700900123", "remote_id": 7700900123}),
        ("(020) 7946-0958", {"phone": "079460958"}),
        ("Whitfield", {"name": "Whitfield"}),
        ("wh", {"name": ""}),
        ("gid://shopify/Order/450789469", {"remote_type": "Order", "remote_id": 450789469}),
        (
            "https://admin.shopify.com/store/x/orders/450789469?a=1",
            {"remote_type": "Order", "remote_id": 450789469},
        ),
        ("", {"number": "", "name": ""}),
        ("\x00\x00", {"number": "", "text": ""}),
        ("=cmd|calc", {"number": "=cmd|calc"}),
    ],
)
def test_the_shape_of_the_text_says_what_it_may_be(text, shape):
    question = Question.of(text)
    assert {name: getattr(question, name) for name in shape} == shape


def test_a_tracking_number_is_tried_as_labels_print_it():
    code = Question.of("kp 4410 2287 1gb").code
    assert "KP441022871GB" in code


def find(text: str, role: str = "support"):
    return signed_in(role).get("/find/", {"q": text})


def goes_to(response) -> str:
    assert response.status_code == 302, words_of(response)
    return response["Location"]


@pytest.fixture
def order(db) -> Order:
    order = routed_order("mug", 3)
    shipped(order, "KP441022871GB")
    Order.objects.filter(pk=order.pk).update(
        name="#81614", phone="+44 7700 900123", email="Hannah@Example.com", ship_name="Hannah Whit"
    )
    FulfillmentOrder.objects.update(remote_id=7000001)
    order.refresh_from_db()
    other = make_order()
    Order.objects.filter(pk=other.pk).update(name="#70001", email="x@example.com")
    return order


@pytest.mark.parametrize(
    "text",
    [
        "#81614",
        "81614",
        "816",
        "614",
        "hannah@example.com",
        "07700 900123",
        "+447700900123",
        "KP441022871GB",
        "kp 4410 2287 1gb",
        "Whit",
        "hannah w",
    ],
)
def test_one_hit_goes_straight_to_the_order(order, text):
    assert goes_to(find(text)) == f"/orders/{order.pk}/"


def test_work_shopify_ids_and_returns_lead_to_their_page(order):
    rma = requested(order)
    page = f"/orders/{order.pk}/"
    assert goes_to(find(work_of(order).code.lower())) == page
    assert goes_to(find(f"gid://shopify/Order/{order.remote_id}")) == page
    assert goes_to(find("gid://shopify/FulfillmentOrder/7000001")) == page
    assert goes_to(find("7000001")) == page
    assert goes_to(find(rma.number.lower())) == f"/returns/{rma.pk}/"


def test_a_sku_leads_to_the_orders_that_carry_it(order):
    make_item("shirt")
    assert goes_to(find("mug")) == "/orders/?sku=mug"


def test_a_sku_with_signs_of_an_address_keeps_them(db):
    make_item("A/B+C #1")
    assert goes_to(find("A/B+C #1")) == "/orders/?sku=A%2FB%2BC+%231"


def test_the_phone_of_the_customer_counts_for_orders_without_one(order):
    customer = Customer.objects.create(
        store=order.store, remote_id=1, name="Hannah", phone="07946 0958123"
    )
    Order.objects.filter(pk=order.pk).update(phone="", customer=customer)
    assert goes_to(find("+44 79460 958123")) == f"/orders/{order.pk}/"


def test_an_exact_number_wins_over_longer_ones(order):
    longer = make_order()
    Order.objects.filter(pk=longer.pk).update(name="#816140")
    assert goes_to(find("81614")) == f"/orders/{order.pk}/"


def test_several_hits_are_grouped_by_the_reason_of_the_match(order):
    second = make_order()
    Order.objects.filter(pk=second.pk).update(email="hannah@example.com", name="#81615")
    words = words_of(find("hannah@example.com"))
    assert "E-mail 2" in words
    assert "#81614" in words
    assert "#81615" in words
    assert "Shipped" in words


def test_nothing_found_says_what_was_searched_and_what_to_try(order):
    words = words_of(find("zzzz"))
    assert "Nothing is known by “ zzzz ”" in words
    assert "Searched: order number, tracking number" in words
    assert "What to try" in words


def test_an_empty_box_asks_what_is_wanted(order):
    assert "What are you looking for?" in words_of(find("  "))


@pytest.mark.parametrize(
    "text",
    ["%", "_", "\\", "'", '"', "\x00", "a" * 5000, "9" * 300, "gid://shopify/Order/" + "9" * 40,
     "=cmd|'/c calc'!A0", "<script>alert(1)</script>", "ಠ_ಠ", "\u202eabc", "(((", "@", "#"],
)  # fmt: skip
def test_odd_text_finds_nothing_and_breaks_nothing(order, text):
    response = find(text)
    assert response.status_code == 200
    assert "<script>alert" not in response.content.decode()


def test_orders_of_another_store_are_not_found(order):
    foreign = make_store("zeta")
    theirs = make_order(store=foreign)
    Order.objects.filter(pk=theirs.pk).update(name="#99999")
    assert "Nothing is known by" in words_of(find("99999"))


def test_the_number_of_queries_does_not_grow_with_the_hits(order):
    make_item("mug")
    client = signed_in("support")
    counts = []
    for _ in range(2):
        for _ in range(4):
            make_order()
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/find/", {"q": "cora"}).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert counts[0] <= 20


def test_without_a_store_the_box_says_so(db):
    assert "No store is connected yet" in words_of(find("81614"))


def test_finding_asks_for_a_login(client, db):
    assert "/login/" in client.get("/find/?q=1")["Location"]
