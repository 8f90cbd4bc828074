"""Two buttons of a policy version: a new draft from it, and activate it."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST

from oms.console.access import needs
from oms.core.actor import of_user
from oms.core.errors import Refused
from routing import policies
from routing.models import PolicyVersion


@require_POST
@needs("routing.add_policyversion")
def new_draft(request: HttpRequest, version_id: int) -> HttpResponse:
    """Copy the steps of a version into a new draft."""
    version = get_object_or_404(PolicyVersion, pk=version_id)
    steps = list(version.steps.values_list("code", "params"))
    try:
        version = policies.draft(
            policy_id=version.policy_id, steps=steps, actor=of_user(request.user)
        )
        messages.success(request, f"{version} is a draft: change it, then activate it.")
    except Refused as refused:
        messages.error(request, refused.sentence)
    return _to(version)


@require_POST
@needs("routing.change_policyversion")
def activate(request: HttpRequest, version_id: int) -> HttpResponse:
    """Let this draft decide from now on."""
    version = get_object_or_404(PolicyVersion, pk=version_id)
    try:
        version = policies.activate(version_id=version.pk, actor=of_user(request.user))
        messages.success(request, f"{version} decides from now on.")
    except Refused as refused:
        messages.error(request, refused.sentence)
    return _to(version)


def _to(version: PolicyVersion) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:routing_policyversion_change", args=[version.pk]))


PAGES = [
    ("routing/version/<int:version_id>/draft/", new_draft, "policy_draft"),
    ("routing/version/<int:version_id>/activate/", activate, "policy_activate"),
]
