"""Spreadsheets, read row by row; a small file that would unpack into a huge one is refused."""

import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, BinaryIO
from xml.etree.ElementTree import ParseError

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from inventory.feeds.columns import Columns
from oms.core.errors import Refused

MOST_SHEET_BYTES = 800 << 20
# Texts are kept in memory, each once: about four times as much there as in the file.
MOST_TEXT_BYTES = 32 << 20
MOST_PARTS = 2_000
MOST_ROWS = 1_048_576
MOST_COLUMNS = 100
HEADING_WITHIN = 10
# A sheet that was once longer keeps its empty rows; a stray cell far below must not cost minutes.
MOST_EMPTY_ROWS = 10_000
DAMAGED = "This spreadsheet is damaged: open it, save it again as .xlsx and load that."


@dataclass(slots=True)
class Sheet:
    """An open sheet; `columns` is None when none has a heading, `first` what stood there."""

    columns: Columns | None
    first: list[str] = field(default_factory=list)
    cells: Iterator[tuple[int, list[str]]] = field(default_factory=lambda: iter(()))


def open_sheet(file: BinaryIO, find: Callable[[list[str]], Columns | None]) -> Sheet:
    """The first sheet that has a heading; its rows come as they are asked for."""
    _refuse_what_would_burst(file)
    file.seek(0)
    try:
        book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
        sheets = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
    except (*_DAMAGED, AttributeError) as error:
        raise Refused(DAMAGED) from error
    seen: list[str] = []
    for sheet in sheets:
        # What a sheet says of its own size is often wrong.
        sheet.reset_dimensions()
        rows = _rows(sheet)
        for number, cells in rows:
            if columns := find(cells):
                return Sheet(columns, cells, rows)
            seen = seen or cells
            if number >= HEADING_WITHIN:
                break
    return Sheet(None, seen)


def _rows(sheet: Any) -> Iterator[tuple[int, list[str]]]:
    empty = 0
    try:
        for number, values in enumerate(sheet.iter_rows(values_only=True), start=1):
            if number > MOST_ROWS:
                raise Refused(f"The sheet has more than {MOST_ROWS:,} rows; load it as CSV.")
            cells = [text_of(value) for value in values[:MOST_COLUMNS]]
            while cells and not cells[-1]:
                cells.pop()
            empty = 0 if cells else empty + 1
            if empty > MOST_EMPTY_ROWS:
                return
            if cells:
                yield number, cells
    except _DAMAGED as error:
        raise Refused(DAMAGED) from error


def text_of(value: Any) -> str:
    """A cell as somebody would type it: 12.0 is 12, an empty cell is empty."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)[:1000]


def _refuse_what_would_burst(file: BinaryIO) -> None:
    try:
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise Refused(DAMAGED) from error
    names = {part.filename for part in parts}
    if "xl/workbook.xml" not in names or len(parts) > MOST_PARTS:
        raise Refused("This archive is not a spreadsheet. Load a CSV or an .xlsx file.")
    # Unpacking never yields more than a part declares, so the declared sizes are the bound.
    for part in parts:
        is_sheet = part.filename.startswith("xl/worksheets/")
        if part.file_size > (MOST_SHEET_BYTES if is_sheet else MOST_TEXT_BYTES):
            raise Refused(
                "This spreadsheet unpacks into more than can be read safely; load it as CSV."
            )


# What openpyxl and the standard library raise at broken content.
_DAMAGED = (
    InvalidFileException, zipfile.BadZipFile, zlib.error, ParseError, KeyError, ValueError,
    TypeError, EOFError, IndexError, OSError,
)  # fmt: skip
