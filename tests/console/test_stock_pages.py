"""Availability, the stock of an item, nearby and rules: the numbers, the reasons, who may what."""

import csv
import io
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from openpyxl import load_workbook

from inventory import ledger
from inventory.commands.fences import set_fence
from inventory.commands.thresholds import set_threshold
from inventory.ledger import Change
from inventory.models import ChannelThreshold, Reservation, RingFence, StockEntry, StockLevel
from oms.catalog.models import BundlePart, Item
from oms.console import exports
from oms.console.exports import safe
from oms.core.models import OutboxIntent
from oms.core.sql import fetch
from tests.cast import OLGA, make_item, make_location, make_order, make_store, stock
from tests.console.people import signed_in, words_of
from tests.fulfillment.floor import routed_order

pytestmark = pytest.mark.django_db

HOSTILE = ["=1+1", "<script>alert(1)</script>", "\u202eevil", "x" * 120, "a\"b'c&amp;", "@SUM(A1)"]


def cell_labels(answer) -> list[str]:
    """Every formula of the grid, as a screen reader gets it."""
    return re.findall(r'class="cell[^"]*"[^>]*aria-label="([^"]*)"', answer.content.decode(), re.S)


def queries(client, address: str) -> int:
    with CaptureQueriesContext(connection) as caught:
        assert client.get(address).status_code == 200
    return len(caught)


# ---- the grid ------------------------------------------------------------------------------------


def test_a_cell_says_every_term_and_the_sum():
    mug, east = make_item(), make_location()
    level = stock(mug, east, 60, safety=6)
    set_fence(level_id=level.pk, channel="b2b", units=10, actor=OLGA)
    set_threshold(store_id=mug.store_id, channel="web", units=5, actor=OLGA)
    plain = cell_labels(signed_in("ops").get("/stock/"))[1]
    # A digit space pads the numbers, so that they stand below each other.
    assert plain.replace("\u2007", "").split("\n") == [
        "East",
        " 60  on hand",
        "− 0  promised to orders and transfers",
        "− 0  kept for carts, drafts and quotes",
        "− 6  safety stock",
        "− 0  buffer set by the trust score",
        "− 10  kept for channels of their own",
        "− 0  not promised while being counted",
        "= 44  can be sold",
    ]
    web = cell_labels(signed_in("ops").get("/stock/?channel=web"))[1].replace("\u2007", "")
    assert "− 10  kept for other channels" in web
    assert "− 5  not offered in this channel" in web
    assert web.endswith("= 39  can be sold in web")
    b2b = cell_labels(signed_in("ops").get("/stock/?channel=b2b"))[1].replace("\u2007", "")
    assert b2b.endswith("= 54  can be sold in b2b")


def test_the_total_counts_what_orders_wait_for():
    stock(make_item(), make_location(), 5)
    make_order()
    total = cell_labels(signed_in("ops").get("/stock/"))[0].replace("\u2007", "")
    assert "− 1  for orders waiting to be routed" in total
    assert total.endswith("= 4  can be sold")


def test_what_is_odd_about_a_level_is_a_word_and_not_only_a_colour():
    mug, east, west = make_item(), make_location(), make_location("west")
    routed_order()
    level = StockLevel.objects.get(reserved__gt=0)
    ledger.post([Change(level.pk, "on_hand", -level.on_hand - 2, "count", "count:1")], actor=OLGA)
    frozen = stock(make_item("shirt"), west, 5)
    ledger.freeze([frozen.pk], frozen=True)
    stock(make_item("vase"), east, 3, safety=9)
    page = signed_in("ops").get("/stock/").content.decode()
    for shape, word in [
        ("negative", "negative"),
        ("short", "short 1"),
        ("frozen", "counting"),
        ("low", "low"),
    ]:
        assert f'<span class="flag {shape}">{word}</span>' in page, word
    assert mug.pk


