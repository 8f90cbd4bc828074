"""Counts: what to count today and why, the counts going on, and which numbers are trusted least."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from inventory import count_plan
from inventory.commands import counting
from inventory.commands.count_policy import set_count_policy
from inventory.commands.counting import Opened
from inventory.models import CountPolicy, CountSession, Location, Standing
from inventory.trust import NEVER_POINTS
from oms.console.access import may, needs
from oms.console.acting import act, row_id, text_of, whole_number
from oms.console.orders import whom_to_ask
from oms.console.shell import current_store, page, zone_of
from oms.core import clock
from oms.core.actor import of_user
from oms.core.errors import Refused
from oms.core.models import Store, StreamMark
from oms.core.sql import fetch

COUNT, RULES = "console.count_stock", "console.edit_stock_rules"
LISTED = 100
AT_ONCE = 25
TABS_SHOWN = 8
TABS = {"plan": "To count", "trust": "Least trusted", "ended": "Ended"}


class PolicyForm(forms.ModelForm):
    class Meta:
        model = CountPolicy
        fields = (
            "a_days", "b_days", "c_days", "alert_percent", "approve_units", "approve_value",
        )  # fmt: skip
        labels = {
            "a_days": "A every (days)",
            "b_days": "B every (days)",
            "c_days": "C every (days)",
            "alert_percent": "Exception above (% off)",
            "approve_units": "Second person above (units)",
            "approve_value": "or above (value)",
        }


@dataclass(slots=True, frozen=True)
class Going:
    """A count in the list: where, how far, who has it."""

    id: int
    place: str
    kind: str
    state: str
    blind: bool
    frozen: bool
    since: Any
    by: str
    lines: int
    counted: int
    waiting: int
    differ: int


@require_safe
@needs(COUNT)
def counts(request: HttpRequest) -> HttpResponse:
    """Where to begin today."""
    return _show(request)


@require_POST
@needs(COUNT)
def start(request: HttpRequest) -> HttpResponse:
    """Open a count: of the day's list, of some SKUs, or of everything at a location."""
    store = current_store(request)
    opened: list[Opened] = []

    def run() -> None:
        location = Location.objects.filter(store=store, pk=row_id(request, "location")).first()
        if store is None or location is None:
            raise Refused("Choose where to count.")
        what = request.POST.get("what", "")
        wishes: dict[str, Any] = {}
        if what == "plan":
            limit = whole_number(text_of(request, "limit", 6) or str(AT_ONCE))
            on = _day(store, request.POST.get("day", ""))
            found = count_plan.plan(location_id=location.pk, on=on, limit=limit)
            if not found:
                raise Refused(f"Nothing is due at {location.name}.")
            wishes = {"level_ids": [row.level_id for row in found]}
        elif what == "skus":
            skus = [line.strip() for line in text_of(request, "skus", 40_000).splitlines()]
            if not any(skus):
                raise Refused("Write the SKUs or barcodes to count, one a line.")
            wishes = {"skus": skus, "kind": CountSession.Kind.SPOT}
        elif what == "all":
            wishes = {"everything": True, "kind": CountSession.Kind.FULL}
        else:
            raise Refused("Say what is to be counted.")
        opened.append(
            counting.open_count(
                location_id=location.pk,
                blind="blind" in request.POST,
                freezes="freezes" in request.POST,
                actor=of_user(request.user),
                **wishes,
            )
        )

    return act(
        request,
        f"start-{request.POST.get('what', '')[:8]}",
        run,
        done="The count is open.",
        back=lambda: reverse("admin:count", args=[opened[0].session_id]),
        show=lambda refused: _show(request, refused=refused, status=409),
    )


@require_POST
@needs(RULES)
def policy(request: HttpRequest) -> HttpResponse:
    """How often is counted, and when a second person looks."""
    store = current_store(request)
    form = PolicyForm(request.POST)

    def run() -> None:
        if store is None or not form.is_valid():
            field, errors = next(iter(form.errors.items()))
            raise Refused(f"{form.fields[field].label}: {errors[0]}")
        set_count_policy(store_id=store.pk, actor=of_user(request.user), **form.cleaned_data)

    return act(
        request,
        "policy",
        run,
        done="The policy counts from now on.",
        back=reverse("admin:counts"),
        show=lambda refused: _show(request, refused=refused, status=409),
    )


