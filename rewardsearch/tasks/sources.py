"""Rows as a source has them: a JSON Lines, CSV or Parquet file, by its suffix, or a data set of the hub, by its id.

What a row must hold is checked by the caller. A row of JSON Lines is named by its line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rewardsearch.errors import UserError
from rewardsearch.tasks.csv_text import csv_rows
from rewardsearch.tasks.hub import HubError, quiet_hub
from rewardsearch.tasks.tables import Mistakes, Table, json_kind

_BINARY = {
    b"\x1f\x8b": "a gzip file",
    b"\x28\xb5\x2f\xfd": "a Zstandard file",
    b"PK\x03\x04": "a zip file or a spreadsheet",
    b"PAR1": "a Parquet file",
    b"ARROW1": "an Arrow file",
}
"""Binary files that hold rows, by their first bytes."""
_SUFFIXES = (".csv", ".tsv", ".jsonl", ".json", ".parquet")
_HUB_ID = re.compile(r"([\w.-]+/[\w.-]+)(?::([\w.-]+))?")
"""The id of a data set of the hub, and its configuration."""
_LINE_END = re.compile(r"\r\n|\r|\n")


def read_source(key: str, source: str, split: str, mistakes: Mistakes) -> Table:
    """The rows of `source`, which the key of the config `key` names; of a hub data set its `split`.

    Raises UserError for a file that is not there or cannot be read; what is wrong with single rows is added to `mistakes`.
    """
    path, name = Path(source).expanduser(), source_name(source)
    suffix = path.suffix.lower()
    if path.is_dir():
        inside = sorted(each.name for each in path.iterdir() if each.suffix.lower() in _SUFFIXES)
        has = f"it has {', '.join(inside[:5])}" if inside else f"it has no file that ends in {', '.join(_SUFFIXES)}"
        raise UserError(f"{key}: {source} is a folder; name one file ({has})")
    if suffix not in _SUFFIXES:
        found = _HUB_ID.fullmatch(source)
        if found is not None and not path.exists():
            remedy = f"give a file on this machine as {key}, or check the id and the connection"
            return hub_rows(found[1], split, remedy, found[2])
        raise UserError(
            f"{key}: got {source}; give a file that ends in {', '.join(_SUFFIXES)}, or the id of a hub data set (org/name)"
        )
    if not path.is_file():
        raise UserError(
            f"{key}: no such file: {source}; give a CSV, JSON Lines or Parquet file, or the id of a hub data set"
        )
    if suffix == ".parquet":
        return _parquet(path, name)
    text = read_text(path, name, f"{key} needs a table with a row for each question")
    if suffix in (".csv", ".tsv"):
        return csv_rows(text, name, suffix == ".tsv", mistakes)
    return json_lines(text, name, mistakes)


def source_name(source: str) -> str:
    """What messages call a source: a file by its name, a hub data set by its id."""
    path = Path(source)
    return path.name if path.suffix.lower() in _SUFFIXES else source.partition(":")[0]


def _parquet(path: Path, name: str) -> Table:
    import pyarrow
    from pyarrow.parquet import read_table as read_parquet

    try:
        found = read_parquet(path)
    except (OSError, pyarrow.ArrowException) as error:
        raise UserError(
            f"{name} is no Parquet file that can be read ({type(error).__name__}); write it again"
        ) from None
    rows = [(f"{name} row {number}", row) for number, row in enumerate(found.to_pylist(), start=1)]
    return Table(list(found.column_names), rows)


def read_text(path: Path, name: str, needs: str = "") -> str:
    """The text of a file in UTF-8, UTF-16 or UTF-32, with or without a byte order mark.

    Other encodings are refused and not guessed: a wrong guess changes letters, and nothing shows it (charset-normalizer takes
    German text in Windows-1252 for Windows-1250). Raises UserError with the first line and byte that cannot be read; for
    compressed files; and, where `needs` says what the file must hold, for an empty one.
    """
    try:
        blob = path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None
    if kind := next((kind for start, kind in _BINARY.items() if blob.startswith(start)), None):
        raise UserError(f"{name} is {kind}, not text; unpack it, or save its rows as text in UTF-8")
    try:
        text = blob.decode(json.detect_encoding(blob))
    except UnicodeDecodeError as error:
        line = blob[: error.start].count(b"\n") + 1
        raise UserError(
            f"{name} line {line}: not {error.encoding.upper()} (byte 0x{blob[error.start]:02x}); save it as UTF-8 "
            "(in a spreadsheet: CSV UTF-8; elsewhere: iconv -f WINDOWS-1252 -t UTF-8)"
        ) from None
    if needs and not text.strip():
        raise UserError(f"{name} is empty; {needs}")
    return text


def json_lines(text: str, name: str, mistakes: Mistakes) -> Table:
    """The objects of a JSON Lines text. A line that holds none is added to `mistakes`.

    Raises UserError for a text that is one JSON document over all its lines, such as an array of rows.
    """
    if text.lstrip().startswith("["):
        raise UserError(f"{name} is one JSON array; write one object a line (jq -c '.[]' {name} > rows.jsonl)")
    columns: dict[str, None] = {}
    rows: list[tuple[str, dict[str, Any]]] = []
    for number, line in enumerate(_LINE_END.split(text), start=1):
        if not line.strip():
            continue
        where = f"{name} line {number}"
        try:
            value = json.loads(line, object_pairs_hook=_object)
        except (ValueError, RecursionError) as error:
            if not rows and line.strip() != text.strip() and _is_object(text):
                raise UserError(
                    f"{name} is one JSON object over several lines; write each row as an object on a line of its own "
                    f"(jq -c . {name} > rows.jsonl)"
                ) from None
            why = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            mistakes.add("what is not JSON", f"{where}: not JSON ({why}); each line is one object")
            continue
        if isinstance(value, dict):
            columns.update(dict.fromkeys(value))
            rows.append((where, value))
        else:
            mistakes.add("no object", f"{where}: got {json_kind(value)}; each line is one object of columns and values")
    return Table(list(columns), rows)


def read_table(source: Path | Iterable[Mapping[str, Any]], mistakes: Mistakes) -> tuple[Table, str]:
    """The rows of a JSON Lines file, or rows in memory (mappings, or a DataFrame), and the name of the source for messages."""
    if isinstance(source, Path):
        return json_lines(read_text(source, source.name), source.name, mistakes), source.name
    records = source.to_dict("records") if hasattr(source, "to_dict") else list(source)
    columns = dict.fromkeys(name for row in records for name in row)
    return Table(list(columns), [(f"row {number}", row) for number, row in enumerate(records)]), "the rows"


def hub_rows(source: str, split: str, remedy: str, config: str | None = None) -> Table:
    """A split of a hub data set; numbers of classes become their names. Raises HubError where it cannot be loaded."""
    from datasets import load_dataset

    try:
        with quiet_hub():
            found = load_dataset(source, *([config] if config else []), split=split)
    except (OSError, ValueError, RuntimeError) as error:
        problem = f"{source} ({split}) could not be loaded from the hub ({type(error).__name__})"
        raise HubError(problem, remedy) from None
    names = {column: getattr(feature, "names", None) for column, feature in found.features.items()}
    rows = []
    for number, row in enumerate(found, start=1):
        cells = {column: _class_name(value, names.get(column)) for column, value in row.items()}
        rows.append((f"{source} {split} row {number}", cells))
    return Table(list(found.column_names), rows)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object. Raises ValueError for a repeated key, one value of which would be lost."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} comes twice in one object")
    return found


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _class_name(value: Any, names: list[str] | None) -> Any:
    if names is None or not isinstance(value, int):
        return value
    # The hub writes -1 for a row without a label.
    return names[value] if value >= 0 else None
