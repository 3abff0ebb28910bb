"""A process that looks at a policy as training would meet it: its tokenizer, its config, the lengths of prompts.

    python -m rewardsearch.train.look

A policy and prompts come as JSON on standard input; the answer is the last line of standard output (policy_check.py reads it). No
weights are loaded. It is a process of its own so that a search does not hold the training libraries.
"""

from __future__ import annotations

import json
import sys
import warnings
from typing import Any

from rewardsearch.config import PolicyConfig
from rewardsearch.files.resources import policy_folder
from rewardsearch.records import Row
from rewardsearch.train.policy_check import PolicyFacts
from rewardsearch.train.prompts import has_template, prompt_ids


def look(policy: PolicyConfig, prompts: list[str | list[dict[str, str]]]) -> PolicyFacts:
    """What is known of `policy`, with the length of each of `prompts` in its tokens. Raises what transformers raises."""
    from jinja2 import TemplateError
    from transformers import AutoConfig, AutoTokenizer
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    folder = policy_folder(policy.model)
    name = str(folder) if folder.exists() else policy.model
    config: Any = AutoConfig.from_pretrained(name, **policy.source)
    tokenizer = AutoTokenizer.from_pretrained(name, padding_side="left", **policy.source)
    text = config.get_text_config()
    rows = [Row(id="", prompt=prompt, answer="") for prompt in prompts]
    try:
        ids = [prompt_ids(tokenizer, row) for row in rows]
    except TemplateError as error:
        raise ValueError(f"its chat template refuses the task's prompts ({error})") from None
    return PolicyFacts(
        causal=config.model_type in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
        template=has_template(tokenizer),
        ends=tokenizer.eos_token_id is not None,
        context=getattr(text, "max_position_embeddings", None),
        segments=bool(getattr(text, "rope_parameters", None)),
        vocabulary=getattr(text, "vocab_size", None),
        largest=max((max(each, default=0) for each in ids), default=0),
        lengths=tuple(map(len, ids)),
    )


def answer_to(asked: dict[str, Any]) -> dict[str, Any]:
    """PolicyFacts as JSON holds them, or `error`: the first line of why tokenizer or config cannot be used."""
    try:
        return look(PolicyConfig.model_validate(asked["policy"]), asked["prompts"]).model_dump(mode="json")
    except Exception as error:
        # Whatever it is, training would meet it too.
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return {"error": lines[0] if lines else type(error).__name__}


def main() -> None:
    warnings.filterwarnings("ignore")
    answer = answer_to(json.loads(sys.stdin.read()))
    sys.stdout.write(f"\n{json.dumps(answer)}\n")


if __name__ == "__main__":
    main()
