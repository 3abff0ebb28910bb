"""What holds rows of a table together, which split they go to, and what moves them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from played import SMALL, Quiet, Trainer
from user_data import own_config, write_lines

from rewardsearch.config import parse_config
from rewardsearch.errors import UserError
from rewardsearch.loop import search
from rewardsearch.session.preflight import check
from rewardsearch.tasks import Split, load_task, user_pairs
from rewardsearch.tasks.datasheet import check_rows, datasheet
from rewardsearch.tasks.resume import ResumeTask
from rewardsearch.tasks.splitting import By, keys_of, plain, split_rows, words
from rewardsearch.tasks.user_pairs import UserPairs, read_pairs

SPLITS: tuple[Split, ...] = ("train", "val", "test")
PLAIN: dict[str, Any] = {"columns": {"positive": ["yes"], "negative": ["no"]}}


def row(resume: str, job: str, label: str = "yes", **more: str) -> dict[str, str]:
    return {"resume": resume, "job": job, "label": label, **more}


def read(tmp_path: Path, rows: list[dict[str, str]], **settings: object) -> UserPairs:
    return read_pairs(own_config(write_lines(tmp_path / "rows.jsonl", rows), **(PLAIN | settings)))


def splits_of(found: UserPairs) -> dict[str, Split]:
    return {pair.resume: split for split in SPLITS for pair in found.splits[split]}


def labelled(rows: list[tuple[str, str]]) -> list[dict[str, str]]:
    return [row(resume, job, ("yes", "no")[i % 2]) for i, (resume, job) in enumerate(rows)]


@pytest.fixture
def one_job() -> list[dict[str, str]]:
    """More than half of the rows are of one job."""
    return labelled([(f"resume {i}", "job A") for i in range(110)] + [(f"other {i}", f"job {i}") for i in range(100)])


@pytest.mark.parametrize("by", ["texts", "persons"])
def test_with_a_named_split_rows_of_other_jobs_and_persons_move_none(
    tmp_path: Path, one_job: list[dict[str, str]], by: By
) -> None:
    before = splits_of(read(tmp_path, one_job, split_by=by))
    more = labelled([(f"more {i}", f"newer {i}") for i in range(300)])
    after = read(tmp_path, [*more, *one_job], split_by=by)
    assert {resume: split for resume, split in splits_of(after).items() if resume in before} == before
    assert (after.by, after.notes) == (by, ())


def test_by_texts_further_candidates_of_a_known_job_move_none(tmp_path: Path) -> None:
    rows = labelled([(f"resume {i}", f"job {i // 2}") for i in range(200)])
    more = labelled([(f"more {i}", f"job {i % 100}") for i in range(400)])
    before, after = (splits_of(read(tmp_path, each, split_by="texts")) for each in (rows, rows + more))
    assert all(after[resume] == split for resume, split in before.items())
    # One who applies for two jobs ties them: they are one group, which goes where one of them was.
    tied = splits_of(read(tmp_path, [*rows, row("resume 0", "job 50")], split_by="texts"))
    assert tied["resume 0"] == tied["resume 1"] == tied["resume 100"] == tied["resume 101"]
    assert tied["resume 0"] in (before["resume 0"], before["resume 100"])
    assert all(tied[f"resume {i}"] == before[f"resume {i}"] for i in range(200) if i not in (0, 1, 100, 101))


def test_by_persons_further_resumes_of_a_known_person_move_none(tmp_path: Path) -> None:
    columns = PLAIN["columns"] | {"person": "nr"}
    rows = [each | {"nr": str(i)} for i, each in enumerate(labelled([(f"r {i}", "job") for i in range(200)]))]
    more = [each | {"nr": str(i)} for i, each in enumerate(labelled([(f"newer {i}", "job") for i in range(200)]))]
    before, after = (
        splits_of(read(tmp_path, each, split_by="persons", columns=columns)) for each in (rows, rows + more)
    )
    assert all(after[f"r {i}"] == after[f"newer {i}"] == before[f"r {i}"] for i in range(200))


def test_auto_says_what_it_took_and_why_and_that_the_config_keeps_it(
    tmp_path: Path, one_job: list[dict[str, str]]
) -> None:
    found = read(tmp_path, one_job)
    (note,) = found.notes
    assert note.startswith(
        "split by persons: rows that share a resume are in one split, those that share a job are not, as by texts the "
    )
    assert note.endswith("of 210 rows; name task.split_by: persons to keep that as rows are added")
    assert found.splits == read(tmp_path, one_job, split_by="persons").splits
    many = one_job + labelled([(f"more {i}", f"newer {i}") for i in range(300)])
    found = read(tmp_path, many)
    assert found.by == "texts"
    assert found.notes[0].endswith("; name task.split_by: texts to keep that as rows are added")
    assert found.splits == read(tmp_path, many, split_by="texts").splits


@pytest.mark.parametrize("own_test", [False, True])
@pytest.mark.parametrize("jobs", [1, 2, 3, 5, 8])
def test_auto_fills_every_split_of_a_table_with_few_jobs(jobs: int, own_test: bool) -> None:
    for table in range(40):
        rows = [keys_of(f"r {table} {i}", f"job {table} {i % jobs}") for i in range(500)]
        made = split_rows(rows, "auto", own_test)
        counts = Counter(made.splits)
        shares = {"train": 0.8, "val": 0.2} if own_test else {"train": 0.6, "val": 0.2, "test": 0.2}
        assert all(counts[split] >= 0.5 * share * 500 for split, share in shares.items()), (made.by, counts)
        assert bool(made.why) == (made.by == "persons")


def test_auto_keeps_texts_where_persons_fill_the_splits_no_better() -> None:
    made = split_rows([keys_of("the resume", f"job {i}") for i in range(50)], "auto", False)
    assert (made.by, made.why, len(set(made.splits))) == ("texts", "", 1)


def test_a_split_that_is_empty_is_told_with_the_split_that_would_fill_it(tmp_path: Path) -> None:
    data = write_lines(tmp_path / "three.jsonl", labelled([(f"r {i}", f"job {i % 2}") for i in range(400)]))
    settings = {"task": {"name": "resume", "data": data, **PLAIN}}
    check_rows(load_task((auto := parse_config(settings, "test")).task), auto)
    named = parse_config({"task": settings["task"] | {"split_by": "texts"}}, "test")
    with pytest.raises(UserError) as refused:
        check_rows(load_task(named.task), named)
    assert any(
        "split has 0 rows" in mistake and "task.split_by: texts" in mistake and "task.split_by: persons" in mistake
        for mistake in refused.value.mistakes
    )


def test_a_test_of_its_own_keeps_the_jobs_that_the_named_split_says(tmp_path: Path) -> None:
    data = labelled([(f"r{i}", f"j{i % 30}") for i in range(100)])
    test = write_lines(tmp_path / "t.jsonl", [row("r1", "j1"), row("n1", "j1"), row("n2", "j2"), row("n3", "new")])
    kept = {
        by: {pair.resume for pair in read(tmp_path, data, test_data=test, split_by=by).splits["test"]}
        for by in ("auto", "texts", "persons")
    }
    assert kept == {"auto": {"n1", "n2", "n3"}, "texts": {"n3"}, "persons": {"n1", "n2", "n3"}}


def test_punctuation_and_white_space_do_not_part_a_person(tmp_path: Path) -> None:
    rows = []
    for i in range(300):
        text = f"Person {i} worked as nurse {i % 7} years, tel 555-{i}"
        rows += [(text, f"job {i}"), (f"\u2022 {text.replace(', ', ',  ')}.", f"other {i}")]
    found = read(tmp_path, labelled(rows))
    assert found.left_out == {} and sum(map(len, found.splits.values())) == 600
    people = {split: {words(pair.resume) for pair in found.splits[split]} for split in SPLITS}
    assert sum(map(len, people.values())) == len(set().union(*people.values())) == 300


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Cook.", "cook", True),
        ("- a cook,\nin Rome!", "a cook in Rome", True),
        ("e\u0301tudes", "\u00c9TUDES", True),
        ("of\ufb01ce\u00ad", "office", True),
        ("cook 1 1", "cook 11", False),
        ("???", "!!!", False),
        ("???", " ??? ", True),
        ("???", "cook", False),
        ("\u0915\u093f", "\u0915\u093e", False),
        ("\u53a8\u5e08\u3002", "\u53a8\u5e08", True),
        ("\u53a8\u5e08", "\u8001\u5e08", False),
    ],
)
def test_texts_are_compared_by_their_words(one: str, other: str, same: bool) -> None:
    assert (words(one) == words(other)) == same


def test_ids_and_repeated_rows_go_by_case_and_white_space_alone(tmp_path: Path) -> None:
    found = read(tmp_path, [row("a cook", "j"), row("A  cook ", "J"), row("a cook.", "j")])
    assert found.left_out == {"the same row again": 1}
    pairs = [pair for split in SPLITS for pair in found.splits[split]]
    assert len({pair.id for pair in pairs}) == 2 and plain(pairs[0].resume) != plain(pairs[1].resume)


def test_both_labels_for_prompts_that_a_column_alone_tells_apart_are_told(tmp_path: Path) -> None:
    rows = [
        row(f"r {i}", f"j {i}", label, src=src) for i in range(40) for label, src in (("yes", "web"), ("no", "fair"))
    ]
    columns = PLAIN["columns"] | {"prompt": ["src"]}
    found = read(tmp_path, [*rows, row("x", "y", "yes", src="web"), row("X", "y", "no", src="web")], columns=columns)
    assert found.left_out == {"the same resume and job and src with both labels": 2}
    assert found.notes[-1].startswith("80 rows ") and found.notes[-1].endswith(" src")
    assert sum(map(len, found.splits.values())) == 80
    assert read(tmp_path, rows).left_out == {"the same resume and job with both labels": 80}


def test_one_process_reads_a_table_once_until_its_content_or_map_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trainer: Trainer
) -> None:
    asked: list[str] = []
    real = user_pairs.read_entries

    def counted(part: Any, source: str, *more: Any) -> Any:
        asked.append(source)
        return real(part, source, *more)

    monkeypatch.setattr(user_pairs, "read_entries", counted)
    data = tmp_path / "rows.jsonl"
    write_lines(data, labelled([(f"resume {i}", f"job {i}") for i in range(400)]))
    task = {"name": "resume", "data": str(data), "train_rows": 64, "val_rows": 20, "test_rows": 20, **PLAIN}
    config = parse_config({**SMALL, "task": task}, "test")
    check(config)
    search(config, tmp_path / "run", Quiet())
    assert len(asked) == 1
    assert len(load_task(config.task.model_copy(update={"train_rows": 30})).rows("train")) >= 30
    assert len(asked) == 1
    load_task(config.task.model_copy(update={"split_by": "persons"})).rows("val")
    assert len(asked) == 2
    load_task(config.task).rows("val")
    assert len(asked) == 3
    data.write_text(data.read_text() + json.dumps(row("one more", "of another job")) + "\n")
    assert load_task(config.task).rows("val") and len(asked) == 4
    data.unlink()
    with pytest.raises(UserError, match="no such file"):
        load_task(config.task).rows("val")


def test_a_search_fits_no_baseline_that_it_does_not_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trainer: Trainer
) -> None:
    data = write_lines(tmp_path / "rows.jsonl", labelled([(f"resume {i}", f"job {i}") for i in range(400)]))
    task = {"name": "resume", "data": data, "train_rows": 64, "val_rows": 20, "test_rows": 20, **PLAIN}
    config = parse_config({**SMALL, "task": task}, "test")
    assert datasheet(load_task(config.task), config).splits[1].baselines

    def fitted(self: ResumeTask, split: Split) -> None:
        raise AssertionError(f"fitted baselines for {split}")

    monkeypatch.setattr(ResumeTask, "heuristic_baselines", fitted)
    said = Quiet()
    search(config, tmp_path / "run", said)
    assert any(line.startswith("data: ") for line in said.said)
