"""Money goes back once, goods come back by returns."""


def payment(ask, gid):
    return ask.order(gid)["transactions"][0]["id"]


def give_back(ask, gid, amount):
    return [
        {
            "orderId": gid,
            "parentId": payment(ask, gid),
            "kind": "REFUND",
            "gateway": "bogus",
            "amount": amount,
        }
    ]


def test_a_refund_needs_a_key_and_a_second_use_of_it_repeats_the_answer(ask):
    gid = ask.place_order(mug=4)
    given = {"orderId": gid, "transactions": give_back(ask, gid, "12.50")}
    bare = ask.answer(
        "mutation($it: RefundInput!) { refundCreate(input: $it) { refund { id } } }", {"it": given}
    )
    assert bare["data"] == {"refundCreate": None}
    assert bare["errors"][0]["message"] == (
        "The @idempotent directive is required for this mutation but was not provided."
    )
    first, second = ask.refund(given, "key-1"), ask.refund(given, "key-1")
    assert first == second
    assert ask.order(gid)["totalRefundedSet"]["shopMoney"]["amount"] == "12.5"


def test_a_key_with_other_parameters_is_refused(ask):
    gid = ask.place_order(mug=4)
    given = {"orderId": gid, "transactions": give_back(ask, gid, "12.50")}
    ask.refund(given, "key-1")
    other = ask.refund(given | {"note": "changed"}, "key-1")
    assert other["refund"] is None
    assert other["userErrors"][0]["message"] == (
        "The same idempotency key cannot be used with different operation parameters."
    )
    assert ask.order(gid)["totalRefundedSet"]["shopMoney"]["amount"] == "12.5"


def test_a_cancel_restock_takes_units_off_the_work_and_back_to_stock(ask):
    gid = ask.place_order(mug=4)
    line = ask.order(gid)["lineItems"]["nodes"][0]["id"]
    row = {"lineItemId": line, "quantity": 1, "restockType": "CANCEL"}
    row["locationId"] = ask.places["east"]
    money = give_back(ask, gid, "12.50")
    refunded = ask.refund({"orderId": gid, "refundLineItems": [row], "transactions": money}, "k")
    assert refunded["userErrors"] == []
    order = ask.order(gid)
    (shown,) = order["lineItems"]["nodes"]
    assert (shown["quantity"], shown["currentQuantity"], shown["unfulfilledQuantity"]) == (4, 3, 3)
    assert order["fulfillmentOrders"]["nodes"][0]["lineItems"]["nodes"][0]["remainingQuantity"] == 3
    assert order["displayFinancialStatus"] == "PARTIALLY_REFUNDED"
    assert order["totalOutstandingSet"]["shopMoney"]["amount"] == "0.0"
    assert ask.level("mug", "east") == {"available": 7, "committed": 3, "on_hand": 10}


def test_more_units_or_more_money_than_there_is_are_refused_and_nothing_happens(ask):
    gid = ask.place_order(mug=2)
    line = ask.order(gid)["lineItems"]["nodes"][0]["id"]
    units = ask.refund(
        {"orderId": gid, "refundLineItems": [{"lineItemId": line, "quantity": 3}]}, "units"
    )
    assert units["userErrors"][0]["message"] == (
        "Quantity cannot refund more items than were purchased"
    )
    money = ask.refund({"orderId": gid, "transactions": give_back(ask, gid, "25.01")}, "money")
    assert money["refund"] is None
    assert ask.order(gid)["totalRefundedSet"]["shopMoney"]["amount"] == "0.0"
    assert ask.order(gid)["lineItems"]["nodes"][0]["refundableQuantity"] == 2


def returnable(ask, gid):
    rows = ask.data(
        """query($id: ID!) { returnableFulfillments(orderId: $id, first: 5) { nodes {
        returnableFulfillmentLineItems(first: 5) { nodes {
        quantity fulfillmentLineItem { id } } } } } }""",
        {"id": gid},
    )["returnableFulfillments"]["nodes"]
    return [row for each in rows for row in each["returnableFulfillmentLineItems"]["nodes"]]


