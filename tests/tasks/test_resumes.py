"""The generated resumes: what the rule reads in the text, balance, leakage, hard pairs."""

import random
from collections import Counter
from dataclasses import replace
from itertools import islice

import pytest

from rewardsearch.config import TaskConfig
from rewardsearch.tasks import load_task
from rewardsearch.tasks.keywords import KeywordRule
from rewardsearch.tasks.resumes import DESCRIPTION, IMPRESSIONS, generate, misleading, stream
from rewardsearch.tasks.resumes.draw import draw_facts, draw_job
from rewardsearch.tasks.resumes.facts import Facts, Job
from rewardsearch.tasks.resumes.people import FIRST, draw_person
from rewardsearch.tasks.resumes.read import read_job, read_resume
from rewardsearch.tasks.resumes.render import write_job, write_resume
from rewardsearch.tasks.resumes.rule import judge
from rewardsearch.tasks.resumes.vocabulary import GENERAL, MEANS, MUST, NICE, SKILLS

SPLITS = {"train": generate("train", 2000, 0), "val": generate("val", 400, 0), "test": generate("test", 600, 0)}
PAIRS = [pair for pairs in SPLITS.values() for pair in pairs]
JOB = Job("analyst", ("sql", "excel", "statistics"), "sas", 4, "bachelor")
FIT = Facts((("analyst", 4),), ("postgresql", "excel", "statistics"), (), None, "bachelor", 0, None)


def test_reading_a_text_gives_the_facts_that_it_was_written_from() -> None:
    rng = random.Random(0)
    for _ in range(500):
        job = draw_job(rng)
        facts = draw_facts(rng, job, selected=rng.random() < 0.5, hard=rng.random() < 0.5)
        assert read_job(write_job(job, rng)) == job
        assert read_resume(write_resume(facts, draw_person(rng), rng)) == facts


def test_the_rule_on_the_text_gives_the_label_and_the_full_reason() -> None:
    for pair in PAIRS:
        verdict = judge(read_job(pair.job), read_resume(pair.resume))
        assert (verdict.selected, verdict.reason) == (pair.selected, pair.reasons[0])


def test_no_name_pronoun_or_age_moves_the_decision_or_any_other_word() -> None:
    rng = random.Random(1)
    for seed in range(300):
        job = draw_job(rng)
        facts = draw_facts(rng, job, selected=seed % 2 == 0, hard=rng.random() < 0.3)
        one, other = draw_person(rng), draw_person(rng)
        texts = [write_resume(facts, person, random.Random(seed)) for person in (one, other)]
        assert texts[0] != texts[1] or one == other
        assert len({judge(job, read_resume(text)) for text in texts}) == 1
        words = [
            Counter(text.replace(".", "").replace(",", "").split()) - Counter([p.first, p.last, p.pronoun, str(p.age)])
            for text, p in zip(texts, (one, other), strict=True)
        ]
        # Age and years are both numbers: what is left may differ by the persons' own words alone.
        own = {w for p in (one, other) for w in (p.first, p.last, p.pronoun, str(p.age))}
        assert set((words[0] - words[1]) + (words[1] - words[0])) <= own


def test_every_person_group_is_selected_about_as_often() -> None:
    pairs = list(islice(stream("train", 3), 3000))
    for attribute in ("gender", "origin", "age"):
        for group in {pair.groups[attribute] for pair in pairs}:
            chosen = [pair.selected for pair in pairs if pair.groups[attribute] == group]
            assert abs(sum(chosen) / len(chosen) - 0.5) < 3.5 * 0.5 / len(chosen) ** 0.5
    assert len({pair.groups["name"] for pair in pairs}) == 2 * len(FIRST)


def test_half_of_every_split_is_selected_and_three_of_ten_are_hard_in_either_class() -> None:
    for pairs in SPLITS.values():
        chosen = [pair for pair in pairs if pair.selected]
        assert len(chosen) * 2 == len(pairs)
        for group in (chosen, [pair for pair in pairs if not pair.selected]):
            assert sum(pair.hard for pair in group) / len(group) == pytest.approx(0.3, abs=0.01)


def test_hard_pairs_are_those_whose_words_point_to_the_other_label() -> None:
    for pair in PAIRS[:500]:
        assert misleading(read_job(pair.job), read_resume(pair.resume), pair.selected) == pair.hard


def test_no_person_job_or_text_is_in_two_splits() -> None:
    for of in (
        lambda pair: pair.job,
        lambda pair: replace(read_job(pair.job), must=tuple(sorted(read_job(pair.job).must))),
        lambda pair: " ".join(w.strip(",") for w in pair.resume.removeprefix("name: ").split()[:2]),
        lambda pair: pair.resume,
        lambda pair: pair.id,
    ):
        seen = [{of(pair) for pair in pairs} for pairs in SPLITS.values()]
        assert not seen[0] & seen[1] and not seen[0] & seen[2] and not seen[1] & seen[2]
    assert len({(pair.job, pair.resume) for pair in PAIRS}) == len(PAIRS)


