"""Quantities and money have one door each, and history cannot be edited."""

import re
from pathlib import Path

import pytest
from django.db import DatabaseError, connection, transaction

from inventory.models import StockEntry
from oms.orders.models import Event, MoneyEntry
from tests.cast import make_item, make_location, make_order, stock

PROJECT = Path(__file__).resolve().parents[2]
WRITES = {
    r"(UPDATE|INSERT INTO|COPY) inventory_stock(level|entry)|copy_in\(\s*\"inventory_stock": {
        "inventory/ledger.py",
        "inventory/sql/post.sql",
        "inventory/sql/reserve.sql",
    },
    r"INSERT INTO orders_moneyentry": {"oms/orders/money.py"},
    r"UPDATE orders_orderline l SET\s+open|SET open =": {"oms/orders/units.py"},
}


def sources() -> dict[str, str]:
    return {
        str(path.relative_to(PROJECT)): path.read_text()
        for top in ("oms", "inventory", "routing", "returns")
        for pattern in ("*.py", "*.sql")
        for path in (PROJECT / top).rglob(pattern)
        if "migrations" not in path.parts and "sandbox" not in path.parts
    }


@pytest.mark.parametrize("pattern", WRITES)
def test_only_the_door_writes(pattern: str) -> None:
    writers = {name for name, text in sources().items() if re.search(pattern, text)}

    assert writers == WRITES[pattern]


def test_no_float_touches_money() -> None:
    rooms = ("oms/orders/", "returns/")
    money_files = [n for n in sources() if n.startswith(rooms) and ("money" in n or "pric" in n)]

    assert money_files
    assert [n for n in money_files if re.search(r"\bfloat\(|: float\b", sources()[n])] == []


@pytest.mark.django_db
@pytest.mark.parametrize("statement", ["UPDATE {} SET id = id", "DELETE FROM {}"])
@pytest.mark.parametrize("model", [StockEntry, MoneyEntry, Event])
def test_history_refuses_to_be_edited(statement: str, model: type) -> None:
    make_order()
    stock(make_item("mug"), make_location("east"), 3)
    table = model._meta.db_table
    before = model.objects.count()
    assert before

    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement.format(table))

    assert model.objects.count() == before


@pytest.mark.django_db
def test_history_cannot_be_truncated_outside_of_tests() -> None:
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("SET LOCAL switchyard.allow_truncate = 'off'")
        cursor.execute("TRUNCATE orders_event")
