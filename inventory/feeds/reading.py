"""Tables as they come, row by row in little memory: what each row says of an item at a place."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from inventory.feeds import columns as heading
from inventory.feeds import sheets, texts
from inventory.feeds.columns import Columns
from inventory.feeds.values import LONGEST, Unusable, whole_number, word
from oms.core.errors import Refused

# number, sku, place, said, units, safety, flaw
Said = tuple[int, str, str, str, int | None, int | None, str]
SHOWN = 200
MOST_ROWS = 20_000_000
OLD_EXCEL = b"\xd0\xcf\x11\xe0"


@dataclass(slots=True, frozen=True)
class Table:
    """An open table: how it is written, its columns, and its rows (number, cells) as they come."""

    form: str
    encoding: str
    delimiter: str
    columns: Columns
    cells: Iterator[tuple[int, list[str]]]

    @property
    def facts(self) -> dict[str, Any]:
        """For the report: what was recognised."""
        return {
            "form": self.form,
            "encoding": self.encoding,
            "delimiter": self.delimiter,
            "columns": self.columns.named,
        }


def open_table(file: BinaryIO, *, survey: "texts.Survey", changes: bool) -> Table:
    """Recognise a file by its content and find its columns; refused when it is no table."""

    def find(cells: list[str]) -> Columns | None:
        return heading.find(cells, changes=changes)

    file.seek(0)
    start = file.read(4)
    file.seek(0)
    if not start:
        raise Refused("The file is empty.")
    if start.startswith(OLD_EXCEL):
        raise Refused("This is an old .xls file. Save it as .xlsx or CSV and load that.")
    if start.startswith(b"PK"):
        sheet = sheets.open_sheet(file, find)
        return Table("xlsx", "", "", _found(sheet, changes), sheet.cells)
    text = texts.open_text(file, survey, find)
    return Table("csv", survey.encoding, text.delimiter, _found(text, changes), text.cells)


def open_records(records: Iterable[Mapping[str, Any]], *, changes: bool) -> Table:
    """Rows that came as JSON: the names of their fields are matched as headings are."""
    rows = iter(records)
    first = next(rows, None)
    if first is None:
        raise Refused("There are no rows.")
    names = list(first)
    found = heading.find(names, changes=changes)
    if found is None:
        raise Refused(heading.missing(names, changes=changes))

    def cells() -> Iterator[tuple[int, list[str]]]:
        yield 1, [sheets.text_of(first.get(name)) for name in names]
        for number, record in enumerate(rows, start=2):
            yield number, [sheets.text_of(record.get(name)) for name in names]

    return Table("json", "", "", found, cells())


def rows_of(table: Table, *, changes: bool, place: str = "") -> Iterator[Said]:
    """What each row says; `place` is meant where the table has no such column.

    A row that cannot be used comes with its flaw, the others with an empty one.
    """
    at = table.columns
    for count, (number, cells) in enumerate(table.cells):
        if count >= MOST_ROWS:
            raise Refused(f"The file has more than {MOST_ROWS:,} rows; send it in parts.")
        if len(cells) != at.width:
            flaw = _misshapen(cells, at.width)
            if flaw:
                yield _bad(number, cells, at, place, flaw)
                continue
        sku = word(cells[at.sku])
        where = word(cells[at.place]) if at.place >= 0 else place
        said = cells[at.units] if at.units >= 0 else ""
        if not sku and not any(map(str.strip, cells)):
            continue
        try:
            units = whole_number(said, changes=changes) if at.units >= 0 else None
            least = cells[at.safety] if at.safety >= 0 else ""
            safety = whole_number(least, changes=False) if least.strip() else None
        except Unusable as unusable:
            yield _bad(number, cells, at, place, str(unusable))
            continue
        if not sku or not where or len(sku) > LONGEST or len(where) > LONGEST:
            yield _bad(number, cells, at, place, _nameless(sku, where))
            continue
        yield number, sku, where, said, units, safety, ""


def _misshapen(cells: list[str], width: int) -> str:
    """A row is made as wide as the heading; a value too many means that none can be trusted."""
    extra = cells[width:]
    if any(cell.strip() for cell in extra):
        return (
            f"The row has {len(cells)} values where the heading has {width}:"
            " is there a separator inside a value?"
        )
    del cells[width:]
    cells.extend([""] * (width - len(cells)))
    return ""


def _nameless(sku: str, where: str) -> str:
    if not sku:
        return "No SKU is given."
    if not where:
        return "No location is given."
    return f"A SKU or location of more than {LONGEST} characters is none of ours."


def _bad(number: int, cells: list[str], at: Columns, place: str, flaw: str) -> Said:
    def cell(position: int, otherwise: str = "") -> str:
        found = cells[position] if 0 <= position < len(cells) else otherwise
        return word(found)[:SHOWN]

    return number, cell(at.sku), cell(at.place, place), cell(at.units), None, None, flaw


def _found(source: "sheets.Sheet | texts.Text", changes: bool) -> Columns:
    if source.columns is None:
        raise Refused(heading.missing(source.first, changes=changes))
    return source.columns


Find = Callable[[list[str]], Columns | None]
