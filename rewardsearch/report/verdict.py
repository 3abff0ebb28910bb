"""The first section: what won, and whether to believe it. A claim about a reward comes from training seeds, never from questions
alone."""

from __future__ import annotations

from typing import Literal

from rewardsearch.files.numbers import duration, interval, number, p_value, signed, signed_interval
from rewardsearch.records import BASELINE, FinalReport, FinalRow, LostFile, RankedRow, Ranking, Record
from rewardsearch.report.text import shortened
from rewardsearch.run.restore import missing
from rewardsearch.run.state import RunState
from rewardsearch.session.runs import name_of

Status = Literal["better", "not established", "worse", "nothing yet"]


class Headline(Record):
    """The winner, what is known of it in sentences, and facts that bear on its credibility, as pairs of a name and a text."""

    arm: str | None
    name: str
    status: Status
    sentences: tuple[str, ...]
    numbers: tuple[tuple[str, str, str], ...] = ()
    """Its score, the baseline's and the gain, each with a name and an interval."""
    facts: tuple[tuple[str, str], ...]
    unfinished: tuple[str, ...]
    """What the run, and so this report, lacks."""


def headline(state: RunState, ranking: Ranking) -> Headline:
    """From the sealed test where it was read, else from the leaderboard."""
    best = next((row for row in ranking.rows if row.rank is not None and row.id in state.candidates), None)
    chosen = state.final.row(state.final.chosen) if state.final is not None else None
    unfinished = tuple(_unfinished(state, ranking))
    if state.final is not None and chosen is not None:
        conclusion = state.final.conclusion
        status: Status = conclusion.verdict if conclusion is not None else "not established"
        sentences = state.final.describe_arm(chosen.id)
        facts = tuple(_facts_of_test(state, state.final, chosen))
        return Headline(
            arm=chosen.id,
            name=chosen.name or chosen.id,
            status=status,
            sentences=sentences,
            numbers=_numbers(chosen, state.final.row(BASELINE), _test(state.final)),
            facts=facts,
            unfinished=unfinished,
        )
    if best is None:
        sentences = ("No candidate has a score, so there is no winner.",)
        return Headline(
            arm=None, name="No winner", status="nothing yet", sentences=sentences, facts=(), unfinished=unfinished
        )
    status, sentences = _on_val(best, ranking, 1 - state.config.rank.confidence)
    facts = tuple(_facts_of_val(state, best, ranking))
    base = next((row for row in ranking.rows if row.id == BASELINE), None)
    return Headline(
        arm=best.id,
        name=best.name,
        status=status,
        sentences=sentences,
        numbers=_numbers(best, base, ranking.split),
        facts=facts,
        unfinished=unfinished,
    )


def _numbers(
    row: RankedRow | FinalRow, base: RankedRow | FinalRow | None, split: str
) -> tuple[tuple[str, str, str], ...]:
    found = [(f"F1 on {split}", number(row.f1), _interval_of(row))]
    if base is not None and base.f1 is not None and base is not row:
        found.append(("the baseline", number(base.f1), _interval_of(base)))
    if row.gain is not None:
        alone = "" if row.gain_ci or not row.gain_questions_ci else " over questions alone"
        found.append(("gain", signed(row.gain), signed_interval(row.gain_ci or row.gain_questions_ci) + alone))
    return tuple(found)


def _interval_of(row: RankedRow | FinalRow) -> str:
    if isinstance(row, FinalRow) and row.expected_ci:
        return interval(row.expected_ci)
    return f"{interval(row.f1_ci)} over questions alone" if row.f1_ci else ""


def _test(report: FinalReport) -> str:
    return "the test" if report.protocol == "paper" else "the sealed test"


def _on_val(row: RankedRow, ranking: Ranking, level: float) -> tuple[Status, tuple[str, ...]]:
    """What the leaderboard says of its best candidate."""
    selected = f"It is the best of {_scored(ranking)} candidates on {ranking.split}. Picking the best of many inflates a score."
    if row.gain_ci is None:
        alone = (
            "The baseline was trained with one seed, so the noise between training seeds is unknown and nothing is "
            "established about this reward."
        )
        return "not established", (alone, selected)
    gain = (
        f"F1 {signed(row.gain)} {signed_interval(row.gain_ci)} against the baseline, over training seeds and questions, "
        f"p {p_value(row.p_vs_baseline)}, corrected for {_scored(ranking)} candidates {p_value(row.p_adjusted)}."
    )
    significant = row.p_adjusted is not None and row.p_adjusted < level
    status: Status = "not established"
    if significant and row.gain_ci[0] > 0:
        status = "better"
    elif significant and row.gain_ci[1] < 0:
        status = "worse"
    sealed = (
        "The sealed test has not been read: `rewardsearch finalize` trains the finalists with new seeds and reads it."
    )
    return status, (gain, selected, sealed)


def _scored(ranking: Ranking) -> int:
    return sum(row.rank is not None and row.operator != "none" for row in ranking.rows)