@pytest.mark.parametrize(
    ("only", "sku"),
    [
        ("short", "mug"),
        ("negative", "mug"),
        ("frozen", "shirt"),
        ("low", "vase"),
        ("waiting", "hat"),
    ],
)
def test_each_tab_counts_its_items_and_lists_them_alone(only, sku):
    east = make_location()
    routed_order()
    level = StockLevel.objects.get(reserved__gt=0)
    ledger.post([Change(level.pk, "on_hand", -level.on_hand - 2, "count", "count:1")], actor=OLGA)
    ledger.freeze([stock(make_item("shirt"), east, 5).pk], frozen=True)
    stock(make_item("vase"), east, 3, safety=9)
    from tests.cast import line

    make_item("hat")
    make_order(line("hat"))
    answer = signed_in("ops").get(f"/stock/?only={only}")
    found = re.findall(r'<span class="under"><bdi>([^<]+)</bdi>', answer.content.decode())
    assert found == [sku]
    tab = re.search(
        rf'only={only}"[^>]*>[^<]*<span class="count[^"]*">(\d+)', answer.content.decode()
    )
    assert tab and tab[1] == "1"


def test_filters_find_by_sku_title_and_barcode_and_choose_locations():
    east, west = make_location(), make_location("west")
    stock(make_item("mug", title="Stoneware mug", barcode="4006381333931"), east, 5)
    stock(make_item("shirt"), west, 5)
    client = signed_in("ops")

    def found(query: str) -> list[str]:
        page = client.get(f"/stock/?{query}").content.decode()
        return re.findall(r'<span class="under"><bdi>([^<]+)</bdi>', page)

    assert found("text=STONE") == ["mug"]
    assert found("text=4006381333931") == ["mug"]
    assert found("location=WST") == ["shirt"]
    assert found("location=WST&location=EST") == ["mug", "shirt"]
    assert found("text=%00&only=nonsense&channel=%00") == ["mug", "shirt"]
    nothing = words_of(client.get("/stock/?text=nothing+like+it"))
    assert "No item fits None has “ nothing like it ” in its SKU" in nothing
    one = client.get("/stock/?location=WST").content.decode()
    assert one.count('class="at num"') == 1


def test_pages_follow_the_sku_without_a_gap():
    east = make_location()
    skus = sorted(f"sku-{number:03}" for number in range(53))
    for sku in skus:
        make_item(sku)
    stock(Item.objects.get(sku="sku-000"), east, 1)
    client = signed_in("ops")
    first = client.get("/stock/").content.decode()
    found = re.findall(r'<span class="under"><bdi>(sku-\d+)</bdi>', first)
    following = re.search(r'href="(\?[^"]*after=[^"]+)">Next', first)
    rest = client.get(f"/stock/{following[1]}").content.decode()
    found += re.findall(r'<span class="under"><bdi>(sku-\d+)</bdi>', rest)
    assert found == skus and ">Next<" not in rest


def test_the_grid_takes_as_many_queries_for_one_item_as_for_forty_at_three_places():
    places = [make_location(handle) for handle in ("east", "west", "soho_store")]
    stock(make_item("sku-00"), places[0], 1)
    client = signed_in("ops")
    client.get("/stock/")
    few = queries(client, "/stock/?channel=web")
    for number in range(1, 40):
        item = make_item(f"sku-{number:02}")
        for place in places:
            stock(item, place, number)
    assert few == queries(client, "/stock/?channel=web") == 17


def test_a_bundle_shows_the_sets_that_its_scarcest_part_allows():
    east = make_location()
    stock(make_item("mug"), east, 9)
    stock(make_item("shirt"), east, 2)
    box = make_item("box")
    for part, units in [("mug", 2), ("shirt", 1)]:
        BundlePart.objects.create(bundle=box, part=Item.objects.get(sku=part), quantity=units)
    labels = cell_labels(signed_in("ops").get("/stock/?sku=box"))
    assert "2  sets that the parts make" in labels[1].replace("\u2007", "")
    page = words_of(signed_in("ops").get(f"/stock/{box.pk}/"))
    assert "2 can be sold: 2 sets that the parts make." in page
    assert "1 × Shirt (the scarcest)" in page
    assert "A set has no stock of its own" in page
    part = words_of(signed_in("ops").get(f"/stock/{Item.objects.get(sku='mug').pk}/"))
    assert "part of Box" in part


