"""Anyone's data: through a column map into balanced training rows, with val and test as they are and apart from train."""

from __future__ import annotations

from pathlib import Path

import pytest
from user_data import hires, own_config, write_csv, write_lines

from rewardsearch.config import TaskConfig, parse_config
from rewardsearch.errors import UserError
from rewardsearch.records import TrainingJob
from rewardsearch.run.fingerprints import fingerprint
from rewardsearch.tasks import Split, load_task
from rewardsearch.tasks.pairs import Pair
from rewardsearch.tasks.resume import ResumeTask
from rewardsearch.tasks.splitting import plain
from rewardsearch.tasks.user_pairs import UserPairs, balanced, read_pairs

SPLITS: tuple[Split, ...] = ("train", "val", "test")
PLAIN = {"columns": {"positive": ["yes"], "negative": ["no"]}}


def row(resume: str, job: str, label: str = "yes", **more: str) -> dict[str, str]:
    return {"resume": resume, "job": job, "label": label, **more}


def read(tmp_path: Path, rows: list[dict[str, str]], **settings: object) -> UserPairs:
    return read_pairs(own_config(write_lines(tmp_path / "rows.jsonl", rows), **(PLAIN | settings)))


def every(found: UserPairs) -> list[Pair]:
    return [pair for split in SPLITS for pair in found.splits[split]]


def test_a_csv_with_other_names_and_missing_values_gives_balanced_train_and_natural_val_and_test(
    tmp_path: Path,
) -> None:
    task = load_task(own_config(write_csv(tmp_path / "hires.csv", hires())))
    assert isinstance(task, ResumeTask) and task.user_pairs is not None
    assert task.user_pairs.left_out == {"no resume": 6, "no label": 6}
    assert task.user_pairs.read == {"hires.csv": 300}
    assert sum(map(len, task.drawn.values())) == 288
    labels = {split: [row.answer for row in task.rows(split)] for split in SPLITS}
    assert labels["train"].count("SELECTED") == labels["train"].count("REJECTED") > 120
    for split in ("val", "test"):
        assert 0.1 < labels[split].count("SELECTED") / len(labels[split]) < 0.3
    rows = [row for split in SPLITS for row in task.rows(split)]
    assert len({row.id for row in rows}) == len(rows)
    assert {row.groups["sex"] for row in rows} == {"feminine", "masculine", "unknown"}
    assert all(set(row.columns) == {"resume", "job", "source"} for row in rows)
    assert any(row.prompt_text.endswith("source: referred, by\na colleague\n") for row in rows)
    assert not any(word in str(row.prompt) for row in rows for word in ("unknown", "decision", "hired"))


def test_a_missing_value_of_a_prompt_column_leaves_its_line_out(tmp_path: Path) -> None:
    task = load_task(own_config(write_csv(tmp_path / "hires.csv", hires(60))))
    silent = next(row for row in task.rows("train") if not row.columns["source"])
    assert "source" not in silent.prompt_text


def test_demonstrations_teach_the_reason_of_the_data_or_a_plain_sentence(tmp_path: Path) -> None:
    rows = hires(60)
    task = load_task(own_config(write_csv(tmp_path / "hires.csv", rows)))
    why = {row["cv text"]: row["why"] for row in rows}
    plain = "the resume was held against what the job asks for"
    for each in task.demonstrations():
        reason = why[each.row.columns["resume"]] or plain
        assert each.completion == f"<thinking> {reason} </thinking> <solution> {each.row.answer} </solution>"
        assert task.outcome(each.row, each.completion).kind == "correct"
    assert all(task.outcome(each.row, each.completion).kind == each.kind for each in task.labelled(5))


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_csv_and_json_lines_of_the_same_rows_give_the_same_pairs(tmp_path: Path, delimiter: str) -> None:
    rows = hires(60)
    one = read_pairs(own_config(write_csv(tmp_path / "a.csv", rows)))
    assert read_pairs(own_config(write_csv(tmp_path / "b.csv", rows, delimiter))).splits == one.splits
    assert read_pairs(own_config(write_lines(tmp_path / "c.jsonl", rows))).splits == one.splits


