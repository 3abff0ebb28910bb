"""What the sandbox costs, beside what a user would do without it.

    python benchmarks/sandbox.py [--candidates 1000] [--calls 200] [--steps 20] [--json]

One table: a warm sandboxed call and the same call in-process and in a fresh interpreter; the share of a training step of
the demo that one reward call takes, and all of its calls, the rewards' own work included; the time to validate many
candidates (static policy and probes); and the cold start. Every call of the sandbox starts from a fresh state, so there
is one figure for both limits. The limits are for two cores; compare the ratios of one run, and leave the machine alone
while it runs.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from rewardsearch.config import Config, SandboxConfig, load_config
from rewardsearch.propose.grammar.catalogue import KINDS
from rewardsearch.propose.grammar.genome import genome_of, render
from rewardsearch.propose.grammar.operators import fresh
from rewardsearch.records import (
    Batch,
    Candidate,
    RewardSpec,
    TrainingJob,
)
from rewardsearch.rewards.base import load_base_rewards
from rewardsearch.rewards.identity import candidate_id
from rewardsearch.rewards.sandbox import Sandbox, SandboxedReward
from rewardsearch.tasks import load_task
from rewardsearch.validation import validate

COMPLETIONS, SIZE = 64, 1_000
BASE = load_base_rewards(Config().train.base_rewards)
Row = dict[str, Any]


def median_ms(call: Callable[[], object], count: int) -> float:
    call()
    taken = []
    for _ in range(count):
        started = time.perf_counter()
        call()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken) * 1000


def batch() -> Batch:
    rng = random.Random(0)
    texts = []
    for _ in range(COMPLETIONS):
        steps = "".join(f"{rng.randint(1, 99)} + {rng.randint(1, 99)} = {rng.randint(1, 199)}. " for _ in range(80))
        texts.append(f"<thinking> {steps}"[: SIZE - 40] + " </thinking> <solution> 12 </solution>")
    return Batch(prompts=("How many?",) * COMPLETIONS, completions=tuple(texts), answer=("12",) * COMPLETIONS)


def warm_call(calls: int) -> list[Row]:
    """The answer reward that every run trains on, called in three ways."""
    code, asked = next(spec.code for spec in BASE if "answer" in spec.name), batch()
    namespace: dict[str, Any] = {}
    exec(code, namespace)
    arguments = {"prompts": list(asked.prompts), "completions": list(asked.completions), "answer": list(asked.answer)}

    def in_process() -> object:
        return namespace["reward"](**arguments)

    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "call.py"
        script.write_text(f"{code}\nimport json, sys\nprint(json.dumps(reward(**json.load(sys.stdin))))\n")
        sent = json.dumps(arguments)

        def fresh_interpreter() -> object:
            return subprocess.run(
                [sys.executable, "-I", str(script)], input=sent, capture_output=True, text=True, check=True
            )

        alone = median_ms(in_process, calls)
        interpreter = median_ms(fresh_interpreter, max(3, calls // 20))
    with Sandbox(SandboxConfig()) as sandbox:
        sandboxed = median_ms(lambda: sandbox.call(code, asked), calls)
    return [
        row("the call in-process", alone, "ms"),
        row("the call in a fresh interpreter, unlocked", interpreter, "ms"),
        row("the call in the warm sandbox, fresh state", sandboxed, "ms"),
        row("  added by the sandbox (limit 4 warm, 7 with a fresh state)", sandboxed - alone, "ms", 4.0),
    ]


def cold_start(count: int) -> list[Row]:
    def start() -> None:
        with Sandbox(SandboxConfig()) as sandbox:
            assert sandbox.layers

    return [row("cold start: interpreter, modules, locks", median_ms(start, count), "ms")]


def training_step(steps: int) -> list[Row]:
    """Real GRPO steps of the demo's settings on one thread, with base rewards and one candidate, all sandboxed."""
    import torch

    from rewardsearch.train.clock import PhaseClock
    from rewardsearch.train.engine import Arm
    from rewardsearch.train.engines.trl.grpo import train
    from rewardsearch.train.engines.trl.policy import load_policy
    from rewardsearch.train.worker.observe import Observer

    torch.set_num_threads(1)
    config = load_config("configs/arithmetic-demo.yaml")
    task, policy = load_task(config.task), load_policy(config.policy)
    candidate = grammar_candidates(1)[0]
    specs = [*BASE, RewardSpec(id=candidate.id, name=candidate.name, code=candidate.code)]
    job = TrainingJob(id="benchmark", rung="full", seed=0, steps=steps, folder="x", rewards=tuple(specs))
    spent, ends = [0.0], [time.perf_counter()]

    def timed(reward: SandboxedReward) -> Callable[[Batch], Any]:
        def call(asked: Batch) -> Any:
            started = time.perf_counter()
            try:
                return reward(asked)
            finally:
                spent[0] += time.perf_counter() - started

        return call

    with Sandbox(config.sandbox) as sandbox, policy.fresh_adapter(0) as model:
        rows, settings = task.rows("train"), config.train
        rewards = [(spec, timed(SandboxedReward(sandbox, spec, 0, config.sandbox.rechecks))) for spec in specs]

        def on_step(step: int) -> None:
            ends.append(time.perf_counter())
            if step == 1:
                spent[0] = 0.0  # The first step starts the worker.

        observer = Observer(task, rows, rewards, settings.group_size, settings.max_completion_tokens, on_step)
        train(model, policy, Arm(job, rows, observer, ()), settings, PhaseClock())
    step_ms = statistics.median(b - a for a, b in pairwise(ends[1:])) * 1000
    calls_ms = spent[0] / (steps - 1) * 1000
    return [
        row("a training step of the demo, one thread", step_ms, "ms"),
        row(f"  one sandboxed reward call in it (of {len(specs)})", calls_ms / len(specs) / step_ms * 100, "%", 1.0),
        row("  all its sandboxed reward calls", calls_ms / step_ms * 100, "%"),
    ]