# ---- the item ------------------------------------------------------------------------------------


def test_the_item_page_begins_with_a_sentence_that_adds_up():
    mug = make_item()
    stock(mug, make_location(), 60, safety=6)
    stock(mug, make_location("west"), 4)
    routed_order()
    page = words_of(signed_in("support").get(f"/stock/{mug.pk}/"))
    level = StockLevel.objects.get(item=mug, reserved__gt=0)
    on_hand = sum(StockLevel.objects.filter(item=mug).values_list("on_hand", flat=True))
    assert level.reserved == 1
    assert (
        f"{on_hand - 7} can be sold: {on_hand} on hand, 1 promised to orders and transfers, "
        "6 safety stock." in page
    )


def test_the_ledger_shows_cause_document_and_before_to_after_with_a_link_to_the_order():
    order = routed_order()
    mug = Item.objects.get(sku="mug")
    page = signed_in("ops").get(f"/stock/{mug.pk}/")
    assert f'<a href="/orders/{order.pk}/"><bdi>{order.name}</bdi></a>' in page.content.decode()
    assert "0 → 1 Reserved for an order" in words_of(page)
    only = words_of(signed_in("ops").get(f"/stock/{mug.pk}/?bucket=on_hand"))
    assert "Opening stock" in only and "0 → 1 Reserved for an order" not in only
    none = words_of(signed_in("ops").get(f"/stock/{mug.pk}/?cause=feed"))
    assert "No such entry" in none


def test_the_ledger_pages_backwards_and_keeps_its_filters():
    mug, east = make_item(), make_location()
    level = stock(mug, east, 1)
    for _ in range(45):
        ledger.post([Change(level.pk, "on_hand", 1, "adjust", "reason:found")], actor=OLGA)
    client = signed_in("ops")
    first = client.get(f"/stock/{mug.pk}/?bucket=on_hand").content.decode()
    assert first.count(" → ") >= 40
    following = re.search(r'href="(\?[^"#]*before=\d+)#ledger">Older', first)
    rest = words_of(client.get(f"/stock/{mug.pk}/{following[1].replace('&amp;', '&')}"))
    assert "0 → 1 Opening stock" in rest and "Newest" in rest


def test_who_has_units_who_lost_some_and_what_comes_stand_on_the_page():
    order = routed_order()
    mug = Item.objects.get(sku="mug")
    level = StockLevel.objects.get(reserved__gt=0)
    Reservation.objects.create(
        store=mug.store,
        level=level,
        line=order.lines.get(),
        quantity=2,
        state="lost",
        reason="the youngest order loses",
        ended_at=order.placed_at,
    )
    from inventory.models import Supply, SupplyLine

    supply = Supply.objects.create(
        store=mug.store, kind="purchase", number="PO-1187", supplier="Stoneworks",
        destination=level.location, expected_on="2027-02-02", state="open", created_by="user:Olga",
    )  # fmt: skip
    SupplyLine.objects.create(store=mug.store, supply=supply, item=mug, ordered=60, received=20)
    page = words_of(signed_in("support").get(f"/stock/{mug.pk}/"))
    assert "Who has units 1 in 1 promise" in page
    assert "Who lost units" in page and "the youngest order loses" in page
    assert "Tue 2 Feb 2027 PO-1187 to East , ordered from Stoneworks 40" in page


