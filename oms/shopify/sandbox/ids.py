"""Shopify ids: gid://shopify/{Type}/{n} in both directions."""

import re

GID = re.compile(r"^gid://shopify/(\w+)/(-?[\w-]+)(?:\?(.*))?$")


def gid(kind, number):
    return f"gid://shopify/{kind}/{number}"


def gid_of(doc):
    """The global id of a stored object; an inventory level carries its item in the query."""
    if doc["kind"] == "InventoryLevel":
        return f"gid://shopify/InventoryLevel/{doc['id']}?inventory_item_id={doc['item_id']}"
    return f"gid://shopify/{doc['kind']}/{doc['id']}"


def split_gid(text):
    """(type, number) of a gid, or None when the text is no gid at all. A job's id is a UUID."""
    match = GID.match(str(text))
    if match is None:
        return None
    return match[1], int(match[2]) if match[2].lstrip("-").isdigit() else match[2]


def number_of(text, kind=None):
    """The number of a gid of this type; None for another type or no gid."""
    parts = split_gid(text)
    if parts is None or (kind and parts[0] != kind):
        return None
    return parts[1]
