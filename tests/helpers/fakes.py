"""Small real records for tests of what reads them: outcomes, screens, candidates and whole run folders."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rewardsearch.config import Config, parse_config
from rewardsearch.records import (
    BASELINE,
    POLICY,
    Candidate,
    Conclusion,
    CurvePoint,
    Example,
    FinalArm,
    FinalPair,
    FinalReport,
    FinalRow,
    Outcome,
    Proposal,
    Refusal,
    Request,
    RequestOutcome,
    TrainingResult,
    Usage,
    Verdict,
)
from rewardsearch.rewards.base import ensemble, load_base_rewards
from rewardsearch.rewards.identity import candidate_id
from rewardsearch.run.artifacts import result_digest, save_result
from rewardsearch.run.events import (
    ArmsChosen,
    Ended,
    Evaluated,
    Finalized,
    Proposed,
    Ranked,
    Received,
    Sent,
    Trained,
    Validated,
)
from rewardsearch.run.journal import JOURNAL, Journal
from rewardsearch.run.restore import restore
from rewardsearch.session.requests import current_feedback, current_ranking
from rewardsearch.tasks import load_task

# A reward that gives another value at every call. It takes a way around the static policy to a clock.
CLOCK = """
for cls in ().__class__.__base__.__subclasses__():
    if cls.__name__ == "_wrap_close":
        NOW = cls.__init__.__globals__["sys"].modules["time"].time

def reward(prompts, completions, answer, **columns):
    return [NOW()] * len(completions)
"""

KINDS = {"c": "correct", "w": "wrong", "u": "unparsed"}


def outcomes(kinds: str, first: int = 0) -> tuple[Outcome, ...]:
    """One outcome a letter: c correct, w wrong, u unparsed; ids q0, q1, ... from `first`."""
    return tuple(
        Outcome(id=f"q{i}", kind=KINDS[kind], gold="7", prediction={"c": "7", "w": "8", "u": None}[kind], length=9)
        for i, kind in enumerate(kinds, start=first)
    )


def candidate(name: str, value: str = "0.0", round: int = 1, parents: Sequence[str] = ()) -> Candidate:
    """A candidate whose reward is the expression `value` for every completion."""
    code = (
        f'"""{name}."""\n\n\ndef reward(prompts, completions, answer, **columns):\n'
        f'    return {{"{name}": [{value} for text in completions]}}\n'
    )
    return Candidate(
        id=candidate_id(code), name=name, code=code, rationale=f"why {name}", round=round, parents=tuple(parents)
    )


def curves(component: str, steps: int = 40) -> tuple[CurvePoint, ...]:
    return tuple(
        CurvePoint(
            step=step,
            reward=step / 10,
            exact_match=step / 100,
            components={"answer": 1.0, component: step / 8},
            length=30 - step / 4,
            zero_std_fraction=0.25,
            clipped=0.0,
            grad_norm=1.0,
        )
        for step in range(1, steps + 1)
    )


def screened(id: str, kinds: str, component: str = "answer", **fields: object) -> TrainingResult:
    """A finished screen with these outcomes."""
    values = {
        "rung": "full",
        "seed": 0,
        "steps": 40,
        "status": "done",
        "outcomes": outcomes(kinds),
        "curves": curves(component),
        "correlations": {"answer": 0.5, component: None},
        "disagreements": (
            Example(
                prompt="How many?",
                completion="<solution> 8 </solution>",
                answer="7",
                reward=2.5,
                kind="wrong",
                against=1.5,
                step=4,
            ),
        ),
        "seconds": 12.5,
        **fields,
    }
    return TrainingResult.model_validate({"id": id, **values})


GOOD = candidate("worked-steps", "1.0")
LEVEL = candidate("level-headed", "2.0")
BAD = candidate("shouting", "3.0")
REFUSED = candidate("opens-files", "4.0")
ARMS = {
    POLICY: "c" * 10 + "w" * 5 + "u" * 5,
    BASELINE: "c" * 12 + "w" * 8,
    GOOD.id: "c" * 18 + "w" * 2,
    LEVEL.id: "c" * 12 + "u" * 8,
}


PAID = Usage(requests=1, prompt_tokens=180, completion_tokens=20)


def book_training(journal: Journal, home: str, result: TrainingResult) -> None:
    """A training run whose result is in the folder `home` of the journal's run."""
    folder = journal.state.folder / home
    save_result(folder, result, "mark")
    evaluated = Evaluated(split="val", questions=len(result.outcomes), sha256="")
    journal.append(
        Trained(folder=home, fingerprint="mark", digest=result_digest(folder), evaluated=evaluated, result=result)
    )


def make_demo(folder: Path) -> Path:
    """A run folder as `make_run` makes it, on one base reward, in `folder`."""
    (folder / "always.py").write_text(
        "def reward(prompts, completions, answer, **columns):\n    return [0.5 for c in completions]\n",
        encoding="utf-8",
    )
    return make_run(folder / "demo", [folder / "always.py"])


