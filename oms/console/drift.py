"""Drift: where Shopify's stock and ours differ, why, and what was or can be done about it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, F, Q, QuerySet
from django.db.models.functions import Abs
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from inventory import drifts
from inventory.models import Drift
from oms.console import drift_words
from oms.console.access import may, needs
from oms.console.acting import act
from oms.console.orders import whom_to_ask
from oms.console.shell import current_store, page
from oms.core.actor import Actor, of_user
from oms.core.errors import Refused
from oms.core.models import Store, StreamMark
from oms.orders.words import count_of

SEE, CHANGE = "inventory.view_stocklevel", "console.repair_drift"
AT_ONCE = 50
MOST_HISTORY = 8
TABS = {
    "open": ("Open", Q(state="open")),
    "repaired": ("Repaired", Q(state="repaired")),
    "gone": ("Agree again", Q(state="gone")),
}


@dataclass(slots=True)
class Found:
    """What the page shows: the answer first, then the rows of one tab."""

    answer: str
    checked_at: datetime | None
    error: str
    facts: dict[str, int]
    counts: dict[str, int]
    rows: list[Drift] = field(default_factory=list)
    more: int = 0


@require_safe
@needs(SEE)
def drift(request: HttpRequest) -> HttpResponse:
    """The list, with one difference opened when the address names it."""
    return _show(request, _asked(request))


def _adopt(pk: int, actor: Actor) -> str:
    if not drifts.adopt(drift_id=pk, actor=actor):
        raise Refused("It was settled meanwhile; nothing was changed.")
    return "Shopify's number is taken over."


def _publish(pk: int, actor: Actor) -> str:
    if not drifts.publish(drift_id=pk, actor=actor):
        raise Refused("It was settled meanwhile; nothing was changed.")
    return "Shopify is told our number."


def _look(pk: int, actor: Actor) -> str:
    drifts.look_again(drift_id=pk)
    return "Both numbers are read again within a minute."


WAYS: dict[str, Callable[[int, Actor], str]] = {
    "adopt": _adopt,
    "publish": _publish,
    "look": _look,
}


@require_POST
@needs(CHANGE)
def repair(request: HttpRequest, pk: int, way: str) -> HttpResponse:
    """Take theirs over, have ours told, or compare again."""
    store = current_store(request)
    one = get_object_or_404(_all(store), pk=pk) if store else None
    if one is None or way not in WAYS:
        raise Http404
    said: list[str] = []
    return act(
        request,
        way,
        lambda: said.append(WAYS[way](pk, of_user(request.user))),
        done=lambda: said[0],
        back=f"{reverse('admin:drift')}?one={pk}",
        show=lambda refused: _show(request, _all(store).get(pk=pk), refused=refused, status=409),
    )


def _show(
    request: HttpRequest,
    one: Drift | None,
    *,
    refused: dict[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    store = current_store(request)
    tab = request.GET.get("tab", "")
    tab = tab if tab in TABS else "open"
    found = _found(store, tab, request.GET.get("before", "")) if store else None
    if one is None and found and found.rows:
        one = found.rows[0]
    can_change = may(request.user, CHANGE)
    context: dict[str, Any] = {
        "found": found,
        "tab": tab,
        "tabs": [(name, words, found.counts[name]) for name, (words, _) in TABS.items()]
        if found
        else [],
        "one": one,
        "refused": refused or {},
        "can_change": can_change,
        "whom": "" if can_change else whom_to_ask([CHANGE])["repair_drift"],
    }
    if one is not None:
        context |= {
            "sides": drift_words.both_sides(one),
            "evidence": drift_words.evidence(one),
            "write": drift_words.write_of(one),
            "ways": drift_words.ways(one) if one.state == Drift.State.OPEN else [],
            "history": list(
                Drift.objects.filter(level_id=one.level_id).exclude(pk=one.pk)
                .order_by("-id")[:MOST_HISTORY]
            ),
        }  # fmt: skip
    return page(request, "console/drift.html", context, status=status)


def _found(store: Store, tab: str, before: str) -> Found:
    mark = StreamMark.objects.filter(store=store, stream="stock").first()
    counts = Drift.objects.filter(store=store).aggregate(
        **{name: Count("pk", filter=rule) for name, (_, rule) in TABS.items()},
        ask=Count("pk", filter=Q(state="open", repair=drifts.ASK)),
    )
    rows = _all(store).filter(TABS[tab][1])
    if tab == "open":
        # Those that a person decides first, the largest of them first.
        rows = rows.order_by("repair", Abs(F("theirs") - F("ours")).desc(), "-pk")
    else:
        rows = rows.order_by("-pk")
        if before.isascii() and before.isdecimal() and len(before) < 19:
            rows = rows.filter(pk__lt=int(before))
    listed = list(rows[: AT_ONCE + 1])
    more = len(listed) > AT_ONCE and tab != "open"
    listed = listed[:AT_ONCE]
    return Found(
        answer=_answer(counts, mark),
        checked_at=mark.last_success_at if mark else None,
        error=mark.last_error if mark else "",
        facts=mark.facts if mark else {},
        counts=counts,
        rows=listed,
        more=listed[-1].pk if more else 0,
    )


def _answer(counts: dict[str, int], mark: StreamMark | None) -> str:
    if mark is None or mark.last_success_at is None:
        return "Stock was never compared with Shopify yet."
    looked_at = count_of(mark.facts.get("looked_at", 0), "level")
    if not counts["open"]:
        return f"Shopify and we have the same at all {looked_at}."
    differ = "differs" if counts["open"] == 1 else "differ"
    if not counts["ask"]:
        return f"{counts['open']:,} of {looked_at} {differ}, and nobody has to decide."
    return f"{counts['open']:,} of {looked_at} {differ}; {counts['ask']:,} to be decided."


def _asked(request: HttpRequest) -> Drift | None:
    pk, store = request.GET.get("one", ""), current_store(request)
    if not (store and pk.isascii() and pk.isdecimal() and len(pk) < 19):
        return None
    return _all(store).filter(pk=int(pk)).first()


def _all(store: Store | None) -> QuerySet[Drift]:
    return Drift.objects.filter(store=store).select_related("level__item", "level__location")


PAGES = [
    ("drift/", drift, "drift"),
    ("drift/<int:pk>/<slug:way>/", repair, "drift_repair"),
]