def _facts_of_val(state: RunState, row: RankedRow, ranking: Ranking) -> list[tuple[str, str]]:
    seeds = len(ranking.noise.f1_by_seed) if ranking.noise else 1
    facts = [
        *_what(state, row.id),
        ("questions", f"{ranking.n:,} of {ranking.split}"),
        ("training seeds", f"1 of the candidate, {seeds} of the baseline"),
    ]
    if ranking.noise is not None:
        facts.append(
            (
                "noise",
                f"F1 of the baseline varies by {number(ranking.noise.seed_sd)} (standard deviation) between seeds, and "
                f"by {number(ranking.noise.question_sd)} from the questions",
            )
        )
    if row.ties is not None and len(row.ties) > 1:
        facts.append(("ties", f"not clearly different from ranks {', '.join(map(str, row.ties))}"))
    return [*facts, *_common(state, row.flags)]


def _facts_of_test(state: RunState, report: FinalReport, row: FinalRow) -> list[tuple[str, str]]:
    facts = [*_what(state, row.id, row.how), ("questions", f"{report.n:,} of {_test(report)}")]
    facts.append(("training seeds", f"{len(row.f1_by_seed)} of this arm: {', '.join(map(str, report.seeds))}"))
    if report.control_conclusion is not None:
        against = name_of(state, report.control_conclusion.against)
        facts.append((f"best control, {against}", report.control_conclusion.sentence))
    same = next((each for each in report.rows if each.id == "a-a"), None)
    if same is not None and same.gain is not None:
        known = same.gain_ci or same.gain_questions_ci
        tie = known is None or known[0] <= 0 <= known[1]
        facts.append(
            (
                "A/A control",
                f"a second training of the baseline differs from it by {signed(same.gain)} "
                f"{signed_interval(known)}: {'a tie, as it should be' if tie else 'not a tie, so be careful'}",
            )
        )
    best = report.row(report.best)
    if best is not None and best.searched_val_f1 is not None and report.protocol != "paper":
        facts.append(
            (
                "winner's curse",
                f"{best.name} had F1 {number(best.searched_val_f1)} on val in the search; trained again it has "
                f"{number(best.val_f1)} on val and {number(best.f1)} on the test",
            )
        )
    if report.protocol == "paper":
        facts.append(
            ("protocol", "candidates were ranked on the test itself with one seed, so the best scores are inflated")
        )
    return [*facts, *_common(state, row.flags)]


def _what(state: RunState, arm: str, how: str = "") -> list[tuple[str, str]]:
    """What the winner is: how its arm was made, or why its reward was proposed."""
    found = state.candidates[arm].rationale if arm in state.candidates else how
    return [("what it is", shortened(found, 600))] if found else []


def _common(state: RunState, flags: tuple[str, ...]) -> list[tuple[str, str]]:
    facts = [("flags", ", ".join(flags) or "none")]
    facts += [("mixed", f"{each.what} is {each.here}, was {each.before}") for each in state.mixed]
    return facts


def _unfinished(state: RunState, ranking: Ranking) -> list[str]:
    """What is missing of a finished run, a sentence each."""
    config, lines = state.config, []
    if state.rounds_done < config.rounds:
        ended = f" The last session ended: {state.status}{f', {state.reason}' if state.reason else ''}."
        lines.append(
            f"{state.rounds_done} of {config.rounds} rounds are done.{ended if state.status != 'running' else ''}"
        )
    if not any(verdict.accepted for verdict in state.verdicts.values()):
        lines.append("No candidate has been accepted.")
    if BASELINE not in state.results:
        lines.append("The baseline has no result, so nothing is compared with it.")
    pending = sum(row.status in ("pending", "error") for row in ranking.rows)
    if pending:
        lines.append(f"{pending} arm{' is' if pending == 1 else 's are'} not trained yet.")
    if state.final is None:
        why = "is off in the config" if not config.finalize.enabled else "has not run"
        lines.append(f"Finalize {why}, so there are no ensembles, no controls and no reading of the sealed test.")
    lost: list[LostFile] = [each for each in missing(state) if not each.from_journal]
    lines += [f"{each.path} is {each.what}." for each in lost[:5]]
    if len(lost) > 5:
        lines.append(f"{len(lost) - 5} more files are missing or damaged.")
    return lines


def spend(state: RunState) -> list[tuple[str, str]]:
    """What the run cost."""
    facts = [("wall clock", duration(state.seconds)), ("training steps", f"{state.steps:,}")]
    if state.device_seconds:
        facts.append(("GPU-hours", f"{state.device_seconds / 3600:.2f}"))
    if state.usage.requests:
        facts.append(("model requests", f"{state.usage.requests:,}, {state.usage.spent}"))
    unconfirmed = state.account.unconfirmed
    if unconfirmed.requests:
        facts.append(("unconfirmed", f"{unconfirmed.requests} requests, at most {unconfirmed.spent}"))
    return facts


def environment(state: RunState) -> list[tuple[str, str]]:
    """What the results depend on: seeds, policy, device, versions, and the files that the config names."""
    config = state.config
    facts = [("seed", str(config.seed)), ("baseline seeds", ", ".join(map(str, config.baseline_seeds)))]
    if state.final is not None and state.final.seeds:
        facts.append(("final seeds", ", ".join(map(str, state.final.seeds))))
    facts.append(
        ("policy", f"{config.policy.model}{f' at {config.policy.revision}' if config.policy.revision else ''}")
    )
    found = state.first_environment or state.environment
    if found is not None:
        facts.append(("device", str(found.device)))
        facts.append(("versions", ", ".join(f"{name} {version}" for name, version in found.versions.items())))
    facts += [(f"digest of {key}", digest[:16]) for key, digest in state.inputs.items()]
    return facts