def test_the_item_page_takes_a_fixed_number_of_queries():
    mug = make_item()
    stock(mug, make_location(), 5)
    client = signed_in("ops")
    client.get(f"/stock/{mug.pk}/")
    few = queries(client, f"/stock/{mug.pk}/")
    for handle in ("west", "soho_store"):
        level = stock(mug, make_location(handle), 50)
        set_fence(level_id=level.pk, channel="b2b", units=1, actor=OLGA)
        set_threshold(
            store_id=mug.store_id, channel="web", units=1, item_id=mug.pk,
            location_id=level.location_id, actor=OLGA,
        )  # fmt: skip
    for _ in range(3):
        routed_order()
    assert few <= queries(client, f"/stock/{mug.pk}/") == 27


def test_a_young_history_is_drawn_by_the_minute_and_an_old_one_by_the_day():
    from datetime import datetime, timedelta
    from zoneinfo import ZoneInfo

    from oms.console import stock_chart

    wall = datetime(2026, 11, 20, 12, 0)  # noqa: DTZ001
    day = int((wall - datetime(1970, 1, 1)).total_seconds()) // 86_400  # noqa: DTZ001
    history = stock_chart.History(
        86_400, day - 3, {day - 3: stock_chart.Moved(10, 8), day: stock_chart.Moved(-4, -4)}
    )
    series = stock_chart.backwards(history, wall, 6, 4)
    assert [(shelf, free) for _, shelf, free in series] == [
        (0, 0),
        (10, 8),
        (10, 8),
        (10, 8),
        (6, 4),
    ]
    drawn = stock_chart.paths(series, 86_400)
    assert drawn.on_hand.startswith("M") and drawn.on_hand.count("V") == 4
    assert drawn.says == (
        "From 16 Nov until now, on hand went from 0 to 6 and what was free from 0 to 4."
    )
    level = stock(make_item(), make_location(), 5)
    now = StockEntry.objects.get(level=level).at + timedelta(minutes=5)
    young = stock_chart.draw([level.pk], on_hand=5, free=5, now=now, zone=ZoneInfo("UTC"))
    assert young and young.title.startswith("Since ")
    assert stock_chart.draw([], on_hand=0, free=0, now=now, zone=ZoneInfo("UTC")) is None


# ---- what people do ------------------------------------------------------------------------------


def act(client, item: Item, name: str, **fields):
    """Fill in an action, look at its preview, and confirm it."""
    shown = client.post(f"/stock/{item.pk}/{name}/", fields)
    if shown.status_code != 200:
        return shown
    page = shown.content.decode()
    preview = page[page.index('aria-label="What it would change"') :].partition("</form>")[0]
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', preview))
    hidden.pop("csrfmiddlewaretoken", None)
    return client.post(f"/stock/{item.pk}/{name}/", hidden)


@pytest.fixture
def level() -> StockLevel:
    # Ids of four digits and more: a thousands separator must not get into a form.
    for table in ("stocklevel", "location", "ringfence", "channelthreshold"):
        fetch(f"SELECT setval('inventory_{table}_id_seq', 1234567)")
    return stock(make_item(), make_location(), 10)


def test_what_a_form_offers_is_what_its_command_takes(level):
    page = signed_in("ops").get(f"/stock/{level.item_id}/").content.decode()
    offered = re.findall(r'<option value="(\d+)"[^>]*>East, 10 on hand', page)
    assert set(offered) == {str(level.pk)}
    rules = signed_in("ops").get("/stock/rules/").content.decode()
    assert f'<option value="{level.location_id}"' in rules


def test_a_correction_shows_first_what_it_changes_and_changes_nothing(level):
    entries, intents = StockEntry.objects.count(), OutboxIntent.objects.count()
    fields = {"level": level.pk, "delta": "−4", "reason": "lost", "note": "behind the rack"}
    page = words_of(signed_in("ops").post(f"/stock/{level.item_id}/adjust/", fields))
    assert "Correct on hand at East by −4?" in page
    assert "On hand there 10 → 6" in page and "Can be sold everywhere 10 → 6" in page
    level.refresh_from_db()
    assert level.on_hand == 10
    assert (StockEntry.objects.count(), OutboxIntent.objects.count()) == (entries, intents)


