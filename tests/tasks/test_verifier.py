"""`kind: file`: the contract in both ways to run a verifier, what is refused before a search, and hangs and crashes."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from user_data import CLOCK_FORM, CLOCK_TIMES, write_lines

from rewardsearch.config import SandboxConfig, TaskConfig, parse_config
from rewardsearch.errors import MachineError, UserError
from rewardsearch.records import Batch, Row
from rewardsearch.rewards.base import load_base_rewards
from rewardsearch.rewards.sandbox import Sandbox
from rewardsearch.run.environment import environment_key
from rewardsearch.tasks import Task, load_task
from rewardsearch.tasks.datasheet import check_rows, datasheet
from rewardsearch.tasks.verifier.runners import TrustedVerifier, VerifierFault
from rewardsearch.testing.task import TaskSuite

OUTSIDE = Path(__file__).parents[1] / "outside"
SIZES = {"train_rows": 30, "val_rows": 12, "test_rows": 12}


def times(folder: Path, file: Path | str = OUTSIDE / "verifier.py", **more: Any) -> TaskConfig:
    task = {
        "kind": "file",
        "file": str(file),
        "data": write_lines(folder / "times.jsonl", CLOCK_TIMES),
        "form": CLOCK_FORM,
    }
    return parse_config({"task": SIZES | task | more}, "test").task


def written(folder: Path, code: str) -> Path:
    path = folder / "mine.py"
    path.write_text(code, encoding="utf-8")
    return path


class TestTimes(TaskSuite):
    @pytest.fixture
    def config(self, tmp_path: Path) -> TaskConfig:
        return times(tmp_path, columns=["hour"])


class TestRoots(TaskSuite):
    """Rows, prompts and examples of the file itself."""

    @pytest.fixture
    def config(self) -> TaskConfig:
        task = {"kind": "file", "file": str(OUTSIDE / "trusted_verifier.py"), "trusted": True}
        return parse_config({"task": SIZES | task | {"columns": ["coefficients"]}}, "test").task

    @pytest.fixture
    def task(self, config: TaskConfig) -> Task:
        return loaded(config)

    def test_any_root_is_right(self, config: TaskConfig) -> None:
        task = load_task(config)
        check_rows(task, parse_config({"task": config.model_dump()}, "test"))
        items = [item for item in task.labelled(3) if item.kind == "correct"]
        assert {item.completion.split()[-2] for item in items} > {row.answer for row in task.rows("train")[:3]}
        assert task.source.found is not None and all(50 < found <= 60 for found in task.source.found.values())


def test_verdicts_are_those_of_the_function(tmp_path: Path) -> None:
    task = load_task(times(tmp_path))
    row = next(row for row in task.rows("train") if row.answer.startswith("15:"))
    half = f"Answer: 3:{row.answer[3:]} PM"
    outcomes = task.outcomes([(row, text, 3) for text in (half, "Answer: 3:00 am", "3:00", "", half)])
    assert [each.kind for each in outcomes] == ["correct", "wrong", "unparsed", "unparsed", "correct"]
    assert outcomes[0].prediction == half.removeprefix("Answer: ") and outcomes[0].length == 3
    assert "Times of day." in task.description and task.name == "verifier"


def test_the_base_reward_for_the_answer_pays_what_the_verifier_says(tmp_path: Path) -> None:
    task = load_task(times(tmp_path, columns=["hour"]))
    row = next(row for row in task.rows("train") if row.answer.startswith("15:"))
    texts = (f"Answer: 3:{row.answer[3:]} PM", "Answer: 3:00 am", "3:00", "")
    _, answer = load_base_rewards(("format_exact", "answer"), task.reward_code)
    lists = Batch(prompts=("",) * 4, completions=texts, answer=(row.answer,) * 4, columns={"hour": ("15",) * 4})
    with Sandbox(SandboxConfig()) as sandbox:
        assert sandbox.call(answer.code, lists, limit_s=5.0).rewards == (3.0, -1.5, 0.0, 0.0)


loaded = lru_cache(load_task)
"""A trusted file is imported once for all tests of it."""


@pytest.mark.parametrize("trusted", [False, True])
@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("def verify(completion, answer, **columns):\n    return True\n", ("accepts an empty", "accepts all")),
        ("def verify(completion, answer, **columns):\n    return False\n", ("returned False", "every one")),
        ("def verify(completion, answer, **columns):\n    return None\n", ("returned None", "every one")),
        (
            "def verify(completion, answer, **columns):\n    return answer in completion and 0.5\n",
            ("True, False or None",),
        ),
        (
            "def verify(completion, answer, **columns):\n    said = completion.split(':', 1)[1]\n    return answer in said\n",
            ("IndexError at line 2",),
        ),
        (
            "def verify(completion, answer, **columns):\n    end = sum(i * i for i in range(5000000))\n"
            "    return end > 0 and completion.strip().endswith(answer)\n",
            ("CPU time",),
        ),
    ],
)
def test_a_verifier_that_a_search_cannot_use_is_refused_with_the_row(
    tmp_path: Path, code: str, says: tuple[str, ...], trusted: bool
) -> None:
    config = times(tmp_path, written(tmp_path, code), trusted=trusted, train_rows=8, val_rows=4)
    with pytest.raises(UserError) as refused:
        check_rows(load_task(config), parse_config({"task": config.model_dump()}, "test"))
    lines = refused.value.mistakes
    assert all("task.file" in line and "mine.py" in line for line in lines)
    assert all(any(each in line for line in lines) for each in says), lines
    assert "CPU time" in says or any(row.id in lines[0] for row in load_task(config).rows("train"))


def test_a_verifier_with_a_memory_is_refused(tmp_path: Path) -> None:
    code = "seen = set()\n\n\ndef verify(completion, answer):\n    first = completion not in seen\n    seen.add(completion)\n"
    file = written(tmp_path, code + "    return first and completion.strip().endswith(f' {answer}')\n")
    with pytest.raises(UserError, match=r"line 6.*task\.trusted"):
        load_task(times(tmp_path, file))
    with pytest.raises(UserError, match="asked again"):
        load_task(times(tmp_path, file, trusted=True)).check()


@pytest.mark.parametrize(
    ("code", "more", "says"),
    [
        (None, {}, ("cannot read", "mine.py")),
        ("def verify(completion, answer:\n", {"trusted": True}, ("mine.py line 1",)),
        ("verify = 1\n", {"trusted": True}, ("`verify`",)),
        ("verify = 1\n", {}, ("`verify`",)),
        ("import os\n\n\ndef verify(completion, answer):\n    return None\n", {}, ("line 1", "os", "task.trusted")),
        ("def verify(completion, answer):\n    return None\n", {"columns": ["hour"]}, ("hour", "task.columns")),
        ("def verify(completion, answer, hour):\n    return None\n", {}, ("hour", "task.columns")),
        (
            "def rows(split):\n    return []\n\n\ndef verify(completion, answer):\n    return None\n",
            {},
            ("rows", "task.data"),
        ),
        (
            "def rows(split):\n    return []\n\n\ndef verify(completion, answer):\n    return None\n",
            {"trusted": True},
            ("task.data", "`rows`"),
        ),
        ("DESCRIPTION = 3 + 4\n\n\ndef verify(completion, answer):\n    return None\n", {}, ("line 1", "DESCRIPTION")),
        ("def verify(completion, answer):\n    return None\n", {"classes": ["a", "b"]}, ("task.classes",)),
        ("def verify(completion, answer):\n    return None\n", {"data": None}, ("task.data",)),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_before_any_of_it_runs(
    tmp_path: Path, code: str | None, more: dict[str, Any], says: tuple[str, ...]
) -> None:
    file = tmp_path / "mine.py" if code is None else written(tmp_path, code)
    with pytest.raises(UserError) as refused:
        load_task(times(tmp_path, file, **more))
    (line,) = refused.value.mistakes
    assert all(each in line for each in says), line


def asked(completion: str, answer: str) -> tuple[Row, str]:
    return Row(id="1", prompt="One?", answer=answer), completion


CRASHES = """\
import os
import time
from pathlib import Path

