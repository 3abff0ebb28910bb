"""The prompt of a request: its operator's template with the evidence, cut to a number of tokens.

A prompt begins with what never changes in a run (system message, task, settings). Then come what all requests of a round share,
the rewards of this request, and the instruction. Providers cache equal beginnings, so this order saves money. Sections are cut in
the order of CUTS until the prompt fits. Never cut: the contract, the task, the code and scores of the rewards that the request
works on, why a rejected reward was refused, and the instruction.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from rewardsearch.errors import UserError
from rewardsearch.files.templates import render
from rewardsearch.propose.base import ProposalRequest
from rewardsearch.records import Candidate, Operator, Record, Request
from rewardsearch.records.feedback import Evidence, Feedback, shown

BYTES_PER_TOKEN = 3
"""English takes about four bytes a token, code three, numbers two: a prompt is held to the middle of it."""
STARTS = 3
"""How many of the best rewards a fresh idea is shown whole."""
CUTS = (
    ("others", "the code and the evidence of rewards that this is not about"),
    ("children", "what was made from these rewards so far"),
    ("rest", "the list of trained rewards"),
    ("refused", "what was left without a score"),
    ("baseline", "the training of the baseline"),
    ("completions", "completions on which reward and truth disagree"),
    ("curves", "training curves"),
    ("group", "a group of training completions"),
    ("mistakes", "held-out questions that are still answered wrong"),
    ("lessons", "what the leaderboard has shown"),
    ("examples", "a row of the data with completions"),
    ("base_code", "the code of the base rewards"),
)
"""What may be cut, first to last, with the words that tell it in the prompt."""


class Prompt(Record):
    """What is sent: the system message and the user's; `cut` names what was left out for length."""

    system: str
    user: str
    cut: tuple[str, ...] = ()

    @property
    def tokens(self) -> int:
        """About how many tokens it takes."""
        return estimate_tokens(self.system) + estimate_tokens(self.user)


class TooLong(Exception):
    """A prompt that does not fit however much is cut; the message gives both numbers."""


def estimate_tokens(text: str) -> int:
    return -(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN)


def build_prompt(request: ProposalRequest, planned: Request, limit: int, structured: bool) -> Prompt:
    """The prompt of a planned request, within `limit` tokens. structured: whether the reply is to be a JSON object.

    Raises TooLong, and UserError when a parent has no evidence to tell.
    """
    known = request.model_dump(include={"classes", "positive", "numeric", "columns"})
    known["measured"] = request.measured
    system = render("system.j2", request.prompts, structured=structured, tags=not request.form_code, **known)
    cut: list[str] = []
    prompt = Prompt(system=system, user=_rendered(request, planned, cut))
    for name, _ in CUTS:
        if prompt.tokens <= limit:
            return prompt
        shorter = Prompt(system=system, user=_rendered(request, planned, [*cut, name]), cut=(*cut, name))
        if shorter.tokens < prompt.tokens:
            cut.append(name)
            prompt = shorter
    if prompt.tokens <= limit:
        return prompt
    raise TooLong(
        f"the prompt takes about {prompt.tokens} tokens however much is cut, propose.prompt_tokens is {limit}"
    )


def again(request: ProposalRequest, prompt: Prompt, reason: str, cut_off: bool) -> Prompt:
    """The prompt sent once more after a reply that held no reward, with the reason."""
    more = render("again.j2", request.prompts, reason=reason, cut_off=cut_off)
    return prompt.model_copy(update={"user": prompt.user + more})


def _rendered(request: ProposalRequest, planned: Request, cut: Sequence[str]) -> str:
    values: dict[str, object] = {
        "task": request.task,
        "description": request.description,
        "training": request.training,
        "classes": request.classes,
        "positive": request.positive,
        "columns": request.columns,
        "measured": request.measured,
        "constant": request.constant,
        "base_rewards": request.base_rewards,
        "examples": request.examples,
        "scale_rewards": request.scale_rewards,
        "limits": request.limits,
        "cut": cut,
        "left_out": [words for name, words in CUTS if name in cut],
        "index": planned.index,
        "count": request.count,
        "round": request.round,
        "feedback": _of_round(request.feedback, request.round),
    }
    base = [code for _, code in request.base_rewards]
    if planned.operator == "repair":
        candidate, verdict = next(each for each in request.repairs if each[0].id == planned.parents[0])
        values |= {
            "candidate": candidate,
            "stage": verdict.stage,
            "reason": verdict.reason,
            "checks": verdict.measured,
            "bank": verdict.on_bank,
            "rival": request.rivals.get(candidate.id),
        }
        carried = [each.code for each in (candidate, values["rival"]) if isinstance(each, Candidate)]
        return _clean(render("repair.j2", request.prompts, **values), [*base, *carried])
    # Requests of one round show different completions of the same parent, and so do rounds.
    turn = request.round + planned.index
    parents = [
        shown(_evidence(request.feedback, id, planned.operator), turn + i) for i, id in enumerate(planned.parents)
    ]
    known = [*request.feedback.evidence, *request.feedback.others] if request.feedback else []
    starts = [shown(each, turn + i) for i, each in enumerate(known[:STARTS])] if planned.operator == "fresh" else []
    whole = {each.candidate.id for each in (*parents, *starts)}
    rest = [each for each in known if each.candidate.id not in whole]
    rest.sort(key=lambda each: each.row.rank or 0)
    text = render(f"{planned.operator}.j2", request.prompts, **values, parents=parents, starts=starts, rest=rest)
    carried = [
        code for each in (*parents, *starts) for code in (each.candidate.code, *(c.code for c in each.simplified))
    ]
    return _clean(text, [*base, *carried])


def _of_round(feedback: Feedback | None, round: int) -> Feedback | None:
    """With the baseline's completions whose turn it is, the same for all requests of a round."""
    if feedback is None or feedback.baseline is None:
        return feedback
    return feedback.model_copy(update={"baseline": shown(feedback.baseline, round)})


def _evidence(feedback: Feedback | None, id: str, operator: Operator) -> Evidence:
    found = [each for each in (*feedback.evidence, *feedback.others) if each.candidate.id == id] if feedback else []
    if not found:
        raise UserError(f"no screened candidate {id} for {operator}; name one that was trained to the end")
    return found[0]


def _clean(text: str, codes: Iterable[str]) -> str:
    """Without the runs of empty lines that templates leave behind; `codes`, which it carries, are left as they are."""
    carried = sorted({code.strip() for code in codes if code.strip()}, key=len, reverse=True)
    parts = re.split(f"({'|'.join(map(re.escape, carried))})", text.strip()) if carried else [text.strip()]
    # Every second part is code.
    parts[::2] = [re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+(?=\n)", "", part)) for part in parts[::2]]
    return "".join(parts) + "\n"
