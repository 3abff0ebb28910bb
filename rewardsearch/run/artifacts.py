"""The files that hold results: training runs, the supervised fine-tuning, the rollout bank, and outcomes on the sealed test.

A folder of results has a result.json, written last, with its fingerprint and the digests of the other files. The journal has
the digest of result.json. A folder without a result.json of the right fingerprint is pending work, and so is one with other
contents than the digests say. Large fields are parsed when they are first asked for.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import shutil
import zlib
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from rewardsearch.config import Config
from rewardsearch.errors import MachineError
from rewardsearch.files import part_of, write_atomic
from rewardsearch.files.resources import cache_folder
from rewardsearch.records import Completion, CurvePoint, LostFile, Outcome, Rollout, SftResult, TrainingResult
from rewardsearch.run.environment import environment_key
from rewardsearch.run.events import LARGE_OF_SFT, LARGE_OF_TRAINING
from rewardsearch.run.fingerprints import fingerprint
from rewardsearch.run.stored import Stored

RESULT, CURVES, PREDICTIONS = "result.json", "curves.jsonl", "predictions.jsonl"
COMPLETIONS = "completions.jsonl.gz"
"""The policy's answer to each question that it was evaluated on, one Completion a line."""
CHECKPOINT = "checkpoint"
"""In the folder of a segment of a training run: what the next segment continues from."""
PROGRESS = "progress"
"""In the folder of a training run or segment that has not ended: what it resumes from."""
ADAPTER = "adapter"
"""In the folder of a training run or fine-tuning: the adapter in PEFT's format."""
SFT = "sft"
"""The folder of the fine-tuning in a run, and of all of them in the cache."""
_FILE_OF = {"outcomes": PREDICTIONS, "curves": CURVES}
"""The fields of a training result that are files of their own."""
_BROKEN = (OSError, ValueError, KeyError, TypeError, AttributeError, ValidationError)


class ArtifactError(Exception):
    """A file of a result is missing or damaged, as `what` says; `name` is relative to the result's folder."""

    def __init__(self, name: str, what: str) -> None:
        super().__init__(f"{name} is {what}")
        self.name, self.what = name, what


# --- results whose large fields stay on the disk ----------------------------------------------------------------------


class StoredTraining(Stored, TrainingResult):
    LARGE = LARGE_OF_TRAINING


class StoredSft(Stored, SftResult):
    LARGE = LARGE_OF_SFT


def stored_training(folder: Path, digest: str, head: TrainingResult) -> TrainingResult:
    """The result in `folder`, of which `head` is known, and whose result.json has the digest `digest`. Reads nothing yet; where
    a file turns out to be missing or damaged later, MachineError is raised."""
    return head if isinstance(head, Stored) else StoredTraining.of(head, partial(_large_fields, folder, digest, head))


def stored_sft(folder: Path, digest: str, head: SftResult) -> SftResult:
    """The fine-tuning in `folder`, as stored_training."""
    return head if isinstance(head, Stored) else StoredSft.of(head, partial(_large_fields, folder, digest, head))


def _large_fields(folder: Path, digest: str, head: TrainingResult | SftResult, field: str) -> dict[str, Any]:
    """Large fields of a result, `field` among them: all those of a file."""
    try:
        stored = _stored(folder, digest)
        if field in _FILE_OF:
            return {field: _parsed(field, _checked(folder, _FILE_OF[field], stored["files"][_FILE_OF[field]]))}
    except ArtifactError as error:
        raise MachineError(f"{folder / error.name} is {error.what}; `rewardsearch run` trains it again") from None
    return {name: value for name, value in type(head).model_validate(stored["result"]) if name not in _FILE_OF}


@lru_cache
def _lines_of(field: str) -> TypeAdapter[tuple[Any, ...]]:
    kind = {"outcomes": Outcome, "curves": CurvePoint}[field]
    return TypeAdapter(tuple[kind, ...])  # type: ignore[valid-type]


def _parsed(field: str, content: bytes) -> tuple[Any, ...]:
    """The records of a JSON Lines file. Raises ValueError."""
    # A line break within a text is escaped.
    return _lines_of(field).validate_json(b"[" + content.rstrip(b"\n").replace(b"\n", b",") + b"]")


# --- training runs ----------------------------------------------------------------------------------------------------


