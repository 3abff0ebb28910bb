"""Which files a job needs and gives, and how they travel between the run folder and a worker on another machine.

The run folder stays where the search runs, and the search alone writes into it. A worker elsewhere has a folder of its own in its
place, with the config and what its jobs need.
"""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rewardsearch.config import Config
from rewardsearch.errors import UserError
from rewardsearch.files import part_of, replace_folder, write_atomic
from rewardsearch.run.artifacts import CHECKPOINT, PROGRESS, SFT, completions_path
from rewardsearch.train.launcher import EvaluateTest, FineTune, Job, SampleBank, TrainArm

Files = Mapping[str, bytes]
"""Contents of files by their names relative to the run folder."""


def needs_of(jobs: Iterable[Job], config: Config) -> list[str]:
    """The folders of the run that `jobs` need, those that are not there included."""
    names = []
    for job in jobs:
        if isinstance(job, TrainArm):
            names += [f"{job.training.folder}/{PROGRESS}", *([job.training.start] if job.training.start else [])]
        if isinstance(job, EvaluateTest) and job.adapter is not None:
            names.append(job.adapter)
        if config.sft.enabled and not isinstance(job, FineTune):
            names.append(SFT)
    return list(dict.fromkeys(names))


def results_of(job: Job) -> list[str]:
    """The folders and files that a job gives. Of several files the last is written last."""
    match job:
        case TrainArm():
            return [job.training.folder]
        case FineTune():
            return [SFT]
        case SampleBank():
            return [job.file]
        case EvaluateTest():
            return [completions_path(Path(job.file)).as_posix(), job.file]


def progress_of(job: Job) -> str | None:
    """The folder in which a job saves what it resumes from."""
    return f"{job.training.folder}/{PROGRESS}" if isinstance(job, TrainArm) else None


def pack(run: Path, names: Sequence[str]) -> dict[str, bytes]:
    """The files of `names`, folders or files, that are there. One that goes while it is read is left out, and so is what is not
    complete yet."""
    found: dict[str, bytes] = {}
    for name in names:
        place = run / name
        files = [place] if place.is_file() else sorted(file for file in place.rglob("*") if file.is_file())
        for file in files:
            relative = file.relative_to(run)
            if not any(part.startswith(".") for part in relative.parts):
                try:
                    found[relative.as_posix()] = file.read_bytes()
                except FileNotFoundError:
                    continue
    return found


def unpack(run: Path, names: Sequence[str], files: Files) -> None:
    """Puts `files` in the place of `names`, each folder or file wholly or not at all. A name without files stays as it is."""
    for name in names:
        if name in files:
            write_atomic(run / name, files[name])
            continue
        inside = {Path(file): content for file, content in files.items() if file.startswith(f"{name}/")}
        if not inside:
            continue
        made = part_of(run / name)
        for file, content in inside.items():
            target = made / file.relative_to(name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        replace_folder(made, run / name)


def receive(run: Path, job: Job, files: Files) -> None:
    """Writes the result of a job into the run folder, and removes the checkpoint that it has used up."""
    unpack(run, results_of(job), files)
    if isinstance(job, TrainArm) and job.training.start:
        shutil.rmtree(run / job.training.start / CHECKPOINT, ignore_errors=True)


def private_files(config: Config) -> dict[str, bytes]:
    """The files on this machine that a worker reads by the names in the config, by their absolute paths: data, and the code of a
    task, a verifier or an engine. Models are left out, for their size."""
    task = config.task
    code = (name.rpartition(":")[0] for name in (task.name, config.train.engine) if ".py:" in name)
    named = [*task.data_files(test=True), *([task.code] if task.code else []), *code]
    places = (Path(name).expanduser() for name in named)
    return {str(place.absolute()): place.read_bytes() for place in places if place.is_file()}


def place_private(files: Files, placed: Path) -> None:
    """Writes files to their absolute paths where they are not yet there, and adds the names of those to the file `placed`.

    Raises UserError for a path that holds something else, or cannot be written.
    """
    for name, content in files.items():
        place = Path(name)
        try:
            if place.is_file():
                if place.read_bytes() != content:
                    raise UserError(
                        f"{name} on {socket.gethostname()} is another file than that of the search; replace it"
                    )
                continue
            with placed.open("a", encoding="utf-8") as record:
                record.write(f"{name}\n")
            write_atomic(place, content)
        except OSError as error:
            raise UserError(
                f"{name} cannot be copied to {socket.gethostname()}: {error.strerror}; copy it there, or name a folder that "
                "can be written on every machine"
            ) from None