@pytest.mark.parametrize("head", ["sep=;\n", '"sep=;"\r\n'])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_a_csv_as_spreadsheets_write_it_gives_the_same_pairs(tmp_path: Path, head: str, encoding: str) -> None:
    rows = hires(60)
    one = read_pairs(own_config(write_csv(tmp_path / "a.csv", rows, ";")))
    text = (tmp_path / "a.csv").read_text(encoding="utf-8")
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    (tmp_path / "b.csv").write_bytes((mark + head + text).encode(encoding))
    assert read_pairs(own_config(tmp_path / "b.csv")).splits == one.splits


def test_none_and_na_are_values_where_no_text_need_be(tmp_path: Path) -> None:
    columns = PLAIN["columns"] | {"prompt": ["certs"], "groups": ["town"]}
    values = ("None", "NA", "n/a", "")
    rows = [row(f"r{i}", f"j{i}", "yes" if i % 2 else "no", certs=each, town=each) for i, each in enumerate(values)]
    found = every(read(tmp_path, rows, columns=columns))
    assert sorted(pair.columns["certs"] for pair in found) == ["", "", "NA", "None"]
    assert sorted(pair.groups["town"] for pair in found) == ["NA", "None", "unknown", "unknown"]


@pytest.mark.parametrize("missing", ["", " ", "NA", "n/a", "#N/A", "NaN", "NULL", "None", "<NA>"])
def test_what_says_that_a_cell_is_missing_is_no_text_unless_it_is_a_label(tmp_path: Path, missing: str) -> None:
    rows = [row("r1", "j1", missing.strip() or "no"), row(missing, "j2"), row("r3", missing), row("r4", "j4")]
    found = read(tmp_path, rows, columns={"positive": ["yes"], "negative": [missing.strip() or "no"]})
    assert sorted(pair.resume for pair in every(found)) == ["r1", "r4"]
    assert found.left_out == {"no resume": 1, "no job": 1}


def test_labels_may_be_numbers_and_truth_values(tmp_path: Path) -> None:
    for positive, negative, values in (([1], [0], (1, 0)), (["true"], ["false"], (True, False))):
        rows = [{"resume": f"r{i}", "job": f"j{i}", "label": values[i % 2]} for i in range(40)]
        task = own_config(write_lines(tmp_path / "n.jsonl", rows), columns={"positive": positive, "negative": negative})
        assert sum(pair.selected for pair in every(read_pairs(task))) == 20


def test_rows_that_share_a_resume_or_a_job_are_in_one_split(tmp_path: Path) -> None:
    rows = [row(f"one {i}", f"job of two {i // 2}") for i in range(200)]
    rows += [row((f"Two  {i // 2}", f"two {i // 2} ")[i % 2], f"job {i}", "no") for i in range(200)]
    # Chains of five rows: each shares its resume with the next, and that its job with the one after.
    rows += [row(f"chain {i // 5} {i % 5 // 2}", f"link {i // 5} {(i % 5 + 1) // 2}", "no") for i in range(100)]
    found = read(tmp_path, rows)
    assert (found.by, found.left_out) == ("texts", {})
    assert found.notes == (
        "split by texts: rows that share a resume or a job are in one split; name task.split_by: texts to keep that as rows "
        "are added",
    )
    chains = [{pair.resume.split()[1] for pair in found.splits[split] if "chain" in pair.resume} for split in SPLITS]
    assert sum(map(len, chains)) == len(set().union(*chains)) == 20
    assert 0.5 < len(found.splits["train"]) / len(every(found)) < 0.7
    for attribute in ("resume", "job"):
        texts = {split: {plain(getattr(pair, attribute)) for pair in found.splits[split]} for split in SPLITS}
        assert not texts["train"] & texts["val"] and not texts["val"] & texts["test"]
        assert not texts["train"] & texts["test"]


def test_rows_of_one_person_are_in_one_split_however_their_resumes_differ(tmp_path: Path) -> None:
    columns = PLAIN["columns"] | {"person": "nr"}
    rows = [
        row(f"version {i}", f"job {i}", "yes" if i % 2 else "no", nr=f" P{i // 4}" if i % 4 else "") for i in range(200)
    ]
    found = read(tmp_path, rows, columns=columns)
    people = {row["resume"]: row["nr"] for row in rows if row["nr"]}
    splits = {split: {people[p.resume] for p in found.splits[split] if p.resume in people} for split in SPLITS}
    assert sum(map(len, splits.values())) == len(set().union(*splits.values())) == 50
    assert all(len(found.splits[split]) > 15 for split in SPLITS) and found.by == "texts"
    assert not any("P1" in str(pair.columns) for pair in every(found))
    one_job = [each | {"job": "the job"} for each in rows]
    found = read(tmp_path, one_job, columns=columns)
    assert found.notes[0].startswith(
        "split by persons: rows that share a resume or a person are in one split, those that"
    )
    splits = {split: {people[p.resume] for p in found.splits[split] if p.resume in people} for split in SPLITS}
    assert sum(map(len, splits.values())) == len(set().union(*splits.values())) == 50


