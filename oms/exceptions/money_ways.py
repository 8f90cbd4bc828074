"""Ways out that concern money and goods on their way back; see ways.py for what a way is."""

from decimal import Decimal

from oms.core.actor import Actor
from oms.exceptions.models import ExceptionCase
from oms.exceptions.ways import Answers, Effect, Way, no_money, order_id_of, subject_id
from oms.orders.words import count_of, money
from returns import commands, refunds, settlement
from returns.commands import Asked
from returns.models import Refund

REASON = ("reason", "The reason")


def _failed(case: ExceptionCase) -> str:
    return _amount(Refund.objects.get(pk=case.facts["failed_refund"]).owed, case)


def _amount(amount: Decimal, case: ExceptionCase) -> str:
    return money(amount, case.facts["currency"])


def _preview_pay_again(case: ExceptionCase) -> Effect:
    return Effect(
        money=f"{_failed(case)} goes back to the customer, once",
        date="in the days their bank takes",
        message="Shopify tells the customer if the shop has that mail on",
    )


def _pay_again(case: ExceptionCase, answers: Answers, actor: Actor) -> str:
    refunds.send_again(refund_id=case.facts["failed_refund"], actor=actor)
    return "The refund is sent to Shopify again."


def _preview_give_up(case: ExceptionCase) -> Effect:
    return Effect(money=f"nothing moves; {_failed(case)} is no longer owed")


def _give_up(case: ExceptionCase, answers: Answers, actor: Actor) -> str:
    refunds.cancel(refund_id=case.facts["failed_refund"], reason=answers["reason"], actor=actor)
    return f"The refund is not made: {answers['reason']}"


def _none_failed(case: ExceptionCase) -> str:
    return "" if case.facts["failed_refund"] else "Shopify refused no refund of this order"


def _preview_accept(case: ExceptionCase) -> Effect:
    refund = Refund.objects.get(pk=case.facts["outside_refund"])
    more = _amount(settlement.moved_by(refund) - refund.owed, case)
    return Effect(money=f"nothing moves; {more} that went back counts as owed")


def _accept(case: ExceptionCase, answers: Answers, actor: Actor) -> str:
    settlement.accept_outside(
        refund_id=case.facts["outside_refund"], reason=answers["reason"], actor=actor
    )
    return f"The refund made outside is right: {answers['reason']}"


def _none_outside(case: ExceptionCase) -> str:
    if Decimal(case.facts["difference"]) > 0:
        return "too little went back, not too much"
    return "" if case.facts["outside_refund"] else "Shopify has no refund for this money"


def _owed(case: ExceptionCase) -> str:
    return _amount(Decimal(case.facts["owed"]), case)


def _preview_approve(case: ExceptionCase) -> Effect:
    return Effect(
        money=f"{_owed(case)} goes back to the customer",
        date="in the days their bank takes",
        message="Shopify tells the customer if the shop has that mail on",
    )


def _approve(case: ExceptionCase, answers: Answers, actor: Actor) -> str:
    refunds.approve(refund_id=subject_id(case), actor=actor)
    return f"{_owed(case)} is on its way to Shopify."


def _preview_refuse(case: ExceptionCase) -> Effect:
    return Effect(money=f"nothing moves; the {_owed(case)} is not refunded")


def _refuse(case: ExceptionCase, answers: Answers, actor: Actor) -> str:
    refunds.cancel(refund_id=subject_id(case), reason=answers["reason"], actor=actor)
    return f"The refund is not made: {answers['reason']}"


def _preview_close(case: ExceptionCase) -> Effect:
    return Effect(money=no_money(case), message="Shopify closes the return too")


def _close(case: ExceptionCase, answers: Answers, actor: Actor) -> str:
    commands.close(rma_id=subject_id(case), actor=actor)
    return f"{case.facts['number']} is closed."


def _preview_ask_back(case: ExceptionCase) -> Effect:
    units = count_of(case.facts["units"], "unit")
    return Effect(
        stock=f"{units} expected back; on the shelf once inspected",
        money=no_money(case),
        message="Shopify opens the return; the customer reads how to send it",
    )


def _ask_back(case: ExceptionCase, answers: Answers, actor: Actor) -> str:
    """Everything of the order that left and that no return expects."""
    gone = commands.returnable(order_id_of(case))
    rma = commands.request(
        order_id=order_id_of(case),
        lines=[
            Asked(line_id, quantity, "cancelled after it left")
            for line_id, quantity in sorted(gone.items())
            if quantity
        ],
        actor=actor,
    )
    commands.approve(rma_id=rma.pk, actor=actor)
    return f"{rma.number} expects {count_of(sum(gone.values()), 'unit')} back."


REFUND_DIFFERS = (
    Way(
        "pay_again",
        "Send the refund again",
        "approve_refunds",
        _preview_pay_again,
        _pay_again,
        hindrance=_none_failed,
    ),
    Way(
        "give_up",
        "Do not make this refund",
        "approve_refunds",
        _preview_give_up,
        _give_up,
        asks=(REASON,),
        hindrance=_none_failed,
    ),
    Way(
        "accept",
        "Accept what was refunded outside",
        "approve_refunds",
        _preview_accept,
        _accept,
        asks=(REASON,),
        hindrance=_none_outside,
    ),
)
REFUND_WAITING = (
    Way("approve", "Approve the refund", "approve_refunds", _preview_approve, _approve),
    Way(
        "refuse",
        "Do not make this refund",
        "approve_refunds",
        _preview_refuse,
        _refuse,
        asks=(REASON,),
    ),
)
RETURN_DIFFERS = (
    Way("close", "Close the return as it is", "manage_returns", _preview_close, _close),
)
CANCELLED_AFTER_SHIP = (
    Way("ask_back", "Ask for the goods back", "manage_returns", _preview_ask_back, _ask_back),
)
