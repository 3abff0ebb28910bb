import json
from pathlib import Path
from typing import Any

import pytest

ROWS = (
    {"prompt": "How many?", "completion": "it is 7", "answer": 7, "level": "easy"},
    {
        "prompt": [{"role": "user", "content": "Why?"}],
        "completion": [{"role": "assistant", "content": "8"}],
        "answer": "7",
        "level": "hard",
    },
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


def test_score_gives_rewards_components_and_a_summary(cli: Any, tmp_path: Path, data: Path) -> None:
    file = tmp_path / "parts.py"
    file.write_text(
        "def reward(prompts, completions, answer, **columns):\n"
        "    return {'right': [float(a in c) for c, a in zip(completions, answer)],\n"
        "            'hard': [0.5 * (x == 'hard') for x in columns['level']]}\n"
    )
    done = cli("score", file, data, "--json")
    told = json.loads(done.out)
    assert (done.code, told["error"]) == (0, None)
    assert told["rows"] == [
        {"reward": 1.0, "components": {"right": 1.0, "hard": 0.0}},
        {"reward": 0.5, "components": {"right": 0.0, "hard": 0.5}},
    ]
    assert told["summary"] == {"n": 2, "mean": 0.75, "min": 0.5, "max": 1.0, "components": {"right": 0.5, "hard": 0.25}}
    assert "2 rows: mean 0.75" in cli("score", file, data).out


def test_score_passes_measured_numbers_as_they_are(cli: Any, tmp_path: Path) -> None:
    file, data = tmp_path / "near.py", tmp_path / "data.jsonl"
    file.write_text("def reward(prompts, completions, answer, near, **columns):\n    return [x / 3 for x in near]\n")
    numbers = (0.1, -1, 1e-17)
    row = {"prompt": "p", "completion": "c", "answer": "a"}
    data.write_text("".join(json.dumps({**row, "measured": {"near": n}}) + "\n" for n in numbers))
    done = cli("score", file, data, "--json")
    assert [each["reward"] for each in json.loads(done.out)["rows"]] == [n / 3 for n in numbers]


def test_score_of_a_reward_that_fails_tells_why(cli: Any, write_reward: Any, data: Path) -> None:
    done = cli("score", write_reward("broken", "1 / (len(c) - 7)"), data, "--json")
    assert (done.code, json.loads(done.out)) == (
        4,
        {"rows": [], "summary": {}, "error": "raised ZeroDivisionError at line 5"},
    )


def test_score_of_a_reward_that_is_refused_tells_why(cli: Any, write_reward: Any, data: Path) -> None:
    done = cli("score", write_reward("nosy", "open(c)"), data, "--json")
    assert done.code == 4 and "`open` is not available" in json.loads(done.out)["error"]


def test_long_files_are_scored_in_batches_unless_the_reward_says_otherwise(
    cli: Any, tmp_path: Path, write_reward: Any
) -> None:
    data = tmp_path / "long.jsonl"
    data.write_text('{"prompt": "p", "completion": "c", "answer": "a"}\n' * 300)
    file = write_reward("size", "float(len(completions))")
    assert json.loads(cli("score", file, data, "--json").out)["summary"]["max"] == 256
    file.write_text("BATCH_DEPENDENT = True\n" + file.read_text())
    assert json.loads(cli("score", file, data, "--json").out)["summary"]["min"] == 300


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x\n", "data.jsonl line 1: not JSON"),
        ('[{"prompt": "p", "completion": "c", "answer": "a"}]', "one JSON array"),
        (
            '{"prompt": "p", "completion": "c", "completion": "d", "answer": "a"}\n',
            "line 1: not JSON (the key 'completion'",
        ),
        ('{"prompt": "p", "completion": "c"}\n', "no answer in any row; it has: prompt, completion"),
        ('{"prompt": "p", "completions": "c", "answer": "a"}\n', "call it completion"),
        ('\n{"prompt": "p", "completion": null, "answer": "a"}\n', "line 2: no completion"),
        *(
            (f'{{"prompt": "p", "completion": "c", "answer": {gold}}}\n', "line 1")
            for gold in ("NaN", '"nan"', '" "', '"-Infinity"', "true", "[5]", '"#### five"')
        ),
        (
            '{"prompt": "p", "completion": "c", "answer": "a", "z": 1}\n'
            '{"prompt": "p", "completion": "c", "answer": "a"}\n',
            "line 2: no z",
        ),
        ('{"prompt": "p", "completion": "c", "answer": "a", "measured": {"near": "x"}}\n', "measured: near is 'x'"),
        ('{"prompt": "p", "completion": "c", "answer": "a", "measured": {"near": NaN}}\n', "measured: near is nan"),
        ('{"prompt": "p", "completion": "c", "answer": "a", "measured": {"answer": 1}}\n', "measured: answer"),
        (
            '{"prompt": "p", "completion": "c", "answer": "a", "measured": {"x": 1}}\n'
            '{"prompt": "p", "completion": "c", "answer": "a", "measured": {"y": 1}}\n',
            "line 2: measured",
        ),
        ("", "no rows in"),
    ],
)
def test_mistakes_of_the_data_are_told_with_their_line(
    cli: Any, tmp_path: Path, write_reward: Any, text: str, said: str
) -> None:
    data = tmp_path / "data.jsonl"
    data.write_text(text)
    done = cli("score", write_reward("one", "1.0"), data, "--json")
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_rows_to_score_are_read_in_utf_16_and_another_encoding_is_told(
    cli: Any, tmp_path: Path, write_reward: Any
) -> None:
    data = tmp_path / "data.jsonl"
    for encoding, code in (("utf-16", 0), ("utf-8-sig", 0), ("cp1252", 2)):
        data.write_text('{"prompt": "é", "completion": "c", "answer": "a"}\n', encoding=encoding)
        done = cli("score", write_reward("one", "1.0"), data)
        assert done.code == code
    assert "data.jsonl line 1: not UTF-8 (byte 0xe9)" in done.err


