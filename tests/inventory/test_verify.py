"""Stock that somebody tampered with: verify names what differs, rebuild makes it agree again."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from inventory import ledger, repairs, verification
from inventory.commands import fences, set_safety, soft
from inventory.commands.stock import set_aside
from inventory.ledger import Change
from inventory.models import Reservation, StockEntry, StockLevel
from oms import wiring
from oms.core import invariants
from oms.core.actor import Actor
from oms.core.errors import Refused
from oms.core.models import Timer
from oms.core.sql import execute
from routing import commands, policies
from tests.cast import OLGA, line, make_item, make_location, make_order, make_store, stock

pytestmark = pytest.mark.django_db


def furnished(sku: str) -> StockLevel:
    """Twenty units, three damaged: two orders are promised 4 and 3; a cart keeps 2, b2b 5."""
    store = make_store()
    level = stock(make_item(sku), make_location("east"), 23)
    set_aside(level_id=level.pk, quantity=3, bucket="damaged", reason="damaged", actor=OLGA)
    for number, quantity in ((1, 4), (2, 3)):
        make_order(line(sku, quantity), name=f"#{sku}-{number}")
        commands.route_due(limit=10)
    soft.keep(
        store_id=store.pk,
        holder=f"cart:{level.pk}",
        wants=[(level.item_id, 2)],
        minutes=60,
        actor=OLGA,
    )
    fences.set_fence(level_id=level.pk, channel="b2b", units=5, actor=OLGA)
    place = (level.item_id, level.location_id)
    set_safety(store_id=store.pk, safety=[(*place, 1)], document="test", actor=OLGA)
    return level


@pytest.fixture
def mug() -> StockLevel:
    policies.ensure_default(store_id=make_store().pk, actor=OLGA)
    return furnished("mug")


def broken() -> list[str]:
    return [f.code for f in invariants.check(wiring.INVARIANTS) if f.count]


def tamper(statement: str, *values: Any) -> None:
    """What no command does: past the door, the triggers and the foreign keys."""
    with transaction.atomic():
        execute("SET LOCAL session_replication_role = replica")
        assert execute(statement, values) == 1
        execute("SET LOCAL session_replication_role = origin")


def counter(assignment: str) -> Callable[[StockLevel], None]:
    return lambda level: tamper(
        f"UPDATE inventory_stocklevel SET {assignment} WHERE id = %s",  # noqa: S608
        level.pk,
    )


def promised(level: StockLevel, number: int) -> int:
    name = f"#{level.item.sku}-{number}"
    return Reservation.objects.get(line__order__name=name, state="pending").pk


def entry(level: StockLevel, bucket: str, number: int) -> StockEntry:
    return level.entries.filter(bucket=bucket).order_by("pk")[number]


def drop_an_entry(level: StockLevel) -> None:
    tamper("DELETE FROM inventory_stockentry WHERE id = %s", entry(level, "on_hand", 0).pk)


def change_an_entry(level: StockLevel) -> None:
    tamper(
        "UPDATE inventory_stockentry SET delta = delta + 2, after = after + 2 WHERE id = %s",
        entry(level, "on_hand", 0).pk,
    )


def add_an_entry(level: StockLevel) -> None:
    tamper(
        "INSERT INTO inventory_stockentry"
        " (store_id, level_id, bucket, delta, before, after, cause, actor, document)"
        " VALUES (%s, %s, 'damaged', 7, 90, 97, 'adjust', 'nobody', 'nothing')",
        level.store_id,
        level.pk,
    )


def end_a_promise(level: StockLevel) -> None:
    tamper(
        "UPDATE inventory_reservation SET state = 'released', ended_at = now() WHERE id = %s",
        promised(level, 1),
    )


def drop_a_kept_cart(level: StockLevel) -> None:
    tamper("DELETE FROM inventory_reservation WHERE level_id = %s AND line_id IS NULL", level.pk)


def blow_up_a_promise(level: StockLevel) -> None:
    tamper("UPDATE inventory_reservation SET quantity = 9 WHERE id = %s", promised(level, 2))


def shrink_a_promise(level: StockLevel) -> None:
    tamper("UPDATE inventory_reservation SET quantity = 1 WHERE id = %s", promised(level, 1))


def double_a_promise(level: StockLevel) -> None:
    tamper(
        "INSERT INTO inventory_reservation (store_id, line_id, level_id, quantity)"
        " SELECT store_id, line_id, level_id, quantity FROM inventory_reservation WHERE id = %s",
        promised(level, 2),
    )


def keep_a_cart_behind_the_door(level: StockLevel) -> None:
    tamper(
        "INSERT INTO inventory_reservation"
        " (store_id, level_id, quantity, kind, holder, expires_at)"
        " VALUES (%s, %s, 2, 'soft', 'cart:ghost', now() + interval '1 hour')",
        level.store_id,
        level.pk,
    )


def widen_a_fence(level: StockLevel) -> None:
    tamper("UPDATE inventory_ringfence SET units = 8 WHERE level_id = %s", level.pk)


def end_a_fence(level: StockLevel) -> None:
    tamper("UPDATE inventory_ringfence SET ended_at = now() WHERE level_id = %s", level.pk)


def drop_a_fence(level: StockLevel) -> None:
    tamper("DELETE FROM inventory_ringfence WHERE level_id = %s", level.pk)


KINDS: dict[str, tuple[Callable[[StockLevel], None], str]] = {
    "on hand pushed": (
        counter("on_hand = 29"),
        "on hand pushed at East: On hand is 29, but its entries add up to 20 (9 units too many).",
    ),
    "on hand pushed below zero": (counter("on_hand = -4"), "On hand is -4, but its entries"),
    "reserved too many": (
        counter("reserved = 9"),
        "Reserved is 9, but the pending promises add up to 7 (2 units too many).",
    ),
    "reserved too few": (counter("reserved = 0"), "(7 units too few)"),
    "soft pushed": (counter("soft = 4"), "Kept for carts is 4"),
    "fenced pushed": (
        counter("fenced = 1"),
        "Kept for a channel is 1, but the open fences add up to 5",
    ),
    "safety pushed": (counter("safety = 3"), "Safety is 3, but its entries add up to 1"),
    "buffer pushed": (counter("buffer = 2"), "Buffer is 2, but its entries add up to 0"),
    "damaged pushed": (counter("damaged = 0"), "Damaged is 0, but its entries add up to 3"),
    "incoming pushed": (counter("incoming = 6"), "but the open purchase orders add up to 0"),
    "in transit pushed": (counter("in_transit = 6"), "but the transfers under way add up to 0"),
    "an entry gone": (drop_an_entry, "the chain of on hand is broken: entry"),
    "an entry changed": (change_an_entry, "before it ended at 25"),
    "an entry made up": (add_an_entry, "starts at 90, but entry"),
    "a promise ended": (
        end_a_promise,
        "-1, released) of 4 units ended, and no entry gave the units back.",
    ),
    "a promise larger": (
        blow_up_a_promise,
        "-2) is of 9 units, but 3 units were promised for order:",
    ),
    "a promise smaller": (shrink_a_promise, "-1) is of 1 unit, but 4 units were promised"),
    "a promise twice": (double_a_promise, "-2) of 3 units has no entry that made it."),
    "a cart gone": (
        drop_a_kept_cart,
        "and no promise is left of them.",
    ),
    "a cart made up": (keep_a_cart_behind_the_door, "(cart:ghost) of 2 units has no entry"),
    "a fence wider": (
        widen_a_fence,
        "for b2b keeps 8 units; its entries and promises leave 5.",
    ),
    "a fence ended": (end_a_fence, "for b2b ended, and no entry gave its 5 units back."),
    "a fence gone": (drop_a_fence, "is gone; its entries still keep 5 units."),
}


# Real transactions: a promise and its entry are told by the moment they share.
@pytest.mark.django_db(transaction=True)
def test_whatever_is_tampered_with_is_named_and_repaired() -> None:
    policies.ensure_default(store_id=make_store().pk, actor=OLGA)
    levels = {kind: furnished(kind) for kind in KINDS}
    assert verification.differences() == []
    assert broken() == []
    valid = pending()
    for kind, (corrupt, _) in KINDS.items():
        corrupt(levels[kind])
        if kind == "a cart gone":
            valid = {id_: units for id_, units in valid.items() if id_ in pending()}

    found = verification.differences()
    for kind, (_, words) in KINDS.items():
        mine = [d for d in found if d.level_id == levels[kind].pk]
        assert words in " ".join(w for d in mine for w in (d.sentence, *d.evidence)), kind
        entries = set(levels[kind].entries.values_list("bucket", flat=True))
        assert [
            d for d in mine if d.bucket in entries and d.kind != "line" and not d.last_entries
        ] == []
    assert {"I1", "I1b", "I3", "I3b", "I3c", "I1s"} <= set(broken())

    shown = repairs.preview()
    assert {r.level_id for r in shown} == {level.pk for level in levels.values()}
    assert repairs.repair(actor=OLGA) == shown

    assert verification.differences() == []
    assert broken() == []
    assert pending().items() >= valid.items()
    before = StockEntry.objects.count()
    assert repairs.repair(actor=OLGA) == []
    assert StockEntry.objects.count() == before


def pending() -> dict[int, int]:
    """Every promise that stands, with its units."""
    return dict(Reservation.objects.filter(state="pending").values_list("pk", "quantity"))


def test_a_counter_is_set_from_its_entries_without_a_new_one(mug: StockLevel) -> None:
    before = StockEntry.objects.count()
    counter("on_hand = 29")(mug)

    [row] = repairs.repair(actor=OLGA)

    mug.refresh_from_db()
    assert (mug.on_hand, StockEntry.objects.count()) == (20, before)
    assert (row.sets_counter, row.adds_entry, row.available_change) == (True, False, -9)
    assert row.sentence == "mug at East: on hand from 29 to 20, as its entries say."


def test_a_broken_chain_is_named_by_an_entry_and_the_counter_stands(mug: StockLevel) -> None:
    gone = entry(mug, "on_hand", 0)
    drop_an_entry(mug)

    [row] = repairs.repair(actor=OLGA)

    mug.refresh_from_db()
    note = mug.entries.latest("pk")
    assert mug.on_hand == 20
    assert (note.before, note.delta, note.after, note.cause) == (-3, 23, 20, "repair")
    assert note.actor == str(OLGA)
    assert note.document == f"mended:{entry(mug, 'on_hand', 0).pk}"
    assert gone.delta == 23
    assert row.sentence == "mug at East: on hand stays 20; an entry makes its history agree."


def test_a_counter_follows_its_promises_by_an_entry(mug: StockLevel) -> None:
    keep_a_cart_behind_the_door(mug)

    [row] = repairs.repair(actor=OLGA)

    mug.refresh_from_db()
    assert mug.soft == 4
    note = mug.entries.latest("pk")
    assert (note.bucket, note.delta, note.cause) == ("soft", 2, "repair")
    assert row.sentence == "mug at East: kept for carts from 2 to 4, as its pending promises."


def test_a_promise_that_nothing_gave_back_stands_again_under_its_id(mug: StockLevel) -> None:
    held = promised(mug, 1)
    end_a_promise(mug)

    [row] = repairs.repair(actor=OLGA)

    again = Reservation.objects.get(pk=held)
    assert (again.state, again.quantity, again.ended_at) == ("pending", 4, None)
    assert row.sentence == (
        f"mug at East: reserved stays 7; promise {held} (#mug-1) of 4 units stands again: nothing"
        " gave them back."
    )


@pytest.mark.django_db(transaction=True)
def test_a_line_whose_promise_is_gone_for_good_is_told_and_left_to_a_person(
    mug: StockLevel,
) -> None:
    tamper("DELETE FROM inventory_reservation WHERE id = %s", promised(mug, 1))

    repairs.repair(actor=OLGA)

    [left] = verification.differences()
    assert left.kind == "line"
    assert left.sentence == (
        "#mug-1, line 1 (mug): 4 units count as promised, its pending promises add up to 0"
        " (4 units too many)."
    )
    mug.refresh_from_db()
    assert mug.reserved == 3


def test_when_more_is_promised_than_stands_there_a_timer_sees_to_it(mug: StockLevel) -> None:
    tamper(
        "INSERT INTO inventory_reservation"
        " (store_id, level_id, quantity, kind, holder, expires_at)"
        " VALUES (%s, %s, 30, 'soft', 'cart:ghost', now() + interval '1 hour')",
        mug.store_id,
        mug.pk,
    )
    valid = pending()

    repairs.repair(actor=OLGA)

    assert Timer.objects.filter(kind="shortage", subject_id=mug.pk).exists()
    assert pending() == valid
    assert broken() == []


def test_a_promise_of_units_that_were_not_free_is_noticed(mug: StockLevel) -> None:
    ledger.post([Change(mug.pk, "reserved", 6, "reserve", "order:0")], actor=OLGA)

    assert "I2b" in broken()


def test_what_the_world_takes_below_zero_breaks_nothing(mug: StockLevel) -> None:
    ledger.post([Change(mug.pk, "on_hand", -16, "sale", "pos:1")], actor=OLGA)
    mug.refresh_from_db()

    assert mug.available < 0
    assert broken() == []
    Timer.objects.filter(kind="shortage").delete()
    assert broken() == ["I2"]


def test_the_commands_say_it_in_words_and_with_their_exit_code(
    mug: StockLevel, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("stock_verify")
    assert capsys.readouterr().out == "Every counter adds up.\n"
    counter("damaged = 1")(mug)

    with pytest.raises(SystemExit) as ended:
        call_command("stock_verify", store="acme")
    assert ended.value.code == 1
    told = capsys.readouterr().out.splitlines()
    assert told[0] == ("mug at East: Damaged is 1, but its entries add up to 3 (2 units too few).")
    assert told[1].strip().endswith(": +3 for reason:damaged by user:Olga Ops")
    assert told[-1] == "1 counter does not add up; see stock_rebuild."
    with pytest.raises(SystemExit):
        call_command("stock_verify", json=True)
    assert json.loads(capsys.readouterr().out)[0]["expected"] == 3

    call_command("stock_rebuild")
    assert "1 counter to repair: run again with --apply" in capsys.readouterr().out
    mug.refresh_from_db()
    assert mug.damaged == 1
    with pytest.raises(CommandError, match="Say who repairs"):
        call_command("stock_rebuild", apply=True)
    with pytest.raises(CommandError, match="no shop nowhere"):
        call_command("stock_verify", store="nowhere")

    call_command("stock_rebuild", apply=True, actor="Olga Ops")
    assert "damaged from 1 to 3, as its entries say" in capsys.readouterr().out
    mug.refresh_from_db()
    assert mug.damaged == 3
    call_command("stock_verify")
    call_command("stock_rebuild")
    assert "nothing to repair" in capsys.readouterr().out


def test_nobody_repairs_without_a_name(mug: StockLevel) -> None:
    counter("damaged = 1")(mug)

    with pytest.raises(Refused, match="Say who repairs"):
        repairs.repair(actor=Actor("user", " "))

    mug.refresh_from_db()
    assert mug.damaged == 1
