"""The sections of a search's config for judging rewards: on the rollout bank, on the leaderboard, and at the end."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from rewardsearch.config.effects import Affects
from rewardsearch.config.sections import Count, Section, Share


class BankConfig(Section):
    """Completions of the untrained policy on training questions, on which every reward is tried before it is trained on."""

    affects = Affects("search")
    enabled: bool = True
    questions: Annotated[Count, Affects("bank")] = 64
    group_size: Annotated[int, Field(ge=2), Affects("bank")] = 8
    """Completions a question."""
    min_auc: Share = 0.5
    """Least within-group AUC against correctness: a reward is refused that is clearly below, among all completions and among
    those that hold an answer (where those are never wrong: for what is right in any form)."""
    max_zero_std_fraction: Share = 0.9
    """Share of the groups with right and other completions from which on a reward that gives them no spread is refused."""
    max_length: Share = 0.3
    """Rank correlation with length, either way, beyond which a reward that knows little of the answer is flagged."""
    refuse: tuple[Literal["no-signal", "form", "length", "penalty", "collapse"], ...] = ()
    """Flags of the bank that a reward is refused for, beside one that is dead or inverted; the others are shown on the
    leaderboard. `form` and `length` are for policies that know the asked form already. `collapse` (tasks with classes: one
    answer for everyone earns as much as the policy's judging) is for policies that judge well enough to be paid for it: with
    a weak one, a reward that would do for a better policy is flagged too."""
    max_agreement: Share = 0.99
    """Agreement with an earlier candidate, within groups, from which on a candidate is not novel."""


class RankConfig(Section):
    affects = Affects("search")
    resamples: Annotated[int, Field(ge=100)] = 10_000
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    correction: Literal["holm", "bonferroni"] = "holm"
    min_correct: Annotated[int, Field(ge=0), Affects()] = 5
    """Questions of `val` (of a small one at most a tenth of them) that the policy before GRPO or the baseline must answer right.
    With fewer the search stops before anything is proposed, since candidates could not be ranked. The sealed test is opened only
    where a candidate answers as many. 0 never stops."""


TOP = re.compile(r"top([1-9]\d?)")
"""The ensembles of the k best candidates."""
ENSEMBLES = ("top5-longer", "round-best", "correctness", "weighted", "normalised", "cover")
CONTROLS = ("random-k", "random-reward", "format-only", "a-a", "average")


class FinalizeConfig(Section):
    """What is trained after the last round, with seeds of its own, before one reading of the sealed test for all of it."""

    affects = Affects()
    enabled: bool = True
    seeds: Count = 5
    """Seeds that every final arm is trained with: those after the search's own, by which candidates were chosen. One seed
    allows no statement about rewards, two find only a large gain: `rewardsearch run CONFIG --dry-run` shows how large."""
    finalists: Annotated[int, Field(ge=0)] = 1
    """The best candidates that are trained anew by themselves."""
    ensembles: tuple[str, ...] = ("top3",)
    """top<k>, top5-longer, round-best, correctness, weighted, normalised, cover."""
    controls: tuple[str, ...] = ("random-k",)
    """random-k, random-reward, format-only, a-a, average. The base rewards alone and the untrained policy are always read.

    `a-a` trains the base rewards again, with seeds that follow all others: it must come out as a tie. `average` trains on the
    base rewards and the mean of all accepted candidates, also those that the race stopped."""
    random_k: Count = 3
    """Members of a random-k control, drawn from all accepted candidates, also those that the race stopped."""
    random_draws: Annotated[int, Field(ge=1, le=26)] = 1
    """How many random-k controls are drawn."""
    references: tuple[str, ...] = ()
    """Paths of hand-written rewards, each trained beside the base rewards as an arm that the search is held against. They carry
    the flags that validation gives them, and are never recommended."""
    references_alone: tuple[str, ...] = ()
    """The same for rewards that are trained by themselves, without the base rewards."""
    methods: tuple[Literal["contrastive", "bare"], ...] = ()
    """For a task that measures, arms without rewards. contrastive: supervised contrastive training (InfoNCE over the batch) for
    as many steps; bare: no training. Both embed the texts without rationales."""
    longer: Annotated[float, Field(gt=1)] = 2.0
    """Steps of top5-longer, as a multiple of train.steps."""

    @field_validator("ensembles", "controls")
    @classmethod
    def _known_and_once(cls, names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if info.field_name == "controls":
            what, allowed, unknown = "control", ", ".join(CONTROLS), {*names} - {*CONTROLS}
        else:
            what, allowed = "ensemble", f"top<k> (top1 to top99), {', '.join(ENSEMBLES)}"
            unknown = {name for name in names if not TOP.fullmatch(name)} - {*ENSEMBLES}
        if unknown:
            raise ValueError(f"no {what} is called {', '.join(map(repr, sorted(unknown)))}; allowed: {allowed}")
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"got {', '.join(twice)} more than once; name each {what} once")
        return names