def save_result(folder: Path, result: TrainingResult, fingerprint: str, completions: Sequence[Completion] = ()) -> None:
    """Writes a result, and the answers to the questions of its outcomes; result.json last."""
    save_completions(folder, completions)
    write_atomic(folder / CURVES, _lines(result.curves))
    write_atomic(folder / PREDICTIONS, _lines(result.outcomes))
    head = json.loads(result.model_dump_json(exclude={"curves", "outcomes"}))
    stored = {"fingerprint": fingerprint, "files": _digests(folder), "result": head}
    write_atomic(folder / RESULT, json.dumps(stored, indent=1) + "\n")


def load_result(folder: Path, fingerprint: str | None = None) -> TrainingResult | None:
    """The finished result in `folder`; None when there is none, when it is damaged, or its fingerprint is not `fingerprint`."""
    try:
        digest = result_digest(folder)
        stored = _stored(folder, digest)
        if fingerprint not in (None, stored["fingerprint"]):
            return None
        _check_texts(folder, stored)
        return stored_training(folder, digest, TrainingResult.model_validate(stored["result"]))
    except (ArtifactError, *_BROKEN):
        return None


def result_digest(folder: Path) -> str:
    """SHA-256 of the result.json in `folder`, and through the digests in it of all that belongs to the result. Raises OSError."""
    return _digest(folder / RESULT)


def lost_files(run: Path, digests: Mapping[str, str]) -> dict[str, LostFile]:
    """What is missing or damaged of the results of a run, by folder. digests: of their result.json, by folder."""
    found = {}
    for name, digest in digests.items():
        try:
            stored = _stored(run / name, digest)
            if name != SFT:
                _check_texts(run / name, stored)
        except ArtifactError as error:
            found[name] = LostFile(path=f"{name}/{error.name}", what=error.what)
    return found


def check_files(folder: Path, part: str) -> None:
    """Raises ArtifactError where a file of `part`, a folder such as CHECKPOINT, of the result in `folder` is missing or
    damaged."""
    for name, digest in _stored(folder)["files"].items():
        if name.startswith(f"{part}/"):
            _checked(folder, name, digest)


def _check_texts(folder: Path, stored: dict[str, Any]) -> None:
    for name in _FILE_OF.values():
        _checked(folder, name, stored["files"].get(name, ""))


def _stored(folder: Path, digest: str | None = None) -> dict[str, Any]:
    """The content of the result.json in `folder`. Raises ArtifactError where it is missing, damaged, or of another digest."""
    try:
        stored = json.loads(_checked(folder, RESULT, digest))
        assert isinstance(stored["files"], dict) and isinstance(stored["result"], dict)
    except (ValueError, KeyError, TypeError, AssertionError):
        raise ArtifactError(RESULT, "damaged") from None
    return dict(stored)


def _checked(folder: Path, name: str, digest: str | None) -> bytes:
    """The content of a file, which has the digest `digest`, or any where that is None. Raises ArtifactError."""
    try:
        content = (folder / name).read_bytes()
    except OSError:
        raise ArtifactError(name, "missing") from None
    if digest is not None and hashlib.sha256(content).hexdigest() != digest:
        raise ArtifactError(name, "damaged")
    return content


def _digests(folder: Path) -> dict[str, str]:
    """The digest of each file that belongs to the result in `folder`, by its name relative to it."""
    files = {file.relative_to(folder): file for file in sorted(folder.rglob("*")) if file.is_file()}
    return {
        name.as_posix(): _digest(file)
        for name, file in files.items()
        if name.parts[0] not in (RESULT, PROGRESS) and not any(part.startswith(".") for part in name.parts)
    }


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _lines(records: Sequence[BaseModel]) -> str:
    return "".join(record.model_dump_json() + "\n" for record in records)


# --- completions, and outcomes on the sealed test ---------------------------------------------------------------------


def save_completions(place: Path, completions: Sequence[Completion]) -> None:
    """Writes the completions that belong to `place`: the folder of a training run, or the file of other outcomes. The same ones
    give the same bytes."""
    if completions:
        write_atomic(completions_path(place), gzip.compress(_lines(completions).encode("utf-8"), mtime=0))


def load_completions(place: Path) -> dict[str, str]:
    """The completions that belong to `place`, by question id, in the order of the questions; empty where there are none, or
    their file is damaged."""
    try:
        text = gzip.decompress(completions_path(place).read_bytes()).decode("utf-8")
        found = [Completion.model_validate_json(line) for line in text.split("\n") if line]
    except (OSError, EOFError, zlib.error, ValueError):
        return {}
    return {each.id: each.completion for each in found}


def completions_path(place: Path) -> Path:
    """The file of the completions that belong to `place`, as save_completions has it."""
    return place.with_suffix(f".{COMPLETIONS}") if place.suffix == ".jsonl" else place / COMPLETIONS


