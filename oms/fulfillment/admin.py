"""Work at locations, to look at; the floor's commands move it on."""

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import TabularInline
from unfold.paginator import InfinitePaginator

from oms.core.admin import ReadOnly
from oms.fulfillment.models import FulfillmentOrder, FulfillmentOrderLine


class WorkLineInline(TabularInline):
    model = FulfillmentOrderLine
    fields = ("line", "quantity", "picked", "shipped")
    readonly_fields = fields
    extra = 0
    hide_title = True
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: FulfillmentOrder | None = None) -> bool:
        return False

    def has_view_permission(
        self, request: HttpRequest, obj: FulfillmentOrder | None = None
    ) -> bool:
        return request.user.has_perm("fulfillment.view_fulfillmentorder")


@admin.register(FulfillmentOrder)
class FulfillmentOrderAdmin(ReadOnly):
    paginator = InfinitePaginator
    list_display = ("code", "order", "location", "state", "created_at", "released_at", "shipped_at")
    list_filter = ("state", "location")
    list_select_related = ("order", "location")
    search_fields = ("code", "order__name")
    exact_search = search_fields
    search_help_text = "Work code or order number"
    inlines = (WorkLineInline,)
