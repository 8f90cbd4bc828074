"""A feed is checked without a change, applied once through the ledger, and never undoes the day."""

import io
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from inventory import ledger
from inventory.commands.rules import believe
from inventory.feeds import applying, checking, deciding, staging
from inventory.ledger import Change
from inventory.models import (
    CountLine,
    CountSession,
    FeedChunk,
    FeedMark,
    FeedRow,
    StockEntry,
    StockFeed,
    StockLevel,
)
from inventory.waiting import wake_arrived
from oms.catalog.models import BundlePart
from oms.core import invariants
from oms.core.actor import Actor
from oms.core.clock import now
from oms.core.errors import Refused
from oms.core.models import OutboxIntent, Timer
from oms.orders.models import OrderLine
from oms.wiring import INVARIANTS
from tests.cast import OLGA, SAM, line, make_item, make_location, make_order, make_store, stock

pytestmark = pytest.mark.django_db

ERP = Actor("partner", "ERP")


@pytest.fixture(autouse=True)
def _erp_is_believed(request: pytest.FixtureRequest) -> None:
    believe(store_id=make_store().pk, field="on_hand", source="erp", actor=OLGA)


def load(text: str, *, minutes_ago: float = 0, **fields: Any) -> StockFeed:
    values: dict[str, Any] = {
        "store_id": make_store().pk,
        "file": io.BytesIO(text.encode()),
        "name": "stock.csv",
        "source": "erp",
        "kind": "absolute",
        "source_time": now() - timedelta(minutes=minutes_ago),
        "actor": OLGA,
    }
    return checking.check_file(**(values | fields))


def applied(feed: StockFeed) -> StockFeed:
    deciding.apply(feed_id=feed.pk, actor=OLGA)
    applying.drain(60)
    feed.refresh_from_db()
    return feed


def table(*rows: tuple[str, str, object]) -> str:
    return "sku,location,qty\n" + "".join(f"{sku},{place},{said}\n" for sku, place, said in rows)


def on_hand(level: StockLevel) -> int:
    level.refresh_from_db()
    return level.on_hand


def moved(level: StockLevel, delta: int, *, minutes_ago: float, cause: str = "ship",
          document: str = "test") -> None:  # fmt: skip
    """Something moved at an earlier time. Entries cannot be edited, so the clock is turned back."""
    ledger.post([Change(level.pk, "on_hand", delta, cause, document)], actor=OLGA)
    _date_back(level, minutes_ago)


