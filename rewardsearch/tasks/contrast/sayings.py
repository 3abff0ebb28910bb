"""What the task says of itself to proposers, and rationales whose kind is known, for validation."""

from __future__ import annotations

from collections.abc import Iterator

from rewardsearch.config import TaskConfig
from rewardsearch.records import OutcomeKind
from rewardsearch.tasks.contrast.pairing import TextPair
from rewardsearch.tasks.contrast.pools import POOL
from rewardsearch.tasks.forms import RATIONALE, AnswerForm
from rewardsearch.tasks.sources import source_name
from rewardsearch.tasks.splitting import words

_VAGUE = "someone wrote a text about something"


def described(config: TaskConfig) -> str:
    """The task for a proposer."""
    if config.data is None:
        texts = """\
Generated requests to customer support, such as:
  Request: sorry, the bill for the notebook appears again. thank you
Two requests belong together where they ask for the same thing about the same subject in other words. Requests of a near intent
share most words with them and do not belong."""
    else:
        texts = f"""\
A user's own data ({source_name(config.data)}): pairs of texts that belong together, a query and its positive, and hard negatives,
which look like the positive and do not belong to the query."""
    return f"""\
{texts}
The policy is given a text, the positive, and writes a rationale about it in the form {RATIONALE.write("...")}
The policy itself then embeds the text with the rationale (the mean of its last hidden states). A good rationale moves the text
near the query that belongs to it and away from others. The rationale has no gold answer: what it does to the embedding counts.
A completion is correct when no query of another row is as near as its own; it counts only when its <think> tag is closed.
An evaluation ranks {POOL} fixed texts by their similarity to the query, all with rationales, and is correct when the positive is
first.
Columns that a reward has beside prompts (the positive), completions and answer (the query), a text each: `query`, `positive`,
`negatives` (one a line, may be empty)."""


def sayings(pair: TextPair, other: TextPair, form: AnswerForm) -> Iterator[tuple[str, OutcomeKind]]:
    """Completions about the positive of `pair`: right, wrong and unparsed. other: of which a rationale is about another text."""
    good, bad = (each.rationale or words(each.query) for each in (pair, other))
    yield form.write(good), "correct"
    yield form.write_spread(good), "correct"
    yield form.write(good, "it is about"), "correct"
    yield form.write(pair.vague or _VAGUE), "wrong"
    yield form.write(bad), "wrong"
    yield form.write(bad, "it is about"), "wrong"
    yield good, "unparsed"
    yield form.write_cut(good), "unparsed"
    yield "", "unparsed"
