"""What every proposer takes and gives, and what they share: admitting drafts, writing down what was told."""

from __future__ import annotations

import ast
import re
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path

from rewardsearch.files import write_atomic
from rewardsearch.records import (
    BASELINE,
    POLICY,
    Candidate,
    LabelledCompletion,
    Operator,
    Proposal,
    Record,
    Refusal,
    Request,
    Verdict,
)
from rewardsearch.records.feedback import Feedback
from rewardsearch.rewards.identity import MAX_CODE_CHARS, candidate_id
from rewardsearch.run.ledger import Ledger

MAX_NAME_CHARS = 40


class Limits(Record):
    """What a reward must pass before it is trained on, as far as the config sets it. `refuse` has the bank's flags that refuse
    a reward; the others are told. None of the bank's counts without a bank."""

    exploits_refuse: bool = False
    bank: bool = True
    questions: int = 0
    group_size: int = 0
    min_auc: float = 0.5
    max_zero_std_fraction: float = 0.9
    max_agreement: float = 0.99
    refuse: tuple[str, ...] = ()


class ProposalRequest(Record):
    """What one call asks for: `count` candidates of round `round` (from 1), or a repair of each of `repairs`.

    `attempt` is 0, or which of the round's repairs this is; one without `repairs` replaces what was rejected. `run` names the
    run among all others. `training` tells how long a candidate is trained, `scale_rewards` what advantages are divided by, in
    the config's word, `limits` what refuses a candidate before; empty and None where that is not told. `classes` are the
    answers of a task with classes, the positive one first, `numeric` whether answers are numbers; `columns` the names of what
    rewards are passed beside `answer`, empty while no row was read. `base_rewards` are (name, code) of what every run trains on
    anyway, `examples` completions of one row with their kinds. `rivals` has, by the id of one of `repairs`, the earlier reward
    that it behaves like, where it was refused for that. `seen` holds the ids proposed so far. `asks` is the plan, for proposers
    that ask a language model or a person. `folder` is where prompt.md and the responses of this request are written.
    """

    run: str = ""
    round: int
    attempt: int = 0
    count: int
    seed: int
    task: str
    description: str
    training: str = ""
    scale_rewards: str = ""
    limits: Limits | None = None
    classes: tuple[str, str] | None = None
    numeric: bool = True
    columns: tuple[str, ...] = ()
    base_rewards: tuple[tuple[str, str], ...]
    examples: tuple[LabelledCompletion, ...] = ()
    feedback: Feedback | None = None
    plan: tuple[Request, ...] = ()
    prompts: str | None = None
    repairs: tuple[tuple[Candidate, Verdict], ...] = ()
    rivals: dict[str, Candidate] = {}
    seen: tuple[str, ...] = ()
    folder: Path


class Draft(Record):
    """A reward as a proposer writes it, before it is known to be new."""

    name: str
    code: str
    rationale: str = ""
    operator: Operator = "fresh"
    parents: tuple[str, ...] = ()
    model: str = ""


class Proposer(ABC):
    """One way to come by rewards. What is not overridden is for proposers that need nothing and ask nobody."""

    def check(self, request: ProposalRequest) -> None:
        """Raises UserError for a mistake in the config that would end `propose`. Costs nothing, writes nothing.

        request: what the first round will be asked."""
        return

    def check_connectivity(self) -> list[str]:
        """Looks whether what `propose` asks is there, for free. Gives warnings; raises UserError where it is not."""
        return []

    def about(self) -> str:
        """What a person should know of where the candidates come from, in a line, as a search starts; mostly nothing."""
        return ""

    def plan(self, request: ProposalRequest) -> tuple[Request, ...]:
        """What `propose` is to ask, which is journalled before; empty where nothing is drawn but by the seed."""
        return ()

    @abstractmethod
    def propose(self, request: ProposalRequest, ledger: Ledger) -> Proposal:
        """At most `request.count` candidates, none of them in `request.seen` and no two alike."""


def slug(text: str, otherwise: str = "reward") -> str:
    """`text` as a short name of lower-case letters, digits and underscores; `otherwise` when nothing is left of it."""
    words = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
    if len(words) > MAX_NAME_CHARS:
        cut = words[: MAX_NAME_CHARS + 1].rpartition("_")[0]
        words = cut or words[:MAX_NAME_CHARS]
    # The leaderboard's reference rows have these names.
    return f"{words}_{otherwise}" if words in (BASELINE, POLICY) else words or otherwise


def docstring_of(code: str) -> str:
    """The docstring of a reward file; empty when it has none. Code that does not parse is validation's to refuse."""
    if len(code) > MAX_CODE_CHARS:
        return ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return whole(ast.get_docstring(ast.parse(code)) or "")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""


def whole(text: str) -> str:
    """`text` with a question mark for each half of a character: an escape can write one, and no file can hold it."""
    return text.encode("utf-8", "replace").decode("utf-8")


def candidate_of(draft: Draft, round: int) -> Candidate:
    return Candidate(
        id=candidate_id(draft.code),
        name=slug(draft.name),
        code=draft.code,
        rationale=draft.rationale,
        operator=draft.operator,
        parents=draft.parents,
        round=round,
        model=draft.model,
    )


def admit(request: ProposalRequest, drafts: Iterable[Draft], refusals: Iterable[Refusal] = ()) -> Proposal:
    """The Proposal of `drafts`: one that was proposed before, or twice, becomes a Refusal."""
    known = set(request.seen)
    candidates: list[Candidate] = []
    refused = list(refusals)
    for draft in drafts:
        candidate = candidate_of(draft, request.round)
        if candidate.id in known:
            refused.append(
                Refusal(name=candidate.name, reason=f"the same reward was proposed before, as {candidate.id}")
            )
        else:
            known.add(candidate.id)
            candidates.append(candidate)
    return Proposal(candidates=tuple(candidates), refusals=tuple(refused))


def feedback_text(request: ProposalRequest) -> str:
    """What the last round taught, as every proposer is told it; empty in the first round."""
    return request.feedback.text if request.feedback else ""


def write_prompt(request: ProposalRequest, *sections: str) -> None:
    """Writes prompt.md: `sections` in their order, a blank line apart."""
    write_atomic(
        request.folder / "prompt.md", "\n\n".join(section.strip("\n") for section in sections if section) + "\n"
    )
