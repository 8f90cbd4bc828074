"""Holds are placed and released one by one; routing waits for the last of them."""

import pytest

from oms.core.errors import Refused
from oms.core.models import Timer
from oms.orders import holds
from oms.orders.models import Hold
from tests.cast import OLGA, SAM, make_order

pytestmark = pytest.mark.django_db


def kinds() -> list[str]:
    return list(Timer.objects.order_by("kind").values_list("kind", flat=True))


def test_a_hold_says_who_set_it_and_why() -> None:
    order = make_order()

    hold = holds.place(order_id=order.pk, kind="manual", reason="Call first", actor=SAM)

    assert (hold.reason, hold.placed_by, hold.released_at) == (
        "Call first",
        "user:Sam Support",
        None,
    )
    assert order.events.last().data == {"reason": "Call first", "hold": "manual"}


def test_placing_the_same_kind_again_is_quiet() -> None:
    order = make_order()
    first = holds.place(order_id=order.pk, kind="manual", reason="Call first", actor=SAM)
    events = order.events.count()

    again = holds.place(order_id=order.pk, kind="manual", reason="Another word", actor=OLGA)

    assert again == first
    assert (Hold.objects.count(), order.events.count()) == (1, events)


@pytest.mark.parametrize(("kind", "reason"), [("manual", "  "), ("moon phase", "Full moon")])
def test_a_hold_without_a_reason_or_of_no_known_kind_is_refused(kind: str, reason: str) -> None:
    order = make_order()
    events = order.events.count()

    with pytest.raises(Refused):
        holds.place(order_id=order.pk, kind=kind, reason=reason, actor=SAM)

    assert (Hold.objects.count(), order.events.count()) == (0, events)


def test_releasing_one_of_two_holds_does_not_start_routing() -> None:
    order = make_order()
    first = holds.place(order_id=order.pk, kind="manual", reason="Call first", actor=SAM)
    second = holds.place(order_id=order.pk, kind="risk", reason="Looks odd", actor=SAM)
    Timer.objects.all().delete()

    holds.release(hold_id=first.pk, actor=OLGA)
    assert kinds() == []

    holds.release(hold_id=second.pk, actor=OLGA)
    assert kinds() == ["release", "route"]


def test_releasing_twice_is_quiet() -> None:
    order = make_order()
    hold = holds.place(order_id=order.pk, kind="manual", reason="Call first", actor=SAM)
    released = holds.release(hold_id=hold.pk, actor=OLGA)
    events = order.events.count()

    again = holds.release(hold_id=hold.pk, actor=SAM)

    assert (again.released_by, again.released_at) == ("user:Olga Ops", released.released_at)
    assert order.events.count() == events


def test_the_database_keeps_every_version_of_a_hold() -> None:
    order = make_order()
    hold = holds.place(order_id=order.pk, kind="manual", reason="Call first", actor=SAM)
    holds.release(hold_id=hold.pk, actor=OLGA)

    history = Hold.pgh_event_model.objects.filter(pgh_obj=hold).order_by("pgh_id")

    assert [row.released_by for row in history] == ["", "user:Olga Ops"]
