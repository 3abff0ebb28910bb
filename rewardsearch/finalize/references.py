"""References: hand-written rewards that the search is held against, each trained beside the base rewards as an arm."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rewardsearch.config import Config
from rewardsearch.errors import UserError
from rewardsearch.files.resources import find
from rewardsearch.records import (
    Candidate,
    FinalArm,
    RewardSpec,
    Stage,
    Verdict,
)
from rewardsearch.rewards.base import spec_of
from rewardsearch.rewards.identity import candidate_id

Judged = tuple[Candidate, Verdict]
"""A reference and what validation found."""

UNUSABLE: tuple[Stage, ...] = ("static", "sandbox", "contract")
"""Stages whose refusal keeps a reward from being called at all, and so from being trained on."""
_KEY = "finalize.references"


def load_references(config: Config) -> tuple[Candidate, ...]:
    """The rewards of finalize.references, named by their files' stems; none where finalize is off.

    Raises UserError for a file that is missing, no UTF-8 text, or of the stem of another, all of them at once.
    """
    mistakes: list[str] = []
    found: dict[str, Candidate] = {}
    for name in config.finalize.references if config.finalize.enabled else ():
        try:
            path = find(name, what=f"{_KEY}: file")
            code = path.read_text(encoding="utf-8-sig")
        except UserError as error:
            mistakes += error.mistakes
            continue
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            mistakes.append(f"{_KEY}: cannot read {name}: {why}; name Python files with a function `reward`")
            continue
        if path.stem in found:
            mistakes.append(f"{_KEY}: two of the name {path.stem}; give each file a name of its own")
        found[path.stem] = Candidate(id=candidate_id(code), name=path.stem, code=code, operator="folder")
    if mistakes:
        raise UserError(*mistakes)
    return tuple(found.values())


def check_references(references: Iterable[Judged]) -> None:
    """Raises UserError for references that cannot be trained on: refused by the static policy, by the sandbox, or for what they
    return. What they pay for is no reason: a reward that pays for the wrong thing is what the search is held against."""
    mistakes = [
        f"{_KEY}: {candidate.name} cannot be trained on ({verdict.stage}): {verdict.reason}; mend the file or leave it out"
        for candidate, verdict in references
        if verdict.stage in UNUSABLE
    ]
    if mistakes:
        raise UserError(*mistakes)


def reference_arms(references: Sequence[Judged], base: Sequence[RewardSpec], steps: int) -> Iterable[FinalArm]:
    """An arm each, trained as a candidate is. Where validation refuses the reward, a flag tells the stage, `how` the reason."""
    for candidate, verdict in references:
        refused = () if verdict.accepted else (f"refused:{verdict.stage}",)
        told = "" if verdict.accepted else f"; as a candidate it would be refused ({verdict.refusal})"
        yield FinalArm(
            id=f"reference-{candidate.name}",
            kind="reference",
            rewards=(*base, spec_of(candidate)),
            steps=steps,
            how=f"written by hand{told}",
            flags=(*refused, *verdict.flags),
        )
