"""Every webhook topic we know: who handles it, or why it is left alone or shown to a person.

A topic that is not in the table is kept and shown in the queue, so none is silently unknown.
Handlers of orders/* stand in oms/flow.py, the others in oms/shopify/handlers.py.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Handled:
    """`handler` names the function that takes messages of this topic.

    Not `subscribed`: read when it comes, but we do not ask the store to send it.
    """

    handler: str
    subscribed: bool = True


@dataclass(frozen=True, slots=True)
class Ignored:
    """Nothing to do, and why, in a sentence the inbox shows."""

    reason: str


@dataclass(frozen=True, slots=True)
class ForAPerson:
    """Kept in quarantine with this reason, so that the queue shows it: nothing does it for us."""

    reason: str


ORDER = Handled("orders")
# Shopify sends orders/updated with the same body at the same moment.
ORDER_AGAIN = Handled("orders", subscribed=False)
READ_ORDER = Handled("order_changed")
RETURN = Handled("return_changed")
FULFILLMENT = Handled("fulfillments")
# Every line of every order changes a level: the stock check asks for the numbers instead.
LEVEL = Handled("inventory_levels", subscribed=False)
PRODUCT = Handled("products")
LOCATION = Handled("locations")

NOT_COMPANIES = Ignored("Business customers are read with their orders.")
NOT_CUSTOMERS = Ignored("Customers are read with their orders.")
NOT_DRAFTS = Ignored("A draft is not an order until it is completed.")
NOT_PAYMENT_TERMS = Ignored("Payment terms stay with Shopify; we act on the transactions.")
NOT_TRANSFERS = Ignored("Switchyard does not manage transfers between locations.")
PRIVACY = ForAPerson(
    "A privacy request: answer it by hand within 30 days, then mark the message as read."
)
OWN_REVERSE = Ignored("Goods that come back are inspected in Switchyard.")
WORK = Ignored("We decide where it ships; fulfillment orders are read again before each write.")

TOPICS: dict[str, Handled | Ignored | ForAPerson] = {
    # Not Shopify's: an order that we have read ourselves, in the shape of its webhook.
    "switchyard/order_found": ORDER_AGAIN,
    "orders/create": ORDER,
    "orders/updated": ORDER,
    "orders/paid": ORDER_AGAIN,
    "orders/cancelled": ORDER_AGAIN,
    "orders/fulfilled": ORDER_AGAIN,
    "orders/partially_fulfilled": ORDER_AGAIN,
    "orders/link_requested": Ignored("The customer asked for a link; nothing about the order."),
    "orders/edited": READ_ORDER,
    "orders/delete": Handled("order_deleted"),
    "orders/risk_assessment_changed": Handled("risk_changed"),
    "orders/shopify_protect_eligibility_changed": Ignored(
        "Chargeback protection stays with Shopify."
    ),
    "order_transactions/create": Handled("transactions"),
    "tender_transactions/create": Ignored("The same money arrives as an order transaction."),
    "refunds/create": Handled("refunds"),
    "disputes/create": Ignored("Disputes are answered in Shopify."),
    "disputes/update": Ignored("Disputes are answered in Shopify."),
    "fulfillments/create": FULFILLMENT,
    "fulfillments/update": FULFILLMENT,
    "fulfillment_events/create": Handled("fulfillment_events"),
    "fulfillment_events/delete": Ignored("What the carrier said once stays on record."),
    "fulfillment_holds/added": WORK,
    "fulfillment_holds/released": WORK,
    "fulfillment_orders/order_routing_complete": WORK,
    "fulfillment_orders/moved": WORK,
    "fulfillment_orders/split": WORK,
    "fulfillment_orders/merged": WORK,
    "fulfillment_orders/cancelled": WORK,
    "fulfillment_orders/placed_on_hold": WORK,
    "fulfillment_orders/hold_released": WORK,
    "fulfillment_orders/rescheduled": WORK,
    "fulfillment_orders/scheduled_fulfillment_order_ready": WORK,
    "fulfillment_orders/fulfillment_request_submitted": WORK,
    "fulfillment_orders/fulfillment_request_accepted": WORK,
    "fulfillment_orders/fulfillment_request_rejected": WORK,
    "fulfillment_orders/cancellation_request_submitted": WORK,
    "fulfillment_orders/cancellation_request_accepted": WORK,
    "fulfillment_orders/cancellation_request_rejected": WORK,
    "fulfillment_orders/fulfillment_service_failed_to_complete": WORK,
    "fulfillment_orders/line_items_prepared_for_pickup": WORK,
    "fulfillment_orders/line_items_prepared_for_local_delivery": WORK,
    "fulfillment_orders/progress_reported": WORK,
    "fulfillment_orders/manually_reported_progress_stopped": WORK,
    "returns/request": RETURN,
    "returns/approve": RETURN,
    "returns/decline": RETURN,
    "returns/cancel": RETURN,
    "returns/close": RETURN,
    "returns/reopen": RETURN,
    "returns/update": RETURN,
    "returns/process": RETURN,
    "reverse_deliveries/attach_deliverable": OWN_REVERSE,
    "reverse_fulfillment_orders/dispose": OWN_REVERSE,
    "inventory_levels/connect": LEVEL,
    "inventory_levels/update": LEVEL,
    "inventory_levels/disconnect": LEVEL,
    "inventory_items/create": Handled("inventory_items"),
    "inventory_items/update": Handled("inventory_items"),
    "inventory_items/delete": Ignored("An item that orders or stock point at is never forgotten."),
    "inventory_transfers/add_items": NOT_TRANSFERS,
    "inventory_transfers/cancel": NOT_TRANSFERS,
    "inventory_transfers/complete": NOT_TRANSFERS,
    "inventory_transfers/ready_to_ship": NOT_TRANSFERS,
    "inventory_transfers/remove_items": NOT_TRANSFERS,
    "inventory_transfers/update_item_quantities": NOT_TRANSFERS,
    "inventory_transfers/updated": NOT_TRANSFERS,
    "inventory_shipments/add_items": NOT_TRANSFERS,
    "inventory_shipments/create": NOT_TRANSFERS,
    "inventory_shipments/delete": NOT_TRANSFERS,
    "inventory_shipments/mark_in_transit": NOT_TRANSFERS,
    "inventory_shipments/receive_items": NOT_TRANSFERS,
    "inventory_shipments/remove_items": NOT_TRANSFERS,
    "inventory_shipments/update_item_quantities": NOT_TRANSFERS,
    "inventory_shipments/update_tracking": NOT_TRANSFERS,
    "products/create": PRODUCT,
    "products/update": PRODUCT,
    "products/delete": Ignored("An item that orders or stock point at is never forgotten."),
    "variants/in_stock": Ignored("Switchyard counts stock itself."),
    "variants/out_of_stock": Ignored("Switchyard counts stock itself."),
    "locations/create": LOCATION,
    "locations/update": LOCATION,
    "locations/activate": LOCATION,
    "locations/deactivate": LOCATION,
    "locations/delete": Handled("location_deleted"),
    "customers/create": NOT_CUSTOMERS,
    "customers/update": NOT_CUSTOMERS,
    "customers/delete": NOT_CUSTOMERS,
    "customers/disable": NOT_CUSTOMERS,
    "customers/enable": NOT_CUSTOMERS,
    "customers/merge": NOT_CUSTOMERS,
    "customers/purchasing_summary": NOT_CUSTOMERS,
    "customers/data_request": PRIVACY,
    "customers/redact": PRIVACY,
    "shop/redact": PRIVACY,
    "companies/create": NOT_COMPANIES,
    "companies/update": NOT_COMPANIES,
    "companies/delete": NOT_COMPANIES,
    "company_locations/create": NOT_COMPANIES,
    "company_locations/update": NOT_COMPANIES,
    "company_locations/delete": NOT_COMPANIES,
    "shipping_addresses/create": Ignored("Addresses are read with their orders."),
    "shipping_addresses/update": Ignored("Addresses are read with their orders."),
    "draft_orders/create": NOT_DRAFTS,
    "draft_orders/update": NOT_DRAFTS,
    "draft_orders/delete": NOT_DRAFTS,
    "payment_terms/create": NOT_PAYMENT_TERMS,
    "payment_terms/update": NOT_PAYMENT_TERMS,
    "payment_terms/delete": NOT_PAYMENT_TERMS,
    "payment_schedules/due": NOT_PAYMENT_TERMS,
    "shop/update": Ignored("The store's settings are read when it is connected."),
    "app/uninstalled": Handled("uninstalled"),
    "app/scopes_update": Ignored("Missing rights show themselves when a call is refused."),
    "bulk_operations/finish": Ignored("Switchyard starts no bulk operations."),
}


def subscribed() -> list[str]:
    """Topics to be subscribed to, by their GraphQL name, e.g. ORDERS_CREATE."""
    return sorted(
        topic.replace("/", "_").upper()
        for topic, entry in TOPICS.items()
        if isinstance(entry, Handled) and entry.subscribed
    )
