"""The store's memory: objects as dicts, written through to one SQLite file per mutation."""

import json
import sqlite3
import threading
from collections import defaultdict
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

# Look-ups that must not scan. The indexed fields never change once an object exists.
INDEXES = {
    "FulfillmentOrder": ("order_id",),
    "Fulfillment": ("order_id",),
    "Return": ("order_id",),
    "InventoryLevel": ("item_id", "location_id"),
    "ProductVariant": ("product_id", "sku"),
    "ReverseFulfillmentOrder": ("return_id",),
    "Order": ("name", "source_identifier"),
    "Customer": ("email",),
}

TABLES = """
create table if not exists object (
    kind text not null, id integer not null, body text not null, primary key (kind, id)
) without rowid;
create table if not exists delivery (
    id integer primary key, subscription_id integer not null, topic text not null,
    headers text not null, body blob not null, attempts integer not null default 0,
    not_before real not null default 0
);
"""

FIRST_ID = 7_100_000_000_001


class Store:
    """In-memory objects by kind and id. Every change happens inside `transaction()`."""

    def __init__(self, state_dir):
        self.path = Path(state_dir) / "sandbox.sqlite3"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.lock = threading.RLock()
        self.open_transaction = False
        self.before_commit = []
        self.after_commit = []
        self.on_roll_back = []
        self._load()

    def _load(self):
        # One connection behind one lock: SQLite is only the write-behind of the dicts.
        self.db = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None)
        self.db.execute("pragma journal_mode = wal")
        self.db.execute("pragma synchronous = normal")
        self.db.executescript(TABLES)
        self.objects: dict = defaultdict(dict)
        self.index: dict = defaultdict(dict)
        self.dirty = {}
        self.removed = {}
        self.deliveries = []
        for kind, body in self.db.execute("select kind, body from object order by kind, id"):
            doc = json.loads(body)
            self._remember(kind, doc)
        self.meta: Any = self.objects["Meta"].get(0)
        self.fresh = self.meta is None
        if self.fresh:
            self.meta = {"kind": "Meta", "id": 0, "next_id": FIRST_ID, "next_number": 1001}
            self._remember("Meta", self.meta)

    @contextmanager
    def transaction(self):
        """One durable step; an exception puts memory back to what the file says."""
        with self.lock:
            if self.open_transaction:
                yield self
                return
            self.open_transaction = True
            try:
                yield self
                for hook in self.before_commit:
                    hook()
                self._commit()
            except BaseException:
                self._roll_back()
                raise
            finally:
                self.open_transaction = False
        for hook in self.after_commit:
            hook()

    def get(self, kind, number) -> Any:
        return self.objects[kind].get(number)

    def all(self, kind):
        return list(self.objects[kind].values())

    def where(self, kind, field, value):
        """Objects of a kind by an indexed field, in the order they were made."""
        found = self.index[kind, field].get(value)
        return list(found.values()) if found else []

    def add(self, kind, **fields):
        """A new object with a fresh id (or the given one), timestamps included."""
        doc = {"kind": kind, "id": fields.pop("id", None) or self.next_id(), **fields}
        moment = now_text()
        doc.setdefault("created_at", moment)
        doc.setdefault("updated_at", moment)
        self._remember(kind, doc)
        self.dirty[kind, doc["id"]] = doc
        return doc

    def save(self, doc, touch=True):
        """Marks an object as changed; `touch` moves its updated_at."""
        if touch:
            doc["updated_at"] = now_text()
        self.dirty[doc["kind"], doc["id"]] = doc

    def remove(self, doc):
        key = doc["kind"], doc["id"]
        self._forget(doc)
        self.dirty.pop(key, None)
        self.removed[key] = doc

    def next_id(self):
        number = self.meta["next_id"]
        self.meta["next_id"] = number + 1
        self.save(self.meta, touch=False)
        return number

    def wipe(self):
        """Empties memory and file."""
        with self.lock:
            self.db.execute("delete from object")
            self.db.execute("delete from delivery")
            self.db.close()
            self._load()

    def close(self):
        with self.lock:
            self.db.close()

    def _remember(self, kind, doc):
        self.objects[kind][doc["id"]] = doc
        for field in INDEXES.get(kind, ()):
            self.index[kind, field].setdefault(doc[field], {})[doc["id"]] = doc

    def _forget(self, doc):
        kind = doc["kind"]
        self.objects[kind].pop(doc["id"], None)
        for field in INDEXES.get(kind, ()):
            self.index[kind, field].get(doc[field], {}).pop(doc["id"], None)

    def _commit(self):
        if not (self.dirty or self.removed or self.deliveries):
            return
        db = self.db
        db.execute("begin immediate")
        try:
            db.executemany(
                "insert or replace into object (kind, id, body) values (?, ?, ?)",
                [
                    (kind, number, json.dumps(doc, separators=(",", ":")))
                    for (kind, number), doc in self.dirty.items()
                ],
            )
            db.executemany("delete from object where kind = ? and id = ?", list(self.removed))
            db.executemany(
                "insert into delivery (id, subscription_id, topic, headers, body) "
                "values (?, ?, ?, ?, ?)",
                self.deliveries,
            )
            db.execute("commit")
        except BaseException:
            db.execute("rollback")
            raise
        self.dirty, self.removed, self.deliveries = {}, {}, []

    def _roll_back(self):
        """Puts every touched object back to its stored body, keeping object identity."""
        for doc in self.removed.values():
            self._remember(doc["kind"], doc)
        for (kind, number), doc in (self.dirty | self.removed).items():
            row = self.db.execute(
                "select body from object where kind = ? and id = ?", (kind, number)
            ).fetchone()
            if row:
                doc.clear()
                doc.update(json.loads(row[0]))
            elif kind != "Meta":
                self._forget(doc)
        self.dirty, self.removed, self.deliveries = {}, {}, []
        for hook in self.on_roll_back:
            hook()


def now_text():
    """Shopify's clock: UTC, whole seconds (two changes in one second carry equal stamps)."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
