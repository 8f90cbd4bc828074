"""What an operator of this machine can ask of the store. Not part of Shopify."""

import json
from urllib.parse import parse_qs, urlsplit

from oms.shopify.sandbox import till, totals
from oms.shopify.sandbox.cost import Bucket
from oms.shopify.sandbox.errors import UserErrors
from oms.shopify.sandbox.faults import FAULTS
from oms.shopify.sandbox.ids import gid_of, number_of
from oms.shopify.sandbox.money import bag, decimal_text, total
from oms.shopify.sandbox.order_create import check_order, make_order
from oms.shopify.sandbox.seed.cancellations import take_backs
from oms.shopify.sandbox.seed.documents import documents
from oms.shopify.sandbox.stock import NAMES, ON_HAND_PARTS, change, level_of, quantity


class Control:
    """(method, path) to a function of query and body; each gives (status, JSON)."""

    def __init__(self, sandbox):
        self.sandbox = sandbox
        self.routes = {
            ("GET", "/sandbox/status"): self.status,
            ("GET", "/sandbox/seed"): self.seed,
            ("POST", "/sandbox/orders"): self.orders,
            ("POST", "/sandbox/orders/raw"): self.raw_order,
            ("POST", "/sandbox/returns"): self.returns,
            ("GET", "/sandbox/faults"): self.list_faults,
            ("POST", "/sandbox/faults"): self.switch_fault,
            ("DELETE", "/sandbox/faults"): self.clear_faults,
            ("GET", "/sandbox/export"): self.export,
            ("POST", "/sandbox/pos_sale"): self.pos_sale,
            ("POST", "/sandbox/foreign_write"): self.foreign_write,
            ("POST", "/sandbox/pos_orders"): self.pos_order,
            ("GET", "/sandbox/log"): self.log,
            ("POST", "/sandbox/reset"): self.reset,
            ("POST", "/sandbox/secret"): self.rotate_secret,
            ("POST", "/sandbox/plan"): self.change_plan,
        }

    def answer(self, method, path, body):
        url = urlsplit(path)
        route = self.routes.get((method, url.path))
        if route is None:
            known = [f"{verb} {where}" for verb, where in self.routes]
            return 404, {"error": f"no such control: {method} {url.path}", "known": known}
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        try:
            given = json.loads(body) if body.strip() else {}
            return 200, route(query, given)
        except (KeyError, TypeError, ValueError) as error:
            return 400, {"error": f"{type(error).__name__}: {error}"}
        except UserErrors as refusal:
            return 422, {"errors": refusal.errors}

    @property
    def store(self):
        return self.sandbox.store

    @property
    def context(self):
        return self.sandbox.engine.context()

    def status(self, query, given):
        meta, deliverer = self.store.meta, self.sandbox.deliverer
        real = meta["seed"] == "real"
        return {
            "shop": meta["shop"]["domain"],
            "seed": meta["seed"],
            "placed": meta["placed"],
            "target": meta["placed"] + meta["placing"]["remaining"],
            "rate": meta["placing"]["rate"],
            "returns_due": len(self.sandbox.placer.due_take_backs()),
            "take_backs": vars_of_plan(take_backs()) if real and query.get("plan") else None,
            "cancel_jobs": sum(not job["done"] for job in self.store.all("Job")),
            "webhooks_pending": deliverer.pending(),
            "webhooks_delivered": deliverer.delivered,
            "webhooks_failed": deliverer.failed,
            "webhooks_dropped": deliverer.dropped,
            "subscriptions": len(self.store.all("WebhookSubscription")),
            "requests": self.sandbox.requests,
            "throttled": self.sandbox.throttled,
            "faults": self.sandbox.faults.listed(),
        }

    def seed(self, query, given):
        """What a person would set up by hand: credentials and countries served."""
        meta = self.store.meta
        return {
            "shop": meta["shop"]["domain"],
            "name": meta["shop"]["name"],
            "currency": meta["shop"]["currency"],
            "access_token": meta["shop"]["token"],
            "client_secret": meta["shop"]["secret"],
            "graphql_url": self.sandbox.graphql_url,
            "locations": [
                {
                    "id": gid_of(place),
                    "name": place["name"],
                    "rank": place["rank"],
                    "latitude": place["address"]["latitude"],
                    "longitude": place["address"]["longitude"],
                    "zip": place["address"]["zip"],
                    **meta["served"].get(str(place["id"]), {"countries": []}),
                }
                for place in self.store.all("Location")
            ],
            "documents": len(documents()) if meta["seed"] == "real" else 0,
        }

    def orders(self, query, given):
        if self.store.meta["seed"] != "real":
            raise ValueError("this seed has no documents; use POST /sandbox/orders/raw")
        count, rate = int(given["count"]), float(given.get("rate") or 0)
        if count < 0 or rate < 0:
            raise ValueError("count and rate must not be negative")
        self.sandbox.placer.order_more(count, rate)
        return self.status({}, {})

    def raw_order(self, query, given):
        """A whole OrderCreateOrderInput; stock is claimed unless `claim` is false."""
        claim = given.pop("claim", True)
        with self.store.transaction():
            check_order(self.store, given)
            order = make_order(self.context, given, claim)
            self.store.meta["placed"] += 1
            self.store.save(self.store.meta, touch=False)
        return {"id": gid_of(order), "name": order["name"]}

    def returns(self, query, given):
        count = given.get("count")
        kinds = tuple(given.get("kinds") or ("return", "refund"))
        return self.sandbox.placer.make_returns(None if count is None else int(count), kinds)

    def list_faults(self, query, given):
        return {"on": self.sandbox.faults.listed(), "known": FAULTS}

    def switch_fault(self, query, given):
        self.sandbox.faults.switch_on(**given)
        return self.list_faults({}, {})

    def clear_faults(self, query, given):
        self.sandbox.faults.switch_off(query.get("name") or given.get("name"))
        return self.list_faults({}, {})

    def export(self, query, given):
        """Orders with units and money, or stock by level; the OMS checks itself on it."""
        wanted = query.get("type", "orders")
        if wanted == "stock":
            with self.store.lock:
                levels = [
                    level_row(self.store, level) for level in self.store.all("InventoryLevel")
                ]
            return {"stock": levels, "count": len(levels)}
        if wanted != "orders":
            raise ValueError("only type=orders and type=stock are exported")
        with self.store.lock:
            rows = [order_row(self.store, order) for order in self.store.all("Order")]
        return {"orders": rows, "count": len(rows)}

    def pos_sale(self, query, given):
        """A till sells: available goes down, whatever anybody had planned."""
        with self.store.transaction():
            level = self.level(given)
            change(self.context, level, available=-int(given["quantity"]))
        return {"available": quantity(level, "available")}

    def foreign_write(self, query, given):
        """Another app or a person in the admin changes named quantities by a number of units."""
        deltas = {name: int(units) for name, units in given["change"].items()}
        if unknown := deltas.keys() - {*ON_HAND_PARTS, "incoming"}:
            raise ValueError(f"no such quantity: {', '.join(sorted(unknown))}")
        with self.store.transaction():
            level = self.level(given)
            change(self.context, level, **deltas)
        return {name: quantity(level, name) for name in NAMES}

    def level(self, given):
        """The level of `sku` at `location`, by name or gid."""
        item = next(each for each in self.store.all("InventoryItem") if each["sku"] == given["sku"])
        place = next(
            each
            for each in self.store.all("Location")
            if given["location"] in (each["name"], gid_of(each))
        )
        level = level_of(self.store, item["id"], place["id"])
        if level is None:
            raise ValueError(f"{given['sku']} is not stocked at {given['location']}")
        return level

    def pos_order(self, query, given):
        """A till sells as an order, and somebody may have some of it sent home."""
        with self.store.transaction():
            order = till.sell(self.context, given)
            self.store.meta["placed"] += 1
            self.store.save(self.store.meta, touch=False)
        return {"id": gid_of(order), "name": order["name"]}

    def change_first(self, variables, units):
        """Somebody changes the first level that a request is about to set, by so many units."""
        inputs = [value for value in variables.values() if isinstance(value, dict)]
        rows: list = next((each["quantities"] for each in inputs if "quantities" in each), [])
        for row in rows[:1]:
            item = number_of(row["inventoryItemId"])
            level = level_of(self.store, item, number_of(row["locationId"]))
            if level is not None:
                with self.store.transaction():
                    change(self.context, level, available=units)

    def log(self, query, given):
        rows = list(self.sandbox.log)[-int(query.get("last", 100)) :]
        return {"requests": rows}

    def reset(self, query, given):
        self.sandbox.reset(given.get("seed"))
        return self.status({}, {})

    def change_plan(self, query, given):
        """Another plan, another bucket; an empty one at once with `"drained": true`."""
        self.sandbox.engine.bucket = Bucket(given["plan"])
        if given.get("drained"):
            self.sandbox.engine.bucket.drain()
        return self.sandbox.engine.bucket.status()

    def rotate_secret(self, query, given):
        """A new client secret; webhooks are signed with it from now on."""
        with self.store.transaction():
            shop = self.store.meta["shop"]
            shop["secret"] = str(given["secret"])
            self.store.save(self.store.meta, touch=False)
        return {"client_secret": shop["secret"]}


