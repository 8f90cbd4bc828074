"""Supply, receiving and transfers on their pages: what is shown, what may be done, by whom."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from inventory.commands import receiving, slips, supply, transfers
from inventory.commands.receiving import Arrived
from inventory.commands.supply import Ordered
from inventory.models import Receipt, Supply, SupplyLine, SupplyPromise
from oms.catalog.models import Item
from tests.cast import OLGA, make_item, make_location, make_store, stock
from tests.console.people import signed_in, words_of
from tests.inventory.goods import (
    LATER,
    SOON,
    broken,
    house,
    level,
    only_line,
    promised,
    purchase,
    waiting_order,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _house(db: None) -> None:
    house()


@pytest.fixture
def olga() -> Client:
    return signed_in("ops")


def queries_of(client: Client, path: str) -> int:
    client.get(path)
    with CaptureQueriesContext(
        connection,
    ) as caught:
        assert client.get(path).status_code == 200
    return len(caught)


def test_the_list_says_what_is_late_and_what_comes_next(olga: Client) -> None:
    purchase(10, cap=5, number="PO-LATE", day=SOON)
    waiting_order(2)
    Supply.objects.update(expected_on=SOON - timedelta(days=9))
    purchase(6, number="PO-SOON", day=SOON)

    words = words_of(olga.get("/supply/"))

    assert "1 supply is late; 1 order waits for what was promised." in words
    assert "1 more is due within 7 days with 6 units." in words
    assert words.index("PO-LATE") < words.index("PO-SOON")
    assert "2 days late" in words
    late = words_of(olga.get("/supply/?tab=late"))
    assert "PO-LATE" in late
    assert "PO-SOON" not in late


def test_empty_pages_say_what_it_means(olga: Client) -> None:
    assert "Nothing is on its way" in words_of(olga.get("/supply/"))
    assert "Nothing is on its way" in words_of(olga.get("/receiving/"))
    assert "No transfer is under way" in words_of(olga.get("/transfers/"))
    assert "Nothing is late" in words_of(olga.get("/supply/?tab=late"))


def test_a_purchase_order_is_recorded_from_pasted_lines(olga: Client) -> None:
    make_item("Blue mug 2")
    answer = olga.post(
        "/supply/order/",
        {
            "number": "PO-7",
            "supplier": "Acme Pottery",
            "destination": make_location("east").pk,
            "day": SOON.isoformat(),
            "lines": "mug\t40\t20\r\n\r\nBlue mug 2, 5\n",
        },
        follow=True,
    )

    one = Supply.objects.get(number="PO-7")
    rows = list(one.lines.order_by("item__sku").values_list("item__sku", "ordered", "presell_cap"))
    assert rows == [("Blue mug 2", 5, 0), ("mug", 40, 20)]
    assert one.expected_on == SOON
    assert "45 units are expected on" in words_of(answer)


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ("mug", "write a SKU and a number of units"),
        ("mug -4", "write a SKU and a number of units"),
        ("mug 1.5", "write a SKU and a number of units"),
        ("nothing 4", "no item carries the SKU “nothing”"),
        ("mug 4\nmug 5", "named twice"),
        ("mug 4 9", "4 units are ordered"),
        ("=1+1 4", "no item carries the SKU “=1+1”"),
    ],
)
def test_lines_that_cannot_be_used_are_refused_and_stay_in_the_form(
    olga: Client, lines: str, why: str
) -> None:
    values = {"number": "PO-7", "destination": make_location("east").pk, "lines": lines}
    answer = olga.post("/supply/order/", values)

    assert answer.status_code == 409
    assert why in words_of(answer)
    assert "PO-7" in answer.content.decode()
    assert Supply.objects.count() == 0


def test_one_supply_shows_who_waits_and_who_would_get_what(olga: Client) -> None:
    one = purchase(10, cap=5)
    first, last = waiting_order(3), waiting_order(2, minutes=1)

    words = words_of(olga.get(f"/supply/{one.pk}/"))
    assert "10 units are expected on" in words
    assert "2 orders were promised 5 of them." in words
    assert words.index(first.name) < words.index(last.name)
    assert "Cora Customer" in words

    fewer = words_of(olga.get(f"/supply/{one.pk}/?gets-{make_item().pk}=4"))
    assert "3 of 3" in fewer
    assert "1 of 2" in fewer
    assert SupplyPromise.objects.filter(state="pending").count() == 2


def test_a_new_day_shows_every_affected_line_before_anything_is_saved(olga: Client) -> None:
    one = purchase(10, cap=5)
    order = waiting_order(2)

    words = words_of(olga.get(f"/supply/{one.pk}/?day={LATER.isoformat()}&line="))
    assert "1 line of 1 order moves with it." in words
    assert "1 customer knows an earlier day" in words
    assert order.name in words
    assert promised(order) == [(one.number, 2, SOON)]

    answer = olga.post(f"/supply/{one.pk}/day/", {"day": LATER.isoformat()}, follow=True)

    assert "1 order moved with it" in words_of(answer)
    assert promised(order) == [(one.number, 2, LATER)]


def test_support_sees_whom_to_tell_and_notes_it_but_changes_nothing(olga: Client) -> None:
    one = purchase(10, cap=5)
    waiting_order(2)
    slips.change_day(supply_id=one.pk, expected_on=LATER, actor=OLGA)
    sam = signed_in("support")

    assert "Note that the customers were told" in words_of(sam.get(f"/supply/{one.pk}/"))
    assert sam.post(f"/supply/{one.pk}/day/", {"day": SOON.isoformat()}).status_code == 403
    assert sam.post(f"/supply/{one.pk}/cancel/", {"reason": "no"}).status_code == 403
    assert sam.get("/receiving/").status_code == 403
    sam.post(f"/supply/{one.pk}/told/")

    assert SupplyPromise.objects.get().told_for == LATER
    one.refresh_from_db()
    assert (one.expected_on, one.state) == (LATER, "open")


def test_a_refused_change_stands_beside_its_button(olga: Client) -> None:
    one = purchase(10, cap=5)
    waiting_order(3)

    answer = olga.post(f"/supply/{one.pk}/cap/", {"line": only_line(one).pk, "cap": "1"})

    assert answer.status_code == 409
    assert "3 units are promised already" in words_of(answer)
    assert only_line(one).presell_cap == 5


def test_units_the_cap_and_the_end_are_changed_on_the_page(olga: Client) -> None:
    one = purchase(10)

    olga.post(f"/supply/{one.pk}/units/", {"lines": "mug 12"})
    olga.post(f"/supply/{one.pk}/cap/", {"line": only_line(one).pk, "cap": "7"})
    assert (only_line(one).ordered, only_line(one).presell_cap) == (12, 7)

    olga.post(f"/supply/{one.pk}/cancel/", {"reason": "Out of clay"})
    one.refresh_from_db()
    assert one.state == "cancelled"
    assert level().incoming == 0


def scan(client: Client, one: Supply, code: str, way: str = "good") -> str:
    path = f"/receiving/{one.pk}/scan/"
    return words_of(client.post(path, {"code": code, "way": way}, follow=True))


def test_each_scan_counts_one_and_a_reload_counts_nothing_twice(olga: Client) -> None:
    Item.objects.filter(sku="mug").update(barcode="5012345678900")
    one = purchase(3)

    scan(olga, one, "mug")
    scan(olga, one, "5012345678900")
    words = scan(olga, one, "mug", "damaged")
    assert "Mug : 3 of 3 mug · all there" in words
    assert words_of(olga.get(f"/receiving/{one.pk}/")).count("3 of 3 counted") == 1
    assert level().on_hand == 0

    form = {f"good-{make_item().pk}": "2", f"damaged-{make_item().pk}": "1", "do": "receive"}
    answer = olga.post(f"/receiving/{one.pk}/finish/", form, follow=True)

    assert "3 units of PO-1 received." in words_of(answer)
    assert (level().on_hand, level().damaged) == (2, 1)
    assert broken() == []


def test_an_unknown_code_is_said_loudly_and_counts_nothing(olga: Client) -> None:
    one = purchase(3)

    words = scan(olga, one, "<script>alert(1)</script>")

    assert "Not known: <script>alert(1)</script>" in words.replace("&lt;", "<").replace("&gt;", ">")
    assert "0 of 3 counted" in words


def test_the_same_form_sent_twice_makes_one_receipt(olga: Client) -> None:
    one = purchase(10)
    form = {"key": "a" * 32, f"good-{make_item().pk}": "4", "do": "receive"}

    olga.post(f"/receiving/{one.pk}/finish/", form)
    olga.post(f"/receiving/{one.pk}/finish/", form)
    # What the page remembers late does not come back either.
    olga.post(f"/receiving/{one.pk}/finish/", form | {"do": "keep"})

    assert level().on_hand == 4
    assert Receipt.objects.count() == 1
    assert "0 of 6 counted" in words_of(olga.get(f"/receiving/{one.pk}/"))


def test_more_than_expected_needs_a_tick_and_the_rest_can_be_closed(olga: Client) -> None:
    one = purchase(10)
    form = {f"good-{make_item().pk}": "11", "do": "receive"}

    answer = olga.post(f"/receiving/{one.pk}/finish/", form)
    assert answer.status_code == 409
    assert "11 × mug came and 10 were expected" in words_of(answer)
    assert Receipt.objects.count() == 0

    two = purchase(10)
    olga.post(
        f"/receiving/{two.pk}/finish/",
        {f"good-{make_item().pk}": "8", "do": "receive", "closes": "on"},
    )
    two.refresh_from_db()
    assert (two.state, only_line(two).short) == ("closed", 2)
    olga.post(f"/receiving/{one.pk}/finish/", form | {"more": "on"})
    assert level().on_hand == 19


@pytest.mark.parametrize("typed", ["x", "-1", "1.5", "1e3", "9" * 9])
def test_numbers_that_are_none_are_refused(olga: Client, typed: str) -> None:
    one = purchase(10)

    answer = olga.post(
        f"/receiving/{one.pk}/finish/", {f"good-{make_item().pk}": typed, "do": "receive"}
    )

    assert answer.status_code == 409
    assert "is not a number of units" in words_of(answer)
    assert Receipt.objects.count() == 0


def test_units_to_be_checked_are_decided_on_the_receiving_page(olga: Client) -> None:
    one = purchase(10)
    receiving.receive(
        supply_id=one.pk,
        arrived=[Arrived(make_item().pk, quality=4)],
        request_key="r",
        actor=OLGA,
    )
    assert "To be checked" in words_of(olga.get("/receiving/"))
    path, form = "/receiving/quality/", {"level": level().pk, "good": "3", "damaged": "1"}

    assert olga.post(path, form | {"reason": ""}).status_code == 409
    olga.post(path, form | {"reason": "Glaze is fine"})

    assert (level().on_hand, level().damaged, level().quality) == (3, 1, 0)


def test_a_transfer_is_checked_planned_shipped_and_received(olga: Client) -> None:
    east, west = make_location("east"), make_location("west")
    stock(make_item("mug"), west, 8)
    form = {"number": "TR-1", "origin": west.pk, "destination": east.pk, "lines": "mug 9"}

    check = words_of(olga.post("/transfers/plan/", form | {"do": "check"}))
    assert "1 unit too many" in check
    assert Supply.objects.count() == 0
    answer = olga.post("/transfers/plan/", form | {"do": "plan"})
    assert answer.status_code == 409
    assert "Only 8 of 9 units are free" in words_of(answer)

    olga.post("/transfers/plan/", form | {"lines": "mug 6", "do": "plan"})
    one = Supply.objects.get()
    assert "6 units are kept at West and have not left." in words_of(olga.get(f"/supply/{one.pk}/"))
    olga.post(f"/supply/{one.pk}/ship/", {f"units-{make_item().pk}": "6"})
    assert (level("west").on_hand, level().in_transit) == (2, 6)
    assert "TR-1" in words_of(olga.get("/receiving/?at=EST"))
    olga.post(f"/receiving/{one.pk}/finish/", {f"good-{make_item().pk}": "6", "do": "receive"})

    assert (level().on_hand, level().in_transit) == (6, 0)
    assert broken() == []


def test_another_stores_supply_is_not_found(olga: Client) -> None:
    other = make_store("other")
    place = make_location("east", store=other)
    one = supply.create(
        store_id=other.pk,
        number="PO-1",
        destination_id=place.pk,
        lines=[Ordered(make_item("cup", store=other).pk, 1)],
        actor=OLGA,
    )

    assert olga.get(f"/supply/{one.pk}/").status_code == 404
    assert olga.get(f"/receiving/{one.pk}/").status_code == 404
    assert olga.post(f"/supply/{one.pk}/cancel/", {"reason": "no"}).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/supply/?page=junk&tab=junk&kind=junk",
        "/supply/?page=-1",
        "/supply/?page=9999",
        "/receiving/?find=%00%25_\\&at=zzz",
        "/transfers/?tab=junk",
        "/supply/{}/?day=junk",
        "/supply/{}/?day=%00&line=x",
        "/supply/{}/?gets-1=junk&gets-x=1",
        "/receiving/{}/?way=junk",
    ],
)
def test_odd_addresses_are_answered_calmly(olga: Client, path: str) -> None:
    one = purchase(3)

    assert olga.get(path.format(one.pk)).status_code == 200


def test_hostile_names_are_shown_as_text(olga: Client) -> None:
    nasty = make_item("=1+1", title="<script>alert(1)</script>" + "x" * 200)
    one = supply.create(
        store_id=make_store().pk,
        number="PO-<b>",
        destination_id=make_location("east").pk,
        supplier="مورد <img src=x>",
        lines=[Ordered(nasty.pk, 5)],
        actor=OLGA,
    )

    for path in ("/supply/", f"/supply/{one.pk}/", "/receiving/", f"/receiving/{one.pk}/"):
        text = olga.get(path).content.decode()
        assert "<script>alert" not in text
        assert "<img src=x>" not in text
        assert "PO-<b>" not in text


def test_the_pages_take_a_fixed_number_of_queries(olga: Client) -> None:
    """However many supplies, lines and orders there are."""
    one = purchase(10, cap=5)
    paths = (
        "/supply/",
        f"/supply/{one.pk}/",
        "/receiving/",
        f"/receiving/{one.pk}/",
        "/transfers/",
    )
    few = [queries_of(olga, path) for path in paths]

    for number in range(5):
        purchase(5, cap=5, number=f"PO-X{number}")
        waiting_order(1, minutes=number)
    store = make_store()
    SupplyLine.objects.bulk_create(
        SupplyLine(store=store, supply=one, item=make_item(f"item-{n}"), ordered=3)
        for n in range(30)
    )

    assert [queries_of(olga, path) for path in paths] == few
    assert few == [10, 14, 10, 9, 10]


def test_the_export_lists_every_line_under_way(olga: Client) -> None:
    purchase(10, cap=5, number="PO-1")
    west = make_location("west")
    stock(make_item("mug"), west, 8)
    transfers.plan(
        store_id=make_store().pk,
        number="TR-1",
        origin_id=west.pk,
        destination_id=make_location("east").pk,
        units={make_item("mug").pk: 2},
        actor=OLGA,
    )

    answer = olga.get("/supply/?format=csv")
    lines = b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()  # type: ignore[attr-defined]

    assert lines[0].startswith("number,kind,state,from,to,expected_on,sku,ordered")
    assert [line.split(",")[0] for line in lines[1:]] == ["PO-1", "TR-1"]


def test_a_supply_of_a_thousand_lines_is_shown_in_part_and_received_as_a_whole(
    olga: Client,
) -> None:
    store = make_store()
    items = [
        Item(store=store, sku=f"bulk-{number:04}", title=f"Bulk {number}") for number in range(600)
    ]
    Item.objects.bulk_create(items)
    one = supply.create(
        store_id=store.pk,
        number="PO-BIG",
        destination_id=make_location("east").pk,
        lines=[Ordered(item.pk, 2) for item in items],
        actor=OLGA,
    )

    assert "350 more lines" in words_of(olga.get(f"/supply/{one.pk}/"))
    words = scan(olga, one, "bulk-0599")
    assert "Bulk 599 : 1 of 2" in words
    assert "350 more lines are expected" in words
    form = {f"good-{item.pk}": "2" for item in items[:200]} | {"do": "receive"}
    olga.post(f"/receiving/{one.pk}/finish/", form)

    assert Receipt.objects.get().lines.count() == 201
    assert level(sku="bulk-0599").on_hand == 1