def _show(
    request: HttpRequest, *, refused: dict[str, str] | None = None, status: int = 200
) -> HttpResponse:
    store = current_store(request)
    if store is None:
        return page(request, "console/counts.html", {"store": None}, status=status)
    day_word = "tomorrow" if request.GET.get("day") == "tomorrow" else "today"
    on = _day(store, day_word)
    due = count_plan.due_counts(store_id=store.pk, on=on)
    places = sorted(
        Location.objects.filter(store=store, active=True),
        key=lambda place: (-due.get(place.pk, 0), place.name),
    )
    here = next((p for p in places if p.code == request.GET.get("at")), None)
    here = here or (places[0] if places else None)
    tab = request.GET.get("tab", "plan")
    tab = tab if tab in TABS else "plan"
    mark = StreamMark.objects.filter(store=store, stream="counts").first()
    context = {
        "store": store,
        "day_word": day_word,
        "places": (shown := [(place, due.get(place.pk, 0)) for place in places]),
        "first_places": shown[:TABS_SHOWN],
        "other_places": shown[TABS_SHOWN:],
        "here": here,
        "due_here": due.get(here.pk, 0) if here else 0,
        "tab": tab,
        "tabs": TABS.items(),
        "plan": count_plan.plan(location_id=here.pk, on=on, limit=LISTED)
        if here and tab == "plan"
        else [],
        "trust": least_trusted(here) if here and tab == "trust" else [],
        "ended": sessions(store, going=False) if tab == "ended" else [],
        "going": sessions(store, going=True),
        "at_once": AT_ONCE,
        "computed": mark.last_success_at if mark else None,
        "policy": CountPolicy.objects.filter(store=store).first() or CountPolicy(store=store),
        "policy_form": PolicyForm(
            request.POST if refused and refused["name"] == "policy" else None,
            instance=CountPolicy.objects.filter(store=store).first(),
        ),
        "may_edit": may(request.user, RULES),
        "ask": whom_to_ask([RULES])["edit_stock_rules"],
        "refused": refused or {},
        "said": request.POST,
    }
    return page(request, "console/counts.html", context, status=status)


def least_trusted(place: Location) -> list[Standing]:
    """The levels of a location whose numbers are believed least, each with its parts.

    That nobody ever counted a level is no news in a young shop: it alone does not list one.
    """
    rows = Standing.objects.filter(level__location=place, trust__lt=100 - NEVER_POINTS)
    return list(rows.select_related("level__item").order_by("trust", "level_id")[:LISTED])


def sessions(store: Store, *, going: bool) -> list[Going]:
    """The counts going on, those that wait for approval first; or the ones that ended lately."""
    states = ["open", "review", "posting"] if going else ["posted", "cancelled"]
    return [Going(*row) for row in fetch(_SESSIONS, [store.pk, states])]


def _day(store: Store, word: str) -> date:
    today = clock.now().astimezone(zone_of(store)).date()
    return today + timedelta(days=word == "tomorrow")


_SESSIONS = """
SELECT s.id, p.name, s.kind, s.state, s.blind, s.freezes,
       coalesce(s.ended_at, s.submitted_at, s.created_at),
       coalesce(nullif(s.ended_by, ''), nullif(s.submitted_by, ''), s.created_by),
       lines.open, lines.counted, lines.waiting, lines.differ
FROM (
    SELECT * FROM inventory_countsession WHERE store_id = %s AND state = ANY(%s::text[])
    ORDER BY state <> 'review', id DESC LIMIT 30
) s
JOIN inventory_location p ON p.id = s.location_id
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE state NOT IN ('dropped', 'recount')) AS open,
           count(counted) FILTER (WHERE state NOT IN ('dropped', 'recount')) AS counted,
           count(*) FILTER (WHERE state = 'review') AS waiting,
           count(*) FILTER (WHERE counted <> expected AND state NOT IN ('dropped', 'recount'))
               AS differ
    FROM inventory_countline WHERE session_id = s.id
) lines
ORDER BY s.state <> 'review', s.id DESC
"""

PAGES = [
    ("counts/", counts, "counts"),
    ("counts/start/", start, "count_start"),
    ("counts/policy/", policy, "count_policy"),
]
