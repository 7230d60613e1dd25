"""Tables in files: the rows of each kind of file, one after the other."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from typing import Any, BinaryIO

from stplay import lines
from stplay.engine.data.columns import ColumnChooser, are_cells
from stplay.errors import UserError
from stplay.filecontents import first_bytes, unpacked
from stplay.sources.names import kind_of_file
from stplay.text import clipped, printable

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}
QUOTED = re.compile(r'"(?:[^"]|"")*"\Z')
MOST_FIELD = 1 << 28
MOST_DIGITS = 4300
MOST_THRIFT = (1 << 31) - 1
MOST_QUOTED = 60  # characters
BATCH_ROWS = 1000

Row = dict[str, Any]


def rows(file: BinaryIO, shown: str, choose: ColumnChooser) -> Iterator[Row]:
    """The rows of an open file, which is read as the end of its name, ``shown``, says.

    A row holds the columns that ``choose`` wants, by what it wants them for.

    Raises:
        UserError: the file cannot be read as what it should be, or lacks a column; names the line.
    """
    readers = {
        ".jsonl": _json_rows,
        ".json": _json_rows,
        ".csv": _csv_rows,
        ".tsv": _tsv_rows,
        ".arrow": _arrow_rows,
        ".parquet": _parquet_rows,
    }
    yield from readers[kind_of_file(shown)](file, shown, choose)


def _json_rows(file: BinaryIO, shown: str, choose: ColumnChooser) -> Iterator[Row]:
    """The objects of an array, or those of the lines."""
    text = lines.read(file, shown)
    number, first = next(((n, line) for n, line in enumerate(text, 1) if line.strip()), (0, ""))
    if not first:
        raise _empty(shown)
    if first.lstrip().startswith("["):
        whole = first + "".join(text)
        values = _array(whole, shown)
        if values is not None:
            found = ((f"{shown}: row {number:,}", value) for number, value in enumerate(values, 1))
            yield from _objects(found, choose)
            return
        text = iter(lines.split(whole)[1:])
    numbered = enumerate(chain([first], text), number)
    yield from _objects(_line_values(numbered, shown), choose)


def _array(text: str, shown: str) -> list[object] | None:
    """The values of a JSON array; nothing where it ends before the text does."""
    try:
        return _value(text, shown)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":  # one array a line, as it may be
            return None
        raise UserError(
            f"{shown}: line {error.lineno:,} is not JSON: {error.msg} (column {error.colno:,})."
        ) from None


def _line_values(numbered: Iterator[tuple[int, str]], shown: str) -> Iterator[tuple[str, object]]:
    for number, line in numbered:
        if not (text := line.strip()):
            continue
        where = f"{shown}: line {number:,}"
        try:
            yield where, _value(text, where)
        except json.JSONDecodeError as error:
            if number == 1 and text in ("{", "[{"):
                raise UserError(
                    f"{shown} is neither an array of JSON objects, one for each row, nor has it "
                    "one object a line."
                ) from None
            raise UserError(f"{where} is not JSON: {error.msg} (column {error.colno:,}).") from None


def _value(text: str, where: str) -> Any:
    def plain(pairs: list[tuple[str, Any]]) -> Row:
        row = dict(pairs)
        if len(row) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise UserError(f"{where} has {printable(twice)} {names.count(twice)} times.")
        return row

    try:
        return json.loads(text, parse_int=_whole_number, object_pairs_hook=plain)
    except RecursionError:
        raise UserError(f"{where} is not JSON that can be read: it is nested too deep.") from None


def _whole_number(digits: str) -> float:
    """A number of any length: Python's own refuses those of more than 4,300 digits."""
    return int(digits) if len(digits) < MOST_DIGITS else float(digits)


def _objects(found: Iterator[tuple[str, Any]], choose: ColumnChooser) -> Iterator[Row]:
    chosen: Mapping[str, str] = {}
    names: Collection[str] = ()
    for where, value in found:
        if not isinstance(value, dict):
            raise UserError(f"{where} is not a JSON object with named columns.")
        if value.keys() != names:  # a row may have a negative more
            chosen, names = choose([*value], where), value.keys()
        yield {wanted: value[own] for wanted, own in chosen.items()}


def _csv_rows(file: BinaryIO, shown: str, choose: ColumnChooser) -> Iterator[Row]:
    """The rows of a table whose cells may be in quotes, parted by what parts most of its header."""
    text = lines.read(file, shown)
    first = _header(text, shown)
    mark = max(DELIMITERS, key=lambda mark: len(next(csv.reader([first], delimiter=mark))))
    yield from _quoted_rows(chain([first], text), mark, shown, choose)


