"""The arms of finalize: what is trained after the last round, and its evaluation on the sealed test."""

from __future__ import annotations

from typing import Literal

from rewardsearch.records.classes import ClassScores, Fairness, Interval
from rewardsearch.records.data import Record
from rewardsearch.records.retrieval import RetrievalScores
from rewardsearch.records.training import Aggregation, Method, RewardSpec

ArmKind = Literal["ensemble", "single", "control", "reference", "baseline", "policy", "heuristic"]
"""`reference`: a hand-written reward that the search is compared with; `heuristic`: a baseline of the task without a model."""


class FinalArm(Record):
    """One arm of the final table. `members`: its candidates. `rewards`: all rewards that it trains on, base rewards first; empty
    for an arm that is not trained. `steps`: of each training. `seeds`: one training each. `how`: how it was made, in a few words.
    `flags`: of a reference, those of validation."""

    id: str
    kind: ArmKind
    members: tuple[str, ...] = ()
    rewards: tuple[RewardSpec, ...] = ()
    steps: int = 0
    seeds: tuple[int, ...] = ()
    aggregation: Aggregation = "sum_then_normalize"
    method: Method = "rewards"
    how: str = ""
    flags: tuple[str, ...] = ()


class SeedScores(Record):
    """One training seed of an arm on a task with classes: precision and recall of the positive class, or without
    one their means over the classes, and macro F1."""

    precision: float
    recall: float
    macro_f1: float


class FinalRow(Record):
    """One arm on the sealed test. F1, accuracy and parse rate are means over its training seeds.

    Gains, their intervals and the p-values are about rewards: over questions and training seeds, each arm with its own noise.
    They are None where an arm was trained with one seed. f1_ci, accuracy_ci, the intervals of `classes` and those named
    `questions_ci` are over questions alone, given the trained policies. On a task with classes F1 is that of the positive class,
    or macro F1.
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
    """Interval of the F1 expected from a new training, over questions and seeds; None for an arm with one seed. For an arm that
    is not trained it is over questions."""
    accuracy: float | None = None
    accuracy_ci: Interval | None = None
    parse_rate: float | None = None
    f1_by_seed: dict[int, float] = {}
    seed_sd: float | None = None
    """Standard deviation of F1 between the training seeds; None for fewer than two."""
    gain: float | None = None
    """F1 less the baseline's, on the same questions."""
    gain_ci: Interval | None = None
    gain_questions_ci: Interval | None = None
    classes: ClassScores | None = None
    """On a task with classes."""
    retrieval: RetrievalScores | None = None
    """On a task that ranks texts, with intervals over questions alone."""
    classes_by_seed: dict[int, SeedScores] = {}
    expected_macro_ci: Interval | None = None
    """As expected_ci, of macro F1."""
    macro_gain: float | None = None
    """Macro F1 less that of the policy that training started from, on the same questions."""
    macro_gain_ci: Interval | None = None
    macro_gain_questions_ci: Interval | None = None
    val_f1: float | None = None
    """The same policies' F1 on `val`; None where the candidates were ranked on the test itself."""
    searched_val_f1: float | None = None
    """F1 on `val` of the search's own training, by which it was found."""
    searched_test_f1: float | None = None
    """F1 on the test of the policy that the search itself trained; of the best candidate only."""
    flags: tuple[str, ...] = ()
    """Flags of its trainings, under any seed; for a reference first those of validation."""
    p_vs_policy: float | None = None
    p_vs_baseline: float | None = None
    p_adjusted: float | None = None
    """p_vs_baseline corrected over the arms."""

    @property
    def score(self) -> str:
        """F1 with its interval, such as "F1 0.950 [0.930, 0.970]", and whether that is over the questions alone."""
        if self.f1 is None:
            return "F1 -"
        ci = self.expected_ci or self.f1_ci
        shown = f" [{ci[0]:.3f}, {ci[1]:.3f}]" if ci else ""
        return f"F1 {self.f1:.3f}{shown}{' over the questions alone' if ci and not self.expected_ci else ''}"


class FinalPair(Record):
    """Two arms on the test, each with the policy of its first seed: how many questions both, one or neither answer correctly, and
    McNemar's p-value, also corrected over all pairs of the table. It is about these two trained policies; another training seed
    may give another result."""

    a: str
    b: str
    both: int
    only_a: int
    only_b: int
    neither: int
    p: float
    p_holm: float
    p_bonferroni: float


