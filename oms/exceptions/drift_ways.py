"""Ways out of a difference to Shopify: take its number over, have ours told, or look again."""

from inventory import drifts
from oms.core.actor import Actor
from oms.core.errors import Refused
from oms.exceptions.models import ExceptionCase
from oms.exceptions.ways import Answers, Effect, Way, no_money
from oms.orders.words import count_of, short

_SETTLED = "It is settled already; wait for the next check."


def _preview_adopt(case: ExceptionCase) -> Effect:
    here = f"{short(case.facts['sku'], 20)} at {short(case.facts['location'], 20)}"
    return Effect(
        stock=f"{here}: {case.facts['ours']:,} becomes {case.facts['theirs']:,}".replace("-", "−"),
        money=no_money(case),
        date="orders whose units vanish are planned again",
    )


def _adopt(case: ExceptionCase, answers: Answers, actor: Actor) -> str:
    if not drifts.adopt(drift_id=case.facts["drift"], actor=actor):
        raise Refused(_SETTLED)
    return f"{count_of(case.facts['theirs'], 'unit')} stand here now, as Shopify says."


def _preview_publish(case: ExceptionCase) -> Effect:
    return Effect(
        money=no_money(case),
        message=f"to Shopify: on hand is {case.facts['ours']:,} again".replace("-", "−"),
    )


def _publish(case: ExceptionCase, answers: Answers, actor: Actor) -> str:
    if not drifts.publish(drift_id=case.facts["drift"], actor=actor):
        raise Refused(_SETTLED)
    return "Shopify is told our number."


def _preview_look(case: ExceptionCase) -> Effect:
    return Effect(stock="compared with Shopify within a minute", money=no_money(case))


def _look(case: ExceptionCase, answers: Answers, actor: Actor) -> str:
    drifts.look_again(drift_id=case.facts["drift"])
    return "The level is compared again within a minute."


def _only_ours(case: ExceptionCase) -> str:
    if not case.facts["bundle"]:
        return ""
    return "a bundle has no stock of its own: its parts say how many there are"


STOCK_DRIFT = (
    Way(
        "adopt",
        "Take over Shopify's number",
        "repair_drift",
        _preview_adopt,
        _adopt,
        hindrance=_only_ours,
    ),
    Way("publish", "Tell Shopify our number", "repair_drift", _preview_publish, _publish),
    Way("look", "Compare again", "repair_drift", _preview_look, _look),
)
