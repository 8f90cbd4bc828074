"""Today: what must a person do before the day ends? A sentence, a picture, the evidence."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from oms.console import orders_in_flow as flow_picture
from oms.console.access import may
from oms.console.shell import current_store, page
from oms.console.streams import stream_rows
from oms.core import clock
from oms.exceptions import queries
from oms.exceptions.kinds import KINDS
from oms.exceptions.models import ExceptionCase

WINDOWS = (1, 3, 7)
ROWS_SHOWN = 14
KIND_BAR, OWNER_BAR = 82, 62


@dataclass(slots=True)
class Tally:
    """Open exceptions of one kind or one owner: all, overdue, due later today; and the bar."""

    key: str
    name: str
    open: int
    overdue: int
    today: int
    bar_width: float = 0
    over_width: float = 0
    today_left: float = 0
    today_width: float = 0
    later_left: float = 0
    later_width: float = 0


def today(request: HttpRequest) -> HttpResponse:
    """The first page after signing in."""
    store = current_store(request)
    if store is None:
        return page(request, "console/today.html", {"no_store": True})
    now = clock.now()
    days = int(word) if (word := request.GET.get("days", "1")) in ("3", "7") else 1
    ends = queries.today_ends(store.pk, now)
    flow = flow_picture.orders_in_flow(store.pk, ends - timedelta(days=days))
    kinds, owners = tallies(store.pk, now, request.user.pk)
    whole = Tally(
        key="",
        name="",
        open=sum(tally.open for tally in kinds),
        overdue=sum(tally.overdue for tally in kinds),
        today=sum(tally.today for tally in kinds),
    )
    streams = stream_rows(store) if may(request.user, "console.see_platform") else None
    context: dict[str, Any] = {
        "lead": lead(whole, flow, now),
        "whole": whole,
        "flow": flow,
        "posts": flow_picture.draw(flow, {code: kind.label for code, kind in KINDS.items()}, days),
        "picture_height": flow_picture.HEIGHT,
        "stuck_top": flow_picture.STUCK_TOP,
        "days": days,
        "windows": [(n, "Today" if n == 1 else f"{n} days") for n in WINDOWS],
        "kinds": kinds[:ROWS_SHOWN],
        "owners": owners[:7],
        "longest": longest_waiting(store.pk),
        "streams": streams,
        "silent": sum(row.silent for row in streams or ()),
        "may_queue": may(request.user, "console.work_exceptions"),
        "live_url": f"?days={days}",
    }
    return page(request, "console/today.html", context)


def lead(whole: Tally, flow: flow_picture.InFlow, now: datetime) -> dict[str, str]:
    """The answer in one sentence (red part first), and the sentence under it."""
    red = rest = ""
    if whole.overdue:
        verb = "exception is" if whole.overdue == 1 else "exceptions are"
        red = f"{whole.overdue:,} {verb} overdue"
        fall = "falls" if whole.today == 1 else "fall"
        rest = f" and {whole.today:,} more {fall} due today." if whole.today else "."
    elif whole.today:
        noun = "exception falls" if whole.today == 1 else "exceptions fall"
        rest = f"Nothing is overdue. {whole.today:,} {noun} due today."
    elif whole.open:
        rest = f"Nothing is overdue and nothing falls due today; {whole.open:,} wait for later."
    elif flow.total:
        rest = "Nothing waits for a person."
    else:
        rest = "No order is in the flow, and nothing waits for a person."
    return {"red": red, "rest": rest, "under": _under(flow, now)}


def _under(flow: flow_picture.InFlow, now: datetime) -> str:
    if not flow.total:
        return (
            f"Checked {timezone.localtime(now):%H:%M:%S}. Orders show here as soon as they come in."
        )
    if not flow.stuck:
        return f"All {flow.total:,} orders in the flow move by themselves or are delivered."
    stuck = "is stuck and has" if flow.stuck == 1 else "are stuck and each has"
    free = flow.total - flow.stuck
    return (
        f"{flow.stuck:,} of the {flow.total:,} orders in the flow {stuck} an open exception. "
        f"The other {free:,} move by themselves or are delivered."
    )


def tallies(store_id: int, now: datetime, user_id: int | None) -> tuple[list[Tally], list[Tally]]:
    """Open exceptions by kind and by owner, with their bars."""
    kinds = [
        Tally(row["kind"], row["label"], row["rows"], row["overdue"], row["today"])
        for row in queries.counts_by_kind(store_id, now=now)
    ]
    owners = []
    for row in queries.counts_by_owner(store_id, now=now):
        key, name = str(row["owner_id"] or "none"), row["name"] or "Unclaimed"
        if row["owner_id"] == user_id:
            key, name = "mine", f"{name} (you)"
        owners.append(Tally(key, name, row["rows"], row["overdue"], row["today"]))
    for group, width in ((kinds, KIND_BAR), (owners, OWNER_BAR)):
        most = max((tally.open for tally in group), default=1)
        for tally in group:
            _draw_bar(tally, width / most)
    return kinds, owners


def _draw_bar(tally: Tally, scale: float) -> None:
    """Overdue, due today, later: one after the other with a gap of a pixel, none invisible."""
    later = tally.open - tally.overdue - tally.today
    left = 0.0
    for part, count in (("over", tally.overdue), ("today", tally.today), ("later", later)):
        width = round(max(count * scale - 1, 1.5), 1) if count else 0.0
        if part != "over":
            setattr(tally, f"{part}_left", left)
        setattr(tally, f"{part}_width", width)
        left = round(left + width + 1, 1) if count else left
    tally.bar_width = left


def longest_waiting(store_id: int) -> list[ExceptionCase]:
    """The five cases open for the longest time."""
    cases = ExceptionCase.objects.filter(store_id=store_id, closed_at=None)
    # The five are found before their orders are: joining all open cases takes 20 times as long.
    oldest = cases.order_by("opened_at", "id").values("id")[:5]
    found = ExceptionCase.objects.filter(id__in=oldest).select_related("order", "owner")
    return list(found.order_by("opened_at", "id"))
