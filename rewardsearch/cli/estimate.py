"""`rewardsearch estimate`: what a search takes, before it begins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from rewardsearch.cli.options import ConfigArgument, JsonOption, NoMeasureOption, SetOption, settings_of
from rewardsearch.cli.tables import make_console, print_facts, print_json, print_lines, print_table, write_messages
from rewardsearch.errors import UserError
from rewardsearch.files.numbers import rounded

if TYPE_CHECKING:
    from rewardsearch.config import Config
    from rewardsearch.session.estimating import Estimate, Measured
    from rewardsearch.session.pending import Between

PARTS = {
    "sft": "supervised fine-tuning",
    "bank": "rollout bank",
    "references": "policy and baseline",
    "rounds": "candidates",
    "finalize": "finalize",
    "test": "sealed test",
    "validation": "validation",
    "total": "all",
}
"""What the table calls the parts of a search."""


def estimate(
    config: ConfigArgument,
    set_: SetOption = None,
    no_measure: NoMeasureOption = False,
    assume: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=SECONDS,...",
            help="Take these in place of measuring, such as step=1.6,question=0.01. Keys: step, question, run, start, sft_step, "
            "sampled, validated, step_shared, question_shared, and in tokens completion_tokens, answer_tokens.",
        ),
    ] = None,
    hourly: Annotated[
        float | None, typer.Option("--hourly", metavar="DOLLARS", min=0, help="What a device costs for an hour.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Estimate time, device hours, tokens and money of a search.

    Measures a few training steps and one batch of the evaluation here, with as many processes side by side as the search would
    have. Sends no request. Nothing of it is kept.
    """
    from rewardsearch.session.estimating import estimate as estimated

    settings = settings_of(config, set_)
    if assume:
        found = estimated(settings, assumed(assume), hourly=hourly)
    elif no_measure:
        found = estimated(settings, None, hourly=hourly)
    else:
        found = measured_estimate(settings, hourly)
    if as_json:
        print_json({"config": config, **found.model_dump(mode="json")})
        return
    console = make_console()
    shown = [*found.parts, found.total]
    rows = [
        (
            PARTS[each.part],
            _count(each.runs),
            _count(each.steps),
            _count(each.sampled),
            _count(each.questions),
            _tokens(each.tokens),
            _time(each.seconds),
        )
        for each in shown
    ]
    legend = {
        "runs": "training runs",
        "steps": "training steps of all runs",
        "sampled": "completions in training and for the rollout bank",
        "questions": "questions that policies are evaluated on",
        "tokens": "tokens that policies write, in thousands",
        "time": "by the clock",
    }
    headers = ("", "runs", "steps", "sampled", "questions", "tokens", "time")
    print_table(console, headers, rows, legend=legend, spare=("sampled", "tokens"))
    print_facts(console, facts(found))
    print_lines(console, *(f"note: {note}" for note in found.notes))


def measured_estimate(config: Config, hourly: float | None = None) -> Estimate:
    """The estimate by what is measured here; says so on standard error before it begins."""
    from rewardsearch.session.estimating import estimate as estimated
    from rewardsearch.session.measuring import measure
    from rewardsearch.session.pending import Rows
    from rewardsearch.tasks import load_task

    write_messages("measuring a few training steps and a batch of the evaluation")
    try:
        task = load_task(config.task)
        rows = Rows(len(task.rows(config.ranked_on)), len(task.rows("test")))
        return estimated(config, measure(config, rows), rows, hourly, examples=True)
    except UserError as error:
        raise UserError(*error.mistakes, "nothing could be measured; --no-measure gives the counts alone") from None


def assumed(settings: Iterable[str]) -> Measured:
    """The pace that `--assume` gives. Raises UserError for an unknown key, and for a value that is no number of 0 or more."""
    from rewardsearch.session.estimating import Measured
    from rewardsearch.session.pace import Pace

    of_pace = tuple(Pace.model_fields)
    allowed = (*of_pace, "sft_step", "sampled", "validated", "completion_tokens", "answer_tokens")
    values: dict[str, float] = {}
    for setting in ",".join(settings).split(","):
        key, _, text = setting.partition("=")
        try:
            values[key] = float(text)
        except ValueError:
            values[key] = -1.0
        if key not in allowed or not 0 <= values[key] < float("inf"):
            raise UserError(
                f"--assume: got {setting}; give KEY=NUMBER, a number of 0 or more, with one of the keys {', '.join(allowed)}"
            )
    if "step" not in values:
        raise UserError("--assume: the seconds of a training step are missing; give --assume step=SECONDS")
    pace = Pace(**{key: value for key, value in values.items() if key in of_pace})
    return Measured(pace=pace, **{key: value for key, value in values.items() if key not in of_pace})


def facts(found: Estimate) -> Iterator[tuple[str, str]]:
    """The estimate in short, as names and values."""
    measured = found.measured
    if measured is not None:
        pace, seconds = measured.pace, f"measured in {measured.seconds:.0f} s" if measured.device else "assumed"
        shared = f", of which {rounded(pace.step_shared, 3)} s for all arms of a process" if pace.step_shared else ""
        yield (
            "pace",
            f"{rounded(pace.step + pace.step_shared, 3)} s a step{shared}, "
            f"{rounded(pace.question + pace.question_shared)} s a question, "
            f"{rounded(pace.run)} s more a run, {rounded(pace.start)} s to start ({seconds})",
        )
    if found.total.seconds is not None:
        arms = f", up to {found.arms} arms {'each' if found.slots > 1 else 'in it'}" if found.arms > 1 else ""
        processes = f"{found.slots} processes side by side" if found.slots > 1 else "1 process"
        yield "time", f"{_time(found.total.seconds)}, {processes}{arms}"
    if found.device_hours is not None:
        kind = f" ({measured.device})" if measured is not None and measured.device else ""
        devices = f"{found.devices} device{'s' if found.devices > 1 else ''}{kind}"
        yield "device hours", f"{_rounded_range(found.device_hours)} on {devices}{_dollars(found.device_dollars)}"
    if found.requests is not None:
        from rewardsearch.session.pending import Between

        least, most = found.requests
        money = None if least.unpriced else Between(least.dollars, most.dollars)
        yield (
            "requests",
            f"{_count(Between(least.requests, most.requests))}, {_count(Between(least.tokens, most.tokens))} tokens"
            f"{_dollars(money)}",
        )
    if found.dollars is not None:
        yield "money", _dollars(found.dollars).removeprefix(", ")


def _range(value: Between, form: str = ",.0f") -> str:
    low, high = (f"{end:{form}}" for end in value)
    return low if low == high else f"{low} to {high}"


def _rounded_range(value: Between) -> str:
    low, high = map(rounded, value)
    return low if low == high else f"{low} to {high}"


def _count(value: Between) -> str:
    return "" if not value.high else _range(value)


def _tokens(value: Between | None) -> str:
    from rewardsearch.session.pending import Between

    return "" if value is None else _range(Between(value.low / 1000, value.high / 1000))


def _dollars(value: Between | None) -> str:
    if value is None:
        return ""
    low, high = (f"${end:,.2f}" for end in value)
    return f", {low}" if low == high else f", {low} to {high}"


def _time(value: Between | None) -> str:
    from rewardsearch.session.time_left import describe_time

    return "" if value is None else describe_time(value)