def save_outcomes(path: Path, outcomes: tuple[Outcome, ...]) -> None:
    write_atomic(path, _lines(outcomes))


def load_outcomes(path: Path) -> tuple[Outcome, ...] | None:
    """The outcomes in `path`; None when there is no such file, or it is damaged."""
    try:
        return _parsed("outcomes", path.read_bytes())
    except (OSError, ValueError):
        return None


def outcomes_digest(path: Path) -> str:
    """SHA-256 of the outcomes in `path`; empty where there are none."""
    return _digest(path) if path.is_file() else ""


# --- the supervised fine-tuning ---------------------------------------------------------------------------------------


def sft_cache(config: Config) -> Path:
    """Where the fine-tuning of `config` is kept for all runs. The environment counts beside the fingerprint: a run does not take
    over what was trained in another one, but keeps its own."""
    return cache_folder() / SFT / _cache_key("sft", config)


def save_sft(folder: Path, result: SftResult) -> None:
    """Writes `result` beside the adapter in `folder`, which is complete from then on."""
    stored = {"files": _adapter_files(folder), "result": result.model_dump(mode="json")}
    write_atomic(folder / RESULT, json.dumps(stored, indent=1) + "\n")


def load_sft(folder: Path, fingerprint: str) -> SftResult | None:
    """The fine-tuning in `folder`; None when there is none, when its fingerprint is not `fingerprint`, or when a file of its
    adapter is missing or damaged."""
    try:
        stored = _stored(folder)
        result = SftResult.model_validate(stored["result"])
        same = stored["files"] and all(
            _digest(folder / ADAPTER / name) == digest for name, digest in stored["files"].items()
        )
    except (ArtifactError, *_BROKEN):
        return None
    return result if same and result.fingerprint == fingerprint else None


def adapter_digest(folder: Path) -> str:
    """SHA-256 of the adapter in a fine-tuning's folder."""
    return hashlib.sha256(repr(sorted(_adapter_files(folder).items())).encode()).hexdigest()


def _adapter_files(folder: Path) -> dict[str, str]:
    return {file.name: _digest(file) for file in sorted((folder / ADAPTER).iterdir())}


def copy_sft(source: Path, target: Path) -> None:
    """Copies a fine-tuning's folder, completely or not at all, in place of what `target` is.

    Where several processes copy to one target, one of the copies stays. Raises OSError where `source` goes while it is copied,
    or `target` cannot be written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with _aside(target, "new") as part, _aside(target, "old") as old:
        shutil.copytree(source, part)
        with contextlib.suppress(FileNotFoundError):
            target.rename(old)
        try:
            part.rename(target)
        except OSError:
            if not target.is_dir():
                raise


@contextlib.contextmanager
def _aside(target: Path, what: str) -> Iterator[Path]:
    """A name beside `target` for a folder of this process, which is removed at the end."""
    path = part_of(target.with_name(f"{target.name}.{what}"))
    shutil.rmtree(path, ignore_errors=True)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


# --- the rollout bank -------------------------------------------------------------------------------------------------


def bank_path(config: Config) -> Path:
    """Where the bank of `config` is kept for all runs: searches with the same policy, task and sampling share it. The environment
    counts beside the fingerprint."""
    return cache_folder() / "banks" / f"{_cache_key('bank', config)}.jsonl"


def save_bank(path: Path, rollouts: Sequence[Rollout]) -> None:
    """Writes a head line, with the number and the SHA-256 of what follows, and one rollout a line."""
    body = _lines(rollouts)
    head = {"rollouts": len(rollouts), "sha256": hashlib.sha256(body.encode()).hexdigest()}
    write_atomic(path, json.dumps(head) + "\n" + body)


def load_bank(path: Path) -> tuple[Rollout, ...] | None:
    """The bank in `path`; None where there is none. A damaged file is removed, so that it is sampled anew."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    first, _, body = text.partition(b"\n")
    try:
        head = json.loads(first)
        if head["sha256"] == hashlib.sha256(body).hexdigest():
            rollouts = tuple(Rollout.model_validate_json(line) for line in body.split(b"\n") if line)
            if rollouts and len(rollouts) == head["rollouts"]:
                return rollouts
    except (ValueError, KeyError, TypeError, ValidationError):
        pass
    path.unlink(missing_ok=True)
    return None


def _cache_key(artifact: Any, config: Config) -> str:
    return hashlib.sha256(f"{fingerprint(artifact, config)} {environment_key(config)}".encode()).hexdigest()[:16]