def _date_back(level: StockLevel, minutes_ago: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE inventory_stockentry DISABLE TRIGGER USER")
        cursor.execute(
            "UPDATE inventory_stockentry SET at = clock_timestamp() - %s WHERE id ="
            " (SELECT max(id) FROM inventory_stockentry WHERE level_id = %s)",
            [timedelta(minutes=minutes_ago), level.pk],
        )
        cursor.execute("ALTER TABLE inventory_stockentry ENABLE TRIGGER USER")


def old_stock(sku: str, place: str, units: int, **fields: Any) -> StockLevel:
    """Units that have been there since yesterday."""
    level = stock(make_item(sku, **fields), make_location(place), units)
    if units:
        _date_back(level, 24 * 60)
    return level


def reasons(feed: StockFeed) -> list[tuple[int, str, str]]:
    rows = FeedRow.objects.filter(feed=feed).order_by("number")
    return [(row.number, row.outcome, row.reason) for row in rows]


def test_a_dry_run_says_what_would_come_of_each_row_and_changes_nothing() -> None:
    level, shirt = old_stock("mug", "east", 10), old_stock("shirt", "east", 4)
    entries = StockEntry.objects.count()

    feed = load(table(("mug", "East", 12), ("shirt", "EST", 4), ("cap", "East", 1),
                      ("mug", "Mars", 1), ("mug", "East ", "lots")))  # fmt: skip

    assert (feed.state, feed.rows) == ("checked", 5)
    assert reasons(feed) == [
        (2, "good", ""),
        (4, "bad", "SKU “cap” is not known."),
        (5, "bad", "Location “Mars” is not known."),
        (6, "bad", "“lots” is not a number."),
    ]
    assert feed.facts["counts"] == {"bad": 3, "good": 1, "unchanged": 1}
    assert FeedRow.objects.get(feed=feed, number=2).delta == 2
    assert (on_hand(level), on_hand(shirt)) == (10, 4)
    assert StockEntry.objects.count() == entries
    assert FeedMark.objects.count() == 0


def test_good_rows_are_applied_through_the_ledger_and_the_rest_keep_their_reasons() -> None:
    level, shirt = old_stock("mug", "east", 10), old_stock("shirt", "west", 4)
    OutboxIntent.objects.all().delete()

    feed = applied(load(table(("mug", "East", 12), ("shirt", "West", 0), ("cap", "East", 1))))

    assert (on_hand(level), on_hand(shirt)) == (12, 0)
    last = level.entries.order_by("pk").last()
    assert last is not None
    assert (last.bucket, last.delta, last.cause, last.document) == (
        "on_hand", 2, "feed", f"feed:{feed.pk}",
    )  # fmt: skip
    assert last.actor == "partner:erp"
    assert feed.state == "applied"
    assert feed.facts["done"] == {"applied": 2, "up": 2, "down": 4}
    assert [r[1] for r in reasons(feed)] == ["applied", "applied", "bad"]
    assert FeedChunk.objects.count() == 0
    told = OutboxIntent.objects.filter(topic="inventory.publish").values_list("key", flat=True)
    assert sorted(told) == sorted([f"level:{level.pk}", f"level:{shirt.pk}"])
    assert [f.name for f in invariants.check(INVARIANTS) if f.count] == []


def test_the_morning_count_does_not_undo_what_was_sold_since() -> None:
    level = old_stock("mug", "east", 10)
    moved(level, -3, minutes_ago=180)
    moved(level, -2, minutes_ago=30)

    applied(load(table(("mug", "East", 8)), minutes_ago=120))

    # At the time of the count 7 stood here and 8 there; 2 were sold since.
    assert on_hand(level) == 6


def test_a_file_of_an_hour_ago_after_a_newer_one_lands_nowhere_and_names_the_newer() -> None:
    level = old_stock("mug", "east", 10)
    applied(load(table(("mug", "East", 12)), minutes_ago=5))

    feed = applied(load(table(("mug", "East", 9)), minutes_ago=65))

    assert on_hand(level) == 12
    ((number, outcome, reason),) = reasons(feed)
    assert (number, outcome) == (2, "stale")
    assert reason.startswith("erp told of ") and reason.endswith("which is later than this.")


def test_a_newer_file_that_agreed_keeps_an_older_one_out_too() -> None:
    level = old_stock("mug", "east", 10)
    applied(load(table(("mug", "East", 10)), minutes_ago=5))

    feed = applied(load(table(("mug", "East", 3)), minutes_ago=65))

    assert on_hand(level) == 10
    assert [r[1] for r in reasons(feed)] == ["stale"]


def test_a_correction_belongs_to_the_time_it_speaks_of_not_to_when_it_was_posted() -> None:
    level = old_stock("mug", "east", 8)
    first = load(table(("mug", "East", 10)), minutes_ago=60)
    second = load(table(("mug", "East", 10)), minutes_ago=30)

    applied(first)
    feed = applied(second)

    # Both say ten; the second must not add the two again.
    assert on_hand(level) == 10
    assert feed.facts["done"] == {"unchanged": 1}
    assert reasons(feed) == [(2, "unchanged", "")]


def test_two_files_of_one_moment_correct_each_other() -> None:
    level, moment = old_stock("mug", "east", 8), now() - timedelta(minutes=30)

    applied(load(table(("mug", "East", 10)), source_time=moment))
    applied(load(table(("mug", "East", 11)), source_time=moment))

    assert on_hand(level) == 11


def test_a_count_made_after_the_numbers_is_believed_and_one_made_before_is_in_them() -> None:
    level, shirt = old_stock("mug", "east", 8), old_stock("shirt", "east", 8)
    session = CountSession.objects.create(
        store_id=level.store_id, location_id=level.location_id, created_by="test", state="posted"
    )
    for counted, minutes in ((level, 10), (shirt, 50)):
        CountLine.objects.create(
            session=session, level=counted, state="posted", counted=9, expected=8,
            counted_at=now() - timedelta(minutes=minutes),
        )  # fmt: skip
        ledger.post([Change(counted.pk, "on_hand", 1, "count", f"count:{session.pk}")], actor=OLGA)

    feed = applied(load(table(("mug", "East", 8), ("shirt", "East", 7)), minutes_ago=30))

    assert (on_hand(level), on_hand(shirt)) == (9, 7)
    assert reasons(feed)[0][1:] == ("stale", reasons(feed)[0][2])
    assert reasons(feed)[0][2].startswith("Counted or opened ")


def test_a_level_that_was_opened_after_the_numbers_is_not_added_to() -> None:
    level = stock(make_item("mug"), make_location("east"), 10)

    feed = applied(load(table(("mug", "East", 10)), minutes_ago=30))

    assert on_hand(level) == 10
    assert [r[1] for r in reasons(feed)] == ["stale"]


def test_the_same_file_again_is_the_same_feed_and_nothing_is_applied_twice() -> None:
    level, moment = old_stock("mug", "east", 10), now()
    first = applied(load(table(("mug", "East", 12)), source_time=moment))
    moved(level, -1, minutes_ago=0)

    again = applied(load(table(("mug", "East", 12)), source_time=moment, name="copy.csv"))

    assert again.pk == first.pk
    assert on_hand(level) == 11
    assert StockFeed.objects.count() == 1


def test_changes_are_added_once_in_any_order_and_add_up_within_a_file() -> None:
    level = old_stock("mug", "east", 10)
    text = "sku,location,change\nmug,East,-2\nmug,EST,5\nmug,East,-2\n"

    applied(load("sku,location,change\nmug,East,1\n", kind="delta", minutes_ago=10))
    applied(load(text, kind="delta", minutes_ago=20))

    assert on_hand(level) == 12
    with pytest.raises(Refused, match="not made twice"):
        load(text, kind="delta", minutes_ago=5)
    assert on_hand(level) == 12
    assert [f.name for f in invariants.check(INVARIANTS) if f.count] == []


def test_changes_that_a_later_number_contains_are_stale() -> None:
    level = old_stock("mug", "east", 10)
    applied(load(table(("mug", "East", 12)), minutes_ago=5))

    feed = applied(load("sku,location,change\nmug,East,3\n", kind="delta", minutes_ago=10))

    assert on_hand(level) == 12
    assert [r[1] for r in reasons(feed)] == ["stale"]


def test_a_movement_told_late_is_part_of_the_number_that_was_taken_after_it() -> None:
    level = old_stock("mug", "east", 10)
    # Five came at 06:00, told at once; the number of 06:30 has them.
    applied(load("sku,location,change\nmug,East,5\n", kind="delta", minutes_ago=60))

    applied(load(table(("mug", "East", 15)), minutes_ago=30))

    assert on_hand(level) == 15


def test_where_another_system_is_believed_the_row_is_left() -> None:
    level = old_stock("mug", "east", 10)
    believe(store_id=level.store_id, field="on_hand", source="wms",
            location_id=level.location_id, actor=OLGA)  # fmt: skip

    feed = applied(load(table(("mug", "East", 12))))

    assert on_hand(level) == 10
    assert reasons(feed) == [(2, "not_ours", "wms is believed here, not erp.")]
    assert FeedMark.objects.count() == 0


def test_the_rule_that_holds_when_it_is_applied_decides() -> None:
    level = old_stock("mug", "east", 10)
    feed = load(table(("mug", "East", 12)))
    believe(store_id=level.store_id, field="on_hand", source="wms", actor=OLGA)

    feed = applied(feed)

    assert on_hand(level) == 10
    assert [r[1] for r in reasons(feed)] == ["not_ours"]
    assert feed.facts["done"] == {"not_ours": 1}


def test_safety_stock_is_taken_where_the_source_is_believed_about_it() -> None:
    level, shirt = old_stock("mug", "east", 10), old_stock("shirt", "east", 10)
    believe(store_id=level.store_id, field="safety", source="erp",
            item_id=level.item_id, actor=OLGA)  # fmt: skip

    feed = applied(load("sku,location,qty,safety\nmug,East,10,3\nshirt,East,11,4\n"))

    level.refresh_from_db()
    shirt.refresh_from_db()
    assert (level.on_hand, level.safety) == (10, 3)
    assert (shirt.on_hand, shirt.safety) == (11, 0)
    assert reasons(feed)[0] == (2, "applied", "Safety stock 0 → 3.")


def test_rows_about_the_same_place_count_once_when_equal_and_not_at_all_when_they_differ() -> None:
    level, shirt = old_stock("mug", "east", 10), old_stock("shirt", "east", 10)

    feed = applied(load(table(("mug", "East", 12), ("shirt", "East", 11), ("mug", "EST", 12),
                              ("shirt", "East", 9))))  # fmt: skip

    assert (on_hand(level), on_hand(shirt)) == (12, 10)
    assert reasons(feed)[1:] == [
        (3, "bad", "Rows 3, 5 tell different numbers of the same item and place;"
                   " none of them is used."),
        (5, "bad", "Rows 3, 5 tell different numbers of the same item and place;"
                   " none of them is used."),
    ]  # fmt: skip
    assert feed.facts["counts"]["merged"] == 1


def test_items_are_found_by_barcode_and_small_letters_where_only_one_is_meant() -> None:
    level = old_stock("Mug-1", "east", 10, barcode="4006381333931")
    twin = old_stock("cap", "east", 10, barcode="111")
    make_item("CAP", barcode="111")
    make_item("hat", tracked=False)
    BundlePart.objects.create(bundle=make_item("set"), part=twin.item, quantity=2)

    feed = load(table(("4006381333931", "East", 11), ("Cap", "East", 9), ("111", "East", 9),
                      ("hat", "East", 1), ("set", "East", 1)))  # fmt: skip

    assert [(r[1], r[2]) for r in reasons(feed)] == [
        ("good", ""),
        ("bad", "SKU “Cap” is not known."),
        ("bad", "SKU “111” is not known."),
        ("bad", "Stock of this item is not counted."),
        ("bad", "A bundle has no stock of its own; its parts are counted."),
    ]
    assert FeedRow.objects.get(feed=feed, number=2).level_id == level.pk


def test_locations_are_found_by_code_name_and_the_number_of_the_shop() -> None:
    east = make_location("east")
    level = old_stock("mug", "east", 10)
    feed = load(
        f"sku,location,change\nmug,est,1\nmug,EAST,1\nmug,{east.remote_id},1\n"
        f"mug,gid://shopify/Location/{east.remote_id},1\n",
        kind="delta",
    )

    applied(feed)

    assert on_hand(level) == 14


def test_an_item_that_was_never_there_gets_its_level_when_it_is_applied() -> None:
    make_item("mug"), make_location("east")
    feed = load(table(("mug", "East", 7)))
    assert StockLevel.objects.count() == 0

    applied(feed)

    assert StockLevel.objects.get().on_hand == 7


def test_an_absurd_row_waits_for_another_person_while_the_rest_goes_through() -> None:
    level, shirt = old_stock("mug", "east", 10), old_stock("shirt", "east", 10)
    feed = applied(load(table(("mug", "East", 1000), ("shirt", "East", 11))))

    assert (on_hand(level), on_hand(shirt)) == (10, 11)
    assert (feed.state, feed.reason) == ("held", "1 row waits for approval.")
    assert reasons(feed)[0][1:] == ("held", "10 → 1000 is a change of more than 5 times the level.")
    with pytest.raises(Refused, match="somebody else"):
        deciding.approve(feed_id=feed.pk, actor=OLGA)
    assert on_hand(level) == 10

    deciding.approve(feed_id=feed.pk, actor=SAM)
    applying.drain(60)

    feed.refresh_from_db()
    assert (on_hand(level), feed.state, feed.decided_by) == (1000, "applied", str(SAM))
    assert feed.facts["done"] == {"applied": 2, "up": 991}


def test_held_rows_that_are_refused_change_nothing() -> None:
    level = old_stock("mug", "east", 10)
    feed = applied(load(table(("mug", "East", 1000))))

    deciding.refuse(feed_id=feed.pk, reason="A zero too many", actor=SAM)
    applying.drain(60)

    feed.refresh_from_db()
    assert on_hand(level) == 10
    assert (feed.state, feed.reason) == ("applied", "A zero too many")
    assert reasons(feed)[0][1] == "refused"
    assert FeedChunk.objects.count() == 0


def test_fifty_units_are_never_absurd_and_fifty_one_on_ten_are() -> None:
    old_stock("mug", "east", 1), old_stock("shirt", "east", 10)

    feed = load(table(("mug", "East", 51), ("shirt", "East", 61)))

    assert [r[1] for r in reasons(feed)] == ["good", "held"]


@pytest.mark.parametrize(
    ("said", "state"), [((0,) * 7, "held"), ((0,) * 6, "checked"), ((30,) * 20, "held")]
)
def test_a_file_that_empties_or_moves_too_much_is_held_whole(
    said: tuple[int, ...], state: str
) -> None:
    levels = [old_stock(f"item-{n}", "east", 10) for n in range(20)]
    numbers = [*said, *(10 for _ in range(20 - len(said)))]

    feed = load(table(*((f"item-{n}", "East", numbers[n]) for n in range(20))))

    assert feed.state == state
    if state == "held":
        with pytest.raises(Refused, match="waits for approval"):
            deciding.apply(feed_id=feed.pk, actor=OLGA)
        applying.drain(60)
        assert [on_hand(level) for level in levels] == [10] * 20
        deciding.approve(feed_id=feed.pk, actor=SAM)
        applying.drain(60)
        assert [on_hand(level) for level in levels] == numbers


def test_what_a_full_file_does_not_name_is_emptied_only_after_approval() -> None:
    level, gone = old_stock("mug", "east", 10), old_stock("shirt", "east", 4)
    unread, elsewhere = old_stock("cap", "east", 3), old_stock("shirt", "west", 6)

    feed = applied(load(table(("mug", "East", 11), ("cap", "East", "?")), kind="full"))

    assert [on_hand(x) for x in (level, gone, unread, elsewhere)] == [11, 4, 3, 6]
    assert feed.state == "held"
    assert reasons(feed)[-1] == (4, "held", "The file does not name it, and 4 stand there.")

    deciding.approve(feed_id=feed.pk, actor=SAM)
    applying.drain(60)

    assert [on_hand(x) for x in (level, gone, unread, elsewhere)] == [11, 0, 3, 6]
    feed.refresh_from_db()
    assert feed.state == "applied"


def test_the_approved_zero_does_not_undo_what_came_since() -> None:
    old_stock("mug", "east", 10)
    gone = old_stock("shirt", "east", 4)
    feed = applied(load(table(("mug", "East", 10)), kind="full", minutes_ago=30))
    moved(gone, 6, minutes_ago=5, cause="receive")

    deciding.approve(feed_id=feed.pk, actor=SAM)
    applying.drain(60)

    assert on_hand(gone) == 6


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"minutes_ago": -5}, "in the future"),
        ({"source": "Shopify"}, "does not send files"),
        ({"source": "no name!"}, "Name the system"),
        ({"kind": "some"}, "full, absolute or"),
    ],
)
def test_a_feed_that_cannot_be_meant_is_refused_whole(
    fields: dict[str, Any], sentence: str
) -> None:
    old_stock("mug", "east", 10)

    with pytest.raises(Refused, match=sentence):
        load(table(("mug", "East", 12)), **fields)

    assert (StockFeed.objects.count(), FeedRow.objects.count()) == (0, 0)