def test_validate_accepts_a_good_reward_and_refuses_a_bad_one(cli: Any, write_reward: Any) -> None:
    good, bad = write_reward("good", "float(a in c)"), write_reward("bad", "float('nan')")
    done = cli("validate", good, bad, "--task", "arithmetic", "--json")
    told = json.loads(done.out)
    assert done.code == 4
    assert all(set(item) == {"file", "id", "accepted", "stage", "reason", "flags", "checks"} for item in told)
    assert [(item["file"], item["accepted"], item["stage"]) for item in told] == [
        (str(good), True, None),
        (str(bad), False, "contract"),
    ]
    assert f"{bad}: rejected (contract)" in cli("validate", good, bad).out


def test_validate_ends_with_0_when_all_are_accepted(cli: Any, write_reward: Any) -> None:
    assert cli("validate", write_reward("good", "float(a in c)")).code == 0


def test_validate_takes_bounds_from_a_config(cli: Any, write_reward: Any, tmp_path: Path) -> None:
    config = tmp_path / "tight.yaml"
    config.write_text("validation: {bound: 0.5}\n")
    assert cli("validate", write_reward("good", "float(a in c)"), "--config", config).code == 4


def test_validate_tells_every_missing_file_and_an_unknown_task(cli: Any, write_reward: Any) -> None:
    done = cli("validate", "none.py", "nor.py")
    assert done.code == 2 and done.err.count("error: cannot read") == 2
    done = cli("validate", write_reward("good", "1.0"), "--task", "chess")
    assert done.code == 2 and "'chess'" in done.err and "arithmetic, contrast, gsm8k, resume" in done.err


def test_what_a_reward_prints_goes_to_standard_error_whether_it_fails_or_not(
    cli: Any, tmp_path: Path, data: Path
) -> None:
    for end, code in (("[0.0] * len(answer)", 0), ("1 / 0", 4)):
        file = tmp_path / "prints.py"
        body = f"    print('seen', len(answer))\n    return {end}\n"
        file.write_text("def reward(prompts, completions, answer, **columns):\n" + body)
        done = cli("score", file, data, "--json")
        assert (done.code, done.err) == (code, "the reward printed:\nseen 2\n\n")
        assert json.loads(done.out)["summary"] == ({} if code else {**json.loads(done.out)["summary"], "n": 2})


def test_score_takes_limits_from_a_config(cli: Any, write_reward: Any, data: Path, tmp_path: Path) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text("validation: {bound: 3.0}\nsandbox: {require: [bubblewrap]}\n")
    file = write_reward("large", "5.0")
    done = cli("score", file, data, "--config", settings)
    assert (done.code, done.out) == (2, "")
    assert "sandbox.require: bubblewrap is not in force here" in done.err
    settings.write_text("validation: {bound: 3.0}\n")
    assert "beyond 3 for a completion" in cli("score", file, data, "--config", settings).out


def test_a_column_with_the_name_of_an_argument_is_told(cli: Any, write_reward: Any, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"prompt": "q", "completion": "c", "answer": "3", "prompts": "x"}\n')
    done = cli("score", write_reward("any", "0.0"), rows)
    assert done.code == 2
    assert "rows.jsonl: a column prompts, which is an argument of its own" in done.err


def test_a_byte_order_mark_is_no_part_of_a_reward(cli: Any, write_reward: Any) -> None:
    file = write_reward("good", "float(a in c)")
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert cli("validate", file).code == 0
