"""Stock files as the world writes them: every row is read or has its reason, in little memory."""

import io
import tracemalloc
import zipfile
from collections.abc import Iterator
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from inventory.feeds import reading, sheets, texts
from inventory.feeds.reading import Said
from inventory.feeds.values import Unusable, whole_number
from oms.core.errors import Refused


def read(content: bytes, *, changes: bool = False, place: str = "") -> list[Said]:
    file = io.BytesIO(content)
    table = reading.open_table(file, survey=texts.survey(file), changes=changes)
    return list(reading.rows_of(table, changes=changes, place=place))


def facts(content: bytes) -> dict[str, object]:
    file = io.BytesIO(content)
    return reading.open_table(file, survey=texts.survey(file), changes=False).facts


PLAIN = "sku,location,quantity\nmug,East,5\nshirt,West,0\n"
GOOD = [(2, "mug", "East", "5", 5, None, ""), (3, "shirt", "West", "0", 0, None, "")]


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (PLAIN.encode(), "utf-8"),
        (PLAIN.encode("utf-8-sig"), "utf-8-sig"),
        (PLAIN.encode("utf-16"), "utf-16"),
        (PLAIN.encode("utf-16-le"), "utf-16-le"),
        (PLAIN.encode("utf-16-be"), "utf-16-be"),
        (PLAIN.encode("utf-32"), "utf-32"),
        (PLAIN.replace("\n", "\r\n").encode(), "utf-8"),
        (PLAIN.replace("\n", "\r").encode(), "utf-8"),
        (PLAIN.replace(",", ";").encode(), "utf-8"),
        (PLAIN.replace(",", "\t").encode(), "utf-8"),
        (PLAIN.replace(",", "|").encode(), "utf-8"),
        (PLAIN.replace("mug", '"mug"').encode(), "utf-8"),
        (PLAIN.rstrip().encode(), "utf-8"),
    ],
)
def test_the_same_table_is_read_however_it_is_written(content: bytes, encoding: str) -> None:
    assert read(content) == GOOD
    assert facts(content)["encoding"] == encoding


def test_letters_of_western_europe_are_recognised_and_the_encoding_is_named() -> None:
    content = "Artikel;Lager;Menge\nKaffee-Köln;Straße;5\n"

    assert read(content.encode("cp1252"))[0][1:3] == ("Kaffee-Köln", "Straße")
    assert facts(content.encode("cp1252"))["encoding"] == "cp1252"
    assert facts(content.encode("cp1252") + b"\x81;x;1\n")["encoding"] == "latin-1"
    assert facts(content.encode())["delimiter"] == "semicolon"


@pytest.mark.parametrize(
    "heading",
    [
        "SKU,Location,On Hand",
        "Item,Warehouse,qty",
        "article-no,STORE,on_hand",
        " Barcode , warehouse_code , Quantity ",
        "Item Number,Location Name,Qty On Hand",
        "Artikelnummer,Lager,Bestand",
    ],
)
def test_headings_are_matched_loosely(heading: str) -> None:
    assert read(f"{heading}\nmug,East,5\n".encode())[0][1:5] == ("mug", "East", "5", 5)


def test_other_columns_may_stand_anywhere_and_safety_is_taken_along() -> None:
    content = 'Name,Safety stock,Qty,Price,Store,SKU\n"A mug,\nblue",2,5,"1,99",East,mug\n'

    assert read(content.encode()) == [(2, "mug", "East", "5", 5, 2, "")]


def test_a_title_above_the_heading_and_a_hint_for_excel_are_passed_over() -> None:
    content = "Stock report of 06:00\n\nsep=;\nsku;location;qty\nmug;East;5\n"

    assert read(content.encode()) == [(5, "mug", "East", "5", 5, None, "")]


def test_changes_prefer_their_own_column_and_may_be_negative() -> None:
    content = b"sku,location,on_hand,change\nmug,East,5,-2\nmug,West,1,3-\n"

    assert [row[4] for row in read(content, changes=True)] == [-2, -3]
    assert [row[4] for row in read(content)] == [5, 1]


