"""Routing policies: versions to look at, drafts to edit. Commands make drafts and activate them."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

from oms.core.admin import ReadOnly
from routing.models import Policy, PolicyStep, PolicyVersion
from routing.policies import OBJECTIVE
from routing.steps import STEPS


class VersionInline(TabularInline):
    """The versions of a policy, the newest first; each opens its own page."""

    model = PolicyVersion
    fields = ("number", "state", "author", "created_at", "activated_at")
    readonly_fields = fields
    ordering = ("-number",)
    extra = 0
    hide_title = True
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Policy | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Policy | None = None) -> bool:
        return False


@admin.register(Policy)
class PolicyAdmin(ReadOnly):
    list_display = ("name", "store", "position", "active_version")
    list_select_related = ("store",)
    ordering = ("store", "position")
    inlines = (VersionInline,)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("versions")

    @admin.display()
    def active_version(self, policy: Policy) -> str:
        active = [v for v in policy.versions.all() if v.state == PolicyVersion.State.ACTIVE]
        return f"v{active[0].number}" if active else "none"


class StepForm(forms.ModelForm):
    code = forms.ChoiceField(
        choices=[(code, f"{label}: {does}") for code, (label, does) in STEPS.items()]
    )

    class Meta:
        model = PolicyStep
        fields = ("position", "code", "params")

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        params = values.get("params")
        if not isinstance(params, dict):
            raise ValidationError('Parameters are a JSON object, e.g. {} or {"km": 400}.')
        km = params.get("km")
        if values.get("code") == "within_distance" and not (
            isinstance(km, int | float) and not isinstance(km, bool) and km > 0
        ):
            raise ValidationError('Say how near: {"km": 400}.')
        if values.get("code") == "trusted_first" and not (
            set(params) <= {"below", "km_per_point"}
            and all(type(number) in (int, float) and number >= 0 for number in params.values())
        ):
            raise ValidationError(
                'Say which trust is enough, and what a point less costs: {"below": 60,'
                ' "km_per_point": 10}.'
            )
        return values


class StepFormSet(BaseInlineFormSet):
    """The same rule as the command that writes drafts: what a policy must have and end with."""

    def clean(self) -> None:
        super().clean()
        if any(self.errors):
            return
        kept = [
            f.cleaned_data for f in self.forms if f.cleaned_data and not f.cleaned_data["DELETE"]
        ]
        codes = [step["code"] for step in sorted(kept, key=lambda step: step["position"])]
        if tuple(codes[-2:]) != OBJECTIVE or "has_stock" not in codes:
            raise ValidationError(
                "A policy needs the stock filter, and ends with fewest parcels and nearest."
            )


class StepInline(TabularInline):
    model = PolicyStep
    form = StepForm
    formset = StepFormSet
    extra = 0
    hide_title = True

    def has_change_permission(self, request: HttpRequest, obj: PolicyVersion | None = None) -> bool:
        return _is_draft(obj) and super().has_change_permission(request, obj)

    def has_add_permission(self, request: HttpRequest, obj: PolicyVersion | None = None) -> bool:
        return _is_draft(obj) and super().has_add_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: PolicyVersion | None = None) -> bool:
        return _is_draft(obj) and super().has_delete_permission(request, obj)


def _is_draft(version: PolicyVersion | None) -> bool:
    return version is not None and version.state == PolicyVersion.State.DRAFT


@admin.register(PolicyVersion)
class PolicyVersionAdmin(ModelAdmin):
    """One version. A draft may be changed; what decided orders stays as it was."""

    list_display = ("__str__", "state", "author", "created_at", "activated_at")
    list_select_related = ("policy", "author")
    list_filter = ("state",)
    show_full_result_count = False
    ordering = ("policy", "-number")
    fields = ("policy", "number", "state", "author", "created_at", "activated_at")
    readonly_fields = fields
    inlines = (StepInline,)
    actions = None
    change_form_after_template = "routing/version_actions.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: PolicyVersion | None = None) -> bool:
        return _is_draft(obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: PolicyVersion | None = None) -> bool:
        return False