def test_a_confirmed_correction_is_in_the_ledger_with_reason_and_person(level):
    answer = act(
        signed_in("ops"), level.item, "adjust", level=level.pk, delta="-4", reason="lost",
        note="behind the rack",
    )  # fmt: skip
    assert answer.status_code == 302
    level.refresh_from_db()
    assert level.on_hand == 6
    entry = StockEntry.objects.latest("pk")
    assert (entry.before, entry.after, entry.actor) == (10, 6, "user:Olga")
    assert "Lost: behind the rack" in words_of(signed_in("ops").get(f"/stock/{level.item_id}/"))


def test_a_second_click_on_the_same_confirmation_does_it_once(level):
    client = signed_in("ops")
    fields = {"level": level.pk, "delta": "+3", "reason": "found", "step": "do"}
    page = client.post(f"/stock/{level.item_id}/adjust/", fields).content.decode()
    seen = re.search(r'name="seen" value="([^"]*)"', page)[1]
    for expected in (302, 200):
        answer = client.post(f"/stock/{level.item_id}/adjust/", fields | {"seen": seen})
        assert answer.status_code == expected
    assert "The stock changed while you looked, so nothing was done." in words_of(answer)
    level.refresh_from_db()
    assert level.on_hand == 13


def test_setting_aside_and_putting_back_move_units_between_counters(level):
    client = signed_in("ops")
    act(client, level.item, "aside", level=level.pk, units="4", bucket="damaged", reason="damaged")
    level.refresh_from_db()
    assert (level.on_hand, level.damaged, level.available) == (6, 4, 6)
    act(client, level.item, "back", level=level.pk, units="1", bucket="damaged", reason="repaired")
    level.refresh_from_db()
    assert (level.on_hand, level.damaged) == (7, 3)


def test_an_adjustment_below_the_promises_names_who_would_lose():
    order = routed_order()
    level = StockLevel.objects.get(reserved__gt=0)
    fields = {"level": level.pk, "delta": str(-level.on_hand), "reason": "lost"}
    page = words_of(signed_in("ops").post(f"/stock/{level.item_id}/adjust/", fields))
    assert "Promises would be lost:" in page and f"{order.name} loses 1" in page
    assert "Promised, not there 0 → 1" in page
    level.refresh_from_db()
    assert level.on_hand > 0


def test_safety_fences_and_thresholds_are_set_and_ended_from_the_item(level):
    client, item = signed_in("ops"), level.item
    act(client, item, "safety", level=level.pk, units="2")
    act(client, item, "fence", level=level.pk, units="3", channel="b2b", overflow="1", until="")
    act(client, item, "threshold", level="", units="4", channel="web")
    level.refresh_from_db()
    assert (level.safety, level.fenced, level.available) == (2, 3, 5)
    assert ChannelThreshold.objects.get().units == 4
    page = words_of(client.get(f"/stock/{item.pk}/"))
    assert "3 kept for b2b" in page and "4 held back from web" in page
    text = client.get(f"/stock/{item.pk}/").content.decode()
    (fence_id,) = re.findall(r'name="fence" value="([^"]+)"', text)
    (rule_id,) = re.findall(r'name="threshold" value="([^"]+)"', text)
    act(client, item, "end_fence", fence=fence_id)
    act(client, item, "end_threshold", threshold=rule_id)
    level.refresh_from_db()
    assert level.fenced == 0 and not ChannelThreshold.objects.exists()


