"""Items, to look at: they come from the shop's catalogue."""

from django.contrib import admin

from oms.catalog.models import Item
from oms.core.admin import ReadOnly


@admin.register(Item)
class ItemAdmin(ReadOnly):
    list_display = ("sku", "title", "barcode", "price", "weight_grams", "tracked")
    search_fields = ("^sku", "=barcode", "title")
    search_help_text = "SKU, barcode or part of the title"
    ordering = ("sku",)
