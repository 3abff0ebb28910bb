"""Speed of the engines on models of a given shape with random weights: no model has to be downloaded.

    python benchmarks/round_shapes.py --shapes 1B 3B           # a GPU, at most 8 minutes
    python benchmarks/round_shapes.py --shapes tiny --arms 1 2 --tokens 16   # the same way on a CPU

For plain TRL (the engine `trl`) and for `lockstep` with K arms side by side, the table has seconds per step and arm, and tokens
per second, with what arithmetic allows on this device beside them:

- a rollout reads all weights once for each token of a completion, whatever K is: bytes over bandwidth; or it multiplies
  2 x parameters x rows for each token: operations over rate. The larger of the two is the limit;
- an update multiplies 4 x parameters for each token of prompts and completions (forward, and the half of backward that passes
  through frozen weights): operations over rate.

Bandwidth and rate are measured in the same run, by copying 1 GiB and by multiplying square matrices. Random weights end no
completion early, so all have `--tokens` tokens.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from rich.console import Console
from rich.table import Table
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from rewardsearch.config import Config, load_config
from rewardsearch.files.resources import policy_folder
from rewardsearch.records import Batch, RewardSpec, Row
from rewardsearch.run.jobs import training_job
from rewardsearch.tasks import Task, load_task
from rewardsearch.train.engine import Arm, Trained, load_engine
from rewardsearch.train.worker.observe import Observer

SHAPES: dict[str, dict[str, int]] = {
    "tiny": {"hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 4},
    "1B": {"hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, "num_attention_heads": 32},
    "3B": {"hidden_size": 3072, "intermediate_size": 8192, "num_hidden_layers": 28, "num_attention_heads": 24},
}
"""Those of Llama 3.2, and one for a CPU."""
PROMPTS, GROUP = 8, 8


class Machine(NamedTuple):
    """What the device does, measured."""

    name: str
    bytes_per_s: float
    operations_per_s: float


class Measured(NamedTuple):
    """Seconds per step of all arms together, without the first step."""

    engine: str
    arms: int
    rollout: float
    reward: float
    update: float


class Scores:
    """What the reward below gives."""

    components: dict[str, list[float]] = {}

    def __init__(self, rewards: list[float]) -> None:
        self.rewards = rewards


def length_reward(batch: Batch) -> Scores:
    return Scores([float(len(text) % 7) for text in batch.completions])


def _seconds(work: Any, times: int) -> float:
    """The fastest of `times` runs of `work`."""
    found = []
    for _ in range(times + 1):
        began = time.perf_counter()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        found.append(time.perf_counter() - began)
    return min(found[1:])


def machine(device: str, dtype: torch.dtype) -> Machine:
    size, side = (1 << 30, 8192) if device == "cuda" else (1 << 28, 1024)
    source = torch.empty(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    square = torch.randn(side, side, device=device, dtype=dtype)
    name = torch.cuda.get_device_name() if device == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    copied = _seconds(lambda: target.copy_(source), 5)
    multiplied = _seconds(lambda: square @ square, 5)
    return Machine(name, 2 * size / copied, 2 * side**3 / multiplied)


def make_policy(shape: str, folder: Path, device: str, dtype: torch.dtype) -> int:
    """Writes a policy with random weights and the embedded policy's tokenizer into `folder`; gives its parameters."""
    vocabulary = 512 if shape == "tiny" else 128_256
    heads = max(1, SHAPES[shape]["num_attention_heads"] // 4)
    config = LlamaConfig(
        vocab_size=vocabulary, num_key_value_heads=heads, max_position_embeddings=4096, tie_word_embeddings=True,
        **SHAPES[shape],
    )  # fmt: skip
    torch.manual_seed(0)
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    with torch.device(device):
        model = LlamaForCausalLM(config)
    torch.set_default_dtype(before)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(policy_folder("embedded")).save_pretrained(folder)
    return sum(weight.numel() for weight in model.parameters())


def settings(options: argparse.Namespace, engine: str, folder: Path, arms: int) -> Config:
    return load_config(
        "configs/arithmetic-demo.yaml",
        [
            f"policy.model={folder}",
            f"policy.dtype={'bfloat16' if options.device == 'cuda' else 'float32'}",
            f"train.engine={engine}",
            f"train.arms={arms}",
            f"train.prompts_per_step={PROMPTS}",
            f"train.group_size={GROUP}",
            f"train.max_completion_tokens={options.tokens}",
            f"train.micro_batch={options.micro_batch or 'null'}",
            f"train.threads={torch.get_num_threads()}",
            "watch.end_early=false",
        ],
    )


def rows_of(task: Task, prompt_tokens: int) -> list[Row]:
    """Training rows whose prompts have about `prompt_tokens` tokens: several problems, one after another."""
    found = []
    for row in task.rows("train")[:200]:
        text = str(row.prompt)
        found.append(row.model_copy(update={"prompt": " ".join([text] * max(1, prompt_tokens // len(text.split())))}))
    return found


def arms_of(config: Config, rows: Sequence[Row], task: Task, count: int, steps: int) -> list[Arm]:
    spec = RewardSpec(id="length", name="length", code="", weight=1.0)
    found = []
    for number in range(count):
        job = training_job("length", [spec], [], number, steps)
        observer = Observer(
            task, rows, [(spec, length_reward)], GROUP, config.train.max_completion_tokens, lambda step: None
        )
        found.append(Arm(job=job, rows=rows, observer=observer, questions=rows[:1]))
    return found


def measure(
    options: argparse.Namespace, engine: str, folder: Path, counts: Sequence[int], until: float
) -> list[Measured]:
    """Steps with each number of arms, as long as there is time."""
    found: list[Measured] = []
    config = settings(options, engine, folder, max(counts))
    loaded, task = load_engine(config, None), load_task(config.task)
    rows, took = rows_of(task, options.prompt_tokens), 0.0
    for count in counts:
        # Twice as many arms take up to twice as long.
        if time.monotonic() + 2 * took > until:
            break
        began = time.monotonic()
        for steps in (1, options.steps):
            ends = [end for _, end in loaded.train(arms_of(config, rows, task, count, steps))]
        if broken := [end for end in ends if not isinstance(end, Trained)]:
            raise broken[0]
        phases = {
            name: sum(end.seconds.get(name, 0.0) for end in ends if isinstance(end, Trained)) / options.steps
            for name in ("rollout", "reward", "update")
        }
        found.append(Measured(engine, count, phases["rollout"], phases["reward"], phases["update"]))
        took = time.monotonic() - began
    return found


def limits(options: argparse.Namespace, parameters: int, device: Machine, arms: int) -> tuple[float, float]:
    """Seconds that the rollouts and the updates of a step of all arms take at least."""
    rows = arms * PROMPTS * GROUP
    width = 2 if options.device == "cuda" else 4
    read = parameters * width / device.bytes_per_s
    multiplied = 2 * parameters * rows / device.operations_per_s
    tokens = rows * options.tokens + arms * PROMPTS * options.prompt_tokens
    return options.tokens * max(read, multiplied), 4 * parameters * tokens / device.operations_per_s


def table(shape: str, parameters: int, device: Machine, options: argparse.Namespace, found: list[Measured]) -> Table:
    title = (
        f"{shape}: {parameters / 1e9:.2f}B parameters on {device.name}, {device.bytes_per_s / 1e9:,.0f} GB/s, "
        f"{device.operations_per_s / 1e12:,.1f} Tflop/s; {PROMPTS * GROUP} completions of {options.tokens} tokens a step and arm"
    )
    made = Table(
        "engine", "arms", "tokens/s", "rollout, s", "its limit", "update, s", "its limit", "s per arm", "TRL over it",
        title=title,
    )  # fmt: skip
    alone = next((each.rollout + each.reward + each.update for each in found if each.engine == "trl"), None)
    for each in found:
        least = limits(options, parameters, device, each.arms)
        per_arm = (each.rollout + each.reward + each.update) / each.arms
        tokens = each.arms * PROMPTS * GROUP * options.tokens
        made.add_row(
            each.engine,
            str(each.arms),
            f"{tokens / each.rollout:,.0f}",
            f"{each.rollout:.2f}",
            f"{least[0]:.2f}",
            f"{each.update:.2f}",
            f"{least[1]:.2f}",
            f"{per_arm:.2f}",
            f"{alone / per_arm:.1f}" if alone else "",
        )
    return made


def parsed(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", nargs="+", choices=list(SHAPES), default=["1B", "3B"])
    parser.add_argument("--arms", nargs="+", type=int, default=[1, 2, 4, 8, 16], help="K, for lockstep")
    parser.add_argument("--tokens", type=int, default=400, help="of a completion")
    parser.add_argument("--prompt-tokens", type=int, default=100)
    parser.add_argument("--micro-batch", type=int, default=16, help="completions of a pass; 0 for all")
    parser.add_argument("--steps", type=int, default=2, help="measured steps, after one that is not")
    parser.add_argument("--minutes", type=float, default=8.0, help="no measurement begins that would end later")
    parser.add_argument("--out", type=Path, help="a JSON file for the figures")
    options = parser.parse_args(arguments)
    options.device = "cuda" if torch.cuda.is_available() else "cpu"
    return options


def main(arguments: list[str] | None = None) -> None:
    options = parsed(arguments)
    began = time.monotonic()
    dtype = torch.bfloat16 if options.device == "cuda" else torch.float32
    device, console = machine(options.device, dtype), Console(width=140)
    written: dict[str, Any] = {"machine": device._asdict()}
    scratch = "/dev/shm" if Path("/dev/shm").is_dir() else None
    for number, shape in enumerate(options.shapes, start=1):
        until = began + options.minutes * 60 * number / len(options.shapes)
        with tempfile.TemporaryDirectory(prefix="shapes-", dir=scratch) as folder:
            parameters = make_policy(shape, Path(folder), options.device, dtype)
            found = measure(options, "trl", Path(folder), [1], until)
            found += measure(options, "lockstep", Path(folder), options.arms, until)
        console.print(table(shape, parameters, device, options, found))
        if left := [arms for arms in options.arms if arms not in {each.arms for each in found if each.engine != "trl"}]:
            console.print(f"no time left for {left} arms")
        written[shape] = {"parameters": parameters, "rows": [each._asdict() for each in found]}
        if options.out:
            options.out.write_text(json.dumps(written, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
