"""The folder of one training run, or of a stretch of one: predictions.jsonl, completions.jsonl.gz, curves.jsonl, adapter/ or
checkpoint/, and result.json written last.

A folder without a result.json of the right fingerprint is work still owed.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ValidationError

from rewardsearch.config import Config
from rewardsearch.files import file_digest, write_atomic
from rewardsearch.inputs import settings_of
from rewardsearch.records import Completion, CurvePoint, Outcome, ScreenJob, ScreenResult
from rewardsearch.tuned import sft_mark

CHECKPOINT = "checkpoint"
"""In the folder of a stretch of a training run: what the next stretch carries on with."""
COMPLETIONS = "completions.jsonl.gz"
"""What the policy answered to each question that it was evaluated on, one Completion a line."""

# What a result depends on, besides its job.
_SECTIONS = ("task", "policy", "sandbox", "screen", "watch")


def fingerprint(job: ScreenJob, config: Config) -> str:
    """SHA-256 of everything the result of `job` depends on, so that a finished run is known again after a crash."""
    settings = {name: settings_of(config, name) for name in _SECTIONS}
    data = [file_digest(file) for file in config.task.data_files(test=config.paper_protocol)]
    # A stretch that carries another on gives what the whole run would have given.
    wanted = job.model_dump(mode="json", exclude={"folder", "start"})
    depends = [wanted, settings, data, config.ranked_on]
    if config.sft.enabled:
        depends.append(sft_mark(config))
    text = json.dumps(depends, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def save_result(folder: Path, result: ScreenResult, mark: str, completions: Sequence[Completion] = ()) -> None:
    """Writes a result, and what was answered to each question of its outcomes, whole or not at all."""
    save_completions(folder, completions)
    write_atomic(folder / "curves.jsonl", _lines(result.curves))
    write_atomic(folder / "predictions.jsonl", _lines(result.outcomes))
    head = json.loads(result.model_dump_json(exclude={"curves", "outcomes"}))
    write_atomic(folder / "result.json", json.dumps({"fingerprint": mark, "result": head}, indent=1) + "\n")


def load_result(folder: Path, mark: str | None = None) -> ScreenResult | None:
    """The finished result in `folder`; None when there is none, when it is damaged, or its fingerprint is not `mark`."""
    try:
        stored = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        if mark is not None and stored["fingerprint"] != mark:
            return None
        curves = [CurvePoint.model_validate_json(line) for line in _read(folder / "curves.jsonl")]
        outcomes = [Outcome.model_validate_json(line) for line in _read(folder / "predictions.jsonl")]
        return ScreenResult.model_validate({**stored["result"], "curves": curves, "outcomes": outcomes})
    except (OSError, ValueError, KeyError, TypeError, ValidationError):
        return None


def save_completions(place: Path, completions: Sequence[Completion]) -> None:
    """Writes the completions that belong to `place`: the folder of a training run, or the file of other outcomes. The same ones
    give the same bytes."""
    if completions:
        write_atomic(_completions_path(place), gzip.compress(_lines(completions).encode("utf-8"), mtime=0))


def load_completions(place: Path) -> dict[str, str]:
    """The completions that belong to `place`, by question id, in the order of the questions; empty where there are none, or their
    file is damaged."""
    try:
        text = gzip.decompress(_completions_path(place).read_bytes()).decode("utf-8")
        found = [Completion.model_validate_json(line) for line in text.split("\n") if line]
    except (OSError, EOFError, zlib.error, ValueError):
        return {}
    return {each.id: each.completion for each in found}


def _completions_path(place: Path) -> Path:
    return place.with_suffix(f".{COMPLETIONS}") if place.suffix == ".jsonl" else place / COMPLETIONS


def save_outcomes(path: Path, outcomes: tuple[Outcome, ...]) -> None:
    write_atomic(path, _lines(outcomes))


def load_outcomes(path: Path) -> tuple[Outcome, ...] | None:
    """The outcomes in `path`; None when there is no such file."""
    if not path.exists():
        return None
    return tuple(Outcome.model_validate_json(line) for line in _read(path))


def _lines(records: Sequence[BaseModel]) -> str:
    return "".join(record.model_dump_json() + "\n" for record in records)


def _read(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").split("\n") if line]
