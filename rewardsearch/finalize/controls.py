"""What ensembles are compared with: controls, and hand-written references.

- format-only: is the format of the answer all that was learnt?
- random-reward: would any reward do, as it does for some base models (spurious rewards)?
- random-k: is choosing candidates by their results better than drawing them at random from all accepted ones?
- average: is it better than the mean of all accepted candidates (DERL, arXiv 2512.13399)?
- a-a: does the table find a gain where there is none?
"""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from rewardsearch.config import FinalizeConfig
from rewardsearch.errors import UserError
from rewardsearch.files.resources import find, resource
from rewardsearch.finalize.ensembles import CandidatePool
from rewardsearch.records import Candidate, FinalArm, RewardSpec, Stage, Verdict
from rewardsearch.rewards.base import read_code, spec_of
from rewardsearch.rewards.identity import candidate_id

FORMAT = "format"
"""Base rewards whose names begin with this pay only for the format of an answer."""
AGAIN = "a-a"
"""The control that trains the base rewards again, with other seeds."""
UNUSABLE: tuple[Stage, ...] = ("static", "sandbox", "contract")
"""A reward that is refused at one of these stages cannot be called, and so not trained on."""
Judged = tuple[Candidate, Verdict]
"""A reference and its verdict."""


_METHODS = {
    "contrastive": "supervised contrastive training on pairs of texts, embedded without rationales",
    "bare": "no training, and texts embedded without rationales",
}


def check(config: FinalizeConfig, base: Sequence[RewardSpec], references: Sequence[Judged] = ()) -> None:
    """Raises UserError for a control that cannot be made from the base rewards, or a reference that cannot be trained on."""
    if config.enabled and "format-only" in config.controls:
        format_rewards(base)
    check_references(references)


def format_rewards(base: Sequence[RewardSpec]) -> tuple[RewardSpec, ...]:
    """The base rewards that pay for format. Raises UserError where there is none."""
    found = tuple(spec for spec in base if spec.name.startswith(FORMAT))
    if not found:
        raise UserError(
            f"finalize.controls: format-only needs a base reward whose name begins with {FORMAT!r}, but train.base_rewards has "
            f"{', '.join(spec.name for spec in base)}; rename the file that pays for format, or remove format-only"
        )
    return found


def random_reward() -> RewardSpec:
    """The bundled reward that pays at random."""
    path = resource("candidates") / "control" / "random_reward.py"
    return RewardSpec(id="control:random_reward", name="random_reward", code=path.read_text(encoding="utf-8"))


def random_draws(
    pool: CandidatePool, config: FinalizeConfig, seed: int, taken: Collection[frozenset[str]] = ()
) -> dict[str, tuple[str, ...]]:
    """The members of each random-k control by its name: different draws from all accepted candidates, as many as the config asks
    for or as exist. A draw that equals one of `taken`, which were chosen by their results, is drawn anew while there is another.
    """
    ids = pool.accepted
    k = min(config.random_k, len(ids))
    if not k:
        return {}
    avoided = {members for members in taken if len(members) == k and members.issubset(ids)}
    possible = math.comb(len(ids), k)
    avoided = avoided if len(avoided) < possible else set()
    rng = random.Random(f"random control {seed}")
    draws: list[tuple[str, ...]] = []
    while len(draws) < min(config.random_draws, possible - len(avoided)):
        drawn = tuple(sorted(rng.sample(ids, k)))
        if drawn not in draws and frozenset(drawn) not in avoided:
            draws.append(drawn)
    stem = f"random-{config.random_k}"
    if config.random_draws == 1:
        return {stem: draws[0]}
    return {f"{stem}-{chr(ord('a') + i)}": drawn for i, drawn in enumerate(draws)}


def load_references(config: FinalizeConfig) -> tuple[Candidate, ...]:
    """The rewards of finalize.references and finalize.references_alone, named by the stems of their files; none where finalize is
    not enabled.

    Raises UserError with all mistakes: files that are missing, not UTF-8, or have the stem of another or the name of a method.
    """
    mistakes: list[str] = []
    found: dict[str, Candidate] = {}
    named = [("references", name) for name in config.references]
    named += [("references_alone", name) for name in config.references_alone]
    for key, name in named if config.enabled else ():
        try:
            path = find(name, what=f"finalize.{key}: file")
            code = read_code(path, f"finalize.{key}: ")
        except UserError as error:
            mistakes += error.mistakes
            continue
        if path.stem in found:
            mistakes.append(f"finalize.{key}: two files are named {path.stem}; rename one of them")
        if path.stem in config.methods:
            mistakes.append(f"finalize.{key}: {name} has the name of an arm of finalize.methods; rename the file")
        found[path.stem] = Candidate(id=candidate_id(code), name=path.stem, code=code, operator="folder")
    if mistakes:
        raise UserError(*mistakes)
    return tuple(found.values())


def check_references(references: Iterable[Judged]) -> None:
    """Raises UserError for references that cannot be called. One that pays for the wrong thing is allowed: rewards are compared
    with it."""
    mistakes = [
        f"finalize.references: {candidate.name} cannot be trained on ({verdict.stage}): {verdict.reason}; "
        "fix the file or remove it"
        for candidate, verdict in references
        if verdict.stage in UNUSABLE
    ]
    if mistakes:
        raise UserError(*mistakes)


def reference_arms(
    references: Sequence[Judged], base: Sequence[RewardSpec], steps: int, config: FinalizeConfig
) -> Iterable[FinalArm]:
    """One arm per reference, trained as a candidate is, or without the base rewards. Where validation refuses the reward, a flag
    has the stage and `how` the reason. Then the arms of finalize.methods."""
    alone = {Path(name).stem for name in config.references_alone}
    for candidate, verdict in references:
        refused = () if verdict.accepted else (f"refused:{verdict.stage}",)
        reason = "" if verdict.accepted else f"; as a candidate it would be refused ({verdict.refusal})"
        yield FinalArm(
            id=f"reference-{candidate.name}",
            kind="reference",
            rewards=(*(() if candidate.name in alone else base), spec_of(candidate)),
            steps=steps,
            how=f"written by hand{', without the base rewards' if candidate.name in alone else ''}{reason}",
            flags=(*refused, *verdict.flags),
        )
    for method in config.methods:
        yield FinalArm(
            id=f"reference-{method}",
            kind="reference",
            steps=0 if method == "bare" else steps,
            method=method,
            how=_METHODS[method],
        )