def level_row(store, level):
    item = store.get("InventoryItem", level["item_id"])
    return {
        "item_id": level["item_id"],
        "location_id": level["location_id"],
        "sku": item["sku"],
        "tracked": item["tracked"],
        **{name: quantity(level, name) for name in NAMES},
    }


def order_row(store, order):
    currency = order["currency"]

    def money(value):
        return decimal_text(value.shop, currency)

    return {
        "id": gid_of(order),
        "name": order["name"],
        "invoice": order["source_identifier"],
        "cancelled": order["cancelled_at"] is not None,
        "currency": currency,
        "ordered": sum(line["quantity"] for line in order["lines"]),
        "fulfilled": sum(line["fulfilled"] for line in order["lines"]),
        "refunded": sum(line["refunded"] for line in order["lines"]),
        "removed": sum(line["removed"] for line in order["lines"]),
        "total": money(totals.grand_total(order)),
        "received": money(totals.received(order)),
        "refunded_money": money(totals.refunded(order)),
        "refund_records": money(
            total(bag(row["subtotal"]) for refund in order["refunds"] for row in refund["lines"])
        ),
        "outstanding": money(totals.outstanding(order)),
        "financial_status": totals.financial_status(order),
        "fulfillment_status": totals.fulfillment_status(store, order),
        "return_status": totals.return_status(store, order),
        "fulfillment_orders": [
            {
                "id": gid_of(each),
                "status": each["status"],
                "location_id": each["location_id"],
                "remaining": sum(line["remaining"] for line in each["lines"]),
            }
            for each in store.where("FulfillmentOrder", "order_id", order["id"])
        ],
        "fulfillments": [
            {
                "id": gid_of(each),
                "status": each["status"],
                "location_id": each["location_id"],
                "units": sum(line["quantity"] for line in each["lines"]),
                "tracking": [row["number"] for row in each["tracking"]],
                "events": [event["status"] for event in each["events"]],
            }
            for each in store.where("Fulfillment", "order_id", order["id"])
        ],
        "refunds": [
            {
                "id": gid_of(each),
                "note": each["note"],
                "units": sum(line["quantity"] for line in each["lines"]),
            }
            for each in order["refunds"]
        ],
    }


def vars_of_plan(plan):
    return {
        "take_backs": len(plan.take_backs),
        "lines_matched": plan.lines_matched,
        "lines_unmatched": plan.lines_unmatched,
        "units_matched": plan.units_matched,
        "units_unmatched": plan.units_unmatched,
    }
