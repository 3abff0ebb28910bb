"""The leaderboard of a task with classes: F1 of the positive class ranks, the scores of each class stand beside it."""

import csv
import io

import pytest
from classed import classed
from fakes import candidate, screened

from rewardsearch.config import RaceConfig, RankConfig
from rewardsearch.rank import rank
from rewardsearch.records import BASELINE, RankedRow, Ranking, Verdict
from rewardsearch.run.tables import leaderboard_csv
from rewardsearch.stats import SeedNoise, f1_accuracy
from rewardsearch.train.race import race

A, B = candidate("judges", "1.0"), candidate("rejects", "2.0")
GOLD = "S" * 60 + "R" * 140
ANSWERS = {
    BASELINE: "S" * 50 + "R" * 10 + "S" * 40 + "R" * 100,
    A.id: "S" * 54 + "R" * 6 + "S" * 5 + "-" * 5 + "R" * 130,
    B.id: "S" * 5 + "R" * 195,
}
RESULTS = {arm: screened(arm, "", outcomes=classed(GOLD, answers)) for arm, answers in ANSWERS.items()}


def ranked(**more: object) -> tuple[Ranking, dict[str, RankedRow]]:
    ranking = rank(
        task="resume",
        results=RESULTS,
        candidates={each.id: each for each in (A, B)},
        verdicts={each.id: Verdict(candidate=each.id, accepted=True) for each in (A, B)},
        config=RankConfig(resamples=500),
        seed=0,
        **more,  # type: ignore[arg-type]
    )
    return ranking, {row.id: row for row in ranking.rows}


def test_the_positive_classs_f1_ranks_not_accuracy() -> None:
    ranking, rows = ranked()
    assert [row.id for row in ranking.rows[:3]] == [A.id, BASELINE, B.id]
    assert rows[B.id].accuracy == 0.725 and rows[BASELINE].accuracy == 0.75
    assert rows[B.id].f1 == pytest.approx(2 * 5 / (2 * 5 + 55))
    assert rows[A.id].f1 == pytest.approx(2 * 54 / (2 * 54 + 10 + 6))


def test_a_scored_row_has_the_scores_of_each_class() -> None:
    _, rows = ranked()
    scores = rows[A.id].classes
    assert scores is not None and list(scores.classes) == ["SELECTED", "REJECTED"]
    assert scores.classes["SELECTED"].precision.value == 54 / 64
    assert scores.classes["SELECTED"].f1.value == rows[A.id].f1
    assert scores.classes["SELECTED"].f1.ci == rows[A.id].f1_ci
    assert scores.confusion["REJECTED"] == {"SELECTED": 5, "REJECTED": 130, "unparsed": 5}
    assert rows["policy"].classes is None


def test_a_ranking_with_classes_survives_the_journal() -> None:
    ranking, _ = ranked()
    read = Ranking.model_validate_json(ranking.model_dump_json())
    assert read == ranking
    assert [list(row.classes.classes) for row in read.rows if row.classes] == [["SELECTED", "REJECTED"]] * 3


def test_the_csv_has_flat_columns_by_class() -> None:
    ranking, rows = ranked()
    lines = {line["id"]: line for line in csv.DictReader(io.StringIO(leaderboard_csv(ranking)))}
    scores = rows[A.id].classes
    assert scores is not None
    recall = scores.classes["SELECTED"].recall
    line = lines[A.id]
    told = tuple(float(line[f"selected_recall{end}"]) for end in ("", "_low", "_high"))
    assert told == pytest.approx((recall.value, *recall.ci))
    assert float(line["macro_f1_low"]) == pytest.approx(scores.macro_f1.ci[0])
    assert float(line["rejected_f1"]) == pytest.approx(scores.classes["REJECTED"].f1.value)
    assert float(line["selected_as_rejected"]) == 6 and float(line["rejected_as_unparsed"]) == 5
    assert lines["policy"]["macro_f1"] == "" and "classes" not in line


def test_the_csv_of_a_task_without_classes_has_no_columns_of_classes() -> None:
    numeric = rank(
        task="arithmetic",
        results={A.id: screened(A.id, "ccw")},
        candidates={A.id: A},
        verdicts={},
        config=RankConfig(resamples=100),
        seed=0,
    )
    columns = leaderboard_csv(numeric).splitlines()[0].split(",")
    assert columns[-1] == "reason" and "macro_f1" not in columns and "classes" not in columns


def test_noise_and_ties_are_of_the_positive_classs_f1() -> None:
    seeds = [
        screened(BASELINE, "", outcomes=classed(GOLD, answers), seed=seed)
        for seed, answers in enumerate((ANSWERS[BASELINE], "S" * 48 + "R" * 12 + "S" * 40 + "R" * 100))
    ]
    ranking, rows = ranked(baselines=seeds)
    assert ranking.noise is not None
    by_seed = {each.seed: f1_accuracy(each.outcomes).f1 for each in seeds}
    assert ranking.noise.f1_by_seed == rows[BASELINE].f1_by_seed == by_seed
    assert rows[BASELINE].f1 == pytest.approx(sum(by_seed.values()) / 2)
    assert rows[BASELINE].classes is not None
    assert rows[BASELINE].classes.classes["SELECTED"].f1.value == rows[BASELINE].f1
    assert rows[A.id].ties is not None and rows[B.id].ties == (3,)


def test_the_race_goes_by_the_positive_classs_f1() -> None:
    """Who rejects everyone has the higher accuracy here, and is dropped."""
    gold = "S" * 30 + "R" * 170
    results = {
        "judges": screened("judges", "", outcomes=classed(gold, "S" * 65 + "R" * 135)),
        "rejects": screened("rejects", "", outcomes=classed(gold, "R" * 200)),
    }
    settings, noise = RaceConfig(min_promoted=0.5), SeedNoise(sd=0.001, df=2)
    promotions = race(results, list(results), "judges", "judges", settings, RankConfig(resamples=500), 0, noise)
    assert f1_accuracy(results["rejects"].outcomes).accuracy > f1_accuracy(results["judges"].outcomes).accuracy
    assert promotions["judges"].promoted and not promotions["rejects"].promoted
    assert "F1 0.000 vs 0.632" in promotions["rejects"].message
