"""One round of a search four ways, in one run on one machine: 8 rewards, the same steps, prompts and questions.

    python benchmarks/round.py                    # about 25 minutes on two quiet cores
    python benchmarks/round.py --scripts 2        # the scripts for two of the eight rewards only

(a) a plain TRL script for each reward that answers the questions one by one (as the code of arXiv 2605.02073 does);
(b) the same script, answering all questions in batches;
(c) the search's training processes with the engine `trl`;
(d) the same with the engine `lockstep`.

(a) and (b) are one process a reward, one after the other, with all threads (benchmarks/plain_trl.py; the training is run once
and counts for both). (c) and (d) are what a search starts: `--slots` processes side by side, each with its share of the
threads. The table has seconds per reward, the seconds of each phase, the ratio to (d), accuracy, and memory. Phases of
processes that run side by side are seconds of one process, so they add up to more than the wall clock.

Seconds depend on the machine and on what else it does. The ratios are measured in one run: compare those.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from rewardsearch.config import Config, load_config
from rewardsearch.files.resources import find, policy_folder
from rewardsearch.records import Candidate, Row, TrainingResult
from rewardsearch.rewards.base import load_base_rewards, spec_of
from rewardsearch.rewards.identity import candidate_id
from rewardsearch.run.jobs import training_job
from rewardsearch.tasks import Task, load_task
from rewardsearch.train import start_launcher, train

REWARDS = "candidates/recorded/arithmetic-seed7"
SCRIPT = Path(__file__).with_name("plain_trl.py")


class Way(NamedTuple):
    """One way to try the rewards: seconds of wall clock per reward, mean seconds of each phase, accuracies, MB in all."""

    name: str
    seconds: float
    phases: dict[str, float]
    accuracies: list[float]
    memory_mb: float


def candidates(count: int) -> list[Candidate]:
    files = sorted(find(REWARDS, what="folder of rewards").glob("*.py"))[:count]
    codes = {file.stem: file.read_text(encoding="utf-8") for file in files}
    return [Candidate(id=candidate_id(code), name=name, code=code) for name, code in codes.items()]


def settings(options: argparse.Namespace, engine: str) -> Config:
    return load_config(
        "configs/arithmetic-demo.yaml",
        [
            f"train.engine={engine}",
            f"train.slots={options.slots}",
            f"train.threads={max(1, options.threads // options.slots)}",
            f"train.steps={options.steps}",
            f"task.val_rows={options.questions}",
            "watch.end_early=false",
        ],
    )


def accuracy(task: Task, rows: list[Row], texts: list[str]) -> float:
    outcomes = task.outcomes([(row, text, 0) for row, text in zip(rows, texts, strict=True)])
    return fmean(outcome.kind == "correct" for outcome in outcomes)


def scripts(options: argparse.Namespace, rewards: list[Candidate], scratch: Path) -> list[Way]:
    """(a) and (b): a script for each reward, one after the other."""
    config = settings(options, "trl")
    task, section = load_task(config.task), config.train
    rows, questions = task.rows("train"), task.rows("val")
    base = [str(find(f"candidates/base/{name}.py", what="base reward")) for name in section.base_rewards]
    runs: list[dict[str, Any]] = []
    right: list[float] = []
    for candidate in rewards[: options.scripts]:
        code, plan_file, out = scratch / "reward.py", scratch / "plan.json", scratch / "out.json"
        code.write_text(candidate.code, encoding="utf-8")
        completions = section.prompts_per_step * section.group_size
        plan = {
            "model": str(policy_folder(config.policy.model)),
            "threads": options.threads,
            "rewards": [*base, str(code)],
            "rows": [{"prompt": row.prompt, "answer": row.answer} for row in rows],
            "questions": [row.prompt for row in questions],
            "one_by_one": min(options.one_by_one, len(questions)),
            "max_tokens": section.max_completion_tokens,
            "batch": section.eval_batch_size,
            "lora": {
                "r": config.policy.lora.r,
                "lora_alpha": config.policy.lora.alpha,
                "target_modules": config.policy.lora.target_modules,
            },
            "grpo": {
                "max_steps": section.steps,
                "per_device_train_batch_size": completions,
                "num_generations": section.group_size,
                "max_completion_length": section.max_completion_tokens,
                "learning_rate": section.learning_rate,
                "lr_scheduler_type": section.lr_schedule,
                "temperature": section.temperature,
                "logging_steps": 1,
                "seed": config.seed,
            },
        }
        plan_file.write_text(json.dumps(plan), encoding="utf-8")
        started = time.monotonic()
        done = subprocess.run([sys.executable, str(SCRIPT), str(plan_file), str(out)], capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{SCRIPT.name} failed:\n{done.stderr[-2000:]}")
        run = json.loads(out.read_text(encoding="utf-8"))
        # The questions answered one by one are timed, and scaled to all of them.
        answered = run["evaluate_one_by_one"] * plan["one_by_one"] / len(questions)
        run["start"] = time.monotonic() - started - run["train"] - run["evaluate_batched"] - answered
        runs.append(run)
        right.append(accuracy(task, questions, runs[-1]["completions"]))
    ways = []
    for name, evaluation in (("(a) script, one by one", "one_by_one"), ("(b) script, batched", "batched")):
        phases = {key: fmean(run[key] for run in runs) for key in ("start", "train")}
        phases["evaluate"] = fmean(run[f"evaluate_{evaluation}"] for run in runs)
        ways.append(Way(name, sum(phases.values()), phases, right, max(run["peak_mb"] for run in runs)))
    return ways


def engine(options: argparse.Namespace, name: str, label: str, rewards: list[Candidate], scratch: Path) -> Way:
    """(c) and (d): the search's training processes."""
    config = settings(options, name)
    folder = scratch / name
    folder.mkdir()
    (folder / "config.yaml").write_text(config.model_dump_json(), encoding="utf-8")
    base = load_base_rewards(config.train.base_rewards)
    jobs = [training_job(each.id, [spec_of(each)], base, config.seed, config.train.steps) for each in rewards]
    started = time.monotonic()
    results: list[TrainingResult] = []
    with start_launcher(folder, config) as launcher:
        for _, result in train(jobs, launcher, folder, config, lambda: True, lambda: True, lambda *step: None):
            results.append(result)
    seconds = (time.monotonic() - started) / len(jobs)
    if broken := [result.reason for result in results if result.status != "done"]:
        raise SystemExit(f"{label}: {broken[0]}")
    phases = {key: fmean(result.phases.get(key, 0.0) for result in results) for key in PHASES}
    right = {r.id: fmean(outcome.kind == "correct" for outcome in r.outcomes) for r in results}
    memory = max(result.peak_memory_mb or 0.0 for result in results) * config.train.slots
    return Way(label, seconds, phases, [right[each.id] for each in rewards], memory)