def _tsv_rows(file: BinaryIO, shown: str, choose: ColumnChooser) -> Iterator[Row]:
    """The rows of a table in which a quote is text, as such files are made."""
    text = lines.read(file, shown)
    first = _header(text, shown)
    if all(map(QUOTED.fullmatch, first.rstrip("\r\n").split("\t"))):
        yield from _quoted_rows(chain([first], text), "\t", shown, choose)
        return

    def each() -> Iterator[tuple[int, list[str]]]:
        for number, line in enumerate(chain([first], text), 1):
            cells = line.rstrip("\r\n").split("\t")
            if '""' in line:
                choose.quoted += sum(
                    '""' in each[1:-1] and bool(QUOTED.match(each)) for each in cells
                )
            yield number, cells

    cure = "a sentence can hold neither tab nor line end here; a table with quotes is a .csv file"
    yield from _cell_rows(each(), shown, choose, cure)


def _quoted_rows(
    text: Iterator[str], mark: str, shown: str, choose: ColumnChooser
) -> Iterator[Row]:
    csv.field_size_limit(MOST_FIELD)  # Python's own is 131,072 characters
    # Strict: a stray quote would else join sentences and lines without a word.
    reader = csv.reader(text, delimiter=mark, strict=True)
    numbered = ((reader.line_num, cells) for cells in reader)
    try:
        yield from _cell_rows(
            numbered, shown, choose, f"a sentence with a {DELIMITERS[mark]} needs quotes"
        )
    except csv.Error as error:
        line = f"{shown}: line {reader.line_num:,}"
        if "field larger than field limit" in str(error):
            raise UserError(
                f"{line} has a field of more than {MOST_FIELD:,} characters, or a quote above it "
                "is never closed."
            ) from None
        raise UserError(f"{line} is damaged: {error}.") from None


def _cell_rows(
    numbered: Iterator[tuple[int, list[str]]], shown: str, choose: ColumnChooser, cure: str
) -> Iterator[Row]:
    _, header = next(numbered)
    try:
        chosen = choose(header, shown)
    except UserError:
        if not are_cells(header):
            raise
        begin = clipped(printable(header[0]), MOST_QUOTED)
        raise UserError(
            f"{shown} begins with {begin!r}, which is no name of a column; put a first line above "
            "it that names them."
        ) from None
    places = {wanted: header.index(own) for wanted, own in chosen.items()}
    for number, cells in numbered:
        if len(cells) != len(header):
            if cells in ([], [""]):  # a blank line
                continue
            amount = "more" if len(cells) > len(header) else "fewer"
            raise UserError(
                f"{shown}: line {number:,} has {amount} fields than the first line; {cure}."
            )
        yield {wanted: cells[place] for wanted, place in places.items()}


def _header(text: Iterator[str], shown: str) -> str:
    first = next(text, "")
    if not first:  # or a mark and nothing else
        raise _empty(shown)
    if not first.strip():
        raise UserError(f"{shown} begins with a blank line; the first has to name the columns.")
    return first


def _empty(shown: str) -> UserError:
    return UserError(f"{shown} is empty.")


def _parquet_rows(file: BinaryIO, shown: str, choose: ColumnChooser) -> Iterator[Row]:
    from pyarrow.parquet import ParquetFile

    with _told(file, shown):
        # Small pieces, as only the first rows may be wanted, over the network.
        table = ParquetFile(
            unpacked(file, shown),
            buffer_size=1 << 18,
            pre_buffer=False,
            thrift_string_size_limit=MOST_THRIFT,
            thrift_container_size_limit=MOST_THRIFT,
        )
        chosen = choose(table.schema_arrow.names, shown)
        for batch in table.iter_batches(BATCH_ROWS, columns=[*chosen.values()]):
            yield from _batch_rows(batch, chosen)


def _arrow_rows(file: BinaryIO, shown: str, choose: ColumnChooser) -> Iterator[Row]:
    """The rows of a stream of Arrow's, as ``save_to_disk`` of the datasets library writes them."""
    from pyarrow import ipc

    with _told(file, shown):
        table = ipc.open_stream(unpacked(file, shown))
        chosen = choose(table.schema.names, shown)
        for batch in table:
            for start in range(0, batch.num_rows, BATCH_ROWS):
                yield from _batch_rows(batch.slice(start, BATCH_ROWS), chosen)


def _batch_rows(batch: Any, chosen: Mapping[str, str]) -> Iterator[Row]:
    for row in batch.select([*chosen.values()]).to_pylist():
        yield {wanted: row[own] for wanted, own in chosen.items()}


@contextmanager
def _told(file: BinaryIO, shown: str) -> Iterator[None]:
    """Turn what pyarrow says of a damaged file into a sentence."""
    import pyarrow

    if not first_bytes(file, 1):
        raise _empty(shown)
    try:
        yield
    except pyarrow.ArrowMemoryError:
        raise  # it is the machine's
    except UnicodeDecodeError:
        raise UserError(f"{shown} has text that is not UTF-8.") from None
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:
        from stplay.engine.data import hub

        if isinstance(error, hub.NETWORK_ERRORS) or getattr(error, "errno", None):
            raise
        reason = printable((str(error).splitlines() or [type(error).__name__])[0])
        damaged = isinstance(error, (pyarrow.ArrowInvalid, OSError))
        what = "is damaged" if damaged else "cannot be read here"
        raise UserError(f"{shown} {what}: {reason}") from None
