"""tagsAdd and tagsRemove on orders, products and customers."""

from oms.shopify.sandbox.errors import ShopifyError, UnknownToSandbox, refuse
from oms.shopify.sandbox.ids import split_gid
from oms.shopify.sandbox.mutations import mutation

TAGGABLE = ("Order", "Product", "Customer")
ELSEWHERE = ("Article", "DraftOrder")  # Shopify tags them too, this store has none


@mutation("tagsAdd")
def tags_add(context, id, tags):
    doc = taggable(context.store, id)
    kept = {tag.lower(): tag for tag in doc["tags"]}
    for tag in listed(tags):
        kept.setdefault(tag.lower(), tag)
    doc["tags"] = sorted(kept.values(), key=str.lower)
    changed(context, doc)
    return {"node": doc}


@mutation("tagsRemove")
def tags_remove(context, id, tags):
    doc = taggable(context.store, id)
    gone = set(listed(tags))  # recorded: adding ignores case, removing does not
    doc["tags"] = [tag for tag in doc["tags"] if tag not in gone]
    changed(context, doc)
    return {"node": doc}


def listed(tags):
    """Tags may come as a list, as text with commas, or as a list of such texts."""
    return [tag.strip() for each in tags for tag in each.split(",") if tag.strip()]


def taggable(store, gid):
    parts = split_gid(gid)
    if parts and parts[0] in ELSEWHERE:
        raise UnknownToSandbox(f"tags of type {parts[0]}")
    if parts is None or parts[0] not in TAGGABLE:
        raise ShopifyError("invalid id", "RESOURCE_NOT_FOUND")
    doc = store.get(*parts)
    if doc is None:
        refuse(["id"], f"{parts[0]} does not exist")
    return doc


def changed(context, doc):
    if doc["kind"] == "Order":
        context.events.changed_order(doc)
        return
    context.store.save(doc)
    if doc["kind"] == "Product":
        context.events.emit("products/update", doc)
