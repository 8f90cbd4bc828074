"""Which system is believed: the rules, and the answer for one item at one location."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from inventory.authority import DEFAULTS, Belief, beliefs
from inventory.commands.rules import believe, forget_rule
from inventory.models import AuthorityRule, Location
from oms.catalog.models import Item
from oms.console.access import may, needs
from oms.console.acting import act, chosen_id, text_of
from oms.console.orders import whom_to_ask
from oms.console.shell import current_store, page
from oms.core.actor import of_user
from oms.core.errors import Refused
from oms.core.models import Store
from oms.core.sql import fetch

SEE, EDIT = "inventory.view_stocklevel", "console.edit_stock_rules"
MOST_RULES, CHANGES = 200, 12


@require_safe
@needs(SEE)
def authority(request: HttpRequest) -> HttpResponse:
    """The rules, most exact first, and who is believed about one item at one location."""
    return _show(request)


@require_POST
@needs(EDIT)
def believe_view(request: HttpRequest) -> HttpResponse:
    """Make a rule, or change the one that speaks of the same."""
    store, actor = _store(request), of_user(request.user)

    def run() -> None:
        sku = text_of(request, "sku", 120)
        believe(
            store_id=store.pk,
            field=text_of(request, "field", 20),
            source=text_of(request, "source", 40),
            item_id=_item(store, sku).pk if sku else None,
            location_id=chosen_id(request, "place"),
            note=text_of(request, "note", 200),
            actor=actor,
        )

    return act(
        request, "believe", run, done="The rule holds from now on.",
        back=reverse("admin:authority"),
        show=lambda refused: _show(request, refused, status=409),
    )  # fmt: skip


@require_POST
@needs(EDIT)
def forget(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a rule away."""
    rule = AuthorityRule.objects.filter(pk=pk, store=_store(request)).first()
    actor = of_user(request.user)
    return act(
        request, "forget", lambda: forget_rule(rule_id=rule.pk, actor=actor) if rule else None,
        done="The rule is gone; the next less exact one holds.", back=reverse("admin:authority"),
        show=lambda refused: _show(request, refused, status=409),
    )  # fmt: skip


def _show(
    request: HttpRequest, refused: dict[str, str] | None = None, *, status: int = 200
) -> HttpResponse:
    store = current_store(request)
    context: dict[str, Any] = {
        "fields": AuthorityRule.Field.choices,
        "defaults": [
            (label, DEFAULTS[field]) for field, label in AuthorityRule.Field.choices
        ],
        "can": may(request.user, EDIT),
        "ask": whom_to_ask([EDIT]),
        "filled": request.POST,
        "refused": refused,
        "asked": {"sku": request.GET.get("sku", "").replace("\x00", "").strip()[:120],
                  "place": request.GET.get("place", "")[:19]},
    }  # fmt: skip
    if store:
        rules = AuthorityRule.objects.filter(store=store).select_related("item", "location")
        context |= {
            "rules": sorted(rules.order_by("field", "-pk")[:MOST_RULES], key=_exactness),
            "places": list(Location.objects.filter(store=store).order_by("name", "pk")),
            "changes": [_change(row) for row in fetch(_CHANGES, [store.pk, CHANGES])],
        } | _answer(store, context["asked"])
    return page(request, "console/authority.html", context, status=status)


def _exactness(rule: AuthorityRule) -> tuple[str, bool, bool]:
    return rule.field, rule.item_id is None, rule.location_id is None


def _answer(store: Store, asked: dict[str, str]) -> dict[str, Any]:
    """Who is believed there, for each field, and why."""
    if not asked["sku"] or not asked["place"].isdecimal():
        return {}
    place = Location.objects.filter(store=store, pk=int(asked["place"])).first()
    try:
        item = _item(store, asked["sku"])
    except Refused as refusal:
        return {"unanswered": refusal.sentence}
    if place is None:
        return {"unanswered": "Choose a location."}
    pair = (item.pk, place.pk)
    found: list[tuple[str, Belief]] = [
        (label, beliefs(field, store_id=store.pk, pairs=[pair])[pair])
        for field, label in AuthorityRule.Field.choices
    ]
    return {"answer": found, "item": item, "place": place}


def _item(store: Store, sku: str) -> Item:
    items = Item.objects.filter(store=store)
    item = items.filter(sku=sku).first() or items.filter(barcode=sku).order_by("pk").first()
    if item is None:
        raise Refused(f"No item has the SKU “{sku[:60]}”.")
    return item


def _change(row: tuple[Any, ...]) -> dict[str, Any]:
    at, label, field, source, sku, place, who = row
    verb = {"insert": "believes", "update": "now believes", "delete": "no longer believes"}[label]
    about = " at ".join(part for part in (sku or "", place or "") if part) or "everything"
    name = AuthorityRule.Field(field).label
    return {"at": at, "what": f"{name} of {about} {verb} {source}", "who": who or ""}


def _store(request: HttpRequest) -> Store:
    return get_object_or_404(Store, pk=getattr(current_store(request), "pk", None))


_CHANGES = """
SELECT e.pgh_created_at, e.pgh_label, e.field, e.source, i.sku, p.name,
       coalesce(c.metadata->>'actor', u.username)
FROM inventory_authorityruleevent e
LEFT JOIN catalog_item i ON i.id = e.item_id
LEFT JOIN inventory_location p ON p.id = e.location_id
LEFT JOIN pghistory_context c ON c.id = e.pgh_context_id
LEFT JOIN auth_user u ON u.id = (c.metadata->>'user')::bigint
WHERE e.store_id = %s ORDER BY e.pgh_id DESC LIMIT %s
"""

PAGES = [
    ("authority/", authority, "authority"),
    ("authority/believe/", believe_view, "authority_believe"),
    ("authority/<int:pk>/forget/", forget, "authority_forget"),
]
