"""Files that are whole or absent, texts in any encoding, and the digest that a file counts by."""

from __future__ import annotations

import hashlib
import json
import os
from functools import lru_cache
from pathlib import Path


def write_atomic(path: Path, content: str | bytes) -> None:
    """Writes `content`, a text as UTF-8, so that a reader, or a process started after a crash, sees the old or the new file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with part.open("wb") as file:
        file.write(content.encode("utf-8") if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def decoded_text(data: bytes) -> str:
    """The text in `data`: UTF-8, UTF-16 or UTF-32, with or without a byte order mark, else Windows-1252."""
    encoding = json.detect_encoding(data)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return data.decode("cp1252" if encoding.startswith("utf-8") else encoding, "replace")


def file_digest(path: str) -> str:
    """SHA-256 of a file's content; empty for what is no file of this machine, such as a hub id, or a file that is missing."""
    file = Path(path).expanduser()
    if not file.is_file():
        return ""
    stat = file.stat()
    return _digest(file, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=256)
def _digest(file: Path, size: int, changed: int) -> str:
    """SHA-256 of a file, read once for each size and time of change: a search asks for that of its data at every job."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


@lru_cache
def code_digest(folder: Path) -> str:
    """SHA-256 of the Python files under `folder`, names and texts, as they are when this process first asks."""
    files = [(file.relative_to(folder).as_posix(), file_digest(str(file))) for file in sorted(folder.rglob("*.py"))]
    return hashlib.sha256(repr(files).encode()).hexdigest()
