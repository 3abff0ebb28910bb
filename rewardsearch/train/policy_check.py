"""Whether a policy can be trained on a task's rows: its files, its tokenizer, its context, the devices. Nothing is trained.

What this does not cover: whether the weights fit the config, and whether they fit into memory.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rewardsearch.config import EMBEDDED, Config, PolicyConfig
from rewardsearch.files.resources import policy_folder
from rewardsearch.records import Row
from rewardsearch.records.findings import Finding
from rewardsearch.run.devices import accelerators
from rewardsearch.run.policy_files import file_mistakes, on_hub
from rewardsearch.tasks import Split
from rewardsearch.tasks.hub import hub_answers
from rewardsearch.train.engines.lora_targets import ALL
from rewardsearch.train.engines.tokenizing import PolicyFacts
from rewardsearch.train.engines.trl.fields import field_mistakes
from rewardsearch.train.launchers.local import worker_environment

COMMAND = (sys.executable, "-P", "-m", "rewardsearch.train.engines.tokenizing")
FIELDS = (sys.executable, "-P", "-m", "rewardsearch.train.engines.trl.fields")
DEVICE = "policy device"
"""The finding on policy.device."""
TRL = "train.trl"
"""The finding on train.trl."""
TARGETS = "policy modules"
"""The finding on the modules that adapters are put on."""
KEYED = (DEVICE, TRL, TARGETS)
"""The findings whose text begins with the key of the config."""
_DEADLINE_S = 600.0
_UNKNOWN = 0.01
"""The share of words that a bundled policy may lack in the prompts."""
_MODELS = "a folder with a language model, or a hub id"


def check_policy(config: Config, rows: Mapping[Split, Sequence[Row]]) -> list[Finding]:
    """Problems with training the config's policy on `rows`, by split; one finding where there are none.

    Of the sealed test only numbers of rows are shown, nothing of its content.
    """
    return [*_device(config.policy), *_trl(config), *_policy(config, rows)]


def _device(policy: PolicyConfig) -> Iterator[Finding]:
    if policy.device == "cuda" and not accelerators():
        remedy = "set policy.device: auto, or install torch with CUDA"
        yield Finding(DEVICE, "fail", "policy.device: got cuda, and torch finds no CUDA device", remedy)


def _trl(config: Config) -> Iterator[Finding]:
    """What is wrong with `train.trl`. Only where its names are right, a process that imports TRL looks at the values."""
    given = config.train.trl
    if not given:
        return
    mistakes: list[str] | str = field_mistakes(given) or _answer_of(config, FIELDS, given, offline=True)
    if isinstance(mistakes, str):
        mistakes = [f"{TRL}: {mistakes}; reinstall trl"]
    for each in mistakes:
        yield Finding.of(TRL, "fail", each)


def _policy(config: Config, rows: Mapping[Split, Sequence[Row]]) -> list[Finding]:
    policy = config.policy
    if broken := [Finding("policy", "fail", *each) for each in file_mistakes(policy)]:
        return broken
    offline = on_hub(policy) and not hub_answers()
    if offline and not _in_cache(policy):
        why = f"{policy.model} is no folder here, the hub cannot be reached, and its cache does not have it"
        return [Finding("policy", "fail", why, f"check the connection, or give {_MODELS}")]
    prompts = list({json.dumps(row.prompt): row for split in rows.values() for row in split}.values())
    facts = _bundled(config, prompts, offline) or _ask(config, prompts, offline)
    if isinstance(facts, str):
        remedy = f"repair its files, or give {_MODELS}"
        if on_hub(policy):
            remedy = "check the id; for a private or gated model set HF_TOKEN, or log in with `hf auth login`"
        return [Finding("policy", "fail", f"{policy.model} cannot be used: {facts}", remedy)]
    found = [*_cannot_train(config, facts), *_prompts_of(config, facts, rows), *_too_long(config, facts, prompts, rows)]
    if any(each.status == "fail" for each in found):
        return found
    context = f", context {facts.context:,} tokens" if facts.context else ""
    padding = "" if facts.padding else ", padded with its end-of-text token"
    template = ", chat template" if facts.template else ""
    return [Finding("policy", "ok", f"{policy.model}{context}{template}{padding}"), *found]


def _in_cache(policy: PolicyConfig) -> bool:
    from huggingface_hub import try_to_load_from_cache

    file = policy.gguf_file or "config.json"
    return isinstance(try_to_load_from_cache(policy.model, file, revision=policy.revision), str)


def _targets(config: Config) -> dict[str, str | list[str]]:
    """The modules that adapters are put on, by their key."""
    targets = {"policy.lora.target_modules": config.policy.lora.target_modules}
    return targets | ({"sft.lora.target_modules": config.sft.lora.target_modules} if config.sft.enabled else {})


def _bundled(config: Config, prompts: Sequence[Row], offline: bool) -> PolicyFacts | str | None:
    """The facts of a bundled policy, which take no process unless the config names modules of it; None for another policy."""
    from tokenizers import Tokenizer

    if config.policy.model not in EMBEDDED:
        return None
    asked = _ask(config, (), offline) if any(each != ALL for each in _targets(config).values()) else None
    if isinstance(asked, str):
        return asked
    folder = policy_folder(config.policy.model)
    model = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    unknown = tokenizer.token_to_id("<unk>")
    ids = [tokenizer.encode(row.plain_prompt).ids for row in prompts]
    return PolicyFacts(
        template=False,
        context=model["max_position_embeddings"],
        targets=asked.targets if asked else (),
        segments=True,
        lengths=tuple(map(len, ids)),
        unknown=tuple(sum(id == unknown for id in each) for each in ids),
    )


def _ask(config: Config, prompts: Sequence[Row], offline: bool) -> PolicyFacts | str:
    """What a process of engines/tokenizing.py finds, or why tokenizer or config cannot be loaded."""
    question = {
        "policy": config.policy.model_dump(mode="json"),
        "prompts": [row.prompt for row in prompts],
        "targets": _targets(config),
    }
    answer = _answer_of(config, COMMAND, question, offline)
    if isinstance(answer, str):
        return answer
    return str(answer["error"]) if "error" in answer else PolicyFacts.model_validate(answer)


def _answer_of(config: Config, command: Sequence[str], question: Any, offline: bool) -> Any:
    """What a process answers, as JSON in its last line; a text where it gives no answer."""
    environment = worker_environment(os.environ, 0, config.train.threads, config.secret_variables)
    if offline:
        environment["HF_HUB_OFFLINE"] = "1"
    try:
        done = subprocess.run(
            command, input=json.dumps(question).encode(), capture_output=True, env=environment, timeout=_DEADLINE_S
        )
        return json.loads(done.stdout.decode(errors="replace").strip().rpartition("\n")[2])
    except subprocess.TimeoutExpired:
        return f"the libraries were not loaded within {_DEADLINE_S:g} s"
    except ValueError:
        return f"the process that loads the libraries ended with {done.returncode}"


def _cannot_train(config: Config, facts: PolicyFacts) -> Iterator[Finding]:
    model = config.policy.model
    if not facts.causal:
        yield Finding("policy", "fail", f"{model} does not generate text (no causal language model)", f"give {_MODELS}")
    if not facts.ends:
        remedy = "set eos_token in its tokenizer_config.json"
        yield Finding("policy", "fail", f"{model}: its tokenizer has no end-of-text token", remedy)
    for mistake in facts.targets:
        yield Finding.of(TARGETS, "fail", mistake)
    if facts.vocabulary is not None and facts.largest >= facts.vocabulary:
        found = f"{model}: its tokenizer gives token {facts.largest}, the model knows {facts.vocabulary} tokens"
        yield Finding("policy", "fail", found, "put the model's own tokenizer into the folder")


def _prompts_of(config: Config, facts: PolicyFacts, rows: Mapping[Split, Sequence[Row]]) -> Iterator[Finding]:
    model = config.policy.model
    messages = any(not isinstance(row.prompt, str) for split in rows.values() for row in split[:1])
    if messages and not facts.template:
        found = f"{model} has no chat template, so its prompts are plain text"
        remedy = "take a chat model, or fine-tune first (sft.enabled): a base model seldom keeps to the asked form"
        yield Finding("policy prompts", "warn", found, remedy)
    # A bundled policy knows the words of the generated rows that it was made for, all but a few names, and no others.
    unknown = sum(facts.unknown) / max(sum(facts.lengths), 1)
    if unknown > _UNKNOWN:
        found = f"{model} does not know {unknown:.0%} of the words in the prompts of task {config.task.label}"
        yield Finding("policy words", "warn", found, f"give {_MODELS}")


def _too_long(
    config: Config, facts: PolicyFacts, prompts: Sequence[Row], rows: Mapping[Split, Sequence[Row]]
) -> Iterator[Finding]:
    """What to say of prompts that leave no room for a completion.

    They give a warning where the policy reads beyond its context and they are fewer than half of every split; else a failure.
    """
    completion, context = config.train.max_completion_tokens, facts.context
    if context is None:
        return
    length = {json.dumps(row.prompt): tokens for row, tokens in zip(prompts, facts.lengths, strict=True)}
    longer = {
        split: sum(length[json.dumps(row.prompt)] + completion > context for row in each)
        for split, each in rows.items()
    }
    if not any(longer.values()):
        return
    most = any(2 * longer[split] > len(each) for split, each in rows.items())
    counts = ", ".join(f"{longer[split]:,} of {len(each):,} {split}" for split, each in rows.items())
    # Of the sealed test only the number of rows may be shown.
    shown = max(
        (length[json.dumps(row.prompt)] for split, each in rows.items() if split != "test" for row in each), default=0
    )
    room = context - shown
    lower = f"lower train.max_completion_tokens to at most {room}, " if room > 0 else ""
    yield Finding(
        "policy context",
        "warn" if facts.segments and not most else "fail",
        f"{config.policy.model} has a context of {context:,} tokens; prompt and completion (train.max_completion_tokens: "
        f"{completion:,}) are longer for {counts} rows; the longest prompt of train and val has {shown:,} tokens",
        f"{lower}shorten or take out these rows, or take a policy with more context",
    )