def make_run(folder: Path, base: Sequence[Path]) -> Path:
    """A run folder of one finished round: two candidates screened, one failed, one rejected, one refusal, 1000 tokens paid."""
    folder.mkdir(parents=True, exist_ok=True)
    config: Config = parse_config({"rounds": 1, "train": {"base_rewards": [str(path) for path in base]}}, "test")
    verdicts = {c.id: Verdict(candidate=c.id, accepted=True, checks={"mean_correct": 1.5}) for c in (GOOD, LEVEL, BAD)}
    verdicts[REFUSED.id] = Verdict(
        candidate=REFUSED.id, accepted=False, stage="static", reason="line 3: `open` is not available", flags=("files",)
    )
    results = {arm: screened(arm, kinds) for arm, kinds in ARMS.items()}
    results[BAD.id] = screened(
        BAD.id,
        "",
        status="failed",
        reason="returned nan for a completion",
        curves=(),
        correlations={},
        disagreements=(),
    )
    proposal = Proposal(
        candidates=(GOOD, LEVEL, BAD, REFUSED),
        refusals=(Refusal(name="reply-5", reason="no code block in it"),),
        outcomes=tuple(
            RequestOutcome(request=Request(index=place, operator="fresh", model="m"), candidates=(c.id,), usage=PAID)
            for place, c in enumerate((GOOD, LEVEL, BAD, REFUSED), start=1)
        ),
    )
    with Journal.open(folder, config, load_base_rewards(config.train.base_rewards)) as journal:
        for place in range(1, 6):
            sent = Sent(
                request=f"1/0/{place}/1", send=1, model="m", fingerprint="mark", bound=Usage(completion_tokens=500)
            )
            journal.append(sent)
            journal.append(Received(request=sent.request, send=1, usage=PAID))
        journal.append(Proposed(round=1, attempt=0, proposal=proposal))
        for verdict in verdicts.values():
            journal.append(Validated(verdict=verdict))
        for arm, result in results.items():
            book_training(journal, f"candidates/{arm}/training/full-0", result)
        state = journal.state
        ranking = current_ranking(state)
        feedback = current_feedback(state, ranking, 1, load_task(config.task))
        journal.append(Ranked(round=1, ranking=ranking, feedback=feedback))
        members = ensemble((GOOD.id, LEVEL.id), journal.state.candidates)
        arm = FinalArm(
            id="ensemble-top3", kind="ensemble", members=(GOOD.id, LEVEL.id), rewards=(*state.base, *members)
        )
        journal.append(ArmsChosen(arms=(arm,)))
        journal.append(Finalized(report=final_report()))
        journal.append(Ended(status="finished"))
        restore(journal.state)
    return folder


def final_report() -> FinalReport:
    """A final table of an ensemble that was chosen, the best candidate, a control, and one that failed."""

    def scores(f1: float) -> dict[str, Any]:
        around = (f1 - 0.02, f1 + 0.02)
        by_seed = {1: f1 - 0.01, 2: f1 + 0.01}
        return {
            "f1": f1,
            "f1_ci": around,
            "accuracy": 0.82,
            "accuracy_ci": around,
            "parse_rate": 0.99,
            "f1_by_seed": by_seed,
        }

    def pair(a: str, b: str) -> FinalPair:
        counts = {"both": 700, "only_a": 120, "only_b": 80, "neither": 100}
        return FinalPair(a=a, b=b, **counts, p=0.03, p_holm=0.06, p_bonferroni=0.09)

    return FinalReport(
        task="arithmetic",
        n=1000,
        seeds=(1, 2),
        chosen="ensemble-top3",
        conclusion=Conclusion(
            arm="ensemble-top3",
            against=BASELINE,
            metric="F1",
            verdict="not established",
            gain=0.05,
            gain_ci=(-0.01, 0.11),
            p=0.08,
            seeds=2,
            questions=1000,
            more_seeds=2,
            sentence="not established: ensemble-top3 scores F1 +0.050 [-0.010, +0.110] against the baseline",
        ),
        best=GOOD.id,
        rows=(
            FinalRow(
                id="ensemble-top3",
                kind="ensemble",
                name="ensemble-top3",
                members=(GOOD.id, LEVEL.id),
                how="the best 2 by F1 on val: worked-steps, level-headed",
                status="done",
                gain=0.05,
                gain_ci=(-0.01, 0.11),
                gain_questions_ci=(0.02, 0.08),
                val_f1=0.93,
                p_vs_policy=1e-9,
                p_vs_baseline=0.01,
                p_adjusted=0.02,
                **scores(0.9),
            ),
            FinalRow(
                id=GOOD.id,
                kind="single",
                name=GOOD.name,
                members=(GOOD.id,),
                status="done",
                val_f1=0.89,
                searched_val_f1=0.95,
                searched_test_f1=0.92,
                **scores(0.88),
            ),
            FinalRow(id="format-only", kind="control", name="format-only", status="done", val_f1=0.85, **scores(0.86)),
            FinalRow(
                id="random-3",
                kind="control",
                name="random-3",
                members=(BAD.id,),
                status="failed",
                reason="with seed 1: returned nan",
            ),
        ),
        pairs=(pair("ensemble-top3", GOOD.id), pair("ensemble-top3", "format-only"), pair(GOOD.id, "format-only")),
        notes=("ensemble-cover is left out: no candidate fits it",),
    )


def write_predictions(path: Path, rows: Sequence[tuple[object, object, object]]) -> Path:
    """A JSON Lines file of (id, gold, prediction)."""
    keys = ("id", "gold", "prediction")
    path.write_text("".join(json.dumps(dict(zip(keys, row, strict=True))) + "\n" for row in rows))
    return path


def begin_with(run: Path, config: Config) -> None:
    """Makes of a run one that began with `config`."""
    first, *rest = (run / JOURNAL).read_text(encoding="utf-8").splitlines(keepends=True)
    event = json.loads(first) | {"config": config.model_dump(mode="json")}
    (run / JOURNAL).write_text(json.dumps(event) + "\n" + "".join(rest), encoding="utf-8")
