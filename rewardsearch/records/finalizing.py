"""The arms of finalize: what is trained after the last round, and what the one reading of the sealed test says of them."""

from __future__ import annotations

from typing import Literal

from rewardsearch.records.classes import ClassScores, Fairness, Interval
from rewardsearch.records.data import Record
from rewardsearch.records.screening import Aggregation, RewardSpec

ArmKind = Literal["ensemble", "single", "control", "reference", "baseline", "policy", "rule"]
"""`reference` is a hand-written reward that the search is held against, `rule` a task's own rule without a model."""


class FinalArm(Record):
    """One arm of the final table. `members` are the candidates in it; `rewards` is everything that it trains on, base rewards
    first (none for what is not trained), `steps` for how long. `how` says in a few words how it was put together, `flags` are
    what validation raised of a reference."""

    id: str
    kind: ArmKind
    members: tuple[str, ...] = ()
    rewards: tuple[RewardSpec, ...] = ()
    steps: int = 0
    aggregation: Aggregation = "sum_then_normalize"
    how: str = ""
    flags: tuple[str, ...] = ()


class SeedScores(Record):
    """One training seed of an arm on a task with classes: precision and recall of the positive class, and macro F1."""

    precision: float
    recall: float
    macro_f1: float


class FinalRow(Record):
    """One arm on the sealed test: F1, accuracy and parse rate are means over its training seeds.

    f1_ci, accuracy_ci, gain_ci and macro_gain_ci are over questions, given the trained policies. The p-values are McNemar's, of
    the policies of the first seed. On a task with classes F1 is the positive class's.
    """

    id: str
    kind: ArmKind
    name: str = ""
    """A candidate's name; `sft` for the policy after supervised fine-tuning; the id of any other arm."""
    members: tuple[str, ...] = ()
    steps: int = 0
    aggregation: Aggregation = "sum_then_normalize"
    how: str = ""
    status: Literal["done", "failed"]
    reason: str | None = None
    f1: float | None = None
    f1_ci: Interval | None = None
    expected_ci: Interval | None = None
    """Of the F1 that training with yet another seed is expected to give, over questions and seeds; None where the noise between
    seeds is not known. Of the untrained policy it is over questions."""
    accuracy: float | None = None
    accuracy_ci: Interval | None = None
    parse_rate: float | None = None
    f1_by_seed: dict[int, float] = {}
    gain: float | None = None
    """F1 less the baseline's, seeds and questions paired."""
    gain_ci: Interval | None = None
    classes: ClassScores | None = None
    """On a task with classes."""
    classes_by_seed: dict[int, SeedScores] = {}
    macro_gain: float | None = None
    """Macro F1 less that of the policy that training started from, questions paired."""
    macro_gain_ci: Interval | None = None
    val_f1: float | None = None
    """The same policies' F1 on `val`; None where the candidates were ranked on the test itself."""
    searched_val_f1: float | None = None
    """F1 on `val` with the search's seed, by which it was found."""
    searched_test_f1: float | None = None
    """F1 on the test of the policy that the search itself trained: of the best candidate alone."""
    flags: tuple[str, ...] = ()
    """What its own training raised, under any of its seeds; before that, of a reference, what validation did."""
    p_vs_policy: float | None = None
    p_vs_baseline: float | None = None
    p_adjusted: float | None = None
    """p_vs_baseline corrected over the arms."""


class FinalPair(Record):
    """Two arms on the same questions of the test, each by the policy of its first seed: how many both, one or neither answer
    right, and McNemar's p-value, also corrected over all pairs of the table."""

    a: str
    b: str
    both: int
    only_a: int
    only_b: int
    neither: int
    p: float
    p_holm: float
    p_bonferroni: float


class FinalReport(Record):
    """The one reading of the sealed test, `n` questions, with everything that was decided before it.

    `chosen` is the arm that is recommended: the ensemble or single candidate with the best mean F1 over `seeds` on `val`.
    `protocol` is "paper" where candidates were ranked and arms chosen on the test itself, which inflates their scores.
    """

    task: str
    n: int
    protocol: Literal["val", "paper"] = "val"
    seeds: tuple[int, ...] = ()
    """What every arm was trained with; but for the literature's protocol, no candidate was trained with one of them before."""
    seed_sd: float | None = None
    """Standard deviation of F1 between training seeds, pooled over baseline, single candidates and ensembles on the test, or with
    one seed an arm as the search's leaderboard had it."""
    own_noise: bool = False
    """Whether the expected intervals of references and controls are by the noise of their own seeds."""
    chosen: str | None = None
    best: str | None = None
    """The best finalist: its row has what the search said of it beside what came after."""
    rows: tuple[FinalRow, ...]
    """Best first, then those that could not be trained."""
    pairs: tuple[FinalPair, ...] = ()
    same: dict[str, str] = {}
    """Arms that would have been trained exactly as another: by their names, the arm that stands for both."""
    notes: tuple[str, ...] = ()
    """What was asked for and could not be put together, and why."""
    fairness: tuple[Fairness, ...] = ()
    """How groups of people fare on the test, where the rows name groups: under the policy that training started from, the
    chosen arm and every reference."""
