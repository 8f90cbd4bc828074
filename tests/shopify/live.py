"""A local store that is connected, and the steps an order takes through both."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

from oms import flow, wiring
from oms.core.models import InboxMessage, OutboxIntent
from oms.fulfillment import commands as floor
from oms.fulfillment.models import FulfillmentOrder
from oms.orders.models import Order
from oms.shopify import pull, push
from oms.shopify.client import client_for
from oms.shopify.sandbox.server import SandboxServer
from oms.shopify.seed import Connected, connect_local_store
from routing import commands as routing
from routing import policies
from tests.cast import OLGA

NEW_YORK = {
    "firstName": "Cora",
    "lastName": "Customer",
    "address1": "1 Main Street",
    "city": "New York",
    "provinceCode": "NY",
    "countryCode": "US",
    "zip": "10001",
}


class Live:
    """The store and our side of it."""

    def __init__(self, shop: SandboxServer, address: str = "") -> None:
        """`address` is where webhooks go; without one they are dropped, and orders are fetched."""
        self.shop = shop
        if not address:
            shop.faults.switch_on("drop_webhooks")
        self.connected: Connected = connect_local_store(
            url=shop.url, webhook_address=address or "http://127.0.0.1:9", handle="acme"
        )
        self.store = self.connected.store
        self.client = client_for(self.connected.connection)
        # Nobody waits for long in a test.
        self.client._read_seconds = 1.0
        policies.ensure_default(store_id=self.store.pk, actor=OLGA)

    def place(self, *, paid: bool = True, **units: int) -> int:
        """An order of `units` (sku to quantity), as a customer would place it; its number."""
        lines = [
            {"variantId": self.variant(sku), "quantity": quantity, "requiresShipping": True}
            for sku, quantity in units.items()
        ]
        given: dict[str, Any] = {
            "lineItems": lines,
            "shippingAddress": NEW_YORK,
            "email": "cora@example.com",
        }
        if paid:
            amount = sum(self.price(sku) * quantity for sku, quantity in units.items())
            money = {"amount": f"{amount:.2f}", "currencyCode": "USD"}
            given["transactions"] = [
                {"kind": "SALE", "status": "SUCCESS", "gateway": "bogus",
                 "amountSet": {"shopMoney": money}}
            ]  # fmt: skip
        answer = self.run(
            """
            mutation Place($order: OrderCreateOrderInput!) {
              orderCreate(order: $order, options: {inventoryBehaviour: DECREMENT_IGNORING_POLICY}) {
                order { id } userErrors { message }
              }
            }
            """,
            order=given,
        )
        assert not answer["orderCreate"]["userErrors"], answer
        return int(answer["orderCreate"]["order"]["id"].rpartition("/")[2])

    def run(self, query: str, **variables: Any) -> dict[str, Any]:
        answer = self.shop.graphql(query, variables)
        assert not answer.get("errors"), answer
        return answer["data"]

    def variant(self, sku: str) -> str:
        return self._variants()[sku]["id"]

    def price(self, sku: str) -> float:
        return float(self._variants()[sku]["price"])

    def _variants(self) -> dict[str, dict[str, Any]]:
        data = self.run("{ productVariants(first: 10) { nodes { id sku price } } }")
        return {row["sku"]: row for row in data["productVariants"]["nodes"]}

    def bring_in(self, remote_id: int) -> Order:
        """Fetch the order, read the inbox: the order is here."""
        pull.ask_for_orders(self.store.pk, [remote_id])
        self.push()
        fetched = self.intent("order.fetch")
        assert fetched.state == "applied", (fetched.state, fetched.reason)
        self.read_inbox()
        return Order.objects.get(store=self.store, remote_id=remote_id)

    def route(self, order: Order) -> list[FulfillmentOrder]:
        routing.route_due(limit=100)
        return list(order.fulfillment_orders.order_by("pk"))

    def ship(self, work: FulfillmentOrder, *, tracking: str = "1Z999") -> Any:
        """Everything the floor does with a piece of work, up to the hand-over."""
        floor.release(work_ids=[work.pk], actor=OLGA)
        floor.start_picking(work_ids=[work.pk], actor=OLGA)
        floor.pick_all(work_ids=[work.pk], actor=OLGA)
        floor.pack(work_ids=[work.pk], actor=OLGA)
        return floor.ship(work_id=work.pk, boxes=[floor.Box("UPS", tracking)], actor=OLGA)

    def push(self, times: int = 1) -> None:
        """Send what is due, and what is due later as well."""
        for _ in range(times):
            self.hurry()
            push.drain(wiring.OUTBOX, limit=100, threads=1)

    def push_all(self) -> None:
        for _ in range(12):
            if not OutboxIntent.objects.filter(state__in=OutboxIntent.OPEN_STATES).exists():
                return
            self.push()
        raise AssertionError(list(OutboxIntent.objects.values_list("topic", "state", "reason")))

    def hurry(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE core_outboxintent SET due_at = now() WHERE finished_at IS NULL")

    def read_inbox(self) -> None:
        flow.drain_inbox(wiring.HANDLERS, limit=200)
        bad = InboxMessage.objects.filter(state="quarantined")
        assert not bad.exists(), list(bad.values_list("topic", "reason"))

    def intent(self, topic: str) -> OutboxIntent:
        return OutboxIntent.objects.filter(topic=topic).latest("pk")

    def request_return(self, order: Order) -> int:
        """The customer asks in the shop for one unit to go back."""
        data = self.run(
            """
            query Lines($id: ID!) {
              returnableFulfillments(orderId: $id, first: 5) { nodes {
                returnableFulfillmentLineItems(first: 5) {
                  nodes { fulfillmentLineItem { id } } } } }
            }
            """,
            id=f"gid://shopify/Order/{order.remote_id}",
        )
        node = data["returnableFulfillments"]["nodes"][0]["returnableFulfillmentLineItems"][
            "nodes"
        ][0]
        answer = self.run(
            """
            mutation Ask($input: ReturnRequestInput!) {
              returnRequest(input: $input) { return { id } userErrors { message } }
            }
            """,
            input={
                "orderId": f"gid://shopify/Order/{order.remote_id}",
                "returnLineItems": [
                    {
                        "fulfillmentLineItemId": node["fulfillmentLineItem"]["id"],
                        "quantity": 1,
                        "returnReason": "DEFECTIVE",
                    }
                ],
            },
        )["returnRequest"]
        assert not answer["userErrors"]
        return int(answer["return"]["id"].rpartition("/")[2])

    def remote(self, order: Order) -> dict[str, Any]:
        """What the store has of an order: fulfillments, fulfillment orders, refunds, returns."""
        return self.run(
            """
            query Remote($id: ID!) {
              order(id: $id) {
                cancelledAt
                displayFulfillmentStatus
                fulfillments(first: 10) {
                  id status trackingInfo { number company }
                  events(first: 10) { nodes { status } }
                }
                fulfillmentOrders(first: 10) {
                  nodes {
                    id status assignedLocation { name }
                    lineItems(first: 10) { nodes { remainingQuantity lineItem { sku } } }
                  }
                }
                refunds(first: 10) { id note totalRefundedSet { shopMoney { amount } } }
                returns(first: 10) { nodes { id status } }
                transactions(first: 20) { kind status amountSet { shopMoney { amount } } }
              }
            }
            """,
            id=f"gid://shopify/Order/{order.remote_id}",
        )["order"]

    def places(self, order: Order) -> dict[str, dict[str, int]]:
        """Location to SKU to units still to be shipped, as the store sees it."""
        found: dict[str, dict[str, int]] = {}
        for work in self.remote(order)["fulfillmentOrders"]["nodes"]:
            for row in work["lineItems"]["nodes"]:
                if row["remainingQuantity"] and work["status"] != "CLOSED":
                    here = found.setdefault(work["assignedLocation"]["name"], {})
                    sku = row["lineItem"]["sku"]
                    here[sku] = here.get(sku, 0) + row["remainingQuantity"]
        return found

    def available(self, sku: str, place: str) -> dict[str, int]:
        data = self.run(
            """
            { inventoryItems(first: 10) { nodes { sku inventoryLevels(first: 10) { nodes {
                location { name } quantities(names: ["available", "on_hand"]) { name quantity }
            } } } } }
            """
        )
        for item in data["inventoryItems"]["nodes"]:
            for level in item["inventoryLevels"]["nodes"]:
                if (item["sku"], level["location"]["name"]) == (sku, place):
                    return {q["name"]: q["quantity"] for q in level["quantities"]}
        raise AssertionError(f"no level of {sku} at {place}")


@contextmanager
def live_store(path: Any) -> Iterator[Live]:
    with SandboxServer(path, seed="tiny") as shop:
        yield Live(shop)


def states() -> dict[str, str]:
    """The newest intent of each topic and its state."""
    return dict(OutboxIntent.objects.order_by("pk").values_list("topic", "state"))
