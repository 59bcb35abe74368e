"""Slots in a CSV file, as spreadsheet programs write it, row by row."""

import csv
import datetime as dt
import io
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from openyard_platform.domain import slot_cells
from openyard_platform.domain.slot_cells import CellMalformed


class Fault(Struct, frozen=True, kw_only=True):
    """What keeps a line, or (line 1) the whole file, from being rows of slots."""

    line: int
    code: str
    message: str


class Record(Struct, frozen=True, kw_only=True):
    """One row as the fields of a SlotOffered; empty cells are left out."""

    line: int
    fields: dict[str, Any]


def records(data: bytes, zone: dt.tzinfo) -> list[Record | Fault]:
    """The rows under the header row. ``zone``: of times that name none."""
    text = _decoded(data)
    if text is None:
        message = "The file is neither UTF-8 nor GB18030: save it as CSV (UTF-8)."
        return [Fault(line=1, code="not_text", message=message)]
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    found: list[Record | Fault] = []
    try:
        header = [name.strip() for name in next(reader, [])]
        faults = list(_header_faults(header))
        found += faults or _rows(reader, header, zone)
    except csv.Error as error:
        return [Fault(line=reader.line_num, code="malformed_csv", message=f"{error}.")]
    return found


def _rows(reader: Any, header: list[str], zone: dt.tzinfo) -> Iterator[Record | Fault]:
    for row in reader:
        if len(row) > len(header):
            message = f"The row has {len(row)} cells under {len(header)} columns."
            yield Fault(line=reader.line_num, code="too_many_cells", message=message)
        elif any(cell.strip() for cell in row):
            cells = {name: cell.strip() for name, cell in zip(header, row, strict=False)}
            try:
                yield Record(line=reader.line_num, fields=slot_cells.fields(cells, zone))
            except CellMalformed as error:
                yield Fault(line=reader.line_num, code=error.code, message=str(error))


def _decoded(data: bytes) -> str | None:
    """Excel writes UTF-8 with a mark, or the code page of its machine, in China GB18030."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None


def _header_faults(header: list[str]) -> Iterator[Fault]:
    for name in header:
        if name not in slot_cells.COLUMNS:
            message = (
                f"There is no column {name[:80]!r}; those there are: {', '.join(slot_cells.ORDER)}."
            )
            yield Fault(line=1, code="unknown_field", message=message)
    for name in sorted({name for name in header if header.count(name) > 1}):
        yield Fault(line=1, code="repeated_field", message=f"The column {name!r} is there twice.")
    if not header:
        yield Fault(line=1, code="empty", message="The file has no header row.")
