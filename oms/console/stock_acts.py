"""What a person may do to the stock of an item; each action shows first what it would change."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_POST

from inventory.availability import ItemTerms, LevelTerms, of_items
from inventory.commands import stock as commands
from inventory.commands.fences import end_fence, set_fence
from inventory.commands.thresholds import remove_threshold, set_threshold
from inventory.models import ChannelThreshold, RingFence, StockLevel
from inventory.models.stock import Reason
from oms.catalog.models import Item
from oms.console.access import View, needs
from oms.console.acting import act, row_id, text_of, whole_number
from oms.console.stock_item import item_of, show
from oms.core.actor import Actor, of_user
from oms.core.errors import Refused
from oms.fulfillment.commands import would_lose

ADJUST, RULES = "console.adjust_stock", "console.edit_stock_rules"
APART = ("damaged", "quality")
LOSERS_NAMED = 8


@dataclass(slots=True)
class Preview:
    """What an action would do, read while it was done and then undone."""

    name: str
    question: str
    button: str
    lines: list[tuple[str, int, int]]
    losers: list[str] = field(default_factory=list)
    more_losers: int = 0
    fields: list[tuple[str, str]] = field(default_factory=list)
    seen: str = ""
    changed: bool = False


@dataclass(slots=True, frozen=True)
class Doing:
    """One action as filled in: the sentence that asks, the words of its button, what runs."""

    question: str
    button: str
    run: Callable[[], object]
    level_id: int | None = None
    channel: str = ""


def adjust(request: HttpRequest, item: Item, actor: Actor) -> Doing:
    level = _level(request, item)
    delta, (reason, note) = _change(request.POST.get("delta", "")), _why(request)
    return Doing(
        f"Correct on hand at {level.location.name} by {_signed(delta)}",
        f"Correct it by {_signed(delta)}",
        lambda: commands.adjust(
            level_id=level.pk, delta=delta, reason=f"{reason} {note}".strip(), actor=actor
        ),
        level.pk,
    )


def aside(request: HttpRequest, item: Item, actor: Actor) -> Doing:
    level, units, reason, note = _moved(request, item)
    bucket = _bucket(request, APART)
    where = "as damaged" if bucket == "damaged" else "for quality control"
    return Doing(
        f"Set {units:,} at {level.location.name} aside {where}",
        f"Set {units:,} aside",
        lambda: commands.set_aside(
            level_id=level.pk, quantity=units, bucket=bucket, reason=reason, note=note, actor=actor
        ),
        level.pk,
    )


def back(request: HttpRequest, item: Item, actor: Actor) -> Doing:
    level, units, reason, note = _moved(request, item)
    bucket = _bucket(request, ("", *APART))
    source = {"": "that were found", "damaged": "of the damaged", "quality": "from quality control"}
    return Doing(
        f"Put {units:,} {source[bucket]} on the shelf of {level.location.name}",
        f"Put {units:,} back",
        lambda: commands.put_back(
            level_id=level.pk, quantity=units, bucket=bucket, reason=reason, note=note, actor=actor
        ),
        level.pk,
    )


def safety(request: HttpRequest, item: Item, actor: Actor) -> Doing:
    level, units = _level(request, item), whole_number(request.POST.get("units", ""))
    return Doing(
        f"Keep {units:,} as safety stock at {level.location.name}",
        f"Set safety to {units:,}",
        lambda: commands.set_safety(
            store_id=item.store_id,
            safety=[(item.pk, level.location_id, units)],
            document=f"item:{item.pk}",
            actor=actor,
        ),
        level.pk,
    )


def fence(request: HttpRequest, item: Item, actor: Actor) -> Doing:
    level, units = _level(request, item), whole_number(request.POST.get("units", ""))
    channel, until = text_of(request, "channel", 64), day_of(request.POST.get("until", ""))
    overflow = bool(request.POST.get("overflow"))
    more = "may use the common stock too" if overflow else "has nothing but these"
    return Doing(
        f"Keep {units:,} at {level.location.name} for {channel}, which {more}"
        + (f", until {until:%d %b %Y}" if until else ""),
        f"Keep {units:,} for {channel}",
        lambda: set_fence(
            level_id=level.pk,
            channel=channel,
            units=units,
            overflow=overflow,
            until=until,
            actor=actor,
        ),
        level.pk,
        channel,
    )


def threshold(request: HttpRequest, item: Item, actor: Actor) -> Doing:
    units, channel = whole_number(request.POST.get("units", "")), text_of(request, "channel", 64)
    level = _level(request, item) if request.POST.get("level") else None
    place = level.location.name if level else "each location"
    return Doing(
        f"Do not offer {units:,} in {channel} at {place}",
        f"Hold back {units:,}",
        lambda: set_threshold(
            store_id=item.store_id,
            channel=channel,
            units=units,
            item_id=item.pk,
            location_id=level.location_id if level else None,
            actor=actor,
        ),
        level.pk if level else None,
        channel,
    )


def end_a_fence(request: HttpRequest, item: Item, actor: Actor) -> Doing:
    row = (
        RingFence.objects.select_related("level__location")
        .filter(pk=row_id(request, "fence"), level__item=item)
        .first()
    )
    if row is None:
        raise Refused("This fence does not exist.")
    return Doing(
        f"Give the {row.units:,} units kept for {row.channel} at {row.level.location.name} back",
        "End the fence",
        lambda: end_fence(fence_id=row.pk, actor=actor),
        row.level_id,
        row.channel,
    )


def end_a_threshold(request: HttpRequest, item: Item, actor: Actor) -> Doing:
    row = ChannelThreshold.objects.filter(pk=row_id(request, "threshold"), item=item).first()
    if row is None:
        raise Refused("This threshold does not exist any more.")
    return Doing(
        f"Offer the {row.units:,} held back from {row.channel} again",
        "Remove the threshold",
        lambda: remove_threshold(threshold_id=row.pk, actor=actor),
        None,
        row.channel,
    )


ACTS: dict[str, tuple[Callable[[HttpRequest, Item, Actor], Doing], str]] = {
    "adjust": (adjust, ADJUST),
    "aside": (aside, ADJUST),
    "back": (back, ADJUST),
    "safety": (safety, RULES),
    "fence": (fence, RULES),
    "threshold": (threshold, RULES),
    "end_fence": (end_a_fence, RULES),
    "end_threshold": (end_a_threshold, RULES),
}


def _view(name: str) -> View:
    build, ability = ACTS[name]

    @require_POST
    @needs(ability)
    def view(request: HttpRequest, pk: int) -> HttpResponseBase:
        item = item_of(request, pk)

        def again(refused: dict[str, str]) -> HttpResponse:
            return show(request, item, refused=refused, status=409)

        try:
            doing = build(request, item, of_user(request.user))
            seen = seen_of(item, doing)
            if request.POST.get("step") != "do" or request.POST.get("seen") != seen:
                shown = preview(request, item, name, doing, seen)
                return show(request, item, preview=shown)
        except Refused as refusal:
            return again({"name": name, "why": refusal.sentence})
        return act(
            request,
            name,
            doing.run,
            done=f"{doing.question}: done.",
            back=reverse("admin:stock_item", args=[item.pk]),
            show=again,
        )

    return view


def preview(request: HttpRequest, item: Item, name: str, doing: Doing, seen: str) -> Preview:
    """Do it, read what came of it, undo it: the same command, so the same numbers and refusals."""
    before, sold_before = _read(item, doing)
    with _undone():
        doing.run()
        after, sold_after = _read(item, doing)
        losers = would_lose([doing.level_id]) if doing.level_id else []
    lines = _differences(doing, before, after, sold_before, sold_after)
    named = [f"{loss.name} loses {loss.units:,}: {loss.reason}" for loss in losers[:LOSERS_NAMED]]
    kept = [
        (word, str(value)) for word, value in request.POST.items()
        if word not in ("csrfmiddlewaretoken", "step", "seen")
    ]  # fmt: skip
    return Preview(
        name=name,
        question=doing.question,
        button=doing.button,
        lines=lines,
        losers=named,
        more_losers=max(len(losers) - LOSERS_NAMED, 0),
        fields=kept,
        seen=seen,
        changed=request.POST.get("step") == "do",
    )


@contextmanager
def _undone() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def seen_of(item: Item, doing: Doing) -> str:
    """The counters that the person looks at: what moved since then is shown again, not overrun."""
    rows = StockLevel.objects.filter(item=item)
    if doing.level_id:
        rows = rows.filter(pk=doing.level_id)
    counters = rows.order_by("pk").values_list("on_hand", "safety", "fenced", "damaged", "quality")
    rules = ChannelThreshold.objects.filter(item=item, channel=doing.channel).order_by("pk")
    return ";".join(
        ",".join(str(value) for value in row)
        for row in [*counters, *(rules.values_list("pk", "units") if doing.channel else [])]
    )


def _read(item: Item, doing: Doing) -> tuple[LevelTerms | None, list[tuple[str, ItemTerms]]]:
    """The level, and what can be sold of the item: at all, and in the channel it is about."""
    asked = [""] + ([doing.channel] if doing.channel else [])
    found = [
        (channel, of_items(store_id=item.store_id, item_ids=[item.pk], channel=channel)[item.pk])
        for channel in asked
    ]
    levels = (level for level in found[0][1].levels if level.level_id == doing.level_id)
    return (next(levels, None) if doing.level_id else None), found


def _differences(
    doing: Doing,
    before: LevelTerms | None,
    after: LevelTerms | None,
    sold_before: list[tuple[str, ItemTerms]],
    sold_after: list[tuple[str, ItemTerms]],
) -> list[tuple[str, int, int]]:
    """Counters that change, then what can be sold, changed or not: a blank could mean unknown."""
    lines = []
    if before and after:
        for name, words in (
            ("on_hand", "On hand there"),
            ("damaged", "Damaged there"),
            ("quality", "In quality control there"),
            ("safety", "Safety there"),
            ("fenced", "Kept for channels there"),
            ("missing", "Promised, not there"),
        ):
            old, new = getattr(before, name), getattr(after, name)
            if old != new:
                lines.append((words, old, new))
        lines.append(("Can be sold there", before.available, after.available))
    for (channel, old_item), (_, new_item) in zip(sold_before, sold_after, strict=True):
        words = f"Can be sold in {channel}" if channel else "Can be sold everywhere"
        lines.append((words, old_item.available, new_item.available))
    return lines


def _level(request: HttpRequest, item: Item) -> StockLevel:
    rows = StockLevel.objects.select_related("location").filter(item=item)
    level = rows.filter(pk=row_id(request, "level")).first()
    if level is None:
        raise Refused("Choose the location.")
    return level


def _moved(request: HttpRequest, item: Item) -> tuple[StockLevel, int, str, str]:
    units = whole_number(request.POST.get("units", ""))
    return _level(request, item), units, *_why(request)


def _why(request: HttpRequest) -> tuple[str, str]:
    """The reason from the list, and the note behind it."""
    reason, note = text_of(request, "reason", 20), text_of(request, "note", 200)
    if reason not in Reason.values:
        raise Refused("Choose why.")
    if reason == Reason.OTHER and not note:
        raise Refused("Say in the note what happened.")
    return reason, note


def _bucket(request: HttpRequest, known: tuple[str, ...]) -> str:
    bucket = request.POST.get("bucket", "")
    if bucket not in known:
        raise Refused("Choose where the units are.")
    return bucket


def _change(text: str) -> int:
    """A change as people type it: +3, -2 or −2; zero changes nothing."""
    text = text.strip().replace("−", "-")
    units = whole_number(text.lstrip("+-"))
    if not units or text.count("+") + text.count("-") > 1:
        raise Refused("Say by how many units, e.g. +3 or −2.")
    return -units if text.startswith("-") else units


def _signed(units: int) -> str:
    return f"+{units:,}" if units > 0 else f"−{-units:,}"


def day_of(text: str) -> date | None:
    if not text.strip():
        return None
    try:
        day = parse_date(text.strip())
    except ValueError:
        day = None
    if day is None:
        raise Refused(f"“{text[:20]}” is not a day.")
    return day


PAGES = [(f"stock/<int:pk>/{name}/", _view(name), f"stock_{name}") for name in ACTS]
