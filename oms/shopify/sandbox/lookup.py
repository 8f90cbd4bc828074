"""Objects by gid, and the generic node roots."""

from oms.shopify.sandbox.errors import UnknownToSandbox, not_found_id
from oms.shopify.sandbox.ids import split_gid
from oms.shopify.sandbox.registry import field, models


def by_gid(store, kind, text):
    """The object, or None when no such number; another type's gid is a top-level error."""
    parts = split_gid(text)
    if parts is None or parts[0] != kind:
        raise not_found_id(text)
    return store.get(kind, parts[1])


def find(store, kind, text):
    """Like by_gid, but a gid of another type is simply not found."""
    parts = split_gid(text)
    return store.get(kind, parts[1]) if parts and parts[0] == kind else None


def embedded(store, kind, number):
    """Lines and other parts that live inside an order-side object, by their own id."""
    homes = {
        "LineItem": ("Order", "lines"),
        "OrderTransaction": ("Order", "transactions"),
        "Refund": ("Order", "refunds"),
        "FulfillmentOrderLineItem": ("FulfillmentOrder", "lines"),
        "FulfillmentLineItem": ("Fulfillment", "lines"),
        "FulfillmentEvent": ("Fulfillment", "events"),
        "ReturnLineItem": ("Return", "lines"),
        "ReverseFulfillmentOrderLineItem": ("ReverseFulfillmentOrder", "lines"),
    }
    if kind not in homes:
        return None
    home, key = homes[kind]
    for doc in store.all(home):
        for part in doc[key]:
            if part["id"] == number:
                return part
    return None


@field("QueryRoot", "node")
def node_root(root, info, id):
    parts = split_gid(id)
    if parts is None or parts[1] == 0:
        raise not_found_id(id)
    store = info.context.store
    if parts[0] not in info.schema.type_map:
        raise not_found_id(id)
    if not models(parts[0]):
        raise UnknownToSandbox(f"node of type {parts[0]}")
    return store.get(*parts) or embedded(store, *parts)


@field("QueryRoot", "nodes")
def nodes_root(root, info, ids):
    return [node_root(root, info, each) for each in ids]
