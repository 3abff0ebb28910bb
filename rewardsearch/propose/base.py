"""The Proposer protocol: what every proposer takes and gives, and the helpers that proposers share."""

from __future__ import annotations

import ast
import re
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path

from rewardsearch.config import BudgetConfig, ProposeConfig
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
from rewardsearch.tasks import Meaning

MAX_NAME_CHARS = 40


class Limits(Record):
    """What a reward must pass before it is trained on, as far as the config sets it.

    `refuse` has the flags of the rollout bank that refuse a reward; other flags are only shown. Without a bank (`bank` False)
    the bank's numbers have no meaning.
    """

    exploits_refuse: bool = False
    bank: bool = True
    questions: int = 0
    group_size: int = 0
    min_auc: float = 0.5
    max_zero_std_fraction: float = 0.9
    max_agreement: float = 0.99
    refuse: tuple[str, ...] = ()


class ProposalRequest(Record):
    """One call of a proposer: `count` candidates for round `round` (from 1), or a repair of each of `repairs`.

    - `attempt`: 0 for the round's proposal, then the number of the repair. An attempt above 0 without `repairs` replaces what
      was rejected. `rivals` maps the id of a repaired candidate to the earlier candidate that it behaves like.
    - `run`: a unique name of the run. `rounds`: how many rounds the search has. `seen`: the ids of all candidates so far.
    - `task`, `description`: the task's name and text. `classes`: the answers of a task with classes; `positive`: the one
      whose F1 ranks, which is the first, or None for macro F1; `numeric`: whether answers are numbers.
      `form_code`: the parser of the answer form as Python source; empty for tags.
      `columns`: what rewards get beside `answer`. `measured`: the columns with numbers; `constant`: those of them that are the
      same in a group. `base_rewards`: (name, code) of the rewards that are always trained on.
      `examples`: labelled completions of one row.
    - `training`: how long a candidate is trained. `scale_rewards`: what advantages are divided by. `limits`: the checks before
      training. `feedback`: the results so far. Each is empty or None where it is unknown or withheld.
    - `plan`: the planned requests to language models or to a person. `prompts`: the folder of the user's own templates.
      `folder`: where prompt.md, requests and replies of this call are written.
    """

    run: str = ""
    round: int
    rounds: int = 1
    attempt: int = 0
    count: int
    seed: int
    task: str
    description: str
    training: str = ""
    scale_rewards: str = ""
    limits: Limits | None = None
    classes: tuple[str, ...] | None = None
    positive: str | None = None
    numeric: bool = True
    form_code: str = ""
    columns: tuple[str, ...] = ()
    measured: dict[str, Meaning] = {}
    constant: tuple[str, ...] = ()
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
    """Gives at most `count` candidates for a request. Only `propose` must be written; the other methods do nothing by default.

    A proposer is made from the config's sections `propose` and `budget`. A proposer from outside the package reads its settings
    from `config.options`.
    """

    uses_feedback: bool = True
    """False for a proposer whose candidates do not depend on feedback: propose.feedback changes nothing for it."""

    def __init__(self, config: ProposeConfig, budget: BudgetConfig) -> None:
        self.config, self.budget = config, budget

    @abstractmethod
    def propose(self, request: ProposalRequest, ledger: Ledger) -> Proposal:
        """At most `request.count` candidates with different ids, none of them in `request.seen`; `admit` makes them from drafts.

        ledger: holds requests that cost something against the budget; what costs nothing does not need it."""

    def check(self, request: ProposalRequest) -> None:
        """Raises UserError for a mistake in the config that would end `propose`. Costs nothing and writes nothing.

        request: that of the first round."""
        return

    def check_connectivity(self) -> list[str]:
        """Warnings about the servers that `propose` needs, from a check that is free. Raises UserError where one is missing."""
        return []

    def describe(self) -> str:
        """Where the candidates come from, in one line for `run` and `doctor`; empty where the proposer's name says it all."""
        return ""

    def warnings(self) -> list[str]:
        """Settings that work but may not be meant, each as `what was found; what to do`."""
        return []

    def plan(self, request: ProposalRequest) -> tuple[Request, ...]:
        """The requests that `propose` will make, for a proposer that draws or pays for them. They are journalled first, so that a
        resumed run makes the same requests."""
        return ()


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
            return replace_surrogates(ast.get_docstring(ast.parse(code)) or "")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""


def replace_surrogates(text: str) -> str:
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
    """The feedback of the last round as text; empty in the first round."""
    return request.feedback.text if request.feedback else ""


def write_prompt(request: ProposalRequest, *sections: str) -> None:
    """Writes prompt.md: `sections` in their order, a blank line apart."""
    write_atomic(
        request.folder / "prompt.md", "\n\n".join(section.strip("\n") for section in sections if section) + "\n"
    )
