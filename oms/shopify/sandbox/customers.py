"""Customers: just enough to stand behind an order."""

from oms.shopify.sandbox.addresses import mailing_address
from oms.shopify.sandbox.errors import refuse
from oms.shopify.sandbox.ids import number_of
from oms.shopify.sandbox.registry import absent, field, keys, node

node("Customer", legacy=True)
keys(
    "Customer",
    firstName="first_name",
    lastName="last_name",
    email="email",
    phone="phone",
    note="note",
    tags="tags",
    locale="locale",
    createdAt="created_at",
    updatedAt="updated_at",
    defaultAddress="default_address",
)
absent("Customer", "taxExempt", False)
absent("Customer", "verifiedEmail", True)
absent("Customer", "state", "DISABLED")


@field("Customer", "displayName")
def display_name(customer, info):
    name = " ".join(part for part in (customer["first_name"], customer["last_name"]) if part)
    return name or customer["email"] or customer["phone"] or ""


@field("Customer", "defaultEmailAddress")
def default_email_address(customer, info):
    return {"emailAddress": customer["email"]} if customer["email"] else None


@field("CustomerEmailAddress", "emailAddress")
def email_address(value, info):
    return value["emailAddress"]


@field("Customer", "numberOfOrders")
def number_of_orders(customer, info):
    rows = info.context.store.all("Order")
    return str(sum(row["customer_id"] == customer["id"] for row in rows))


def associate_customer(store, given):
    customer = store.get("Customer", number_of(given.get("id"), "Customer") or 0)
    if customer is None and given.get("email"):
        customer = customer_by_email(store, given["email"])
    if customer is None:
        refuse(["order", "customer", "toAssociate", "id"], "Customer does not exist", "INVALID")
    return customer


def upsert_customer(store, given):
    customer = store.get("Customer", number_of(given.get("id"), "Customer") or 0)
    if customer is None and given.get("email"):
        customer = customer_by_email(store, given["email"])
    if customer is None:
        customer = add_customer(store, given)
    return customer


def add_customer(store, given):
    addresses = given.get("addresses") or []
    return store.add(
        "Customer",
        first_name=given.get("firstName"),
        last_name=given.get("lastName"),
        email=(given.get("email") or "").lower() or None,
        phone=given.get("phone"),
        note=given.get("note"),
        tags=sorted(given.get("tags") or []),
        locale="en",
        default_address=mailing_address(store, addresses[0]) if addresses else None,
    )


def customer_by_email(store, email):
    found = store.where("Customer", "email", email.lower())
    return found[0] if found else None
