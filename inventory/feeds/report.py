"""What a feed did or would do, for people: counts by outcome, and its rows as a file."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import QuerySet

from inventory.models import FeedRow, StockFeed

# Order and words of the outcomes, with what they mean to a reader.
WORDS = {
    "applied": "Applied",
    "good": "Will be applied",
    "unchanged": "No change",
    "merged": "Said twice, counted once",
    "held": "Waits for approval",
    "stale": "Older than what we know",
    "not_ours": "Another system is believed",
    "bad": "Cannot be used",
    "refused": "Refused",
}


@dataclass(slots=True, frozen=True)
class Progress:
    """How many rows of a feed have been gone through, of how many."""

    done: int
    of: int

    @property
    def percent(self) -> int:
        return 100 * self.done // self.of if self.of else 100


def counts(feed: StockFeed) -> dict[str, int]:
    """Rows by outcome as things stand: what the dry run found, then what came of it."""
    found: dict[str, int] = feed.facts.get("counts", {})
    done: dict[str, int] = feed.facts.get("done", {})
    if done:
        # Rows that never came to be applied keep what the dry run said of them.
        bad = found.get("bad", 0) + done.get("bad", 0)
        now = done | {"merged": found.get("merged", 0), "bad": bad}
        if feed.state == StockFeed.State.HELD:
            now["held"] = waiting(feed)
        if feed.state == StockFeed.State.APPLYING:
            now["good"] = max(progress(feed).of - progress(feed).done, 0)
    elif feed.state == StockFeed.State.REFUSED:
        now = found | {"refused": found.get("good", 0) + found.get("held", 0), "good": 0, "held": 0}
    else:
        now = found
    return {outcome: now[outcome] for outcome in WORDS if now.get(outcome)}


def progress(feed: StockFeed) -> Progress:
    """How far the applying has come, in rows that had a place to go to."""
    done = feed.facts.get("done", {})
    gone = sum(count for name, count in done.items() if name in WORDS)
    found = feed.facts.get("counts", {})
    total = sum(c for name, c in found.items() if name not in ("bad", "merged"))
    total -= feed.facts.get("sums", {}).get("absent", 0)
    return Progress(min(gone, total), total)


def waiting(feed: StockFeed) -> int:
    """How many rows wait for a person."""
    chunks = feed.chunks.all()
    if feed.facts.get("done"):
        chunks = chunks.filter(held=True)
    return sum(map(len, chunks.values_list("numbers", flat=True)))


def rows(feed: StockFeed, outcome: str = "", *, after: int = 0) -> QuerySet[FeedRow]:
    """The rows that are kept, by number; unchanged ones are only counted."""
    found = FeedRow.objects.filter(feed=feed, number__gt=after)
    if outcome:
        found = found.filter(outcome=outcome)
    return found.order_by("number")


def lines(feed: StockFeed, outcome: str = "") -> Iterator[list[object]]:
    """The report as a table, heading first, for a file."""
    last = feed.facts.get("last", 0)
    yield ["row", "sku", "location", "said", "change", "outcome", "reason"]
    for row in rows(feed, outcome).iterator(chunk_size=2_000):
        yield [
            row.number if row.number <= last else "",
            row.sku,
            row.place,
            row.said,
            row.delta if row.delta is not None else "",
            row.get_outcome_display(),
            row.reason,
        ]
