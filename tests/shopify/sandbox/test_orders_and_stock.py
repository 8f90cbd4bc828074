"""Orders take stock, payments settle them, cancel jobs undo them."""

import time


def test_placing_an_order_moves_available_to_committed(ask):
    order = ask.order(ask.place_order(mug=4))
    assert order["displayFinancialStatus"] == "PAID"
    assert order["totalPriceSet"]["shopMoney"]["amount"] == "50.0"
    assert ask.level("mug", "east") == {"available": 6, "committed": 4, "on_hand": 10}


def test_a_till_sells_from_its_own_shelf_even_below_zero_and_sends_the_rest_home(ask):
    made = ask.control(
        "POST", "/sandbox/pos_orders", location="soho_store", lines={"mug": 3}, send={"shirt": 1}
    )
    order = ask.data(
        """query($id: ID!) { order(id: $id) { sourceName displayFinancialStatus
        displayFulfillmentStatus retailLocation { name } cartToken
        fulfillments(first: 5) { location { name } }
        lineItems(first: 5) { nodes { sku unfulfilledQuantity } } } }""",
        {"id": made["id"]},
    )["order"]

    assert (order["sourceName"], order["retailLocation"]) == ("pos", {"name": "soho_store"})
    assert (order["displayFinancialStatus"], order["cartToken"]) == ("PAID", None)
    assert order["displayFulfillmentStatus"] == "PARTIALLY_FULFILLED"
    assert order["fulfillments"] == [{"location": {"name": "soho_store"}}]
    assert {row["sku"]: row["unfulfilledQuantity"] for row in order["lineItems"]["nodes"]} == {
        "mug": 0,
        "shirt": 1,
    }
    assert ask.level("mug", "soho_store") == {"available": -1, "committed": 0, "on_hand": -1}
    assert ask.level("shirt", "east")["committed"] == 1


def test_an_order_no_single_place_can_fill_is_split(ask):
    ask.set_available("mug", "east", 1, "one-left", changeFromQuantity=10)
    works = ask.works(ask.place_order(mug=3, shirt=2))
    assert [work["assignedLocation"]["location"]["name"] for work in works] == ["west", "east"]
    assert [line["remainingQuantity"] for work in works for line in work["lineItems"]["nodes"]] == [
        3,
        2,
    ]


def test_an_order_created_through_the_api_bypasses_stock_by_default(ask):
    money = {"shopMoney": {"amount": "5.00", "currencyCode": "USD"}}
    payload = ask.data(
        """mutation($order: OrderCreateOrderInput!) { orderCreate(order: $order) {
        order { id displayFinancialStatus customer { email } fulfillmentOrders(first: 5) {
        nodes { status } } } userErrors { field message code } } }""",
        {
            "order": {
                "email": "olga@example.com",
                "lineItems": [{"variantId": ask.variants["mug"], "quantity": 2, "priceSet": money}],
            }
        },
    )["orderCreate"]
    assert payload["userErrors"] == []
    assert payload["order"]["displayFinancialStatus"] is None
    assert payload["order"]["customer"]["email"] == "olga@example.com"
    assert payload["order"]["fulfillmentOrders"]["nodes"] == [{"status": "OPEN"}]
    assert ask.level("mug", "east")["available"] == 10


def test_cancelling_is_a_job_that_gives_money_and_stock_back(ask):
    gid = ask.place_order(mug=4)
    document = """mutation($id: ID!) { orderCancel(orderId: $id, reason: CUSTOMER, restock: true,
      refundMethod: {originalPaymentMethodsRefund: true}) {
      job { id done } orderCancelUserErrors { field message code } } }"""
    first = ask.data(document, {"id": gid})["orderCancel"]
    assert first["orderCancelUserErrors"] == []
    assert first["job"]["done"] is False
    again = ask.data(document, {"id": gid})["orderCancel"]
    assert again["orderCancelUserErrors"] == [
        {
            "field": ["orderId"],
            "message": "Cannot cancel an order that has already been canceled",
            "code": "INVALID",
        }
    ]
    deadline = time.monotonic() + 10
    while not ask.data("query($id: ID!) { job(id: $id) { done } }", {"id": first["job"]["id"]})[
        "job"
    ]["done"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    order = ask.order(gid)
    assert order["cancelledAt"] is not None
    assert order["displayFinancialStatus"] == "REFUNDED"
    assert order["totalRefundedSet"]["shopMoney"]["amount"] == "50.0"
    assert [work["status"] for work in order["fulfillmentOrders"]["nodes"]] == ["CLOSED"]
    assert ask.level("mug", "east") == {"available": 10, "committed": 0, "on_hand": 10}


def test_a_shipped_order_cannot_be_cancelled(ask):
    gid = ask.place_order(mug=1)
    ask.fulfill(ask.works(gid)[0]["id"])
    payload = ask.data(
        """mutation($id: ID!) { orderCancel(orderId: $id, reason: OTHER, restock: true) {
        job { id } orderCancelUserErrors { message } } }""",
        {"id": gid},
    )["orderCancel"]
    assert payload["job"] is None
    assert payload["orderCancelUserErrors"] == [
        {"message": "Cannot cancel an order that has outstanding fulfillments"}
    ]
    assert ask.order(gid)["cancelledAt"] is None


def test_an_authorization_is_captured_in_full_and_no_more(ask):
    gid = ask.place_order(paid="AUTHORIZATION", mug=2)
    order = ask.order(gid)
    assert order["displayFinancialStatus"] == "AUTHORIZED"
    document = """mutation($it: OrderCaptureInput!) { orderCapture(input: $it) {
      transaction { kind amountSet { shopMoney { amount } } } userErrors { field message } } }"""
    given = {"id": gid, "parentTransactionId": order["transactions"][0]["id"]}
    over = ask.data(document, {"it": given | {"amount": "25.01"}})["orderCapture"]
    assert over["transaction"] is None
    assert len(ask.order(gid)["transactions"]) == 1
    good = ask.data(document, {"it": given | {"amount": "25.00"}})["orderCapture"]
    assert good["transaction"] == {
        "kind": "CAPTURE",
        "amountSet": {"shopMoney": {"amount": "25.0"}},
    }
    assert ask.order(gid)["displayFinancialStatus"] == "PAID"


def test_orders_are_found_by_updated_at_and_paged_by_cursor(ask):
    placed = [ask.place_order(mug=1) for _ in range(3)]
    seen, cursor = [], None
    while True:
        page = ask.data(
            """query($after: String) { orders(first: 2, after: $after, sortKey: UPDATED_AT,
            query: "updated_at:>='2020-01-01T00:00:00Z'") {
            nodes { id } pageInfo { hasNextPage endCursor } } }""",
            {"after": cursor},
        )["orders"]
        seen += [row["id"] for row in page["nodes"]]
        cursor = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert seen == placed
    none = ask.data("""{ orders(first: 5, query: "updated_at:>'2999-01-01'") { nodes { id } } }""")
    assert none == {"orders": {"nodes": []}}


def test_an_unknown_search_field_is_ignored_with_a_warning(ask):
    ask.place_order(mug=1)
    answer = ask.answer('{ orders(first: 5, query: "colour:red") { nodes { id } } }')
    assert len(answer["data"]["orders"]["nodes"]) == 1
    (note,) = answer["extensions"]["search"]
    assert note["warnings"][0]["message"] == "Invalid search field for this query."
