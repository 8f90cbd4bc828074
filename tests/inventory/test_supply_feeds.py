"""Purchase orders of another system come in once, whole, and change when they are told anew."""

import io

import pytest

from inventory.commands.rules import believe
from inventory.feeds import supplies
from inventory.models import StockEntry, StockLevel, Supply
from tests.cast import OLGA, make_item, make_location, make_store
from tests.console.test_api import Caller, error_of

pytestmark = pytest.mark.django_db

FILE = """PO number;SKU;Qty;Warehouse;ETA;Vendor;Presell cap
PO-1;mug;40;East;2026-12-01;Potters;20
PO-1;shirt;10;East;2026-12-01;Potters;
PO-2;mug;5;WST;2026-12-05;Potters;
"""


@pytest.fixture(autouse=True)
def _goods() -> None:
    believe(store_id=make_store().pk, field="incoming", source="erp", actor=OLGA)
    make_item("mug"), make_item("shirt"), make_location("east"), make_location("west")


def load(text: str, source: str = "erp") -> list[tuple[str, str, str]]:
    taken = supplies.load_file(
        store_id=make_store().pk, file=io.BytesIO(text.encode()), source=source, actor=OLGA
    )
    return [(one.number, one.outcome, one.reason) for one in taken]


def incoming() -> list[tuple[str, str, int]]:
    rows = StockLevel.objects.order_by("item__sku", "location__code")
    return [row for row in rows.values_list("item__sku", "location__code", "incoming") if row[2]]


def test_each_order_is_made_with_its_lines_day_and_cap() -> None:
    assert load(FILE) == [("PO-1", "new", ""), ("PO-2", "new", "")]

    first = Supply.objects.get(number="PO-1")
    assert (str(first.expected_on), first.supplier, first.source, first.state) == (
        "2026-12-01", "Potters", "erp", "open",
    )  # fmt: skip
    lines = first.lines.order_by("item__sku").values_list("item__sku", "ordered", "presell_cap")
    assert list(lines) == [("mug", 40, 20), ("shirt", 10, 0)]
    assert incoming() == [("mug", "EST", 40), ("mug", "WST", 5), ("shirt", "EST", 10)]


def test_the_same_file_again_changes_nothing() -> None:
    load(FILE)
    entries = StockEntry.objects.count()

    assert [row[1] for row in load(FILE)] == ["same", "same"]
    assert (StockEntry.objects.count(), Supply.objects.count()) == (entries, 2)


def test_another_number_day_or_a_line_less_changes_the_order() -> None:
    load(FILE)

    taken = load("number,sku,qty,location,expected\nPO-1,mug,30,East,2026-12-09\n")

    assert taken == [("PO-1", "changed", "")]
    assert str(Supply.objects.get(number="PO-1").expected_on) == "2026-12-09"
    assert incoming() == [("mug", "EST", 30), ("mug", "WST", 5)]


def test_an_order_with_one_bad_row_is_refused_whole_and_the_others_come_in() -> None:
    rows = FILE.replace("shirt;10", "shirt;1.5") + "PO-3;ghost;1;East;;;\nPO-4;mug;1;Mars;;;\n"

    taken = load(rows + "PO-5;mug;1;East;tomorrow;;\nPO-6;mug;1;East;;;\nPO-6;mug;2;East;;;\n")

    assert {number: reason for number, _, reason in taken} == {
        "PO-1": "Row 3: “1.5” is not a whole number of units.",
        "PO-2": "",
        "PO-3": "SKU “ghost” is not known.",
        "PO-4": "Location “Mars” is not known.",
        "PO-5": "“tomorrow” is not a day; write 2026-11-20.",
        "PO-6": "Row 9: “mug” is named twice.",
    }
    assert incoming() == [("mug", "WST", 5)]


def test_a_system_that_is_not_believed_about_supply_changes_none() -> None:
    assert {row[2] for row in load(FILE, source="wms")} == {
        "erp is believed about incoming supply here, not wms."
    }
    assert Supply.objects.count() == 0


def test_the_api_takes_orders_and_says_what_came_of_each() -> None:
    caller = Caller("supply.write")
    order = {
        "number": "PO-9", "location": "EST", "expected_on": "2026-12-01",
        "lines": [{"sku": "mug", "units": 7}],
    }  # fmt: skip
    sent = {"source": "erp", "orders": [order, {**order, "number": "PO-10", "location": "Mars"}]}

    answer = caller.post("purchase-orders/", sent)

    assert [(o["number"], o["outcome"]) for o in answer.json()["orders"]] == [
        ("PO-9", "new"), ("PO-10", "refused"),
    ]  # fmt: skip
    assert caller.post("purchase-orders/", sent).json()["orders"][0]["outcome"] == "same"
    assert incoming() == [("mug", "EST", 7)]
    assert error_of(caller.post("purchase-orders/", {"source": "erp", "orders": []}))[0] == 400
    assert Caller("stock.read").post("purchase-orders/", sent).status_code == 403
