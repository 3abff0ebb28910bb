"""The Python API: what `import rewardsearch` offers, as functions and as a Run.

Each raises the errors of rewardsearch.errors: UserError for a mistake of the caller, with what is allowed and what to do.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rewardsearch.config import Config, load_config, parse_config
from rewardsearch.errors import BudgetReached, NothingAccepted, UserError
from rewardsearch.records import Candidate, FinalReport, Ranking, TrainingResult, Verdict
from rewardsearch.run.progress import Progress
from rewardsearch.run.state import RunState
from rewardsearch.session.runs import (
    compare_arms,
    completions_of,
    evaluated,
    find_arm,
    name_of,
    open_run,
    ranking_of,
)

if TYPE_CHECKING:
    import pandas as pd

    from rewardsearch.rank import Comparison
    from rewardsearch.session.scoring import Scores

Overrides = Mapping[str, Any] | Sequence[str]
"""Config keys with values: {"train.steps": 20}, or ["train.steps=20"] as on the command line."""
Rows = str | Path | Iterable[Mapping[str, Any]]
"""A JSON Lines file by its path, a pandas DataFrame, or mappings."""


def search(
    config: str | Path | Config,
    *,
    run_dir: str | Path | None = None,
    set: Overrides = (),
    progress: Progress | Callable[[str], None] | None = None,
    mix: bool = False,
) -> Run:
    """Starts a search, or resumes the one in its run folder, and gives the run when it has ended. Writes its report there.

    config: the path of a YAML file, or a Config. run_dir: the run folder; None takes that of the config, which is by default
    runs/<name of the file>. set: values that replace those of the config. progress: is called with each line of progress,
    such as `print`; by default the lines go to the logger "rewardsearch" at level INFO. mix: resume although versions,
    code or device differ from before; new results are marked.

    Raises UserError, BudgetReached, NothingAccepted or MachineError. After any of them, or Ctrl-C, the same call resumes.
    """
    from rewardsearch.loop import search as run_search
    from rewardsearch.report import report_at_end
    from rewardsearch.session.preflight import check
    from rewardsearch.session.progress import LineProgress

    settings = _config(config, set)
    folder = run_dir or settings.run_dir
    if folder is None:
        raise UserError("run_dir: got none, and the config has none; give search(..., run_dir=FOLDER)")
    settings = settings.model_copy(update={"run_dir": str(folder)})
    write = logging.getLogger("rewardsearch").info if progress is None else progress
    shown = LineProgress(settings, write) if callable(write) else write
    for warning in check(settings):
        shown.say(f"warning: {warning}")
    try:
        state = run_search(settings, Path(folder), shown, mix)
    except (BudgetReached, NothingAccepted):
        shown.say(report_at_end(Path(folder)))
        raise
    shown.say(report_at_end(Path(folder), state))
    return Run(state)


def load_run(folder: str | Path) -> Run:
    """The run in `folder`, or in runs/`folder`, as it stands now; a search may still be working on it.

    >>> load_run("runs/demo")
    Run('runs/demo': finished, 4 candidates)
    """
    return Run(open_run(str(folder)))


def validate(
    code: str | Path, task: str | None = None, *, config: str | Path | Config | None = None, set: Overrides = ()
) -> Verdict:
    """Validates a reward as a search does: static checks, contract, behaviour on completions of the task.

    code: the text of a reward file, or its Path. task: a built-in name, a task from outside, or None for arithmetic. config: the
    config of a search in its place; then the reward is also held against the rollout bank, once a search has sampled it.
    Without the hub, gsm8k rewards are validated on the sample that comes with the package, with a warning.

    >>> verdict = validate("def reward(prompts, completions, answer, **columns):\\n    return open('secret')")
    >>> verdict.accepted, verdict.stage
    (False, 'static')
    """
    from rewardsearch.session.validating import SUBSTITUTE, candidate_of, read_reward, validate_rewards

    if task is not None and config is not None:
        raise UserError("got task and config; a config names its task: give one of them")
    candidate = read_reward(code) if isinstance(code, Path) else candidate_of(code, "reward")
    if config is not None:
        settings = _config(config, set)
    else:
        settings = parse_config({"task": {"name": task}} if task is not None else {}, "task", _overrides(set))
    found = validate_rewards([candidate], settings, searched=config is not None)
    if found.hub_error is not None:
        warnings.warn(f"validated on {SUBSTITUTE}: {found.hub_error}", stacklevel=2)
    return found.verdicts[0]


def score(code: str | Path, rows: Rows, *, config: str | Path | Config | None = None, set: Overrides = ()) -> Scores:
    """Runs a reward, sandboxed, on rows with prompt, completion, answer and further columns. Measured columns are an object of
    numbers in the column `measured`.

    code: the text of a reward file, or its Path. config: its sandbox limits and its bound on rewards count. A reward that fails
    gives Scores with an `error` and no rows.

    >>> code = "def reward(prompts, completions, answer, **columns):\\n    return [float(len(c)) for c in completions]"
    >>> score(code, [{"prompt": "2 + 2?", "completion": "It is 4.", "answer": 4}]).rewards
    [8.0]
    """
    from rewardsearch.session.scoring import rows_to_score, score_rows
    from rewardsearch.session.validating import read_reward

    text = read_reward(code).code if isinstance(code, Path) else code
    settings = _config(Config() if config is None else config, set)
    return score_rows(text, rows_to_score(_source(rows)), settings)


def compare(a: Rows, b: Rows, *, positive: str | None = None, classes: bool = False) -> Comparison:
    """Compares two models' predictions on the same questions: scores with intervals, their difference, McNemar's test.

    a, b: rows with id, gold and prediction, matched by id. classes: gold is one of 2 to 20 classes. positive: the same, with
    the positive class.
    Two arms of one run are compared by Run.compare.

    >>> compare("a.jsonl", "b.jsonl").mcnemar.p_exact
    0.5
    """
    from rewardsearch.rank import compare_predictions, read_predictions

    return compare_predictions(
        read_predictions(_source(a)), read_predictions(_source(b)), positive=positive, classes=classes
    )


class Run:
    """A run folder as it stood when it was read: leaderboard, candidates, final results, export.

    >>> run = load_run("runs/demo")
    >>> list(run.leaderboard().columns[:5])
    ['rank', 'id', 'name', 'round', 'operator']
    >>> best = run.leaderboard()["id"][0]
    >>> run.candidate(best).verdict.accepted
    True
    """

    def __init__(self, state: RunState) -> None:
        self._state = state

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r}: {self.status}, {len(self._state.candidates)} candidates)"

    @property
    def folder(self) -> Path:
        return self._state.folder

    @property
    def config(self) -> Config:
        return self._state.config

    @property
    def status(self) -> str:
        """running, finished, budget, stopped or failed."""
        return self._state.status

    @property
    def ranking(self) -> Ranking:
        """The leaderboard as a record. Of a finalized run it is the one that the final arms were chosen by."""
        return ranking_of(self._state)

    def leaderboard(self) -> pd.DataFrame:
        """One row per arm, best first, as in leaderboard.csv. An interval has two columns, such as f1_low and f1_high."""
        from rewardsearch.run.tables import leaderboard_frame

        return leaderboard_frame(self.ranking)

    @property
    def candidates(self) -> tuple[RunArm, ...]:
        """Every proposed candidate, in the order of their proposal."""
        return tuple(RunArm(self._state, id) for id in self._state.candidates)

    def candidate(self, text: str) -> RunArm:
        """The candidate with that id, unique beginning of an id, or name; also "baseline", "policy" and the arms of finalize.

        Raises UserError with near matches where there is none.
        """
        return RunArm(self._state, find_arm(self._state, text))

    @property
    def final(self) -> FinalReport | None:
        """The one reading of the sealed test; None for a run that is not finalized."""
        return self._state.final

    def final_table(self) -> pd.DataFrame:
        """One row per arm of the final report, best first. Raises UserError for a run that is not finalized."""
        from rewardsearch.run.tables import final_frame

        if self.final is None:
            raise UserError(
                f"{self.folder} is not finalized, so the sealed test was not read; run `rewardsearch finalize`"
            )
        return final_frame(self.final)

    def compare(self, a: str, b: str) -> Comparison:
        """Two arms on the questions that they were ranked on; each is named as in `candidate`.

        Raises UserError for an arm without a score.
        """
        return compare_arms(self._state, find_arm(self._state, a), find_arm(self._state, b))

    def report(self, path: str | Path | None = None, *, replay: bool = False) -> Path:
        """Writes the report, one HTML file that needs no network, and gives its path: by default report.html in the run folder.

        replay: the page begins at the first round, with a control to go on. Raises UserError where no file can be written there.
        """
        from rewardsearch.report import write_report

        return write_report(self._state, Path(path) if path is not None else None, replay)

    def export(
        self, target: str, folder: str | Path, *, top: int | None = None, ensemble: str | None = None
    ) -> tuple[Path, ...]:
        """Writes rewards of the run for a trainer into `folder`, and gives the paths.

        target: as `--to` names it, such as "trl". top: the best `top` candidates together. ensemble: one
        arm, named as in `candidate`. Without either it is what finalize chose, or the best candidate of a run that is not
        finalized.
        """
        from rewardsearch.exporters import export, select_rewards

        arm = find_arm(self._state, ensemble) if ensemble is not None else None
        selection = select_rewards(self._state, self.ranking, top=top, arm=arm)
        return export(target, selection, Path(folder))


class RunArm:
    """One arm of a run: a candidate, the baseline, the policy before training, or an arm of finalize."""

    def __init__(self, state: RunState, id: str) -> None:
        self._state, self.id = state, id

    def __repr__(self) -> str:
        return f"RunArm({self.id!r}, {self.name})"

    @property
    def name(self) -> str:
        return name_of(self._state, self.id)

    @property
    def record(self) -> Candidate | None:
        """What was proposed: code, rationale, operator, parents, round; None for an arm that is no candidate."""
        return self._state.candidates.get(self.id)

    @property
    def code(self) -> str:
        """The reward file. Raises UserError for an arm that is no candidate."""
        if self.record is None:
            raise UserError(
                f"{self.id} is no candidate, so it has no code of its own; Run.export writes what it trains on"
            )
        return self.record.code

    @property
    def verdict(self) -> Verdict | None:
        """What validation found; None for a candidate that was not validated yet, and for other arms."""
        return self._state.verdicts.get(self.id)

    @property
    def result(self) -> TrainingResult | None:
        """Its training under the search's seed, or as far as it got; None where it was not trained."""
        return self._state.training_of(self.id)

    def curves(self) -> pd.DataFrame:
        """One row per training step: reward, exact_match, length and more.

        `components.NAME` is the mean of a reward or component over the step. Empty for an arm that was not trained.
        """
        import pandas as pd

        result = self.result
        return pd.json_normalize([point.model_dump() for point in result.curves] if result is not None else [])

    def outcomes(self) -> pd.DataFrame:
        """One row per question that it was ranked on.

        Columns: id; kind (correct, wrong or unparsed); gold; prediction; length in tokens; positive, whether gold is the positive
        class; completion, the whole text (missing where it was not kept).

        Raises UserError for an arm that was not evaluated.
        """
        import pandas as pd

        result = evaluated(self._state, self.id)
        texts = completions_of(self._state, result)
        frame = pd.DataFrame([outcome.model_dump(exclude={"classes"}) for outcome in result.outcomes])
        return frame.assign(completion=frame["id"].map(texts))


def _config(config: str | Path | Config, set: Overrides) -> Config:
    overrides = _overrides(set)
    if isinstance(config, Config):
        return parse_config(config.model_dump(mode="json"), "config", overrides) if overrides else config
    return load_config(config, overrides)


def _overrides(set: Overrides) -> Sequence[str]:
    """As --set takes them; JSON values are YAML values."""
    return (
        [f"{key}={json.dumps(value, default=str)}" for key, value in set.items()] if isinstance(set, Mapping) else set
    )


def _source(rows: Rows) -> Path | Iterable[Mapping[str, Any]]:
    return Path(rows).expanduser() if isinstance(rows, str | Path) else rows