def grammar_candidates(count: int) -> list[Candidate]:
    """Distinct rewards as the grammar composes them: each has the components of two fresh ones."""
    rng, found = random.Random(0), {}
    while len(found) < count:
        parts = [part for _ in range(2) for part in fresh(rng, rng.choice(KINDS).name)[0].components]
        code = render(genome_of({part.kind: part for part in parts}.values()))
        found[candidate_id(code)] = Candidate(id=candidate_id(code), name=f"candidate {len(found)}", code=code)
    return list(found.values())


def validation(count: int) -> list[Row]:
    config = Config()
    candidates = grammar_candidates(count)
    started = time.perf_counter()
    verdicts = validate(candidates, load_task(config.task), config)
    seconds = time.perf_counter() - started
    accepted = sum(verdict.accepted for verdict in verdicts)
    return [
        row(
            f"{count} candidates validated on {os.cpu_count()} cores ({accepted} accepted)", seconds, "s", 0.18 * count
        ),
        row("  each", seconds / count * 1000, "ms"),
    ]


def row(what: str, value: float, unit: str, limit: float | None = None) -> Row:
    return {"what": what, "value": round(value, 3), "unit": unit, "limit": limit}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, default=1000)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = [
        *warm_call(options.calls),
        *cold_start(max(3, options.calls // 20)),
        *training_step(max(3, options.steps)),
        *validation(options.candidates),
    ]
    if options.json:
        print(json.dumps(rows))
        return
    table = Table("measured", "value", "limit", "holds")
    for entry in rows:
        limit = entry["limit"]
        holds = "" if limit is None else "yes" if entry["value"] <= limit else "NO"
        unit = entry["unit"]
        table.add_row(
            entry["what"], f"{entry['value']:.3g} {unit}", "" if limit is None else f"{limit:g} {unit}", holds
        )
    Console().print(table)


if __name__ == "__main__":
    main()
