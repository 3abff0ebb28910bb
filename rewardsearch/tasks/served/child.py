"""The process of a file that runs apart: `python child.py FILE [JSON]`. It uses the standard library alone, and what the file
imports.

The file is imported, and its functions are called, in the main thread. With JSON the function `start` of the file is called with
it after the import. Requests are lines of JSON on standard input: `{"call": NAME, "args": [...], "columns": {...}}`. Each is
answered by one line: `{"value": ..., "cpu_s": ...}`, or `{"fault": SENTENCE, ...}`. The first line answers the import. What the
file prints goes to standard error. The process ends with its standard input, whatever the file is doing.
"""

from __future__ import annotations

import importlib.util
import json
import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any


def main(file: Path, argument: str | None) -> None:
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    lines = _requests()
    module: list[ModuleType] = []

    def answer(work: Callable[[], Any]) -> None:
        started = time.process_time()
        try:
            found = json.dumps({"value": work(), "cpu_s": time.process_time() - started})
        except BaseException as error:
            found = json.dumps(
                {"fault": _fault(error, file if argument is None else None), "cpu_s": time.process_time() - started}
            )
        out.write(found + "\n")
        out.flush()

    def start() -> Any:
        if argument is None:
            sys.path.insert(0, str(file.parent))
        module.append(_imported(file))
        return None if argument is None else module[0].start(json.loads(argument))

    answer(start)
    while True:
        request = json.loads(lines.get())
        answer(lambda: _called(module[0], **request))  # noqa: B023


def _requests() -> queue.SimpleQueue[str]:
    """Lines of standard input as they come; the file's own standard input is empty."""
    stdin, lines = os.fdopen(os.dup(0), encoding="utf-8"), queue.SimpleQueue[str]()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)

    def listen() -> None:
        for line in stdin:
            lines.put(line)
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    return lines


def _imported(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    spec.loader.exec_module(module)
    return module


class _NoVerdict(Exception):
    """A return value of `verify` that is no verdict."""


def _called(module: ModuleType, call: str, args: list[Any], columns: dict[str, str]) -> Any:
    value = getattr(module, call)(*args, **columns)
    if call != "verify":
        return list(value) if call == "rows" and value is not None else value
    if value is None or type(value).__name__ in ("bool", "bool_"):  # numpy's as well.
        return None if value is None else bool(value)
    raise _NoVerdict(f"returned a {type(value).__name__}, not True, False or None")


def _fault(error: BaseException, file: Path | None) -> str:
    """What happened, as the rest of the sentence `FUNCTION ...`, with the line of the user's file."""
    if isinstance(error, _NoVerdict):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    line = error.lineno if isinstance(error, SyntaxError) else None
    line = next((frame.lineno for frame in reversed(frames) if frame.filename == str(file)), line)
    where = f" at line {line}" if line else ""
    message = " ".join(str(error).split())[:200]
    return f"raised {type(error).__name__}{where}{f': {message}' if message else ''}"


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None)