@pytest.mark.parametrize(
    ("name", "wrong", "why"),
    [
        ("adjust", {"delta": "0"}, "Say by how many units"),
        ("adjust", {"delta": "-11"}, "Only 10 units of 11 stand on the shelf"),
        ("adjust", {"delta": "3", "reason": ""}, "Choose why."),
        ("adjust", {"delta": "3", "reason": "other"}, "Say in the note what happened."),
        ("adjust", {"delta": "3", "level": "999999"}, "Choose the location."),
        ("aside", {"units": "2.5"}, "is not a number of units"),
        ("aside", {"units": "2", "bucket": "reserved"}, "Choose where the units are."),
        ("back", {"units": "2", "bucket": "damaged"}, "Only 0 units of 2 stand among the damaged"),
        ("safety", {"units": "-1"}, "is not a number of units"),
        ("fence", {"units": "11", "channel": "b2b"}, "Only 10 units more can be kept here."),
        ("fence", {"units": "1", "channel": ""}, "Say for which channel"),
        ("fence", {"units": "1", "channel": "b", "until": "2020-01-01"}, "is over"),
        ("fence", {"units": "1", "channel": "b", "until": "31.12."}, "is not a day"),
        ("threshold", {"units": "1", "channel": "", "level": ""}, "Say for which channel"),
    ],
)
def test_what_makes_no_sense_is_refused_beside_its_button_and_changes_nothing(
    level, name, wrong, why
):
    before = StockEntry.objects.count()
    fields = {"level": level.pk, "reason": "found", "bucket": "damaged", "step": "do"} | wrong
    answer = signed_in("ops").post(f"/stock/{level.item_id}/{name}/", fields)
    assert answer.status_code == 409
    refusals = re.findall(r'<p class="refusal" role="alert">([^<]*)', answer.content.decode())
    assert any(why in text for text in refusals), refusals
    assert StockEntry.objects.count() == before
    assert not RingFence.objects.exists() and not ChannelThreshold.objects.exists()


@pytest.mark.parametrize("role", ["support", "finance"])
def test_who_may_not_change_stock_changes_nothing_and_sees_whom_to_ask(level, role):
    client = signed_in(role)
    signed_in("ops")
    for name in ("adjust", "aside", "back", "safety", "fence", "threshold"):
        fields = {"level": level.pk, "units": "1", "delta": "1", "channel": "web", "step": "do"}
        assert client.post(f"/stock/{level.item_id}/{name}/", fields).status_code == 403
    for address in ("thresholds/", "fences/", "safety/"):
        assert client.post(f"/stock/rules/{address}", {"channel": "web"}).status_code == 403
    level.refresh_from_db()
    assert (level.on_hand, level.safety, level.fenced) == (10, 0, 0)
    page = client.get(f"/stock/{level.item_id}/")
    if role == "support":
        assert "Correct on hand, set aside, put back ops; ask Olga" in words_of(page)
    else:
        assert page.status_code == 403


def test_an_item_of_another_store_is_not_found():
    make_store()
    theirs = make_item("vase", store=make_store("globex"))
    client = signed_in("ops")
    assert client.get(f"/stock/{theirs.pk}/").status_code == 404
    assert client.post(f"/stock/{theirs.pk}/adjust/", {"delta": "1"}).status_code == 404


# ---- nearby and rules ----------------------------------------------------------------------------


def test_nearby_answers_with_the_nearest_place_that_has_enough_and_a_map():
    mug = make_item()
    stock(mug, make_location("soho_store", pickup=True, city="New York"), 2)
    stock(mug, make_location("west", pickup=True), 30)
    client = signed_in("support")
    near = client.get("/nearby/?code=mug&country=US&postal_code=10001&units=2")
    assert "Soho store has 2, 3.2 km away." in words_of(near)
    assert '<svg class="map"' in near.content.decode()
    far = words_of(client.get("/nearby/?code=mug&country=US&postal_code=10001&units=5"))
    assert "West has 30" in far and "no, 5 asked" in far
    assert "No item has the SKU or barcode nothing." in words_of(
        client.get("/nearby/?code=nothing")
    )
    unknown = words_of(client.get("/nearby/?code=mug&country=US&postal_code=zzz"))
    assert "the postal code is not known" in unknown
    assert client.get("/nearby/?code=%00&units=abc&purpose=x&country=%3C").status_code == 200


