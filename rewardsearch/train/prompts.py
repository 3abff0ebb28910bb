"""What a policy is given for a row: chat messages through its template, or plain text where its tokenizer has none.

Base models have no chat template. Rollouts, evaluation, the rollout bank and fine-tuning all ask here, so that they agree.
"""

from __future__ import annotations

from typing import Any

from rewardsearch.records import Row


def policy_prompt(tokenizer: Any, row: Row) -> str | list[dict[str, str]]:
    """The row's prompt, its messages as plain text where `tokenizer` has no chat template."""
    return row.prompt if has_template(tokenizer) else plain_prompt(row)


def plain_prompt(row: Row) -> str:
    """The row's prompt as plain text: the texts of its messages, a blank line between two, and a line break at the end."""
    if isinstance(row.prompt, str):
        return row.prompt
    return "\n\n".join(message["content"].strip() for message in row.prompt) + "\n"


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
