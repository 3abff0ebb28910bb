"""Recorded proposals: those of a run, from its journal, or those of a recording, a folder of reward files with recording.yaml.

recording.yaml has `about`, a line that says what was recorded, and `rounds`: of each round its rewards, each with its `file` and,
where known, its `operator`, the names of its `parents` and its `rationale`. A reward's name is its file's. One with the operator
`repair` was proposed when its parent had been refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from rewardsearch.config.yaml_text import read_yaml
from rewardsearch.errors import UserError
from rewardsearch.propose.base import Draft, candidate_of
from rewardsearch.records import Candidate, Operator, Proposal, Record
from rewardsearch.run.journal import read_run

RECORDING = "recording.yaml"


class Recorded(Record):
    """Proposals by round and attempt, and what they are, in a line."""

    about: str
    proposals: dict[tuple[int, int], Proposal]

    @property
    def rounds(self) -> int:
        return len({round for round, _ in self.proposals})


class _Entry(Record):
    file: str
    operator: Operator = "fresh"
    parents: tuple[str, ...] = ()
    rationale: str = ""


class _Recording(Record):
    about: str
    rounds: tuple[tuple[_Entry, ...], ...]


def is_recording(folder: Path) -> bool:
    return (folder / RECORDING).is_file()


def recorded_in(folder: Path) -> Recorded:
    """What was proposed in the run, or the recording, in `folder`. Raises UserError where there is neither, or it is damaged."""
    if is_recording(folder):
        return _of_recording(folder)
    state = read_run(folder)
    return Recorded(about=f"the run {state.folder}", proposals=state.proposals)


def _of_recording(folder: Path) -> Recorded:
    place = folder / RECORDING
    try:
        found = _Recording.model_validate(read_yaml(place.read_text(encoding="utf-8"), str(place)) or {})
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{place} cannot be read ({type(error).__name__}); give UTF-8 text") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UserError(f"{place}: {where}: {first['msg']}; see {RECORDING} in candidates/recorded/") from None
    ids: dict[str, str] = {}
    proposals: dict[tuple[int, int], list[Candidate]] = {}
    for number, entries in enumerate(found.rounds, start=1):
        proposals[number, 0] = []
        for entry in entries:
            candidate = _candidate(folder, entry, number, ids)
            if candidate.id in ids.values():
                raise UserError(f"{place}: {entry.file} has the code of a reward before it; name each reward once")
            ids[Path(entry.file).stem] = candidate.id
            proposals.setdefault((number, int(entry.operator == "repair")), []).append(candidate)
    return Recorded(
        about=found.about, proposals={key: Proposal(candidates=tuple(each)) for key, each in proposals.items()}
    )


def _candidate(folder: Path, entry: _Entry, round: int, ids: Mapping[str, str]) -> Candidate:
    """ids: those of the rewards before it, by name."""
    place = folder / entry.file
    try:
        code = place.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{folder / RECORDING}: {entry.file} cannot be read ({type(error).__name__})") from None
    if unknown := [name for name in entry.parents if name not in ids]:
        known = ", ".join(ids) or "none"
        raise UserError(f"{folder / RECORDING}: {entry.file} has the parent {unknown[0]}; proposed before it: {known}")
    draft = Draft(
        name=place.stem,
        code=code,
        rationale=entry.rationale,
        operator=entry.operator,
        parents=tuple(ids[name] for name in entry.parents),
    )
    return candidate_of(draft, round)
