"""The order list and the order page, and what a person may do from it."""

import uuid
from collections.abc import Callable

from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from oms.console import order_list, order_page
from oms.console.access import may, needs
from oms.console.acting import act, action_key, amount_of, text_of, units_of
from oms.console.roles import ROLES
from oms.console.shell import current_store, page, zone_of
from oms.core import outbox
from oms.core.actor import of_user
from oms.core.errors import Refused
from oms.core.models import OutboxIntent
from oms.orders import holds, rerouting
from oms.orders.models import Hold, Order
from returns import commands, refunds
from returns.commands import Asked
from returns.models import RMA

ABILITIES = {
    "hold": "console.hold_orders",
    "route": "console.route_orders",
    "return": "console.manage_returns",
    "refund": "console.propose_refunds",
    "retry": "console.retry_writes",
    "see_refunds": "console.see_refunds",
    "see_writes": "core.view_outboxintent",
    "see_messages": "core.view_inboxmessage",
}


@require_safe
def orders(request: HttpRequest) -> HttpResponse:
    """All orders of the store, newest first."""
    store = current_store(request)
    filters = order_list.Filters.of(request.GET.dict())
    context = {"filters": filters, "states": order_list.STATES, "found": None, "channels": []}
    if store:
        before = request.GET.get("before", "")
        context |= {
            "found": order_list.read(store, filters, before, zone_of(store)),
            "channels": order_list.channels(store),
            "before": before,
        }
    return page(request, "console/orders.html", context)


@require_safe
def order(request: HttpRequest, pk: int) -> HttpResponse:
    """One order: the answer first, then the evidence."""
    return _show(request, _order(request, pk))


@require_POST
@needs("console.hold_orders")
def hold_order(request: HttpRequest, pk: int) -> HttpResponse:
    """Hold the order for a reason that the next person can read."""
    held = _order(request, pk)
    return _act(
        request,
        held,
        "hold",
        lambda: holds.place(
            order_id=held.pk,
            kind=Hold.Kind.MANUAL,
            reason=text_of(request, "reason"),
            actor=of_user(request.user),
        ),
        "The order is held.",
    )


@require_POST
@needs("console.hold_orders")
def release_hold(request: HttpRequest, pk: int, hold_id: int) -> HttpResponse:
    """Release one hold of the order."""
    held = _order(request, pk)
    hold = get_object_or_404(Hold, pk=hold_id, order=held)
    return _act(
        request,
        held,
        f"release-{hold.pk}",
        lambda: holds.release(hold_id=hold.pk, actor=of_user(request.user)),
        "The hold is released.",
    )


@require_POST
@needs("console.route_orders")
def route_order(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask routing to look at the order now."""
    waiting = _order(request, pk)
    return _act(
        request,
        waiting,
        "route",
        lambda: rerouting.route_again(
            order_id=waiting.pk, actor=of_user(request.user), request_key=action_key(request)
        ),
        "Routing looks at the order now.",
    )


@require_POST
@needs("console.retry_writes")
def send_again(request: HttpRequest, pk: int, intent_id: int) -> HttpResponse:
    """Tell Shopify again what it refused."""
    told = _order(request, pk)
    intent = get_object_or_404(OutboxIntent, pk=intent_id, order_id=told.pk)

    def run() -> None:
        if not outbox.send_again(intent_id=intent.pk):
            raise Refused("It is no longer refused: somebody has sent it again.")

    return _act(request, told, f"again-{intent_id}", run, "It is sent again.")


@require_POST
@needs("console.manage_returns")
def start_return(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask for units to come back; approving the return is a step of its own."""
    sent = _order(request, pk)
    made: list[RMA] = []

    def run() -> None:
        reason = text_of(request, "reason", 200)
        asked = [
            Asked(line_id, units, reason) for line_id, units in units_of(request, "units").items()
        ]
        key = action_key(request)
        actor = of_user(request.user)
        made.append(commands.request(order_id=sent.pk, lines=asked, actor=actor, request_key=key))

    return act(
        request,
        "return",
        run,
        done="The return is opened; approve it to let the goods come back.",
        back=lambda: reverse("admin:return", args=[made[0].pk]),
        show=lambda refused: _show(request, sent, refused=refused, status=409),
    )


@require_POST
@needs("console.propose_refunds")
def propose_goodwill(request: HttpRequest, pk: int) -> HttpResponse:
    """Propose to send money back for which no goods come back."""
    paid = _order(request, pk)
    return _act(
        request,
        paid,
        "refund",
        lambda: refunds.propose_goodwill(
            order_id=paid.pk,
            amount=amount_of(request.POST.get("amount", "")),
            reason=text_of(request, "reason"),
            actor=of_user(request.user),
            request_key=action_key(request),
        ),
        "The refund is proposed; somebody who may approve refunds decides.",
    )


def _act(
    request: HttpRequest, order: Order, name: str, run: Callable[[], object], done: str
) -> HttpResponse:
    return act(
        request,
        name,
        run,
        done=done,
        back=reverse("admin:order", args=[order.pk]),
        show=lambda refused: _show(request, order, refused=refused, status=409),
    )


def _show(
    request: HttpRequest,
    order: Order,
    *,
    refused: dict[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    can = {name: may(request.user, ability) for name, ability in ABILITIES.items()}
    context = {
        "view": order_page.read(order, order.store, _decision(request)),
        "order": order,
        "can": can,
        "ask": whom_to_ask([ABILITIES[name] for name in ("hold", "route", "return", "refund")]),
        "refused": refused,
        "action_key": uuid.uuid4().hex,
        "page_keys": "console/order_keys.html",
    }
    return page(request, "console/order.html", context, status=status)


def whom_to_ask(abilities: list[str]) -> dict[str, str]:
    """Per ability (its last word) who holds it: "ops; ask Olga Petrova". One query."""
    roles = {
        ability: [role for role, held in ROLES.items() if ability in held] for ability in abilities
    }
    people: dict[str, str] = {}
    users = get_user_model().objects.filter(is_active=True, groups__name__in=ROLES)
    for role, first, last, login in users.order_by("pk").values_list(
        "groups__name", "first_name", "last_name", "username"
    ):
        people.setdefault(role, f"{first} {last}".strip() or login)
    return {
        ability.rpartition(".")[2]: "; ask ".join(
            [" or ".join(held), *[people[role] for role in held[:1] if role in people]]
        )
        for ability, held in roles.items()
    }


def _order(request: HttpRequest, pk: int) -> Order:
    rows = Order.objects.select_related("customer", "store")
    return get_object_or_404(rows, pk=pk, store=current_store(request))


def _decision(request: HttpRequest) -> int | None:
    text = request.GET.get("decision", "")
    return int(text) if text.isdecimal() and len(text) < 19 else None


PAGES = [
    ("orders/", orders, "orders"),
    ("orders/<int:pk>/", order, "order"),
    ("orders/<int:pk>/hold/", hold_order, "order_hold"),
    ("orders/<int:pk>/holds/<int:hold_id>/release/", release_hold, "order_release"),
    ("orders/<int:pk>/route/", route_order, "order_route"),
    ("orders/<int:pk>/returns/", start_return, "order_return"),
    ("orders/<int:pk>/refunds/", propose_goodwill, "order_refund"),
    ("orders/<int:pk>/writes/<int:intent_id>/again/", send_again, "order_send_again"),
]