MARK = Path(__file__).with_suffix(".mark")


def verify(completion, answer):
    if completion == "import":
        import no_such_module
    if completion == "once" and not MARK.exists():
        MARK.touch()
        os._exit(3)
    if completion == "exit":
        os._exit(3)
    if completion == "hang":
        time.sleep(60)
    print("this goes to the log")
    return completion == answer
"""


def test_the_process_of_a_trusted_file_is_started_again_once(tmp_path: Path) -> None:
    runner = TrustedVerifier(written(tmp_path, CRASHES), call_s=1.0)
    ask = [asked(text, "once") for text in ("once", "other")]
    assert runner.verdicts(ask) == [True, False] and (tmp_path / "mine.mark").exists()
    for text, reason in (("exit", "status 3"), ("hang", "within 1 s")):
        with pytest.raises(VerifierFault) as fault:
            runner.verdicts([*ask, asked(text, "")])
        assert reason in fault.value.reason and (fault.value.place, fault.value.lost) == (2, True)
    with pytest.raises(VerifierFault) as fault:
        runner.verdicts([asked("import", "")])
    assert "ModuleNotFoundError at line 10" in fault.value.reason and not fault.value.lost
    assert runner.verdicts(ask) == [True, False]
    runner.close()


def test_calls_of_several_threads_get_their_own_verdicts(tmp_path: Path) -> None:
    runner = TrustedVerifier(written(tmp_path, "def verify(completion, answer):\n    return completion == answer\n"))
    asks = [asked(str(n % 3), "1") for n in range(200)]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda each: runner.verdicts([each])[0], asks))
    assert found == [n % 3 == 1 for n in range(200)]


def test_a_lost_process_is_no_verdict_in_a_search_and_a_mistake_before_it(tmp_path: Path) -> None:
    file = written(tmp_path, CRASHES.replace('completion == "exit"', "len(completion) < 9"))
    task = load_task(times(tmp_path, file, trusted=True))
    row = task.rows("train")[0]
    with pytest.raises(MachineError, match=r"status 3, twice.*" + row.id):
        task.outcome(row, "exit")
    with pytest.raises(UserError, match="status 3"):
        task.check()


def test_rows_that_are_all_left_out_have_a_sheet_that_says_why(tmp_path: Path) -> None:
    code = """
