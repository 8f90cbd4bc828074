"""Fulfillment orders change their ids, ship once, and say in Shopify's words why not."""


def actions(work):
    return [row["action"] for row in work["supportedActions"]]


def test_a_whole_move_keeps_the_id_and_takes_the_stock_along(ask):
    gid = ask.place_order(mug=4)
    (work,) = ask.works(gid)
    moved = ask.move(work["id"], "west")
    assert moved["userErrors"] == []
    assert moved["movedFulfillmentOrder"]["id"] == work["id"]
    assert moved["remainingFulfillmentOrder"] is None
    assert ask.level("mug", "east")["committed"] == 0
    assert ask.level("mug", "west") == {"available": 6, "committed": 4, "on_hand": 10}


def test_a_partial_move_makes_a_new_fulfillment_order(ask):
    gid = ask.place_order(mug=4)
    (work,) = ask.works(gid)
    line = work["lineItems"]["nodes"][0]["id"]
    moved = ask.move(work["id"], "west", [{"id": line, "quantity": 1}])
    assert moved["movedFulfillmentOrder"]["id"] != work["id"]
    assert moved["remainingFulfillmentOrder"]["id"] == work["id"]
    left = [line["remainingQuantity"] for w in ask.works(gid) for line in w["lineItems"]["nodes"]]
    assert left == [3, 1]


def test_a_move_to_where_work_already_is_closes_the_old_one(ask):
    gid = ask.place_order(mug=4)
    (work,) = ask.works(gid)
    line = work["lineItems"]["nodes"][0]["id"]
    first = ask.move(work["id"], "west", [{"id": line, "quantity": 1}])["movedFulfillmentOrder"]
    second = ask.move(work["id"], "west")["movedFulfillmentOrder"]
    assert second["id"] not in (work["id"], first["id"])
    statuses = {each["id"]: each["status"] for each in ask.works(gid)}
    assert statuses == {work["id"]: "CLOSED", first["id"]: "OPEN", second["id"]: "OPEN"}


def test_a_move_to_a_place_that_does_not_stock_the_item_is_refused(ask):
    gid = ask.place_order(shirt=1)
    (work,) = ask.works(gid)
    moved = ask.move(work["id"], "soho_store")
    assert moved["movedFulfillmentOrder"] is None
    assert len(moved["userErrors"]) == 1
    assert ask.works(gid) == [work]


def test_reported_progress_bars_the_move_until_it_is_taken_back(ask):
    gid = ask.place_order(mug=2)
    work = ask.works(gid)[0]["id"]
    expected = ["CREATE_FULFILLMENT", "REPORT_PROGRESS", "MOVE", "HOLD", "SPLIT"]
    assert actions(ask.works(gid)[0]) == expected
    ask.data(
        """mutation($id: ID!) { fulfillmentOrderReportProgress(id: $id) {
        fulfillmentOrder { status } userErrors { message } } }""",
        {"id": work},
    )
    refused = ask.move(work, "west")
    assert refused["userErrors"][0]["code"] == (
        "CANNOT_MOVE_FULFILLMENT_ORDER_WITH_REPORTED_PROGRESS"
    )
    assert ask.order(gid)["displayFulfillmentStatus"] == "IN_PROGRESS"
    ask.data(
        """mutation($id: ID!) { fulfillmentOrderOpen(id: $id) {
        fulfillmentOrder { status } userErrors { message } } }""",
        {"id": work},
    )
    assert ask.move(work, "west")["userErrors"] == []