PHASES = ("load", "rollout", "reward", "update", "evaluate")
"""The phases of a training process."""


def table(ways: list[Way]) -> Table:
    """The ways beside each other; the last one is what the others are compared with."""
    found = Table("way", "s per reward", "ratio", "phases, s", "accuracy", "memory, MB")
    for way in ways:
        phases = ", ".join(f"{name} {seconds:.1f}" for name, seconds in way.phases.items())
        found.add_row(
            way.name,
            f"{way.seconds:.1f}",
            f"{way.seconds / ways[-1].seconds:.2f}",
            phases,
            f"{fmean(way.accuracies):.3f} ({min(way.accuracies):.3f} to {max(way.accuracies):.3f})",
            f"{way.memory_mb:,.0f}",
        )
    return found


def parsed(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rewards", type=int, default=8, help="how many rewards (c) and (d) try")
    parser.add_argument("--scripts", type=int, default=8, help="for how many of them the scripts run")
    parser.add_argument("--steps", type=int, default=44)
    parser.add_argument("--questions", type=int, default=500, help="rows of val")
    parser.add_argument("--one-by-one", type=int, default=500, help="questions answered one by one; scaled to all")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads of all processes together")
    parser.add_argument("--slots", type=int, default=2, help="training processes of (c) and (d) side by side")
    parser.add_argument("--out", type=Path, help="a JSON file for the figures")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    options = parsed(arguments)
    rewards = candidates(options.rewards)
    with tempfile.TemporaryDirectory(prefix="round-") as folder:
        scratch = Path(folder)
        ways = [
            *scripts(options, rewards, scratch),
            engine(options, "trl", "(c) engine trl", rewards, scratch),
            engine(options, "lockstep", "(d) engine lockstep", rewards, scratch),
        ]
    Console(width=140).print(table(ways))
    if options.out:
        options.out.write_text(json.dumps([way._asdict() for way in ways], indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
