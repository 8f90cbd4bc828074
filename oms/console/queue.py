"""The exception queue: what is wrong, whose, by when; and what people do about it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from inventory.models import Location
from oms.console import queue_rows
from oms.console.access import View, may, needs, person, who_may
from oms.console.case_panel import panel_of
from oms.console.queue_rows import Asked
from oms.console.shell import current_store, page, shell, zone_of
from oms.core import clock
from oms.core.actor import of_user
from oms.core.admin import is_id
from oms.core.errors import Refused
from oms.core.models import Store
from oms.exceptions import commands, queries
from oms.exceptions.kinds import KINDS
from oms.exceptions.models import ExceptionCase

WORK = "console.work_exceptions"
EMPTY = {
    "all": "No exception is open.",
    "mine": "You own no exception.",
    "unclaimed": "Every open exception has an owner.",
    "overdue": "Nothing is overdue.",
    "today": "Nothing more falls due today.",
    "money": "No refund differs or waits.",
    "snoozed": "Nothing is snoozed.",
}


@require_GET
@needs(WORK)
def queue(request: HttpRequest) -> HttpResponse:
    """The list with the panel of one case beside it."""
    store = current_store(request)
    if store is None:
        return page(request, "console/queue.html", {"no_store": True})
    context = _list(request, store)
    context |= {
        "kinds": sorted(((code, kind.label) for code, kind in KINDS.items()), key=lambda k: k[1]),
        "locations": Location.objects.filter(store=store, active=True).order_by("name")[:500],
        "page_keys": "console/queue_keys.html",
        **_panel(request, context["case_id"] or _first(context["list"])),
    }
    return page(request, "console/queue.html", context)


@require_GET
@needs(WORK)
def rows(request: HttpRequest) -> HttpResponse:
    """The list alone, for a page that is open; 204 while nothing has changed."""
    store = current_store(request)
    if store is None or request.GET.get("stamp") == queue_rows.stamp(clock.now()):
        return HttpResponse(status=204)
    return _part(request, "console/queue_rows.html", _list(request, store))


@require_GET
@needs(WORK)
def panel(request: HttpRequest, case_id: int) -> HttpResponse:
    """The panel of one case alone."""
    return _part(request, "console/queue_panel.html", _panel(request, case_id))


def _first(shown: queue_rows.Listing) -> int | None:
    return shown.groups[0].rows[0].id if shown.groups else None


def _list(request: HttpRequest, store: Store) -> dict[str, Any]:
    now = clock.now()
    asked = Asked.of(request.GET)
    stamp = queue_rows.stamp(now)
    return {
        "asked": asked,
        "list": queue_rows.listing(store.pk, asked, user_id=person(request).pk, now=now),
        "stamp": stamp,
        "currency": store.currency,
        "empty_words": EMPTY[asked.tab],
        "case_id": _case_asked(request),
        "filter_words": _without(request, "case", "stamp"),
    }


def _case_asked(request: HttpRequest) -> int | None:
    number = request.GET.get("case", "")
    return int(number) if is_id(number) else None


def _panel(request: HttpRequest, case_id: int | None) -> dict[str, Any]:
    """The panel of that case; an empty one when it is not there or belongs to another store."""
    store = current_store(request)
    shown = queries.panel(case_id) if case_id else None
    asked = {"case_asked": "case" in request.GET}
    if shown is None or store is None or shown.case.store_id != store.pk:
        return {"case": None, **asked}
    back = _back(request, shown.case.pk)
    return {**panel_of(shown, person(request), clock.now()), **asked, "back": back}


def _part(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    """A piece of a page, in the store's time zone."""
    with timezone.override(zone_of(current_store(request))):
        response = render(request, template, {"shell": shell(request), **context})
    response["Cache-Control"] = "no-store"
    response["X-Is-Part"] = "1"
    return response


# ---- what people do: each a few lines around a command ------------------------------------------


def _action(work: Callable[..., str]) -> View:
    """POST, permission, command, answer: the panel again for the script, else back to the list."""

    @require_POST
    @needs(WORK)
    def post(request: HttpRequest, case_id: int, **words: str) -> HttpResponse:
        case = get_object_or_404(ExceptionCase, pk=case_id, store=current_store(request))
        said, level = "", "done"
        try:
            said = work(request, case, **words)
        except Refused as refused:
            said, level = refused.sentence, "refused"
        if request.headers.get("X-Part") == "panel":
            context = {**_panel(request, case_id), "said": (level, said)}
            return _part(request, "console/queue_panel.html", context)
        (messages.success if level == "done" else messages.error)(request, said)
        return HttpResponseRedirect(_next(request, case_id))

    return post


@_action
def claim(request: HttpRequest, case: ExceptionCase) -> str:
    commands.claim(case_id=case.pk, version=_version(request), actor=of_user(request.user))
    return "It is yours."


