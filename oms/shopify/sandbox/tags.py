"""tagsAdd and tagsRemove on orders, products and customers."""

from oms.shopify.sandbox.errors import refuse
from oms.shopify.sandbox.ids import split_gid
from oms.shopify.sandbox.mutations import mutation

TAGGABLE = ("Order", "Product", "Customer")


@mutation("tagsAdd")
def tags_add(context, id, tags):
    doc = taggable(context.store, id)
    present = {tag.lower() for tag in doc["tags"]}
    wanted = [tag.strip() for tag in tags if tag.strip()]
    doc["tags"] = sorted([*doc["tags"], *(tag for tag in wanted if tag.lower() not in present)])
    changed(context, doc)
    return {"node": doc}


@mutation("tagsRemove")
def tags_remove(context, id, tags):
    doc = taggable(context.store, id)
    gone = {tag.strip().lower() for tag in tags}
    doc["tags"] = [tag for tag in doc["tags"] if tag.lower() not in gone]
    changed(context, doc)
    return {"node": doc}


def taggable(store, gid):
    parts = split_gid(gid)
    doc = store.get(*parts) if parts and parts[0] in TAGGABLE else None
    if doc is None:
        refuse(["id"], f"{parts[0] if parts else 'Resource'} does not exist")
    return doc


def changed(context, doc):
    if doc["kind"] == "Order":
        context.events.changed_order(doc)
        return
    context.store.save(doc)
    if doc["kind"] == "Product":
        context.events.emit("products/update", doc)
