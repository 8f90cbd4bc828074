"""Addresses of the API; what is at none of them is answered in the same shape."""

from django.urls import URLPattern, path, re_path
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from oms.console.api import counts, feeds, stock, supplies
from oms.console.api.doors import PartnerView


class NoSuchPage(PartnerView):
    """An address that the API does not have."""

    permission_classes = ()
    throttle_classes = ()

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        raise NotFound("There is nothing at this address of the API.")

    def get(self, request: Request, **kwargs: object) -> Response:
        raise NotFound


# One line an endpoint; a module of its own a subject.
VIEWS: list[tuple[str, type[APIView], str]] = [
    ("availability/", stock.Availability, "availability"),
    ("stock/<path:sku>/ledger/", stock.Ledger, "ledger"),
    ("nearby/", stock.Nearby, "nearby"),
    ("reservations/", stock.Holds, "holds"),
    ("reservations/<str:holder>/", stock.Hold, "hold"),
    ("stock-feeds/", feeds.Feeds, "stock_feeds"),
    ("stock-feeds/<int:feed>/", feeds.Feed, "stock_feed"),
    ("stock-feeds/<int:feed>/rows/", feeds.Rows, "stock_feed_rows"),
    ("purchase-orders/", supplies.PurchaseOrders, "purchase_orders"),
    ("counts/", counts.Counts, "counts"),
    ("counts/<int:count>/lines/", counts.Lines, "count_lines"),
    ("counts/<int:count>/entries/", counts.Entries, "count_entries"),
]

app_name = "api"
urlpatterns: list[URLPattern] = [
    *(path(route, view.as_view(), name=name) for route, view, name in VIEWS),
    re_path(r"^.*$", NoSuchPage.as_view()),
]
