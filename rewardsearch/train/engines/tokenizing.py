"""What a policy is given for a row, and what its tokenizer and config say without its weights.

Base models have no chat template, so they are given messages as plain text. Training, evaluation, the rollout bank and
fine-tuning all ask here, so they agree.

    python -m rewardsearch.train.engines.tokenizing

reads a policy and prompts as JSON from standard input and prints PolicyFacts as the last line (train/policy_check.py reads
it). It is a process of its own so that a search does not load the training libraries.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Iterator
from typing import Any

from rewardsearch.config import PolicyConfig
from rewardsearch.files.resources import policy_folder
from rewardsearch.records import Record, Row
from rewardsearch.train.engines.lora_targets import ALL, target_mistake


def policy_prompt(tokenizer: Any, row: Row) -> str | list[dict[str, str]]:
    """The row's prompt, its messages as plain text where `tokenizer` has no chat template."""
    return row.prompt if has_template(tokenizer) else row.plain_prompt


def has_template(tokenizer: Any) -> bool:
    template = getattr(tokenizer, "chat_template", None)
    return "default" in template if isinstance(template, dict) else bool(template)


def prompt_ids(tokenizer: Any, row: Row) -> list[int]:
    """Token ids of a row's prompt."""
    prompt = policy_prompt(tokenizer, row)
    if isinstance(prompt, str):
        return list(tokenizer(prompt)["input_ids"])
    ids = tokenizer.apply_chat_template(prompt, add_generation_prompt=True, tokenize=True, return_dict=True)
    return list(ids["input_ids"])


class PolicyFacts(Record):
    """What is known of a policy without its weights."""

    causal: bool = True
    """It continues text."""
    template: bool
    """Its tokenizer has a chat template."""
    ends: bool = True
    """Its tokenizer has an end-of-text token."""
    context: int | None
    """Tokens that it was made for; None where it has no limit."""
    segments: bool
    """It accepts prompts beyond its context, but reads them badly."""
    vocabulary: int | None = None
    """Tokens that it knows."""
    largest: int = 0
    """The largest token id in the prompts."""
    padding: bool = True
    """Its tokenizer has a padding token; the end-of-text token takes its place where it has none."""
    targets: tuple[str, ...] = ()
    """What is wrong with the modules that adapters are to be put on, a line each."""
    lengths: tuple[int, ...]
    """The length of each prompt in tokens."""
    unknown: tuple[int, ...] = ()
    """Of the tokens of each prompt, those that a bundled policy has no word for; empty for other policies."""


Prompts = list[str | list[dict[str, str]]]
Targets = dict[str, str | list[str]]


def policy_facts(policy: PolicyConfig, prompts: Prompts, targets: Targets) -> PolicyFacts:
    """The facts of `policy`, with the lengths of `prompts`. targets: the modules that adapters are put on, by the config's key.

    Raises what transformers raises.
    """
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
        padding=tokenizer.pad_token_id is not None,
        targets=tuple(_target_mistakes(config, targets)),
        context=getattr(text, "max_position_embeddings", None),
        segments=bool(getattr(text, "rope_parameters", None)),
        vocabulary=getattr(text, "vocab_size", None),
        largest=max((max(each, default=0) for each in ids), default=0),
        lengths=tuple(map(len, ids)),
    )


def _target_mistakes(config: Any, targets: Targets) -> Iterator[str]:
    """What is wrong with `targets` in a model of this config, which is made without weights."""
    from transformers import AutoModelForCausalLM

    if all(each == ALL for each in targets.values()):
        return
    import torch

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    for key, each in targets.items():
        if mistake := target_mistake(model, key, each):
            yield mistake


def answer_to(question: dict[str, Any]) -> dict[str, Any]:
    """PolicyFacts as JSON holds them, or `error`: the first line of why tokenizer or config cannot be used."""
    try:
        policy = PolicyConfig.model_validate(question["policy"])
        return policy_facts(policy, question["prompts"], question["targets"]).model_dump(mode="json")
    except Exception as error:
        # Whatever it is, training would meet it too.
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return {"error": lines[0] if lines else type(error).__name__}


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    answer = answer_to(json.loads(sys.stdin.read()))
    sys.stdout.write(f"\n{json.dumps(answer)}\n")
