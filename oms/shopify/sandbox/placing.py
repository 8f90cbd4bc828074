"""Places real orders at a rate in the background, and makes the returns that follow them."""

import logging
import threading
import time

from oms.shopify.sandbox import totals
from oms.shopify.sandbox.errors import UserErrors
from oms.shopify.sandbox.money import ZERO
from oms.shopify.sandbox.refunds import make_refund
from oms.shopify.sandbox.return_views import returnable_units
from oms.shopify.sandbox.returns import make_return
from oms.shopify.sandbox.seed.cancellations import take_backs
from oms.shopify.sandbox.seed.documents import documents
from oms.shopify.sandbox.seed.orders import correct_stock, place_document

log = logging.getLogger(__name__)


class Placer:
    """A durable job: how many are left and where in the documents we are is in the store."""

    def __init__(self, sandbox):
        self.sandbox = sandbox
        self.store = sandbox.store
        self.wake = threading.Condition()
        self.stopping = False
        self.thread = threading.Thread(target=self.work, name="placer", daemon=True)

    @property
    def context(self):
        return self.sandbox.engine.context()

    def start(self):
        self.thread.start()

    def stop(self):
        with self.wake:
            self.stopping = True
            self.wake.notify_all()
        self.thread.join(10)

    def order_more(self, count, rate):
        """Adds orders to place; a later call changes the rate of all that are left."""
        with self.store.transaction():
            placing = self.store.meta["placing"]
            placing["remaining"] += count
            placing["rate"] = rate
            self.store.save(self.store.meta, touch=False)
        with self.wake:
            self.wake.notify_all()

    def halt(self):
        with self.store.transaction():
            self.store.meta["placing"]["remaining"] = 0
            self.store.save(self.store.meta, touch=False)

    def work(self):
        due = time.monotonic()
        while not self.stopping:
            placing = self.store.meta["placing"]
            if placing["remaining"] <= 0:
                with self.wake:
                    self.wake.wait(0.2)
                due = time.monotonic()
                continue
            now = time.monotonic()
            if placing["rate"] and now < due:
                with self.wake:
                    self.wake.wait(min(due - now, 0.2))
                continue
            if not self.place_next():
                self.halt()
            # After a stall the missed orders come at once, but never more than a second's worth.
            step = 1 / placing["rate"] if placing["rate"] else 0
            due = max(due + step, now - 1)

    def place_next(self):
        """One order, with the stock corrections that lie before it. False at the end."""
        rows = documents()
        with self.store.transaction():
            meta = self.store.meta
            while meta["cursor"] < len(rows):
                document = rows[meta["cursor"]]
                meta["cursor"] += 1
                if document.kind == "correction":
                    correct_stock(self.context, document)
                elif document.kind == "sale":
                    place_document(self.context, document)
                    meta["placing"]["remaining"] -= 1
                    break
            else:
                self.store.save(meta, touch=False)
                return False
            self.store.save(meta, touch=False)
        return True

    def due_take_backs(self):
        """C documents whose time has come and whose sale was placed, not yet acted on."""
        cursor = self.store.meta["cursor"]
        if self.store.meta["seed"] != "real":
            return []
        return [
            each
            for each in take_backs().take_backs
            if each.position < cursor and self.store.get("TakenBack", each.number) is None
        ]

    def make_returns(self, count=None, kinds=("return", "refund")):
        """Customers ask for returns of what they have; what has not shipped is refunded at once."""
        result = {"returns": 0, "refunds": 0, "impossible": 0, "waiting": 0}
        for take_back in self.due_take_backs():
            if count is not None and result["returns"] + result["refunds"] >= count:
                break
            found = self.store.where("Order", "source_identifier", take_back.sale)
            if not found:
                result["impossible"] += 1
                continue
            outcome = self.take_back(found[0], take_back, kinds)
            for name in outcome:
                result[name] += 1
        return result

    def take_back(self, order, take_back, kinds):
        outcome = []
        try:
            with self.store.transaction():
                fulfilled, open_units = self.split(order, take_back)
                if fulfilled and "return" in kinds:
                    self.request_return(order, fulfilled)
                    outcome.append("returns")
                if open_units and "refund" in kinds:
                    self.refund_unshipped(order, open_units, take_back.invoice)
                    outcome.append("refunds")
                if not outcome and (fulfilled or open_units):
                    return ["waiting"]
                self.store.add(
                    "TakenBack", id=take_back.number, order_id=order["id"], outcome=outcome
                )
        except UserErrors as refusal:
            log.warning("cannot take back %s: %s", take_back.invoice, refusal)
            return ["impossible"]
        return outcome or ["impossible"]

    def split(self, order, take_back):
        """Units with the customer by fulfillment line, and units that never left."""
        free = [
            [line, units]
            for _, lines in returnable_units(self.store, order)
            for line, units in lines
        ]
        fulfilled, open_units = [], []
        for position, wanted in take_back.lines:
            line = order["lines"][position]
            for entry in free:
                units = min(wanted, entry[1])
                if entry[0]["line_id"] == line["id"] and units:
                    entry[1] -= units
                    wanted -= units
                    fulfilled.append((entry[0], units))
            units = min(wanted, totals.unfulfilled_quantity(line), totals.current_quantity(line))
            if units > 0:
                open_units.append((line, units))
        return fulfilled, open_units

    def request_return(self, order, rows):
        given = {
            "orderId": f"gid://shopify/Order/{order['id']}",
            "returnLineItems": [
                {
                    "fulfillmentLineItemId": f"gid://shopify/FulfillmentLineItem/{line['id']}",
                    "quantity": units,
                    "returnReason": "UNWANTED",
                    "customerNote": "I would like to send this back.",
                }
                for line, units in rows
            ],
        }
        doc = make_return(self.context, given, "REQUESTED", "input")
        self.sandbox.events.emit("returns/request", doc)

    def refund_unshipped(self, order, rows, invoice):
        """A merchant's refund in the admin: units cancelled, money back."""
        goods = ZERO
        for line, units in rows:
            goods = goods + totals.line_net(order, line, units)
        location_id = next(
            (
                each["location_id"]
                for each in self.store.where("FulfillmentOrder", "order_id", order["id"])
                if each["status"] != "CLOSED"
            ),
            None,
        )
        make_refund(
            self.context,
            order,
            [(line, units, "CANCEL", location_id) for line, units in rows],
            money=goods,
            note=f"Cancelled by document {invoice}",
        )
        self.sandbox.events.changed_order(order)
