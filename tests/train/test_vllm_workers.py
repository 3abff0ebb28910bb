"""The engine `vllm` in training processes of the local launcher."""

from contextlib import closing
from pathlib import Path
from typing import Any

from test_vllm_server import FAKE, lives, starts, until

from rewardsearch.config import Config, parse_config
from rewardsearch.train.launcher import Done, EvaluateTest
from rewardsearch.train.launchers.local import LocalLauncher


def evaluated(run: Path, *jobs: str, **vllm: Any) -> list[Done]:
    """The ends of evaluations of the policy, after which the launcher was closed."""
    config: Config = parse_config(
        {
            "task": {"train_rows": 24, "val_rows": 6, "test_rows": 6},
            "train": {"engine": "vllm", "slots": 2, "retries": 0, "max_completion_tokens": 12, "vllm": vllm},
        },
        "test",
    )
    (run / "config.yaml").write_text(config.model_dump_json())
    with closing(LocalLauncher(run, config)) as launcher:
        ends = [EvaluateTest(id=each, adapter=None, file=f"{each}.jsonl") for each in jobs]
        return list(launcher.run(ends, lambda: True, lambda: True, lambda *_: None))


def test_the_processes_of_a_search_share_one_server_that_ends_with_them(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    ends = evaluated(tmp_path, "a", "b", command=[*FAKE, "--notes", str(notes)])
    assert {end.id for end in ends} == {"a", "b"} and not any(end.error for end in ends)
    assert (tmp_path / "a.jsonl").read_text() == (tmp_path / "b.jsonl").read_text() != ""
    [start] = starts(tmp_path)
    until(lambda: not lives(start["pid"]))


def test_a_dead_server_is_an_infrastructure_error_with_its_name_and_the_remedy(tmp_path: Path) -> None:
    [end] = evaluated(tmp_path, "a", url="http://127.0.0.1:9")
    assert end.error and "http://127.0.0.1:9" in end.error and "start it again" in end.error
