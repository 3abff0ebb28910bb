"""`rewardsearch show`: one candidate in full."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rewardsearch.cli.answers_text import print_answers
from rewardsearch.cli.options import JsonOption, RunArgument
from rewardsearch.cli.tables import (
    class_facts,
    gain,
    make_console,
    print_facts,
    print_json,
    print_lines,
    print_table,
    score,
)
from rewardsearch.errors import UserError
from rewardsearch.files.numbers import duration, number, p_value, percent

if TYPE_CHECKING:
    from rich.console import Console

    from rewardsearch.records import RankedRow, TrainingResult, Verdict
    from rewardsearch.run.state import RunState
    from rewardsearch.session.answers import Which

CURVES_LEGEND = {
    "step": "training steps, one column each",
    "reward": "mean over the completions of the step; its components have rows of their own",
    "exact match": "share of correct completions",
    "tokens": "mean length of a completion",
    "zero std": "share of the groups in which all completions get the same reward",
    "r": "correlation of a component with correctness, over the whole training",
}
POINTS = 5
"""Steps that the table of curves shows."""
EXAMPLES = 2
"""Completions of each kind that are shown where reward and truth disagree; --json has all."""


def show(
    run: RunArgument,
    id: Annotated[
        str, typer.Argument(metavar="ID", help="A candidate's id, its beginning, or its name; or another arm.")
    ],
    completions: Annotated[bool, typer.Option("--completions", help="Its answers to the held-out questions.")] = False,
    wrong: Annotated[bool, typer.Option("--wrong", help="Only incorrect answers.")] = False,
    fixed: Annotated[
        bool, typer.Option("--fixed", help="Only answers that are correct where the baseline's are not.")
    ] = False,
    broken: Annotated[
        bool, typer.Option("--broken", help="Only answers that are incorrect where the baseline's are correct.")
    ] = False,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="Answers that are shown.")] = 10,
    as_json: JsonOption = False,
) -> None:
    """Show one candidate: code, lineage, verdict, curves.

    Also shows the completions for which its reward and the truth disagreed most in training. With --completions, --wrong, --fixed
    or --broken: the answers of the trained policy to held-out questions, next to those of the baseline.
    """
    from rewardsearch.run.restore import missing, missing_lines
    from rewardsearch.session.runs import final_document, find_arm, name_of, open_run, ranking_of

    state = open_run(run)
    arm = find_arm(state, id)
    if completions or wrong or fixed or broken:
        _show_answers(state, arm, {"wrong": wrong, "fixed": fixed, "broken": broken}, limit, as_json)
        return
    candidate, verdict, result = state.candidates.get(arm), state.verdicts.get(arm), state.training_of(arm)
    row = next((row for row in ranking_of(state).rows if row.id == arm), None)
    if as_json:
        print_json(
            {
                "run": str(state.folder),
                "id": arm,
                "policy": {"model": state.config.policy.model, "revision": state.config.policy.revision},
                "name": name_of(state, arm),
                "candidate": candidate.model_dump(mode="json") if candidate else None,
                "children": _children(state, arm),
                "members": list(_members(state, arm)),
                "weights": _weights(state, arm),
                "verdict": verdict.model_dump(mode="json") if verdict else None,
                "row": row.model_dump(mode="json") if row else None,
                "missing": [each.model_dump(mode="json") for each in missing(state) if f"/{arm}/" in each.path],
                "training": result.model_dump(mode="json", exclude={"outcomes"}) if result else None,
                "final": final_document(state, arm),
            }
        )
        return
    console = make_console()
    _print_head(console, state, arm, row)
    print_lines(console, *missing_lines(state, f"/{arm}/"))
    if verdict is not None:
        _print_verdict(console, verdict)
    if result is not None and result.curves:
        _print_curves(console, result)
    if result is not None and result.disagreements:
        _print_disagreements(console, result)
    if candidate is not None:
        print_lines(console, "", f"code, candidates/{arm}/reward.py of the run:", "")
        print_lines(console, *candidate.code.rstrip().split("\n"))


def _show_answers(state: RunState, arm: str, options: dict[Which, bool], limit: int, as_json: bool) -> None:
    from rewardsearch.session.answers import read_answers
    from rewardsearch.session.runs import name_of

    chosen = [which for which, wanted in options.items() if wanted]
    if len(chosen) > 1:
        raise UserError(f"show: got {' and '.join(f'--{which}' for which in chosen)}; give one of them")
    answers = read_answers(state, arm, chosen[0] if chosen else "all")
    if as_json:
        print_json(answers.model_dump(mode="json"))
        return
    names = {id: name_of(state, id) for id in (arm, answers.reference) if id}
    print_answers(answers, names, limit, make_console())


def _print_head(console: Console, state: RunState, arm: str, row: RankedRow | None) -> None:
    candidate = state.candidates.get(arm)
    facts: dict[str, Any] = {}
    if candidate is not None:
        facts |= {
            "name": candidate.name,
            "id": arm,
            "round": f"{candidate.round}, {candidate.operator}{f' by {candidate.model}' if candidate.model else ''}",
        }
        facts |= {"parents": _named(state, candidate.parents), "children": _named(state, _children(state, arm))}
        facts["idea"] = " ".join(candidate.rationale.split())
    else:
        how = state.arms[arm].how if arm in state.arms else ""
        facts |= {"arm": arm, "how": how, "members": ", ".join(_weighed(state, arm))}
    if row is not None:
        facts["status"] = f"{row.status}: {row.reason}" if row.reason else row.status
        if row.rank is not None:
            facts["rank"] = f"{row.rank} on {state.config.ranked_on}"
            facts["F1"] = score(row.f1, row.f1_ci)
            facts["accuracy"] = f"{score(row.accuracy, row.accuracy_ci)}, {percent(row.parse_rate)} parsed"
            if row.classes is not None:
                facts |= class_facts(row.classes)
            facts |= _gain(row)
        facts["training"] = (
            f"{row.steps} steps, {duration(row.seconds)}{_memory(state.training_of(arm))}" if row.steps else ""
        )
        if row.mean_training_accuracy is not None:
            facts["training accuracy"] = f"{number(row.mean_training_accuracy)}, the mean over the steps"
        facts["flags"] = _flags(row.flags)
    facts |= _on_test(state, arm)
    print_facts(console, facts.items())


def _flags(flags: Sequence[str]) -> str:
    """Each flag with what it means, where that is not its name."""
    from rewardsearch.records.flags import FLAGS

    words = {flag: text.words for flag, text in FLAGS.items() if text.words != flag}
    return ", ".join(f"{flag} ({words[flag]})" if flag in words else flag for flag in flags)


def _gain(row: RankedRow) -> dict[str, str]:
    """The gain over the baseline: of the reward, or of the trained policy if the noise between seeds is unknown."""
    if row.gain is None:
        return {}
    if row.gain_ci is None:
        alone = "over the questions alone, so of these trained policies"
        return {"gain": f"{gain(row.gain, row.gain_questions_ci)} against the baseline, {alone}"}
    ps = f"p {p_value(row.p_vs_baseline)}, corrected {p_value(row.p_adjusted)}"
    return {"gain": f"{gain(row.gain, row.gain_ci)} against the baseline, over questions and seeds, {ps}"}


def _on_test(state: RunState, arm: str) -> dict[str, str]:
    """The results of an arm on the sealed test; empty if it was not read for the arm."""
    row = state.final.row(arm) if state.final is not None else None
    if state.final is None or row is None:
        return {}
    if row.status == "failed":
        return {"test": f"failed {row.reason}"}
    by_seed = ", ".join(f"{f1:.3f} (seed {seed})" for seed, f1 in row.f1_by_seed.items())
    facts = {"test": f"{row.score}{f': {by_seed}' if by_seed else ''}"}
    facts["test accuracy"] = f"{number(row.accuracy)}, {percent(row.parse_rate)} parsed"
    facts["test flags"] = _flags(row.flags)
    chosen = "chosen on val before the test was read; " if row.id == state.final.chosen else ""
    sentences = state.final.describe_arm(arm)
    return facts | {"conclusion" if chosen else "gain": f"{chosen}{'; '.join(sentences)}" if sentences else ""}


def _print_verdict(console: Console, verdict: Verdict) -> None:
    outcome = "accepted" if verdict.accepted else f"rejected: {verdict.refusal}"
    print_lines(console, "", f"validation: {outcome}")
    print_lines(console, *(f"  {name}: {_checked(value)}" for name, value in sorted(verdict.checks.items())))


def _print_curves(console: Console, result: TrainingResult) -> None:
    last = len(result.curves) - 1
    points = [result.curves[i] for i in sorted({round(k * last / (POINTS - 1)) for k in range(POINTS)})]
    rows = [
        ("reward", *(number(point.reward) for point in points), ""),
        ("exact match", *(number(point.exact_match) for point in points), ""),
        ("tokens", *(number(point.length, 1) for point in points), ""),
        ("zero std", *(number(point.zero_std_fraction, 2) for point in points), ""),
    ]
    for name in dict.fromkeys(name for point in points for name in point.components):
        values = (number(point.components.get(name)) for point in points)
        rows.append((name, *values, number(result.correlations.get(name), 2)))
    rows += [(name, *(number(point.measured.get(name)) for point in points), "") for name in points[0].measured]
    print_lines(console, "", "training, by step:")
    headers = ("step", *(str(point.step) for point in points), "r")
    print_table(console, headers, rows)
    print_facts(console, CURVES_LEGEND.items())


def _print_disagreements(console: Console, result: TrainingResult) -> None:
    print_lines(console, "", "where reward and truth disagreed most in training:")
    kinds: Counter[tuple[str, bool]] = Counter()
    for example in result.disagreements:
        kinds[example.kind, example.right] += 1
        if kinds[example.kind, example.right] > EXAMPLES:
            continue
        form = ", the right answer in a form that does not count" if example.right and example.kind != "correct" else ""
        others = "other" if example.kind == "correct" else "correct"
        against = "" if example.against is None else f" ({others} completions: {example.against:.3f})"
        print_lines(console, f"  {example.kind}{form}, reward {example.reward:.3f}{against}, gold {example.answer}")
        print_lines(console, f"    prompt      {example.prompt!r}", f"    completion  {example.completion!r}")


def _memory(result: TrainingResult | None) -> str:
    """The most memory that the process which trained has held; nothing where that is not known."""
    return f", {result.peak_memory_mb:,.0f} MB of memory" if result is not None and result.peak_memory_mb else ""


def _children(state: RunState, arm: str) -> list[str]:
    return [candidate.id for candidate in state.candidates.values() if arm in candidate.parents]


def _members(state: RunState, arm: str) -> tuple[str, ...]:
    return state.arms[arm].members if arm in state.arms else ()


def _weights(state: RunState, arm: str) -> dict[str, float]:
    """The weight of each member in an arm of finalize, by id."""
    members = _members(state, arm)
    return {spec.id: spec.weight for spec in state.arms[arm].rewards if spec.id in members} if members else {}


def _weighed(state: RunState, arm: str) -> list[str]:
    from rewardsearch.session.runs import name_of

    return [f"{name_of(state, id)} ({id}) with weight {weight:.4g}" for id, weight in _weights(state, arm).items()]


def _named(state: RunState, ids: Any) -> str:
    from rewardsearch.session.runs import name_of

    return ", ".join(f"{name_of(state, id)} ({id})" for id in ids)


def _checked(value: float | bool | str) -> str:
    return f"{value:.4g}" if type(value) is float else str(value)
