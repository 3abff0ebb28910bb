import json
from pathlib import Path

import pytest

from rewardsearch.config import TaskConfig
from rewardsearch.records import Row
from rewardsearch.tasks import Task, load_task


def gsm8k(folder: Path, rows: int = 60) -> Task:
    for part in ("train", "test"):
        lines = (
            {"question": f"{part} question {i}?", "answer": f"{i}+1=<<{i}+1={i + 1}>>{i + 1}\n#### {i + 1:,}"}
            for i in range(rows)
        )
        (folder / f"{part}.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    config = TaskConfig(
        name="gsm8k",
        train_file=str(folder / "train.jsonl"),
        test_file=str(folder / "test.jsonl"),
        train_rows=1000,
        val_rows=1000,
        test_rows=1000,
    )
    return load_task(config)


@pytest.mark.parametrize(
    ("completion", "kind", "prediction"),
    [
        ("<thinking> a </thinking> <solution> 1234 </solution>", "correct", "1234"),
        ("<solution>$1,234.00</solution>", "correct", "1234.00"),
        ("<solution> 1235 </solution>", "wrong", "1235"),
        ("<solution> -1234 </solution>", "wrong", "-1234"),
        ("<solution> 12 or 1234 </solution>", "unparsed", None),
        ("<solution> none </solution>", "unparsed", None),
        ("<solution> 1234", "unparsed", None),
        ("The answer is 1234.", "unparsed", None),
        ("<solution> 1 </solution> <solution> 1234 </solution>", "wrong", "1"),
        ("", "unparsed", None),
    ],
)
def test_a_completion_is_correct_wrong_or_unparsed(completion: str, kind: str, prediction: str | None) -> None:
    row = Row(id="1", prompt="q", answer="1234")
    outcome = load_task(TaskConfig()).outcome(row, completion, 5)
    assert (outcome.kind, outcome.prediction, outcome.gold, outcome.length) == (kind, prediction, "1234", 5)


def test_gsm8k_val_is_carved_from_train_and_test_stays_apart(tmp_path: Path) -> None:
    task = gsm8k(tmp_path)
    train, val, test = (task.rows(split) for split in ("train", "val", "test"))  # type: ignore[arg-type]
    assert len(train) + len(val) == 60 and len(val) > 0 and len(test) == 60
    assert len({row.id for row in (*train, *val, *test)}) == 120
    assert all("train" in row.prompt_text for row in val)


def test_gsm8k_gold_is_the_number_after_the_mark(tmp_path: Path) -> None:
    rows = {row.prompt_text: row.answer for row in gsm8k(tmp_path, rows=1200).rows("test")}
    assert rows["test question 1199?"] == "1200"