class Conclusion(Record):
    """Whether one arm is better than another on the sealed test, by how much, and what would decide it.

    better or worse: the interval of the gain over training seeds and questions excludes 0. `seeds`: of each arm.
    """

    arm: str
    against: str
    """The other arm's id."""
    metric: Literal["F1", "macro F1"]
    verdict: Literal["better", "not established", "worse"]
    gain: float
    gain_ci: Interval | None = None
    """None where an arm was trained with one seed; then the verdict is "not established"."""
    gain_questions_ci: Interval | None = None
    """Over the questions alone: of these trained policies."""
    p: float | None = None
    """Two-sided, from the same t statistic as the interval."""
    seeds: int
    questions: int
    more_seeds: int | None = None
    """How many more seeds per arm would exclude 0 from the interval if gain and noise stayed the same; None where there is a
    verdict, or no such number is known."""
    sentence: str
    """All of this in words, beginning with the verdict, without a final full stop."""


class FinalReport(Record):
    """The evaluation on the `n` questions of the sealed test, with everything that was decided before it.

    `chosen`: the recommended arm, the ensemble or single candidate with the best mean F1 over `seeds` on `val`. `protocol`:
    "paper" where candidates were ranked and arms chosen on the test itself, which inflates their scores.
    """

    task: str
    n: int
    protocol: Literal["val", "paper"] = "val"
    seeds: tuple[int, ...] = ()
    """The seeds of every arm except the control a-a, whose row has its own. Only with protocol "paper" was a candidate trained
    with one of them before."""
    chosen: str | None = None
    conclusion: Conclusion | None = None
    """The chosen arm against the baseline, in F1."""
    policy_conclusion: Conclusion | None = None
    """On a task with classes: the chosen arm against the policy that training started from, in macro F1."""
    control_conclusion: Conclusion | None = None
    """The chosen arm against the control with the best F1 here, in F1."""
    best: str | None = None
    """The best finalist; its row has the search's scores beside the new ones."""
    rows: tuple[FinalRow, ...]
    """Best first, then those that could not be trained."""
    pairs: tuple[FinalPair, ...] = ()
    same: dict[str, str] = {}
    """Arms that would have been trained exactly as another, with the id of that arm."""
    notes: tuple[str, ...] = ()
    """What the config asks for and could not be made, and why."""
    fairness: tuple[Fairness, ...] = ()
    """Fairness between groups of people on the test, where the rows name groups: of the policy that training started from, the
    chosen arm and every reference."""

    @property
    def conclusions(self) -> tuple[Conclusion, ...]:
        return tuple(each for each in (self.conclusion, self.policy_conclusion) if each is not None)

    @property
    def of_rewards(self) -> bool:
        """Whether the gains are over training seeds too, and so about rewards."""
        return any(row.gain_ci is not None for row in self.rows)

    def row(self, id: str | None) -> FinalRow | None:
        """The row of an arm, or of the arm that it equals; None for an arm that is not in the table."""
        return next((row for row in self.rows if row.id == self.same.get(id or "", id)), None)

    def describe_arm(self, id: str) -> tuple[str, ...]:
        """The results of an arm on the test, a sentence each: verdicts on the chosen arm, gains of any other. Empty for the
        baseline and for an arm without a score."""
        row = self.row(id)
        if row is None:
            return ()
        if row.id == self.chosen and self.conclusions:
            return tuple(each.sentence for each in self.conclusions)
        found = (
            _gain_sentence("F1", row.gain, row.gain_ci, row.gain_questions_ci, "the baseline", row.p_vs_baseline),
            _gain_sentence(
                "macro F1", row.macro_gain, row.macro_gain_ci, row.macro_gain_questions_ci, self._start, None
            ),
        )
        return tuple(each for each in found if each is not None)

    @property
    def _start(self) -> str:
        """The name of the policy that training started from."""
        name = next((row.name for row in self.rows if row.kind == "policy"), "policy")
        return "the untrained policy" if name == "policy" else name


def _gain_sentence(
    metric: str, gain: float | None, ci: Interval | None, questions_ci: Interval | None, against: str, p: float | None
) -> str | None:
    if gain is None:
        return None
    known = ci or questions_ci
    interval = f" [{known[0]:+.3f}, {known[1]:+.3f}]" if known else ""
    over = f", p {p:.3f}" if p is not None else ""
    if ci is None:
        over = " over the questions alone: about these trained policies, without the noise between seeds"
    return f"{metric} {gain:+.3f}{interval} against {against}{over}"
