"""The queue as people read it: groups, filters, pages, counts, in a fixed number of queries."""

from datetime import timedelta
from decimal import Decimal

import pytest

from oms.core import clock, outbox
from oms.core.actor import of_user
from oms.core.models import Timer
from oms.exceptions import commands, queries
from oms.exceptions.models import ExceptionCase
from oms.exceptions.queries import Filters
from oms.exceptions.sweep import sweep
from oms.fulfillment.models import Parcel
from oms.orders.models import OrderLine
from tests.cast import line, make_item, make_location, make_order, make_store, make_user, stock
from tests.exceptions.queue import open_case, swept
from tests.fulfillment.floor import routed_order, shipped

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def unknown(count: int) -> list[ExceptionCase]:
    """Cases of unknown items, an hour apart in their due time, the first due now."""
    for number in range(count):
        make_order(line(f"UNKNOWN-{number}"))
    swept("unknown_item")
    cases = list(ExceptionCase.objects.order_by("id"))
    now = clock.now()
    for number, case in enumerate(cases):
        case.due_at = now + number * HOUR
        case.save(update_fields=["due_at"])
    return cases


def names(**filters) -> list[str]:
    asked = Filters(store_id=make_store().pk, **filters)
    return [row.order_name for row in queries.page(asked, now=clock.now()).rows]


def test_rows_come_by_due_time_in_three_groups():
    cases = unknown(3)
    now = clock.now()
    ends = queries.today_ends(make_store().pk, now)
    due = [now - HOUR, now + (ends - now) / 2, ends + HOUR]
    for case, at in zip(cases, reversed(due), strict=True):
        ExceptionCase.objects.filter(pk=case.pk).update(due_at=at)

    rows = queries.page(Filters(make_store().pk), now=now).rows

    assert [row.id for row in rows] == [case.pk for case in reversed(cases)]
    assert [row.group for row in rows] == ["overdue", "today", "later"]
    for position, group in enumerate(["overdue", "today", "later"]):
        assert names(due=group) == [rows[position].order_name]


def test_pages_follow_each_other_by_key_without_a_gap_also_at_equal_due_times():
    cases = unknown(5)
    ExceptionCase.objects.update(due_at=cases[0].due_at)
    ExceptionCase.objects.filter(pk=cases[4].pk).update(severity=1)
    filters = Filters(make_store().pk)
    seen, after = [], None
    while True:
        page = queries.page(filters, now=clock.now(), after=after, limit=2)
        seen.append([row.id for row in page.rows])
        if (after := page.after) is None:
            break

    ids = [case.pk for case in cases]
    assert seen == [[ids[4], ids[0]], [ids[1], ids[2]], [ids[3]]]


def test_the_queue_narrows_by_kind_team_owner_and_snooze():
    mine, other, asleep = unknown(3)
    routed_order()
    (intent,) = outbox.claim(limit=1, lease_seconds=60)
    outbox.rejected(intent, reason="no")
    swept("write_back_failed")
    sam = make_user("sam", "support")
    commands.claim(case_id=mine.pk, version=1, actor=of_user(sam))
    commands.snooze(case_id=asleep.pk, version=1, until=clock.now() + HOUR, actor=of_user(sam))

    assert names(kind="unknown_item") == [mine.order.name, other.order.name]
    assert names(owner_id=sam.pk) == [mine.order.name]
    assert names(unclaimed=True, kind="unknown_item") == [other.order.name]
    assert names(snoozed=True) == [asleep.order.name]
    assert (len(names(team="ops")), names(team="finance")) == (3, [])

    tabs = queries.tabs(Filters(make_store().pk), user_id=sam.pk, now=clock.now())
    assert (tabs.open, tabs.mine, tabs.unclaimed, tabs.snoozed) == (3, 1, 2, 1)
    assert sum(head.rows for head in tabs.groups.values()) == 3
    assert sum(head.at_stake for head in tabs.groups.values()) == Decimal(35)


def test_search_takes_an_order_number_a_sku_a_tracking_number_and_a_customer():
    order = make_order(line("OLD-7"), email="ada@example.com")
    type(order).objects.filter(pk=order.pk).update(ship_name="Ada Lovelace")
    make_order(line("OTHER-1"))
    sent = routed_order()
    shipped(sent, "TRACK-99")
    assert Parcel.objects.get().tracking_number == "TRACK-99"
    (intent,) = outbox.claim(limit=1, lease_seconds=60)
    outbox.rejected(intent, reason="no")
    sweep(kinds=["unknown_item", "write_back_failed"])

    for text in (order.name, order.name[1:], "old-7", "lovelace", "ADA@example.com"):
        assert names(text=text) == [order.name], text
    assert names(text="track-9") == [sent.name]
    assert names(text="mug") == [sent.name]
    assert names(text="%") == []


def test_a_location_filter_shows_what_stands_there():
    east = stock(make_item("mug"), make_location("east"), 1).location
    routed_order(on_hand=1)
    OrderLine.objects.update(reserved=1)
    stock(make_item("mug"), east, 0)
    Timer.objects.filter(kind="shortage").delete()
    swept("stock_short")

    assert (len(names(location_id=east.pk)), names(location_id=east.pk + 1)) == (1, [])


def test_counts_by_kind_and_by_owner_add_up():
    cases = unknown(3)
    sam = make_user("sam", "support")
    commands.claim(case_id=cases[0].pk, version=1, actor=of_user(sam))
    store_id, now = make_store().pk, clock.now()

    (kind,) = queries.counts_by_kind(store_id, now=now)
    owners = queries.counts_by_owner(store_id, now=now)

    assert (kind["label"], kind["rows"], kind["overdue"], kind["at_stake"]) == (
        "Unknown item", 3, 1, 30,
    )  # fmt: skip
    assert [(row["owner_id"], row["name"], row["rows"]) for row in owners] == [
        (None, "", 2),
        (sam.pk, "Sam", 1),
    ]


def test_every_read_costs_a_fixed_number_of_queries(django_assert_num_queries):
    cases = unknown(12)
    commands.add_note(
        case_id=cases[0].pk, text="asked the shop", actor=of_user(make_user("a", "ops"))
    )
    filters, now = Filters(make_store().pk), clock.now()

    with django_assert_num_queries(2):
        assert len(queries.page(filters, now=now).rows) == 12
    with django_assert_num_queries(2):
        queries.tabs(filters, user_id=1, now=now)
    with django_assert_num_queries(2):
        queries.counts_by_kind(filters.store_id, now=now)
    with django_assert_num_queries(2):
        queries.counts_by_owner(filters.store_id, now=now)
    # Four, and what the preview of its one way out reads.
    with django_assert_num_queries(5):
        queries.panel(cases[0].pk)
    with django_assert_num_queries(1):
        queries.of_order(cases[0].order_id)


def test_the_panel_keeps_what_was_noted_when_it_was_wrong_before():
    (case,) = unknown(1)
    sam = of_user(make_user("sam", "support"))
    commands.add_note(case_id=case.pk, text="The shop renamed it.", actor=sam)
    OrderLine.objects.update(item=make_item("mug"))
    swept("unknown_item")
    OrderLine.objects.update(item=None)
    swept("unknown_item")

    panel = queries.panel(open_case("unknown_item").pk)

    assert panel.sentence == "Line 1 has SKU UNKNOWN-0, and no item carries it"
    assert [note.text for note in panel.notes] == ["The shop renamed it."]
    assert len(panel.closed_before) == 1
    assert panel.checked_at is not None
    assert queries.panel(0) is None