def test_a_test_of_its_own_has_no_person_of_the_data(tmp_path: Path) -> None:
    data = [row(f"r{i}", f"j{i}", nr=str(i)) for i in range(20)]
    test = write_lines(
        tmp_path / "t.jsonl", [row("newer", "n0", nr="7"), row("n1", "n1", nr=""), row("n2", "n2", nr="99")]
    )
    found = read(tmp_path, data, test_data=test, columns=PLAIN["columns"] | {"person": "nr"})
    assert sorted(pair.resume for pair in found.splits["test"]) == ["n1", "n2"]
    assert found.left_out == {"in task.test_data with a resume, person or job of task.data": 1}


def test_order_sizes_and_seed_move_no_row(tmp_path: Path) -> None:
    rows = [row(f"r{i}", f"j{i}", "yes" if i % 3 else "no") for i in range(100)]
    few = read(tmp_path, rows[:60], split_by="texts")
    many = read(tmp_path, rows[::-1], seed=4, train_rows=5, val_rows=5, split_by="texts")
    for split in SPLITS:
        assert {pair.id for pair in few.splits[split]} <= {pair.id for pair in many.splits[split]}


def test_the_seed_says_which_rows_are_drawn_and_the_size_how_many(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "r.jsonl", [row(f"r{i}", f"j{i}", "yes" if i % 2 else "no") for i in range(200)])
    drawn = [
        {r.columns["resume"] for r in load_task(own_config(source, seed=seed, train_rows=20, **PLAIN)).rows("train")}
        for seed in (0, 0, 1)
    ]
    assert len(drawn[0]) == 20
    assert drawn[0] == drawn[1] != drawn[2]


def test_one_job_for_most_rows_splits_by_persons_and_says_so(tmp_path: Path) -> None:
    rows = [row(f"r{i // 2}", "the job" if i < 150 else f"j{i}", str(i), note=str(i)) for i in range(200)]
    rows = [each | {"label": "yes" if i % 4 < 2 else "no"} for i, each in enumerate(rows)]
    found = read(tmp_path, rows, columns=PLAIN["columns"] | {"prompt": ["note"]})
    assert found.notes[0].startswith(
        "split by persons: rows that share a resume are in one split, those that share a job"
    )
    resumes = {split: {pair.resume for pair in found.splits[split]} for split in SPLITS}
    assert all(len(found.splits[split]) > 15 for split in SPLITS)
    assert not resumes["train"] & resumes["val"] and not (resumes["train"] | resumes["val"]) & resumes["test"]


def test_a_row_counts_once_and_contradictions_not_at_all(tmp_path: Path) -> None:
    rows = [row("a", "j"), row(" A ", "J"), row("b", "j"), row("b", "j", "no"), row("c", "k", "no")]
    found = read(tmp_path, rows)
    assert sorted(pair.resume for pair in every(found)) == ["a", "c"]
    assert found.left_out == {"the same row again": 1, "the same resume and job with both labels": 2}


def test_a_test_of_its_own_has_no_resume_and_no_job_of_the_data(tmp_path: Path) -> None:
    data = [row(f"r{i}", f"j{i}") for i in range(100)]
    test = write_lines(tmp_path / "t.jsonl", [row("r1", "new"), row("new", "J2"), row("n1", "n1"), row("n2", "n2")])
    found = read(tmp_path, data, test_data=test)
    assert sorted(pair.resume for pair in found.splits["test"]) == ["n1", "n2"]
    assert found.left_out == {"in task.test_data with a resume or job of task.data": 2}
    assert len(found.splits["train"]) + len(found.splits["val"]) == 100
    assert len(found.splits["train"]) > 70
    assert all(pair.id.startswith("test-") for pair in found.splits["test"])