@_action
def unclaim(request: HttpRequest, case: ExceptionCase) -> str:
    commands.unclaim(case_id=case.pk, version=_version(request), actor=of_user(request.user))
    return "It is back for anybody to claim."


@_action
def hand_over(request: HttpRequest, case: ExceptionCase) -> str:
    to = request.POST.get("to", "")
    if not to.isdecimal():
        raise Refused("Choose who takes it.")
    handed = commands.hand_over(
        case_id=case.pk,
        version=_version(request),
        to_user_id=int(to),
        note=request.POST.get("note", ""),
        actor=of_user(request.user),
    )
    owner = handed.owner
    return f"{owner.get_full_name() or owner.get_username()} has it." if owner else "Handed over."


@_action
def snooze(request: HttpRequest, case: ExceptionCase) -> str:
    until = parse_datetime(request.POST.get("until", ""))
    if until is None:
        raise Refused("Choose until when.")
    until = until if timezone.is_aware(until) else timezone.make_aware(until)
    commands.snooze(
        case_id=case.pk, version=_version(request), until=until, actor=of_user(request.user)
    )
    return f"Out of the queue until {timezone.localtime(until):%a %d %b, %H:%M}."


@_action
def wake(request: HttpRequest, case: ExceptionCase) -> str:
    commands.wake(case_id=case.pk, version=_version(request), actor=of_user(request.user))
    return "It is back in the queue."


@_action
def note(request: HttpRequest, case: ExceptionCase) -> str:
    text = request.POST.get("text", "").replace("\0", "")[:4000]
    commands.add_note(case_id=case.pk, text=text, actor=of_user(request.user))
    return "Noted."


@_action
def take_way(request: HttpRequest, case: ExceptionCase, way: str) -> str:
    kind = KINDS.get(case.kind)
    chosen = next((known for known in kind.ways if known.code == way), None) if kind else None
    if chosen and not may(request.user, f"console.{chosen.ability}"):
        raise Refused(f"Your role may not do this; ask {who_may(f'console.{chosen.ability}')}.")
    return commands.take_way(
        case_id=case.pk,
        way=way,
        version=_version(request),
        seen_at=_moment(request.POST.get("seen_at", "")),
        answers={name: request.POST.get(f"answer_{name}", "") for name, _ in chosen.asks}
        if chosen
        else {},
        actor=of_user(request.user),
    )


@require_POST
@needs(WORK)
def claim_next(request: HttpRequest) -> HttpResponse:
    """Claim what is due first and nobody has, and show it."""
    store = current_store(request)
    case = commands.claim_next(store_id=store.pk, actor=of_user(request.user)) if store else None
    if case is None:
        messages.error(request, "Every open exception has an owner; there is nothing to claim.")
        return HttpResponseRedirect(reverse("admin:queue"))
    messages.success(request, "It is yours: due first, and nobody had it.")
    return HttpResponseRedirect(f"{reverse('admin:queue')}?tab=mine&case={case.pk}")


def _version(request: HttpRequest) -> int:
    value = request.POST.get("version", "")
    if not value.isdecimal():
        raise Refused("Load the page again; it did not say what you were looking at.")
    return int(value)


def _moment(value: str) -> datetime:
    moment = parse_datetime(value)
    if moment is None:
        raise Refused("Load the page again; it did not say what you were looking at.")
    return moment


def _without(request: HttpRequest, *words: str) -> str:
    query = request.GET.copy()
    for word in words:
        query.pop(word, None)
    return query.urlencode()


def _back(request: HttpRequest, case_id: int) -> str:
    """The list as it is filtered now, with this case chosen."""
    words = _without(request, "case", "stamp")
    return f"{reverse('admin:queue')}?{words}{'&' if words else ''}case={case_id}"


def _next(request: HttpRequest, case_id: int) -> str:
    wanted = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(wanted, allowed_hosts=None):
        return wanted
    return f"{reverse('admin:queue')}?case={case_id}"


PAGES = [
    ("queue/", queue, "queue"),
    ("queue/rows/", rows, "queue_rows"),
    ("queue/claim-next/", claim_next, "queue_claim_next"),
    ("queue/<int:case_id>/panel/", panel, "queue_panel"),
    ("queue/<int:case_id>/claim/", claim, "queue_claim"),
    ("queue/<int:case_id>/put-back/", unclaim, "queue_unclaim"),
    ("queue/<int:case_id>/hand-over/", hand_over, "queue_hand_over"),
    ("queue/<int:case_id>/snooze/", snooze, "queue_snooze"),
    ("queue/<int:case_id>/wake/", wake, "queue_wake"),
    ("queue/<int:case_id>/note/", note, "queue_note"),
    ("queue/<int:case_id>/way/<slug:way>/", take_way, "queue_way"),
]
