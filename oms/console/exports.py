"""Tables as files: CSV and XLSX, streamed, and safe to open in a spreadsheet."""

import csv
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.http import FileResponse, HttpRequest, StreamingHttpResponse
from django.utils import timezone
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from oms.core import clock

# What makes a spreadsheet run a cell: text that begins so gets a quote in front, which shows.
RUNS = ("=", "+", "-", "@", "\t", "\r")
CSV_BATCH = 500
MOST_XLSX_ROWS = 1_048_576
MOST_XLSX_TEXT = 32_767


def export(
    request: HttpRequest, name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> StreamingHttpResponse:
    """Answer with a file of the rows, `?format=xlsx` or CSV. The caller has checked who may."""
    as_xlsx = request.GET.get("format") == "xlsx"
    file_name = f"{name}-{timezone.localtime(clock.now()):%Y-%m-%d-%H%M}"
    if as_xlsx:
        return _xlsx(f"{file_name}.xlsx", columns, rows)
    answer = StreamingHttpResponse(
        _csv_lines(columns, rows), content_type="text/csv; charset=utf-8"
    )
    answer["Content-Disposition"] = f'attachment; filename="{file_name}.csv"'
    answer["Cache-Control"] = "no-store"
    return answer


def safe(value: Any) -> Any:
    """A value as a cell takes it: numbers stay numbers, text can never become a formula."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | Decimal):
        return value
    if isinstance(value, datetime):
        return timezone.localtime(value).replace(tzinfo=None, microsecond=0)
    if isinstance(value, date):
        return value
    text = str(value).replace("\x00", "")
    return f"'{text}" if text.startswith(RUNS) else text


class _Line:
    """csv.writer writes into it and gets the line back."""

    def write(self, text: str) -> str:
        return text


def _csv_lines(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    writer = csv.writer(_Line())
    # The mark tells spreadsheets that this is UTF-8.
    held = ["\ufeff", writer.writerow(columns)]
    for row in rows:
        held.append(writer.writerow([safe(value) for value in row]))
        if len(held) >= CSV_BATCH:
            yield "".join(held)
            held = []
    yield "".join(held)


def _xlsx(
    name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> StreamingHttpResponse:
    """Written row by row into a file on disk, then sent: memory stays flat."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Switchyard")
    sheet.freeze_panes = "A2"
    sheet.append([_cell(sheet, word) for word in columns])
    for number, row in enumerate(rows, start=2):
        if number == MOST_XLSX_ROWS:
            sheet.append(["More rows than a sheet holds are left out: take the CSV."])
            break
        sheet.append([_cell(sheet, value) for value in row])
    file = tempfile.TemporaryFile()  # noqa: SIM115  (FileResponse closes it)
    book.save(file)
    file.seek(0)
    answer = FileResponse(
        file,
        as_attachment=True,
        filename=name,
        content_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    )
    answer["Cache-Control"] = "no-store"
    return answer


def _cell(sheet: Any, value: Any) -> Any:
    value = safe(value)
    if not isinstance(value, str):
        return value
    cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("", value)[:MOST_XLSX_TEXT])
    # Text stays text, whatever it looks like.
    cell.data_type = "s"
    return cell
