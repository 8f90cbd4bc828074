"""What people decide about a checked feed: apply it, approve what was held, or refuse it."""

from django.db import transaction

from inventory.models import FeedRow, StockFeed
from oms.core.actor import Actor
from oms.core.clock import now
from oms.core.errors import Refused

State = StockFeed.State


@transaction.atomic
def apply(*, feed_id: int, actor: Actor) -> StockFeed:
    """Let a checked feed be applied; the rows that were held wait for another person.

    A job applies it (inventory/feeds/applying.py). Asked again it is quiet.
    """
    feed = _locked(feed_id)
    if feed.state in (State.APPLYING, State.APPLIED):
        return feed
    if feed.state == State.HELD:
        raise Refused(f"This feed waits for approval: {feed.reason}")
    if feed.state == State.REFUSED:
        raise Refused("This feed was refused; load the file again.")

    feed.state = State.APPLYING
    feed.decided_by, feed.decided_at = str(actor), now()
    feed.save(update_fields=["state", "decided_by", "decided_at"])
    return feed


@transaction.atomic
def approve(*, feed_id: int, actor: Actor) -> StockFeed:
    """Let what was held be applied. Never by who loaded the feed."""
    feed = _locked(feed_id)
    if feed.state in (State.APPLYING, State.APPLIED):
        return feed
    if feed.state != State.HELD:
        raise Refused("Nothing of this feed waits for approval.")
    if is_own(feed, actor):
        raise Refused("You loaded this file: somebody else has to approve it.")

    feed.chunks.update(held=False, approved=True)
    feed.state, feed.reason = State.APPLYING, ""
    feed.decided_by, feed.decided_at = str(actor), now()
    feed.save(update_fields=["state", "reason", "decided_by", "decided_at"])
    return feed


@transaction.atomic
def refuse(*, feed_id: int, reason: str, actor: Actor) -> StockFeed:
    """Drop what is not applied yet: all of a checked feed, or the rows that were held."""
    if not reason.strip():
        raise Refused("Say why the numbers are refused.")
    feed = _locked(feed_id)
    if feed.state == State.REFUSED:
        return feed
    if feed.state not in (State.CHECKED, State.HELD):
        raise Refused("This feed is applied already: what it changed stands in the ledger.")

    waiting = sum(map(len, feed.chunks.values_list("numbers", flat=True)))
    feed.chunks.all().delete()
    FeedRow.objects.filter(feed=feed, outcome__in=["good", "held"]).update(outcome="refused")
    if done := feed.facts.get("done"):
        done.pop("held", None)
        done["refused"] = waiting
    feed.state = State.APPLIED if done else State.REFUSED
    feed.applied_at = now() if done else None
    feed.reason = reason.strip()[:500]
    feed.decided_by, feed.decided_at = str(actor), now()
    feed.save(update_fields=["facts", "state", "applied_at", "reason", "decided_by", "decided_at"])
    return feed


def _locked(feed_id: int) -> StockFeed:
    feed = StockFeed.objects.select_for_update().filter(pk=feed_id).first()
    if feed is None:
        raise Refused("This feed is not there.")
    return feed


def is_own(feed: StockFeed, actor: Actor) -> bool:
    """Whether this person loaded the feed, and so may not approve it."""
    if feed.received_by_user_id and actor.user_id:
        return feed.received_by_user_id == actor.user_id
    return feed.received_by == str(actor)
