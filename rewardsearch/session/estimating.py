"""What a whole search takes before it begins: counts from the config, and with a pace also time, device hours and money.

`measuring.py` measures the pace. What is pending, and how long it takes at a pace, is computed as `status` computes the time
that is left of a run.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from typing import Literal

from rewardsearch.config import Config
from rewardsearch.propose.llm.expected import REPLY_TOKENS, expected_usage
from rewardsearch.records import Device, Record, Usage
from rewardsearch.run.artifacts import bank_path, load_sft, sft_cache
from rewardsearch.run.devices import accelerators
from rewardsearch.run.fingerprints import fingerprint
from rewardsearch.session.pace import Pace, Place, duration
from rewardsearch.session.pending import NOTHING, Batch, Between, Rows, planned
from rewardsearch.session.requests import first_request

AnyPart = Literal["sft", "bank", "references", "rounds", "finalize", "test", "validation", "total"]


class Measured(Record):
    """What a pace was taken from. The seconds are of one unit; None where there is none, or it was not measured.

    sft_step: of supervised fine-tuning. sampled: a completion of the rollout bank. validated: a candidate. completion_tokens and
    answer_tokens: mean lengths of a completion in training and in the evaluation. device: None where nothing was measured.
    """

    pace: Pace
    sft_step: float | None = None
    sampled: float | None = None
    validated: float | None = None
    completion_tokens: float | None = None
    answer_tokens: float | None = None
    device: Device | None = None
    seconds: float = 0.0
    """What measuring took."""


class PartEstimate(Record):
    """A part of a search, at least and at most: training runs, their steps, completions that are sampled, questions that are
    answered, tokens that the policy writes, seconds by the clock, and seconds of training processes; None where not known."""

    part: AnyPart
    runs: Between = NOTHING
    steps: Between = NOTHING
    sampled: Between = NOTHING
    questions: Between = NOTHING
    tokens: Between | None = None
    seconds: Between | None = None
    process_seconds: Between | None = None


class Estimate(Record):
    """parts: in the order of the search; the parts that it does not have, or that an earlier run has left in the cache, are not
    among them. requests: the least and the most that the proposer's requests take; None where it sends none. devices: how many
    the search holds. device_hours: hours by the clock times `devices`. notes: what is not counted, and what will stop it before.
    """

    slots: int
    arms: int
    devices: int
    measured: Measured | None
    parts: tuple[PartEstimate, ...]
    total: PartEstimate
    device_hours: Between | None
    requests: tuple[Usage, Usage] | None
    device_dollars: Between | None
    dollars: Between | None
    notes: tuple[str, ...]


def estimate(
    config: Config,
    measured: Measured | None,
    rows: Rows | None = None,
    hourly: float | None = None,
    examples: bool = False,
) -> Estimate:
    """The estimate by what was measured; None gives counts alone.

    rows: as many as the task has; None takes what the config asks for. hourly: dollars of a device for an hour. examples: count
    the prompt with a row of the task in it, for which the data are read. Raises UserError where no prompt fits
    propose.prompt_tokens.
    """
    rows = rows or Rows.of(config)
    place = Place.of(config)
    parts = list(_parts(config, measured, rows, place))
    total = _total(parts, measured)
    devices = _devices(config, place.slots, measured.device if measured else None)
    device_hours = total.seconds.times(devices / 3600) if total.seconds else None
    requests = None
    if config.propose.proposer == "llm":
        requests = expected_usage(first_request(config, examples), config.propose, config.rounds)
    device_dollars = device_hours.times(hourly) if device_hours and hourly is not None else None
    priced = Between(requests[0].dollars, requests[1].dollars) if requests and not requests[0].unpriced else None
    known = [each for each in (device_dollars, priced) if each is not None]
    return Estimate(
        slots=place.slots,
        arms=place.arms,
        devices=devices,
        measured=measured,
        parts=tuple(parts),
        total=total,
        device_hours=device_hours,
        requests=requests,
        device_dollars=device_dollars,
        dollars=sum(known, NOTHING) if known else None,
        notes=tuple(_notes(config, measured, parts, total, device_hours, requests)),
    )


def _parts(config: Config, measured: Measured | None, rows: Rows, place: Place) -> Iterator[PartEstimate]:
    sft = config.sft
    if sft.enabled and load_sft(sft_cache(config), fingerprint("sft", config)) is None:
        # It evaluates val before and after, and loads the policy for each.
        questions = 2 * rows.ranked
        seconds = None
        if measured and measured.sft_step is not None:
            pace = measured.pace
            seconds = sft.steps * measured.sft_step + 2 * pace.start + pace.of([(0, questions)])
        tokens = questions * measured.answer_tokens if measured and measured.answer_tokens is not None else None
        yield PartEstimate(
            part="sft",
            steps=Between.exactly(sft.steps),
            questions=Between.exactly(questions),
            tokens=_known(tokens),
            seconds=_known(seconds),
            process_seconds=_known(seconds),
        )
    if config.bank.enabled and not bank_path(config).is_file():
        sampled = config.bank.questions * config.bank.group_size
        seconds = sampled * measured.sampled if measured and measured.sampled is not None else None
        tokens = sampled * measured.completion_tokens if measured and measured.completion_tokens is not None else None
        yield PartEstimate(
            part="bank",
            sampled=Between.exactly(sampled),
            tokens=_known(tokens),
            seconds=_known(seconds),
            process_seconds=_known(seconds),
        )
    batches = planned(config, rows)
    for part in ("references", "rounds", "finalize", "test"):
        yield from _trained(part, [batch for batch in batches if batch.part == part], config, measured, place)
    if measured and measured.validated is not None:
        # Several at a time, one thread per core; what is rejected is replaced or repaired, and validated again.
        waves = config.rounds * math.ceil(config.candidates / (os.cpu_count() or 1))
        seconds = waves * measured.validated
        yield PartEstimate(part="validation", seconds=Between(seconds, seconds * (1 + config.propose.repairs)))


def _trained(
    part: AnyPart, batches: Sequence[Batch], config: Config, measured: Measured | None, place: Place
) -> Iterator[PartEstimate]:
    if not batches:
        return
    steps = sum((batch.steps for batch in batches), NOTHING)
    sampled = steps.times(config.train.completions_per_step)
    questions = sum((batch.questions for batch in batches), NOTHING)
    tokens = wall = busy = None
    if measured is not None:
        wall, busy = duration(batches, measured.pace, place)
        if measured.completion_tokens is not None and measured.answer_tokens is not None:
            tokens = sampled.times(measured.completion_tokens) + questions.times(measured.answer_tokens)
    yield PartEstimate(
        part=part,
        runs=sum((batch.runs for batch in batches), NOTHING),
        steps=steps,
        sampled=sampled,
        questions=questions,
        tokens=tokens,
        seconds=wall,
        process_seconds=busy,
    )


def _total(parts: Sequence[PartEstimate], measured: Measured | None) -> PartEstimate:
    """Every process is started once; processes start side by side."""

    def summed(field: str, start: float = 0.0) -> Between | None:
        found = [value for each in parts if (value := getattr(each, field)) is not None]
        return sum(found, Between.exactly(start)) if found else None

    start = measured.pace.start if measured else 0.0
    return PartEstimate(
        part="total",
        runs=summed("runs") or NOTHING,
        steps=summed("steps") or NOTHING,
        sampled=summed("sampled") or NOTHING,
        questions=summed("questions") or NOTHING,
        tokens=summed("tokens"),
        seconds=summed("seconds", start) if measured else None,
        process_seconds=summed("process_seconds", start) if measured else None,
    )


def _devices(config: Config, slots: int, device: Device | None) -> int:
    """How many devices the search holds: a CPU counts as one, and elsewhere than on this machine every slot has its own."""
    if config.train.launcher != "local":
        return math.ceil(slots * (config.train.ray.gpus or 1))
    if device is None or device.kind == "cpu":
        return 1
    return min(len(accelerators()), slots) or 1


def _notes(
    config: Config,
    measured: Measured | None,
    parts: Sequence[PartEstimate],
    total: PartEstimate,
    device_hours: Between | None,
    requests: tuple[Usage, Usage] | None,
) -> Iterator[str]:
    if config.train.launcher != "local":
        yield "for as many processes as train.slots says; set it to those that the cluster has room for"
    if config.racing:
        yield "a range is from races that stop as many candidates as they may to races that stop none"
    if total.seconds is not None:
        unknown = ", ".join(each.part for each in parts if each.seconds is None)
        if unknown:
            yield f"the time of {unknown} is not known and not counted"
        yield "not counted: waiting for proposals, ranking, and completions that get longer or shorter as the policy learns"
    if requests is not None:
        least, most = requests
        yield (
            f"requests: from {REPLY_TOKENS:,} tokens a reply and no repairs to propose.llm.max_tokens, every candidate "
            f"repaired, and {config.propose.prompt_tokens:,} tokens a prompt after the first round"
        )
        if most.unpriced:
            yield "no price for a model: set propose.llm.prices; its requests are not in the dollars"
    minutes = total.seconds.times(1 / 60) if total.seconds is not None else None
    on_gpu = device_hours if measured and measured.device and measured.device.kind != "cpu" else None
    limits: list[tuple[str, float | None, Between | None]] = [
        ("wall_clock_minutes", config.budget.wall_clock_minutes, minutes),
        ("gpu_hours", config.budget.gpu_hours, on_gpu),
    ]
    if requests is not None:
        least, most = requests
        limits.append(("tokens", config.budget.tokens, Between(least.tokens, most.tokens)))
        limits.append(("dollars", config.budget.dollars, Between(least.dollars, most.dollars)))
    for name, limit, needed in limits:
        if limit is not None and needed is not None and needed.high > limit:
            yield f"budget.{name}: {limit:,} {'is' if needed.low > limit else 'may be'} used up before the end"


def _known(value: float | None) -> Between | None:
    return None if value is None else Between.exactly(value)