def test_a_file_without_rows_or_heading_leaves_no_feed() -> None:
    for text in ("sku,location,qty\n", "hello\n", ""):
        with pytest.raises(Refused):
            load(text)

    assert StockFeed.objects.count() == 0


def test_the_same_file_as_another_kind_has_to_be_refused_first() -> None:
    old_stock("mug", "east", 10)
    moment = now()
    first = load(table(("mug", "East", 12)), source_time=moment, kind="full")
    with pytest.raises(Refused, match="refuse that one first"):
        load(table(("mug", "East", 12)), source_time=moment)

    deciding.refuse(feed_id=first.pk, reason="Not the whole file", actor=OLGA)
    second = load(table(("mug", "East", 12)), source_time=moment)

    assert second.pk != first.pk
    with pytest.raises(Refused, match="was refused"):
        deciding.apply(feed_id=first.pk, actor=OLGA)


def test_a_request_key_gives_the_same_feed_and_is_refused_for_other_rows() -> None:
    level = old_stock("mug", "east", 10)
    asked: dict[str, Any] = {
        "store_id": level.store_id, "source": "erp", "kind": "absolute", "actor": ERP,
        "request_key": "night-17",
    }  # fmt: skip
    rows = [{"sku": "mug", "location": "EST", "on_hand": 12}]
    first = checking.check_rows(rows=rows, source_time=now(), **asked)

    again = checking.check_rows(rows=rows, source_time=now(), **asked)

    assert again.pk == first.pk
    with pytest.raises(Refused, match="used before"):
        checking.check_rows(rows=[{**rows[0], "on_hand": 13}], source_time=now(), **asked)
    assert StockFeed.objects.count() == 1


