"""What the store refuses before anything runs, in the words of the real one."""

import subprocess
import sys

from oms.shopify.sandbox.registry import RESOLVERS
from oms.shopify.sandbox.schema import admin_schema


def test_a_field_shopify_does_not_have_fails_the_document(ask):
    answer = ask.answer('query Q { order(id: "gid://shopify/Order/1") { id colour } }')
    assert answer == {
        "errors": [
            {
                "message": "Field 'colour' doesn't exist on type 'Order'",
                "locations": [{"line": 1, "column": 51}],
                "path": ["query Q", "order", "colour"],
                "extensions": {
                    "code": "undefinedField",
                    "typeName": "Order",
                    "fieldName": "colour",
                },
            }
        ]
    }


def test_a_field_the_store_does_not_model_is_named_and_nothing_runs(ask):
    order = ask.place_order(mug=1)
    answer = ask.answer(
        """mutation($id: ID!) { orderClose(input: {id: $id}) {
        order { id risk { recommendation } } userErrors { message } } }""",
        {"id": order},
    )
    assert [error["message"] for error in answer["errors"]] == ["sandbox does not know Order.risk"]
    assert "data" not in answer
    assert ask.data("query($id: ID!) { order(id: $id) { closed } }", {"id": order}) == {
        "order": {"closed": False}
    }


def test_a_root_the_store_does_not_model_is_named(ask):
    answer = ask.answer("{ giftCards(first: 1) { nodes { id } } }")
    assert answer["errors"][0]["message"] == "sandbox does not know QueryRoot.giftCards"


def test_a_plain_user_error_has_no_code(ask):
    answer = ask.answer(
        """mutation { fulfillmentCancel(id: "gid://shopify/Fulfillment/1") {
        userErrors { code } } }"""
    )
    assert answer["errors"][0]["extensions"]["code"] == "undefinedField"


def test_a_variable_of_the_wrong_kind_is_invalid(ask):
    answer = ask.answer("query($id: ID!) { order(id: $id) { id } }", {"id": "order-1"})
    (error,) = answer["errors"]
    assert error["message"] == "Variable $id of type ID! was provided invalid value"
    assert error["extensions"]["code"] == "INVALID_VARIABLE"
    assert error["extensions"]["problems"][0]["explanation"] == "Invalid global id 'order-1'"


def test_more_than_250_rows_in_an_array_are_refused(ask):
    ids = [f"gid://shopify/Order/{number}" for number in range(1, 252)]
    answer = ask.answer("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ids})
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "MAX_INPUT_SIZE_EXCEEDED"
    assert error["message"] == (
        "The input array size of 251 is greater than the maximum allowed of 250."
    )


def test_an_id_of_another_type_is_a_top_level_error(ask):
    answer = ask.answer('{ order(id: "gid://shopify/Product/1") { id } }')
    assert answer["data"] == {"order": None}
    assert answer["errors"][0]["extensions"]["code"] == "RESOURCE_NOT_FOUND"


def test_a_wrong_token_is_401_and_nothing_is_said(ask):
    ask.session.headers["X-Shopify-Access-Token"] = "shpat_wrong"
    response = ask.post("{ shop { name } }")
    assert response.status_code == 401
    assert "Invalid API key" in response.json()["errors"]


def test_every_resolver_stands_on_a_field_of_the_whole_schema():
    schema = admin_schema()
    for type_name, fields in RESOLVERS.items():
        assert set(fields) <= set(schema.type_map[type_name].fields)
    assert len(schema.mutation_type.fields) == 524


def test_the_store_knows_nothing_of_django_or_of_other_rooms():
    code = (
        "import sys, oms.shopify.sandbox.server, oms.shopify.sandbox.__main__\n"
        "rooms = [name for name in sys.modules if name.startswith('oms.')\n"
        "         and not name.startswith(('oms.shopify', 'oms.orders'))]\n"
        "assert 'django' not in sys.modules\n"
        "assert rooms == [], rooms\n"
        "orders = {name for name in sys.modules if name.startswith('oms.orders')}\n"
        "assert orders <= {'oms.orders', 'oms.orders.postal'}, orders\n"
        "shopify = {name for name in sys.modules if name.startswith('oms.shopify.')}\n"
        "assert all(name.startswith('oms.shopify.sandbox') for name in shopify), shopify\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
