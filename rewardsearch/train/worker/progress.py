"""What a training job resumes from: the segment before it, or its own progress.

Progress counts where it was made by the same job in the same environment, and no file of it has changed since.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from rewardsearch.files import file_digest, write_atomic
from rewardsearch.records import Environment, Record, TrainingJob
from rewardsearch.run.artifacts import CHECKPOINT, ArtifactError, check_files, load_result

_MARK = "mark.json"
"""Written last into a folder of progress."""


class Earlier(Record):
    """What was done before a job begins or resumes. `steps` and `seconds` are those of earlier segments, and `phases` the seconds
    by phase of earlier parts of the job itself. `faults`: reward calls that failed and were forgiven, by reward, so far.
    `printed`: what each reward printed in earlier parts."""

    steps: int = 0
    seconds: float = 0.0
    phases: dict[str, float] = {}
    faults: dict[str, int] = {}
    printed: dict[str, str] = {}


class _Mark(Record):
    fingerprint: str
    environment: Environment
    earlier: Earlier
    files: dict[str, str]
    """The digest of each other file, by its name relative to the folder."""


def seal_progress(folder: Path, fingerprint: str, environment: Environment, earlier: Earlier) -> None:
    """Marks the complete progress in `folder` as that of the job with this fingerprint."""
    mark = _Mark(fingerprint=fingerprint, environment=environment, earlier=earlier, files=_digests(folder))
    write_atomic(folder / _MARK, mark.model_dump_json() + "\n")


def load_progress(folder: Path, fingerprint: str, environment: Environment) -> Earlier | None:
    """What the progress in `folder` says of the job with this fingerprint; None where there is none that counts."""
    try:
        mark = _Mark.model_validate_json((folder / _MARK).read_bytes())
    except (OSError, ValidationError):
        return None
    same = mark.fingerprint == fingerprint and mark.environment == environment and mark.files == _digests(folder)
    return mark.earlier if same else None


def load_segment(run: Path, job: TrainingJob) -> Earlier | None:
    """What the segment says that `job` continues; None where there is none, or its checkpoint is missing or damaged."""
    if job.start is None or not (run / job.start / CHECKPOINT).is_dir():
        return None
    try:
        check_files(run / job.start, CHECKPOINT)
    except ArtifactError:
        return None
    result = load_result(run / job.start)
    return Earlier(steps=result.steps, seconds=result.seconds, faults=result.faults) if result is not None else None


def _digests(folder: Path) -> dict[str, str]:
    files = (file for file in sorted(folder.rglob("*")) if file.is_file() and file.name != _MARK)
    return {file.relative_to(folder).as_posix(): file_digest(str(file)) for file in files}
