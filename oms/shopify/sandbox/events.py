"""What happened in one mutation, turned into webhook deliveries in the same durable step."""

import json
import uuid
from datetime import UTC, datetime

from oms.shopify.sandbox.payloads import body_of
from oms.shopify.sandbox.schema import API_VERSION

# Topics this store causes. A subscription to any other topic is kept but never fires.
TOPICS_WORDS = """
orders/create orders/updated orders/cancelled orders/paid orders/fulfilled
orders/partially_fulfilled order_transactions/create refunds/create fulfillments/create
fulfillments/update fulfillment_events/create fulfillment_holds/added
fulfillment_holds/released fulfillment_orders/order_routing_complete
fulfillment_orders/moved fulfillment_orders/split fulfillment_orders/merged
fulfillment_orders/placed_on_hold fulfillment_orders/hold_released
fulfillment_orders/cancelled fulfillment_orders/progress_reported
fulfillment_orders/manually_reported_progress_stopped inventory_levels/update
inventory_levels/connect returns/request returns/approve returns/decline returns/close
returns/reopen returns/cancel returns/process reverse_fulfillment_orders/dispose
products/create products/update locations/create locations/update
"""
TOPICS = TOPICS_WORDS.split()
TOPIC_OF = {topic.replace("/", "_").upper(): topic for topic in TOPICS}


class Events:
    """Collects (topic, object) during a transaction and writes deliveries before its commit."""

    def __init__(self, store):
        self.store = store
        self.collected = {}
        self.queued = []
        self.deliver = None
        store.before_commit.append(self.write_deliveries)
        store.after_commit.append(self.hand_over)
        store.on_roll_back.append(self.forget)

    def emit(self, topic, doc, **extra):
        """Once per topic and object in one step; the body shows the final state."""
        key = topic, doc["kind"], doc["id"]
        if (
            topic == "orders/updated"
            and ("orders/create", doc["kind"], doc["id"]) in self.collected
        ):
            return
        self.collected[key] = (topic, doc, extra)

    def changed_order(self, order):
        """The order moved: new updated_at and orders/updated."""
        self.store.save(order)
        self.emit("orders/updated", order)

    def write_deliveries(self):
        collected, self.collected = self.collected, {}
        if not collected:
            return
        subscriptions: dict = {}
        for subscription in self.store.objects["WebhookSubscription"].values():
            subscriptions.setdefault(subscription["topic"], []).append(subscription)
        event_id = str(uuid.uuid4())
        for topic, doc, extra in collected.values():
            wanted = subscriptions.get(topic.replace("/", "_").upper())
            if not wanted:
                continue
            body = body_of(self.store, topic, doc, extra)
            for subscription in wanted:
                self.write_delivery(subscription, topic, body, event_id)

    def write_delivery(self, subscription, topic, body, event_id):
        if subscription["include_fields"]:
            body = {key: body[key] for key in subscription["include_fields"] if key in body}
        headers = {
            "X-Shopify-Topic": topic,
            "X-Shopify-Shop-Domain": self.store.meta["shop"]["domain"],
            "X-Shopify-API-Version": API_VERSION,
            "X-Shopify-Webhook-Id": str(uuid.uuid4()),
            "X-Shopify-Event-Id": event_id,
            "X-Shopify-Triggered-At": datetime.now(UTC).isoformat(timespec="microseconds"),
        }
        if subscription["name"]:
            headers["X-Shopify-Name"] = subscription["name"]
        raw = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        row = (self.store.next_id(), subscription["id"], topic, json.dumps(headers), raw)
        self.store.deliveries.append(row)
        self.queued.append(row)

    def forget(self):
        """A rolled-back step happened for nobody."""
        self.collected = {}
        self.queued = []

    def hand_over(self):
        queued, self.queued = self.queued, []
        if queued and self.deliver:
            self.deliver(queued)
