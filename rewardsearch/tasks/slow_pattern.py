"""Whether the pattern of an answer form is fast on odd completions. It reads every completion of a search, in the search's own
processes; so it is tried in the sandbox first, which ends what takes too long.
"""

from __future__ import annotations

from functools import lru_cache

from rewardsearch.config import SandboxConfig
from rewardsearch.errors import UserError
from rewardsearch.records import Batch
from rewardsearch.rewards.sandbox import RewardFault, Sandbox
from rewardsearch.tasks.forms import AnswerForm

LIMIT_S = 1.0
"""CPU seconds for one completion."""
_PIECES = ("a", "1", " ", "\n", "a ", "1 ", "a1", "1.", "1,", "=", "-", "{", "}", '"', ".", "a b. ")
_SIZES = (40, 4000)
_REWARD = """

def reward(prompts, completions, answer, **columns):
    return [float(is_exact(text)) for text in completions]
"""


@lru_cache
def refuse_slow_pattern(form: AnswerForm) -> None:
    """Raises UserError where the parser of `form` takes more than LIMIT_S on a text that a policy may write: one piece again and
    again, by itself and where the form has its answer."""
    with Sandbox(SandboxConfig()) as sandbox:
        for size in _SIZES:
            for piece in (*_PIECES, form.write_part("").strip() or "x"):
                text = (piece * size)[:size] + "!"
                texts = (text, form.write(text), text + form.write("1"))
                lists = Batch(prompts=("",) * len(texts), completions=texts, answer=("",) * len(texts), columns={})
                try:
                    sandbox.call(form.code + _REWARD, lists, limit_s=LIMIT_S * len(texts))
                except RewardFault as fault:
                    raise UserError(
                        f"task.form: the pattern is too slow on a completion such as {text[:12]!r}.. of {size} characters "
                        f"({fault.reason}); avoid repetitions inside repetitions, such as (a+)+, and several .* in a row"
                    ) from None
