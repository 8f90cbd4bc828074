"""Every topic of the outbox that Shopify is told, and the function that tells it."""

from oms.shopify.pull import fetch_orders, fetch_returns
from oms.shopify.push import Handler
from oms.shopify.push_money import cancel_orders, create_refunds
from oms.shopify.push_returns import change_returns, create_returns
from oms.shopify.push_stock import publish_levels
from oms.shopify.push_work import assign, create_events, create_fulfillments

OUTBOX: dict[str, Handler] = {
    "order.fetch": fetch_orders,
    "return.fetch": fetch_returns,
    "fulfillment_order.assign": assign,
    "fulfillment.create": create_fulfillments,
    "fulfillment_event.create": create_events,
    "refund.create": create_refunds,
    "return.create": create_returns,
    "return.approve": change_returns,
    "return.decline": change_returns,
    "return.cancel": change_returns,
    "return.close": change_returns,
    "order.cancel": cancel_orders,
    "inventory.publish": publish_levels,
}
