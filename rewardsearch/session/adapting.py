"""Rewards of other trainers: validated in our contract, and named where plain validation rejects them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rewardsearch.config import Config
from rewardsearch.records import Candidate, Verdict
from rewardsearch.rewards.adapt import CONTRACT, Adapted, NotAdapted, adapt, recognised
from rewardsearch.session.validating import Validation, candidate_of, validate_rewards


def validate_files(
    files: Sequence[tuple[Path, Candidate]], config: Config, *, searched: bool, adapted: bool
) -> Validation:
    """Validates the rewards of files.

    searched: as in validate_rewards. adapted: whether they are adapted first; then a file that cannot be is rejected at the stage
    `static`, and the lines in other reasons are those of the adapted file.
    """
    if not adapted:
        plain = validate_rewards([candidate for _, candidate in files], config, searched)
        named = (_name_command(verdict, *file) for verdict, file in zip(plain.verdicts, files, strict=True))
        return replace(plain, verdicts=tuple(named))
    found = [adapt(candidate.code) for _, candidate in files]
    ready = [
        candidate_of(each.code, path.stem)
        for (path, _), each in zip(files, found, strict=True)
        if isinstance(each, Adapted)
    ]
    validation = validate_rewards(ready, config, searched)
    verdicts = iter(validation.verdicts)
    merged = [
        _at_lines_of_adapted(next(verdicts), path, each) if isinstance(each, Adapted) else _refused(candidate, each)
        for (path, candidate), each in zip(files, found, strict=True)
    ]
    return replace(validation, verdicts=tuple(merged))


def _refused(candidate: Candidate, found: NotAdapted) -> Verdict:
    reason = " | ".join(str(fault) for fault in found.faults)
    return Verdict(candidate=candidate.id, accepted=False, stage="static", reason=reason)


def _at_lines_of_adapted(verdict: Verdict, path: Path, found: Adapted) -> Verdict:
    if verdict.accepted or found.convention is CONTRACT:
        return verdict
    return verdict.model_copy(update={"reason": f"{verdict.reason}; lines are those that {_command(path)} prints"})


def _name_command(verdict: Verdict, path: Path, candidate: Candidate) -> Verdict:
    """The verdict; when it rejects the reward of another trainer, with the command that adapts it."""
    convention = None if verdict.accepted else recognised(candidate.code)
    if convention is None or convention is CONTRACT:
        return verdict
    hint = f"it looks written for {convention.label}: {_command(path)} rewrites it"
    return verdict.model_copy(update={"reason": f"{verdict.reason}; {hint}"})


def _command(path: Path) -> str:
    return f"`rewardsearch adapt {shlex.quote(str(path))}`"
