"""Locations, stock levels with their entries, reservations: to look at. Only the ledger counts."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.paginator import InfinitePaginator

from inventory.models import Location, Reservation, StockEntry, StockLevel
from oms.core.admin import ReadOnly

ENTRIES_SHOWN = 50


@admin.register(Location)
class LocationAdmin(ReadOnly):
    list_display = ("name", "code", "city", "country", "active", "countries_served")
    search_fields = ("name", "=code", "city", "=postal_code")
    ordering = ("name",)

    @admin.display(description="ships to")
    def countries_served(self, location: Location) -> str:
        return ", ".join(location.ships_to[:12]) or "nowhere"


class EntryInline(TabularInline):
    """The newest entries: what made the counters what they are."""

    model = StockEntry
    fields = ("at", "bucket", "delta", "before", "after", "cause", "actor", "document")
    readonly_fields = fields
    extra = 0
    hide_title = True
    can_delete = False
    verbose_name_plural = f"newest {ENTRIES_SHOWN} entries"

    def get_queryset(self, request: HttpRequest) -> QuerySet[StockEntry]:
        level_id = request.resolver_match.kwargs.get("object_id")  # type: ignore[union-attr]
        newest = StockEntry.objects.filter(level_id=level_id).order_by("-id")[:ENTRIES_SHOWN]
        return StockEntry.objects.filter(pk__in=list(newest.values_list("pk", flat=True))).order_by(
            "-id"
        )

    def has_add_permission(self, request: HttpRequest, obj: StockLevel | None = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: StockLevel | None = None) -> bool:
        return request.user.has_perm("inventory.view_stocklevel")


@admin.register(StockLevel)
class StockLevelAdmin(ReadOnly):
    list_display = (
        "item", "title", "location", "on_hand", "reserved", "safety", "available", "damaged",
        "published", "page",
    )  # fmt: skip
    list_filter = ("location",)
    list_select_related = ("item", "location")
    search_fields = ("^item__sku", "=item__barcode")
    search_help_text = "SKU or barcode"
    inlines = (EntryInline,)

    @admin.display(ordering="item__title")
    def title(self, level: StockLevel) -> str:
        return level.item.title

    @admin.display(description="")
    def page(self, level: StockLevel) -> SafeString:
        """The page of the item, with its formula and its whole ledger."""
        address = reverse("admin:stock_item", args=[level.item_id])
        return format_html('<a href="{}?at={}">why</a>', address, level.location_id)


@admin.register(Reservation)
class ReservationAdmin(ReadOnly):
    paginator = InfinitePaginator
    list_display = (
        "id", "promised_to", "item", "location", "quantity", "kind", "state", "expires_at",
        "created_at",
    )  # fmt: skip
    list_filter = ("state", "kind")
    list_select_related = ("line__order", "level__item", "level__location")
    search_fields = ("line__order__name",)
    exact_search = search_fields
    search_help_text = "Order number, e.g. #1001"
    fields = (
        ("promised_to", "item", "location"),
        ("quantity", "kind", "state"),
        "kept_on",
        ("fence", "fenced"),
        ("expires_at", "created_at", "ended_at"),
        "reason",
    )
    readonly_fields = ("promised_to", "item", "location", "kept_on")

    @admin.display(description="for")
    def promised_to(self, reservation: Reservation) -> str:
        return reservation.line.order.name if reservation.line else reservation.holder

    @admin.display()
    def item(self, reservation: Reservation) -> str:
        return reservation.level.item.sku

    @admin.display()
    def location(self, reservation: Reservation) -> str:
        return reservation.level.location.name

    @admin.display(description="kept as")
    def kept_on(self, reservation: Reservation) -> str:
        """A bundle is kept as its parts, everything else as itself."""
        each = dict(reservation.parts or [[reservation.level_id, 1]])
        skus = dict(StockLevel.objects.filter(pk__in=each).values_list("pk", "item__sku"))
        units = {skus[pk]: count * reservation.quantity for pk, count in each.items()}
        return ", ".join(f"{count} {sku}" for sku, count in units.items())
