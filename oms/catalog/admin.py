"""Items come from the shop's catalogue, to look at; what a bundle is made of is said here."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.forms import Form, ModelForm
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.admin import TabularInline

from oms.catalog.commands import check_parts, set_parts
from oms.catalog.models import BundlePart, Item
from oms.core.actor import of_user
from oms.core.admin import ReadOnly
from oms.core.errors import Refused

ABILITY = "console.edit_stock_rules"


class PartFormSet(BaseInlineFormSet):
    """The same rule as the command, so that a mistake is shown beside the rows."""

    def clean(self) -> None:
        super().clean()
        if any(self.errors):
            return
        try:
            items = Item.objects.in_bulk([self.instance.pk, *self.parts()])
            check_parts(self.instance.pk, self.parts(), items)
        except Refused as refused:
            raise ValidationError(refused.sentence) from refused

    def parts(self) -> dict[int, int]:
        """Units by item, as the rows say that are filled in and not crossed out."""
        rows = [f.cleaned_data for f in self.forms if f.cleaned_data]
        return {row["part"].pk: row["quantity"] for row in rows if not row.get("DELETE")}


class PartInline(TabularInline):
    """So many units of other items make one of this; empty for an ordinary item."""

    model = BundlePart
    fk_name = "bundle"
    formset = PartFormSet
    fields = ("part", "quantity")
    autocomplete_fields = ("part",)
    extra = 0
    hide_title = True
    verbose_name = "part"
    verbose_name_plural = "made of, when it is a bundle"

    def get_queryset(self, request: HttpRequest) -> QuerySet[BundlePart]:
        return super().get_queryset(request).select_related("part").order_by("part__sku")

    def has_view_permission(self, request: HttpRequest, obj: Item | None = None) -> bool:
        return request.user.has_perm("catalog.view_item")

    def has_add_permission(self, request: HttpRequest, obj: Item | None = None) -> bool:
        return request.user.has_perm(ABILITY)

    def has_change_permission(self, request: HttpRequest, obj: Item | None = None) -> bool:
        return request.user.has_perm(ABILITY)

    def has_delete_permission(self, request: HttpRequest, obj: Item | None = None) -> bool:
        return request.user.has_perm(ABILITY)


@admin.register(Item)
class ItemAdmin(ReadOnly):
    list_display = ("sku", "title", "barcode", "price", "weight_grams", "tracked", "is_bundle")
    search_fields = ("^sku", "=barcode", "title")
    search_help_text = "SKU, barcode or part of the title"
    ordering = ("sku",)
    fields = (
        ("sku", "barcode"),
        "title",
        ("price", "weight_grams", "tracked"),
        ("shopify_variant_id", "shopify_inventory_item_id"),
        "created_at",
    )
    readonly_fields = (
        "sku", "barcode", "title", "price", "weight_grams", "tracked", "shopify_variant_id",
        "shopify_inventory_item_id", "created_at",
    )  # fmt: skip
    inlines = (PartInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Item]:
        return super().get_queryset(request).prefetch_related("parts")

    @admin.display(boolean=True, description="bundle")
    def is_bundle(self, item: Item) -> bool:
        return bool(item.parts.all())

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return obj is not None and request.user.has_perm(ABILITY)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except Refused as refused:
            # Somebody else said something about these items while the form was open.
            messages.error(request, refused.sentence)
            return redirect(request.path)

    def save_model(self, request: HttpRequest, obj: Item, form: ModelForm, change: bool) -> None:
        """Nothing of the item itself is written here."""

    def save_formset(
        self, request: HttpRequest, form: Form, formset: PartFormSet, change: bool
    ) -> None:
        set_parts(item_id=formset.instance.pk, parts=formset.parts(), actor=of_user(request.user))
        # What the admin's own log would tell; the history of the parts tells more.
        formset.new_objects, formset.changed_objects, formset.deleted_objects = [], [], []