def test_without_a_column_for_the_place_the_given_one_is_meant() -> None:
    assert read(b"sku,qty\nmug,5\n", place="East")[0][2] == "East"
    assert "No location" in read(b"sku,qty\nmug,5\n")[0][6]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("mug,East,1.5", "“1.5” is not a whole number"),
        ('mug,East,"1,5"', "is not a whole number"),
        ('mug,East,"1,234"', "can be read in two ways"),
        ("mug,East,5.000", "can be read in two ways"),
        ("mug,East,many", "“many” is not a number"),
        ("mug,East,#N/A", "is not a number"),
        ("mug,East,=1+1", "is not a number"),
        ("mug,East,1e3", "is not a number"),
        ("mug,East,٣", "is not a number"),
        ("mug,East,", "No quantity"),
        ("mug,East", "No quantity"),
        ("mug,East,-3", "A shelf cannot hold -3 units"),
        ("mug,East,1000000001", "more than 1,000,000,000"),
        (f"mug,East,{'9' * 5000}", "more than 1,000,000,000"),
        (",East,5", "No SKU"),
        ("mug,,5", "No location"),
        (f"{'m' * 121},East,5", "more than 120 characters"),
        ("mug,East,5,oops", "4 values where the heading has 3"),
    ],
)
def test_a_row_that_cannot_be_used_has_its_reason_and_the_others_are_read(
    row: str, reason: str
) -> None:
    rows = read(f"sku,location,quantity\nshirt,West,1\n{row}\nmug,West,2\n".encode())

    assert [r[6] for r in rows if r[0] != 3] == ["", ""]
    assert reason in rows[1][6]
    assert rows[1][0] == 3
    assert len(rows[1][3]) <= 200


@pytest.mark.parametrize(
    ("text", "units"),
    [("5", 5), (" 5 ", 5), ("+5", 5), ("5.0", 5), ("5,00", 5), ("0.000", 0), ("007", 7),
     ("-0", 0), ("1000000000", 1_000_000_000)],
)  # fmt: skip
def test_whole_numbers_in_other_clothes_are_whole_numbers(text: str, units: int) -> None:
    assert whole_number(text, changes=False) == units


@given(st.text(max_size=40), st.booleans())
def test_any_text_is_a_number_in_range_or_has_a_sentence(text: str, changes: bool) -> None:
    try:
        assert abs(whole_number(text, changes=changes)) <= 1_000_000_000
    except Unusable as unusable:
        assert str(unusable).endswith((".", "…”"))


def test_blank_rows_are_passed_over_and_counted() -> None:
    rows = read(b"sku,location,quantity\n\nmug,East,5\n,,\n  ,,\nshirt,West,0\n")

    assert [(row[0], row[1]) for row in rows] == [(3, "mug"), (6, "shirt")]


def test_a_quote_that_is_never_closed_costs_its_own_row_only() -> None:
    lines = [f"item-{n},East,{n}" for n in range(2, 3000)]
    lines[50] = '"12 inch pipe,East,5'
    rows = read(("sku,location,quantity\n" + "\n".join(lines) + "\n").encode())

    assert len(rows) == len(lines)
    assert rows[50][1:5] == ("12 inch pipe", "East", "5", 5)
    assert [row[4] for row in rows if row[1].startswith("item-")] == [
        n for n in range(2, 3000) if n != 52
    ]


