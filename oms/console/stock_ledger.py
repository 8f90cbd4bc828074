"""The ledger of an item as people read it: newest first, each entry with its cause and document."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.urls import NoReverseMatch, reverse

from inventory.models import StockEntry
from inventory.models.stock import Reason
from oms.console.stock_words import BUCKETS
from oms.core.sql import fetch, ints
from oms.orders.models import Order

PAGE = 40
EXPORT_BATCH = 2000
CAUSES = dict(StockEntry.Cause.choices)
# Kind of document, the page that shows it, what it is called before its name is known.
PAGES_OF = {
    "order": ("admin:order", "Order"),
    "work": ("admin:fulfillment_fulfillmentorder_change", "Work"),
    "rma": ("admin:return", "Return"),
    "return": ("", "Return"),
    "count": ("admin:count", "Count"),
    "feed": ("admin:feed", "Feed"),
    "supply": ("admin:supply_one", "Supply"),
    "transfer": ("admin:supply_one", "Transfer"),
    "receipt": ("", "Receipt"),
    "inbox": ("admin:core_inboxmessage_change", "Message"),
    "inspection": ("", "Inspection"),
    "shipment": ("", "Shipment"),
    "drift": ("admin:drift", "Drift"),
    "fence": ("", "Fence"),
    "reservation": ("", "Promise"),
}
_NUMBERED = re.compile(r"([a-z_]+):(\d{1,18})(?::[\w-]*)?")


@dataclass(slots=True, frozen=True)
class Filters:
    """Which entries somebody asks for; nonsense in a link is dropped."""

    bucket: str = ""
    cause: str = ""
    level_id: int | None = None
    before: int | None = None

    @classmethod
    def of(cls, query: dict[str, str], level_id: int | None) -> "Filters":
        before = query.get("before", "")
        return cls(
            bucket=query.get("bucket", "") if query.get("bucket") in BUCKETS else "",
            cause=query.get("cause", "") if query.get("cause") in CAUSES else "",
            level_id=level_id,
            before=int(before) if before.isdecimal() and len(before) < 19 else None,
        )


@dataclass(slots=True, frozen=True)
class Entry:
    """One change of one counter; `url` leads to what caused it."""

    id: int
    at: datetime
    level_id: int
    bucket: str
    delta: int
    before: int
    after: int
    cause: str
    actor: str
    document: str
    words: str = ""
    url: str = ""

    @property
    def bucket_words(self) -> str:
        return BUCKETS.get(self.bucket, self.bucket)

    @property
    def cause_words(self) -> str:
        return CAUSES.get(self.cause, self.cause)


@dataclass(slots=True)
class LedgerPage:
    """One page of entries; `next` is the id that the following one begins below."""

    entries: list[Entry]
    next: int | None = None


def read(level_ids: Sequence[int], asked: Filters) -> LedgerPage:
    """The newest entries of some levels, in two queries however long their history is."""
    entries = entries_of(level_ids, asked, PAGE + 1)
    found = LedgerPage(entries[:PAGE])
    if len(entries) > PAGE:
        found.next = found.entries[-1].id
    found.entries = with_documents(found.entries)
    return found


def entries_of(level_ids: Sequence[int], asked: Filters, limit: int) -> list[Entry]:
    """Each level is read backwards along its own index, so no page reads a whole history."""
    ids = [asked.level_id] if asked.level_id else list(level_ids)
    rows = fetch(_ENTRIES, [ints(ids), asked.before, asked.before, asked.bucket, asked.bucket,
                            asked.cause, asked.cause, limit, limit])  # fmt: skip
    return [Entry(*row) for row in rows]


def all_entries(level_ids: Sequence[int], asked: Filters) -> Iterator[Entry]:
    """Every entry, for an export, a batch at a time."""
    while batch := entries_of(level_ids, asked, EXPORT_BATCH):
        yield from batch
        asked = replace(asked, before=batch[-1].id)


def with_documents(entries: Sequence[Entry]) -> list[Entry]:
    """What caused each entry, as words and a link; orders by their number. One query."""
    numbered = [_NUMBERED.fullmatch(entry.document) for entry in entries]
    orders = {int(found[2]) for found in numbered if found and found[1] == "order"}
    names = dict(Order.objects.filter(pk__in=orders).values_list("pk", "name")) if entries else {}
    told = []
    for entry, found in zip(entries, numbered, strict=True):
        words, url = document(entry.document, found, names)
        told.append(replace(entry, words=words, url=url))
    return told


def document(text: str, found: re.Match[str] | None, names: dict[int, str]) -> tuple[str, str]:
    """Words and address of a document such as order:17; a reason is only words."""
    if text.startswith(("cart:", "draft:", "quote:")):
        kind, _, name = text.partition(":")
        return f"{kind.capitalize()} {name}", ""
    if found is None or found[1] not in PAGES_OF:
        return _reason(text) if text.startswith("reason:") else text, ""
    page, called = PAGES_OF[found[1]]
    number = int(found[2])
    words = names.get(number, "") if found[1] == "order" else ""
    return words or f"{called} {number}", address(page, number)


def _reason(text: str) -> str:
    """reason:damaged fell off the rack is Damaged: fell off the rack."""
    code, _, note = text.removeprefix("reason:").partition(" ")
    words = dict(Reason.choices).get(code)
    if words is None:
        return text.removeprefix("reason:")
    return f"{words}: {note}" if note else words


def address(page: str, number: int) -> str:
    """The page of a thing, empty while there is none."""
    if not page:
        return ""
    try:
        return reverse(page, args=[number])
    except NoReverseMatch:
        return ""


_ENTRIES = """
SELECT e.* FROM unnest(%s::bigint[]) AS level(id)
CROSS JOIN LATERAL (
    SELECT id, at, level_id, bucket, delta, before, after, cause, actor, document
    FROM inventory_stockentry
    WHERE level_id = level.id AND (%s::bigint IS NULL OR id < %s::bigint)
      AND (%s = '' OR bucket = %s) AND (%s = '' OR cause = %s)
    ORDER BY id DESC LIMIT %s
) AS e
ORDER BY e.id DESC LIMIT %s
"""