def test_rules_are_set_found_and_removed_on_their_page(level):
    Item.objects.update(barcode="4006381333931")
    client, place = signed_in("ops"), level.location_id
    client.post("/stock/rules/thresholds/", {"channel": "web", "units": "5"})
    client.post(
        "/stock/rules/fences/",
        {"channel": "b2b", "sku": "mug", "place": place, "units": "3", "until": "2099-12-31"},
    )
    client.post("/stock/rules/safety/", {"sku": "4006381333931", "place": place, "units": "2"})
    level.refresh_from_db()
    assert (level.fenced, level.safety) == (3, 2)
    assert "web every item each location 5" in words_of(client.get("/stock/rules/"))
    fences = words_of(client.get("/stock/rules/?tab=fences"))
    assert "b2b mug East 3 never Thu 31 Dec 2099 Olga" in fences
    assert "mug Mug East 2 10 5" in words_of(client.get("/stock/rules/?tab=safety"))
    assert "No rule fits" in words_of(client.get("/stock/rules/?tab=safety&text=vase"))
    for tab, address in [("thresholds", "thresholds/remove"), ("fences", "fences/end")]:
        text = client.get(f"/stock/rules/?tab={tab}").content.decode()
        (rule,) = re.findall(r'name="rule" value="([^"]+)"', text)
        client.post(f"/stock/rules/{address}/", {"rule": rule})
    level.refresh_from_db()
    assert level.fenced == 0 and not ChannelThreshold.objects.exists()