def test_zero_bytes_in_a_cell_do_not_reach_the_database() -> None:
    rows = read(b"sku,location,quantity\nm\x00ug,East,5\nshirt,West,0\n" + b"a,b,1\n" * 50)

    assert rows[0][1] == "m\ufffdug"
    assert rows[1] == (3, "shirt", "West", "0", 0, None, "")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "empty"),
        (b"\n\n\n", "must name the columns"),
        (b"mug,East,5\n", "must name the columns"),
        (b"sku,location\nmug,East\n", "quantity, on_hand or qty"),
        (b"\xd0\xcf\x11\xe0" + b"\x00" * 600, "old .xls"),
        (b"PK\x03\x04rubbish", "damaged"),
        (b"%PDF-1.7\n" + bytes(range(256)) * 40, "must name the columns"),
        (bytes(4000), "must name the columns|neither text"),
        (b'{"rows": []}', "must name the columns"),
    ],
)
def test_what_is_no_table_is_refused_with_what_to_do(content: bytes, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        read(content)


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    for start in (b"", b"sku,location,quantity\n", b"PK\x03\x04", b"\xff\xfe"):
        try:
            rows = read(start + content)
        except Refused:
            continue
        assert all("\x00" not in row[1] + row[2] for row in rows)


class Endless(io.RawIOBase):
    """A file that is made while it is read, so that only the reader can need memory."""

    def __init__(self, size: int, heading: bytes, line: bytes) -> None:
        self.made = self._make(heading, line)
        self.size, self.at, self.rest = size, 0, b""

    def _make(self, heading: bytes, line: bytes) -> Iterator[bytes]:
        yield heading
        while True:
            yield line * 512

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        return 0

    def readinto(self, buffer: bytearray) -> int:
        while len(self.rest) < len(buffer) and self.at < self.size:
            self.rest += next(self.made)
        part, self.rest = self.rest[: len(buffer)], self.rest[len(buffer) :]
        if self.at >= self.size:
            part = b""
        buffer[: len(part)] = part
        self.at += len(part)
        return len(part)


@pytest.mark.parametrize("line", [b"mug,East,5\n", b"mug", b'"mug,East,5\n'])
def test_memory_stays_flat_whatever_the_length_of_file_or_line(line: bytes) -> None:
    file = io.BufferedReader(Endless(8 << 20, b"sku,location,quantity\n", line))
    head = texts.Survey("", 0, "utf-8")
    table = texts.Text("comma", None)
    columns = reading.heading.find(["sku", "location", "quantity"], changes=False)
    text = io.TextIOWrapper(file, "utf-8", newline="")
    rows = reading.rows_of(
        reading.Table("csv", head.encoding, table.delimiter, columns,
                      texts._records(text, ",", columns, 0)),
        changes=False,
    )  # fmt: skip

    tracemalloc.start()
    for _ in rows:
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 4 << 20


def book(*rows: list[object], title: str = "Stock") -> bytes:
    workbook = Workbook()
    sheet = workbook.active
    sheet.title = title
    for row in rows:
        sheet.append(row)
    content = io.BytesIO()
    workbook.save(content)
    return content.getvalue()


def test_a_spreadsheet_is_read_like_a_text() -> None:
    content = book(
        ["Report"],
        [],
        ["SKU", "Location", "On hand", "Safety stock"],
        ["mug", "East", 5, 2],
        [12345, "West", 7.0, None],
        ["shirt", "West", 1.5, None],
        [None, None, None],
        ["cap", "East", date(2026, 11, 20), None],
        ["hat", "East", True, None],
    )

    assert read(content) == [
        (4, "mug", "East", "5", 5, 2, ""),
        (5, "12345", "West", "7", 7, None, ""),
        (6, "shirt", "West", "1.5", None, None, "“1.5” is not a whole number of units."),
        (8, "cap", "East", "2026-11-20T00:00:00", None, None,
         "“2026-11-20T00:00:00” is not a number."),
        (9, "hat", "East", "TRUE", None, None, "“TRUE” is not a number."),
    ]  # fmt: skip
    assert facts(content)["form"] == "xlsx"


def test_the_sheet_with_a_heading_is_found_behind_others() -> None:
    workbook = Workbook()
    workbook.active.append(["Read me first"])
    sheet = workbook.create_sheet("Stock")
    sheet.append(["sku", "location", "qty"])
    sheet.append(["mug", "East", 5])
    content = io.BytesIO()
    workbook.save(content)

    assert read(content.getvalue()) == [(2, "mug", "East", "5", 5, None, "")]


def test_a_spreadsheet_that_would_burst_is_refused_before_it_is_unpacked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = io.BytesIO(book(["sku", "location", "qty"], ["mug", "East", 5]))
    with zipfile.ZipFile(content, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/huge.bin", bytes(sheets.MOST_TEXT_BYTES + 1))
    assert len(content.getvalue()) < 100_000

    with pytest.raises(Refused, match="unpacks into more"):
        read(content.getvalue())


def test_a_spreadsheet_whose_entities_multiply_is_refused() -> None:
    plain = io.BytesIO(book(["sku", "location", "qty"], ["mug", "East", 5]))
    bomb = b'<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a0 "aaaaaaaaaa">' + b"".join(
        f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">'.encode() for n in range(1, 12)
    ) + b"]><sheetData><row><c t='str'><v>&a11;</v></c></row></sheetData>"  # fmt: skip
    changed = io.BytesIO()
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(changed, "w") as target:
        for part in source.namelist():
            target.writestr(part, bomb if "sheet1" in part else source.read(part))

    with pytest.raises(Refused, match="damaged"):
        read(changed.getvalue())


@pytest.mark.parametrize("keep", [0.3, 0.7, 0.95])
def test_half_a_spreadsheet_is_refused(keep: float) -> None:
    content = book(["sku", "location", "qty"], *[[f"item-{n}", "East", n] for n in range(500)])

    with pytest.raises(Refused):
        read(content[: int(len(content) * keep)])


def test_empty_rows_far_below_end_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "MOST_EMPTY_ROWS", 50)
    workbook = Workbook()
    sheet = workbook.active
    sheet.append(["sku", "location", "qty"])
    sheet.append(["mug", "East", 5])
    sheet.cell(row=900_000, column=1, value="stray")
    content = io.BytesIO()
    workbook.save(content)

    assert read(content.getvalue()) == [(2, "mug", "East", "5", 5, None, "")]


def test_rows_of_json_are_matched_by_their_names() -> None:
    rows = [
        {"sku": "mug", "location": "East", "on_hand": 5},
        {"on_hand": 1.5, "location": "East", "sku": "shirt"},
        {"sku": "cap", "location": "East"},
        {"sku": ["x"], "location": {"a": 1}, "on_hand": None},
    ]
    table = reading.open_records(rows, changes=False)

    said = list(reading.rows_of(table, changes=False))

    assert said[0] == (1, "mug", "East", "5", 5, None, "")
    assert [bool(row[6]) for row in said] == [False, True, True, True]
    with pytest.raises(Refused, match="no rows"):
        reading.open_records([], changes=False)
    with pytest.raises(Refused, match="must name"):
        reading.open_records([{"name": 1}], changes=False)
