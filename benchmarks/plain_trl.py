"""What a user writes today to try one reward: a TRL script that trains the embedded policy and answers questions greedily.

    python benchmarks/plain_trl.py PLAN.json OUT.json

benchmarks/round.py writes the plan (policy, rows, rewards, settings) and reads the result: seconds to train, and to answer
all questions at once and one by one, and the completions. It imports nothing of rewardsearch.
"""

from __future__ import annotations

import importlib.util
import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import GRPOConfig, GRPOTrainer


def reward_of(path: str, name: str) -> Any:
    """The function `reward` in the file `path`, called `name` in TRL's logs."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def function(prompts: list[str], completions: list[str], answer: list[str], **columns: Any) -> list[float]:
        given = module.reward(prompts=prompts, completions=completions, answer=answer)
        if isinstance(given, dict):
            return [sum(parts) for parts in zip(*given.values(), strict=True)]
        return list(given)

    function.__name__ = name
    return function


def answers(model: Any, tokenizer: Any, prompts: list[str], tokens: int, batch: int) -> list[str]:
    """Greedy completions, `batch` prompts at a time."""
    texts: list[str] = []
    for start in range(0, len(prompts), batch):
        given = tokenizer(prompts[start : start + batch], return_tensors="pt", padding=True)
        with torch.inference_mode():
            out = model.generate(
                input_ids=given["input_ids"],
                attention_mask=given["attention_mask"],
                max_new_tokens=tokens,
                do_sample=False,
                pad_token_id=tokenizer.pad_token_id,
            )
        texts += tokenizer.batch_decode(out[:, given["input_ids"].shape[1] :], skip_special_tokens=True)
    return texts


def main() -> None:
    plan = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    torch.set_num_threads(plan["threads"])
    tokenizer = AutoTokenizer.from_pretrained(plan["model"], padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(plan["model"], dtype=torch.float32)
    with tempfile.TemporaryDirectory() as scratch:
        trainer = GRPOTrainer(
            model=model,
            reward_funcs=[reward_of(path, f"reward_{i}") for i, path in enumerate(plan["rewards"])],
            args=GRPOConfig(
                output_dir=scratch,
                report_to="none",
                save_strategy="no",
                disable_tqdm=True,
                use_cpu=True,
                bf16=False,
                **plan["grpo"],
            ),
            train_dataset=Dataset.from_list(plan["rows"]),
            processing_class=tokenizer,
            peft_config=LoraConfig(task_type="CAUSAL_LM", **plan["lora"]),
        )
        started = time.monotonic()
        trainer.train()
        trained = time.monotonic()
    trainer.model.eval()
    texts = answers(trainer.model, tokenizer, plan["questions"], plan["max_tokens"], plan["batch"])
    at_once = time.monotonic()
    few = plan["questions"][: plan["one_by_one"]]
    answers(trainer.model, tokenizer, few, plan["max_tokens"], 1)
    one_by_one = (time.monotonic() - at_once) * len(plan["questions"]) / len(few)
    found = {
        "train": trained - started,
        "evaluate_batched": at_once - trained,
        "evaluate_one_by_one": one_by_one,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "completions": texts,
    }
    Path(sys.argv[2]).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