@pytest.mark.parametrize(
    ("address", "fields", "why"),
    [
        ("thresholds", {"channel": "", "units": "1"}, "Say for which channel"),
        ("thresholds", {"channel": "web", "units": "x"}, "is not a number of units"),
        ("thresholds", {"channel": "web", "units": "1", "sku": "nothing"}, "No item has the SKU"),
        ("fences", {"channel": "web", "units": "1", "sku": "mug"}, "choose the location"),
        ("safety", {"units": "1", "sku": ""}, "Say which item"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(address, fields, why):
    stock(make_item(), make_location(), 10)
    answer = signed_in("ops").post(f"/stock/rules/{address}/", fields)
    assert answer.status_code == 409 and why in words_of(answer)
    assert not ChannelThreshold.objects.exists() and not RingFence.objects.exists()


def test_the_rules_page_takes_a_fixed_number_of_queries():
    level = stock(make_item(), make_location(), 100)
    client = signed_in("ops")
    client.get("/stock/rules/")
    few = [
        queries(client, f"/stock/rules/?tab={tab}") for tab in ("thresholds", "fences", "safety")
    ]
    for channel in ("a", "b", "c"):
        set_threshold(store_id=level.store_id, channel=channel, units=1, actor=OLGA)
        set_fence(level_id=level.pk, channel=channel, units=1, actor=OLGA)
        stock(make_item(channel), level.location, 5, safety=1)
    assert few == [
        queries(client, f"/stock/rules/?tab={tab}") for tab in ("thresholds", "fences", "safety")
    ]


# ---- files, hostile text, emptiness --------------------------------------------------------------


def test_the_grid_as_a_file_holds_every_term_and_no_formula():
    east = make_location()
    for sku in HOSTILE:
        stock(make_item(sku, title=sku), east, 7, safety=2)
    client = signed_in("ops")
    answer = client.get("/stock/?format=csv")
    assert answer["Content-Disposition"].startswith('attachment; filename="availability-')
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == len(HOSTILE)
    assert {(row["Available"], row["On hand"], row["Safety stock"]) for row in rows} == {
        ("5", "7", "2")
    }
    assert not [row["SKU"] for row in rows if row["SKU"].startswith(("=", "@", "+", "-"))]
    assert "'=1+1" in {row["SKU"] for row in rows}

    answer = client.get("/stock/?format=xlsx&only=low")
    sheet = load_workbook(io.BytesIO(b"".join(answer.streaming_content))).active
    assert [cell.value for cell in sheet[1]][:2] == ["SKU", "Title"] and sheet.max_row == 1
    answer = client.get("/stock/?format=xlsx")
    sheet = load_workbook(io.BytesIO(b"".join(answer.streaming_content))).active
    assert sheet.max_row == len(HOSTILE) + 1
    assert {cell.data_type for column in ("A", "B") for cell in sheet[column]} == {"s"}


def test_the_ledger_as_a_file_holds_every_entry():
    level = stock(make_item(), make_location(), 5)
    for _ in range(60):
        ledger.post([Change(level.pk, "on_hand", 1, "adjust", "reason:=cmd")], actor=OLGA)
    answer = signed_in("ops").get(f"/stock/{level.item_id}/?format=csv&bucket=on_hand")
    rows = list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))
    assert len(rows) == 62 and rows[0][:3] == ["At", "Location", "Bucket"]
    assert [row[5] for row in rows[1:]] == [str(units) for units in range(65, 4, -1)]
    assert signed_in("finance").get(f"/stock/{level.item_id}/?format=csv").status_code == 403
    assert signed_in("finance").get("/stock/?format=csv").status_code == 403


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@a", "\t=1", "\r=1"])
def test_text_that_a_spreadsheet_would_run_is_quoted(text):
    assert safe(text) == f"'{text}"


def test_a_sheet_that_is_full_says_so(monkeypatch, rf):
    monkeypatch.setattr(exports, "MOST_XLSX_ROWS", 3)
    answer = exports.export(rf.get("/?format=xlsx"), "x", ["A"], [[1], [2], [3]])
    sheet = load_workbook(io.BytesIO(b"".join(answer.streaming_content))).active
    values = [row[0].value for row in sheet]
    assert values[:2] == ["A", 1] and "take the CSV" in values[2] and len(values) == 3


def test_numbers_stay_numbers_in_a_file():
    assert [safe(-3), safe(None), safe(True), safe("-")] == [-3, "", "yes", "'-"]


@pytest.mark.parametrize("sku", HOSTILE)
def test_hostile_text_is_shown_as_text_everywhere(sku):
    item = make_item(sku, title=sku * 3)
    stock(item, make_location(name='<img src=x onerror="alert(1)">'), 5)
    client = signed_in("ops")
    set_threshold(store_id=item.store_id, channel=sku[:64], units=1, item_id=item.pk, actor=OLGA)
    for address in ("/stock/", f"/stock/{item.pk}/", "/stock/rules/", "/nearby/?code=" + sku[:20]):
        answer = client.get(address)
        text = answer.content.decode()
        assert answer.status_code == 200, address
        assert "<script>alert" not in text and "<img src=x" not in text
        assert "\u202e" not in re.sub(r'(value|title|data-copy)="[^"]*"', "", text)
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=\"", re.sub(r'"[^"]*"', '""', text))


@pytest.mark.parametrize("address", ["/stock/", "/nearby/", "/stock/rules/", "/keys/"])
def test_before_any_store_each_page_says_what_its_emptiness_means(address):
    answer = signed_in("admin").get(address)
    assert answer.status_code == 200
    assert 'class="empty"' in answer.content.decode()


def test_an_item_that_stands_nowhere_says_so():
    item = make_item()
    page = words_of(signed_in("ops").get(f"/stock/{item.pk}/"))
    assert "It stands nowhere" in page and "Nothing has moved yet" in page


def test_the_plain_table_of_levels_leads_to_the_page_of_the_item():
    level = stock(make_item(), make_location(), 5)
    page = signed_in("ops").get("/inventory/stocklevel/").content.decode()
    assert f'href="/stock/{level.item_id}/?at={level.location_id}"' in page
