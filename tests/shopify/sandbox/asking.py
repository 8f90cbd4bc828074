"""The documents the tests send, over HTTP, as an app would."""

import requests

WORK = """
fragment Work on FulfillmentOrder {
id status requestStatus supportedActions { action }
assignedLocation { location { id name } }
lineItems(first: 20) { nodes { id totalQuantity remainingQuantity lineItem { id sku } } } }
"""


class Asking:
    """Requests to one store, and what a test needs to know of it."""

    def __init__(self, store):
        self.store = store
        self.session = requests.Session()
        self.session.headers["X-Shopify-Access-Token"] = store.token
        found = self.data(
            """{ locations(first: 10) { nodes { id name } }
            productVariants(first: 10) { nodes { id sku inventoryItem { id } } } }"""
        )
        self.places = {row["name"]: row["id"] for row in found["locations"]["nodes"]}
        self.variants = {row["sku"]: row["id"] for row in found["productVariants"]["nodes"]}
        self.items = {
            row["sku"]: row["inventoryItem"]["id"] for row in found["productVariants"]["nodes"]
        }

    def post(self, document, variables=None, timeout=10):
        body = {"query": document, "variables": variables or {}}
        return self.session.post(self.store.graphql_url, json=body, timeout=timeout)

    def answer(self, document, variables=None):
        response = self.post(document, variables)
        assert response.status_code == 200, response.text
        return response.json()

    def data(self, document, variables=None):
        answer = self.answer(document, variables)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def control(self, method, path, **body):
        response = self.session.request(method, self.store.url + path, json=body, timeout=10)
        assert response.status_code == 200, response.text
        return response.json()

    def place_order(self, paid="SALE", **quantities):
        """An order over mugs and shirts, paid for in full; stock is claimed."""
        prices = {"mug": 12.5, "shirt": 25}
        lines = [
            {"variantId": self.variants[sku], "quantity": units, "requiresShipping": True}
            for sku, units in quantities.items()
        ]
        owed = sum(prices[sku] * units for sku, units in quantities.items())
        money = {"shopMoney": {"amount": f"{owed:.2f}", "currencyCode": "USD"}}
        address = {"firstName": "Ada", "address1": "1 Main St", "city": "Boston"}
        address |= {"provinceCode": "MA", "countryCode": "US", "zip": "02128"}
        order = {"lineItems": lines, "email": "ada@example.com", "shippingAddress": address}
        if paid:
            order["transactions"] = [{"kind": paid, "gateway": "bogus", "amountSet": money}]
        return self.control("POST", "/sandbox/orders/raw", **order)["id"]

    def order(self, gid):
        return self.data(
            """query($id: ID!) { order(id: $id) {
              name displayFinancialStatus displayFulfillmentStatus returnStatus cancelledAt
              totalPriceSet { shopMoney { amount } } totalRefundedSet { shopMoney { amount } }
              totalOutstandingSet { shopMoney { amount } }
              lineItems(first: 20) { nodes {
                id sku quantity currentQuantity refundableQuantity unfulfilledQuantity } }
              transactions { id kind status amountSet { shopMoney { amount } } }
              fulfillmentOrders(first: 20) { nodes { ...Work } } } }"""
            + WORK,
            {"id": gid},
        )["order"]

    def works(self, gid):
        return self.order(gid)["fulfillmentOrders"]["nodes"]

    def level(self, sku, place):
        rows = self.data(
            """query($id: ID!) { inventoryItem(id: $id) { inventoryLevels(first: 10) { nodes {
              location { id } quantities(names: ["available", "committed", "on_hand"]) {
              name quantity } } } } }""",
            {"id": self.items[sku]},
        )["inventoryItem"]["inventoryLevels"]["nodes"]
        for row in rows:
            if row["location"]["id"] == self.places[place]:
                return {each["name"]: each["quantity"] for each in row["quantities"]}
        return None

    def subscribe(self, topic, uri):
        payload = self.data(
            """mutation($topic: WebhookSubscriptionTopic!, $it: WebhookSubscriptionInput!) {
              webhookSubscriptionCreate(topic: $topic, webhookSubscription: $it) {
                webhookSubscription { id } userErrors { field message } } }""",
            {"topic": topic, "it": {"uri": uri}},
        )["webhookSubscriptionCreate"]
        assert payload["userErrors"] == []
        return payload["webhookSubscription"]["id"]

    def move(self, work, place, units=None):
        return self.data(
            """mutation($id: ID!, $to: ID!, $rows: [FulfillmentOrderLineItemInput!]) {
              fulfillmentOrderMove(id: $id, newLocationId: $to, fulfillmentOrderLineItems: $rows) {
                movedFulfillmentOrder { ...Work } originalFulfillmentOrder { ...Work }
                remainingFulfillmentOrder { id } userErrors { field message code } } }"""
            + WORK,
            {"id": work, "to": self.places.get(place, place), "rows": units},
        )["fulfillmentOrderMove"]

    def fulfill(self, *works, units=None):
        rows = [{"fulfillmentOrderId": work} for work in works]
        if units:
            rows[0]["fulfillmentOrderLineItems"] = units
        return self.data(
            """mutation($it: FulfillmentInput!) { fulfillmentCreate(fulfillment: $it) {
              fulfillment { id name status displayStatus trackingInfo { company number url }
                fulfillmentLineItems(first: 20) { nodes { id quantity } } }
              userErrors { field message } } }""",
            {
                "it": {
                    "lineItemsByFulfillmentOrder": rows,
                    "trackingInfo": {"company": "UPS", "number": "1Z999"},
                }
            },
        )["fulfillmentCreate"]

    def refund(self, given, key):
        return self.data(
            """mutation($it: RefundInput!, $key: String!) {
              refundCreate(input: $it) @idempotent(key: $key) {
                refund { id totalRefundedSet { shopMoney { amount } } }
                userErrors { field message } } }""",
            {"it": given, "key": key},
        )["refundCreate"]

    def set_available(self, sku, place, quantity, key, **row):
        row |= {
            "inventoryItemId": self.items[sku],
            "locationId": self.places[place],
            "quantity": quantity,
        }
        return self.answer(
            """mutation($it: InventorySetQuantitiesInput!, $key: String!) {
              inventorySetQuantities(input: $it) @idempotent(key: $key) {
                inventoryAdjustmentGroup { changes { name delta } }
                userErrors { field message code } } }""",
            {
                "it": {"name": "available", "reason": "correction", "quantities": [row]},
                "key": key,
            },
        )
