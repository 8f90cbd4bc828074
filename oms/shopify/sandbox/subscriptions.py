"""Webhook subscriptions made through the API."""

import re
from urllib.parse import urlsplit

from oms.shopify.sandbox.connections import connect
from oms.shopify.sandbox.errors import UnknownToSandbox, refuse
from oms.shopify.sandbox.ids import gid_of
from oms.shopify.sandbox.lookup import by_gid, find
from oms.shopify.sandbox.mutations import mutation
from oms.shopify.sandbox.registry import field, keys, node, plain
from oms.shopify.sandbox.schema import API_VERSION

ADDRESS = ["webhookSubscription", "callbackUrl"]
LOOPBACK = ("127.0.0.1", "localhost", "::1")

node("WebhookSubscription", legacy=True)
keys(
    "WebhookSubscription",
    topic="topic",
    uri="uri",
    callbackUrl="uri",
    format="format",
    filter="filter",
    name="name",
    includeFields="include_fields",
    metafieldNamespaces="metafield_namespaces",
    createdAt="created_at",
    updatedAt="updated_at",
)
keys("WebhookSubscription", metafields="metafields")
plain("WebhookSubscriptionMetafieldIdentifier", "namespace key")
plain("ApiVersion", "handle displayName supported")
plain("WebhookHttpEndpoint", "callbackUrl")


@field("WebhookSubscription", "apiVersion")
def api_version(subscription, info):
    return {"handle": API_VERSION, "displayName": API_VERSION, "supported": True}


@field("WebhookSubscription", "endpoint")
def endpoint(subscription, info):
    return {"__typename": "WebhookHttpEndpoint", "callbackUrl": subscription["uri"]}


@field("QueryRoot", "webhookSubscription")
def subscription_root(root, info, id):
    return by_gid(info.context.store, "WebhookSubscription", id)


@field("QueryRoot", "webhookSubscriptions")
def subscriptions_root(
    root,
    info,
    topics=None,
    uri=None,
    callbackUrl=None,
    format=None,
    query=None,
    sortKey="CREATED_AT",
    **page,
):
    rows = info.context.store.all("WebhookSubscription")
    if query:
        raise UnknownToSandbox("QueryRoot.webhookSubscriptions(query:)")
    wanted = uri or callbackUrl
    rows = [
        row
        for row in rows
        if (not topics or row["topic"] in topics)
        and (not wanted or row["uri"] == wanted)
        and (not format or row["format"] == format)
    ]
    return connect(rows, **page)


@field("QueryRoot", "webhookSubscriptionsCount")
def subscriptions_count(root, info, query=None, limit=10000):
    return {"count": len(info.context.store.all("WebhookSubscription")), "precision": "EXACT"}


@mutation("webhookSubscriptionCreate")
def subscription_create(context, topic, webhookSubscription):
    uri = checked_uri(webhookSubscription)
    check_taken(context.store, topic, uri, webhookSubscription.get("filter"))
    subscription = context.store.add(
        "WebhookSubscription",
        topic=topic,
        uri=uri,
        format=webhookSubscription.get("format") or "JSON",
        filter=webhookSubscription.get("filter"),
        metafields=webhookSubscription.get("metafields") or [],
        name=webhookSubscription.get("name"),
        include_fields=webhookSubscription.get("includeFields") or [],
        metafield_namespaces=webhookSubscription.get("metafieldNamespaces") or [],
    )
    return {"webhookSubscription": subscription}


@mutation("webhookSubscriptionUpdate")
def subscription_update(context, id, webhookSubscription):
    subscription = find(context.store, "WebhookSubscription", id)
    if subscription is None:
        refuse(["id"], "Webhook subscription does not exist")
    if "uri" in webhookSubscription or "callbackUrl" in webhookSubscription:
        subscription["uri"] = checked_uri(webhookSubscription)
    elif webhookSubscription.get("filter"):
        raise UnknownToSandbox("WebhookSubscriptionInput.filter")
    for given, stored in (
        ("includeFields", "include_fields"),
        ("metafieldNamespaces", "metafield_namespaces"),
        ("metafields", "metafields"),
        ("format", "format"),
        ("name", "name"),
    ):
        if given in webhookSubscription:
            subscription[stored] = webhookSubscription[given]
    context.store.save(subscription)
    return {"webhookSubscription": subscription}


@mutation("webhookSubscriptionDelete")
def subscription_delete(context, id):
    subscription = find(context.store, "WebhookSubscription", id)
    if subscription is None:
        refuse(["id"], "Webhook subscription does not exist")
    context.store.remove(subscription)
    return {"deletedWebhookSubscriptionId": gid_of(subscription)}


def checked_uri(given):
    """The address, refused in Shopify's words; http is let through to this machine only."""
    uri = given.get("uri") or given.get("callbackUrl") or ""
    if len(uri.encode()) > 65536:
        refuse(ADDRESS, "Address is too big (maximum is 64 KB)")
    if not uri.strip():
        refuse(ADDRESS, "Address can't be blank")
    url = urlsplit(uri)
    if url.scheme in ("pubsub", "arn"):
        raise UnknownToSandbox(f"webhook subscriptions to {url.scheme}: addresses")
    if url.scheme not in ("http", "https") and re.match(r"^\w+://", uri):
        refuse(ADDRESS, f"Address protocol {url.scheme}:// is not supported")
    local = url.hostname in LOOPBACK
    if url.scheme == "http" and not local:
        refuse(ADDRESS, "Address protocol http:// is not supported")
    if not url.hostname or url.hostname.endswith(("myshopify.com", "shopify.com")):
        if url.hostname:
            refuse(ADDRESS, "Address cannot be a Shopify or an internal domain")
        refuse(ADDRESS, "Address is invalid")
    if not local and "." not in url.hostname:
        refuse(ADDRESS, "Address is invalid")
    if given.get("filter"):
        raise UnknownToSandbox("WebhookSubscriptionInput.filter")
    if given.get("format") == "XML":
        raise UnknownToSandbox("XML webhooks")
    return uri


def check_taken(store, topic, uri, filter_text):
    for row in store.all("WebhookSubscription"):
        if (
            row["topic"] == topic
            and row["uri"] == uri
            and (row["filter"] or "") == (filter_text or "")
        ):
            refuse(ADDRESS, "Address for this topic has already been taken")