def rows(split):
    return [{"prompt": "One?", "answer": str(i)} for i in range(9)]


def verify(completion, answer):
    return answer in completion if completion else None
"""
    config = parse_config({"task": {"kind": "file", "file": str(written(tmp_path, code)), "trusted": True}}, "test")
    sheet = datasheet(load_task(config.task), config)
    assert sheet.answers == () and any("same prompt" in reason for reason in sheet.left_out)
    with pytest.raises(UserError, match=r"rows\('train'\)"):
        check_rows(load_task(config.task), config)


def test_rows_that_other_processes_do_not_get_are_refused(tmp_path: Path) -> None:
    code = (
        (OUTSIDE / "trusted_verifier.py").read_text(encoding="utf-8").replace("random.Random(split)", "random.Random()")
    )
    settings = {"file": str(written(tmp_path, code)), "trusted": True, "data": None, "form": None}
    with pytest.raises(UserError, match=r"rows.*another process"):
        load_task(times(tmp_path, **settings, columns=["coefficients"])).check()


def test_a_file_that_cannot_be_imported_is_a_mistake(tmp_path: Path) -> None:
    file = written(tmp_path, "import no_such_module\n\n\ndef verify(completion, answer):\n    return None\n")
    with pytest.raises(UserError, match=r"ModuleNotFoundError at line 1: No module named 'no_such_module'; .* imports"):
        load_task(times(tmp_path, file, trusted=True)).check()


def test_a_file_whose_import_hangs_is_a_mistake(tmp_path: Path) -> None:
    file = written(tmp_path, "import time\n\ntime.sleep(60)\n\n\ndef verify(completion, answer):\n    return None\n")
    with pytest.raises(VerifierFault) as fault:
        TrustedVerifier(file, start_s=1.0).verdicts([asked("a", "a")])
    assert fault.value.start and "within 1 s" in fault.value.reason


def test_the_process_ends_with_its_task(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        "import os\nfrom pathlib import Path\n\nPath(__file__).with_suffix('.pid').write_text(str(os.getpid()))\n\n\n"
        "def verify(completion, answer):\n    return completion == answer\n",
    )
    runner = TrustedVerifier(file)
    assert runner.verdicts([asked("a", "a")]) == [True]
    pid = int(file.with_suffix(".pid").read_text(encoding="utf-8"))
    os.kill(pid, 0)
    del runner
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_results_depend_on_the_code_of_the_file(tmp_path: Path) -> None:
    code = "def verify(completion, answer):\n    return answer in completion\n"
    keys = []
    for name in ("a", "b", "a"):
        file = tmp_path / f"{name}.py"
        file.write_text(code.replace("in", "==" if name == "b" else "in"), encoding="utf-8")
        config = times(tmp_path, file, name="mine")
        keys.append(environment_key(parse_config({"task": config.model_dump()}, "test")))
    assert keys[0] == keys[2] != keys[1]


def test_texts_of_rows_stay_here_unless_shown(tmp_path: Path) -> None:
    assert not times(tmp_path).rows_shown and times(tmp_path, show_rows=True).rows_shown
    assert not times(tmp_path, data=None).rows_shown
