"""A file of rows is CSV, plain or compressed: one run per line, small enough to be committed."""

from __future__ import annotations

import csv
import io
import lzma
from collections.abc import Iterable, Iterator
from pathlib import Path

from probekit.plugin.errors import StoreError, UsageError, explain_os_error
from probekit.rows.cells import CHECKSUM, COLUMNS, IDENTITY, Row, make_cells, read_cells
from probekit.storage import disk
from probekit.storage.checksum import CorruptFile

PLAIN, COMPRESSED = ".csv", ".xz"
MAX_FILE, MAX_TEXT = 64 << 20, 512 << 20
"""The largest file of rows, and the largest text in a compressed one, in bytes."""
ROWS_HINT = "Name a file that `probekit store rows FILE` wrote, such as rows.csv or rows.csv.xz."


def check_rows_name(path: Path) -> None:
    """Raise UsageError if a file's name does not end as a file of rows does."""
    if not is_rows_name(path):
        raise UsageError(f"rows in {path}", "its name does not say that it is CSV", ROWS_HINT)


def is_rows_name(path: Path) -> bool:
    """Tell whether a path is named as a file of rows: it ends in .csv or .csv.xz."""
    return path.name.endswith((PLAIN, PLAIN + COMPRESSED))


def encode_rows(rows: Iterable[Row], *, compressed: bool) -> bytes:
    """Return rows as CSV in a fixed order: the same runs give the same bytes."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    ordered = ("probe", "structure", "scale", "trainer", "seed", CHECKSUM)
    writer.writerows(sorted(map(make_cells, rows), key=lambda cells: [cells[name] for name in ordered]))
    content = text.getvalue().encode()
    return lzma.compress(content, preset=9 | lzma.PRESET_EXTREME) if compressed else content


def write_rows(path: Path, rows: Iterable[Row]) -> int:
    """Write a file of rows, whole or not at all; return its size in bytes.

    Raises:
        UsageError: The file's name does not say that it is CSV.
        StoreError: The disk refuses.
    """
    check_rows_name(path)
    content = encode_rows(rows, compressed=path.name.endswith(COMPRESSED))
    disk.write_file(path, content)
    return len(content)


def read_rows(path: Path, left_out: list[str]) -> Iterator[Row]:
    """Yield the rows of a file.

    Args:
        path: The file.
        left_out: Receives a sentence on each row that cannot be counted.

    Raises:
        UsageError: There is no such file, or it is no file of rows.
    """
    check_rows_name(path)
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= MAX_FILE else b""
    except OSError as error:
        raise UsageError(f"rows in {path}", *explain_os_error(error, ROWS_HINT)) from error
    if size > MAX_FILE:
        raise UsageError(f"rows in {path}", f"it is larger than {MAX_FILE >> 20} MB", ROWS_HINT)
    try:
        text = (decompress_text(content) if path.name.endswith(COMPRESSED) else content).decode()
        yield from decode_rows(text, path.name, left_out)
    except (UnicodeDecodeError, lzma.LZMAError, csv.Error, CorruptFile) as error:
        raise UsageError(f"rows in {path}", f"it is no file of rows ({error})", ROWS_HINT) from error


def decompress_text(content: bytes) -> bytes:
    """Return compressed content; raises CorruptFile if it is truncated, or far larger than rows are."""
    decompressor = lzma.LZMADecompressor()
    text = decompressor.decompress(content, MAX_TEXT)
    if not decompressor.eof:
        raise CorruptFile("it is truncated or too large")
    return text


def decode_rows(text: str, name: str, left_out: list[str]) -> Iterator[Row]:
    """Yield the rows of a CSV text; a sentence on each row that is not whole goes to `left_out`.

    Raises:
        CorruptFile: It has other columns than rows have.
    """
    # a cell holds the behaviour of a whole network; the limit belongs to the process
    before = csv.field_size_limit(MAX_FILE)
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""))
        if not {IDENTITY, CHECKSUM} <= set(reader.fieldnames or ()):
            raise CorruptFile("it lacks the columns of rows")
        lines = list(reader)
    finally:
        csv.field_size_limit(before)
    for number, cells in enumerate(lines, 1):
        try:
            if None in cells or None in cells.values():
                raise CorruptFile("it has more or fewer cells than the first line")
            yield read_cells(cells)
        except CorruptFile as error:
            left_out.append(f"row {number} of {name}: {error}")


def read_all_rows(path: Path) -> tuple[list[Row], list[str]]:
    """Return the rows of a file and a sentence on each that cannot be counted.

    Raises:
        UsageError: There is no such file, or it is no file of rows.
        StoreError: No row in it can be counted.
    """
    left_out: list[str] = []
    rows = list(read_rows(path, left_out))
    if left_out and not rows:
        raise StoreError(f"rows in {path}", f"no row can be counted ({left_out[0]})", ROWS_HINT)
    return rows, left_out