def test_a_test_on_the_jobs_of_the_data_leaves_out_its_resumes_alone(tmp_path: Path) -> None:
    data = [row(f"r{i}", f"j{i % 30}") for i in range(100)]
    test = write_lines(tmp_path / "t.jsonl", [row("r1", "j1"), row("n1", "j1"), row("n2", "j2"), row("n3", "new")])
    found = read(tmp_path, data, test_data=test)
    assert sorted(pair.resume for pair in found.splits["test"]) == ["n1", "n2", "n3"]
    assert found.left_out == {"in task.test_data with a resume of task.data": 1}
    assert found.notes[-1].startswith("most jobs of task.test_data are also in task.data")


def test_a_proposer_is_told_the_columns_the_labels_and_the_form(tmp_path: Path) -> None:
    brief = load_task(own_config(write_csv(tmp_path / "hires.csv", hires(20)))).description
    assert "'hired' or 'offer' is SELECTED, 'declined' is REJECTED" in brief
    assert "`resume`, `job`, `source`" in brief
    assert "sex" not in brief and "why" not in brief
    assert "<solution> SELECTED or REJECTED </solution>" in brief


def test_rows_of_train_count_by_the_content_of_the_data_and_by_where_the_test_is_from(tmp_path: Path) -> None:
    data, test = tmp_path / "d.jsonl", tmp_path / "t.jsonl"
    test.write_text("1")

    def marks(text: str, protocol: bool = False, **settings: str) -> tuple[str, str]:
        data.write_text(text)
        task = {"name": "resume", "data": str(data), **settings}
        extra = {"rounds": 1, "paper_protocol": True} if protocol else {}
        config = parse_config({"task": task, **extra}, "test")
        job = TrainingJob(id="a", rewards=(), seed=0, steps=1, folder="f")
        return fingerprint("bank", config), fingerprint("training", config, job)

    one, other, own_test = marks("a"), marks("b"), marks("a", test_data=str(test))
    assert one == marks("a")
    for place in range(2):
        assert len({one[place], other[place], own_test[place]}) == 3
    test.write_text("2")
    assert marks("a", test_data=str(test)) == own_test


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"positive": ["Yes"], "negative": ["no", " yes"]}, "yes: a value of both positive and negative"),
        ({"positive": [True]}, "got true, which YAML makes of yes, on and true alike; quote the value"),
        ({"positive": []}, "should name at least 1 value"),
        ({"prompt": ["label"]}, "column 'label' is given as label and as prompt"),
        ({"reason": "sex", "groups": ["sex"]}, "column 'sex' is given as reason and as groups"),
        ({"reason": "nr", "person": "nr"}, "column 'nr' is given as reason and as person"),
        ({"job": "vacancy", "prompt": ["job"]}, "rewards have job as something else"),
    ],
)
def test_a_column_map_that_contradicts_itself_is_refused(columns: dict[str, object], told: str) -> None:
    with pytest.raises(UserError) as refused:
        parse_config({"task": {"name": "resume", "data": "d.csv", "columns": columns}}, "test")
    assert told in str(refused.value)


def test_pairs_are_read_of_data_alone() -> None:
    with pytest.raises(ValueError, match=r"task\.data is not set"):
        read_pairs(TaskConfig(name="resume"))


def test_a_lower_share_of_selected_ones_repeats_the_others_and_leaves_nobody_out() -> None:
    pairs = [Pair(id=f"{i}", resume=f"r{i}", job="j", selected=i < 20) for i in range(40)]
    told = balanced(pairs, 0.4)
    assert [pair.selected for pair in told[:5]] == [True, False, True, False, False]
    assert len(told) == 48 and sum(pair.selected for pair in told) == 20
    assert {pair.id.partition("-")[0] for pair in told} == {pair.id for pair in pairs}
    assert len({pair.id for pair in told}) == len(told)
    assert balanced(pairs) == [each for pair in zip(pairs[:20], pairs[20:], strict=True) for each in pair]


@pytest.mark.parametrize("share", [0.2, 0.5, 0.7])
def test_the_training_rows_have_the_share_of_selected_ones_that_is_asked_for_and_the_others_stay(share: float) -> None:
    def labels(split: Split, **settings: object) -> list[str]:
        config = TaskConfig(name="resume", train_rows=200, val_rows=80, test_rows=80)
        return [row.answer for row in load_task(config.model_copy(update=settings)).rows(split)]

    train = labels("train", selected_share=share)
    assert train.count("SELECTED") / len(train) == pytest.approx(share, abs=0.01) and len(train) >= 200
    assert labels("train", selected_share=share, balance=False) == labels("train", balance=False)
    for split in ("val", "test"):
        assert labels(split, selected_share=share) == labels(split)
