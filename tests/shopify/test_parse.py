"""Bodies become snapshots, or are refused with a reason that a person can read."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from oms.core.errors import BadPayload
from oms.orders.snapshots import OrderSnapshot
from oms.shopify import parse, parse_goods
from tests.shopify.samples import order_with, order_with_raw_quantity, sample, samples

PARSERS = {
    "orders": parse.parse_order,
    "order_changed": parse.order_id_of,
    "order_deleted": parse_goods.parse_id,
    "transactions": parse.parse_transaction,
    "refunds": parse.parse_refund,
    "fulfillments": parse_goods.parse_fulfillment,
    "fulfillment_events": parse_goods.parse_fulfillment_event,
    "return_changed": parse_goods.parse_return,
    "inventory_levels": parse_goods.parse_inventory_level,
    "inventory_items": parse_goods.parse_inventory_item,
    "products": parse_goods.parse_product,
    "locations": parse_goods.parse_location,
    "location_deleted": parse_goods.parse_id,
    "risk_changed": parse_goods.parse_risk,
    "uninstalled": parse_goods.parse_id,
}
# The source has no example of the first and leaves out the order in the second.
REFUSED_SAMPLES = {"returns/process", "orders/risk_assessment_changed"}


def test_the_sample_order_is_read_whole():
    order = parse.parse_order(samples()["orders/create"])

    assert order.remote_id == 820982911946154508
    assert order.name == "#9999"
    assert order.updated_at == datetime(2022, 1, 1, tzinfo=UTC)
    assert order.cancelled_at == datetime(2022, 1, 1, tzinfo=UTC)
    assert (order.currency, order.total, order.items_total) == (
        "USD",
        Decimal("404.95"),
        Decimal("414.95"),
    )
    assert (order.delivery_total, order.discount_total) == (Decimal("10.00"), Decimal("20.00"))
    assert order.tags == ["tag1", "tag2"]
    assert order.customer is not None
    assert order.customer.name == "John Smith"
    assert (order.address.city, order.address.country) == ("Shippington", "US")
    line = order.lines[0]
    assert (line.sku, line.quantity, line.current, line.unit_price) == (
        "SKU2006-001",
        1,
        1,
        Decimal("89.99"),
    )
    assert all(line.ships for line in order.lines)
    assert (order.channel, order.cart, order.sold_at_remote_id) == ("web", "", None)


def at_the_till(line: dict[str, object], **fields: object) -> OrderSnapshot:
    where = {"source_name": "pos", "location_id": 655441491}
    return parse.parse_order(order_with(line, **(where | fields)))


def test_an_order_of_the_till_names_its_location_when_units_have_left_there():
    sold = at_the_till({"fulfillable_quantity": 0, "fulfillment_status": "fulfilled"})
    assert (sold.channel, sold.sold_at_remote_id) == ("pos", 655441491)
    assert sold.recorded_at == datetime(2022, 1, 1, tzinfo=UTC)

    sent_home = json.loads(order_with(source_name="pos", location_id=655441491))
    assert all(row["fulfillable_quantity"] for row in sent_home["line_items"])
    assert parse.parse_order(json.dumps(sent_home).encode()).sold_at_remote_id is None
    bought_online = parse.parse_order(order_with({"fulfillable_quantity": 0}, location_id=1))
    assert bought_online.sold_at_remote_id is None


def test_a_location_that_is_no_id_is_refused():
    with pytest.raises(BadPayload, match="location_id"):
        at_the_till({"fulfillable_quantity": 0}, location_id="the shop round the corner")


@pytest.mark.parametrize(
    ("fields", "channel", "cart"),
    [
        ({"company": {"id": 7, "location_id": 8}}, "b2b", ""),
        ({"company": None}, "web", ""),
        ({"company": {}}, "web", ""),
        ({"company": "Acme"}, "web", ""),
        ({"cart_token": "68778783ad298f1c"}, "web", "cart:68778783ad298f1c"),
        ({"cart_token": "two words"}, "web", ""),
        ({"cart_token": None}, "web", ""),
    ],
)
def test_a_company_buys_b2b_and_a_cart_is_remembered(fields, channel, cart):
    order = parse.parse_order(order_with(**fields))

    assert (order.channel, order.cart) == (channel, cart)


@pytest.mark.parametrize("topic", sorted(samples()))
def test_every_sample_with_a_handler_is_read_or_refused_with_a_reason(topic):
    from oms.shopify.topics import TOPICS, Handled

    entry = TOPICS[topic]
    if not isinstance(entry, Handled):
        assert entry.reason
        return
    read = PARSERS[entry.handler]
    if topic in REFUSED_SAMPLES:
        with pytest.raises(BadPayload):
            read(samples()[topic])
    else:
        assert read(samples()[topic])


def test_no_topic_is_silently_unknown():
    from oms.shopify.topics import TOPICS

    assert set(samples()) == set(TOPICS) - {"switchyard/order_found"}


BAD_QUANTITIES = [
    "0", "-1", "1.5", '"3"', "null", "true", "2147483648", "9223372036854775808", "1e309",
    "1e2", "NaN", "Infinity", "-Infinity", "[]", "{}", "1" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("quantity", BAD_QUANTITIES, ids=lambda text: text[:20])
def test_a_quantity_that_is_none_is_refused(quantity):
    with pytest.raises(BadPayload) as refusal:
        parse.parse_order(order_with_raw_quantity(quantity))

    assert len(refusal.value.reason) < 300


@pytest.mark.parametrize(
    "price", [None, 1.5, 10, "1e5", "NaN", "", " 1.00", "1,00", "1.23456", "9" * 13, "٣.00", {}]
)
def test_money_is_a_decimal_string_or_refused(price):
    with pytest.raises(BadPayload, match="price"):
        parse.parse_order(order_with({"price": price}))


@pytest.mark.parametrize(
    "fields",
    [
        {"id": None},
        {"id": "820982911946154508"},
        {"id": 0},
        {"id": 2**63},
        {"updated_at": None},
        {"updated_at": "yesterday"},
        {"updated_at": "2026-01-01T10:00:00"},
        {"currency": "usd"},
        {"currency": None},
        {"total_price": "-"},
        {"line_items": {}},
        {"line_items": [1]},
        {"customer": 7},
        {"shipping_address": {"country_code": "Narnia"}},
        {"name": 5},
    ],
    ids=str,
)
def test_an_order_that_cannot_be_understood_is_refused(fields):
    with pytest.raises(BadPayload):
        parse.parse_order(order_with(**fields))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"<html></html>", "not JSON"),
        (b'{"id": 1}{"id": 2}', "not JSON"),
        (b'{"id": "\xff"}', "not UTF-8"),
        ('{"id": 1}'.encode("utf-16"), "not UTF-8"),
        (b"[]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b'"orders"', "not a JSON object"),
        (b'{"a":' * 100_000, "nested too deep"),
        (b"[" * 100_000, "nested too deep"),
        (b'{"id": NaN}', "NaN"),
        (b'{"id": ' + b"9" * 5000 + b"}", "not JSON"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_is_not_json_is_refused_with_the_reason(body, reason):
    with pytest.raises(BadPayload, match=reason):
        parse.parse_order(body)


def test_two_lines_with_one_id_are_refused():
    order = sample("orders/create")
    order["line_items"].append(order["line_items"][0])

    with pytest.raises(BadPayload, match="same id"):
        parse.parse_order(json.dumps(order).encode())


def test_the_reason_names_the_line():
    with pytest.raises(BadPayload, match=r"Line 1: quantity is -1; it must be a whole number"):
        parse.parse_order(order_with({"quantity": -1}))


def test_characters_that_cannot_be_stored_are_cleaned_and_all_others_kept():
    name = "a\x00b \ud800 \U0001f600 \u202e \u200b <script>"

    order = parse.parse_order(order_with({"name": name}, note="x\x00y"))

    assert order.lines[0].title == "ab � \U0001f600 \u202e \u200b <script>"
    assert order.note == "xy"
    order.lines[0].title.encode()


def test_long_texts_are_cut_at_what_their_index_can_hold():
    order = parse.parse_order(order_with(email="x" * 10_000, note="y" * 10_000))

    assert (len(order.email), len(order.note)) == (320, 5000)


def test_an_unknown_or_missing_sku_is_not_an_error():
    order = parse.parse_order(order_with({"sku": None, "variant_id": None}))

    assert order.lines[0].sku == ""


def test_gift_cards_and_digital_goods_do_not_ship():
    for fields in ({"gift_card": True}, {"requires_shipping": False}):
        assert parse.parse_order(order_with(fields)).lines[0].ships is False


def test_an_edited_out_line_stays_with_nothing_wanted():
    line = parse.parse_order(order_with({"current_quantity": 0})).lines[0]

    assert (line.quantity, line.current) == (1, 0)


def test_yen_and_dinars_keep_their_digits():
    for amount in ("1200", "1.234"):
        assert parse.parse_order(order_with({"price": amount})).lines[0].unit_price == Decimal(
            amount
        )


def test_the_sample_refund_is_read_with_its_transactions():
    refund = parse.parse_refund(samples()["refunds/create"])

    assert refund.order_remote_id == 820982911946154508
    assert refund.lines[0].amount == Decimal("89.99")
    assert [t.amount for t in refund.transactions] == [Decimal("75.00"), Decimal("10.00")]
    assert {t.currency for t in refund.transactions} == {"USD"}
    assert {t.refund_remote_id for t in refund.transactions} == {refund.remote_id}


def test_what_goes_back_beyond_the_lines_is_an_adjustment():
    def bag(amount):
        return {"shop_money": {"amount": amount, "currency_code": "USD"}}

    refund = sample("refunds/create")
    refund["order_adjustments"] = [{"amount_set": bag("-5.00"), "tax_amount_set": bag("-0.50")}]
    refund["refund_shipping_lines"] = [{"subtotal_amount_set": bag("3.00")}]

    assert parse.parse_refund(json.dumps(refund).encode()).adjustment == Decimal("8.50")


def test_a_refund_with_a_transaction_of_another_order_is_refused():
    refund = sample("refunds/create")
    refund["transactions"][0]["order_id"] = 5

    with pytest.raises(BadPayload, match="another order"):
        parse.parse_refund(json.dumps(refund).encode())


def test_an_edit_says_which_order_to_read_again():
    assert parse.order_id_of(samples()["orders/edited"]) == 820982911946154508


def test_a_return_update_carries_only_a_gid():
    assert parse_goods.parse_return(samples()["returns/update"]).remote_id == 123134564567890


def test_a_level_far_below_zero_is_believed_and_nonsense_is_not():
    level = {**sample("inventory_levels/update"), "available": -12}
    assert parse_goods.parse_inventory_level(json.dumps(level).encode()).available == -12

    for nonsense in ("3", 1.5, True, 10**10):
        with pytest.raises(BadPayload, match="available"):
            parse_goods.parse_inventory_level(json.dumps({**level, "available": nonsense}).encode())
