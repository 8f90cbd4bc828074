"""The nouns of the orders room, by file: order, money, timeline."""

from oms.orders.models.money import MoneyEntry, PaymentTransaction
from oms.orders.models.order import Customer, Hold, Order, OrderLine
from oms.orders.models.timeline import Event

__all__ = [
    "Customer",
    "Event",
    "Hold",
    "MoneyEntry",
    "Order",
    "OrderLine",
    "PaymentTransaction",
]
