"""Supervised fine-tuning as the first step of a search, with the training played by functions."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from played import SMALL, Quiet, Trainer

from rewardsearch.config import Config, parse_config
from rewardsearch.errors import Interrupted, UserError
from rewardsearch.loop import search, tune_run
from rewardsearch.records import SftResult
from rewardsearch.run.artifacts import ADAPTER, SFT, copy_sft, load_sft, save_sft, sft_cache
from rewardsearch.run.fingerprints import fingerprint
from rewardsearch.run.jobs import policy_job
from rewardsearch.run.journal import JOURNAL, read_run
from rewardsearch.session.requests import current_ranking


@pytest.fixture(autouse=True)
def own_cache_each(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REWARDSEARCH_CACHE", str(tmp_path / "cache"))


def config(sft: dict[str, Any] | None = None, **settings: Any) -> Config:
    data = {**SMALL, "sft": {"enabled": True, "steps": 4, **(sft or {})}, **settings}
    return parse_config(data, "test")


def happened(folder: Path) -> list[str]:
    lines = (folder / JOURNAL).read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["event"] for line in lines]


def test_a_search_fine_tunes_first_and_once_and_its_leaderboard_says_sft(tmp_path: Path, trainer: Trainer) -> None:
    told = Quiet()
    state = search(config(), tmp_path / "run", told)
    assert trainer.tunings == 1
    assert "SFT: 64 demonstrations, 4 steps" in told.said
    events = happened(tmp_path / "run")
    assert events.count("sft") == 1 and events.index("sft") < events.index("trained")
    assert state.sft is not None and state.sft == read_run(tmp_path / "run").sft
    assert state.sft.curve[-1].step == 4
    names = {row.id: row.name for row in current_ranking(state).rows}
    assert (names["policy"], names["baseline"]) == (SFT, "baseline")
    text = state.feedbacks[1].text
    assert "- policy before this training: F1 " in text and "untrained" not in text
    search(config(), tmp_path / "run", Quiet())
    assert trainer.tunings == 1 and happened(tmp_path / "run").count("sft") == 1


def test_another_run_takes_it_from_the_cache(tmp_path: Path, trainer: Trainer) -> None:
    tune_run(config(), tmp_path / "one", Quiet())
    told = Quiet()
    state = tune_run(config(), tmp_path / "two", told)
    assert trainer.tunings == 1
    assert "SFT: 64 demonstrations, 4 steps, as an earlier run trained it" in told.said
    assert load_sft(tmp_path / "two" / SFT, fingerprint("sft", config())) == state.sft
    assert (tmp_path / "two" / SFT / ADAPTER / "adapter_model.safetensors").read_text(encoding="utf-8") == "tuned"


@pytest.mark.parametrize("file", ["result.json", f"{ADAPTER}/adapter_model.safetensors"])
def test_a_damaged_cache_entry_is_made_anew(tmp_path: Path, trainer: Trainer, file: str) -> None:
    tune_run(config(), tmp_path / "one", Quiet())
    damaged = sft_cache(config()) / file
    damaged.write_text(damaged.read_text(encoding="utf-8")[:-3], encoding="utf-8")
    tune_run(config(), tmp_path / "two", Quiet())
    assert trainer.tunings == 2
    assert load_sft(sft_cache(config()), fingerprint("sft", config())) is not None


def test_a_cache_that_cannot_be_written_is_a_warning(
    tmp_path: Path, trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("REWARDSEARCH_CACHE", str(tmp_path / "file"))
    told = Quiet()
    assert tune_run(config(), tmp_path / "run", told).sft is not None
    warning = next(line for line in told.said if line.startswith("warning: the fine-tuned policy is not kept"))
    assert warning.endswith(os.strerror(20))


def test_a_search_that_was_killed_after_its_fine_tuning_carries_on_from_it(tmp_path: Path, trainer: Trainer) -> None:
    def kill(arm: str) -> None:
        if arm == SFT:
            raise KeyboardInterrupt

    trainer.after_run = kill
    with pytest.raises(KeyboardInterrupt):
        search(config(), tmp_path / "killed", Quiet())
    trainer.after_run = lambda arm: None
    state = search(config(), tmp_path / "killed", Quiet())
    assert trainer.tunings == 1 and happened(tmp_path / "killed").count("sft") == 1
    whole = search(config(), tmp_path / "whole", Quiet())
    assert (state.fingerprints, state.rankings) == (whole.fingerprints, whole.rankings)


def test_a_stop_file_holds_the_fine_tuning_back(tmp_path: Path, trainer: Trainer) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "STOP").touch()
    with pytest.raises(Interrupted):
        search(config(), tmp_path / "run", Quiet())
    assert trainer.tunings == 0


def test_a_search_takes_over_what_was_fine_tuned_alone(tmp_path: Path, trainer: Trainer) -> None:
    alone = tune_run(config(), tmp_path / "run", Quiet())
    assert (trainer.trained, alone.status, alone.rounds_done) == ([], "stopped", 0)
    assert tune_run(config(), tmp_path / "run", Quiet()).sft == alone.sft
    state = search(config(), tmp_path / "run", Quiet())
    assert (trainer.tunings, state.rounds_done, state.sft) == (1, 1, alone.sft)


def test_fine_tuning_alone_is_refused_where_no_search_would_use_it(tmp_path: Path, trainer: Trainer) -> None:
    with pytest.raises(UserError, match=r"sft.enabled: got false, .* set sft.enabled: true in the config"):
        tune_run(config({"enabled": False}), tmp_path / "run", Quiet())
    assert trainer.tunings == 0 and not (tmp_path / "run").exists()


def test_a_run_refuses_another_fine_tuning(tmp_path: Path, trainer: Trainer) -> None:
    tune_run(config(), tmp_path / "run", Quiet())
    with pytest.raises(UserError, match=r"sft.steps is 4 in this run, got 5"):
        search(config({"steps": 5}), tmp_path / "run", Quiet())


@pytest.mark.parametrize(
    "changes",
    [
        {"sft": {"steps": 5}},
        {"sft": {"batch_size": 16}},
        {"sft": {"micro_batch": 8}},
        {"sft": {"learning_rate": 0.1}},
        {"sft": {"lr_schedule": "linear"}},
        {"sft": {"warmup": 0.2}},
        {"sft": {"max_tokens": 99}},
        {"sft": {"seed": 1}},
        {"sft": {"lora": {"r": 3}}},
        {"task": {**SMALL["task"], "train_rows": 65}},
        {"task": {**SMALL["task"], "val_rows": 21}},
        {"task": {**SMALL["task"], "seed": 1}},
        {"policy": {"dtype": "bfloat16"}},
        {"policy": {"model": "elsewhere"}},
        {"train": {"threads": 2}},
        {"train": {"max_completion_tokens": 41}},
    ],
    ids=str,
)
def test_another_fine_tuning_gives_other_marks(changes: dict[str, Any]) -> None:
    before, after = config(), config(**changes)
    assert fingerprint("sft", before) != fingerprint("sft", after)
    assert fingerprint("bank", before) != fingerprint("bank", after)
    assert fingerprint("training", before, policy_job(0)) != fingerprint("training", after, policy_job(0))


def test_what_fine_tuning_does_not_depend_on_leaves_it_as_it_is() -> None:
    same = config(
        seed=7, rounds=3, train={"steps": 9}, policy={"lora": {"r": 3}}, task={**SMALL["task"], "test_rows": 9}
    )
    assert fingerprint("sft", same) == fingerprint("sft", config())


def test_a_local_policy_counts_by_its_files(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    marks = set()
    for text in ("", "1", "22"):
        (model / "model.safetensors").write_text(text, encoding="utf-8")
        marks.add(fingerprint("sft", config(policy={"model": str(model)})))
    assert len(marks) == 3


def test_without_fine_tuning_its_settings_change_no_result() -> None:
    off, other = config({"enabled": False}), config({"enabled": False, "steps": 9})
    assert fingerprint("bank", off) == fingerprint("bank", other) != fingerprint("bank", config())
    assert fingerprint("training", off, policy_job(0)) == fingerprint("training", other, policy_job(0))
    assert fingerprint("training", off, policy_job(0)) != fingerprint("training", config(), policy_job(0))


def test_a_micro_batch_divides_the_step() -> None:
    with pytest.raises(UserError, match=r"sft.micro_batch: got 5, must divide the 32 demonstrations of a step"):
        config({"micro_batch": 5})


# --- a fine-tuning that is lost, or that did harm -----------------------------------------------------------------------


def test_a_fine_tuning_that_was_lost_is_made_good_where_it_gives_the_same_weights(
    tmp_path: Path, trainer: Trainer
) -> None:
    search(config(), tmp_path / "run", Quiet())
    shutil.rmtree(tmp_path / "cache")
    (tmp_path / "run" / SFT / "result.json").unlink()
    state = search(config(rounds=2), tmp_path / "run", Quiet())
    assert (trainer.tunings, state.rounds_done) == (2, 2)
    assert trainer.trained.count("baseline") == 1


def test_results_do_not_stand_beside_those_of_other_weights(tmp_path: Path, trainer: Trainer) -> None:
    search(config(), tmp_path / "run", Quiet())
    shutil.rmtree(tmp_path / "cache")
    (tmp_path / "run" / SFT / "result.json").unlink()
    trainer.adapter = "other bits"
    trained = len(trainer.trained)
    for _ in range(2):
        with pytest.raises(UserError, match=r"sft was lost.*other weights.*another --run-dir"):
            search(config(rounds=2), tmp_path / "run", Quiet())
    assert len(trainer.trained) == trained


@pytest.mark.parametrize("run", ["same", "another"])
def test_a_fine_tuning_that_leaves_nothing_right_ends_the_search_however_often_it_is_started(
    tmp_path: Path, trainer: Trainer, monkeypatch: pytest.MonkeyPatch, run: str
) -> None:
    monkeypatch.setattr("rewardsearch.train.setup._WORSE", 0.1)
    trainer.tuned_right = 0
    for folder in ("same", run):
        with pytest.raises(UserError, match=r"SFT broke the policy: accuracy 0\.250 -> 0\.000 on 20 .* lower"):
            search(config(), tmp_path / folder, Quiet())
    assert (trainer.tunings, trainer.trained) == (1, [])


def test_a_fine_tuning_that_makes_the_policy_worse_is_a_warning(
    tmp_path: Path, trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rewardsearch.train.setup._WORSE", 0.2)
    trainer.tuned_right = 1
    told = Quiet()
    search(config(), tmp_path / "run", told)
    assert any(line.startswith("warning: SFT made the policy worse: accuracy 0.250 -> 0.050") for line in told.said)


COPYING = """
import sys, time
from pathlib import Path
from rewardsearch.run.artifacts import copy_sft, load_sft
source, cache, own, role = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
end = time.monotonic() + 1.5
while time.monotonic() < end:
    if role == "write":
        copy_sft(source, cache)
    else:
        try:
            copy_sft(cache, own)
        except OSError:
            continue
        if load_sft(own, "m") is None:
            continue
"""


def test_processes_that_share_a_cache_end_with_a_whole_entry_and_leave_nothing_behind(tmp_path: Path) -> None:
    for name in ("a", "b"):
        adapter = tmp_path / name / ADAPTER
        adapter.mkdir(parents=True)
        (adapter / "adapter_model.safetensors").write_bytes(name.encode() * 300_000)
        save_sft(
            tmp_path / name, SftResult(fingerprint="m", rows=1, steps=1, seconds=1.0, curve=(), before=(), after=())
        )
    cache = tmp_path / "cache" / "x"
    copy_sft(tmp_path / "a", cache)
    running = [
        subprocess.Popen(
            [
                sys.executable,
                "-c",
                COPYING,
                str(tmp_path / source),
                str(cache),
                str(tmp_path / f"own{place}" / "sft"),
                role,
            ],
            stderr=subprocess.PIPE,
        )
        for place, (source, role) in enumerate((("a", "write"), ("b", "write"), ("a", "read")))
    ]
    assert [(process.communicate()[1], process.returncode) for process in running] == [(b"", 0)] * 3
    assert load_sft(cache, "m") is not None
    assert [path.name for path in cache.parent.iterdir()] == ["x"]
