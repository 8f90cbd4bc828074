"""What every form of an order, a return or a refund needs: its values read, its key, its answer."""

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from oms.core.errors import Refused

Show = Callable[[dict[str, str]], HttpResponse]

_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?", re.ASCII)


def act(
    request: HttpRequest,
    name: str,
    run: Callable[[], object],
    *,
    done: str | Callable[[], str],
    back: str | Callable[[], str],
    show: Show,
) -> HttpResponse:
    """Run a command, then go back; a refusal shows the page with the reason beside its button."""
    try:
        run()
    except Refused as refusal:
        return show({"name": name, "why": refusal.sentence})
    messages.success(request, done if isinstance(done, str) else done())
    return redirect(back if isinstance(back, str) else back())


def action_key(request: HttpRequest) -> str | None:
    """The key the form was made with: a second click, or a reload, does the same thing once."""
    key = request.POST.get("action_key", "")
    return f"form:{key}" if key.isalnum() and len(key) <= 64 else None


def text_of(request: HttpRequest, name: str, limit: int = 500) -> str:
    """What was written in a field, without what no database takes."""
    return request.POST.get(name, "").replace("\x00", "").strip()[:limit]


def units_of(request: HttpRequest, prefix: str) -> dict[int, int]:
    """Counts by id from fields such as units-12; empty and zero ones are left out."""
    counts = {}
    for field, value in request.POST.items():
        name, _, id_ = field.rpartition("-")
        written = str(value).strip()
        if name != prefix or not id_.isdecimal() or not written:
            continue
        counts[int(id_[:18])] = whole_number(written)
    return {id_: count for id_, count in counts.items() if count}


def whole_number(text: str) -> int:
    """A count as people type it; anything else is refused with what is wrong."""
    text = text.strip()
    if not text.isascii() or not text.isdecimal() or len(text) > 6:
        raise Refused(f"“{text[:20]}” is not a number of units.")
    return int(text)


def amount_of(text: str) -> Decimal:
    """An amount as people type it, with or without thousands separated; empty is nothing."""
    text = text.strip()
    # "1,00" is one in half of the world and would be a hundred here: a comma only parts thousands.
    if "," in text and not _THOUSANDS.fullmatch(text):
        raise Refused(f"“{text[:20]}” can be read in two ways; write 1000.50 or 1,000.50.")
    try:
        amount = Decimal(text.replace(",", "") or "0")
    except InvalidOperation:
        raise Refused(f"“{text[:20]}” is not an amount.") from None
    if not amount.is_finite() or abs(amount) >= Decimal(10) ** 12:
        raise Refused(f"“{text[:20]}” is not an amount.")
    return amount


def chosen_id(request: HttpRequest, name: str) -> int | None:
    """The id that a select names; nothing when it names none."""
    text = request.POST.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


def row_id(request: HttpRequest, name: str) -> int:
    """The id that a field names; 0, which no row has, when it names none."""
    return chosen_id(request, name) or 0
