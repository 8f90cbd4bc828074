"""Stock is written by compare-and-set, under a key, or not at all."""


def test_change_from_quantity_must_be_there_even_when_it_is_null(ask):
    missing = ask.set_available("mug", "east", 50, "a")
    assert missing["errors"][0]["extensions"]["code"] == "INVALID_FIELD_ARGUMENTS"
    assert missing["errors"][0]["message"] == (
        "InventoryQuantityInput must include the following argument: changeFromQuantity."
    )
    assert ask.level("mug", "east")["available"] == 10
    present = ask.set_available("mug", "east", 50, "b", changeFromQuantity=None)
    assert present["data"]["inventorySetQuantities"]["userErrors"] == []
    assert ask.level("mug", "east")["available"] == 50


def test_a_stale_quantity_is_refused_and_its_key_is_spent(ask):
    ask.control("POST", "/sandbox/pos_sale", sku="mug", location="east", quantity=1)
    stale = ask.set_available("mug", "east", 50, "a", changeFromQuantity=10)
    (error,) = stale["data"]["inventorySetQuantities"]["userErrors"]
    assert error["code"] == "CHANGE_FROM_QUANTITY_STALE"
    assert ask.level("mug", "east")["available"] == 9
    again = ask.set_available("mug", "east", 50, "a", changeFromQuantity=10)
    (error,) = again["data"]["inventorySetQuantities"]["userErrors"]
    assert error["code"] == "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"


def test_a_replayed_key_changes_nothing_twice(ask):
    document = """mutation($it: InventoryAdjustQuantitiesInput!) {
      inventoryAdjustQuantities(input: $it) @idempotent(key: "once") {
        inventoryAdjustmentGroup { id changes { name delta } } userErrors { message } } }"""
    change = {
        "inventoryItemId": ask.items["mug"],
        "locationId": ask.places["east"],
        "delta": -3,
        "changeFromQuantity": None,
    }
    given = {"name": "available", "reason": "shrinkage", "changes": [change]}
    first = ask.data(document, {"it": given})
    assert ask.data(document, {"it": given}) == first
    assert ask.level("mug", "east")["available"] == 7


def test_committed_is_never_writable(ask):
    change = {
        "inventoryItemId": ask.items["mug"],
        "locationId": ask.places["east"],
        "delta": 1,
        "changeFromQuantity": 0,
    }
    answer = ask.data(
        """mutation($it: InventoryAdjustQuantitiesInput!) {
        inventoryAdjustQuantities(input: $it) @idempotent(key: "k") {
        userErrors { field message code } } }""",
        {"it": {"name": "committed", "reason": "correction", "changes": [change]}},
    )
    assert answer["inventoryAdjustQuantities"]["userErrors"] == [
        {
            "field": ["input", "name"],
            "message": "The specified quantity name is invalid. Valid values are: available, "
            "damaged, incoming, quality_control, reserved, safety_stock.",
            "code": "INVALID_QUANTITY_NAME",
        }
    ]


def test_units_move_between_states_at_one_place(ask):
    change = {
        "inventoryItemId": ask.items["mug"],
        "quantity": 2,
        "from": {
            "locationId": ask.places["east"],
            "name": "available",
            "changeFromQuantity": 10,
        },
        "to": {
            "locationId": ask.places["east"],
            "name": "damaged",
            "changeFromQuantity": 0,
            "ledgerDocumentUri": "ledger://count/1",
        },
    }
    payload = ask.data(
        """mutation($it: InventoryMoveQuantitiesInput!) {
        inventoryMoveQuantities(input: $it) @idempotent(key: "k") {
        inventoryAdjustmentGroup { changes { name delta } } userErrors { message code } } }""",
        {
            "it": {
                "reason": "damaged",
                "referenceDocumentUri": "count://1",
                "changes": [change],
            }
        },
    )["inventoryMoveQuantities"]
    assert payload["userErrors"] == []
    assert payload["inventoryAdjustmentGroup"]["changes"] == [
        {"name": "available", "delta": -2},
        {"name": "damaged", "delta": 2},
    ]
    assert ask.level("mug", "east") == {"available": 8, "committed": 0, "on_hand": 10}
