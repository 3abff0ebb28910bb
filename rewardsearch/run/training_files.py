"""The folder of one training run, or of a segment of one: predictions.jsonl, completions.jsonl.gz, curves.jsonl, adapter/ or
checkpoint/, and result.json, written last, with the digest of each of them.

A folder without a result.json of the right fingerprint is work still pending, and so is one whose files are not those of the
digests. The journal has the digest of result.json.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, PrivateAttr, ValidationError

from rewardsearch.config import Config
from rewardsearch.files import file_digest, write_atomic
from rewardsearch.records import Completion, CurvePoint, Outcome, TrainingJob, TrainingResult
from rewardsearch.run.inputs import settings_of
from rewardsearch.run.sft_files import sft_fingerprint

RESULT, CURVES, PREDICTIONS = "result.json", "curves.jsonl", "predictions.jsonl"
CHECKPOINT = "checkpoint"
"""In the folder of a segment of a training run: what the next segment carries on with."""
COMPLETIONS = "completions.jsonl.gz"
"""What the policy answered to each question that it was evaluated on, one Completion a line."""

# What a result depends on, besides its job.
_SECTIONS = ("task", "policy", "sandbox", "train", "watch")


def fingerprint(job: TrainingJob, config: Config) -> str:
    """SHA-256 of everything the result of `job` depends on, so that a finished run is known again after a crash."""
    settings = {name: settings_of(config, name) for name in _SECTIONS}
    data = [file_digest(file) for file in config.task.data_files(test=config.paper_protocol)]
    # A segment that carries another on gives what the whole run would have given.
    wanted = job.model_dump(mode="json", exclude={"folder", "start"})
    depends = [wanted, settings, data, config.ranked_on]
    if config.sft.enabled:
        depends.append(sft_fingerprint(config))
    text = json.dumps(depends, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def save_result(folder: Path, result: TrainingResult, mark: str, completions: Sequence[Completion] = ()) -> None:
    """Writes a result, and what was answered to each question of its outcomes, whole or not at all."""
    save_completions(folder, completions)
    write_atomic(folder / CURVES, _lines(result.curves))
    write_atomic(folder / PREDICTIONS, _lines(result.outcomes))
    head = json.loads(result.model_dump_json(exclude={"curves", "outcomes"}))
    stored = {"fingerprint": mark, "files": _digests(folder), "result": head}
    write_atomic(folder / RESULT, json.dumps(stored, indent=1) + "\n")


def load_result(folder: Path, mark: str | None = None) -> TrainingResult | None:
    """The finished result in `folder`; None when there is none, when it is damaged, or its fingerprint is not `mark`."""
    try:
        return read_result(folder, mark)
    except Lost:
        return None


def read_result(folder: Path, mark: str | None = None, digest: str | None = None) -> TrainingResult:
    """The finished result in `folder`, whose result.json has the digest `digest`. Raises Lost where there is none such."""
    head = _checked(folder, RESULT, digest)
    try:
        stored = json.loads(head)
        if mark is not None and stored["fingerprint"] != mark:
            raise Lost(RESULT, "another's")
        files = stored.get("files", {})
        texts = {name: _checked(folder, name, files.get(name)) for name in (CURVES, PREDICTIONS)}
        result = StoredResult.of(stored["result"], texts)
        # Texts without a digest, of an earlier version, may be anything.
        return result if files else TrainingResult(**dict(result.whole()))
    except (ValueError, KeyError, TypeError, AttributeError, ValidationError):
        raise Lost(RESULT, "damaged") from None


class StoredResult(TrainingResult):
    """A result on the disk. Its outcomes and curves are parsed when they are first asked for: most readers want neither."""

    _texts: dict[str, bytes] = PrivateAttr(default_factory=dict)

    @classmethod
    def of(cls, head: dict[str, Any], texts: dict[str, bytes]) -> StoredResult:
        result = cls.model_validate(head)
        result._texts = texts
        for name in _PARSED:
            del result.__dict__[name]
        return result

    def whole(self) -> StoredResult:
        """This result with everything parsed. Raises ValueError for texts that are no records."""
        for name in _PARSED:
            getattr(self, name)
        return self

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            # pydantic has a field's value in the instance alone, so that this is asked for one that is not parsed yet.
            if name not in _PARSED:
                return super().__getattr__(name)
            file, record = _PARSED[name]
            lines = self._texts[file].split(b"\n")
            self.__dict__[name] = tuple(record.model_validate_json(line) for line in lines if line)
            return self.__dict__[name]

    def model_dump(self, **how: Any) -> dict[str, Any]:
        return super(StoredResult, self.whole()).model_dump(**how)

    def model_dump_json(self, **how: Any) -> str:
        return super(StoredResult, self.whole()).model_dump_json(**how)

    def __eq__(self, other: object) -> bool:
        same = isinstance(other, TrainingResult)
        return same and all(getattr(self, name) == getattr(other, name) for name in TrainingResult.model_fields)

    __hash__ = None  # type: ignore[assignment]


_PARSED: dict[str, tuple[str, type[BaseModel]]] = {"outcomes": (PREDICTIONS, Outcome), "curves": (CURVES, CurvePoint)}
"""The fields of a StoredResult that are files of their own."""


def result_digest(folder: Path) -> str:
    """SHA-256 of the result.json in `folder`, and through the digests in it of all that belongs to the result."""
    return _digest(folder / RESULT)


def check_files(folder: Path, part: str) -> None:
    """Raises Lost where a file of `part`, a folder such as CHECKPOINT, of the result in `folder` is missing or damaged."""
    try:
        files = json.loads((folder / RESULT).read_text(encoding="utf-8"))["files"]
        wanted = {name: digest for name, digest in files.items() if name.startswith(f"{part}/")}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise Lost(RESULT, "damaged") from None
    for name, digest in wanted.items():
        _checked(folder, name, digest)


class Lost(Exception):
    """A file of a training run is missing or damaged; `name` is relative to its folder."""

    def __init__(self, name: str, what: str) -> None:
        super().__init__(f"{name} is {what}")
        self.name, self.what = name, what


def _digests(folder: Path) -> dict[str, str]:
    """The digest of each file that belongs to the result in `folder`, by its name relative to it."""
    files = {file.relative_to(folder).as_posix(): file for file in sorted(folder.rglob("*")) if file.is_file()}
    return {name: _digest(file) for name, file in files.items() if name != RESULT and not file.name.startswith(".")}


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _checked(folder: Path, name: str, digest: str | None) -> bytes:
    """The content of a file, which has the digest `digest`, or any where that is None. Raises Lost."""
    try:
        content = (folder / name).read_bytes()
    except OSError:
        raise Lost(name, "missing") from None
    if digest is not None and hashlib.sha256(content).hexdigest() != digest:
        raise Lost(name, "damaged")
    return content


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
    """The outcomes in `path`; None when there is no such file, or it is damaged."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
        return tuple(Outcome.model_validate_json(line) for line in lines if line)
    except (OSError, ValueError):
        return None


def outcomes_digest(path: Path) -> str:
    """SHA-256 of the outcomes in `path`; empty where there are none."""
    return _digest(path) if path.is_file() else ""


def _lines(records: Sequence[BaseModel]) -> str:
    return "".join(record.model_dump_json() + "\n" for record in records)
