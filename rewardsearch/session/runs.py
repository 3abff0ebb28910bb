"""What the user's words mean: a run by folder or name, an arm by id, prefix or name."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rewardsearch.errors import UserError
from rewardsearch.records import BASELINE, FULL, POLICY, Ranking, SftResult, TrainingResult
from rewardsearch.run.artifacts import load_completions
from rewardsearch.run.jobs import training_folder
from rewardsearch.run.journal import JOURNAL, read_run
from rewardsearch.run.restore import missing, missing_lines
from rewardsearch.run.state import RunState

if TYPE_CHECKING:
    from rewardsearch.rank import Comparison


def open_run(run: str) -> RunState:
    """The state of the run in the folder `run`, or in runs/`run`. Raises UserError naming the runs that there are."""
    return read_run(find_run(run))


def find_run(run: str) -> Path:
    """The folder of the run that `run` names, as open_run."""
    for folder in (Path(run).expanduser(), Path("runs") / run):
        if (folder / JOURNAL).is_file():
            return folder
    known = sorted(path.parent.name for path in Path("runs").glob(f"*/{JOURNAL}"))
    there = f"runs/ has {_listed(run, known)}" if known else "runs/ has none"
    raise UserError(f"no run {run}: neither {run} nor runs/{run} holds a {JOURNAL}; {there}; name a run's folder")


def find_arm(state: RunState, text: str) -> str:
    """The id of the arm that `text` names by id, by its name, or by the unique beginning of either. An arm of finalize that would
    have been trained exactly as another stands under the other's id.

    Raises UserError with near matches when there is none, with the choices when there are several.
    """
    same = state.final.same if state.final is not None else {}
    if text in same:
        return same[text]
    rows = [row.id for row in state.final.rows] if state.final is not None else []
    arms = list(dict.fromkeys((*state.candidates, BASELINE, POLICY, *state.arms, *rows)))
    if text in arms:
        return text
    named = [arm for arm in arms if name_of(state, arm) == text]
    found = named or [arm for arm in arms if text and (arm.startswith(text) or name_of(state, arm).startswith(text))]
    if len(found) == 1:
        return found[0]
    if found:
        choices = ", ".join(f"{arm} ({name_of(state, arm)})" if arm in state.candidates else arm for arm in found)
        raise UserError(f"{text} means several in {state.folder}: {choices}; give more of the id")
    known = [*(candidate.name for candidate in state.candidates.values()), *arms, *same]
    raise UserError(f"no {text} in {state.folder}; it has {_listed(text, known)}; give an id, its beginning, or a name")


def ranking_of(state: RunState) -> Ranking:
    """The leaderboard of a run as it stands, also in the middle of a round. Of a finalized run it is the one that finalize chose
    by; where results are lost, that of the last round."""
    if state.final_ranking is not None:
        return state.final_ranking
    # A stored ranking is taken as it is: the libraries of the tests take over a second to import.
    if state.rankings and (state.lost or _is_current(state.rankings[-1], state)):
        return state.rankings[-1]
    from rewardsearch.session.requests import current_ranking

    return current_ranking(state)


def _is_current(ranking: Ranking, state: RunState) -> bool:
    """Whether nothing was proposed, trained or stopped since, and the baseline has no further seeds."""
    before = {row.id: row.status for row in ranking.rows if row.status not in ("rejected", "pending")}
    now: dict[str, str] = {id: "trained" if r.status == "done" else r.status for id, r in state.results.items()}
    seeds = [result.seed for result in state.baselines]
    noise = list(ranking.noise.f1_by_seed) if ranking.noise is not None else seeds[:1]
    known = {row.id for row in ranking.rows}
    return (
        before == now | dict.fromkeys(state.stop_decisions, "stopped")
        and known >= set(state.candidates)
        and noise == seeds
    )


def sft_document(result: SftResult | None, curve: bool = True) -> dict[str, Any] | None:
    """A fine-tuning for `--json`, with scores on `val` before and after instead of the outcomes. curve: whether to include it."""
    if result is None:
        return None
    from rewardsearch.stats import f1_accuracy

    scores = {name: f1_accuracy(getattr(result, name)).model_dump(mode="json") for name in ("before", "after")}
    return result.model_dump(mode="json", exclude={"before", "after"} | (set() if curve else {"curve"})) | scores


def final_document(state: RunState, arm: str | None) -> dict[str, Any] | None:
    """The final row of an arm, whether it was chosen, and what the test says of it, as `--json` has them; None for an arm that
    the test was not read for."""
    report = state.final
    row = report.row(arm) if report is not None else None
    if report is None or row is None:
        return None
    conclusions = report.conclusions if row.id == report.chosen else ()
    return {
        **row.model_dump(mode="json"),
        "chosen": row.id == report.chosen,
        "conclusions": [each.model_dump(mode="json") for each in conclusions],
        "said": list(report.describe_arm(row.id)),
    }


def leaderboard_document(state: RunState, ranking: Ranking) -> dict[str, Any]:
    """The leaderboard for `--json`, with the results that are missing."""
    return {"run": str(state.folder), **ranking.model_dump(mode="json"), "missing": _missing(state)}


def finalize_document(state: RunState) -> dict[str, Any]:
    """The final report of a finalized run for `--json`, with when the test was opened and the results that are missing."""
    assert state.final is not None
    return {**state.final.model_dump(mode="json"), "opened": state.test_opened, "missing": _missing(state)}


def _missing(state: RunState) -> list[dict[str, Any]]:
    return [each.model_dump(mode="json") for each in missing(state)]


def evaluated(state: RunState, arm: str) -> TrainingResult:
    """The training of an arm whose policy was evaluated on held-out questions. Raises UserError where there is none."""
    found = state.training_of(arm)
    if found is None or found.status != "done":
        why = f" ({found.status}: {found.reason})" if found else ""
        raise UserError(f"{arm} was not evaluated on held-out questions in {state.folder}{why}; name another arm")
    return found


def completions_of(state: RunState, result: TrainingResult) -> dict[str, str]:
    """What a trained policy answered to each question that it was evaluated on, by id; empty where that was not kept."""
    folder = next((name for name, each in state.trainings.items() if each is result), None)
    return load_completions(state.folder / folder) if folder else {}


def compare_arms(state: RunState, a: str, b: str) -> Comparison:
    """Two arms of a run, by id, on the questions that they were ranked on. Raises UserError for one without a score."""
    from rewardsearch.rank import compare_outcomes, reward_gap

    arms = (a, b)
    results = {arm: state.training_of(arm) for arm in arms}
    scored = {
        arm: each.outcomes for arm, each in results.items() if each and each.rung == FULL and each.status == "done"
    }
    # Where the result of the search's own seed is lost, that of another seed does not take its place.
    lost = [arm for arm in arms if training_folder(arm, FULL, state.config.seed) in state.lost]
    unscored = [arm for arm in arms if arm not in scored or arm in lost]
    if unscored:
        named = ", ".join(name_of(state, arm) for arm in unscored)
        why = "; ".join(line for arm in unscored for line in missing_lines(state, f"/{arm}/"))
        remedy = f"see rewardsearch leaderboard {state.folder} for those that have"
        raise UserError(f"{named} has no score in {state.folder}; {why or remedy}")
    settings, seed = state.config.rank, state.config.seed
    result = compare_outcomes(scored[a], scored[b], settings, seed)
    return result.model_copy(update={"rewards": reward_gap(a, b, state.results, state.baselines, settings, seed)})


def name_of(state: RunState, arm: str) -> str:
    """A candidate's name; `sft` for the policy after supervised fine-tuning; the id of any other arm."""
    if arm == POLICY:
        return state.config.policy_name
    return state.candidates[arm].name if arm in state.candidates else arm


def _listed(text: str, known: list[str]) -> str:
    near = difflib.get_close_matches(text, known, n=5) or known[:8]
    return ", ".join(near) + (", ..." if len(near) < len(known) else "")
