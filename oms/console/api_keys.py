"""Keys of the API: who has one, what it opens, when it was used last; made and revoked here."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from oms.console.access import needs
from oms.console.acting import act, text_of
from oms.console.api.keys import SCOPES, make_key, revoke_key
from oms.console.models import PartnerKey
from oms.console.shell import current_store, page
from oms.core.actor import of_user
from oms.core.errors import Refused

MANAGE = "console.manage_keys"
MOST_SHOWN = 200


@require_safe
@needs(MANAGE)
def api_keys(request: HttpRequest) -> HttpResponse:
    """All keys of the store, those that open something first."""
    return _show(request)


@require_POST
@needs(MANAGE)
def add_key(request: HttpRequest) -> HttpResponse:
    """Make a key and show it, this once: it stands in the answer and nowhere else."""
    store = current_store(request)
    try:
        if store is None:
            raise Refused("No store is connected yet.")
        key, text = make_key(
            store_id=store.pk,
            name=text_of(request, "name", 80),
            scopes=request.POST.getlist("scope"),
            actor=of_user(request.user),
        )
    except Refused as refusal:
        return _show(request, refused=refusal.sentence, status=409)
    return _show(request, made=(key, text))


@require_POST
@needs(MANAGE)
def end_key(request: HttpRequest, pk: int) -> HttpResponse:
    """Revoke a key: its next call is refused."""
    store = current_store(request)
    return act(
        request,
        "revoke",
        lambda: revoke_key(
            store_id=store.pk if store else 0, key_id=pk, actor=of_user(request.user)
        ),
        done="The key is revoked: its next call is refused.",
        back=reverse("admin:api_keys"),
        show=lambda refused: _show(request, refused=refused["why"], status=409),
    )


def _show(
    request: HttpRequest,
    *,
    made: tuple[PartnerKey, str] | None = None,
    refused: str = "",
    status: int = 200,
) -> HttpResponse:
    keys = PartnerKey.objects.filter(store=current_store(request))
    context = {
        "keys": list(keys.order_by("-revoked_at", "-pk")[:MOST_SHOWN]),
        "scopes": SCOPES,
        "made": made,
        "refused": refused,
        "chosen": request.POST.getlist("scope"),
        "name": text_of(request, "name", 80) if refused else "",
        "example": request.build_absolute_uri("/api/availability/"),
    }
    return page(request, "console/api_keys.html", context, status=status)


PAGES = [
    ("keys/", api_keys, "api_keys"),
    ("keys/add/", add_key, "api_key_add"),
    ("keys/<int:pk>/revoke/", end_key, "api_key_revoke"),
]
