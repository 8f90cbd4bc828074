"""Purchase orders over the API: each once by its number, dated, taken whole or refused."""

from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from inventory.feeds import supplies
from inventory.feeds.supplies import OrderTold
from oms.console.api.doors import PartnerView

MOST_ORDERS, MOST_LINES = 200, 500


class OrderLine(serializers.Serializer[Any]):
    sku = serializers.CharField(max_length=120)
    units = serializers.IntegerField(min_value=1, max_value=1_000_000)
    presell_cap = serializers.IntegerField(min_value=0, max_value=1_000_000, default=0)


class PurchaseOrder(serializers.Serializer[Any]):
    """One purchase order; sent again it is changed to what it says now."""

    number = serializers.CharField(max_length=64)
    supplier = serializers.CharField(max_length=120, required=False, default="", allow_blank=True)
    location = serializers.CharField(max_length=120)
    expected_on = serializers.DateField(required=False, default=None, allow_null=True)
    lines = serializers.ListField(child=OrderLine(), allow_empty=False, max_length=MOST_LINES)


class OrdersAsked(serializers.Serializer[Any]):
    source = serializers.CharField(max_length=24)  # type: ignore[assignment]
    orders = serializers.ListField(child=PurchaseOrder(), allow_empty=False, max_length=MOST_ORDERS)


class PurchaseOrders(PartnerView):
    """POST /api/purchase-orders/ with {"source": "erp", "orders": [...]}"""

    scopes: ClassVar[dict[str, str]] = {"POST": "supply.write"}

    def post(self, request: Request) -> Response:
        asked = OrdersAsked(data=request.data)
        asked.is_valid(raise_exception=True)
        taken = supplies.take(
            store_id=self.store_id,
            orders=[_told(order) for order in asked.validated_data["orders"]],
            source=asked.validated_data["source"],
            actor=self.actor,
        )
        return Response(
            {
                "orders": [
                    {"number": one.number, "outcome": one.outcome, "reason": one.reason}
                    for one in taken
                ]
            }
        )


def _told(order: dict[str, Any]) -> OrderTold:
    lines = {line["sku"]: (line["units"], line["presell_cap"]) for line in order["lines"]}
    twice = len(lines) < len(order["lines"])
    return OrderTold(
        order["number"],
        order["location"],
        expected_on=order["expected_on"].isoformat() if order["expected_on"] else "",
        supplier=order["supplier"],
        lines=lines,
        flaw="An item is named twice; add its units up." if twice else "",
    )
