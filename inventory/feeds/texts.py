"""CSV as the world writes it: encoding and separator found out, broken quotes survived."""

import codecs
import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from inventory.feeds.columns import Columns
from oms.core.errors import Refused

BLOCK = 1 << 20
HEAD = 1 << 16
# A line longer than this is cut: a file without line ends must not fill the memory.
LONGEST_LINE = 1 << 16
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
# A report may begin with its title: the heading is looked for in so many lines.
HEADING_WITHIN = 10

_UNDEFINED_IN_CP1252 = re.compile(b"[\x81\x8d\x8f\x90\x9d]")


@dataclass(slots=True, frozen=True)
class Survey:
    """What one pass over a file tells: its SHA-256, its size, and how its text is written."""

    digest: str
    size: int
    encoding: str


@dataclass(slots=True)
class Text:
    """An open CSV file; `columns` is None when no heading was found, `first` what stood there."""

    delimiter: str
    columns: Columns | None
    first: list[str] = field(default_factory=list)
    cells: Iterator[tuple[int, list[str]]] = field(default_factory=lambda: iter(()))


def survey(file: BinaryIO) -> Survey:
    """Read a file once, block by block."""
    file.seek(0)
    start = file.read(HEAD)
    file.seek(0)
    digest, size, decoder = hashlib.sha256(), 0, codecs.getincrementaldecoder("utf-8")()
    is_utf8, is_cp1252 = True, True
    while block := file.read(BLOCK):
        digest.update(block)
        size += len(block)
        if is_utf8:
            try:
                decoder.decode(block)
            except UnicodeDecodeError:
                is_utf8 = False
        is_cp1252 = is_cp1252 and not _UNDEFINED_IN_CP1252.search(block)
    if is_utf8:
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            is_utf8 = False
    return Survey(digest.hexdigest(), size, _encoding(start, is_utf8, is_cp1252))


def _encoding(start: bytes, is_utf8: bool, is_cp1252: bool) -> str:
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF32_LE, "utf-32"),
        (codecs.BOM_UTF32_BE, "utf-32"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if start.startswith(mark):
            return name
    # Without a mark the zero bytes of plain letters give it away.
    half = max(len(start) // 2, 1)
    if start[1::2].count(0) > 0.6 * half:
        return "utf-16-le"
    if start[0::2].count(0) > 0.6 * half:
        return "utf-16-be"
    if is_utf8:
        return "utf-8"
    return "cp1252" if is_cp1252 else "latin-1"


def open_text(file: BinaryIO, survey: Survey, find: Callable[[list[str]], Columns | None]) -> Text:
    """Find the heading and the separator; the rows below come as they are asked for."""
    file.seek(0)
    if survey.encoding in ("utf-8", "cp1252", "latin-1"):
        start = file.read(HEAD)
        file.seek(0)
        if start.count(0) > len(start) // 100:
            raise Refused("This is neither text nor a spreadsheet. Load a CSV or an .xlsx file.")
    text = io.TextIOWrapper(file, survey.encoding, errors="replace", newline="")
    lines = [text.readline(LONGEST_LINE) for _ in range(HEADING_WITHIN)]
    begins, best = 0, Text(",", None, first=_split(lines, ","))
    for number in range(len(lines)):
        for delimiter in DELIMITERS:
            cells = _split(lines[number:], delimiter)
            columns = find(cells)
            if columns and (best.columns is None or columns.width > best.columns.width):
                begins, best = number, Text(delimiter, columns, first=cells)
        if best.columns:
            break
    else:
        return best
    text.seek(0)
    for _ in range(begins):
        text.readline(LONGEST_LINE)
    best.cells = _records(text, best.delimiter, best.columns, begins)
    best.delimiter = DELIMITERS[best.delimiter]
    return best


def _split(lines: list[str], delimiter: str) -> list[str]:
    """The first record of some lines."""
    try:
        return next(csv.reader(iter(lines), delimiter=delimiter), [])
    except csv.Error:
        return []


def _records(
    text: io.TextIOWrapper, delimiter: str, columns: Columns | None, number: int
) -> Iterator[tuple[int, list[str]]]:
    """Every record below the heading, with its number in the file.

    A quote that is opened and not closed swallows the lines after it. Such a record is noticed by
    a line end inside a code or number, or by its shape, and its lines are read one by one.
    """
    assert columns is not None
    used = [at for at in (columns.sku, columns.place, columns.units, columns.safety) if at >= 0]
    raw: list[str] = []

    def lines() -> Iterator[str]:
        while line := text.readline(LONGEST_LINE):
            raw.append(line)
            yield line

    reader = csv.reader(lines(), delimiter=delimiter)
    next(reader, None)
    raw.clear()
    number += 1
    while True:
        try:
            cells = next(reader, None)
        except csv.Error:
            cells = []
        if cells is None:
            return
        if len(raw) > 1 and _swallowed(cells, used, columns.width):
            for line in raw:
                number += 1
                yield number, next(csv.reader([line.replace('"', "")], delimiter=delimiter), [])
        else:
            number += 1
            if cells:
                yield number, cells
        raw.clear()


def _swallowed(cells: list[str], used: list[int], width: int) -> bool:
    return len(cells) != width or any("\n" in cells[at] or "\r" in cells[at] for at in used)
