"""A count while the shop goes on: two sales after it are not undone, and who loses is known."""

import pytest
from django.test import Client

from inventory import standings
from inventory.models import CountLine, CountSession, Standing
from oms import wiring
from oms.core import invariants
from oms.shortages import settle_shortages
from tests.cast import NOON, line, make_item, make_location, make_order, make_user, stock
from tests.console.people import signed_in, words_of
from tests.fulfillment.floor import buckets, routed, shelf, shipped

pytestmark = pytest.mark.django_db(transaction=True)


def counted_by_olga(units: int) -> tuple[Client, int]:
    """Olga opens a blind count of the mugs at East on the page and counts them."""
    olga, east = signed_in("ops"), make_location("east")
    olga.post(
        "/counts/start/",
        {"what": "skus", "skus": "mug", "location": east.pk, "blind": "on", "freezes": "on"},
    )
    session = CountSession.objects.latest("pk")
    line_id = session.lines.get().pk
    olga.post(f"/counts/{session.pk}/scan/", {"code": "mug"})
    olga.post(f"/counts/{session.pk}/enter/", {"line": line_id, "counted": units})
    return olga, session.pk


def second_person() -> Client:
    client = Client()
    client.force_login(make_user("otto", "ops"))
    return client


def assert_sound() -> None:
    assert [(f.code, f.name) for f in invariants.check(wiring.INVARIANTS) if f.count] == []


def test_two_mugs_ship_after_the_count_and_the_number_is_right() -> None:
    stock(make_item("mug"), make_location("east"), 10)
    first, second = (routed(make_order(line("mug"))) for _ in range(2))

    olga, count = counted_by_olga(9)
    # What was promised before ships although the shelf is frozen; nothing new is promised.
    for order in (first, second):
        shipped(order)
    late = routed(make_order(line("mug")))
    assert buckets(late) == {"backordered": 1}

    olga.post(f"/counts/{count}/submit/")
    shown = words_of(olga.get(f"/counts/{count}/"))
    assert "10 9 −1" in shown
    assert "−2 left with a parcel 8 → 7" in shown
    held = CountLine.objects.get()
    olga.post(f"/counts/{count}/decide/", {"do": "post", f"reason-{held.pk}": "theft"})

    assert shelf() == {"on_hand": 7}
    assert Standing.objects.get().counted_at == held.counted_at
    assert_sound()


def test_a_count_below_what_is_promised_costs_exactly_the_youngest_order_its_units() -> None:
    stock(make_item("mug"), make_location("east"), 40)
    older = routed(make_order(line("mug", 20)))
    younger = routed(make_order(line("mug", 20), placed_at=NOON.replace(hour=13)))

    olga, count = counted_by_olga(25)
    olga.post(f"/counts/{count}/submit/")
    held = CountLine.objects.get()
    form = {"do": "approve", "line": held.pk, f"reason-{held.pk}": "theft"}
    assert "You submitted this count" in words_of(olga.post(f"/counts/{count}/decide/", form))
    second_person().post(f"/counts/{count}/decide/", form)
    olga.post(f"/counts/{count}/decide/", {"do": "post"})
    assert settle_shortages(100) == 1

    assert buckets(older) == {"reserved": 20}
    assert buckets(younger)["reserved"] == 5
    assert shelf() == {"on_hand": 25, "reserved": 25}
    standings.refresh_store(store_id=older.store_id)
    standing = Standing.objects.get()
    assert standing.trust == 78
    ((name, _, why),) = standing.parts
    assert (name, why.endswith(" found 25 of 40")) == ("variance", True)
    assert_sound()
