"""Idempotency keys: which mutations demand one, and what a second use of a key answers."""

import hashlib
import json
import threading
from datetime import UTC, datetime, timedelta

from oms.shopify.sandbox.errors import IDEMPOTENT_REQUIRED, ShopifyError
from oms.shopify.sandbox.lookup import embedded

KEPT_HOURS = 24
MISMATCH = "The same idempotency key cannot be used with different operation parameters."
FAILED_BEFORE = "A previous attempt with this idempotency key failed. Use a new key."
CONCURRENT = "A request with this idempotency key is already being processed."


class Keys:
    """Records of used keys live in the store; keys of running requests only in memory."""

    def __init__(self, store):
        self.store = store
        self.running = set()
        self.lock = threading.Lock()

    def begin(self, root, key):
        """False while another request with the key runs."""
        with self.lock:
            if (root, key) in self.running:
                return False
            self.running.add((root, key))
            return True

    def end(self, root, key):
        with self.lock:
            self.running.discard((root, key))

    def find(self, root, key):
        number = record_number(root, key)
        record = self.store.get("IdempotencyKey", number)
        if record is None:
            return None
        age = datetime.now(UTC) - datetime.fromisoformat(record["created_at"])
        return record if age < timedelta(hours=KEPT_HOURS) else None

    def remember(self, root, key, parameters, payload, failed):
        self.store.add(
            "IdempotencyKey",
            id=record_number(root, key),
            root=root,
            parameters=parameters,
            failed=failed,
            payload=None if failed else packed(payload),
        )

    def replay(self, record):
        """The first answer rebuilt from the rows as they are now."""
        return unpacked(record["payload"], self.store)


def directive_key(info):
    """The key given on this field, None without the directive."""
    for node in info.field_nodes:
        for directive in node.directives or ():
            if directive.name.value == "idempotent":
                value = directive.arguments[0].value
                if value.kind == "variable":
                    return info.variable_values.coerced[value.name.value]
                return value.value
    return None


def require_key(info):
    key = directive_key(info)
    if not key:
        raise ShopifyError(IDEMPOTENT_REQUIRED, "BAD_REQUEST")
    return key


def fingerprint(arguments):
    text = json.dumps(arguments, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def record_number(root, key):
    digest = hashlib.sha256(f"{root}\0{key}".encode()).digest()
    return int.from_bytes(digest[:7], "big")


def packed(value):
    """Stored objects become references, so that a replay shows their present state."""
    if isinstance(value, dict):
        if "kind" in value and "id" in value:
            return {"$ref": [value["kind"], value["id"]]}
        return {key: packed(each) for key, each in value.items()}
    return [packed(each) for each in value] if isinstance(value, list) else value


def unpacked(value, store):
    if isinstance(value, dict):
        if "$ref" in value:
            return store.get(*value["$ref"]) or embedded(store, *value["$ref"])
        return {key: unpacked(each, store) for key, each in value.items()}
    return [unpacked(each, store) for each in value] if isinstance(value, list) else value
