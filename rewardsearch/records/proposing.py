"""Candidates, the requests for them and their cost, and the verdicts of validation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from rewardsearch.records.data import Record

Operator = Literal["fresh", "mutate", "crossover", "simplify", "repair", "folder"]
Stage = Literal["static", "sandbox", "contract", "behaviour", "bank", "novelty"]


class Candidate(Record):
    """A reward function as proposed: one Python file and where it came from."""

    id: str
    name: str
    code: str
    rationale: str = ""
    operator: Operator = "fresh"
    parents: tuple[str, ...] = ()
    round: int = 0
    model: str = ""
    """The language model that wrote it; empty where none did."""


def curve_label(name: str, id: str) -> str:
    """What a candidate's reward goes by in curves and logs: unique within a job. Its components are `label/component`."""
    return f"{name}-{id[:4]}"


class Usage(Record):
    """What requests cost at a model's server. Reasoning tokens are among the completion tokens, cached ones among the
    prompt tokens. `dollars` leaves out `unpriced` requests; `estimated` requests had their tokens counted from characters,
    since the server reported none."""

    requests: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    dollars: float = 0.0
    unpriced: int = 0
    estimated: int = 0

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    @property
    def spent(self) -> str:
        """Tokens and money, such as "1,580 tokens, $0.0123"."""
        estimated = f" ({self.estimated} requests estimated)" if self.estimated else ""
        dollars = f", ${self.dollars:.4f}" if self.requests > self.unpriced else ""
        unpriced = f" ({self.unpriced} requests without a price)" if self.unpriced else ""
        return f"{self.tokens:,} tokens{estimated}{dollars}{unpriced}"

    def __add__(self, other: Usage) -> Usage:
        return Usage(**{name: getattr(self, name) + getattr(other, name) for name in Usage.model_fields})


def total(usages: Iterable[Usage]) -> Usage:
    return sum(usages, Usage())


class Request(Record):
    """One request for a reward: the operator, the model, and the candidates it works on. `index` counts from 1 within a
    round's proposal or repair."""

    index: int
    operator: Operator
    model: str = ""
    parents: tuple[str, ...] = ()

    @property
    def move(self) -> str:
        """The operator and what it works on, such as "crossover of 4d7e and cb69"."""
        return f"{self.operator} of {' and '.join(self.parents)}" if self.parents else self.operator


class RequestOutcome(Record):
    """The result of a Request: the ids of its candidates, and what its replies cost."""

    request: Request
    candidates: tuple[str, ...] = ()
    usage: Usage = Usage()


_PROBES = {
    "mean_correct": "correct ones get {:.3g} on average",
    "mean_wrong": "wrong ones {:.3g}",
    "mean_unparsed": "ones without an answer that counts {:.3g}",
    "correct_above_wrong": "a correct one {:+.3g} over the wrong one of its style",
    "length_correlation": "rank correlation with length {:+.3g}",
}
_BANK = {
    "auc": "AUC of completions that count as right against the others",
    "auc_any_form": "AUC of completions that are right in any form against the others",
    "auc_answered": "AUC among completions with an answer in the asked form",
    "zero_std_fraction": "share of questions without spread",
    "length": "rank correlation with length",
    "spread": "spread beside the base rewards'",
    "agreement": "agreement with the nearest earlier reward",
    "honest": "total paid to the policy's own answers",
    "constant": "total of the best answer for everyone",
}


class Verdict(Record):
    """What validation found. `stage` and `reason` say what refused the candidate; both are None when it is accepted.

    `reason` is fit for the proposer: it names checks, lines and types of errors, never an error's own text.
    `checks` holds the measured behaviour by check name, `components` the component names the reward returned.
    """

    candidate: str
    accepted: bool
    stage: Stage | None = None
    reason: str | None = None
    flags: tuple[str, ...] = ()
    checks: dict[str, float | bool | str] = {}
    components: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def refusal(self) -> str:
        """The stage that refused the candidate and the reason: `static: line 3: ...`; empty when it is accepted."""
        if self.accepted:
            return ""
        reason = self.reason or ""
        # The bank's reasons begin with its flags.
        return reason if reason.startswith(f"{self.stage}:") else f"{self.stage}: {reason}"

    @property
    def measured(self) -> str:
        """What the probes measured on completions that the task labels, in words."""
        found = ((text, self.checks.get(name)) for name, text in _PROBES.items())
        # Rounded first, so that what is next to nothing has no sign.
        return ", ".join(text.format(float(f"{value:.3g}") + 0.0) for text, value in found if type(value) is float)

    @property
    def on_bank(self) -> str:
        """The measures of the rollout bank in words; empty where there are none."""
        found = ((text, self.checks.get(f"bank_{name}")) for name, text in _BANK.items())
        return ", ".join(f"{text} {value:.2f}" for text, value in found if isinstance(value, float))


class Refusal(Record):
    """A reply that gave no candidate: why, in words for the proposer and the leaderboard."""

    name: str
    reason: str


class Proposal(Record):
    """What one round's proposing gave: candidates, replies that gave none, and the outcomes of planned requests."""

    candidates: tuple[Candidate, ...]
    refusals: tuple[Refusal, ...] = ()
    outcomes: tuple[RequestOutcome, ...] = ()
