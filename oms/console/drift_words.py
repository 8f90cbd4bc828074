"""A difference of stock in words: both sides, the likely cause, and what speaks for it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from inventory.drifts import ADOPTED, ASK, PUBLISHED
from inventory.models import Drift
from oms.console import words
from oms.core import clock
from oms.orders.words import count_of

CAUSES = {
    "not_told": "Our change is not told yet",
    "answer_lost": "The answer to our change was lost",
    "refused": "Shopify refused our change",
    "shipment_not_told": "A parcel left that Shopify has not heard of",
    "message_missing": "A message has not arrived or was not read",
    "till_sale": "Probably sold at the till",
    "left_anyway": "It left after Shopify had taken it off the order",
    "foreign_write": "Somebody else changed it in Shopify",
    "bundle": "A bundle: its parts say how many there are",
    "unknown": "Nothing that we know explains it",
}
KEPT = {
    "soft": "drafts and quotes",
    "safety": "safety stock",
    "buffer": "buffer",
    "fenced": "kept for other channels",
    "beyond_fence": "not reached over the fence",
    "threshold": "threshold of the shop",
    "promised_elsewhere": "promised outside of the shop",
}


def cause(drift: Drift) -> str:
    """Why the two differ, most likely; a code that is no longer known is shown as it is."""
    return CAUSES.get(drift.cause, drift.cause)


def outcome(drift: Drift) -> str:
    """What became of it, or what it waits for."""
    if drift.state == Drift.State.GONE:
        return "Agrees again"
    if drift.state == Drift.State.REPAIRED:
        done = {ADOPTED: "Taken over here", PUBLISHED: "Told to Shopify"}
        return done.get(drift.repair, "Repaired")
    return "To be decided" if drift.repair == ASK else "Waits"


def both_sides(drift: Drift) -> list[tuple[str, int | None, int | None]]:
    """(what, here, in Shopify): the numbers as they were when the two were compared."""
    there: Mapping[str, int] = drift.evidence.get("there", {})
    here: Mapping[str, Any] = drift.evidence.get("here", {})
    kept = sum(here.get("kept", {}).values()) if "kept" in here else None
    rows: list[tuple[str, int | None, int | None]] = [
        ("On hand", drift.ours, drift.theirs),
        ("In orders", here.get("promised"), there.get("committed")),
        ("Kept back", kept, there.get("safety_stock")),
        ("Available", _free(drift.ours, here, kept), there.get("available")),
        ("Incoming", drift.evidence.get("incoming_here"), there.get("incoming")),
    ]
    for name, word in (
        ("reserved", "Reserved by others"),
        ("damaged", "Damaged, apart"),
        ("quality_control", "In quality control, apart"),
    ):
        if there.get(name):
            rows.append((word, None, there[name]))
    return rows


def evidence(drift: Drift) -> list[str]:
    """Every fact that speaks for or against the cause, a sentence each."""
    facts: Mapping[str, Any] = drift.evidence
    there: Mapping[str, int] = facts.get("there", {})
    here: Mapping[str, Any] = facts.get("here", {})
    said = []
    if there and here:
        more = there["committed"] - here["promised"]
        if more > 0:
            units = count_of(more, "unit")
            said.append(f"{units} of orders that Shopify has are not promised here.")
        elif more < 0:
            said.append(f"{count_of(-more, 'unit')} promised here Shopify has in orders elsewhere.")
        if not_told := here.get("not_told"):
            said.append(f"{not_told:+,} of what happened here is not told yet.".replace("-", "−"))
        for name, units in here.get("kept", {}).items():
            said.append(f"{units:,} kept back: {KEPT.get(name, name)}.")
        if there["incoming"] > (facts.get("incoming_here") or 0):
            extra = there["incoming"] - (facts.get("incoming_here") or 0)
            said.append(f"Shopify expects {extra:,} more than our supplies: left by another app?")
        if there["reserved"]:
            said.append(f"{there['reserved']:,} are reserved there by somebody else.")
    if at := facts.get("changed_there_at"):
        said.append(f"Shopify's number last changed {_moment(at)}; it does not tell who did it.")
    if "told_at" in facts:
        told = facts["told_at"]
        said.append(f"We last told it {_moment(told)}." if told else "We never told it anything.")
    if at := facts.get("sold_at_till_at"):
        said.append(f"The till there last sold it {_moment(at)}.")
    if gaps := facts.get("orders_missing"):
        said.append(f"{count_of(gaps, 'order')} of Shopify did not reach us yet.")
    if unread := facts.get("messages_unread"):
        said.append(f"{count_of(unread, 'message')} about orders could not be read yet.")
    if left := facts.get("left_unheard"):
        said.append(f"{count_of(left, 'unit')} left here and Shopify never heard of it.")
    for name in ("refused", "answer_lost", "not_told"):
        if (write := facts.get(name)) and write.get("reason"):
            said.append(f"Shopify said: {write['reason']}")
    return said


def write_of(drift: Drift) -> int | None:
    """The write-back that the difference waits for."""
    for name in ("refused", "answer_lost", "not_told", "shipment_not_told"):
        if write := drift.evidence.get(name):
            return int(write["write"])
    return None


def ways(drift: Drift) -> list[dict[str, str]]:
    """What a person may do: code, label, effect, and why not if it cannot be done."""
    gain = drift.evidence.get("difference", 0)
    ours, theirs = (f"{units:,}".replace("-", "−") for units in (drift.ours, drift.theirs))
    waits = "" if drift.repair == ASK else "something of ours is still under way"
    bundle = "a bundle has no stock of its own" if drift.evidence.get("bundle") else ""
    lost = "; orders whose units vanish are planned again" if gain < 0 else ""
    return [
        {
            "code": "adopt",
            "label": "Take over Shopify's number",
            "effect": f"On hand here: {ours} → {theirs}{lost}",
            "why_not": bundle or waits,
        },
        {
            "code": "publish",
            "label": "Tell Shopify our number",
            "effect": f"On hand in Shopify: {theirs} → {ours}; here unchanged",
            "why_not": waits,
        },
        {
            "code": "look",
            "label": "Compare again",
            "effect": "Both numbers are read again within a minute",
            "why_not": "",
        },
    ]


def _free(ours: int, here: Mapping[str, Any], kept: int | None) -> int | None:
    return None if kept is None else ours - int(here["promised"]) - kept


def _moment(text: str) -> str:
    return words.moment(datetime.fromisoformat(text), clock.now())