def test_less_than_was_promised_starts_the_timer_of_the_shortage() -> None:
    level = old_stock("mug", "east", 10)
    make_order(line("mug", 8))
    ledger.post([Change(level.pk, "reserved", 8, "reserve", "test")], actor=OLGA)

    applied(load(table(("mug", "East", 5))))

    assert on_hand(level) == 5
    assert Timer.objects.filter(kind="shortage", subject_id=level.pk).exists()


def test_more_than_before_wakes_the_orders_that_wait() -> None:
    old_stock("mug", "east", 0)
    order = make_order(line("mug", 2))
    OrderLine.objects.update(open=0, backordered=2)
    Timer.objects.all().delete()

    applied(load(table(("mug", "East", 5))))
    wake_arrived()

    assert Timer.objects.filter(kind="route", subject_id=order.pk).exists()


def test_many_rows_are_kept_only_up_to_a_bound_and_all_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(staging, "MOST_KEPT", 5)
    monkeypatch.setattr(staging, "CHUNK_ROWS", 4)
    make_location("east")
    levels = [old_stock(f"item-{n}", "east", 10) for n in range(12)]

    feed = applied(load(table(*((f"item-{n}", "East", 11) for n in range(12)),
                              *((f"none-{n}", "East", 1) for n in range(9)))))  # fmt: skip

    assert feed.facts["counts"] == {"bad": 9, "good": 12}
    assert feed.facts["done"] == {"applied": 12, "up": 12}
    assert FeedRow.objects.filter(feed=feed, outcome="bad").count() == 5
    assert [on_hand(level) for level in levels] == [11] * 12