def test_the_seed_fixes_the_pairs_and_fewer_are_the_first_of_more() -> None:
    assert generate("val", 30, 0) == SPLITS["val"][:30]
    assert generate("val", 30, 1) != SPLITS["val"][:30]


def test_a_keyword_matcher_is_clearly_worse_than_the_rule() -> None:
    rule = KeywordRule.fitted(SPLITS["train"])
    for pairs in (SPLITS["val"], SPLITS["test"]):
        assert 0.56 < sum(rule.label(pair) == pair.label for pair in pairs) / len(pairs) < 0.72
        hard = [pair for pair in pairs if pair.hard]
        assert sum(rule.label(pair) == pair.label for pair in hard) / len(hard) < 0.3


def test_no_word_means_two_things() -> None:
    words = [word for s in SKILLS.values() for word in (s.word, *s.equivalents, s.near)]
    words += [word for nice in NICE.values() for word in nice] + list(GENERAL)
    assert len(set(words)) == len(words)
    assert all(s.near not in MEANS for s in SKILLS.values()) and len(MUST) >= 8


@pytest.mark.parametrize(
    ("change", "points"),
    [
        ({}, 9),
        ({"worked": ("xml", "excel", "statistics")}, 7),  # a near miss is nothing
        ({"worked": ("excel", "statistics"), "courses": ("mysql",)}, 8),
        ({"worked": ("sql", "excel", "statistics", "sas")}, 10),
        ({"history": (("analyst", 3), ("cook", 3))}, 9),  # half of the other years count
        ({"history": (("analyst", 3), ("cook", 1))}, 8),
        ({"history": (("analyst", 2),)}, 7),
        ({"degree": "no"}, 8),
        ({"degree": "no", "history": (("analyst", 6),)}, 9),  # two more years stand in for the degree
        ({"gap": 2}, 8),
        ({"gap": 2, "explained": "family"}, 9),
        ({"gap": 1}, 9),
        ({"project": "postgresql"}, 10),
        ({"project": "xml"}, 9),
    ],
)
def test_points(change: dict[str, object], points: int) -> None:
    verdict = judge(JOB, replace(FIT, **change))  # type: ignore[arg-type]
    assert (verdict.points, verdict.selected) == (points, True)


def test_two_unmet_must_haves_are_too_many_whatever_else_there_is() -> None:
    facts = replace(FIT, worked=("excel", "sas"), courses=("sql", "statistics"), project="sql")
    assert judge(JOB, facts).points >= 7
    assert not judge(JOB, facts).selected


def test_six_points_are_too_few() -> None:
    assert not judge(JOB, replace(FIT, history=(("analyst", 2),), degree="no")).selected
    assert judge(JOB, replace(FIT, history=(("analyst", 2),), degree="no")).points == 6


def test_the_full_reason_names_every_criterion_with_the_points_so_far() -> None:
    facts = replace(FIT, worked=("postgresql", "statistics"), courses=("excel",), history=(("cook", 5), ("analyst", 3)))
    assert judge(JOB, facts).reason == (
        "sql by postgresql 2. excel course 3. statistics yes 5. sas no 5. years 3 + 2 of 4 7. degree yes 8. unmet 1."
    )


def test_the_example_in_the_brief_is_judged_as_it_says() -> None:
    text = " ".join(DESCRIPTION.split())
    job = text.split("Job: ")[1].split(" Resume: ")[0]
    resume = text.split(" Resume: ")[1].split(" How a person")[0]
    assert f"`{judge(read_job(job), read_resume(resume)).reason}`" in text


def test_a_text_that_the_generator_did_not_write_is_refused() -> None:
    with pytest.raises(ValueError, match="not a s"):
        read_resume("Anna Novak, 41. a dog.")


def test_demonstrations_are_mostly_impressions_and_some_full_reasons_in_the_asked_form() -> None:
    task = load_task(TaskConfig(name="resume", train_rows=1000))
    shown = task.demonstrations()
    full = sum("unmet" in each.completion for each in shown) / len(shown)
    assert 0.17 < full < 0.27
    assert all(task.outcome(each.row, each.completion).kind == "correct" for each in shown)
    briefs = {text for texts in IMPRESSIONS.values() for text in texts}
    assert all("unmet" in c or any(text in c for text in briefs) for c in (each.completion for each in shown))


def test_a_prompt_is_short_and_holds_both_texts() -> None:
    row = load_task(TaskConfig(name="resume", val_rows=5)).rows("val")[0]
    assert row.prompt == f"Job: {row.columns['job']}\nResume: {row.columns['resume']}\n"
    assert max(len(f"{pair.job} {pair.resume}".split()) for pair in PAIRS) < 80