def test_a_hold_stops_shipping_and_a_release_without_ids_lifts_every_hold(ask):
    gid = ask.place_order(mug=2)
    work = ask.works(gid)[0]["id"]
    for handle in ("first", "second"):
        payload = ask.data(
            """mutation($id: ID!, $hold: FulfillmentOrderHoldInput!) {
            fulfillmentOrderHold(id: $id, fulfillmentHold: $hold) {
            fulfillmentHold { handle } userErrors { code } } }""",
            {"id": work, "hold": {"reason": "OTHER", "handle": handle}},
        )["fulfillmentOrderHold"]
        assert payload["userErrors"] == []
    assert ask.fulfill(work)["userErrors"][0]["message"].endswith("unfulfillable status= on_hold.")
    released = ask.data(
        """mutation($id: ID!) { fulfillmentOrderReleaseHold(id: $id) {
        fulfillmentOrder { status fulfillmentHolds { id } } userErrors { code } } }""",
        {"id": work},
    )["fulfillmentOrderReleaseHold"]
    assert released["fulfillmentOrder"] == {"status": "OPEN", "fulfillmentHolds": []}


def test_shipping_takes_committed_and_on_hand_down_and_closes_the_work(ask):
    gid = ask.place_order(mug=4)
    work = ask.works(gid)[0]
    line = work["lineItems"]["nodes"][0]["id"]
    first = ask.fulfill(work["id"], units=[{"id": line, "quantity": 1}])["fulfillment"]
    assert first["name"] == "#1001-F1"
    assert first["trackingInfo"][0]["url"].endswith("trackNums=1Z999")
    assert ask.order(gid)["displayFulfillmentStatus"] == "PARTIALLY_FULFILLED"
    assert ask.works(gid)[0]["status"] == "IN_PROGRESS"
    ask.fulfill(work["id"])
    assert ask.order(gid)["displayFulfillmentStatus"] == "FULFILLED"
    assert ask.works(gid)[0]["status"] == "CLOSED"
    assert ask.level("mug", "east") == {"available": 6, "committed": 0, "on_hand": 6}


def test_a_second_shipment_of_the_same_units_is_refused(ask):
    gid = ask.place_order(mug=1)
    work = ask.works(gid)[0]["id"]
    ask.fulfill(work)
    again = ask.fulfill(work)
    number = work.rsplit("/", 1)[1]
    assert again["fulfillment"] is None
    assert again["userErrors"] == [
        {
            "field": ["fulfillment"],
            "message": f"Fulfillment order {number} has an unfulfillable status= closed.",
        }
    ]


def test_work_at_two_places_cannot_be_shipped_at_once(ask):
    gid = ask.place_order(mug=4)
    work = ask.works(gid)[0]
    line = work["lineItems"]["nodes"][0]["id"]
    other = ask.move(work["id"], "west", [{"id": line, "quantity": 1}])["movedFulfillmentOrder"]
    refused = ask.fulfill(work["id"], other["id"])
    assert "must be assigned to a single location" in refused["userErrors"][0]["message"]


def test_an_event_marks_the_parcel_delivered(ask):
    gid = ask.place_order(mug=1)
    parcel = ask.fulfill(ask.works(gid)[0]["id"])["fulfillment"]["id"]
    ask.data(
        """mutation($it: FulfillmentEventInput!) { fulfillmentEventCreate(fulfillmentEvent: $it) {
        fulfillmentEvent { id } userErrors { message } } }""",
        {"it": {"fulfillmentId": parcel, "status": "DELIVERED"}},
    )
    shown = ask.data(
        "query($id: ID!) { fulfillment(id: $id) { displayStatus deliveredAt } }", {"id": parcel}
    )["fulfillment"]
    assert shown["displayStatus"] == "DELIVERED"
    assert shown["deliveredAt"] is not None


def test_cancelling_a_fulfillment_opens_new_work(ask):
    gid = ask.place_order(mug=2)
    work = ask.works(gid)[0]["id"]
    parcel = ask.fulfill(work)["fulfillment"]["id"]
    document = """mutation($id: ID!) { fulfillmentCancel(id: $id) {
      fulfillment { status } userErrors { message } } }"""
    for _ in range(2):
        payload = ask.data(document, {"id": parcel})["fulfillmentCancel"]
        assert payload == {"fulfillment": {"status": "CANCELLED"}, "userErrors": []}
    old, new = ask.works(gid)
    assert (old["id"], old["status"], new["status"]) == (work, "CLOSED", "OPEN")
    assert ask.level("mug", "east") == {"available": 8, "committed": 2, "on_hand": 10}