def request_return(ask, gid, quantity):
    line = returnable(ask, gid)[0]["fulfillmentLineItem"]["id"]
    row = {"fulfillmentLineItemId": line, "quantity": quantity, "returnReason": "UNWANTED"}
    return ask.data(
        """mutation($it: ReturnRequestInput!) { returnRequest(input: $it) {
        return { id name status } userErrors { field message code } } }""",
        {"it": {"orderId": gid, "returnLineItems": [row]}},
    )["returnRequest"]


def test_only_shipped_units_can_come_back(ask):
    gid = ask.place_order(mug=2)
    assert returnable(ask, gid) == []
    ask.fulfill(ask.works(gid)[0]["id"])
    assert [row["quantity"] for row in returnable(ask, gid)] == [2]
    over = request_return(ask, gid, 3)
    assert over["return"] is None
    assert over["userErrors"][0]["message"] == "Return line item has an invalid quantity."
    assert ask.order(gid)["returnStatus"] == "NO_RETURN"


def test_a_return_goes_from_request_to_money_and_stays_open_until_closed(ask):
    gid = ask.place_order(mug=2)
    ask.fulfill(ask.works(gid)[0]["id"])
    requested = request_return(ask, gid, 1)["return"]
    assert (requested["name"], requested["status"]) == ("#1001-R1", "REQUESTED")
    assert ask.order(gid)["returnStatus"] == "RETURN_REQUESTED"
    approved = ask.data(
        """mutation($id: ID!) { returnApproveRequest(input: {id: $id}) { return { status
        returnLineItems(first: 5) { nodes { id } }
        reverseFulfillmentOrders(first: 5) { nodes { lineItems(first: 5) { nodes { id } } } } }
        userErrors { code } } }""",
        {"id": requested["id"]},
    )["returnApproveRequest"]["return"]
    assert approved["status"] == "OPEN"
    reverse = approved["reverseFulfillmentOrders"]["nodes"][0]["lineItems"]["nodes"][0]["id"]
    disposition = {
        "reverseFulfillmentOrderLineItemId": reverse,
        "quantity": 1,
        "dispositionType": "RESTOCKED",
        "locationId": ask.places["west"],
    }
    processed = ask.data(
        """mutation($it: ReturnProcessInput!) { returnProcess(input: $it) {
        return { status } userErrors { field message code } } }""",
        {
            "it": {
                "returnId": requested["id"],
                "returnLineItems": [
                    {
                        "id": approved["returnLineItems"]["nodes"][0]["id"],
                        "quantity": 1,
                        "dispositions": [disposition],
                    }
                ],
                "financialTransfer": {
                    "issueRefund": {
                        "orderTransactions": [
                            {
                                "parentId": payment(ask, gid),
                                "transactionAmount": {"amount": "12.50", "currencyCode": "USD"},
                            }
                        ]
                    }
                },
            }
        },
    )["returnProcess"]
    assert processed == {"return": {"status": "OPEN"}, "userErrors": []}
    order = ask.order(gid)
    assert order["returnStatus"] == "IN_PROGRESS"
    assert order["totalRefundedSet"]["shopMoney"]["amount"] == "12.5"
    assert ask.level("mug", "west")["available"] == 11
    for _ in range(2):
        closed = ask.data(
            """mutation($id: ID!) { returnClose(id: $id) {
            return { status } userErrors { code } } }""",
            {"id": requested["id"]},
        )["returnClose"]
        assert closed == {"return": {"status": "CLOSED"}, "userErrors": []}
    assert ask.order(gid)["returnStatus"] == "RETURNED"


def test_an_approved_return_cannot_be_declined(ask):
    gid = ask.place_order(mug=1)
    ask.fulfill(ask.works(gid)[0]["id"])
    requested = request_return(ask, gid, 1)["return"]["id"]
    ask.data(
        """mutation($id: ID!) { returnApproveRequest(input: {id: $id}) {
        return { id } userErrors { code } } }""",
        {"id": requested},
    )
    declined = ask.data(
        """mutation($id: ID!) { returnDeclineRequest(input: {id: $id, declineReason: OTHER}) {
        return { id } userErrors { field message code } } }""",
        {"id": requested},
    )["returnDeclineRequest"]
    assert declined["return"] is None
    assert declined["userErrors"][0]["code"] == "INVALID_STATE"
