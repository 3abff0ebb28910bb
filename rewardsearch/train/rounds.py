"""The training runs of a round: its candidates through the rungs. Candidates that fall behind at a rung are stopped."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence

from rewardsearch.records import BASELINE, FULL, Candidate, TrainingResult
from rewardsearch.rewards.base import spec_of
from rewardsearch.run.artifacts import CHECKPOINT
from rewardsearch.run.events import Raced
from rewardsearch.run.jobs import segment_jobs
from rewardsearch.train.race import baseline_noise, race, rank_agreement
from rewardsearch.train.schedule import Trainings


def train_round(trainings: Trainings, number: int, candidates: Sequence[Candidate]) -> None:
    """Trains the accepted candidates of round `number`, rung by rung."""
    state = trainings.state
    jobs = {c.id: segment_jobs(c.id, [spec_of(c)], state.base, trainings.config) for c in candidates}
    running = set(jobs)
    for segment in zip(*jobs.values(), strict=True):
        trainings.run([job for job in segment if job.id in running])
        at_rung = {job.id: result for job in segment if (result := trainings.finished(job)) is not None}
        if segment[0].rung != FULL:
            _promote(trainings, number, segment[0].rung, at_rung)
            running = {id for id in at_rung if state.promotions[segment[0].rung, id].promoted}
            for job in segment:
                if job.id not in running:
                    # No later segment resumes it, and with the optimiser it is the largest of a run's files.
                    shutil.rmtree(trainings.folder / job.folder / CHECKPOINT, ignore_errors=True)


def train_lost(trainings: Trainings, candidates: Sequence[Candidate]) -> None:
    """Trains again the runs of `candidates` whose files were lost, and nothing else."""
    state = trainings.state
    jobs = (job for c in candidates for job in segment_jobs(c.id, [spec_of(c)], state.base, trainings.config))
    trainings.run([job for job in jobs if job.folder in state.lost])


def _promote(trainings: Trainings, number: int, rung: str, at_rung: Mapping[str, TrainingResult]) -> None:
    """Decides who continues after a rung. A candidate that has a decision keeps it."""
    config, state = trainings.config, trainings.state
    undecided = [id for id in at_rung if (rung, id) not in state.promotions]
    if not undecided:
        return
    # The leader of the leaderboard; whatever was trained to the end has been at this rung too.
    leaders = ((id, trainings.result_at(id, rung)) for id in trainings.leaders())
    incumbent, its_result = next((id, result) for id, result in leaders if result is not None)
    # Of the baseline's seeds only the search's own is trained through the rungs.
    name = f"the baseline with seed {config.seed}" if incumbent == BASELINE else trainings.name(incumbent)
    results = {incumbent: its_result, **at_rung}
    noise = baseline_noise(state.baselines, config.rank, config.seed)
    agreement = rank_agreement(_trained_past(trainings, rung, number), config.race)
    found = race(results, list(at_rung), incumbent, name, config.race, config.rank, config.seed, noise, agreement)
    promotions = [found[id] for id in undecided]
    trainings.journal.append(Raced(round=number, rung=rung, promotions=tuple(promotions)))
    for promotion in promotions:
        trainings.progress.say(f"  {trainings.name(promotion.id)} {promotion.message}")


def _trained_past(trainings: Trainings, rung: str, number: int) -> list[tuple[TrainingResult, TrainingResult]]:
    """The results at a rung and at the end of the candidates proposed before round `number` that have both."""
    earlier = (id for id, candidate in trainings.state.candidates.items() if candidate.round < number)
    pairs = ((trainings.result_at(id, rung), trainings.result_at(id, FULL)) for id in earlier)
    return [(early, late) for early, late in pairs if early is not None and late is not None]
