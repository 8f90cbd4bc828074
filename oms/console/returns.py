"""Returns: the list, one return, and what is done with its goods and its money."""

import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from oms.console import return_page
from oms.console.access import may, needs
from oms.console.acting import (
    act,
    action_key,
    amount_of,
    chosen_id,
    text_of,
    units_of,
    whole_number,
)
from oms.console.orders import whom_to_ask
from oms.console.shell import current_store, page, zone_of
from oms.core.actor import of_user
from oms.core.errors import Refused
from returns import commands
from returns import refunds as money
from returns.models import RMA, Inspection, Refund, RMALine

ABILITIES = {
    "manage": "console.manage_returns",
    "inspect": "console.inspect_returns",
    "propose": "console.propose_refunds",
    "approve": "console.approve_refunds",
    "see_refunds": "console.see_refunds",
}


@require_safe
@needs("console.manage_returns")
def returns(request: HttpRequest) -> HttpResponse:
    """The returns of the store by what they wait for, newest first."""
    store = current_store(request)
    tab = request.GET.get("tab", "open")
    tab = tab if tab in return_page.TABS else "open"
    before = request.GET.get("before", "")
    found = return_page.listing(store, tab, before) if store else None
    tabs = [
        (name, words, found.counts.get(name) if found else None)
        for name, (words, _) in return_page.TABS.items()
    ]
    context = {"tab": tab, "tabs": tabs, "found": found, "before": before}
    return page(request, "console/returns.html", context)


@require_safe
def one_return(request: HttpRequest, pk: int) -> HttpResponse:
    """One return: where its goods and its money are, and the next step."""
    return _show(request, _rma(request, pk))


@require_POST
@needs("console.manage_returns")
def approve(request: HttpRequest, pk: int) -> HttpResponse:
    """Let the goods come back."""
    rma = _rma(request, pk)
    actor = of_user(request.user)
    return _act(
        request,
        rma,
        "approve",
        lambda: commands.approve(rma_id=rma.pk, actor=actor),
        "The return is approved.",
    )


@require_POST
@needs("console.manage_returns")
def decline(request: HttpRequest, pk: int) -> HttpResponse:
    """Say no, with the reason the customer reads."""
    rma, actor = _rma(request, pk), of_user(request.user)
    reason = text_of(request, "reason", 1000)
    return _act(
        request,
        rma,
        "decline",
        lambda: commands.decline(rma_id=rma.pk, reason=reason, actor=actor),
        "The return is declined.",
    )


@require_POST
@needs("console.manage_returns")
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Call the return off, as long as nothing has arrived."""
    rma, actor = _rma(request, pk), of_user(request.user)
    reason = text_of(request, "reason")
    return _act(
        request,
        rma,
        "cancel",
        lambda: commands.cancel(rma_id=rma.pk, reason=reason, actor=actor),
        "The return is called off.",
    )


@require_POST
@needs("console.manage_returns")
def close(request: HttpRequest, pk: int) -> HttpResponse:
    """End a return whose every unit is decided."""
    rma, actor = _rma(request, pk), of_user(request.user)
    return _act(
        request,
        rma,
        "close",
        lambda: commands.close(rma_id=rma.pk, actor=actor),
        "The return is closed.",
    )


@require_POST
@needs("console.inspect_returns")
def receive(request: HttpRequest, pk: int) -> HttpResponse:
    """Note what arrived, and where."""
    rma, actor = _rma(request, pk), of_user(request.user)

    def run() -> None:
        place = chosen_id(request, "location")
        if place is None:
            raise Refused("Say at which location the goods arrived.")
        commands.receive(
            rma_id=rma.pk,
            quantities=units_of(request, "units"),
            location_id=place,
            actor=actor,
            request_key=action_key(request),
        )

    return _act(request, rma, "receive", run, "What arrived is noted; inspect it next.")


@require_POST
@needs("console.inspect_returns")
def inspect(request: HttpRequest, pk: int, line_id: int) -> HttpResponse:
    """Decide about units of one line: back on sale, damaged, thrown away, never arrived."""
    rma, actor = _rma(request, pk), of_user(request.user)
    line = get_object_or_404(RMALine, pk=line_id, rma=rma)
    return _act(
        request,
        rma,
        f"inspect-{line.pk}",
        lambda: commands.inspect(
            rma_line_id=line.pk,
            quantity=whole_number(request.POST.get("quantity", "")),
            disposition=text_of(request, "disposition", 20),
            location_id=chosen_id(request, "location"),
            note=text_of(request, "note"),
            actor=actor,
            request_key=action_key(request),
        ),
        "The decision is recorded.",
    )


@require_POST
@needs("console.propose_refunds")
def propose(request: HttpRequest, pk: int) -> HttpResponse:
    """Propose to pay for the inspected units."""
    rma, actor = _rma(request, pk), of_user(request.user)
    return _act(
        request,
        rma,
        "propose",
        lambda: money.propose(
            rma_id=rma.pk,
            shipping=amount_of(request.POST.get("shipping", "")),
            reason=text_of(request, "reason"),
            actor=actor,
            request_key=action_key(request),
        ),
        "The refund is proposed; somebody who may approve refunds decides.",
    )


@require_POST
@needs("console.approve_refunds")
def approve_refund(request: HttpRequest, pk: int, refund_id: int) -> HttpResponse:
    """Approve a refund of this return: the money is owed and sent."""
    rma, actor = _rma(request, pk), of_user(request.user)
    refund = get_object_or_404(Refund, pk=refund_id, rma=rma)
    return _act(
        request,
        rma,
        f"refund-{refund.pk}",
        lambda: money.approve(refund_id=refund.pk, actor=actor),
        "The refund is approved and goes to Shopify.",
    )


def _act(
    request: HttpRequest, rma: RMA, name: str, run: Callable[[], object], done: str
) -> HttpResponse:
    return act(
        request,
        name,
        run,
        done=done,
        back=reverse("admin:return", args=[rma.pk]),
        show=lambda refused: _show(request, rma, refused=refused, status=409),
    )


def _show(
    request: HttpRequest, rma: RMA, *, refused: dict[str, str] | None = None, status: int = 200
) -> HttpResponse:
    if refused:
        rma = _rma(request, rma.pk)
    store = rma.store
    context = {
        "view": return_page.read(rma, store, zone_of(store)),
        "rma": rma,
        "can": {name: may(request.user, ability) for name, ability in ABILITIES.items()},
        "ask": whom_to_ask(list(ABILITIES.values())),
        "dispositions": Inspection.Disposition.choices,
        "refused": refused,
        "action_key": uuid.uuid4().hex,
    }
    return page(request, "console/return.html", context, status=status)


def _rma(request: HttpRequest, pk: int) -> RMA:
    rows = RMA.objects.select_related("order", "store", "location")
    return get_object_or_404(rows, pk=pk, store=current_store(request))


PAGES = [
    ("returns/", returns, "returns"),
    ("returns/<int:pk>/", one_return, "return"),
    ("returns/<int:pk>/approve/", approve, "return_approve"),
    ("returns/<int:pk>/decline/", decline, "return_decline"),
    ("returns/<int:pk>/cancel/", cancel, "return_cancel"),
    ("returns/<int:pk>/close/", close, "return_close"),
    ("returns/<int:pk>/receive/", receive, "return_receive"),
    ("returns/<int:pk>/lines/<int:line_id>/inspect/", inspect, "return_inspect"),
    ("returns/<int:pk>/refunds/", propose, "return_propose"),
    ("returns/<int:pk>/refunds/<int:refund_id>/approve/", approve_refund, "return_refund"),
]
